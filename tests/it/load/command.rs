//! The command: exit codes, summary, report, steps, secrets, and who is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use super::world::World;
use crate::support::postgres::{Database, PASSWORD};
use crate::support::redshift::FakeRedshift;

fn thresh(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("thresh").unwrap();
    let input = match &world.s3 {
        Some(_) => world.root.to_string(),
        None => world.folder.path().join("shredded").display().to_string(),
    };
    command.arg("load").arg(input).args(arguments).arg("--offline");
    command.arg("--resolver").arg(world.resolver()).env_remove("RUST_LOG");
    if let Some(s3) = &world.s3 {
        command.envs(s3.environment()).arg("--s3-path-style");
    }
    command
}

fn stdout(output: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

fn stderr(output: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(output.get_output().stderr.clone()).unwrap()
}

#[test]
fn load_reports_and_repeats() {
    let world = World::on_disk();
    world.plain_run("2021-01-01-00-00-00", "a");
    let target = format!("sqlite:{}", world.folder.path().join("events.db").display());
    let report = world.folder.path().join("report.json");
    let first = thresh(&world, &["--target", &target, "--report", report.to_str().unwrap()]).assert().success();
    let text = stdout(&first);
    assert!(text.contains("load: 1 runs loaded, 0 already loaded, 0 failed, 0 incomplete; 6 rows"), "{text}");
    let json: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(json["runs"][0]["outcome"], "loaded");
    assert_eq!(json["runs"][0]["tables"][0]["rows"], 2);
    assert!(json["runs"][0]["tables"][0]["bytes"].as_u64() > Some(100), "{json}");
    assert!(json["runs"][0]["tables"][0]["seconds"].is_number(), "{json}");
    let again = thresh(&world, &["--target", &target, "--summary", "json"]).assert().success();
    let json: Value = serde_json::from_str(&stdout(&again)).unwrap();
    assert_eq!(json["runs"][0]["outcome"], "already_loaded");
    let dry = format!("sqlite:{}", world.folder.path().join("other.db").display());
    let dry = thresh(&world, &["--target", &dry, "--dry-run"]).assert().success();
    let text = stdout(&dry);
    assert!(text.contains("INSERT INTO \"manifest\""), "{text}");
    assert!(!world.folder.path().join("other.db").exists());
}

#[test]
fn exit_codes() {
    let world = World::on_disk();
    std::fs::create_dir_all(world.folder.path().join("shredded")).unwrap();
    let target = format!("sqlite:{}", world.folder.path().join("events.db").display());
    thresh(&world, &["--target", &target]).assert().code(3);
    thresh(&world, &["--target", "mysql://u@h/d"]).assert().code(2);
    thresh(&world, &["--target", "missing.json"]).assert().code(2);
    world.plain_run("1", "a");
    std::fs::remove_file(world.folder.path().join("shredded/run=1/shredding_complete.json")).unwrap();
    let incomplete = thresh(&world, &["--target", &target]).assert().code(1);
    let text = stderr(&incomplete);
    assert!(text.contains("has no shredding_complete.json") && text.contains("--allow-incomplete"), "{text}");
    thresh(&world, &["--target", &target, "--allow-incomplete"]).assert().success();
}

#[test]
fn a_second_loader_ends_with_17() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut first = thresh::load::open(&database.config(), &Default::default()).unwrap();
    first.keep_others_away().unwrap();
    let refused = thresh(&world, &["--target", &database.url()]).assert().code(17);
    assert!(stderr(&refused).contains("another loader is at work"), "{}", stderr(&refused));
}

/// Statements that a load through the stand-in for Redshift sent.
fn journal(world: &World, double: &FakeRedshift, arguments: &[&str]) -> Vec<String> {
    let _ = double.take_journal();
    let url = double.url();
    thresh(world, &[&["--target", &url][..], arguments].concat()).assert().success();
    double.take_journal()
}

#[test]
fn steps_are_included_and_skipped() {
    let world = World::on_s3();
    world.plain_run("1", "a");
    let has = |journal: &[String], part: &str| journal.iter().any(|sql| sql.contains(part));
    let all = ["ANALYZE", "VACUUM", "atomic.manifest WHERE", "INSERT INTO atomic.manifest", "temp_transit_events"];
    for (arguments, expected) in [
        (&[][..], [true, false, true, true, false]),
        (&["--skip", "analyze,consistency_check,transit_copy"], [false, false, true, true, false]),
        (&["--skip", "analyze", "--analyze"], [true, false, true, true, false]),
        (&["--include", "vacuum,transit_copy"], [true, true, true, true, true]),
        (&["--vacuum", "--skip", "load_manifest_check"], [true, true, false, true, false]),
        (&["--skip", "load_manifest"], [true, false, false, false, false]),
    ] {
        let Some(double) = FakeRedshift::start(world.s3.as_ref().unwrap()) else { return };
        let found = journal(&world, &double, arguments);
        for (part, expected) in all.iter().zip(expected) {
            assert_eq!(has(&found, part), expected, "{arguments:?} {part}\n{}", found.join("\n"));
        }
    }
    thresh(&world, &["--target", "sqlite:x.db", "--skip", "everything"]).assert().code(2);
}

#[test]
fn secrets_are_masked_wherever_statements_show() {
    let world = World::on_s3();
    world.plain_run("1", "a");
    let Some(double) = FakeRedshift::start(world.s3.as_ref().unwrap()) else { return };
    // Without a role, the keys of the environment stand in the statements.
    let url = double.url();
    let url = url.split("&role=").next().unwrap().to_owned() + "&region=eu-west-1";
    let secrets = ["AKTEST", "=secret", "p@ss word", "p%40ss%20word"];
    let dry = thresh(&world, &["--target", &url, "--dry-run", "-vv"]).assert().success();
    let text = stdout(&dry) + &stderr(&dry);
    assert!(text.contains("COPY atomic.events FROM") && text.contains("CREDENTIALS"), "{text}");
    // The stand-in insists on its role, so that the statement comes back as an error.
    let failed = thresh(&world, &["--target", &url, "-vv"]).assert().code(1);
    let told = stdout(&failed) + &stderr(&failed);
    assert!(told.contains("COPY atomic.events FROM"), "{told}");
    for secret in secrets {
        assert!(!text.contains(secret) && !told.contains(secret), "{secret} shows\n{text}\n{told}");
    }
}

fn executable(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A storage target file for a database.
fn target_file(world: &World, port: u16, database: &str, password: &str, more: &str) -> String {
    let file = world.folder.path().join("target.json");
    let text = format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage/postgresql_config/jsonschema/2-0-0","data":{{"name":"PostgreSQL","id":"e17c0ded-eee7-4845-a7e6-8fdc88d599d0","host":"127.0.0.1","database":"{database}","port":{port},"sslMode":"DISABLE","schema":"atomic","username":"postgres","password":{password},"processingManifest":null,"purpose":"ENRICHED_EVENTS","sshTunnel":{more}}}}}"#
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn passwords_come_from_the_environment_or_the_parameter_store() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    world.plain_run("1", "a");
    let wrong = target_file(&world, database.port, &database.name, "\"wrong\"", "null");
    thresh(&world, &["--target", &wrong]).assert().code(1);
    thresh(&world, &["--target", &wrong]).env("THRESH_TARGET_PASSWORD", PASSWORD).assert().success();
    thresh(&world, &["--target", &wrong]).env("PGPASSWORD", PASSWORD).assert().success();
    let bin = world.folder.path().join("bin");
    executable(
        &bin.join("aws"),
        &format!(
            "#!/bin/sh\n[ \"$1 $2\" = 'ssm get-parameter' ] && case \"$*\" in *'--name sp.password'*) echo '{PASSWORD}';; *) echo 'ParameterNotFound' >&2; exit 255;; esac\n"
        ),
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let stored = |name: &str| format!(r#"{{"ec2ParameterStore":{{"parameterName":"{name}"}}}}"#);
    let target = target_file(&world, database.port, &database.name, &stored("sp.password"), "null");
    thresh(&world, &["--target", &target]).env("PATH", &path).assert().success();
    let target = target_file(&world, database.port, &database.name, &stored("other"), "null");
    let failed = thresh(&world, &["--target", &target]).env("PATH", &path).assert().code(1);
    assert!(stderr(&failed).contains("the parameter other cannot be read: ParameterNotFound"), "{}", stderr(&failed));
}

#[test]
fn the_tunnel_of_old_configurations_goes_through_ssh() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    world.plain_run("1", "a");
    // A stand-in for ssh that notes how it was called; the port it would open is the database's own.
    let bin = world.folder.path().join("bin");
    let noted = world.folder.path().join("ssh-arguments");
    executable(&bin.join("ssh"), &format!("#!/bin/sh\necho \"$*\" > {}\nexec sleep 600\n", noted.display()));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let port = database.port;
    let tunnel = format!(
        r#"{{"bastion":{{"host":"bastion.acme.com","port":2222,"user":"snowplow","passphrase":null,"key":null}},"localPort":{port},"destination":{{"host":"10.0.0.11","port":5432}}}}"#
    );
    // Nobody listens at the port that the file names.
    let target = target_file(&world, 1, &database.name, &format!("\"{PASSWORD}\""), &tunnel);
    thresh(&world, &["--target", &target]).env("PATH", &path).assert().success();
    let arguments = std::fs::read_to_string(&noted).unwrap();
    let wanted = format!("-p 2222 -l snowplow -L 127.0.0.1:{port}:10.0.0.11:5432 bastion.acme.com");
    assert!(arguments.contains(&wanted), "{arguments}");
}

/// Answers one request with 200 and gives its head and body.
fn webhook() -> (String, std::thread::JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0);
        }
        let lower = head.to_lowercase();
        let length = lower.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    });
    (url, server)
}

#[test]
fn statsd_and_the_webhook_are_told() {
    let world = World::on_disk();
    world.plain_run("1", "a");
    let target = format!("sqlite:{}", world.folder.path().join("events.db").display());
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = statsd.local_addr().unwrap().to_string();
    let told = |expected: i32| {
        let (url, server) = webhook();
        let arguments = ["--target", &target, "--webhook", &url, "--statsd", &address, "--tag", "env=prod"];
        thresh(&world, &arguments).assert().code(expected);
        server.join().unwrap()
    };
    let (head, event) = told(0);
    assert!(
        head.starts_with("POST /hook ") && head.to_lowercase().contains("content-type: application/json"),
        "{head}"
    );
    assert_eq!(event["schema"], "iglu:com.snowplowanalytics.monitoring.batch/load_succeeded/jsonschema/3-0-0");
    assert_eq!(event["data"]["shredding"]["base"], "s3://elsewhere/run=1/");
    assert_eq!(event["data"]["tags"]["env"], "prod");
    let mut lines = Vec::new();
    for _ in 0..5 {
        let mut buffer = [0; 200];
        let length = statsd.recv(&mut buffer).unwrap();
        lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    assert_eq!(lines[0], "snowplow.rdbloader.count_good:2|g|#env:prod");
    assert!(lines.iter().all(|line| line.starts_with("snowplow.rdbloader.") && line.ends_with("|g|#env:prod")));
    let (_, event) = told(0);
    assert_eq!(event["data"]["message"], "Folder is already loaded");
    world.run("2").event(&[("event_id", "x"), ("txn_id", "many")]).write();
    std::fs::remove_dir_all(world.folder.path().join("shredded/run=1")).unwrap();
    let (_, event) = told(1);
    assert_eq!(event["schema"], "iglu:com.snowplowanalytics.monitoring.batch/alert/jsonschema/1-0-0");
    assert_eq!(event["data"]["severity"], "ERROR");
    assert!(event["data"]["message"].as_str().unwrap().contains("txn_id"), "{event}");
}
