//! Where something is: a local path, an S3 key or prefix, or the standard streams.

use std::fmt;
use std::path::PathBuf;

/// A location as the command line takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Location {
    /// A local file or folder.
    Local(PathBuf),
    /// A key or a prefix in a bucket; the key is used exactly as written, whatever characters it holds.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Key or prefix, without a leading slash.
        key: String,
    },
    /// `-`: standard input or output.
    Stdio,
}

/// Why a text is no location.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The text is empty.
    #[error("an empty location; give a path, file:///path or s3://bucket/prefix/")]
    Empty,
    /// An `s3://` without a bucket.
    #[error("{0}: no bucket name after s3://")]
    NoBucket(String),
    /// A scheme that is not known.
    #[error("{0}: unknown scheme; use a path, file:///path or s3://bucket/prefix/")]
    UnknownScheme(String),
}

impl Location {
    /// Parses a local path, `file:///abs/path`, `s3://bucket/key` (also `s3a://` and `s3n://`, as old configurations
    /// have them) or `-`.
    pub fn parse(text: &str) -> Result<Location, LocationError> {
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        if text == "-" {
            return Ok(Location::Stdio);
        }
        if let Some(path) = text.strip_prefix("file://") {
            return Ok(Location::Local(PathBuf::from(path)));
        }
        for scheme in ["s3://", "s3a://", "s3n://"] {
            if let Some(rest) = text.strip_prefix(scheme) {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(LocationError::NoBucket(text.to_owned()));
                }
                return Ok(Location::S3 { bucket: bucket.to_owned(), key: key.to_owned() });
            }
        }
        match text.split_once("://") {
            Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(LocationError::UnknownScheme(text.to_owned()))
            }
            _ => Ok(Location::Local(PathBuf::from(text))),
        }
    }

    /// The location `name` below this one.
    pub fn join(&self, name: &str) -> Location {
        match self {
            Location::Local(path) => Location::Local(path.join(name)),
            Location::S3 { bucket, key } => {
                let slash = if key.is_empty() || key.ends_with('/') { "" } else { "/" };
                Location::S3 { bucket: bucket.clone(), key: format!("{key}{slash}{name}") }
            }
            Location::Stdio => Location::Stdio,
        }
    }

    /// The last segment of the path or key.
    pub fn file_name(&self) -> &str {
        match self {
            Location::Local(path) => path.file_name().and_then(|name| name.to_str()).unwrap_or(""),
            Location::S3 { key, .. } => key.trim_end_matches('/').rsplit('/').next().unwrap_or(""),
            Location::Stdio => "-",
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Local(path) => write!(f, "{}", path.display()),
            Location::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Location::Stdio => f.write_str("-"),
        }
    }
}

impl std::str::FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        Location::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form() {
        let s3 = Location::parse("s3://bucket/a b/c+d=é/").unwrap();
        assert_eq!(s3, Location::S3 { bucket: "bucket".into(), key: "a b/c+d=é/".into() });
        assert_eq!(s3.join("x").to_string(), "s3://bucket/a b/c+d=é/x");
        assert_eq!(Location::parse("s3n://b").unwrap().join("x").to_string(), "s3://b/x");
        assert_eq!(Location::parse("file:///a/b").unwrap(), Location::Local("/a/b".into()));
        assert_eq!(Location::parse("-").unwrap(), Location::Stdio);
        assert_eq!(Location::parse("s3:///x"), Err(LocationError::NoBucket("s3:///x".into())));
        assert!(matches!(Location::parse("hdfs://x/y"), Err(LocationError::UnknownScheme(_))));
        assert!(matches!(Location::parse(""), Err(LocationError::Empty)));
    }
}
