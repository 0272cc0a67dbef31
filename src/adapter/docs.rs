//! The documentation of the adapters, made from their tables.

use super::{ADAPTERS, AdapterInfo, SchemaTable};

/// `docs/ADAPTERS.md` as it should be.
pub fn markdown() -> String {
    let mut out = String::from(INTRODUCTION);
    out.push_str("| adapter | path | tracker version | configuration block |\n|---|---|---|---|\n");
    for info in ADAPTERS {
        out.push_str(&format!(
            "| [{}](#{}) | `/{}/{}` | {} | {} |\n",
            info.title,
            anchor(info.title),
            info.vendor,
            info.version,
            optional_code(info.tracker),
            optional_code(info.block),
        ));
    }
    for info in ADAPTERS {
        push_adapter(info, &mut out);
    }
    out
}

const INTRODUCTION: &str = "\
# Adapters

<!-- Made from the tables in src/adapter by `THRESH_BLESS=1 cargo test --lib adapter::docs`. Do not edit. -->

An adapter turns the payload of one request path, `/vendor/version`, into events. The match is exact; a payload without
an adapter becomes an `adapter_failures` row. All or nothing: if one event of a payload fails in its adapter, no event of
that payload goes on, and one row holds every failure. Events are validated against their schemas one by one later.

Unless said otherwise an event gets `e=ue`, the adapter's tracker version as `tv`, the platform `srv` unless the
querystring names one, its data as `ue_pr`, and `nuid`, `aid`, `cv`, `eid`, `ttm`, `url` of the querystring.

Every schema can be replaced in a configuration file, JSON or TOML, under `adaptersSchemas.<block>.<key>`. Remote adapters
go under `remoteAdapters.configs` (`vendor`, `version`, `url`); they win over the built-in ones.

";

fn push_adapter(info: &AdapterInfo, out: &mut String) {
    out.push_str(&format!("\n## {}\n\n", info.title));
    out.push_str(&format!("* path: `/{}/{}`\n", info.vendor, info.version));
    out.push_str(&format!(
        "* data: {}\n* content type: {}\n* events: {}\n",
        info.input, info.content_type, info.events
    ));
    for note in info.notes {
        out.push_str(&format!("* {note}\n"));
    }
    for table in info.schemas {
        push_table(table, out);
    }
}

fn push_table(table: &SchemaTable, out: &mut String) {
    out.push_str(&format!("\n| {} | key | schema |\n|---|---|---|\n", table.selector));
    for row in table.rows {
        let name = if row.name.is_empty() { "–".to_owned() } else { format!("`{}`", row.name) };
        out.push_str(&format!("| {name} | `{}` | `{}` |\n", row.key, row.schema));
    }
}

fn optional_code(text: Option<&str>) -> String {
    text.map_or("–".to_owned(), |text| format!("`{text}`"))
}

/// The anchor that renderers give a heading.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ADAPTERS.md");
        if std::env::var_os("THRESH_BLESS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == markdown(),
            "docs/ADAPTERS.md is out of date: run THRESH_BLESS=1 cargo test --lib adapter::docs"
        );
    }

    #[test]
    fn tables_are_sound() {
        for info in ADAPTERS {
            for row in info.schemas.iter().flat_map(|table| table.rows) {
                assert!(crate::iglu::SchemaKey::parse(row.schema).is_ok(), "{}: {}", info.title, row.schema);
                assert!(!row.key.is_empty());
            }
            assert_eq!(info.block.is_some(), !info.schemas.is_empty(), "{}", info.title);
            let twins = ADAPTERS.iter().filter(|other| (other.vendor, other.version) == (info.vendor, info.version));
            assert_eq!(twins.count(), 1, "{}", info.title);
        }
    }
}
