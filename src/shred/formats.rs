//! Which schemas become tables (TSV), which JSON, and which nothing.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/common/.../config/ShredderConfig.scala` (`formats`) and
//! `modules/common/.../common/Config.scala` (overlap). `skip` is honoured here; the reference forgot to.

use std::fmt;

use crate::iglu::{SchemaCriterion, SchemaKey};

/// The form of an entity's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowFormat {
    /// One column per leaf of the schema.
    #[default]
    Tsv,
    /// One self-contained JSON object.
    Json,
}

impl RowFormat {
    /// The name in folder names.
    pub fn folder(self) -> &'static str {
        match self {
            RowFormat::Tsv => "tsv",
            RowFormat::Json => "json",
        }
    }

    /// The name in messages to the loader.
    pub fn message(self) -> &'static str {
        match self {
            RowFormat::Tsv => "TSV",
            RowFormat::Json => "JSON",
        }
    }
}

/// The form of every schema's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    /// The form of schemas that no list names.
    pub default: RowFormat,
    /// Schemas to be written as TSV.
    pub tsv: Vec<SchemaCriterion>,
    /// Schemas to be written as JSON.
    pub json: Vec<SchemaCriterion>,
    /// Schemas not to be written at all.
    pub skip: Vec<SchemaCriterion>,
}

/// Criteria that stand in two lists at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap(pub Vec<SchemaCriterion>);

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(
            f,
            "Following schema criterions overlap in different groups (TSV, JSON, skip): {}. Make sure every schema can \
             have only one format",
            list.join(", ")
        )
    }
}

impl std::error::Error for Overlap {}

impl Formats {
    /// The form of a schema's rows; `None` if there are to be no rows.
    pub fn of(&self, key: &SchemaKey<'_>) -> Option<RowFormat> {
        let listed = |list: &[SchemaCriterion]| list.iter().any(|criterion| criterion.matches(key));
        if listed(&self.skip) {
            None
        } else if listed(&self.json) {
            Some(RowFormat::Json)
        } else if listed(&self.tsv) {
            Some(RowFormat::Tsv)
        } else {
            Some(self.default)
        }
    }

    /// Refuses lists of which two could name the same schema.
    pub fn check(&self) -> Result<(), Overlap> {
        let mut overlapping = Vec::new();
        for (one, other) in [(&self.tsv, &self.json), (&self.tsv, &self.skip), (&self.json, &self.skip)] {
            for a in one {
                for b in other {
                    if overlaps(a, b) {
                        overlapping.extend([a.clone(), b.clone()]);
                    }
                }
            }
        }
        if overlapping.is_empty() { Ok(()) } else { Err(Overlap(overlapping)) }
    }
}

fn overlaps(a: &SchemaCriterion, b: &SchemaCriterion) -> bool {
    let meets = |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
    a.vendor == b.vendor
        && a.name == b.name
        && meets(a.model, b.model)
        && meets(a.revision, b.revision)
        && meets(a.addition, b.addition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criteria(texts: &[&str]) -> Vec<SchemaCriterion> {
        texts.iter().map(|text| SchemaCriterion::parse(text).unwrap()).collect()
    }

    #[test]
    fn lists_go_before_the_default() {
        let formats = Formats {
            default: RowFormat::Tsv,
            tsv: vec![],
            json: criteria(&["iglu:com.acme/a/jsonschema/1-*-*"]),
            skip: criteria(&["iglu:com.acme/b/jsonschema/*-*-*"]),
        };
        let of = |uri: &str| formats.of(&SchemaKey::parse(uri).unwrap());
        assert_eq!(of("iglu:com.acme/a/jsonschema/1-2-3"), Some(RowFormat::Json));
        assert_eq!(of("iglu:com.acme/a/jsonschema/2-0-0"), Some(RowFormat::Tsv));
        assert_eq!(of("iglu:com.acme/b/jsonschema/7-0-0"), None);
        let json = Formats { default: RowFormat::Json, ..formats };
        assert_eq!(json.of(&SchemaKey::parse("iglu:x/y/jsonschema/1-0-0").unwrap()), Some(RowFormat::Json));
    }

    #[test]
    fn no_schema_in_two_lists() {
        let formats =
            |tsv: &[&str], json: &[&str]| Formats { tsv: criteria(tsv), json: criteria(json), ..Formats::default() };
        assert!(formats(&["iglu:a/b/jsonschema/1-0-0"], &["iglu:a/b/jsonschema/1-0-1"]).check().is_ok());
        let overlap = formats(&["iglu:a/b/jsonschema/1-0-*"], &["iglu:a/b/jsonschema/*-0-1"]).check().unwrap_err();
        assert!(overlap.to_string().starts_with(
            "Following schema criterions overlap in different groups (TSV, JSON, skip): \
             iglu:a/b/jsonschema/1-0-*, iglu:a/b/jsonschema/*-0-1."
        ));
    }
}
