//! Storage targets: the self-describing JSON files of every version, unchanged, and short URLs.
//!
//! Facts: snowplow/iglu-central, `schemas/com.snowplowanalytics.snowplow.storage/{redshift_config,postgresql_config}`,
//! 1-0-0 to 4-0-0. Keys that the loader never used (`compRows`, `processingManifest`, `blacklistTabular`, most of `jdbc`)
//! are accepted and passed over.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::LoadError;
use super::secret::{Secret, SecretSource};
use crate::iglu::SchemaKey;

const VENDOR: &str = "com.snowplowanalytics.snowplow.storage";

/// What kind of database a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Amazon Redshift.
    Redshift,
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl Kind {
    /// The name, as in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Redshift => "redshift",
            Kind::Postgres => "postgres",
            Kind::Sqlite => "sqlite",
        }
    }
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Not at all.
    Disable,
    /// If the server can.
    Prefer,
    /// Always; any certificate will do.
    Require,
    /// Always; the certificate must come from a known authority.
    VerifyCa,
    /// Always; and it must be the server's own.
    VerifyFull,
}

impl SslMode {
    /// Both spellings: `VERIFY_CA` of the files, `verify-ca` of URLs.
    pub fn parse(text: &str) -> Option<SslMode> {
        Some(match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" => SslMode::Disable,
            "allow" | "prefer" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-ca" => SslMode::VerifyCa,
            "verify-full" => SslMode::VerifyFull,
            _ => return None,
        })
    }
}

/// A way to the database through another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshTunnel {
    /// The machine in between.
    pub bastion_host: String,
    /// Its port for SSH.
    pub bastion_port: u16,
    /// The user there.
    pub user: String,
    /// Passphrase of the key.
    pub passphrase: Option<Secret>,
    /// Name of the parameter that holds the private key; the user's own keys if there is none.
    pub key_parameter: Option<String>,
    /// The port on this machine that leads to the database.
    pub local_port: u16,
    /// The database, as the machine in between sees it.
    pub destination_host: String,
    /// Its port.
    pub destination_port: u16,
}

/// A target as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    /// What it is.
    pub kind: Kind,
    /// Its name, for messages.
    pub name: String,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The database file (SQLite only).
    pub path: PathBuf,
    /// The schema that holds the tables.
    pub schema: String,
    /// The user.
    pub username: String,
    /// The user's password.
    pub password: SecretSource,
    /// How the connection is encrypted.
    pub ssl: SslMode,
    /// A file with certificates of the authorities to trust, instead of the system's.
    pub ssl_root_cert: Option<PathBuf>,
    /// The role that Redshift reads S3 with.
    pub role_arn: Option<String>,
    /// The region of the bucket, if the configuration names it.
    pub region: Option<String>,
    /// `MAXERROR` of Redshift's `COPY`.
    pub max_error: u32,
    /// The way through another machine.
    pub tunnel: Option<SshTunnel>,
}

impl TargetConfig {
    fn new(kind: Kind) -> TargetConfig {
        TargetConfig {
            kind,
            name: kind.name().to_owned(),
            id: None,
            host: String::new(),
            port: if kind == Kind::Redshift { 5439 } else { 5432 },
            database: String::new(),
            path: PathBuf::new(),
            schema: "atomic".to_owned(),
            username: String::new(),
            password: SecretSource::None,
            ssl: if kind == Kind::Redshift { SslMode::Require } else { SslMode::Prefer },
            ssl_root_cert: None,
            role_arn: None,
            region: None,
            max_error: 1,
            tunnel: None,
        }
    }

    /// A target from the command line: a URL, or the path of a storage target file.
    pub fn parse(text: &str) -> Result<TargetConfig, LoadError> {
        for (scheme, kind) in
            [("redshift://", Kind::Redshift), ("postgres://", Kind::Postgres), ("postgresql://", Kind::Postgres)]
        {
            if let Some(rest) = text.strip_prefix(scheme) {
                return from_url(kind, rest).map_err(|problem| LoadError::Config { file: masked(text), problem });
            }
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                let problem = "no file name; write sqlite:events.db".to_owned();
                return Err(LoadError::Config { file: text.to_owned(), problem });
            }
            return Ok(TargetConfig { path: path.into(), ..TargetConfig::new(Kind::Sqlite) });
        }
        if text.contains("://") {
            let problem = "no known target; write redshift://…, postgres://…, sqlite:FILE or a storage target file";
            return Err(LoadError::Config { file: masked(text), problem: problem.to_owned() });
        }
        TargetConfig::read(Path::new(text))
    }

    /// Reads a storage target file.
    pub fn read(path: &Path) -> Result<TargetConfig, LoadError> {
        let wrong = |problem: String| LoadError::Config { file: path.display().to_string(), problem };
        let text = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        TargetConfig::from_json(&text).map_err(wrong)
    }

    /// A target from the text of a storage target file.
    pub fn from_json(text: &[u8]) -> Result<TargetConfig, String> {
        let json: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
        let uri = json.get("schema").and_then(Value::as_str).ok_or("no self-describing JSON: `schema` is missing")?;
        let key = SchemaKey::parse(uri).map_err(|_| format!("`{uri}` is no schema URI"))?;
        let kind = match (key.vendor, key.name) {
            (VENDOR, "redshift_config") => Kind::Redshift,
            (VENDOR, "postgresql_config") => Kind::Postgres,
            _ => return Err(format!("`{uri}` is no target of load; it takes redshift_config and postgresql_config")),
        };
        let newest = if kind == Kind::Redshift { 4 } else { 2 };
        if key.version.model > newest {
            return Err(format!("`{uri}`: this version is not known; the newest is {newest}-0-0"));
        }
        let data = json.get("data").ok_or("`data` is missing")?;
        Reader { data }.target(kind)
    }

    /// The target in one line, without secrets.
    pub fn describe(&self) -> String {
        match self.kind {
            Kind::Sqlite => format!("sqlite:{}", self.path.display()),
            kind => format!("{}://{}@{}:{}/{}", kind.name(), self.username, self.host, self.port, self.database),
        }
    }
}

struct Reader<'j> {
    data: &'j Value,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> Result<String, String> {
        let value = self.data.get(key).ok_or_else(|| format!("`data.{key}` is missing"))?;
        value.as_str().map(str::to_owned).ok_or_else(|| format!("`data.{key}` must be a text"))
    }

    fn optional_text(&self, key: &str) -> Result<Option<String>, String> {
        match self.data.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(key).map(Some),
        }
    }

    fn number(&self, value: Option<&Value>, path: &str, most: u64) -> Result<Option<u64>, String> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) if number <= most => Ok(Some(number)),
                _ => Err(format!("`{path}` must be a number from 0 to {most}")),
            },
        }
    }

    fn port(&self, value: Option<&Value>, path: &str) -> Result<u16, String> {
        match self.number(value, path, 65_535)? {
            Some(port) if port > 0 => Ok(port as u16),
            _ => Err(format!("`{path}` must be a port")),
        }
    }

    fn target(&self, kind: Kind) -> Result<TargetConfig, String> {
        let purpose = self.text("purpose")?;
        if purpose != "ENRICHED_EVENTS" {
            return Err(format!("`data.purpose` is {purpose}; load takes ENRICHED_EVENTS"));
        }
        let jdbc = self.data.get("jdbc");
        let mut target = TargetConfig {
            name: self.text("name")?,
            id: self.optional_text("id")?,
            host: self.text("host")?,
            port: self.port(self.data.get("port"), "data.port")?,
            database: self.text("database")?,
            schema: self.text("schema")?,
            username: self.text("username")?,
            password: password(self.data.get("password"), "data.password")?,
            role_arn: self.optional_text("roleArn")?,
            tunnel: self.tunnel()?,
            ..TargetConfig::new(kind)
        };
        let most_errors = self.number(self.data.get("maxError"), "data.maxError", 100_000)?;
        target.max_error = most_errors.map_or(1, |number| number as u32);
        let jdbc_text = |key: &str| jdbc.and_then(|jdbc| jdbc.get(key)).and_then(Value::as_str);
        if let Some(mode) = self.optional_text("sslMode")?.as_deref().or(jdbc_text("sslMode")) {
            target.ssl = SslMode::parse(mode).ok_or_else(|| format!("`sslMode` {mode} is not known"))?;
        } else if jdbc.is_some_and(|jdbc| jdbc.get("ssl") == Some(&Value::Bool(false))) {
            target.ssl = SslMode::Disable;
        }
        target.ssl_root_cert = jdbc_text("sslRootCert").map(PathBuf::from);
        if target.schema.is_empty() {
            target.schema = "public".to_owned();
        }
        Ok(target)
    }

    fn tunnel(&self) -> Result<Option<SshTunnel>, String> {
        let Some(tunnel) = self.data.get("sshTunnel").filter(|tunnel| !tunnel.is_null()) else { return Ok(None) };
        let text = |value: &Value, path: &str| {
            value.as_str().map(str::to_owned).ok_or_else(|| format!("`data.sshTunnel.{path}` must be a text"))
        };
        let (bastion, destination) = (&tunnel["bastion"], &tunnel["destination"]);
        let key_parameter = match &bastion["key"] {
            Value::Null => None,
            key => match password(Some(key), "data.sshTunnel.bastion.key")? {
                SecretSource::ParameterStore(name) => Some(name),
                _ => return Err("`data.sshTunnel.bastion.key` must name a parameter of the parameter store".into()),
            },
        };
        let passphrase = match &bastion["passphrase"] {
            Value::Null => None,
            phrase => Some(Secret::new(text(phrase, "bastion.passphrase")?)),
        };
        Ok(Some(SshTunnel {
            bastion_host: text(&bastion["host"], "bastion.host")?,
            bastion_port: self.port(bastion.get("port"), "data.sshTunnel.bastion.port")?,
            user: text(&bastion["user"], "bastion.user")?,
            passphrase,
            key_parameter,
            local_port: self.port(tunnel.get("localPort"), "data.sshTunnel.localPort")?,
            destination_host: text(&destination["host"], "destination.host")?,
            destination_port: self.port(destination.get("port"), "data.sshTunnel.destination.port")?,
        }))
    }
}

fn password(value: Option<&Value>, path: &str) -> Result<SecretSource, String> {
    match value {
        None => Err(format!("`{path}` is missing")),
        Some(Value::String(text)) => Ok(SecretSource::Plain(Secret::new(text.clone()))),
        Some(value) => match value["ec2ParameterStore"]["parameterName"].as_str() {
            Some(name) => Ok(SecretSource::ParameterStore(name.to_owned())),
            None => Err(format!("`{path}` must be a text or {{\"ec2ParameterStore\":{{\"parameterName\":…}}}}")),
        },
    }
}

fn from_url(kind: Kind, rest: &str) -> Result<TargetConfig, String> {
    let mut target = TargetConfig::new(kind);
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = address.split_once('/').unwrap_or((address, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if let Some(user) = user {
        let (name, password) = user.split_once(':').map_or((user, None), |(name, word)| (name, Some(word)));
        target.username = percent_decoded(name)?;
        if let Some(password) = password {
            target.password = SecretSource::Plain(Secret::new(percent_decoded(password)?));
        }
    }
    let bracketed = host.starts_with('[');
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !bracketed || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    target.host = percent_decoded(host.trim_start_matches('[').trim_end_matches(']'))?;
    if let Some(port) = port {
        target.port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    }
    target.database = percent_decoded(database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decoded(value)?;
        match name {
            "schema" => target.schema = value,
            "sslmode" => {
                target.ssl = SslMode::parse(&value).ok_or_else(|| format!("sslmode {value} is not known"))?;
            }
            "sslrootcert" => target.ssl_root_cert = Some(value.into()),
            "host" => target.host = value,
            "role" | "role_arn" => target.role_arn = Some(value),
            "region" => target.region = Some(value),
            "max_error" => target.max_error = value.parse().map_err(|_| format!("max_error {value} is no number"))?,
            _ => {
                return Err(format!(
                    "`{name}` is not known; there are schema, sslmode, sslrootcert, role, region, max_error"
                ));
            }
        }
    }
    for (what, text) in [("host", &target.host), ("user", &target.username), ("database", &target.database)] {
        if text.is_empty() {
            return Err(format!("no {what}; write {}://user@host:port/database", kind.name()));
        }
    }
    Ok(target)
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let decoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(decoded.ok_or("a `%` without two hexadecimal digits; write %25 for the sign itself")?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 after decoding".to_owned())
}

fn masked(url: &str) -> String {
    crate::run::mask_arguments([url.to_owned()]).remove(0)
}

#[cfg(test)]
mod tests;
