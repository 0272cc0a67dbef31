//! URIs as the reference reads them: strictly like `java.net.URI`, leniently like lemonlabsuk/scala-uri 1.5.1.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/ConversionUtils.scala`.

mod ipv6;
mod lenient;
mod strict;
#[cfg(test)]
mod tests;

use bumpalo::Bump;

/// A URI taken apart; every part still encoded as in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The whole text after parsing: spaces are `%20`.
    pub text: &'a str,
    /// Scheme, case kept.
    pub scheme: Option<&'a str>,
    /// Host; `None` for registry-based authorities such as `www.ex_ample.com`.
    pub host: Option<&'a str>,
    /// The port as given.
    pub port: Option<u32>,
    /// Path; `None` for opaque URIs.
    pub path: Option<&'a str>,
    /// Query without `?`.
    pub query: Option<&'a str>,
    /// Fragment without `#`.
    pub fragment: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Parses a text: strictly with spaces as `%20`, else leniently. The error is the reference's whole sentence, ready
    /// for a bad row.
    pub fn parse(text: &'a str, arena: &'a Bump) -> Result<Uri<'a>, String> {
        let spaceless = encode_spaces(text, arena);
        strict::parse(spaceless).or_else(|java_error| {
            lenient::parse(text, arena).map_err(|scala_error| {
                format!(
                    "Provided URI [{text}] could not be parsed, neither by Java parsing (error: [{java_error}]) \
                     nor by Scala parsing (error: [{scala_error}])."
                )
            })
        })
    }

    /// The port that becomes a column: 443 for `https`, 80 for every other scheme and for none.
    pub fn column_port(&self) -> u32 {
        self.port.unwrap_or(if self.scheme == Some("https") { 443 } else { 80 })
    }
}

fn encode_spaces<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if memchr::memchr(b' ', text.as_bytes()).is_none() {
        return text;
    }
    let mut encoded = bumpalo::collections::String::with_capacity_in(text.len() + 16, arena);
    for (index, piece) in text.split(' ').enumerate() {
        if index > 0 {
            encoded.push_str("%20");
        }
        encoded.push_str(piece);
    }
    encoded.into_bump_str()
}
