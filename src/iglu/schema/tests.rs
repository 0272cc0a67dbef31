//! The specification's examples.

use bumpalo::Bump;

use super::*;

fn reports(schema: serde_json::Value, data: &str) -> Vec<Report> {
    let compiled = CompiledSchema::compile(&schema).unwrap_or_else(|issues| panic!("{schema}: {issues:?}"));
    let arena = Bump::new();
    let value = crate::json::parse(data, &arena).unwrap();
    let reports = compiled.reports(value);
    assert_eq!(compiled.is_valid(value), reports.is_empty(), "{schema} on {data}: {reports:?}");
    reports
}
