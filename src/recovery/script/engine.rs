//! The JavaScript engine around one script: limits, and a fresh scope for every row.
//!
//! The script's text is compiled once, as the body of a function that is called anew for every row: its variables and
//! functions begin anew. Globals that it makes by accident are removed, the language's own objects are locked. A script
//! that reaches for those objects (it names `prototype`, `eval`, …) gets a new context per row instead, which is slower.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rquickjs::context::EvalOptions;
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Object, Persistent, Runtime};

use super::base64;

const PRELUDE: &str = include_str!("prelude.js");

/// Words by which a script could reach what all rows share.
const REACHING: [&str; 9] =
    ["prototype", "__proto__", "PrototypeOf", "constructor", "defineProp", "eval", "Function", "globalThis", "Reflect"];

/// What a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Time of one call.
    pub time: Duration,
    /// Bytes of one engine.
    pub memory: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        ScriptLimits { time: Duration::from_secs(1), memory: 64 << 20 }
    }
}

/// Deeper recursion ends in an error of the script.
const STACK: usize = 512 << 10;

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
pub struct ScriptError {
    /// The script's name.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

impl Script {
    /// Compiles a script, and runs it once to see that it has a function `process`.
    pub fn new(name: &str, source: &str, limits: ScriptLimits) -> Result<Script, ScriptError> {
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
        let error = |problem: String| ScriptError { name: name.to_owned(), problem };
        let mut engine = Engine::new(&script).map_err(error)?;
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
    context: Context,
    runtime: Runtime,
    deadline: Rc<Cell<Option<Instant>>>,
    leaked: Rc<Cell<bool>>,
}

impl Engine {
    pub(super) fn new(script: &Script) -> Result<Engine, String> {
        let failed = |error: rquickjs::Error| format!("the JavaScript engine does not start: {error}");
        let runtime = Runtime::new().map_err(failed)?;
        runtime.set_memory_limit(script.limits.memory);
        runtime.set_max_stack_size(STACK);
        let deadline = Rc::new(Cell::new(None::<Instant>));
        let watched = Rc::clone(&deadline);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            watched.get().is_some_and(|deadline| Instant::now() >= deadline)
        })));
        let context = Context::full(&runtime).map_err(failed)?;
        let mut engine = Engine { run: None, context, runtime, deadline, leaked: Rc::new(Cell::new(false)) };
        engine.deadline.set(Some(Instant::now() + script.limits.time));
        if !script.isolated {
            let run = engine.context.with(|ctx| {
                let run = build(&ctx, script, &engine.leaked).catch(&ctx).map_err(|error| explain(&error))?;
                Ok::<_, String>(Persistent::save(&ctx, run))
            })?;
            engine.run = Some(run);
        }
        Ok(engine)
    }

    /// Whether the script has a function `process`.
    fn check(&mut self, script: &Script) -> Result<bool, String> {
        self.deadline.set(Some(Instant::now() + script.limits.time));
        self.context.with(|ctx| {
            let checked = (|| {
                if script.isolated {
                    build(&ctx, script, &self.leaked)?;
                }
                let make: Function<'_> = ctx.eval_with_options(script.wrapped.as_str(), options(script))?;
                let process: rquickjs::Value<'_> = make.call(())?;
                Ok(process.is_function())
            })();
            checked.catch(&ctx).map_err(|error| explain(&error))
        })
    }

    /// Calls `process`; `None` is its null. After an error with `true` the engine must be replaced.
    pub(super) fn call(
        &mut self,
        script: &Script,
        event: &str,
        errors: &[String],
    ) -> Result<Option<String>, (String, bool)> {
        let deadline = Instant::now() + script.limits.time;
        self.deadline.set(Some(deadline));
        if script.isolated {
            self.context = Context::full(&self.runtime).map_err(|error| (error.to_string(), true))?;
        }
        let result = self.context.with(|ctx| {
            let called = (|| {
                let run = match &self.run {
                    Some(run) => run.clone().restore(&ctx)?,
                    None => build(&ctx, script, &self.leaked)?,
                };
                run.call((event, errors))
            })();
            called.catch(&ctx).map_err(|error| explain(&error))
        });
        self.deadline.set(None);
        result.map_err(|reason| {
            if Instant::now() >= deadline {
                return (format!("the script took longer than {} ms", script.limits.time.as_millis()), true);
            }
            let spoilt = reason.contains("out of memory") || reason.contains("null");
            (reason, spoilt)
        })
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
fn build<'js>(ctx: &Ctx<'js>, script: &Script, leaked: &Rc<Cell<bool>>) -> rquickjs::Result<Function<'js>> {
    let native = Object::new(ctx.clone())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    native.set("decodeText", Function::new(ctx.clone(), move |encoded: String| text(base64::decode(&encoded))))?;
    native.set("encodeText", Function::new(ctx.clone(), |plain: String| base64::encode(plain.as_bytes())))?;
    native.set("decodeBytes", Function::new(ctx.clone(), |encoded: String| base64::decode(&encoded)))?;
    native.set("encodeBytes", Function::new(ctx.clone(), |plain: Vec<u8>| base64::encode(&plain)))?;
    native.set("bytesToText", Function::new(ctx.clone(), move |bytes: Vec<u8>| text(bytes)))?;
    native.set("textToBytes", Function::new(ctx.clone(), |plain: String| plain.into_bytes()))?;
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

/// An exception in words, with its line.
fn explain(error: &CaughtError<'_>) -> String {
    match error {
        CaughtError::Error(error) => error.to_string(),
        CaughtError::Exception(exception) => {
            let name: String = exception.as_object().get("name").unwrap_or_else(|_| "Error".to_owned());
            let message = exception.message().unwrap_or_default();
            let stack = exception.stack().unwrap_or_default();
            let place = stack.lines().find(|line| !line.contains("helpers")).unwrap_or_default().trim();
            if place.is_empty() { format!("{name}: {message}") } else { format!("{name}: {message} ({place})") }
        }
        CaughtError::Value(value) => {
            let thrown = value.as_string().and_then(|text| text.to_string().ok());
            format!("the script threw {}", thrown.unwrap_or_else(|| "a value that is no error".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Script::new("s", "for (;;) {}", ScriptLimits { time: Duration::from_millis(50), memory: 8 << 20 }).is_err()
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
        assert!(result("throw 'x';").unwrap_err().contains("threw x"));
    }

    #[test]
    fn scripts_are_checked() {
        let error = |source: &str| Script::new("a.js", source, ScriptLimits::default()).unwrap_err().to_string();
        assert!(error("function process( {").starts_with("a.js: SyntaxError"));
        assert!(error("var x;").contains("no function process"));
        assert!(!script("|x\nfunction process() {}".trim_start_matches("|x")).isolated);
        assert_eq!(script("function process() { return '' \n || 'a'; }").warnings.len(), 1);
    }
}
