//! Mailgun's webhooks up to 2022: flat forms, URL-encoded or in parts.

use bumpalo::Bump;

use super::super::helpers::form;
use super::super::helpers::request::FORM;
use super::super::helpers::tree::{Fields, Tree};
use crate::badrow::Message;
use crate::payload::Parameters;

const MULTIPART: &str = "multipart/form-data";
/// Longest boundary between parts.
const MAX_BOUNDARY: usize = 69;

/// The form's fields that have a value, if the body is a form that names its event. A form that cannot be read can only
/// be one of old.
pub(super) fn fields<'a>(
    content_type: Option<&'a str>,
    body: &'a str,
    arena: &'a Bump,
) -> Result<Option<Parameters<'a>>, Message<'a>> {
    let Some(content_type) = content_type else { return Ok(None) };
    let fields = match boundary(content_type) {
        Some(boundary) => parts(body, boundary),
        None if content_type.starts_with(FORM) || content_type.starts_with(MULTIPART) => {
            let pairs = form::parse(body, arena)
                .map_err(|error| Message::input("body", Some(body), form::unparsable(&error)))?;
            let valued: Vec<_> = pairs.in_reference_order().into_iter().filter(|(_, value)| value.is_some()).collect();
            Parameters::from_pairs(&valued)
        }
        None => return Ok(None),
    };
    Ok(fields.contains("event").then_some(fields))
}

/// The fields as an event.
pub(super) fn document<'a>(fields: &Parameters<'a>) -> Result<Fields<'a>, Message<'a>> {
    for (name, text) in
        [("timestamp", "missing 'timestamp'"), ("token", "missing 'token'"), ("signature", "missing 'signature'")]
    {
        if !fields.contains(name) {
            return Err(Message::input(name, None, text));
        }
    }
    let text = |value: Option<&'a str>| Tree::Text(value.unwrap_or_default().into());
    Ok(fields.in_reference_order().into_iter().map(|(name, value)| (name.into(), text(value))).collect())
}

/// What separates the parts.
fn boundary(content_type: &str) -> Option<&str> {
    let parameters = content_type.strip_prefix(MULTIPART)?;
    let (_, boundary) = parameters.split_once("boundary=")?;
    let boundary = boundary.trim_end_matches(' ').trim_matches('"').trim_end_matches(' ');
    (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY).then_some(boundary)
}

fn parts<'a>(body: &'a str, boundary: &str) -> Parameters<'a> {
    let pairs: Vec<_> = body.split(&format!("--{boundary}")).filter_map(part).collect();
    Parameters::from_pairs(&pairs)
}

/// The name and value of one part.
fn part(text: &str) -> Option<(&str, Option<&str>)> {
    let disposition = &text[text.find("Content-Disposition:")? + "Content-Disposition:".len()..];
    let headers_end = ["\r\n\r\n", "\n\n"]
        .into_iter()
        .filter_map(|gap| disposition.find(gap).map(|at| (at, at + gap.len())))
        .min()?;
    let line = disposition[..headers_end.0].lines().next()?;
    let parameters = line.trim_start().strip_prefix("form-data")?.trim_start().strip_prefix(';')?;
    let name = &parameters[parameters.find("name=\"")? + "name=\"".len()..];
    let name = &name[..name.find('"')?];
    (!name.is_empty()).then(|| (name, Some(disposition[headers_end.1..].trim())))
}
