//! `thresh recover` through the built binary.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const BADROWS: &str = "iglu:com.snowplowanalytics.snowplow.badrows";

/// A folder of one test.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn thresh(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(self.folder.path()).args(arguments).env_remove("RUST_LOG");
        command.output().unwrap()
    }

    /// Runs a command that must succeed; its summary.
    fn summary(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--summary", "json", "--progress", "off", "--threads", "2"]);
        let output = self.thresh(&all);
        assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// `recover` with the usual places.
    fn recover(&self, input: &str, rules: &[&str], more: &[&str]) -> Value {
        let mut all = vec!["recover", input];
        all.extend(rules);
        all.extend(["--output", "out", "--failed", "failed", "--unrecoverable", "unrecoverable", "--run-id", "r"]);
        all.extend(more);
        self.summary(&all)
    }

    /// All lines of the parts directly in a run folder.
    fn lines(&self, folder: &str) -> Vec<String> {
        let mut parts: Vec<PathBuf> = match std::fs::read_dir(self.path(folder)) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).filter(|path| is_part(path)).collect(),
            Err(_) => Vec::new(),
        };
        parts.sort();
        parts.iter().flat_map(|part| plain(part).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }
}

fn is_part(path: &Path) -> bool {
    path.is_file() && path.file_name().unwrap().to_string_lossy().starts_with("part-")
}

fn plain(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    match bytes.starts_with(&[0x1F, 0x8B]) {
        true => drop(flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap()),
        false => text = String::from_utf8(bytes).unwrap(),
    }
    text
}

fn flows(data: &Value) -> String {
    json!({"schema": "iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/4-0-0", "data": data}).to_string()
}

fn bad_row(name: &str, data: &Value) -> String {
    json!({"schema": format!("{BADROWS}/{name}/jsonschema/1-0-0"), "data": data}).to_string()
}

/// A request that one flow can mend: its `e` says what it is.
fn adapter_failure(e: &str) -> String {
    let payload = json!({"vendor": "com.snowplowanalytics.snowplow", "version": "tp2",
        "querystring": [{"name": "e", "value": e}], "collector": "c", "encoding": "UTF-8", "headers": [],
        "timestamp": "2020-06-08T11:26:50.123Z"});
    let failure = json!({"timestamp": "2020-06-08T11:26:51Z", "messages": []});
    bad_row("adapter_failures", &json!({"processor": {}, "failure": failure, "payload": payload}))
}

fn mending_flow() -> String {
    flows(&json!({format!("{BADROWS}/adapter_failures/jsonschema/*-*-*"): [
        {"name": "mend", "conditions": [{"op": "Test", "path": "$.payload.querystring.e", "value": {"value": "wrong"}}],
         "steps": [{"op": "Replace", "path": "$.querystring.e", "value": "pv"}]},
        {"name": "break", "conditions": [{"op": "Test", "path": "$.payload.querystring.e", "value": {"value": "broken"}}],
         "steps": [{"op": "Replace", "path": "$.no.such.field", "value": "x"}]}]}))
}

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

/// A resolver with no repositories but the embedded one.
fn empty_resolver(world: &World) -> String {
    let config = json!({"schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
        "data": {"cacheSize": 500, "repositories": []}});
    world.write("resolver.json", &config.to_string()).display().to_string()
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

/// Logs without faults, and the same with faults that are known.
fn logs(world: &World) -> (Vec<String>, PathBuf) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresh-loadgen"));
    let made = command
        .arg(world.path("pure"))
        .args(["--format", "cloudfront", "--plain", "--events", "400", "--files", "1", "--bad-share", "0"])
        .args(["--networks", "64", "--write-registry"])
        .arg(world.path("registry"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = std::fs::read_dir(world.path("pure"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.file_name().unwrap().to_string_lossy().starts_with('_'))
        .unwrap();
    // Entities with a schema that strict validators refuse are left out.
    let fits = |line: &&str| !contexts(line).is_some_and(|(_, text, _)| text.contains("PerformanceTiming"));
    let lines = plain(&file).lines().filter(fits).map(str::to_owned).collect();
    (lines, world.path("registry/resolver.json"))
}

/// What stands before the contexts of a line, the contexts, and what follows.
fn contexts(line: &str) -> Option<(&str, String, &str)> {
    let (head, rest) = line.split_once("&cx=")?;
    let end = rest.find(['&', '\t'])?;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&rest[..end]).ok()?).ok()?;
    Some((head, text, &rest[end..]))
}

/// A platform that does not exist, or an entity of a version that does not.
fn spoil(index: usize, line: &str) -> String {
    if line.starts_with('#') {
        return line.to_owned();
    }
    match index % 4 {
        0 => line.replace("&p=web", "&p=wob").replace("&p=mob", "&p=wob-mob"),
        1 => {
            let Some((head, text, rest)) = contexts(line) else { return line.to_owned() };
            let spoilt = text.replace("web_page/jsonschema/1-0-0", "web_page/jsonschema/1-0-9");
            format!("{head}&cx={}{rest}", URL_SAFE_NO_PAD.encode(spoilt))
        }
        _ => line.to_owned(),
    }
}

fn fixing_configuration() -> String {
    flows(&json!({
        format!("{BADROWS}/enrichment_failures/jsonschema/*-*-*"): [{
            "name": "platform",
            "conditions": [{"op": "Test", "path": "$.payload.raw.parameters.p", "value": {"regex": "^\"wob"}}],
            "steps": [{"op": "Replace", "path": "$.raw.parameters.p", "match": "^wob-", "value": ""},
                      {"op": "Replace", "path": "$.raw.parameters.p", "match": "^wob$", "value": "web"}]}],
        format!("{BADROWS}/schema_violations/jsonschema/*-*-*"): [{
            "name": "web-page",
            "conditions": [{"op": "Test", "path": "$.failure.messages", "value": {"regex": "web_page/jsonschema/1-0-9"}}],
            "steps": [{"op": "Replace", "path": "$.raw.parameters.cx.data.[?(@.schema=~web_page)].schema",
                       "match": "1-0-9", "value": "1-0-0"}]}],
    }))
}

#[test]
fn a_round_trip_gives_the_events_of_logs_without_faults() {
    let world = World::new();
    let (lines, resolver) = logs(&world);
    let spoilt: Vec<String> = lines.iter().enumerate().map(|(index, line)| spoil(index, line)).collect();
    let faults = spoilt.iter().zip(&lines).filter(|(spoilt, line)| spoilt != line).count();
    assert!(faults > 100, "{faults}");
    world.write("clean/logs.txt", &(lines.join("\n") + "\n"));
    world.write("faulty/logs.txt", &(spoilt.join("\n") + "\n"));
    world.write("config.json", &fixing_configuration());
    let resolver = resolver.display().to_string();
    let same = ["--resolver", resolver.as_str(), "--offline", "--etl-tstamp", "1600000000000", "--run-id", "r"];
    let run = |arguments: &[&str]| world.summary(&[arguments, &same].concat());
    run(&["enrich", "clean", "--output", "all", "--bad", "all-bad"]);
    run(&["enrich", "faulty", "--output", "good", "--bad", "bad"]);
    assert!(world.lines("all-bad/run=r").is_empty());
    assert_eq!(world.lines("bad/run=r").len(), faults);
    let summary = world.recover("bad", &["--config", "config.json"], &[]);
    assert_eq!(summary["named"]["recovered"], faults);
    run(&["enrich", "out/run=r", "--output", "mended", "--bad", "still-bad"]);
    assert!(world.lines("still-bad/run=r").is_empty());

    let sorted = |folders: &[&str]| {
        let mut events: Vec<String> = folders.iter().flat_map(|folder| world.lines(folder)).collect();
        events.sort();
        events
    };
    let (all, mended) = (sorted(&["all/run=r"]), sorted(&["good/run=r", "mended/run=r"]));
    assert_eq!(all.len(), mended.len());
    for (expected, found) in all.iter().zip(&mended) {
        assert_eq!(found, expected);
    }

    // In one pass.
    let rules = ["--config", "config.json", "--reenrich"];
    let places =
        ["--output", "direct", "--bad", "direct-bad", "--failed", "direct-failed", "--unrecoverable", "direct-un"];
    let summary = run(&[&["recover", "bad"][..], &rules, &places].concat());
    assert_eq!(summary["events_good"], faults);
    assert_eq!(sorted(&["direct/run=r"]), sorted(&["mended/run=r"]));
}
