//! Schema keys, versions and criteria. Facts: snowplow/iglu-scala-core 1.0.0.

use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// What every schema URI begins with.
const IGLU: &str = "iglu:";

/// A schema version: MODEL-REVISION-ADDITION.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaVer {
    /// Breaking changes.
    pub model: u32,
    /// Changes that may break some data.
    pub revision: u32,
    /// Compatible changes.
    pub addition: u32,
}

impl SchemaVer {
    /// A version from its parts.
    pub const fn new(model: u32, revision: u32, addition: u32) -> Self {
        SchemaVer { model, revision, addition }
    }

    /// Parses a full version: no leading zeros, MODEL at least 1, every number a positive 32-bit integer.
    pub fn parse(text: &str) -> Option<SchemaVer> {
        let mut parts = text.as_bytes().split(|byte| *byte == b'-');
        let version = SchemaVer {
            model: version_number(parts.next()?)?,
            revision: version_number(parts.next()?)?,
            addition: version_number(parts.next()?)?,
        };
        (parts.next().is_none() && version.model > 0).then_some(version)
    }
}

impl fmt::Display for SchemaVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.model, self.revision, self.addition)
    }
}

fn version_number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let mut number = 0_u64;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number * 10 + u64::from(value);
    }
    i32::try_from(number).ok().map(i32::cast_unsigned)
}

/// What parts of a schema URI a byte may stand in.
const PARTS: [u8; 256] = {
    let mut parts = [0; 256];
    let mut at = 0;
    while at < 128 {
        if (at as u8).is_ascii_alphanumeric() {
            parts[at] = IN_VENDOR | IN_WORD;
        }
        if (at as u8).is_ascii_digit() {
            parts[at] |= IN_VERSION;
        }
        at += 1;
    }
    parts[b'-' as usize] = IN_VENDOR | IN_WORD | IN_VERSION;
    parts[b'_' as usize] = IN_VENDOR | IN_WORD;
    parts[b'.' as usize] = IN_VENDOR;
    parts
};
const IN_VENDOR: u8 = 1;
const IN_WORD: u8 = 2;
const IN_VERSION: u8 = 4;

/// Why a text is not a schema key, or a JSON is not self-describing. `Display` gives the code written in bad rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text does not have the form of an Iglu URI.
    #[error("INVALID_IGLUURI")]
    InvalidIgluUri,
    /// The version is not MODEL-REVISION-ADDITION.
    #[error("INVALID_SCHEMAVER")]
    InvalidSchemaVer,
    /// Not an object with a string `schema` and a `data`.
    #[error("INVALID_DATA_PAYLOAD")]
    InvalidDataPayload,
    /// A schema without a good `self`.
    #[error("INVALID_SCHEMA")]
    InvalidSchema,
    /// A schema whose `$schema` is not Iglu's.
    #[error("INVALID_METASCHEMA")]
    InvalidMetaschema,
}

/// A schema key, borrowed from the text it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaKey<'a> {
    /// For example `com.acme`.
    pub vendor: &'a str,
    /// For example `link_click`.
    pub name: &'a str,
    /// Practically always `jsonschema`.
    pub format: &'a str,
    /// The version.
    pub version: SchemaVer,
}

impl<'a> SchemaKey<'a> {
    /// Parses `iglu:vendor/name/format/version`.
    pub fn parse(uri: &'a str) -> Result<SchemaKey<'a>, ParseError> {
        SEEN.with_borrow_mut(|seen| seen.parse(uri))
    }

    fn parse_new(uri: &'a str) -> Result<SchemaKey<'a>, ParseError> {
        let rest = uri.strip_prefix(IGLU).ok_or(ParseError::InvalidIgluUri)?;
        let mut slashes = [0; 3];
        let (mut part, mut start, mut fits) = (0, 0, u8::MAX);
        for (at, byte) in rest.bytes().enumerate() {
            if byte != b'/' {
                fits &= PARTS[usize::from(byte)];
                continue;
            }
            let wanted = if part == 0 { IN_VENDOR } else { IN_WORD };
            if part == slashes.len() || at == start || fits & wanted == 0 {
                return Err(ParseError::InvalidIgluUri);
            }
            slashes[part] = at;
            (part, start, fits) = (part + 1, at + 1, u8::MAX);
        }
        let [vendor_end, name_end, format_end] = slashes;
        let version = &rest[start..];
        let has_two_dashes = || version.bytes().filter(|byte| *byte == b'-').count() == 2;
        if part != slashes.len() || fits & IN_VERSION == 0 || !has_two_dashes() {
            return Err(ParseError::InvalidIgluUri);
        }
        let (vendor, name) = (&rest[..vendor_end], &rest[vendor_end + 1..name_end]);
        let format = &rest[name_end + 1..format_end];
        let version = SchemaVer::parse(version).ok_or(ParseError::InvalidSchemaVer)?;
        Ok(SchemaKey { vendor, name, format, version })
    }

    /// The same schema in another version.
    pub fn with_version(self, version: SchemaVer) -> SchemaKey<'a> {
        SchemaKey { version, ..self }
    }

    /// The key as a path of a registry: `vendor/name/format/version`.
    pub fn path(&self) -> String {
        format!("{}/{}/{}/{}", self.vendor, self.name, self.format, self.version)
    }

    /// A copy that owns its text.
    pub fn to_owned(&self) -> OwnedSchemaKey {
        OwnedSchemaKey {
            vendor: self.vendor.into(),
            name: self.name.into(),
            format: self.format.into(),
            version: self.version,
        }
    }
}

impl fmt::Display for SchemaKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "iglu:{}/{}/{}/{}", self.vendor, self.name, self.format, self.version)
    }
}

thread_local! {
    /// Events name the same few schemas over and over: comparing a text is cheaper than taking it apart.
    static SEEN: RefCell<SeenKeys> = const { RefCell::new(SeenKeys { places: Vec::new() }) };
}

/// URIs seen last, one for each place that a hash may choose.
struct SeenKeys {
    places: Vec<SeenKey>,
}

/// A good URI and where its parts end.
#[derive(Clone, Default)]
struct SeenKey {
    uri: Box<str>,
    vendor_end: usize,
    name_end: usize,
    format_end: usize,
    version: SchemaVer,
}

impl SeenKeys {
    const PLACES: usize = 256;
    /// Longer URIs are not kept.
    const LONGEST: usize = 256;

    fn parse<'a>(&mut self, uri: &'a str) -> Result<SchemaKey<'a>, ParseError> {
        if self.places.is_empty() {
            self.places = vec![SeenKey::default(); SeenKeys::PLACES];
        }
        let hash = FixedState::with_seed(0).hash_one(uri);
        let place = &mut self.places[(hash >> 56) as usize];
        if *place.uri != *uri || uri.is_empty() {
            let key = SchemaKey::parse_new(uri)?;
            if uri.len() > SeenKeys::LONGEST {
                return Ok(key);
            }
            let vendor_end = IGLU.len() + key.vendor.len();
            let name_end = vendor_end + 1 + key.name.len();
            let format_end = name_end + 1 + key.format.len();
            *place = SeenKey { uri: uri.into(), vendor_end, name_end, format_end, version: key.version };
            return Ok(key);
        }
        let &mut SeenKey { vendor_end, name_end, format_end, version, .. } = place;
        Ok(SchemaKey {
            vendor: &uri[IGLU.len()..vendor_end],
            name: &uri[vendor_end + 1..name_end],
            format: &uri[name_end + 1..format_end],
            version,
        })
    }
}

/// A schema key that owns its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnedSchemaKey {
    /// For example `com.acme`.
    pub vendor: String,
    /// For example `link_click`.
    pub name: String,
    /// Practically always `jsonschema`.
    pub format: String,
    /// The version.
    pub version: SchemaVer,
}

impl OwnedSchemaKey {
    /// A borrowed view.
    pub fn as_key(&self) -> SchemaKey<'_> {
        SchemaKey { vendor: &self.vendor, name: &self.name, format: &self.format, version: self.version }
    }
}

impl fmt::Display for OwnedSchemaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_key().fmt(f)
    }
}

/// Which keys fit: every given part must be equal, `None` stands for `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaCriterion {
    /// Vendor
    pub vendor: String,
    /// Name
    pub name: String,
    /// Format
    pub format: String,
    /// MODEL
    pub model: Option<u32>,
    /// REVISION
    pub revision: Option<u32>,
    /// ADDITION
    pub addition: Option<u32>,
}

impl SchemaCriterion {
    /// A criterion on jsonschema keys.
    pub fn new(vendor: &str, name: &str, model: Option<u32>, revision: Option<u32>, addition: Option<u32>) -> Self {
        SchemaCriterion {
            vendor: vendor.into(),
            name: name.into(),
            format: "jsonschema".into(),
            model,
            revision,
            addition,
        }
    }

    /// Parses `iglu:vendor/name/format/1-0-*`.
    pub fn parse(text: &str) -> Option<SchemaCriterion> {
        let rest = text.strip_prefix("iglu:")?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [vendor, name, format, version] = parts[..] else { return None };
        let numbers: Vec<&str> = version.split('-').collect();
        let [model, revision, addition] = numbers[..] else { return None };
        let number = |text: &str| match text {
            "*" => Some(None),
            digits => version_number(digits.as_bytes()).map(Some),
        };
        let model = number(model)?;
        if model == Some(0) || vendor.is_empty() || name.is_empty() || format.is_empty() {
            return None;
        }
        Some(SchemaCriterion {
            vendor: vendor.into(),
            name: name.into(),
            format: format.into(),
            model,
            revision: number(revision)?,
            addition: number(addition)?,
        })
    }

    /// Whether a key fits.
    pub fn matches(&self, key: &SchemaKey<'_>) -> bool {
        let fits = |wanted: Option<u32>, number: u32| wanted.is_none_or(|wanted| wanted == number);
        self.vendor == key.vendor
            && self.name == key.name
            && self.format == key.format
            && fits(self.model, key.version.model)
            && fits(self.revision, key.version.revision)
            && fits(self.addition, key.version.addition)
    }
}

impl fmt::Display for SchemaCriterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |number: Option<u32>| number.map_or("*".to_owned(), |number| number.to_string());
        write!(
            f,
            "iglu:{}/{}/{}/{}-{}-{}",
            self.vendor,
            self.name,
            self.format,
            part(self.model),
            part(self.revision),
            part(self.addition)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_parsed_in_two_steps() {
        let good = SchemaKey::parse("iglu:com.acme-x_y/a-b_c/jsonschema/1-0-2").unwrap();
        assert_eq!((good.vendor, good.name, good.version), ("com.acme-x_y", "a-b_c", SchemaVer::new(1, 0, 2)));
        assert_eq!(good.to_string(), "iglu:com.acme-x_y/a-b_c/jsonschema/1-0-2");
        for text in [
            "iglu:a/b/jsonschema/0-0-0",
            "iglu:a/b/jsonschema/1-00-0",
            "iglu:a/b/jsonschema/--",
            "iglu:a/b/c/1-0-9999999999",
        ] {
            assert_eq!(SchemaKey::parse(text), Err(ParseError::InvalidSchemaVer), "{text}");
        }
        for text in [
            "iglu:a/b/jsonschema/1-0",
            "iglu:a/b/jsonschema/1.0.0",
            "Iglu:a/b/c/1-0-0",
            " iglu:a/b/c/1-0-0",
            "iglu:a/b/c/1-0-0-0",
            "iglooooooo://blah",
            "iglu:a/x.y/jsonschema/1-0-0",
            "iglu:a//c/1-0-0",
            "",
        ] {
            assert_eq!(SchemaKey::parse(text), Err(ParseError::InvalidIgluUri), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_seen_before_is_the_same(
            uris in prop::collection::vec("(iglu:)?[a-c.]{1,3}/[a-c_]{1,3}/(jsonschema|x)/[0-3]-[0-3]-[0-9]{1,2}", 1..40)
        ) {
            for uri in uris.iter().chain(&uris) {
                prop_assert_eq!(SchemaKey::parse(uri), SchemaKey::parse_new(uri));
            }
        }
    }

    #[test]
    fn criteria_compare_each_number() {
        let criterion = SchemaCriterion::parse("iglu:com.acme/x/jsonschema/1-0-*").unwrap();
        let key = |version| SchemaKey { vendor: "com.acme", name: "x", format: "jsonschema", version };
        assert!(criterion.matches(&key(SchemaVer::new(1, 0, 99))));
        assert!(!criterion.matches(&key(SchemaVer::new(1, 1, 0))));
        assert_eq!(criterion.to_string(), "iglu:com.acme/x/jsonschema/1-0-*");
        assert!(SchemaCriterion::parse("iglu:com.acme/x/jsonschema/1-0").is_none());
    }
}
