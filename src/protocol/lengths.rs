//! The length check of the atomic columns.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/AtomicFieldsLengthValidator.scala`. Lengths count UTF-16
//! code units. One fix: `event_id` is really tested, where the reference tests `event` in its place.

use crate::badrow::{EnrichmentFailure, Message};
use crate::event::{ALL_COLUMNS, COLUMNS, EnrichedEvent};

/// Every text that is longer than its column allows, in column order, after a first message that says so; nothing if all
/// fit.
pub fn check_lengths<'a>(event: &EnrichedEvent<'a>) -> Vec<EnrichmentFailure<'a>> {
    let mut failures = Vec::new();
    for (column, value) in ALL_COLUMNS.iter().zip(event.values()) {
        let Some(text) = value else { continue };
        let info = &COLUMNS[*column as usize];
        let max = usize::from(info.max_length);
        // A text has at most as many code units as bytes, so that the exact count is needed only for the few that are
        // long in bytes.
        if max == 0 || text.len() <= max || text.encode_utf16().count() <= max {
            continue;
        }
        if failures.is_empty() {
            let headline = "Enriched event does not conform to atomic schema field's length restrictions";
            failures.push(EnrichmentFailure::unconditional(Message::simple(headline)));
        }
        let text = format!("Field {} longer than maximum allowed size {max}", info.name);
        failures.push(EnrichmentFailure::unconditional(Message::simple(text)));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Column;

    fn messages(set: &[(Column, &str)]) -> Vec<String> {
        let mut event = EnrichedEvent::default();
        for (column, text) in set {
            event.set(*column, Some(*text));
        }
        let found = check_lengths(&event);
        found
            .into_iter()
            .map(|failure| match failure.message {
                Message::Simple { error } => error.into_owned(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn long_texts_are_named_in_column_order() {
        let long = "x".repeat(101);
        let found = messages(&[(Column::v_etl, &long), (Column::v_tracker, &long)]);
        assert_eq!(
            found,
            [
                "Enriched event does not conform to atomic schema field's length restrictions",
                "Field v_tracker longer than maximum allowed size 100",
                "Field v_etl longer than maximum allowed size 100",
            ]
        );
    }

    #[test]
    fn lengths_are_utf16_units() {
        let accents = "é".repeat(100);
        assert_eq!(messages(&[(Column::v_tracker, &accents)]), Vec::<String>::new());
        let pairs = "😀".repeat(51);
        assert_eq!(messages(&[(Column::v_tracker, &pairs)]).len(), 2);
        assert_eq!(messages(&[(Column::v_tracker, &"😀".repeat(50))]), Vec::<String>::new());
    }

    #[test]
    fn columns_without_limit_and_the_event_id() {
        let long = "1".repeat(9000);
        assert_eq!(messages(&[(Column::contexts, &long), (Column::tr_total, &long)]), Vec::<String>::new());
        assert_eq!(messages(&[(Column::event_id, &long)])[1], "Field event_id longer than maximum allowed size 36");
    }
}
