//! Schema keys, versions and criteria. Facts: snowplow/iglu-scala-core 1.0.0.

use std::fmt;

/// A schema version: MODEL-REVISION-ADDITION.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
        if let [model @ b'1'..=b'9', b'-', revision @ b'0'..=b'9', b'-', addition @ b'0'..=b'9'] = text.as_bytes() {
            let number = |digit: &u8| u32::from(digit - b'0');
            return Some(SchemaVer::new(number(model), number(revision), number(addition)));
        }
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

/// Whether every byte may stand in this part.
fn consists_of(bytes: &[u8], part: u8) -> bool {
    bytes.iter().fold(part, |fits, byte| fits & PARTS[usize::from(*byte)]) != 0
}

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
        let rest = uri.strip_prefix("iglu:").ok_or(ParseError::InvalidIgluUri)?;
        let (mut slashes, mut start) = ([0; 3], 0);
        for (slash, wanted) in slashes.iter_mut().zip([IN_VENDOR, IN_WORD, IN_WORD]) {
            let part = &rest.as_bytes()[start..];
            let length = memchr::memchr(b'/', part).ok_or(ParseError::InvalidIgluUri)?;
            if length == 0 || !consists_of(&part[..length], wanted) {
                return Err(ParseError::InvalidIgluUri);
            }
            *slash = start + length;
            start = *slash + 1;
        }
        let [vendor_end, name_end, format_end] = slashes;
        let digits = &rest[start..];
        let version = SchemaVer::parse(digits).ok_or_else(|| {
            let dashes = digits.bytes().filter(|byte| *byte == b'-').count();
            let is_like_one = dashes == 2 && consists_of(digits.as_bytes(), IN_VERSION);
            if is_like_one { ParseError::InvalidSchemaVer } else { ParseError::InvalidIgluUri }
        })?;
        let (vendor, name) = (&rest[..vendor_end], &rest[vendor_end + 1..name_end]);
        let format = &rest[name_end + 1..format_end];
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
