//! Which reports are kept: repetitions go, and of the branches of a `oneOf` only what tells most.

use std::collections::HashSet;

use super::Found;

pub(super) fn without_repetitions(mut reports: Vec<Found<'_>>) -> Vec<Found<'_>> {
    if reports.len() < 2 {
        return reports;
    }
    // Everything else of a report follows from its message, its path and its keyword.
    let mut seen: HashSet<(&str, Option<&str>, &str, &str)> = HashSet::with_capacity(reports.len());
    let keep: Vec<bool> = reports
        .iter()
        .map(|found| seen.insert((&found.report.message, found.report.path.as_deref(), found.keyword(), found.origin)))
        .collect();
    let mut keep = keep.into_iter();
    reports.retain(|_| keep.next().unwrap_or(true));
    reports
}

/// What `oneOf` passes on when no branch fits: missing members only if there is nothing else, then unexpected members
/// only if there is nothing else; wrong types first.
pub(super) fn most_telling<'m>(reports: Vec<Found<'m>>) -> Vec<Found<'m>> {
    let without = |reports: &[Found<'m>], keyword: &str| -> Vec<Found<'m>> {
        reports.iter().filter(|found| found.keyword() != keyword).cloned().collect()
    };
    let mut told = without(&reports, "required");
    if told.is_empty() {
        told = reports;
    }
    if told.len() > 1 {
        let mut rest = without(&told, "additionalProperties");
        if !rest.is_empty() {
            rest.sort_by_key(|found| rank(found.keyword()));
            told = rest;
        }
    }
    told
}

/// The reference sorts by this list, and by its error codes after that.
fn rank(keyword: &str) -> usize {
    const ORDER: [&str; 28] = [
        "type",
        "dateTime",
        "uuid",
        "additionalProperties",
        "allOf",
        "anyOf",
        "dependencies",
        "enum",
        "format",
        "items",
        "maximum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minimum",
        "minItems",
        "minLength",
        "minProperties",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "unionType",
        "uniqueItems",
        "notAllowed",
    ];
    ORDER.iter().position(|known| *known == keyword).unwrap_or(ORDER.len())
}
