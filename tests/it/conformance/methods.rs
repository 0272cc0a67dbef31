//! Calls on objects and functions without a counterpart: why they have none.

use serde_json::Value;

use super::Answer;

/// Answers a call on an object.
pub fn answer(input: &Value, object: &Value) -> Answer {
    let text = input["call"].to_string();
    let reason = [
        ("\"IgluUtils.", VALIDATION),
        ("\"Shredder.", VALIDATION),
        ("\"Input.", INPUTS),
        ("ApiRequestConf", SERVICE),
        ("ApiRequestEnrichment", SERVICE),
        ("SqlQuery", SERVICE),
        ("Weather", SERVICE),
        ("HttpApi", SERVICE),
        ("IpLookupsEnrichment", "an error of the reference's library for MaxMind databases"),
        ("\"Cache\"", "the reference's cache"),
        ("EnrichmentManager.", "a step inside the enrichment manager; whole events go through the command line"),
        ("UaParser", "a rule file of the reference's test"),
        ("IabEnrichment", "lists of the reference's test"),
    ];
    let known = reason.iter().find(|(part, _)| text.contains(part)).map(|(_, reason)| *reason);
    Answer::Unmapped(match known {
        Some(reason) => reason,
        None if object.is_object() => "a call on an object of the reference",
        None => "no call",
    })
}

const VALIDATION: &str = "validation with a registry of the reference's test; whole events go through the command line";
const INPUTS: &str =
    "values for queries and requests: inside the SQL and API enrichments, which have tests of their own";
const SERVICE: &str = "answers of a service that the reference's test makes; ours are tested with stubs and servers";

/// Answers a function that [`super::calls`] does not know.
pub fn function(name: &str, _arguments: &[Value]) -> Answer {
    let prefix = name.split('.').next().unwrap_or_default();
    Answer::Unmapped(match prefix {
        "Input" | "eventTypeMap" => INPUTS,
        "IgluUtils" | "Shredder" | "CirceValidator" => VALIDATION,
        "CirceUtils" | "ScalazJson4sUtils" => "accessors of the reference's JSON library",
        "MiscEnrichments" => "texts that the reference puts together elsewhere, or about itself",
        "PiiPseudonymizerEnrichment" => "a repair after the reference's JSON library, which is not needed here",
        "HttpClient" => SERVICE,
        _ if name.ends_with("stringToDoubleLike") => "a converter that enrich 3.9.0 does not use",
        _ => "no counterpart",
    })
}
