//! Which files are merged: explicit keys, equal for all files of one output.

use std::fmt;
use std::str::FromStr;

use regex::Regex;

use super::time::Moment;
use crate::storage::ObjectMeta;

/// A regular expression that is held against a whole location, as S3DistCp does with `--srcPattern` and `--groupBy`.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    anchored: Regex,
}

impl Pattern {
    /// Whether the whole location matches.
    pub fn matches(&self, object: &ObjectMeta) -> bool {
        self.anchored.is_match(&object.location.to_string())
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn group_count(&self) -> usize {
        self.anchored.captures_len() - 1
    }

    /// What the groups matched; a group that took no part gives an empty text.
    fn groups(&self, location: &str) -> Option<Vec<String>> {
        let found = self.anchored.captures(location)?;
        Some(
            found.iter().skip(1).map(|group| group.map_or_else(String::new, |text| text.as_str().to_owned())).collect(),
        )
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Pattern, String> {
        // `.` must match whatever a name may hold.
        let anchored = Regex::new(&format!(r"(?s)\A(?:{text})\z")).map_err(|error| error.to_string())?;
        Ok(Pattern { text: text.to_owned(), anchored })
    }
}

/// One thing that files of a group have in common.
#[derive(Clone, Debug)]
pub enum GroupKey {
    /// The folder below the input; it is kept in the output.
    Folder,
    /// The date in the name, else of the last modification.
    Date,
    /// The same, to the hour.
    Hour,
    /// The innermost run folder.
    Run,
    /// Nothing: all files are one group.
    All,
    /// What the groups of a regular expression match.
    Regex(Pattern),
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupKeyError {
    /// Not a regular expression.
    #[error("{0}")]
    Pattern(String),
    /// Without groups every file would be in the same group.
    #[error("`{0}` is neither folder, date, hour, run nor all, and a regular expression needs a (group)")]
    NoGroup(String),
}

impl FromStr for GroupKey {
    type Err = GroupKeyError;

    fn from_str(text: &str) -> Result<GroupKey, GroupKeyError> {
        Ok(match text {
            "folder" => GroupKey::Folder,
            "date" => GroupKey::Date,
            "hour" => GroupKey::Hour,
            "run" => GroupKey::Run,
            "all" => GroupKey::All,
            _ => {
                let pattern: Pattern = text.parse().map_err(GroupKeyError::Pattern)?;
                if pattern.group_count() == 0 {
                    return Err(GroupKeyError::NoGroup(text.to_owned()));
                }
                GroupKey::Regex(pattern)
            }
        })
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GroupKey::Folder => "folder",
            GroupKey::Date => "date",
            GroupKey::Hour => "hour",
            GroupKey::Run => "run",
            GroupKey::All => "all",
            GroupKey::Regex(pattern) => pattern.as_str(),
        })
    }
}

/// What a file has for each of the keys asked for. Texts are kept apart: `a-b`, `c` is another group than `a`, `b-c`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keys {
    /// The folder, if it is one of the keys; without slashes at its ends.
    pub folder: String,
    /// The other keys.
    pub texts: Vec<String>,
}

impl Keys {
    /// The keys of an object, or the key that it has not.
    pub fn of<'k>(object: &ObjectMeta, keys: &'k [GroupKey]) -> Result<Keys, &'k GroupKey> {
        let mut found = Keys::default();
        for key in keys {
            match key {
                GroupKey::All => {}
                GroupKey::Folder => {
                    found.folder = object.relative.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                }
                GroupKey::Date => found.texts.push(Moment::of(object).map(Moment::date).ok_or(key)?),
                GroupKey::Hour => found.texts.push(Moment::of(object).map(Moment::hour).ok_or(key)?),
                GroupKey::Run => found.texts.push(run_of(&object.location.to_string()).ok_or(key)?),
                GroupKey::Regex(pattern) => {
                    found.texts.extend(pattern.groups(&object.location.to_string()).ok_or(key)?);
                }
            }
        }
        Ok(found)
    }
}

/// The innermost folder of the path that is called `run=…`.
fn run_of(path: &str) -> Option<String> {
    let (folders, _) = path.rsplit_once('/')?;
    folders.rsplit('/').find(|segment| segment.starts_with("run=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Location;

    fn object(location: &str, relative: &str) -> ObjectMeta {
        ObjectMeta {
            location: Location::parse(location).unwrap(),
            relative: relative.to_owned(),
            size: 1,
            etag: None,
            modified: Some(1_425_254_400_000),
        }
    }

    fn texts(key: &str, location: &str) -> Option<Vec<String>> {
        let keys = [key.parse::<GroupKey>().unwrap()];
        Keys::of(&object(location, "x"), &keys).ok().map(|found| found.texts)
    }

    #[test]
    fn old_patterns_capture_what_java_captured() {
        let cloudfront = r".*([0-9]+-[0-9]+-[0-9]+)-[0-9]+.*";
        assert_eq!(texts(cloudfront, "s3://b/raw/E1ABC.2015-03-01-23.abcd1234.gz").unwrap(), ["5-03-01"]);
        assert_eq!(texts(cloudfront, "s3://b/raw/E1.2015-03-01-23.a1-2-3-44.gz").unwrap(), ["1-2-3"]);
        let newer = r".*\.([0-9]+-[0-9]+-[0-9]+)-[0-9]+\..*";
        assert_eq!(texts(newer, "s3://b/raw/E1ABC.2015-03-01-23.abcd1234.gz").unwrap(), ["2015-03-01"]);
        let parts = r".*(part-)\d+-(.*)";
        let enriched = "s3://b/run=1/enriched-events/part-00003-f0b2aa0e-c000.txt";
        assert_eq!(texts(parts, enriched).unwrap(), ["part-", "f0b2aa0e-c000.txt"]);
        assert_eq!(texts(parts, "s3://b/enriched-events/part-00003"), None, "which S3DistCp passed over in silence");
        let shredded = r".*/shredded-types/vendor=(.+)/name=(.+)/.+/version=(.+)/(part-)\d+-(.*)";
        let path = "s3://b/shredded-types/vendor=com.acme/name=ctx/format=jsonschema/version=1-0-0/part-00007-f0b2.txt";
        assert_eq!(texts(shredded, path).unwrap(), ["com.acme", "ctx", "1-0-0", "part-", "f0b2.txt"]);
        assert_eq!(texts("(a)|.*(b)", "s3://x/b").unwrap(), ["", "b"], "S3DistCp wrote `null`");
    }

    #[test]
    fn keys_by_name() {
        assert_eq!(texts("date", "/in/E1.2015-03-01-23.a.gz").unwrap(), ["2015-03-01"]);
        assert_eq!(texts("hour", "/in/unknown.gz").unwrap(), ["2015-03-02-00"], "by the last modification");
        assert_eq!(texts("run", "s3://b/x/run=1/run=2/y/part-0").unwrap(), ["run=2"]);
        assert_eq!(texts("run", "s3://b/x/part-0"), None);
        assert_eq!(texts("all", "s3://b/x/part-0").unwrap(), [""; 0]);
        let keys = [GroupKey::Folder, GroupKey::Date];
        let found = Keys::of(&object("/in/a/b/x.2015-03-01.gz", "a/b/x.2015-03-01.gz"), &keys).unwrap();
        assert_eq!((found.folder.as_str(), found.texts), ("a/b", vec!["2015-03-01".to_owned()]));
    }

    #[test]
    fn refuses_what_is_no_key() {
        assert_eq!("fodler".parse::<GroupKey>().unwrap_err(), GroupKeyError::NoGroup("fodler".into()));
        assert!(matches!("(".parse::<GroupKey>().unwrap_err(), GroupKeyError::Pattern(_)));
    }
}
