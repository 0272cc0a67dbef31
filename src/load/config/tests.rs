use proptest::prelude::*;

use super::*;

fn file(name: &str, version: &str, extra: &str) -> Vec<u8> {
    format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage/{name}/jsonschema/{version}","data":{{"name":"AWS Redshift","host":"db.acme.com","database":"snowplow","port":5439,"schema":"atomic","username":"loader","purpose":"ENRICHED_EVENTS",{extra}}}}}"#
    )
    .into_bytes()
}

#[test]
fn every_version_of_redshift() {
    let first = file("redshift_config", "1-0-0", r#""password":"p","sslMode":"DISABLE","maxError":1,"compRows":20000"#);
    let target = TargetConfig::from_json(&first).unwrap();
    assert_eq!((target.kind, target.ssl, target.max_error), (Kind::Redshift, SslMode::Disable, 1));
    assert_eq!(target.role_arn, None);
    let second = file(
        "redshift_config",
        "2-0-0",
        r#""id":"x","password":"p","sslMode":"VERIFY_CA","roleArn":"arn:r","maxError":10,"compRows":20000"#,
    );
    let target = TargetConfig::from_json(&second).unwrap();
    assert_eq!((target.ssl, target.role_arn.as_deref()), (SslMode::VerifyCa, Some("arn:r")));
    let fourth = file(
        "redshift_config",
        "4-0-0",
        r#""id":"x","password":{"ec2ParameterStore":{"parameterName":"sp.password"}},"jdbc":{"ssl":true,"sslMode":"verify-full"},"roleArn":"arn:r","maxError":1,"compRows":20000,"sshTunnel":{"bastion":{"host":"b","port":22,"user":"u","passphrase":null,"key":{"ec2ParameterStore":{"parameterName":"k"}}},"localPort":15151,"destination":{"host":"10.0.0.11","port":5439}},"processingManifest":null,"blacklistTabular":["iglu:com.acme/x/jsonschema/1-*-*"]"#,
    );
    let target = TargetConfig::from_json(&fourth).unwrap();
    assert_eq!(target.password, SecretSource::ParameterStore("sp.password".into()));
    assert_eq!(target.ssl, SslMode::VerifyFull);
    let tunnel = target.tunnel.unwrap();
    assert_eq!((tunnel.local_port, tunnel.destination_host.as_str()), (15151, "10.0.0.11"));
    assert_eq!(tunnel.key_parameter.as_deref(), Some("k"));
}

#[test]
fn every_version_of_postgres() {
    for version in ["1-0-0", "1-0-1", "1-1-0", "2-0-0"] {
        let text = file("postgresql_config", version, r#""password":"p","sslMode":"REQUIRE","sshTunnel":null"#);
        let target = TargetConfig::from_json(&text).unwrap();
        assert_eq!((target.kind, target.ssl, target.schema.as_str()), (Kind::Postgres, SslMode::Require, "atomic"));
        assert!(!format!("{target:?}").contains("\"p\""), "the password shows");
    }
}

#[test]
fn wrong_files_say_what_is_wrong() {
    let cases: [(&[u8], &str); 5] = [
        (b"{", "no JSON"),
        (b"{}", "`schema` is missing"),
        (&file("elastic_config", "1-0-0", r#""password":"p""#), "no target of load"),
        (&file("redshift_config", "5-0-0", r#""password":"p""#), "not known"),
        (&file("postgresql_config", "1-0-0", r#""sslMode":"REQUIRE""#), "`data.password` is missing"),
    ];
    for (text, expected) in cases {
        let problem = TargetConfig::from_json(text).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn urls() {
    let target = TargetConfig::parse("postgres://me:p%40ss@db:5433/events?schema=raw&sslmode=disable").unwrap();
    assert_eq!((target.host.as_str(), target.port, target.database.as_str()), ("db", 5433, "events"));
    assert_eq!(target.password, SecretSource::Plain(Secret::new("p@ss")));
    assert_eq!((target.schema.as_str(), target.ssl), ("raw", SslMode::Disable));
    assert_eq!(target.describe(), "postgres://me@db:5433/events");
    let target = TargetConfig::parse("redshift://u@[::1]/d?role=arn:aws:iam::1:role/L&region=eu-west-1").unwrap();
    assert_eq!((target.host.as_str(), target.port), ("::1", 5439));
    assert_eq!(target.role_arn.as_deref(), Some("arn:aws:iam::1:role/L"));
    assert_eq!(TargetConfig::parse("sqlite:events.db").unwrap().path, Path::new("events.db"));
    assert_eq!(TargetConfig::parse("sqlite:///data/e.db").unwrap().path, Path::new("/data/e.db"));
    for wrong in
        ["sqlite:", "mysql://x", "postgres://h/d", "postgres://u@h", "postgres://u@h/d?x=1", "redshift://u%@h/d"]
    {
        let error = TargetConfig::parse(wrong).unwrap_err();
        assert!(matches!(error, LoadError::Config { .. }), "{wrong}");
    }
    let error = TargetConfig::parse("postgres://u:secret@h/d?what=1").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}") {
        let _ = TargetConfig::parse(&format!("postgres://{text}"));
        let _ = TargetConfig::from_json(text.as_bytes());
    }
}
