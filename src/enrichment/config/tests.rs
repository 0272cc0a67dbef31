use super::*;
use crate::iglu::{Checked, ClientError, Report};

/// Accepts everything but data with a member `bad`.
struct TestValidator;

impl Validator for TestValidator {
    fn check(&mut self, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        if item.data.get("bad").is_none() {
            return Ok(Checked { superseded_by: None });
        }
        let report = Report { message: "$.bad: no".into(), path: None, keyword: None, targets: Vec::new() };
        Err(Box::new(ClientError::Data { superseded_by: None, reports: vec![report] }))
    }
}

fn file(name: &str, schema: &str, data: &str) -> ConfigFile {
    ConfigFile { name: name.into(), text: format!(r#"{{"schema":"iglu:{schema}","data":{data}}}"#) }
}

fn anon_ip(name: &str, octets: u32) -> ConfigFile {
    let data = format!(r#"{{"name":"a","vendor":"v","enabled":true,"parameters":{{"anonOctets":{octets}}}}}"#);
    file(name, "com.snowplowanalytics.snowplow/anon_ip/jsonschema/1-0-0", &data)
}

fn read(files: &[ConfigFile], skip_unsupported: bool) -> Result<Configs, String> {
    let options = EnrichmentOptions { skip_unsupported, ..EnrichmentOptions::default() };
    read_configs(files, &mut TestValidator, &options).map_err(|errors| errors.to_string())
}

#[test]
fn the_later_of_two_files_wins_and_disabled_ones_are_dropped() {
    let disabled = file(
        "b.json",
        "com.snowplowanalytics.snowplow/event_fingerprint_config/jsonschema/1-0-0",
        r#"{"enabled":false}"#,
    );
    let configs = read(&[anon_ip("a.json", 1), disabled, anon_ip("c.json", 2)], false).unwrap();
    let names: Vec<(&str, &str)> = configs.enabled.iter().map(|named| (named.name, named.file.as_str())).collect();
    assert_eq!(names, [("anon_ip", "c.json")]);
    assert_eq!(configs.warnings, ["a.json: ignored, because c.json configures anon_ip too"]);
}

#[test]
fn disabled_files_are_validated_too() {
    let key = "com.snowplowanalytics.snowplow/anon_ip/jsonschema/1-0-0";
    let error = read(&[file("a.json", key, r#"{"enabled":false,"bad":1}"#)], false).unwrap_err();
    assert!(error.contains("Enrichment with key 'iglu:com.snowplowanalytics.snowplow/anon_ip/jsonschema/1-0-0` is invalid - {\"error\":\"ValidationError\""), "{error}");
}

#[test]
fn versions_and_vendors_must_fit() {
    for key in [
        "com.snowplowanalytics.snowplow/anon_ip/jsonschema/1-1-0",
        "com.snowplowanalytics.snowplow/anon_ip/jsonschema/2-0-0",
        "com.acme/anon_ip/jsonschema/1-0-0",
    ] {
        let error = read(&[file("a.json", key, r#"{"enabled":true}"#)], false).unwrap_err();
        let text = format!(
            "Cannot decode enrichments - a.json: Schema key iglu:{key} is not supported. A 'anon_ip' enrichment must have \
             schema iglu:com.snowplowanalytics.snowplow/anon_ip/jsonschema/1-0-*."
        );
        assert_eq!(error, text);
    }
    let old = file("r.json", "com.snowplowanalytics.snowplow/referer_parser/jsonschema/1-0-0", r#"{"enabled":true}"#);
    assert!(read(&[old], false).unwrap_err().contains("name a list of your own"));
}

#[test]
fn every_fault_of_every_file_is_told() {
    let no_parameters = file(
        "b.json",
        "com.snowplowanalytics.snowplow/event_fingerprint_config/jsonschema/1-0-0",
        r#"{"enabled":true,"parameters":{"hashAlgorithm":"MD4"}}"#,
    );
    let not_json = ConfigFile { name: "c.json".into(), text: "{".into() };
    let not_self_describing = ConfigFile { name: "d.json".into(), text: "{}".into() };
    let error = read(&[anon_ip("a.json", 5), no_parameters, not_json, not_self_describing], false).unwrap_err();
    for part in [
        "a.json: IPv4 address octets to anonymize must be 1, 2, 3 or 4. Value: 5 was given.",
        "b.json: Could not extract parameters.excludeParameters as list of strings",
        "parameters.hashAlgorithm: [MD4] is not a supported event fingerprint generation algorithm",
        "c.json: not JSON: exhausted input",
        "d.json: INVALID_DATA_PAYLOAD",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn what_cannot_be_run_is_refused_or_left_out_loudly() {
    for key in [
        "com.snowplowanalytics.snowplow.enrichments/yauaa_enrichment_config/jsonschema/1-0-0",
        "com.snowplowanalytics.snowplow.enrichments/asn_lookups/jsonschema/1-0-0",
    ] {
        let files = [file("y.json", key, r#"{"enabled":true}"#), anon_ip("a.json", 1)];
        assert!(read(&files, false).unwrap_err().contains("--skip-unsupported"), "{key}");
        let configs = read(&files, true).unwrap();
        assert_eq!(configs.enabled.len(), 1);
        assert!(configs.warnings[0].contains("is left out"), "{:?}", configs.warnings);
        let disabled = [file("y.json", key, r#"{"enabled":false}"#)];
        assert!(read(&disabled, false).unwrap().enabled.is_empty());
    }
}

#[test]
fn unknown_names_are_ignored_with_a_warning() {
    let unknown = file("u.json", "com.snowplowanalytics.snowplow/anon_ipp/jsonschema/1-0-0", r#"{"enabled":true}"#);
    let configs = read(&[unknown], false).unwrap();
    assert!(configs.enabled.is_empty());
    assert_eq!(configs.warnings, ["u.json: ignored, because no enrichment is called anon_ipp"]);
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.json", "a.json", ".hidden.json", "notes.txt"] {
        std::fs::write(folder.path().join(name), "{}").unwrap();
    }
    let names: Vec<String> = read_folder(folder.path()).unwrap().into_iter().map(|file| file.name).collect();
    assert!(names.len() == 2 && names[0].ends_with("/a.json") && names[1].ends_with("/b.json"), "{names:?}");
    std::fs::write(folder.path().join("c.hocon"), "").unwrap();
    assert!(read_folder(folder.path()).unwrap_err().to_string().contains("HOCON is not read"));
    assert!(read_folder(&folder.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
}
