//! Storage targets, as far as planning needs to know them.
//!
//! Purposes: snowplow/emr-etl-runner 1.0.4, `lib/snowplow-emr-etl-runner/cli.rb`; `blacklistTabular`: `emr_job.rb`.

use serde_json::Value as Json;

use super::pipeline::TargetEntry;
use crate::iglu::SchemaKey;

const VENDOR: &str = "com.snowplowanalytics.snowplow.storage";

/// What a target is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Tables to load into.
    EnrichedEvents,
    /// Bad rows, for Elasticsearch.
    FailedEvents,
    /// What remembers events across batches.
    DuplicateTracking,
}

/// How rows for a target are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Columns.
    Tsv,
    /// JSON: a Redshift target without a list of exceptions.
    Json,
    /// Columns, but for the schemas listed.
    TsvBut(Vec<String>),
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRef {
    /// What `--target` gets: a path or a URL.
    pub target: String,
    /// Its name, for people.
    pub name: String,
    /// Its id; two targets never have the same.
    pub id: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// How rows for it are written.
    pub rows: Rows,
    /// Whether it is a Redshift.
    pub redshift: bool,
    /// The variable that holds its password.
    pub password_env: Option<String>,
    /// The file that holds its password.
    pub password_file: Option<String>,
}

impl TargetRef {
    /// Reads a storage target file; `path` is what the command line will say.
    pub fn from_json(path: &str, text: &[u8]) -> Result<TargetRef, String> {
        let json: Json = serde_json::from_slice(text).map_err(|error| format!("expected JSON, found {error}"))?;
        let Some(uri) = json.get("schema").and_then(Json::as_str) else {
            return Err("schema: expected an Iglu URI, found nothing".to_owned());
        };
        let key = SchemaKey::parse(uri).map_err(|_| format!("schema: expected an Iglu URI, found `{uri}`"))?;
        let known = ["redshift_config", "postgresql_config", "elastic_config", "amazon_dynamodb_config"];
        if key.vendor != VENDOR || !known.contains(&key.name) {
            return Err(format!("schema: expected one of {} of {VENDOR}, found `{uri}`", known.join(", ")));
        }
        let data = json.get("data").unwrap_or(&Json::Null);
        let text = |name: &str| data.get(name).and_then(Json::as_str).map(str::to_owned);
        let purpose = match text("purpose").as_deref() {
            Some("ENRICHED_EVENTS") => Purpose::EnrichedEvents,
            Some("FAILED_EVENTS") => Purpose::FailedEvents,
            Some("DUPLICATE_TRACKING") => Purpose::DuplicateTracking,
            found => {
                let found = found.unwrap_or("nothing");
                return Err(format!(
                    "data.purpose: expected ENRICHED_EVENTS, FAILED_EVENTS or DUPLICATE_TRACKING, found {found}"
                ));
            }
        };
        let redshift = key.name == "redshift_config";
        Ok(TargetRef {
            target: path.to_owned(),
            name: text("name").unwrap_or_else(|| key.name.trim_end_matches("_config").to_owned()),
            id: text("id"),
            purpose,
            rows: if redshift { redshift_rows(key.version.model, data.get("blacklistTabular"))? } else { Rows::Tsv },
            redshift,
            password_env: None,
            password_file: None,
        })
    }

    /// A target that is no file: `redshift://…`, `postgres://…`, `sqlite:…`.
    pub fn from_url(url: &str) -> Result<TargetRef, String> {
        let Some((scheme, rest)) = url.split_once(':') else { return Err(format!("`{url}` is no URL")) };
        let authority = rest.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
        let has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
        if scheme != "sqlite" && has_password {
            return Err(format!(
                "{scheme}://…: expected no password in the URL, found one; it would show on command lines: use \
                 THRESH_TARGET_PASSWORD, password_env or password_file, or a storage target file"
            ));
        }
        Ok(TargetRef {
            target: url.to_owned(),
            name: scheme.to_owned(),
            id: None,
            purpose: Purpose::EnrichedEvents,
            rows: Rows::Tsv,
            redshift: scheme == "redshift",
            password_env: None,
            password_file: None,
        })
    }

    /// The same target with the places where its password is.
    #[must_use]
    pub fn with_password_of(mut self, entry: &TargetEntry) -> TargetRef {
        self.password_env.clone_from(&entry.password_env);
        self.password_file.clone_from(&entry.password_file);
        self
    }
}

/// A text that names a target which is no file.
pub fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with("sqlite:")
}

/// The reference wrote columns from `redshift_config` 4 on, if there is a list of exceptions, and JSON otherwise.
fn redshift_rows(model: u32, list: Option<&Json>) -> Result<Rows, String> {
    let Some(Json::Array(items)) = list.filter(|_| model >= 4) else { return Ok(Rows::Json) };
    let text = |item: &Json| {
        let wrong = || format!("data.blacklistTabular: expected a list of schema criteria, found {item}");
        item.as_str().map(str::to_owned).ok_or_else(wrong)
    };
    let listed = items.iter().map(text).collect::<Result<Vec<String>, String>>()?;
    Ok(if listed.is_empty() { Rows::Tsv } else { Rows::TsvBut(listed) })
}

/// Two targets with the same id, if there are any.
pub fn repeated_id(targets: &[TargetRef]) -> Option<(&TargetRef, &TargetRef)> {
    targets.iter().enumerate().find_map(|(index, one)| {
        let same = targets[index + 1..].iter().find(|other| one.id.is_some() && other.id == one.id);
        same.map(|other| (one, other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, data: &str) -> Result<TargetRef, String> {
        let text = format!(r#"{{"schema":"iglu:{VENDOR}/{name}","data":{data}}}"#);
        TargetRef::from_json("t/x.json", text.as_bytes())
    }

    #[test]
    fn files_tell_what_they_are_for() {
        let events = r#"{"purpose":"ENRICHED_EVENTS","name":"My DB","id":"1"}"#;
        let postgres = file("postgresql_config/jsonschema/2-0-0", events).unwrap();
        assert_eq!((postgres.name.as_str(), postgres.rows.clone(), postgres.redshift), ("My DB", Rows::Tsv, false));
        let old = file("redshift_config/jsonschema/2-1-0", events).unwrap();
        assert_eq!((old.rows.clone(), old.redshift), (Rows::Json, true));
        let with = |list: &str| {
            let data = format!(r#"{{"purpose":"ENRICHED_EVENTS","blacklistTabular":{list}}}"#);
            file("redshift_config/jsonschema/4-0-0", &data)
        };
        assert_eq!(with("[]").unwrap().rows, Rows::Tsv);
        assert_eq!(with("null").unwrap().rows, Rows::Json);
        assert_eq!(
            with(r#"["iglu:a/b/jsonschema/1-*-*"]"#).unwrap().rows,
            Rows::TsvBut(vec!["iglu:a/b/jsonschema/1-*-*".into()])
        );
        assert!(with("[1]").unwrap_err().contains("data.blacklistTabular: expected"));
        let dynamo = file("amazon_dynamodb_config/jsonschema/2-0-0", r#"{"purpose":"DUPLICATE_TRACKING"}"#).unwrap();
        assert_eq!((dynamo.purpose, dynamo.name.as_str()), (Purpose::DuplicateTracking, "amazon_dynamodb"));
        let error = file("snowflake_config/jsonschema/1-0-0", events).unwrap_err();
        assert!(error.starts_with("schema: expected one of redshift_config"), "{error}");
        let error = file("redshift_config/jsonschema/4-0-0", "{}").unwrap_err();
        assert!(error.ends_with("found nothing"), "{error}");
        assert_eq!(repeated_id(&[postgres.clone(), old, postgres]).map(|(one, _)| one.name.as_str()), Some("My DB"));
    }

    #[test]
    fn passwords_do_not_stand_in_urls() {
        assert!(TargetRef::from_url("postgres://me:hunter2@db/x").unwrap_err().contains("password_env"));
        assert!(!TargetRef::from_url("postgres://me:hunter2@db/x").unwrap_err().contains("hunter2"));
        assert_eq!(TargetRef::from_url("postgres://me@db:5432/x?a=b:c").unwrap().name, "postgres");
        assert_eq!(TargetRef::from_url("sqlite:/data/a@b:c.db").unwrap().target, "sqlite:/data/a@b:c.db");
        assert!(is_url("sqlite:x.db") && !is_url("targets/x.json"));
    }
}
