// Helpers that recovery scripts call, after the documentation of Hadoop Event Recovery 0.2.0, and the few Java classes
// that its examples use. `native` holds what the host does. Evaluates to the names that scripts see.
(function (native) {
  'use strict';

  function parseSlowly(query) {
    const parameters = {};
    for (const segment of query.split('&')) {
      // Whatever follows a second `=` is lost, as it was.
      const [name, value] = segment.split('=');
      parameters[decodeURIComponent(name)] = value === undefined ? '' : decodeURIComponent(value);
    }
    return parameters;
  }

  function buildSlowly(parameters) {
    return Object.keys(parameters)
      .map((name) => encodeURIComponent(name) + '=' + encodeURIComponent(parameters[name]))
      .join('&');
  }

  // What the host does faster; it leaves alone what takes the language's own errors and conversions.
  const helpers = {
    tsvToArray: (event) => {
      const text = String(event);
      return native.splitTabs(text) ?? text.split('\t');
    },
    arrayToTsv: (fields) => Array.prototype.join.call(fields, '\t'),
    parseJson: (text) => JSON.parse(text),
    stringifyJson: (value) => JSON.stringify(value),
    decodeBase64: (text) => native.decodeText(String(text)),
    encodeBase64: (text) => native.encodeText(String(text)),
    parseQuerystring: (query) => {
      const text = String(query);
      return native.parseQuery(text) ?? parseSlowly(text);
    },
    buildQuerystring: (parameters) => native.buildQuery(parameters) ?? buildSlowly(parameters),
  };

  // A Java string as scripts make them: text with getBytes.
  function JavaString(content) {
    const text = new String(typeof content === 'object' && !(content instanceof String)
      ? native.bytesToText(Array.from(content, (byte) => byte & 255))
      : content);
    Object.defineProperty(text, 'getBytes', { value: () => native.textToBytes(String(text)) });
    return text;
  }
  JavaString.valueOf = (value) => String(value);
  Object.freeze(JavaString);

  const bytesOf = (content) =>
    typeof content === 'string' || content instanceof String
      ? native.textToBytes(String(content))
      : Array.from(content, (byte) => byte & 255);
  const decode = (content) =>
    native.decodeBytes(typeof content === 'object' && !(content instanceof String)
      ? native.bytesToText(bytesOf(content))
      : String(content));
  const encode = (content) => native.encodeBytes(bytesOf(content));
  const urlSafe = (text) => text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

  const classes = {
    'java.lang.String': JavaString,
    'java.net.URLDecoder': { decode: (text) => decodeURIComponent(String(text).replace(/\+/g, ' ')) },
    'java.net.URLEncoder': {
      encode: (text) =>
        encodeURIComponent(String(text))
          .replace(/[!'()~]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())
          .replace(/%20/g, '+'),
    },
    'org.apache.commons.codec.binary.Base64': {
      decodeBase64: decode,
      encodeBase64: (content) => native.textToBytes(encode(content)),
      encodeBase64String: encode,
      encodeBase64URLSafeString: (content) => urlSafe(encode(content)),
    },
  };

  function javaPackage(path) {
    const refuse = () => {
      throw new Error(path + ' is Java; scripts run without a JVM and have only ' + Object.keys(classes).join(', '));
    };
    return new Proxy(function () {}, {
      get: (_, name) => {
        if (typeof name === 'symbol') return undefined;
        const inner = path + '.' + name;
        return Object.hasOwn(classes, inner) ? classes[inner] : javaPackage(inner);
      },
      apply: refuse,
      construct: refuse,
      set: refuse,
    });
  }

  for (const name of ['java', 'javax', 'org', 'com']) helpers[name] = javaPackage(name);
  helpers.Packages = new Proxy({}, { get: (_, name) => helpers[name] || javaPackage(String(name)) });
  for (const helper of [...Object.values(helpers), ...Object.values(classes)]) {
    if (typeof helper !== 'function' || !helper.prototype) Object.freeze(helper);
  }
  for (const [name, value] of Object.entries(helpers)) {
    Object.defineProperty(globalThis, name, { value, writable: false, configurable: false, enumerable: false });
  }

  // Nothing that a script could keep something in from one row to the next.
  const constants = Reflect.ownKeys(globalThis);
  for (const key of native.shared ? constants : []) {
    const property = Object.getOwnPropertyDescriptor(globalThis, key);
    const value = property.value;
    if (key !== 'globalThis' && value && (typeof value === 'object' || typeof value === 'function') && !helpers[key]) {
      Object.freeze(value);
      if (value.prototype && typeof value.prototype === 'object') Object.preventExtensions(value.prototype);
    }
    if (property.configurable && 'value' in property) Object.defineProperty(globalThis, key, { writable: false, configurable: false });
  }
  const known = new Set(constants);
  // What is made by accident is enumerable.
  const enumerable = native.enumerableGlobals();

  // The error with its line; errors of the engine itself stay as they are.
  function located(error) {
    if (!(error instanceof Error) || error.message === 'out of memory') return error;
    const place = String(error.stack || '').split('\n').find((line) => line && !line.includes('helpers'));
    return new Error(error.name + ': ' + error.message + (place ? ' (' + place.trim() + ')' : ''));
  }

  // Runs the script's own text anew for every row, so that its variables begin anew too.
  return (make) => (event, errors) => {
    try {
      const process = make.call(globalThis);
      if (typeof process !== 'function') throw new TypeError('the script has no function process(event, errors)');
      const result = process(event, errors);
      if (result === null || typeof result === 'string') return result;
      if (result instanceof String) return String(result);
      throw new TypeError('process returned ' + typeof result + '; a string or null is expected');
    } catch (error) {
      throw located(error);
    } finally {
      if (native.enumerableGlobals() !== enumerable) {
        for (const key of Reflect.ownKeys(globalThis)) {
          if (!known.has(key)) delete globalThis[key];
        }
        native.leaked(Reflect.ownKeys(globalThis).length !== constants.length);
      }
    }
  };
})
