//! Cases of the loader: discovery, migrations, formats, metrics, targets. What is not answered here is the inside of the
//! reference: its log of effects, its message queue, its HOCON file, its folder monitoring.

use serde_json::{Value, json};
use thresh::ddl::{Migration, ModelKey, TableOptions};
use thresh::iglu::{SchemaCriterion, SchemaKey, SchemaVer};
use thresh::load::message::ShreddingComplete;
use thresh::load::notify::Hooks;
use thresh::load::secret::SecretSource;
use thresh::load::{DiscoveryOptions, Kind, RunOutcome, RunReport, ShreddedRun, TargetConfig, discover};
use thresh::shred::{Formats, RowFormat};
use thresh::storage::{Location, Precondition, Storage, StorageOptions};

use super::Answer;

/// Answers a case of this area.
pub fn answer(case: &Value) -> Answer {
    let id = case["id"].as_str().unwrap_or_default();
    let call = &case["input"]["call"];
    let arguments = |call: &Value| call["args"].as_array().cloned().unwrap_or_default();
    let all = arguments(call);
    match call["call"].as_str().unwrap_or_default() {
        "S3.Folder.parse" => match Location::parse(all[0].as_str().unwrap_or_default()) {
            Ok(location) => Answer::Ok(location.to_string().into()),
            Err(error) => Answer::Error(error.to_string().into()),
        },
        "Config.Formats.overlap" => {
            let formats = Formats {
                default: RowFormat::Tsv,
                tsv: criteria(&all[..1]),
                json: criteria(&all[1..]),
                skip: Vec::new(),
            };
            Answer::Value(formats.check().is_err().into())
        }
        "ShreddedType.transformPath" => transform_path(&all),
        "Migration.updateTable" if case["profile"] == "current" => update_table(&all),
        _ if call["get"] == "findOverlaps" => {
            let overlaps = formats(&call["on"]).check().err().map_or_else(Vec::new, |overlap| overlap.0);
            Answer::Value(overlaps.iter().map(ToString::to_string).collect())
        }
        "apply" if call["on"]["call"] == "Common.isTabular" && call["on"]["args"][0]["_type"] == "Config.Formats" => {
            let key = all[0].as_str().unwrap_or_default();
            let format = formats(&call["on"]["args"][0]).of(&SchemaKey::parse(key).unwrap());
            Answer::Value((format == Some(RowFormat::Tsv)).into())
        }
        "Metrics.getMetrics" => metrics(&all[0]),
        _ if id.contains("/rdb-1.2.3/DataDiscoverySpec/fromLoaderMessage-/-not-repeat") => {
            loader_message(&call["on"]["on"]["args"][2])
        }
        _ if id.contains("/TunnelConfig-/") => tunnel(&call["on"]),
        _ if call["call"] == "StorageTarget.parseTarget" => parsed_target(&all[1]),
        _ if call["on"]["call"] == "StorageTarget.parseTarget" => refused_target(&call["on"]["args"][1]),
        _ => Answer::Unmapped(reason(id)),
    }
}

/// Why a case has no counterpart, by the reference's test it comes from.
fn reason(id: &str) -> &'static str {
    let spec = id.split('/').nth(2).unwrap_or_default();
    match spec {
        "CliConfigSpec" => "the reference's command line, with files in base64",
        "SnowplowConfigSpec" => "the file of EmrEtlRunner, which load does not read",
        "ConfigSpec" | "StorageTargetSpec" => "the HOCON file of later loaders, which load does not read",
        "CommonSpec" => "formats out of that HOCON file",
        "FolderMonitoringSpec" => "folder monitoring by the database; runs are compared on this side",
        "ManifestDiscoverySpec" => "the processing manifest in DynamoDB",
        "DataDiscoverySpec" => "files that stand in the code of the reference's test, or its message queue",
        "LoadSpec" => {
            "the log of effects around its message queue; the order of statements is checked against the stand-in"
        }
        "ManifestSpec" | "MigrationSpec" | "RedshiftLoaderSpec" => {
            "the log of effects of the reference's test; the statements are checked against the stand-in"
        }
        "ShreddedTypeSpec" => "the cache of JSONPaths files, or a key below no run folder",
        _ => "an effect of the reference's own",
    }
}

/// A storage target file, in the words of the reference.
fn parsed_target(text: &Value) -> Answer {
    let target = match TargetConfig::from_json(text.as_str().unwrap_or_default().as_bytes()) {
        Ok(target) => target,
        Err(error) => return Answer::Error(error.into()),
    };
    let SecretSource::Plain(password) = &target.password else { return Answer::Error("another password".into()) };
    let mut found = json!({
        "id": target.id, "name": target.name, "host": target.host, "database": target.database, "port": target.port,
        "schema": target.schema, "username": target.username, "password": {"value": password.reveal()},
        "sshTunnel": target.tunnel.as_ref().map(tunnel_words), "processingManifest": null, "blacklistTabular": null,
    });
    match target.kind {
        Kind::Redshift => {
            let ssl = target.ssl != thresh::load::SslMode::Disable;
            let jdbc = json!({"call": "StorageTarget.RedshiftJdbc.empty.copy", "args": [], "named": {"ssl": ssl}});
            for (name, value) in [
                ("jdbc", jdbc),
                ("roleArn", target.role_arn.into()),
                ("maxError", target.max_error.into()),
                // Accepted, and of no use to any loader.
                ("compRows", 20000.into()),
            ] {
                found[name] = value;
            }
        }
        _ => found["sslMode"] = json!({"$ref": format!("StorageTarget.SslMode.{:?}", target.ssl)}),
    }
    Answer::Ok(found)
}

/// A file with a mode that does not exist: the message names the key.
fn refused_target(text: &Value) -> Answer {
    match TargetConfig::from_json(text.as_str().unwrap_or_default().as_bytes()) {
        Err(error) if error.contains("sslMode") => Answer::Met,
        other => Answer::Error(format!("{other:?}").into()),
    }
}

fn tunnel_words(tunnel: &thresh::load::config::SshTunnel) -> Value {
    json!({
        "bastion": {
            "host": tunnel.bastion_host, "port": tunnel.bastion_port, "user": tunnel.user,
            "passphrase": tunnel.passphrase.as_ref().map(|phrase| phrase.reveal().to_owned()),
            "key": tunnel.key_parameter.as_ref().map(|name| json!({"ec2ParameterStore": {"parameterName": name}})),
        },
        "localPort": tunnel.local_port,
        "destination": {"host": tunnel.destination_host, "port": tunnel.destination_port},
    })
}

fn criteria(list: &[Value]) -> Vec<SchemaCriterion> {
    list.iter().map(|text| SchemaCriterion::parse(text.as_str().unwrap_or_default()).unwrap()).collect()
}

fn formats(config: &Value) -> Formats {
    let list = |name: &str| criteria(config[name].as_array().map_or(&[], Vec::as_slice));
    let default = match config["default"]["$ref"].as_str() {
        Some("LoaderMessage.Format.JSON") => RowFormat::Json,
        _ => RowFormat::Tsv,
    };
    Formats { default, tsv: list("tsv"), json: list("json"), skip: list("skip") }
}

/// Runs found among objects at these `s3://` addresses, which are files below a folder here.
fn runs_of(objects: &[(&str, &str)]) -> Result<Vec<(ShreddedRun, String)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::new(StorageOptions::default());
    let root = folder.path().canonicalize().unwrap();
    for (address, content) in objects {
        let at = Location::Local(root.join(address.trim_start_matches("s3://")));
        storage.write_all(&at, content.as_bytes(), Precondition::None).unwrap();
    }
    let options = DiscoveryOptions { allow_incomplete: true };
    let found = discover(&storage, &[Location::Local(root.clone())], options).map_err(|error| error.to_string())?;
    let here = format!("file://{}/", root.display());
    Ok(found.runs.into_iter().map(|run| (run.clone(), run.base.replace(&here, "s3://"))).collect())
}

fn transform_path(all: &[Value]) -> Answer {
    let path = all[0].as_str().unwrap_or_default();
    let job = &all[1];
    // The key of a type alone is no run: atomic events go with it.
    let (base, modern) = match (path.find("vendor="), path.find("shredded-types/")) {
        (_, Some(at)) => (&path[..at], false),
        (Some(at), None) => (&path[..at], true),
        (None, None) => (path, true),
    };
    let atomic = match modern {
        true => format!("{base}vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/part-0"),
        false => format!("{base}atomic-events/part-0"),
    };
    let mut objects = vec![(path, "x")];
    if base != path {
        objects.push((&atomic, "x"));
    }
    let runs = match runs_of(&objects) {
        Ok(runs) => runs,
        Err(error) => return Answer::Error(error.into()),
    };
    let Some((run, base)) = runs.first() else { return Answer::Error("no run".into()) };
    let Some(one) = run.types.first() else { return Answer::Error("no type".into()) };
    let info = json!({
        "base": base, "vendor": one.key.vendor, "name": one.key.name, "model": one.key.model, "shredJob": job,
    });
    match modern {
        true => {
            let format = if one.json { "LoaderMessage.Format.JSON" } else { "LoaderMessage.Format.TSV" };
            Answer::Ok(json!([{"$ref": format}, info]))
        }
        // R32 says whether it is tabular; its base has a slash at the end or not, as the key has a run folder or not.
        false => Answer::Ok(json!([!one.json, info])),
    }
}

fn loader_message(message: &Value) -> Answer {
    let base = message["base"].as_str().unwrap_or_default();
    let list = message["types"].as_array().cloned().unwrap_or_default();
    let mut types: Vec<Value> = list
        .iter()
        .map(|one| {
            let format = one["format"]["$ref"].as_str().unwrap_or_default().rsplit('.').next();
            json!({"schemaKey": one["schemaKey"], "format": format})
        })
        .collect();
    let mut paths = Vec::new();
    for one in &types {
        let key = SchemaKey::parse(one["schemaKey"].as_str().unwrap_or_default()).unwrap();
        let format = one["format"].as_str().unwrap_or_default().to_lowercase();
        paths.push(format!(
            "{base}output=good/vendor={}/name={}/format={format}/model={}/part-0",
            key.vendor, key.name, key.version.model
        ));
    }
    paths
        .push(format!("{base}output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/part-0"));
    types.insert(
        0,
        json!({"schemaKey": "iglu:com.snowplowanalytics.snowplow/atomic/jsonschema/1-0-0", "format": "TSV"}),
    );
    let processor = &message["processor"];
    let text = json!({
        "schema": "iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1",
        "data": {
            "base": base, "types": types, "timestamps": message["timestamps"], "compression": "NONE",
            "processor": {"artifact": processor["artifact"], "version": "1.1.2"}, "count": null,
        },
    })
    .to_string();
    let note = format!("{base}shredding_complete.json");
    let mut objects: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "x")).collect();
    objects.push((&note, &text));
    let runs = match runs_of(&objects) {
        Ok(runs) => runs,
        Err(error) => return Answer::Error(error.into()),
    };
    let (run, base) = &runs[0];
    let infos: Vec<Value> = run
        .types
        .iter()
        .map(|one| {
            json!({"info": {
                "base": base, "vendor": one.key.vendor, "name": one.key.name, "model": one.key.model,
                "shredJob": processor["version"],
            }})
        })
        .collect();
    let codec = if run.gzip { "Compression.Gzip" } else { "Compression.None" };
    Answer::Ok(json!({"ok": {"base": base, "shreddedTypes": infos, "compression": {"$ref": codec}}}))
}

/// The steps from the version a table is at to the newest.
fn update_table(all: &[Value]) -> Answer {
    let (schema, at) = (all[0].as_str().unwrap_or_default(), all[1].as_str().unwrap_or_default());
    let key = SchemaKey::parse(at).unwrap();
    let model = ModelKey { vendor: key.vendor.into(), name: key.name.into(), model: key.version.model };
    let listed = all[3]["args"][0]["on"]["args"][0].as_array().cloned().unwrap_or_default();
    let mut schemas = Vec::new();
    for one in &listed {
        let uri = one["_args"][0]["_args"][0].as_str().unwrap_or_default();
        let version: SchemaVer = SchemaKey::parse(uri).unwrap().version;
        let properties = one["_args"][1]["properties"]["_args"][0].as_object().cloned().unwrap_or_default();
        let properties: serde_json::Map<String, Value> =
            properties.into_iter().map(|(name, _)| (name, json!({}))).collect();
        schemas.push((version, std::sync::Arc::new(json!({"type": "object", "properties": properties}))));
    }
    let newest = schemas.last().unwrap().0;
    match Migration::between(&model, &schemas, key.version, newest, TableOptions::default()) {
        Err(error) => Answer::Error(error.to_string().into()),
        Ok(migration) => {
            let table = format!("{schema}.{}", model.table_name());
            let added = migration.added.iter().map(|column| {
                let thresh::ddl::ColumnType::Varchar(width) = column.declared else { panic!("{column:?}") };
                let encoding = json!({"_args": [{"$ref": if column.encoding == thresh::ddl::Encoding::Zstd { "ZstdEncoding" } else { "?" }}]});
                let column = json!({"_args": [column.name, {"_args": [width]}, null, encoding, null]});
                json!({"alterTable": {"_args": [table, column]}, "warning": []})
            });
            Answer::Ok(json!({
                "preTransaction": vec![(); migration.changed.len()],
                "inTransaction": added.collect::<Vec<_>>(),
                "dbSchema": schema,
                "target": model.version(newest).to_string(),
            }))
        }
    }
}

fn metrics(message: &Value) -> Answer {
    let ended: jiff::Timestamp = "2021-10-30T12:00:00Z".parse().unwrap();
    let time = |name: &str| {
        let ago = message["timestamps"][name]["args"][0].as_i64().unwrap();
        (ended - jiff::SignedDuration::from_secs(ago)).to_string()
    };
    let text = json!({
        "schema": "iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1",
        "data": {
            "base": message["base"], "types": [], "compression": "GZIP",
            "timestamps": {"jobStarted": time("jobStarted"), "jobCompleted": time("jobCompleted"), "min": time("min"), "max": time("max")},
            "processor": {"artifact": "a", "version": "0.0.0"}, "count": {"good": message["count"]["good"]},
        },
    });
    let run = ShreddedRun {
        location: Location::Stdio,
        base: String::new(),
        layout: thresh::load::Layout::E,
        atomic: Vec::new(),
        atomic_folder: String::new(),
        types: Vec::new(),
        message: Some(ShreddingComplete::parse(text.to_string().as_bytes()).unwrap()),
        manifest: None,
        gzip: true,
        warnings: Vec::new(),
    };
    let report = RunReport {
        base: String::new(),
        outcome: RunOutcome::Loaded,
        loaded_at: None,
        tables: Vec::new(),
        changed_tables: Vec::new(),
        seconds: 0.0,
        warnings: Vec::new(),
        error: None,
    };
    let lines = Hooks::default().metrics(&run, &report, ended);
    let gauge = |key: &str, name: &str| {
        let line = lines.iter().find(|line| line.contains(&format!(".{key}:")));
        let value = line.and_then(|line| line.split([':', '|']).nth(1));
        json!({"key": {"$ref": format!("Metrics.{name}Name")}, "value": value})
    };
    Answer::Value(json!({
        "countGood": gauge("count_good", "CountGood"),
        "collectorLatencyMin": gauge("latency_collector_to_load_min", "CollectorLatencyMin"),
        "collectorLatencyMax": gauge("latency_collector_to_load_max", "CollectorLatencyMax"),
        "shredderStartLatency": gauge("latency_shredder_start_to_load", "ShredderStartLatency"),
        "shredderEndLatency": gauge("latency_shredder_end_to_load", "ShredderEndLatency"),
    }))
}

fn tunnel(config: &Value) -> Answer {
    let file = json!({
        "schema": "iglu:com.snowplowanalytics.snowplow.storage/redshift_config/jsonschema/4-0-0",
        "data": {
            "name": "n", "id": "i", "host": "h", "database": "d", "port": 5439, "schema": "atomic", "username": "u",
            "password": "p", "roleArn": "r", "maxError": 1, "compRows": 20000, "jdbc": {"ssl": true},
            "processingManifest": null, "purpose": "ENRICHED_EVENTS", "sshTunnel": config,
        },
    });
    match TargetConfig::from_json(file.to_string().as_bytes()) {
        Err(error) => Answer::Error(error.into()),
        Ok(target) => {
            assert_eq!(target.kind, Kind::Redshift);
            Answer::Ok(tunnel_words(&target.tunnel.unwrap()))
        }
    }
}
