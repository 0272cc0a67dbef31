//! JavaScript with limits on time, memory and stack.
//!
//! The engine is QuickJS-ng through the `rquickjs` crate, which is re-exported as [`js`] for those who give their
//! scripts functions to call. One engine belongs to one thread. The reference runs scripts on the JVM, where they can
//! reach Java classes; here those names exist only to say that they cannot be used.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub use rquickjs as js;

use js::context::EvalOptions;
use js::{CatchResultExt, CaughtError, Context, Ctx, Runtime};

/// Names by which scripts reach Java; using one throws an error that says so.
const JAVA_NAMES: &str = r#"(function (global) {
    "use strict";
    ["Java", "java", "javax", "org", "com", "Packages", "JavaImporter", "importClass", "importPackage"].forEach(function (name) {
        Object.defineProperty(global, name, {
            configurable: true,
            get: function () { throw new Error(name + ": Java classes cannot be used in scripts here"); },
            set: function (value) {
                Object.defineProperty(global, name, { value: value, writable: true, configurable: true });
            }
        });
    });
})(globalThis);"#;

/// What a script may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Bytes of memory, for all its contexts together.
    pub memory: usize,
    /// Bytes of stack.
    pub stack: usize,
    /// Time for one call.
    pub time: Duration,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        ScriptLimits { memory: 64 << 20, stack: 512 << 10, time: Duration::from_secs(5) }
    }
}

/// Why a script did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It threw something; the text is the error's message or the thing itself.
    #[error("{0}")]
    Thrown(String),
    /// It took too long.
    #[error("stopped after {0:?}")]
    TimedOut(Duration),
    /// It took too much memory.
    #[error("out of memory ({0} bytes are allowed)")]
    OutOfMemory(usize),
}

impl ScriptError {
    /// Whether the engine should be given up: a script that was stopped in the middle leaves its globals behind as
    /// they happen to be.
    pub fn is_limit(&self) -> bool {
        !matches!(self, ScriptError::Thrown(_))
    }
}

/// A JavaScript engine with one global scope. Not to be moved between threads.
pub struct ScriptEngine {
    context: Context,
    runtime: Runtime,
    deadline: Rc<Cell<Option<Instant>>>,
    limits: ScriptLimits,
}

impl ScriptEngine {
    /// An engine whose global scope holds nothing of its user's yet.
    pub fn new(limits: ScriptLimits) -> Result<ScriptEngine, ScriptError> {
        let no_memory = |_| ScriptError::OutOfMemory(limits.memory);
        let runtime = Runtime::new().map_err(no_memory)?;
        runtime.set_memory_limit(limits.memory);
        runtime.set_max_stack_size(limits.stack);
        let deadline: Rc<Cell<Option<Instant>>> = Rc::default();
        let clock = Rc::clone(&deadline);
        let past = move || clock.get().is_some_and(|deadline| Instant::now() >= deadline);
        runtime.set_interrupt_handler(Some(Box::new(past)));
        let context = Context::full(&runtime).map_err(no_memory)?;
        let engine = ScriptEngine { context, runtime, deadline, limits };
        engine.load(JAVA_NAMES)?;
        Ok(engine)
    }

    /// The same engine with another, fresh global scope.
    pub fn fresh_scope(&self) -> Result<ScriptEngine, ScriptError> {
        let context = Context::full(&self.runtime).map_err(|_| ScriptError::OutOfMemory(self.limits.memory))?;
        let (runtime, deadline) = (self.runtime.clone(), Rc::clone(&self.deadline));
        let engine = ScriptEngine { context, runtime, deadline, limits: self.limits };
        engine.load(JAVA_NAMES)?;
        Ok(engine)
    }

    /// Runs a source text in the global scope, as a script that is not strict.
    pub fn load(&self, source: &str) -> Result<(), ScriptError> {
        self.run(|context| evaluate(context, source).map(|_: js::Value<'_>| ()))
    }

    /// Runs `work` within the limits.
    pub fn run<R>(&self, work: impl for<'js> FnOnce(&Ctx<'js>) -> js::Result<R>) -> Result<R, ScriptError> {
        let deadline = Instant::now() + self.limits.time;
        self.deadline.set(Some(deadline));
        let result =
            self.context.with(|context| work(&context).catch(&context).map_err(|caught| self.told(&caught, deadline)));
        self.deadline.set(None);
        // The runtime can be asked about its memory only when no context is in use.
        result.map_err(|told| told.unwrap_or_else(|| self.null_thrown()))
    }

    /// With no memory left even for an error, the engine throws null.
    fn null_thrown(&self) -> ScriptError {
        if self.is_nearly_full() {
            return ScriptError::OutOfMemory(self.limits.memory);
        }
        ScriptError::Thrown("null".to_owned())
    }

    fn is_nearly_full(&self) -> bool {
        self.runtime.memory_usage().malloc_size * 2 > self.limits.memory as i64
    }

    /// What was thrown; `None` for null.
    fn told(&self, caught: &CaughtError<'_>, deadline: Instant) -> Option<ScriptError> {
        let text = match caught {
            CaughtError::Error(js::Error::Allocation) => return Some(ScriptError::OutOfMemory(self.limits.memory)),
            CaughtError::Error(error) => error.to_string(),
            CaughtError::Exception(exception) => exception.message().unwrap_or_default(),
            CaughtError::Value(value) if value.is_null() => return None,
            CaughtError::Value(value) => shown(value),
        };
        Some(match text.as_str() {
            "interrupted" if Instant::now() >= deadline => ScriptError::TimedOut(self.limits.time),
            "out of memory" => ScriptError::OutOfMemory(self.limits.memory),
            _ => ScriptError::Thrown(text),
        })
    }
}

/// Evaluates a source text in the global scope of a context, not strict.
pub fn evaluate<'js, V: js::FromJs<'js>>(context: &Ctx<'js>, source: &str) -> js::Result<V> {
    let mut options = EvalOptions::default();
    options.strict = false;
    context.eval_with_options(source, options)
}

/// A thrown value that is no error.
fn shown(value: &js::Value<'_>) -> String {
    match value.as_string() {
        Some(text) => text.to_string().unwrap_or_default(),
        None => {
            let json = value.ctx().json_stringify(value.clone()).ok().flatten();
            json.and_then(|json| json.to_string().ok()).unwrap_or_else(|| format!("{value:?}"))
        }
    }
}
