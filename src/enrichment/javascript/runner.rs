//! One thread's engine with the user's script and the event object.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../outputs/EnrichedEvent.scala` (bean properties with getters and
//! setters for every column).

use std::cell::RefCell;
use std::rc::Rc;

use crate::enrichment::decimal::Decimal;
use crate::event::{ALL_COLUMNS, COLUMN_COUNT, COLUMNS, Column, ColumnType, EnrichedEvent};
use crate::json::write_java_float;
use crate::script::js::{Array, Ctx, Exception, Function, IntoJs, Null, Persistent, Result, Value};
use crate::script::{ScriptEngine, ScriptError, ScriptLimits, evaluate};

/// Makes the event object.
const PRELUDE: &str = include_str!("prelude.js");

/// What a call of `process` gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing.
    Nothing,
    /// Something as JSON.
    Json(String),
    /// Something that JSON cannot say, such as a function.
    NotJson,
}

/// The columns of the event at hand, copied into one text so that no lifetime reaches the engine.
struct Exchange {
    text: String,
    columns: [Slot; COLUMN_COUNT],
}

#[derive(Clone)]
enum Slot {
    Null,
    /// Unchanged: a part of the text.
    Given(usize, usize),
    /// Set by the script; `None` if cleared.
    Set(Option<String>),
}

impl Exchange {
    fn get(&self, index: usize) -> Option<&str> {
        match self.columns.get(index)? {
            Slot::Null | Slot::Set(None) => None,
            Slot::Given(start, end) => self.text.get(*start..*end),
            Slot::Set(Some(text)) => Some(text),
        }
    }
}

/// An engine that has loaded the script.
pub(super) struct Runner {
    // Values of the engine are dropped before the engine.
    run: Persistent<Function<'static>>,
    exchange: Rc<RefCell<Exchange>>,
    engine: ScriptEngine,
}

impl Runner {
    /// Loads a script, which must define a function `process`.
    pub fn new(script: &str, limits: ScriptLimits) -> std::result::Result<Runner, ScriptError> {
        let engine = ScriptEngine::new(limits)?;
        let exchange =
            Rc::new(RefCell::new(Exchange { text: String::new(), columns: [const { Slot::Null }; COLUMN_COUNT] }));
        let run = engine.run(|context| {
            let run = event_object(context, &exchange)?;
            Ok(Persistent::save(context, run))
        })?;
        engine.load(script)?;
        engine.run(|context| process_function(context).map(|_| ()))?;
        Ok(Runner { run, exchange, engine })
    }

    /// Calls `process` with an event.
    pub fn call(&mut self, event: &EnrichedEvent<'_>) -> std::result::Result<Outcome, ScriptError> {
        self.fill(event);
        self.engine.run(|context| {
            let process = process_function(context)?;
            let result: Value<'_> = self.run.clone().restore(context)?.call((process,))?;
            if result.is_null() {
                return Ok(Outcome::Nothing);
            }
            Ok(match result.as_string() {
                Some(json) => Outcome::Json(json.to_string()?),
                None => Outcome::NotJson,
            })
        })
    }

    /// The columns that the last call has set.
    pub fn changes(&self, mut change: impl FnMut(Column, Option<&str>)) {
        let exchange = self.exchange.borrow();
        for (slot, column) in exchange.columns.iter().zip(ALL_COLUMNS) {
            if let Slot::Set(value) = slot {
                change(column, value.as_deref());
            }
        }
    }

    fn fill(&self, event: &EnrichedEvent<'_>) {
        let mut exchange = self.exchange.borrow_mut();
        let Exchange { text, columns } = &mut *exchange;
        text.clear();
        for (slot, value) in columns.iter_mut().zip(event.values()) {
            *slot = match value {
                Some(value) => {
                    let start = text.len();
                    text.push_str(value);
                    Slot::Given(start, text.len())
                }
                None => Slot::Null,
            };
        }
    }
}

/// The script's `process`, however it was declared.
fn process_function<'js>(context: &Ctx<'js>) -> Result<Function<'js>> {
    let process: Value<'js> = context.globals().get("process")?;
    if let Some(function) = process.into_function() {
        return Ok(function);
    }
    let declared: Value<'js> = evaluate(context, "typeof process === 'function' ? process : undefined")?;
    declared
        .into_function()
        .ok_or_else(|| Exception::throw_reference(context, "the script defines no function process"))
}

/// The function that calls `process` with an event object.
fn event_object<'js>(context: &Ctx<'js>, exchange: &Rc<RefCell<Exchange>>) -> Result<Function<'js>> {
    let columns = Array::new(context.clone())?;
    for (index, column) in COLUMNS.iter().enumerate() {
        let kind = match column.kind {
            ColumnType::Integer | ColumnType::Bool | ColumnType::Float => "number",
            ColumnType::Decimal => "decimal",
            ColumnType::Text | ColumnType::Uuid | ColumnType::Timestamp | ColumnType::Json => "text",
        };
        columns.set(index, vec![column.name, kind])?;
    }
    let setup: Function<'js> = evaluate(context, PRELUDE)?;
    let shared = || Rc::clone(exchange);
    let (getting, texts, numbers, decimals) = (shared(), shared(), shared(), shared());
    let get =
        Function::new(context.clone(), move |context: Ctx<'js>, index: usize| get(&context, &getting.borrow(), index))?;
    let set_text = Function::new(context.clone(), move |index: usize, text: Option<String>| set(&texts, index, text))?;
    let set_number = Function::new(context.clone(), move |context: Ctx<'js>, index: usize, number: f64| {
        let text = number_text(index, number);
        let text =
            text.ok_or_else(|| Exception::throw_type(&context, &format!("{number} does not fit {}", name(index))))?;
        set(&numbers, index, Some(text));
        Ok::<(), crate::script::js::Error>(())
    })?;
    let set_decimal = Function::new(context.clone(), move |context: Ctx<'js>, index: usize, text: String| {
        let number = Decimal::parse(text.trim());
        let number =
            number.ok_or_else(|| Exception::throw_type(&context, &format!("'{text}' does not fit {}", name(index))))?;
        set(&decimals, index, Some(number.java_text()));
        Ok::<(), crate::script::js::Error>(())
    })?;
    setup.call((columns, get, set_text, set_number, set_decimal))
}

fn name(index: usize) -> &'static str {
    COLUMNS.get(index).map_or("", |column| column.name)
}

fn get<'js>(context: &Ctx<'js>, exchange: &Exchange, index: usize) -> Result<Value<'js>> {
    let Some(text) = exchange.get(index) else { return Null.into_js(context) };
    let kind = COLUMNS.get(index).map(|column| column.kind);
    let number = match kind {
        Some(ColumnType::Integer | ColumnType::Bool | ColumnType::Float) => text.parse::<f64>().ok(),
        _ => None,
    };
    match number {
        Some(number) => number.into_js(context),
        None => text.into_js(context),
    }
}

fn set(exchange: &RefCell<Exchange>, index: usize, text: Option<String>) {
    if let Some(slot) = exchange.borrow_mut().columns.get_mut(index) {
        *slot = Slot::Set(text);
    }
}

/// A number in the spelling of a column.
fn number_text(index: usize, number: f64) -> Option<String> {
    match COLUMNS.get(index)?.kind {
        ColumnType::Bool => matches!(number, 0.0 | 1.0).then(|| format!("{number}")),
        ColumnType::Integer => {
            let whole = number.trunc();
            (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&whole).then(|| format!("{}", whole as i32))
        }
        ColumnType::Float => {
            let mut text = Vec::new();
            write_java_float(number as f32, &mut text);
            number.is_finite().then(|| String::from_utf8(text).unwrap_or_default())
        }
        // The shortest text that stands for the number, as Java's `BigDecimal.valueOf` takes it.
        _ => {
            number.is_finite().then(|| Decimal::parse(&format!("{number}")).map(|number| number.java_text())).flatten()
        }
    }
}
