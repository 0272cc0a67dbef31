//! What becomes of rows: places, scripts, times, duplicates, previews.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{BADROWS, World, adapter_failure, bad_row, empty_resolver, flows, mending_flow};

#[test]
fn every_row_ends_in_exactly_one_place() {
    let world = World::new();
    let mut rows = Vec::new();
    for _ in 0..250 {
        rows.extend([adapter_failure("wrong"), adapter_failure("broken"), adapter_failure("unknown")]);
    }
    rows.push(bad_row("size_violation", &json!({"failure": {}, "payload": "x"})));
    rows.push("{\"line\": cut o".to_owned());
    rows.push(r#"{"size":1,"errors":["e"]}"#.to_owned());
    rows.push(String::new());
    rows.push("\u{0}\u{1}not a row\u{7f}".to_owned());
    world.write("bad/part-0", &(rows.join("\n") + "\n"));
    world.write("config.json", &mending_flow());
    let summary = world.recover("bad", &["--config", "config.json"], &[]);
    assert_eq!(summary["records_in"], 755);
    assert_eq!(summary["records_good_source"], 250);
    assert_eq!(summary["named"]["recovered"], 250);
    assert_eq!(summary["named"]["unmatched"], 250);
    assert_eq!(summary["named"]["failed"], 252);
    assert_eq!(summary["named"]["unrecoverable"], 2);
    assert_eq!(summary["records_ignored"], 1);
    assert_eq!(summary["named"]["flow: mend"], 250);
    assert_eq!(summary["named"]["flow: break"], 250);
    assert_eq!(world.lines("failed/run=r").len(), 252);
    assert_eq!(world.lines("failed/unmatched/run=r").len(), 250);
    assert_eq!(world.lines("unrecoverable/run=r").len(), 2);
    let failed: Value = serde_json::from_str(&world.lines("failed/run=r")[0]).unwrap();
    assert_eq!(failed["schema"], format!("{BADROWS}/recovery_error/jsonschema/1-0-1"));
    assert_eq!(failed["data"]["payload"], serde_json::from_str::<Value>(&adapter_failure("broken")).unwrap());
    assert_eq!(failed["data"]["recoveries"], 1);

    // What failed can be recovered once the configuration is right, and counts on.
    let fixed = mending_flow().replace("$.no.such.field", "$.querystring.e");
    world.write("config.json", &fixed);
    let places = ["--output", "out2", "--failed", "failed2", "--unrecoverable", "un2", "--run-id", "r"];
    let mut all = vec!["recover", "failed/run=r", "--config", "config.json", "--output-format", "lines"];
    all.extend(places);
    let summary = world.summary(&all);
    assert_eq!((&summary["named"]["recovered"], &summary["named"]["unmatched"]), (&json!(250), &json!(2)));
    let records = world.lines("out2/run=r");
    assert_eq!(records.len(), 250);
    let record = STANDARD.decode(&records[0]).unwrap();
    assert!(record.windows(3).any(|window| window == b"e=x"), "the querystring is mended");
}

#[test]
fn the_enriched_event_is_seen_where_a_condition_asks_for_it_and_kept_where_none_does() {
    let world = World::new();
    let row = |app_id: &str| {
        let raw = json!({"vendor": "v", "version": "1", "loaderName": "c", "encoding": "UTF-8",
            "parameters": [{"name": "e", "value": "pv"}]});
        let enriched =
            json!({"app_id": app_id, "page_title": "caf\u{e9} \"x\"", "geo_latitude": -1.5e-3, "more": [null, {}]});
        bad_row(
            "enrichment_failures",
            &json!({"failure": {"messages": []}, "payload": {"enriched": enriched, "raw": raw}}),
        )
    };
    world.write("bad/part-0", &format!("{}\n{}\n", row("shop"), row("blog")));
    let config = |path: &str, regex: &str| {
        let test = json!([{"op": "Test", "path": path, "value": {"regex": regex}}]);
        let broken = json!([{"op": "Replace", "path": "$.raw.no.such", "match": "a", "value": "b"}]);
        let criterion = format!("{BADROWS}/enrichment_failures/jsonschema/*-*-*");
        flows(&json!({criterion: [{"name": "f", "conditions": test, "steps": broken}]}))
    };
    for (path, regex, failed) in [
        ("$.payload.enriched.app_id", "shop", vec!["shop"]),
        ("$.payload.enriched", "more", vec!["shop", "blog"]),
        ("$.payload", "blog", vec!["blog"]),
        ("$.payload.raw.vendor", "v", vec!["shop", "blog"]),
    ] {
        world.write("config.json", &config(path, regex));
        for folder in ["out", "failed", "unrecoverable"] {
            std::fs::remove_dir_all(world.path(folder)).ok();
        }
        world.recover("bad", &["--config", "config.json"], &[]);
        let rows = world.lines("failed/run=r");
        let kept: Vec<Value> = rows.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
        let payloads: Vec<&Value> = kept.iter().map(|row| &row["data"]["payload"]).collect();
        let expected: Vec<Value> = failed.iter().map(|app_id| serde_json::from_str(&row(app_id)).unwrap()).collect();
        assert_eq!(payloads, expected.iter().collect::<Vec<_>>(), "{path}");
    }
}

#[test]
fn recovered_blocks_are_read_by_enrich() {
    let world = World::new();
    // More rows than a block holds, and several chunks.
    let rows: Vec<String> = (0..6_000).map(|_| adapter_failure("wrong")).collect();
    world.write("bad/part-0", &rows.join("\n"));
    world.write("config.json", &mending_flow());
    let summary = world.recover("bad", &["--config", "config.json"], &[]);
    assert_eq!(summary["named"]["recovered"], 6_000);
    let resolver = empty_resolver(&world);
    let enrich = ["enrich", "out/run=r", "--output", "good", "--bad", "again", "--run-id", "e", "--offline"];
    let mut all = enrich.to_vec();
    all.extend(["--resolver", &resolver]);
    let summary = world.summary(&all);
    assert_eq!(summary["records_in"], 6_000);
}

#[test]
fn scripts_and_what_they_do_to_rows() {
    let world = World::new();
    let legacy = |line: &str, error: &str| json!({"line": line, "errors": [error]}).to_string();
    let rows = [
        legacy("2016-01-01\ta", "keep"),
        legacy("2016-01-01\tb", "drop"),
        legacy("2016-01-01\tc", "throw"),
        legacy("2016-01-01\td", "loop"),
        json!({"line": "2016-01-01\te", "errors": [{"level": "error", "message": "keep"}]}).to_string(),
        "2016-01-01\traw".to_owned(),
        adapter_failure("x"),
    ];
    world.write("bad/part-0", &rows.join("\n"));
    let script = "
        var calls = 0;
        function process(event, errors) {
            calls += 1;
            if (calls != 1) return 'state leaked';
            if (errors.length == 0) return event + '!';
            if (errors[0] == 'drop') return null;
            if (errors[0] == 'throw') return parseJson('{');
            while (errors[0] == 'loop') {}
            var fields = tsvToArray(event);
            fields[0] = '2017-01-01';
            return arrayToTsv(fields);
        }";
    world.write("script.js", script);
    let summary = world.recover("bad", &["--script", "script.js", "--script-timeout", "200"], &[]);
    assert_eq!(world.lines("out/run=r"), ["2017-01-01\ta", "2017-01-01\te", "2016-01-01\traw!"]);
    assert_eq!(world.lines("unrecoverable/discarded/run=r"), [rows[1].clone()]);
    assert_eq!(world.lines("failed/run=r"), [rows[2].clone(), rows[3].clone()]);
    assert_eq!(world.lines("failed/unmatched/run=r"), [rows[6].clone()]);
    assert_eq!(summary["named"]["discarded_by_script"], 1);
    assert_eq!((&summary["records_in"], &summary["records_good_source"]), (&json!(7), &json!(3)));
}

#[test]
fn wrong_rules_are_told_before_anything_is_read() {
    let world = World::new();
    world.write("bad/part-0", "x\n");
    for (name, text, said) in [
        ("config.json", flows(&json!({"iglu:a/b/c/*-*-*": [{"name": "x", "conditions": []}]})), "steps"),
        ("config.json", "{}".to_owned(), "schema"),
        ("script.js", "function process( {".to_owned(), "script.js"),
        ("script.js", "var x = 1;".to_owned(), "no function process"),
    ] {
        world.write(name, &text);
        let option = if name == "config.json" { "--config" } else { "--script" };
        let places = ["--output", "o", "--failed", "f", "--unrecoverable", "u"];
        let mut all = vec!["recover", "bad", option, name];
        all.extend(places);
        let output = world.thresh(&all);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(said), "{errors}");
        assert!(!world.path("o").exists());
    }
}

#[test]
fn hostile_patterns_end() {
    let world = World::new();
    let long = "a".repeat(20_000);
    world.write("bad/part-0", &format!("{}\n{}\n", adapter_failure(&long), adapter_failure("wrong")));
    let hostile = flows(&json!({format!("{BADROWS}/adapter_failures/jsonschema/*-*-*"): [
        {"name": "x", "conditions": [{"op": "Test", "path": "$.payload.querystring.e", "value": {"regex": "^\"(a|aa)+(?=b)\\1$"}}], "steps": []},
        {"name": "y", "conditions": [], "steps": [{"op": "Replace", "path": "$.querystring.e", "match": "(?=a*(a*)*c)|", "value": long}]}]}));
    world.write("config.json", &hostile);
    let begun = std::time::Instant::now();
    let summary = world.recover("bad", &["--config", "config.json"], &[]);
    assert_eq!(summary["records_in"], 2);
    assert_eq!(summary["named"]["failed"], 1);
    assert!(begun.elapsed().as_secs() < 60);
}

#[test]
fn only_the_time_that_was_asked_for() {
    let world = World::new();
    world.write("config.json", &mending_flow());
    let wrong = adapter_failure("wrong") + "\n";
    world.write("bad/run=2020-06-01-00-00-00/part-0", &wrong);
    world.write("bad/run=2020-06-01-00-00-00/_SUCCESS", "");
    world.write("bad/run=2020-06-09-00-00-00/part-0", &wrong);
    world.write("bad/run=2020-06-09-00-00-00/_SUCCESS", "");
    world.write("bad/loose/part-0", &(wrong.clone() + &wrong.replace("2020-06-08T11:26:51Z", "2019-01-01T00:00:00Z")));
    let more = ["--since", "2020-06-08", "--until", "2020-06-10"];
    let summary = world.recover("bad", &["--config", "config.json"], &more);
    assert_eq!((&summary["named"]["recovered"], &summary["named"]["outside_time"]), (&json!(2), &json!(2)));
    assert_eq!(summary["records_in"], 4);
}

#[test]
fn good_events_are_not_recovered_again() {
    let world = World::new();
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    let event = |n: u32| json!({"e": "pv", "eid": id(n)});
    let body = json!({"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4",
        "data": [event(1), event(2), event(3)]});
    let line = format!(
        "2016-03-17\t18:04:29\t-\t-\t192.0.2.1\tPOST\t192.0.2.1\t/com.snowplowanalytics.snowplow/tp2\t200\t-\tUA\tcv=clj-1.0.0-tom-0.2.0&nuid=x\t-\t-\t-\tapplication%2Fjson\t{}",
        STANDARD.encode(body.to_string())
    );
    let row = json!({"line": line, "errors": ["e"]}).to_string();
    world.write("bad/part-0", &format!("{row}\n{row}\n"));
    let enriched = |n: u32| format!("app\tweb\t\t\t\tpv\t{}\t{}\n", id(n), "\t".repeat(123));
    world.write("good/part-0", &(enriched(1) + &enriched(3)));
    world.write("script.js", "function process(event) { return event; }");
    let more = ["--already-good", "good", "--drop-duplicates"];
    let summary = world.recover("bad", &["--script", "script.js"], &more);
    assert_eq!((&summary["named"]["recovered_lines"], &summary["named"]["duplicates"]), (&json!(1), &json!(1)));
    let lines = world.lines("out/run=r");
    let (_, body) = lines[0].rsplit_once('\t').unwrap();
    let body: Value = serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap();
    assert_eq!(body["data"], json!([event(2)]));

    // The same through flows, whose legacy rows are lifted.
    let key = format!("{BADROWS}/legacy_bad_row/jsonschema/*-*-*");
    let matched = json!([{"op": "Test", "path": "$.failure.messages", "value": {"regex": "\"e\""}}]);
    world.write("config.json", &flows(&json!({key: [{"name": "all", "conditions": matched, "steps": []}]})));
    let mut all = vec!["recover", "bad", "--config", "config.json", "--output-format", "lines", "--run-id", "r"];
    all.extend(["--output", "out2", "--failed", "f2", "--unrecoverable", "u2", "--already-good", "good"]);
    assert_eq!(world.summary(&all)["named"]["recovered"], 2);
    let record = STANDARD.decode(&world.lines("out2/run=r")[0]).unwrap();
    let text = String::from_utf8_lossy(&record);
    assert!(text.contains(&id(2)) && !text.contains(&id(1)) && !text.contains(&id(3)), "{text}");
}

#[test]
fn dry_runs_show_before_and_after_and_write_nothing() {
    let world = World::new();
    let rows = [adapter_failure("wrong"), adapter_failure("unknown")];
    world.write("bad/part-0", &rows.join("\n"));
    world.write("config.json", &mending_flow());
    let arguments = ["recover", "bad", "--config", "config.json", "--dry-run", "--sample", "3"];
    let output = world.thresh(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("$.querystring.e\n      - \"wrong\"\n      + \"pv\"\n"), "{text}");
    assert!(text.contains("  mend                 1\n") && text.contains("  break                0\n"), "{text}");
    let seen = world.summary(&arguments);
    assert_eq!(seen["fates"], json!({"recovered": 1, "unmatched": 1}));
    let mut names: Vec<_> = std::fs::read_dir(world.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["bad", "config.json"]);
}

#[test]
fn suggestions_lead_to_a_configuration() {
    let world = World::new();
    let failure = json!({"timestamp": "2020-06-08T11:26:51Z", "messages": [
        {"enrichment": null, "message": {"field": "p", "value": "wob", "expectation": "not recognized as a tracking platform"}}]});
    let row = bad_row("enrichment_failures", &json!({"failure": failure, "payload": {}}));
    world.write("bad/part-0", &format!("{row}\n{row}\nnonsense\n"));
    let found = world.summary(&["recover", "bad", "--suggest"]);
    assert_eq!((&found["rows"], &found["no_bad_rows"]), (&json!(3), &json!(1)));
    assert_eq!(found["groups"][0]["field"], "p");
    assert_eq!(found["groups"][0]["count"], 2);
    let skeleton = &found["skeleton"]["data"][format!("{BADROWS}/enrichment_failures/jsonschema/1-*-*")][0];
    assert_eq!(skeleton["steps"][0]["path"], "$.raw.parameters.p");
    let text = String::from_utf8(world.thresh(&["recover", "bad", "--suggest"]).stdout).unwrap();
    assert!(text.contains("not recognized as a tracking platform"), "{text}");
}

/// Numbers that look random and are the same every time.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Rows of every kind with bytes lost, doubled, changed, and rows that only a malicious mind writes.
fn malformed_rows() -> Vec<Vec<u8>> {
    let event = json!({"vendor": "v", "version": "1", "loaderName": "c", "encoding": "UTF-8",
        "parameters": [{"name": "e", "value": "pv"}, {"name": "cx", "value": "e30"}, {"name": "co", "value": "{}"}]});
    let whole = [
        adapter_failure("wrong"),
        bad_row("schema_violations", &json!({"failure": {"messages": []}, "payload": {"enriched": {}, "raw": event}})),
        bad_row("collector_payload_format_violation", &json!({"failure": {"loader": "thrift"}, "payload": "CgDIAAAA"})),
        bad_row("recovery_error", &json!({"failure": {}, "payload": {"schema": "x", "data": 1}, "recoveries": -1})),
        json!({"line": "CgDIAAAAAAAAAAALANIAAAAFVVRGLTg=", "errors": [{"message": "Field [p]"}]}).to_string(),
        json!({"line": "2016-01-01\t00:00:00\t-\t1\t192.0.2.1\tGET\tc\t/i\t200\t-\tUA\te=pv\t-", "errors": ["e"]})
            .to_string(),
    ];
    let mut noise = Noise(88_172_645_463_325_252);
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for number in 0..1500 {
        let mut row = whole[number % whole.len()].clone().into_bytes();
        for _ in 0..=noise.below(4) {
            let at = noise.below(row.len().max(1));
            match noise.below(4) {
                0 => row.truncate(at),
                1 => row.insert(at.min(row.len()), noise.below(256) as u8),
                2 if at < row.len() => row[at] = noise.below(256) as u8,
                _ => row.extend_from_within(at.min(row.len())..),
            }
        }
        row.retain(|byte| !b"\r\n".contains(byte));
        rows.push(row);
    }
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for nested in [deep(400), deep(200_000), objects(400), objects(100_000)] {
        rows.push(nested.clone().into_bytes());
        rows.push(whole[0].replace("\"messages\":[]", &format!("\"messages\":{nested}")).into_bytes());
        rows.push(whole[0].replace("\"pv\"", &nested).replace("\"wrong\"", &nested).into_bytes());
        let quoted = serde_json::to_string(&nested).unwrap();
        rows.push(whole[1].replace("\"{}\"", &quoted).into_bytes());
        rows.push(whole[4].replace("\"Field [p]\"", &nested).into_bytes());
    }
    rows.push(br#"{"schema":"a","schema":"b","data":1,"data":{}}"#.to_vec());
    rows.push(format!("{{\"line\":\"x\",\"errors\":[{}]}}", "9".repeat(100_000)).into_bytes());
    rows.retain(|row| !row.is_empty());
    rows
}

#[test]
fn malformed_rows_never_stop_a_run() {
    let world = World::new();
    let rows = malformed_rows();
    std::fs::create_dir(world.path("bad")).unwrap();
    std::fs::write(world.path("bad/part-0"), rows.join(&b'\n')).unwrap();
    let every = json!([{"op": "Test", "path": "$.payload", "value": {"regex": "."}}]);
    let through = json!([{"op": "Replace", "path": "$.raw.parameters.co.data.[?(@.schema=~x)].schema", "value": "y"}]);
    let add = json!([{"op": "Add", "path": "$.querystring", "value": [{"name": "tv", "value": "x"}]}]);
    world.write(
        "config.json",
        &flows(&json!({
            format!("{BADROWS}/schema_violations/jsonschema/*-*-*"): [{"name": "a", "conditions": every, "steps": through}],
            "iglu:com.snowplowanalytics.snowplow.badrows/adapter_failures/jsonschema/*-*-*":
                [{"name": "b", "conditions": [], "steps": add}],
            "iglu:com.snowplowanalytics.snowplow.badrows/collector_payload_format_violation/jsonschema/*-*-*":
                [{"name": "c", "conditions": [], "steps": []}],
            "iglu:com.snowplowanalytics.snowplow.badrows/legacy_bad_row/jsonschema/*-*-*":
                [{"name": "d", "conditions": [], "steps": add}],
        })),
    );
    world.write("script.js", "function process(event, errors) { return errors.length > 5 ? null : event + ''; }");
    for rules in [["--config", "config.json"], ["--script", "script.js"]] {
        let summary = world.recover("bad", &rules, &["--output-format", "lines"]);
        assert_eq!(summary["records_in"], rows.len(), "{summary}");
        assert!(summary["named"].get("panics").is_none(), "{summary}");
        let places = ["out", "out/lines", "failed", "failed/unmatched", "unrecoverable", "unrecoverable/discarded"];
        let found: usize = places.iter().map(|place| world.lines(&format!("{place}/run=r")).len()).sum();
        assert_eq!(found, rows.len(), "{summary}");
        for folder in ["out", "failed", "unrecoverable"] {
            std::fs::remove_dir_all(world.path(folder)).unwrap();
        }
        assert_eq!(world.thresh(&["recover", "bad", "--suggest"]).status.code(), Some(0));
        let sampled = [&["recover", "bad", "--dry-run", "--sample", "5"][..], &rules].concat();
        assert_eq!(world.thresh(&sampled).status.code(), Some(0));
    }
}
