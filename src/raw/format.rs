//! The raw formats by the names users give them.
//!
//! Names: snowplow/enrich 3.9.0, `modules/common/.../loaders/Loader.scala`.

use std::fmt;
use std::str::FromStr;

use memchr::memmem;

use super::serialized_block::MARKER;
use super::thrift::looks_like_record;

/// A raw format.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RawFormat {
    /// Access logs of a CloudFront web distribution used as a collector.
    CloudFront,
    /// Access logs of the Clojure collector on Tomcat.
    Tomcat,
    /// Thrift records of the stream collectors.
    Thrift(ThriftContainer),
    /// Lines of anything, for the adapter of this path.
    Tsv(String),
    /// One JSON a line, for the adapter of this path.
    Ndjson(String),
}

/// How Thrift records lie in a decoded stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ThriftContainer {
    /// Serialized blocks, as in the LZO files of the S3 loader.
    #[default]
    Blocks,
    /// One base64 record a line, as stdout collectors print them.
    Lines,
    /// Bare structs with a line feed between them, as in the gzip files of the S3 loader.
    Structs,
}

/// A name that is no raw format's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[{0}] is not a recognised Snowplow event collector")]
pub struct UnknownFormat(pub String);

impl FromStr for RawFormat {
    type Err = UnknownFormat;

    /// Parses a name. Call [`RawFormat::settle`] before records are read: `thrift` leaves open how they lie.
    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "cloudfront" => Ok(RawFormat::CloudFront),
            "clj-tomcat" => Ok(RawFormat::Tomcat),
            "thrift" => Ok(RawFormat::Thrift(ThriftContainer::default())),
            _ => match name.split_once('/') {
                Some(("tsv", path)) => Ok(RawFormat::Tsv(path.to_owned())),
                Some(("ndjson", path)) => Ok(RawFormat::Ndjson(path.to_owned())),
                _ => Err(UnknownFormat(name.to_owned())),
            },
        }
    }
}

impl fmt::Display for RawFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RawFormat::Tsv(path) => write!(f, "tsv/{path}"),
            RawFormat::Ndjson(path) => write!(f, "ndjson/{path}"),
            _ => f.write_str(self.loader()),
        }
    }
}

impl RawFormat {
    /// The loader's name in bad rows.
    pub fn loader(&self) -> &'static str {
        match self {
            RawFormat::CloudFront => "cloudfront",
            RawFormat::Tomcat => "clj-tomcat",
            RawFormat::Thrift(_) => "thrift",
            RawFormat::Tsv(_) => "tsv",
            RawFormat::Ndjson(_) => "ndjson",
        }
    }

    /// The format with how Thrift records lie in a stream decided by its first bytes (a few KiB suffice). Other formats
    /// stay as they are.
    pub fn settle(&self, leading: &[u8]) -> RawFormat {
        match self {
            RawFormat::Thrift(_) => RawFormat::Thrift(ThriftContainer::of(leading)),
            _ => self.clone(),
        }
    }
}

impl ThriftContainer {
    /// How the records of a stream that starts with these bytes lie. The reference takes whatever does not start with
    /// the marker for base64 lines and does not know bare structs; no base64 line holds a marker or starts a struct.
    fn of(leading: &[u8]) -> ThriftContainer {
        if memmem::find(leading, &MARKER).is_some() {
            ThriftContainer::Blocks
        } else if looks_like_record(leading) {
            ThriftContainer::Structs
        } else {
            ThriftContainer::Lines
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["cloudfront", "clj-tomcat", "thrift", "tsv/com.amazon.aws.cloudfront/wd_access_log", "ndjson/a/b"]
        {
            assert_eq!(name.parse::<RawFormat>().unwrap().to_string(), name);
        }
        assert_eq!("tsv/a/b".parse::<RawFormat>().unwrap().loader(), "tsv");
        for name in ["", "auto", "CloudFront", "json/a/b", "tsv"] {
            let message = name.parse::<RawFormat>().unwrap_err().to_string();
            assert_eq!(message, format!("[{name}] is not a recognised Snowplow event collector"));
        }
    }

    #[test]
    fn containers_are_decided_by_content() {
        let thrift: RawFormat = "thrift".parse().unwrap();
        let settled = |leading: &[u8]| thrift.settle(leading);
        assert_eq!(settled(&MARKER), RawFormat::Thrift(ThriftContainer::Blocks));
        assert_eq!(settled(b"CgABAAABQ7ds0AYL"), RawFormat::Thrift(ThriftContainer::Lines));
        assert_eq!(settled(b"bad"), RawFormat::Thrift(ThriftContainer::Lines));
        assert_eq!(settled(b""), RawFormat::Thrift(ThriftContainer::Lines));
        assert_eq!(settled(b"\x0b\x00\x64\x00\x00\x00\x01x\x00"), RawFormat::Thrift(ThriftContainer::Structs));
        assert_eq!(settled(b"\xFF\xFE\xFD\xFC"), RawFormat::Thrift(ThriftContainer::Lines));
        assert_eq!(RawFormat::CloudFront.settle(&MARKER), RawFormat::CloudFront);
    }
}
