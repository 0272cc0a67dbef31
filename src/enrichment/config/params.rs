//! Reading values out of a configuration, with the path of each value that is missing or of the wrong type.
//!
//! Error texts: snowplow/enrich 3.9.0, `modules/common/.../utils/CirceUtils.scala`; all faults of one configuration
//! are collected.

use serde_json::Value;

/// A position in a configuration: what is there, and the path that leads to it.
#[derive(Clone, Debug)]
pub struct Cursor<'v> {
    value: Option<&'v Value>,
    path: String,
}

/// A value that can be read out of a configuration.
pub trait Parameter: Sized {
    /// What is expected, for error texts.
    const EXPECTED: &'static str;

    /// Reads the value; `None` if it is of another type.
    fn read(value: &Value) -> Option<Self>;
}

impl Parameter for String {
    const EXPECTED: &'static str = "string";

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Parameter for bool {
    const EXPECTED: &'static str = "boolean";

    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Parameter for i64 {
    const EXPECTED: &'static str = "integer";

    fn read(value: &Value) -> Option<Self> {
        let number = value.as_number()?.as_str();
        number.parse().ok().or_else(|| integral_decimal(number))
    }
}

impl Parameter for Vec<String> {
    const EXPECTED: &'static str = "list of strings";

    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::read).collect()
    }
}

/// `10.0` and `1e3` are integers too.
fn integral_decimal(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

impl<'v> Cursor<'v> {
    /// The start of a configuration's data.
    pub fn root(value: &'v Value) -> Self {
        Cursor { value: Some(value), path: String::new() }
    }

    /// A member of the object here.
    pub fn field(&self, name: &str) -> Cursor<'v> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Cursor { value: self.value.and_then(|value| value.get(name)), path }
    }

    /// Whether something other than null is here.
    pub fn is_present(&self) -> bool {
        self.value.is_some_and(|value| !value.is_null())
    }

    /// What is here.
    pub fn value(&self) -> Option<&'v Value> {
        self.value
    }

    /// Where this is.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Reads values and remembers what is wrong.
#[derive(Debug, Default)]
pub struct Reader {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Reader {
    /// A value that must be there.
    pub fn required<T: Parameter>(&mut self, at: &Cursor<'_>) -> Option<T> {
        let read = at.value.and_then(T::read);
        if read.is_none() {
            let reason = if at.value.is_none() { "it is missing" } else { "it is of another type" };
            self.errors.push(format!(
                "Could not extract {} as {} from supplied JSON due to {reason}",
                at.path,
                T::EXPECTED
            ));
        }
        read
    }

    /// A value that may be absent or null.
    pub fn optional<T: Parameter>(&mut self, at: &Cursor<'_>) -> Option<T> {
        if at.is_present() { self.required(at) } else { None }
    }

    /// The elements of a list that must be there.
    pub fn list<'v>(&mut self, at: &Cursor<'v>) -> Option<Vec<Cursor<'v>>> {
        match at.value {
            Some(Value::Array(items)) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Cursor { value: Some(item), path: format!("{}[{index}]", at.path) })
                    .collect(),
            ),
            other => {
                let reason = if other.is_none() { "it is missing" } else { "it is of another type" };
                self.errors.push(format!("Could not extract {} as list from supplied JSON due to {reason}", at.path));
                None
            }
        }
    }

    /// The string here turned into something else by `parse`; its failure text tells what is allowed.
    pub fn parsed<T>(&mut self, at: &Cursor<'_>, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text: String = self.required(at)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.error(format!("{}: {reason}", at.path));
                None
            }
        }
    }

    /// Notes that something is wrong.
    pub fn error(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }

    /// Notes that something will be ignored.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Notes each of these parameters that is present as ignored.
    pub fn warn_ignored(&mut self, parameters: &Cursor<'_>, names: &[&str], why: &str) {
        for name in names {
            let cursor = parameters.field(name);
            if cursor.is_present() {
                self.warn(format!("{} is ignored: {why}", cursor.path));
            }
        }
    }

    /// The configuration if nothing was wrong, else all that was; and the warnings.
    pub fn finish<T>(self, config: Option<T>) -> (Result<T, Vec<String>>, Vec<String>) {
        let result = match config {
            Some(config) if self.errors.is_empty() => Ok(config),
            _ => Err(self.errors),
        };
        (result, self.warnings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_values_are_named_with_their_path() {
        let json: Value = serde_json::from_str(r#"{"parameters":{"a":1.5,"list":["x",1],"n":10.0}}"#).unwrap();
        let parameters = Cursor::root(&json).field("parameters");
        let mut reader = Reader::default();
        assert_eq!(reader.required::<i64>(&parameters.field("a")), None);
        assert_eq!(reader.required::<String>(&parameters.field("b").field("c")), None);
        assert_eq!(reader.required::<Vec<String>>(&parameters.field("list")), None);
        assert_eq!(reader.required::<i64>(&parameters.field("n")), Some(10));
        assert_eq!(reader.optional::<bool>(&parameters.field("absent")), None);
        let (result, _) = reader.finish(Some(()));
        let texts = [
            "Could not extract parameters.a as integer from supplied JSON due to it is of another type",
            "Could not extract parameters.b.c as string from supplied JSON due to it is missing",
            "Could not extract parameters.list as list of strings from supplied JSON due to it is of another type",
        ];
        assert_eq!(result.unwrap_err(), texts);
    }
}
