use super::*;

fn engine() -> ScriptEngine {
    ScriptEngine::new(ScriptLimits::default()).unwrap()
}

fn text_of(engine: &ScriptEngine, source: &str) -> Result<String, ScriptError> {
    engine.run(|context| evaluate::<String>(context, source))
}

#[test]
fn globals_persist_in_their_scope_only() {
    let engine = engine();
    engine.load("var counter = 0; function next() { counter += 1; return 'n' + counter; }").unwrap();
    assert_eq!(text_of(&engine, "next()").unwrap(), "n1");
    assert_eq!(text_of(&engine, "next()").unwrap(), "n2");
    let fresh = engine.fresh_scope().unwrap();
    assert_eq!(text_of(&fresh, "typeof next").unwrap(), "undefined");
    fresh.load("undeclared = 1").unwrap();
    assert_eq!(text_of(&engine, "typeof undeclared").unwrap(), "undefined");
}

#[test]
fn what_is_thrown_is_told() {
    let engine = engine();
    for (source, text) in [
        ("throw 'a text'", "a text"),
        ("throw new TypeError('an error')", "an error"),
        ("throw {code: 7}", "{\"code\":7}"),
        ("nope()", "nope is not defined"),
        ("Java.type('java.lang.String')", "Java: Java classes cannot be used in scripts here"),
        ("new java.lang.String('x')", "java: Java classes cannot be used in scripts here"),
    ] {
        assert_eq!(engine.load(source), Err(ScriptError::Thrown(text.to_owned())), "{source}");
    }
    assert!(matches!(engine.load("function ("), Err(ScriptError::Thrown(_))));
    assert_eq!(text_of(&engine, "var com = 'mine'; com").unwrap(), "mine", "the names can be taken");
}

#[test]
fn limits_hold_and_the_engine_survives() {
    let limits = ScriptLimits { memory: 4 << 20, time: Duration::from_millis(50), ..ScriptLimits::default() };
    let engine = ScriptEngine::new(limits).unwrap();
    assert_eq!(engine.load("for (;;) {}"), Err(ScriptError::TimedOut(limits.time)));
    assert_eq!(engine.load("try { for (;;) {} } catch (e) {}"), Err(ScriptError::TimedOut(limits.time)));
    let hoard = "var hoard = []; for (;;) hoard.push(new Array(1000).fill(1.5));";
    let error = engine.load(hoard).unwrap_err();
    assert!(error.is_limit(), "{error}");
    engine.load("hoard = null").unwrap();
    assert!(matches!(engine.load("function deep() { return deep() + 1 } deep()"), Err(ScriptError::Thrown(_))));
    assert_eq!(text_of(&engine, "'still ' + 'there'").unwrap(), "still there");
}
