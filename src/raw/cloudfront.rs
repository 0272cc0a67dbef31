//! CloudFront access logs (web distribution).
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders/CloudfrontLoader.scala`. Columns are separated by any white
//! space, since archived lines have been through consoles and Hive; the reference's pattern decides what else counts as
//! a line.

use bumpalo::Bump;

use super::columns::Columns;
use super::{Loaded, fallback, input_data, parse_querystring_column, parse_timestamp_columns, unless_dash};
use crate::badrow::LoaderMessage;
use crate::payload::decode::undouble;
use crate::payload::{CollectorPayload, Context, NameValue, PATH_EXPECTATION, Source, ip_of, parse_path};

/// Layouts of this many columns allow for more.
const OPEN_LAYOUT: usize = 23;
/// Columns up to the querystring, which all layouts begin with.
const COMMON_COLUMNS: usize = 12;
/// Where the querystring is.
pub(super) const QUERY: usize = 11;

/// Loads one line.
pub(super) fn load<'a>(line: &'a str, arena: &'a Bump) -> Loaded<'a> {
    if line.starts_with("#Version:") || line.starts_with("#Fields:") {
        return Loaded::Ignored;
    }
    load_columns(&Columns::split(line), arena, |query, messages| {
        parse_querystring_column(undouble(query, arena), messages, arena)
    })
}

/// Loads the columns of a line, with the pairs that `parse` makes of the querystring's.
#[inline]
pub(super) fn load_columns<'a>(
    columns: &Columns<'a>,
    arena: &'a Bump,
    parse: impl FnOnce(&'a str, &mut Vec<LoaderMessage<'a>>) -> &'a [NameValue<'a>],
) -> Loaded<'a> {
    let [date, time, _, _, ip, method, _, path, _, referer, agent, query, ..] = columns.texts;
    if columns.count >= COMMON_COLUMNS && !method.eq_ignore_ascii_case("GET") {
        let method = arena.alloc_str(&method.to_uppercase());
        return Loaded::Bad(vec![input_data("verb", Some(method), "operation must be GET")]);
    }
    if !layout_is_known(columns) {
        return Loaded::Bad(vec![fallback("does not match header or data row formats")]);
    }
    let mut messages = Vec::new();
    let timestamp = parse_timestamp_columns(date, time, &mut messages);
    let querystring = parse(query, &mut messages);
    let api = parse_path(path);
    if api.is_none() {
        messages.push(input_data("path", Some(path), PATH_EXPECTATION));
    }
    let Some(api) = api.filter(|_| messages.is_empty()) else {
        return Loaded::Bad(messages);
    };
    let referer = unless_dash(undouble(referer, arena));
    Loaded::Payload(CollectorPayload {
        api,
        querystring,
        content_type: None,
        body: None,
        source: Source { name: "cloudfront", encoding: "UTF-8", hostname: None },
        context: Context {
            timestamp,
            ip_address: unless_dash(forwarded_for(columns).and_then(ip_of).unwrap_or(ip)),
            useragent: unless_dash(undouble(agent, arena)),
            useragent_encoded: true,
            // CloudFront sometimes leaves a lone percent sign at the end.
            referer_uri: referer.map(|uri| uri.strip_suffix('%').unwrap_or(uri)),
            headers: &[],
            user_id: None,
        },
    })
}

/// Whether the line has as many columns as CloudFront wrote at some time. The cookie column may be empty, which shows as
/// a gap of two or more white-space characters; nothing may follow the last column of the older layouts.
fn layout_is_known(columns: &Columns<'_>) -> bool {
    match columns.count {
        COMMON_COLUMNS | 15 | 18 | 19 => columns.trailing_gap == 0,
        14 | 17 => columns.cookie_gap > 1 && columns.trailing_gap == 0,
        22 => columns.cookie_gap > 1,
        count => count >= OPEN_LAYOUT,
    }
}

/// The x-forwarded-for column, which the layouts of 23 columns and more have.
fn forwarded_for<'a>(columns: &Columns<'a>) -> Option<&'a str> {
    match columns.count {
        22 => Some(columns.texts[18]),
        count => (count >= OPEN_LAYOUT).then(|| columns.texts[19]),
    }
}
