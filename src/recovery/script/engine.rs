//! The JavaScript engine around one script: limits, and a fresh scope for every row.
//!
//! The script's text is compiled once, as the body of a function that is called anew for every row: its variables and
//! functions begin anew. Globals that it makes by accident are removed, the language's own objects are locked. A script
//! that reaches for those objects (it names `prototype`, `eval`, …) gets a new context per row instead, which is slower.

use std::cell::Cell;
use std::rc::Rc;

use super::base64;
use super::query;
use crate::script::js::context::EvalOptions;
use crate::script::js::object::Filter;
use crate::script::js::{self, Atom, Ctx, Function, Object, Persistent};
use crate::script::{ScriptEngine, ScriptLimits};

const PRELUDE: &str = include_str!("prelude.js");

/// Words by which a script could reach what all rows share.
const REACHING: [&str; 9] =
    ["prototype", "__proto__", "PrototypeOf", "constructor", "defineProp", "eval", "Function", "globalThis", "Reflect"];

/// A script that compiles.
#[derive(Clone, Debug)]
pub struct Script {
    wrapped: String,
    name: String,
    isolated: bool,
    limits: ScriptLimits,
    /// What is worth knowing about it.
    pub warnings: Vec<String>,
}

/// Why a script cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct UnusableScript {
    /// The script's name.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

impl Script {
    /// Compiles a script, and runs it once to see that it has a function `process`.
    pub fn new(name: &str, source: &str, limits: ScriptLimits) -> Result<Script, UnusableScript> {
        let script = Script {
            // On one line with the script's first line: line numbers stay right.
            wrapped: format!(
                "(function () {{{source}\n;return typeof process === 'function' ? process : undefined;\n}})"
            ),
            name: name.to_owned(),
            isolated: REACHING.iter().any(|word| source.contains(word)),
            limits,
            warnings: warnings(source),
        };
        let error = |problem: String| UnusableScript { name: name.to_owned(), problem };
        let engine = Engine::new(&script).map_err(error)?;
        let checked = engine.check(&script).map_err(error)?;
        if checked { Ok(script) } else { Err(error("it has no function process(event, errors)".to_owned())) }
    }
}

fn warnings(source: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let with_margin = source.lines().position(|line| line.trim_start().starts_with('|'));
    if let Some(index) = with_margin {
        warnings.push(format!(
            "line {} begins with `|`: Hadoop Event Recovery cut such margins off, thresh reads the line as it is",
            index + 1
        ));
    }
    warnings
}

/// One thread's engine. Fields are dropped in this order.
pub(super) struct Engine {
    run: Option<Persistent<Function<'static>>>,
    engine: ScriptEngine,
    leaked: Rc<Cell<bool>>,
}

impl Engine {
    pub(super) fn new(script: &Script) -> Result<Engine, String> {
        let engine = ScriptEngine::new(script.limits).map_err(|error| error.to_string())?;
        let leaked = Rc::new(Cell::new(false));
        let run = match script.isolated {
            true => None,
            false => {
                let build = |ctx: &Ctx<'_>| Ok(Persistent::save(ctx, build(ctx, script, &leaked)?));
                Some(engine.run(build).map_err(|error| error.to_string())?)
            }
        };
        Ok(Engine { run, engine, leaked })
    }

    /// Whether the script has a function `process`.
    fn check(&self, script: &Script) -> Result<bool, String> {
        let checked = self.engine.run(|ctx| {
            if script.isolated {
                build(ctx, script, &self.leaked)?;
            }
            let make: Function<'_> = ctx.eval_with_options(script.wrapped.as_str(), options(script))?;
            let process: js::Value<'_> = make.call(())?;
            Ok(process.is_function())
        });
        checked.map_err(|error| error.to_string())
    }

    /// Calls `process`; `None` is its null. After an error with `true` the engine must be replaced.
    pub(super) fn call(
        &mut self,
        script: &Script,
        event: &str,
        errors: &[String],
    ) -> Result<Option<String>, (String, bool)> {
        let result = match &self.run {
            Some(run) => self.engine.run(|ctx| run.clone().restore(ctx)?.call((event, errors))),
            None => self
                .engine
                .fresh_scope()
                .and_then(|scope| scope.run(|ctx| build(ctx, script, &self.leaked)?.call((event, errors)))),
        };
        result.map_err(|error| (error.to_string(), error.is_limit()))
    }

    /// Whether a row left something behind that could not be removed.
    pub(super) fn is_spoilt(&self) -> bool {
        self.leaked.get()
    }
}

fn options(script: &Script) -> EvalOptions {
    let mut options = EvalOptions::default();
    // Scripts were written before strict mode.
    options.strict = false;
    options.filename = Some(script.name.clone());
    options
}

/// Helpers and script in a context; gives the function to be called for a row.
fn build<'js>(ctx: &Ctx<'js>, script: &Script, leaked: &Rc<Cell<bool>>) -> js::Result<Function<'js>> {
    let native = Object::new(ctx.clone())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    native.set("decodeText", Function::new(ctx.clone(), move |encoded: String| text(base64::decode(&encoded))))?;
    native.set("encodeText", Function::new(ctx.clone(), |plain: String| base64::encode(plain.as_bytes())))?;
    native.set("decodeBytes", Function::new(ctx.clone(), |encoded: String| base64::decode(&encoded)))?;
    native.set("encodeBytes", Function::new(ctx.clone(), |plain: Vec<u8>| base64::encode(&plain)))?;
    native.set("bytesToText", Function::new(ctx.clone(), move |bytes: Vec<u8>| text(bytes)))?;
    native.set("textToBytes", Function::new(ctx.clone(), |plain: String| plain.into_bytes()))?;
    native.set("splitTabs", Function::new(ctx.clone(), query::split_tabs)?)?;
    native.set("parseQuery", Function::new(ctx.clone(), query::parse)?)?;
    native.set("buildQuery", Function::new(ctx.clone(), query::build)?)?;
    native.set("enumerableGlobals", Function::new(ctx.clone(), enumerable_globals)?)?;
    let flag = Rc::clone(leaked);
    native.set("leaked", Function::new(ctx.clone(), move |spoilt: bool| flag.set(flag.get() || spoilt)))?;
    native.set("shared", !script.isolated)?;
    let mut prelude = EvalOptions::default();
    prelude.filename = Some("helpers".to_owned());
    let install: Function<'js> = ctx.eval_with_options(PRELUDE, prelude)?;
    let wrap: Function<'js> = install.call((native,))?;
    let make: Function<'js> = ctx.eval_with_options(script.wrapped.as_str(), options(script))?;
    wrap.call((make,))
}

fn enumerable_globals(ctx: Ctx<'_>) -> u32 {
    let every = Filter::new().string().symbol().enum_only();
    ctx.globals().own_keys::<Atom<'_>>(every).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn script(source: &str) -> Script {
        let limits = ScriptLimits { time: Duration::from_millis(300), ..ScriptLimits::default() };
        Script::new("script.js", source, limits).unwrap()
    }

    fn run(script: &Script, event: &str) -> Result<Option<String>, String> {
        Engine::new(script).unwrap().call(script, event, &["an error".to_owned()]).map_err(|(reason, _)| reason)
    }

    fn expression(source: &str, event: &str) -> String {
        run(&script(&format!("function process(event, errors) {{ return String({source}); }}")), event)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn helpers_of_the_worked_example() {
        let query = "e=pv&page=a+b&cx=eyJhIjoxfQ==&flag";
        let edit =
            "(function () { var q = parseQuerystring(event); q.tv = 'js-2.7.0'; return buildQuerystring(q); })()";
        assert_eq!(expression(edit, query), "e=pv&page=a%2Bb&cx=eyJhIjoxfQ&flag=&tv=js-2.7.0");
        assert_eq!(expression("encodeBase64(event)", ">>>???a"), "Pj4+Pz8/YQ==");
        assert_eq!(expression("decodeBase64(event)", "Pj4-Pz8_YQ"), ">>>???a");
        assert_eq!(expression("tsvToArray(event).length", "a\t\t"), "3");
        assert_eq!(expression("arrayToTsv(tsvToArray(event))", "a\t\tb\t"), "a\t\tb\t");
        assert_eq!(expression("stringifyJson(parseJson(event))", "{\"b\": 1, \"a\": [2]}"), "{\"b\":1,\"a\":[2]}");
        assert_eq!(expression("errors.length + errors[0]", ""), "1an error");
    }

    #[test]
    fn querystrings_as_the_language_itself_would() {
        // What the host does, and what it leaves to the language.
        for (query, built) in [
            ("e=pv&page=a+b&flag&=x&a=b=c&e=pp", "e=pp&page=a%2Bb&flag=&=x&a=b"),
            ("a=%C3%A4%20%26&%F0%9F%9A%80=1&~!*'()=-_.", "a=%C3%A4%20%26&%F0%9F%9A%80=1&~!*'()=-_."),
            ("2=b&1=a&x=c", "1=a&2=b&x=c"),
            ("__proto__=x&y=z", "y=z"),
            ("", "="),
        ] {
            assert_eq!(expression("buildQuerystring(parseQuerystring(event))", query), built, "{query}");
        }
        for broken in ["a=%zz", "a=%C3", "a=%ED%A0%80", "a=%"] {
            let script = script("function process(event) { return buildQuerystring(parseQuerystring(event)); }");
            assert!(run(&script, broken).unwrap_err().contains("URIError"), "{broken}");
        }
        assert_eq!(
            expression("buildQuerystring({n: 1, f: true, z: null, u: undefined})", ""),
            "n=1&f=true&z=null&u=undefined"
        );
        assert_eq!(expression("buildQuerystring(['a', 'b'])", ""), "0=a&1=b");
        assert_eq!(expression("JSON.stringify(parseQuerystring(5))", ""), "{\"5\":\"\"}");
        let script = script("function process(event) { return buildQuerystring(null); }");
        assert!(run(&script, "").unwrap_err().contains("TypeError"));
    }

    #[test]
    fn java_classes_of_the_examples_only() {
        let decode = "new java.lang.String(org.apache.commons.codec.binary.Base64.decodeBase64(event))";
        assert_eq!(expression(decode, "eyJhIjoxfQ"), "{\"a\":1}");
        assert_eq!(expression("encodeBase64(new java.lang.String(event))", "a"), "YQ==");
        let map = script("function process(event) { return new java.util.HashMap().toString(); }");
        let reason = run(&map, "x").unwrap_err();
        assert!(reason.contains("java.util.HashMap is Java"), "{reason}");
    }

    #[test]
    fn nothing_survives_a_row() {
        let sources = [
            "var n = 0; function process() { n++; return '' + n; }",
            "function process() { if (typeof count == 'undefined') count = 0; count++; return '' + count; }",
            "function process() { Math.n = (Math.n || 0) + 1; return '' + (Math.n === undefined ? 1 : Math.n); }",
            "function process() { this.n = (this.n || 0) + 1; return '' + this.n; }",
            "function process() { var n = Symbol.for('n'); this[n] = (this[n] || 0) + 1; return '' + this[n]; }",
            "function process() { var n = this.n || 1; this.__defineGetter__('n', function () { return n + 1; }); return '' + n; }",
            "function process() { Array.prototype.n = ([].n || 0) + 1; return '' + [].n; }",
            "function process() { tsvToArray.n = (tsvToArray.n || 0) + 1; return '' + (tsvToArray.n || 1); }",
        ];
        for source in sources {
            let script = script(source);
            let mut engine = Engine::new(&script).unwrap();
            for _ in 0..3 {
                let result = engine.call(&script, "", &[]).map_err(|(reason, _)| reason);
                match result {
                    Ok(text) => assert_eq!(text.as_deref(), Some("1"), "{source}"),
                    Err(reason) => panic!("{source}: {reason}"),
                }
            }
            assert!(!engine.is_spoilt(), "{source}");
        }
    }

    #[test]
    fn hostile_scripts_end() {
        for source in [
            "function process() { for (;;) {} }",
            "function process() { var a = []; for (;;) a.push(new Array(1000)); }",
            "function process() { return process(); }",
            "function process() { return /^(a+)+$/.test(new Array(40).join('a') + 'b') + ''; }",
            "function process() { try { for (;;) {} } catch (e) { return 'caught'; } }",
        ] {
            assert!(run(&script(source), "x").is_err(), "{source}");
        }
        assert!(
            Script::new(
                "s",
                "for (;;) {}",
                ScriptLimits { time: Duration::from_millis(50), ..ScriptLimits::default() }
            )
            .is_err()
        );
    }

    #[test]
    fn results_and_errors() {
        let result = |body: &str| run(&script(&format!("function process(event, errors) {{ {body} }}")), "x");
        assert_eq!(result("return null;").unwrap(), None);
        assert_eq!(result("return event + '!';").unwrap().unwrap(), "x!");
        assert_eq!(result("return new String(event);").unwrap().unwrap(), "x");
        assert!(result("return 1;").unwrap_err().contains("returned number"));
        assert!(result("").unwrap_err().contains("returned undefined"));
        assert!(result("\n\nreturn nothing.at.all;").unwrap_err().contains("script.js:3"));
        assert_eq!(result("throw 'x';").unwrap_err(), "x");
    }

    #[test]
    fn scripts_are_checked() {
        let error = |source: &str| Script::new("a.js", source, ScriptLimits::default()).unwrap_err().to_string();
        assert!(error("function process( {").starts_with("a.js: "));
        assert!(error("var x;").contains("no function process"));
        assert!(!script("|x\nfunction process() {}".trim_start_matches("|x")).isolated);
        assert_eq!(script("function process() { return '' \n || 'a'; }").warnings.len(), 1);
    }
}
