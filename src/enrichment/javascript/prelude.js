// Makes the event object that scripts see. `get(i)` and the setters reach the columns of the event at hand.
// `columns` lists [name, kind] in the order of the table; kinds are text, number, decimal.
(function (columns, get, setText, setNumber, setDecimal) {
    "use strict";
    var stringify = JSON.stringify;
    var prototype = {};

    // Money columns are java.math.BigDecimal in the reference: objects that calculate and print like numbers.
    function BigDecimal(text) {
        Object.defineProperty(this, "text", { value: text });
    }
    var truncated = function () { return Math.trunc(Number(this.text)); };
    var number = function () { return Number(this.text); };
    var text = function () { return this.text; };
    var methods = {
        toString: text, toPlainString: text, valueOf: number, toJSON: number,
        doubleValue: number, floatValue: number, intValue: truncated, longValue: truncated,
        compareTo: function (other) { var a = Number(this), b = Number(other); return a < b ? -1 : a > b ? 1 : 0; },
        equals: function (other) { return other instanceof BigDecimal && other.text === this.text; },
        signum: function () { return Math.sign(Number(this.text)); }
    };
    Object.keys(methods).forEach(function (name) {
        Object.defineProperty(BigDecimal.prototype, name, { value: methods[name] });
    });

    // Texts are java.lang.String in the reference; scripts may call its methods.
    var strings = {
        equals: function (other) { return other !== null && other !== undefined && String(this) === String(other); },
        equalsIgnoreCase: function (other) {
            return other !== null && other !== undefined && String(this).toLowerCase() === String(other).toLowerCase();
        },
        isEmpty: function () { return this.length === 0; },
        contains: function (other) { return String(this).indexOf(String(other)) >= 0; },
        compareTo: function (other) { var a = String(this), b = String(other); return a < b ? -1 : a > b ? 1 : 0; },
        matches: function (regex) { return new RegExp("^(?:" + regex + ")$").test(this); },
        replaceFirst: function (regex, by) { return this.replace(new RegExp(regex), by); }
    };
    var replaceAll = String.prototype.replaceAll;
    strings.replaceAll = function (pattern, by) {
        return pattern instanceof RegExp ? replaceAll.call(this, pattern, by) : this.replace(new RegExp(pattern, "g"), by);
    };
    Object.keys(strings).forEach(function (name) {
        Object.defineProperty(String.prototype, name, { value: strings[name], writable: true, configurable: true });
    });

    function wellFormed(value) {
        return String(value).toWellFormed();
    }

    columns.forEach(function (column, index) {
        var name = column[0], kind = column[1];
        var getter = kind === "decimal"
            ? function () { var text = get(index); return text === null ? null : new BigDecimal(text); }
            : function () { return get(index); };
        var setter = function (value) {
            if (value === null || value === undefined) {
                setText(index, null);
            } else if (kind === "text") {
                setText(index, wellFormed(value));
            } else if (kind === "decimal" && typeof value !== "number") {
                setDecimal(index, wellFormed(value));
            } else {
                setNumber(index, Number(value));
            }
        };
        var capital = name.charAt(0).toUpperCase() + name.slice(1);
        Object.defineProperty(prototype, "get" + capital, { value: getter });
        Object.defineProperty(prototype, "set" + capital, { value: setter });
        Object.defineProperty(prototype, name, { get: getter, set: setter, enumerable: true });
    });
    // A text in memory that no file has.
    var pii = null;
    Object.defineProperty(prototype, "getPii", { value: function () { return pii; } });
    Object.defineProperty(prototype, "setPii", { value: function (value) { pii = value; } });

    if (typeof globalThis.print === "undefined") {
        globalThis.print = function () {};
    }

    // The result as JSON; null for none, undefined for what JSON cannot say.
    return function (process) {
        pii = null;
        var result = process(Object.create(prototype));
        return result === null || result === undefined ? null : stringify(result);
    };
})
