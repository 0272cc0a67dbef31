//! Vendor, name, format and version of an event.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/SchemaEnrichment.scala`.

use bumpalo::Bump;

use super::convert::Expectation;
use crate::event::{Column, EnrichedEvent};
use crate::iglu::SchemaKey;
use crate::payload::SNOWPLOW_VENDOR;

/// Sets `event_vendor`, `event_name`, `event_format` and `event_version`. The error is what was expected of the column
/// `event`.
pub fn set_schema_fields<'a>(
    event: &mut EnrichedEvent<'a>,
    unstruct: Option<SchemaKey<'a>>,
    arena: &'a Bump,
) -> Result<(), Expectation> {
    let classic = |vendor, name| Some([vendor, name, "jsonschema", "1-0-0"]);
    let fields = match event.get(Column::event) {
        Some(name @ ("page_view" | "page_ping" | "transaction" | "transaction_item")) => classic(SNOWPLOW_VENDOR, name),
        Some("struct") => classic("com.google.analytics", "event"),
        Some("unstruct") => unstruct.map(|key| [key.vendor, key.name, key.format, version_text(&key, arena)]),
        other => {
            let shown = other.unwrap_or("null");
            let indent = "          ";
            return Err(format!(
                "trying to extract the schema of the enriched event but event type [{shown}] doesn't match\n{indent}\
                 any of page_view, page_ping, struct, transaction, transaction_item and unstruct\n{indent}"
            )
            .into());
        }
    };
    if let Some(fields) = fields {
        let columns = [Column::event_vendor, Column::event_name, Column::event_format, Column::event_version];
        for (column, field) in columns.into_iter().zip(fields) {
            event.set(column, Some(field));
        }
    }
    Ok(())
}

fn version_text<'a>(key: &SchemaKey<'_>, arena: &'a Bump) -> &'a str {
    if (key.version.model, key.version.revision, key.version.addition) == (1, 0, 0) {
        return "1-0-0";
    }
    bumpalo::format!(in arena, "{}", key.version).into_bump_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(event_type: Option<&str>, unstruct: Option<&str>) -> Result<Vec<Option<String>>, String> {
        let arena = Bump::new();
        let mut event = EnrichedEvent::default();
        event.set(Column::event, event_type);
        let key = unstruct.map(|uri| SchemaKey::parse(uri).unwrap());
        set_schema_fields(&mut event, key, &arena).map_err(Expectation::into_owned)?;
        let columns = [Column::event_vendor, Column::event_name, Column::event_format, Column::event_version];
        Ok(columns.iter().map(|column| event.get(*column).map(str::to_owned)).collect())
    }

    fn four(vendor: &str, name: &str, format: &str, version: &str) -> Result<Vec<Option<String>>, String> {
        Ok([vendor, name, format, version].iter().map(|field| Some((*field).to_owned())).collect())
    }

    #[test]
    fn classic_events() {
        for name in ["page_view", "page_ping", "transaction", "transaction_item"] {
            let expected = four("com.snowplowanalytics.snowplow", name, "jsonschema", "1-0-0");
            assert_eq!(fields(Some(name), None), expected);
        }
        assert_eq!(fields(Some("struct"), None), four("com.google.analytics", "event", "jsonschema", "1-0-0"));
    }

    #[test]
    fn self_describing_events() {
        let found = fields(Some("unstruct"), Some("iglu:com.acme/click/jsonschema/2-0-13"));
        assert_eq!(found, four("com.acme", "click", "jsonschema", "2-0-13"));
        assert_eq!(fields(Some("unstruct"), None), Ok(vec![None; 4]));
        let ignored = fields(Some("page_view"), Some("iglu:com.acme/click/jsonschema/2-0-13"));
        assert_eq!(ignored.unwrap()[1].as_deref(), Some("page_view"));
    }

    #[test]
    fn unknown_events_fail() {
        let expected = "trying to extract the schema of the enriched event but event type [null] doesn't match\n          \
                        any of page_view, page_ping, struct, transaction, transaction_item and unstruct\n          ";
        assert_eq!(fields(None, None), Err(expected.into()));
        assert_eq!(fields(Some("ad_impression"), None), Err(expected.replace("null", "ad_impression")));
    }
}
