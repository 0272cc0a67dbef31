//! Form bodies: the strict querystring rules.
//!
//! Facts: snowplow/enrich 3.9.0, `utils/ConversionUtils.scala`, `parseUrlEncodedForm`.

use bumpalo::Bump;

use crate::payload::{Parameters, QuerystringError, decode, parse_querystring};

/// The fields of a form; the last one of a repeated name wins.
pub fn parse<'a>(text: &'a str, arena: &'a Bump) -> Result<Parameters<'a>, QuerystringError> {
    parse_querystring(text, "UTF-8", arena).map(Parameters::from_pairs)
}

/// What adapters say that report a form's error with a prefix and cleaned of what is particular to one run.
pub fn unparsable(error: &QuerystringError) -> String {
    format!("could not parse body: {}", decode::clean_platform_text(&error.to_string()))
}
