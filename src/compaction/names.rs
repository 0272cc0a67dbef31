//! Names of what is written: they follow from what is read and from nothing else, never leave their folder, never begin
//! with `_` or `.` (readers of Hadoop's family do not see such), and are never the same for two objects.
//!
//! What went wrong before: equal names from two instances overwrote each other, and names made unique in a race lost
//! about one event in a hundred (snowplow/snowplow issues 717 and 3085).

use std::collections::HashSet;

use super::group::Keys;
use crate::run::digest;
use crate::storage::codec::Codec;
use crate::storage::{Location, ObjectMeta};

/// Longest text made of keys.
const LONGEST_KEY: usize = 100;

/// The first 16 hexadecimal digits of a digest.
fn short_digest(text: &str) -> String {
    digest(text.as_bytes()).trim_start_matches("sha256:").chars().take(16).collect()
}

/// What identifies the content of an object, as text.
fn identity(object: &ObjectMeta) -> String {
    match (&object.etag, object.modified) {
        (Some(etag), _) => format!("{} {} {etag}", object.location, object.size),
        (None, Some(modified)) => format!("{} {} {modified}", object.location, object.size),
        (None, None) => format!("{} {}", object.location, object.size),
    }
}

/// A folder name for what comes from an input, when there are several.
pub(super) fn tag(input: &Location) -> String {
    let text = input.to_string();
    let text = text.trim_end_matches('/');
    let last = text.rsplit('/').next().unwrap_or("");
    format!("{}-{}", safe(last, LONGEST_KEY), &short_digest(text)[..8])
}

/// Letters, digits and what does no harm in a name; everything else becomes `_`.
fn safe(text: &str, longest: usize) -> String {
    let harmless = |letter: char| letter.is_alphanumeric() || "-_.=+".contains(letter);
    text.chars().map(|letter| if harmless(letter) { letter } else { '_' }).take(longest).collect()
}

/// A relative path whose segments are all names: `..` and the like are spelled so that they stay where they are.
pub(super) fn safe_path(relative: &str) -> String {
    let segments = relative.split('/').map(|segment| match segment {
        "" => "%".to_owned(),
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        name => name.replace(['\0', '\n'], "_"),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The last ending of a name without that of its codec, if it is one: `tsv` of `part-00000.tsv.gz`.
fn ending(name: &str) -> Option<&str> {
    let name = [".gz", ".lzo", ".gzip"].iter().find_map(|codec| name.strip_suffix(codec)).unwrap_or(name);
    let (_, ending) = name.rsplit_once('.')?;
    let plausible = matches!(ending.len(), 1..=6) && ending.bytes().all(|byte| byte.is_ascii_lowercase());
    plausible.then_some(ending)
}

fn codec_ending(codec: Codec) -> &'static str {
    match codec {
        Codec::Gzip => ".gz",
        Codec::Lzop => ".lzo",
        Codec::Deflate => ".deflate",
        Codec::Plain => "",
    }
}

/// The name, below the run folder, of the file that `objects` are merged into: the `number`-th of its group.
pub(super) fn merged(keys: &Keys, number: usize, objects: &[ObjectMeta], codec: Codec) -> String {
    let mut content = String::new();
    for object in objects {
        content.push_str(&identity(object));
        content.push('\n');
    }
    let mut name = String::new();
    if !keys.folder.is_empty() {
        name = format!("{}/", safe_path(&keys.folder));
    }
    name.push_str(&format!("part-{number:05}"));
    let key = safe(&keys.texts.join("-"), LONGEST_KEY);
    if !key.is_empty() {
        name.push_str(&format!(".{key}"));
    }
    name.push_str(&format!(".{}", short_digest(&content)));
    let mut endings = objects.iter().map(|object| ending(object.location.file_name()));
    if let Some(first) = endings.next().flatten()
        && endings.all(|other| other == Some(first))
    {
        name.push_str(&format!(".{first}"));
    }
    name.push_str(codec_ending(codec));
    name
}

/// The name of a file that stays alone because it cannot be merged, in the folder of `target`.
pub(super) fn alone(target: &str, object: &ObjectMeta) -> String {
    let folder = target.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let name = object.location.file_name().trim_start_matches(['_', '.']);
    format!("{folder}alone-{}.{}", short_digest(&identity(object)), safe(name, 200))
}

/// The targets of files that are moved: their relative paths, without `_` and `.` at the beginning of names unless
/// `exact`. What would be the same as another, or as a folder of another, gets a digest of where it comes from. `reserved`
/// names belong to the run.
pub fn targets(objects: &[ObjectMeta], exact: bool, reserved: &[&str]) -> Vec<String> {
    let wished: Vec<String> = objects.iter().map(|object| wished(&object.relative, exact)).collect();
    let mut folders = HashSet::new();
    for path in &wished {
        folders.extend(path.match_indices('/').map(|(slash, _)| path[..slash].to_owned()));
    }
    let mut taken: HashSet<String> = HashSet::new();
    let mut count: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for path in &wished {
        *count.entry(path).or_default() += 1;
    }
    let mut targets = Vec::with_capacity(objects.len());
    for (object, path) in objects.iter().zip(&wished) {
        let clashes = count[path.as_str()] > 1 || folders.contains(path) || reserved.contains(&path.as_str());
        let mut target = if clashes { distinguished(path, object) } else { path.clone() };
        while folders.contains(&target) || !taken.insert(target.clone()) {
            target = distinguished(&target, object);
        }
        targets.push(target);
    }
    targets
}

fn wished(relative: &str, exact: bool) -> String {
    let path = safe_path(relative);
    if exact {
        return path;
    }
    let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
    let visible = name.trim_start_matches(['_', '.']);
    let visible = if visible.is_empty() { "%" } else { visible };
    if folder.is_empty() { visible.to_owned() } else { format!("{folder}/{visible}") }
}

/// `a/x.tsv.gz` → `a/x.0123456789abcdef.tsv.gz`
fn distinguished(path: &str, object: &ObjectMeta) -> String {
    let mark = short_digest(&object.location.to_string());
    let name = path.rfind('/').map_or(0, |slash| slash + 1);
    match path[name..].find('.').filter(|&dot| dot > 0) {
        Some(dot) => format!("{}.{mark}{}", &path[..name + dot], &path[name + dot..]),
        None => format!("{path}.{mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(key: &str, relative: &str) -> ObjectMeta {
        ObjectMeta {
            location: Location::S3 { bucket: "b".into(), key: key.to_owned() },
            relative: relative.to_owned(),
            size: 1,
            etag: Some("e".into()),
            modified: None,
        }
    }

    #[test]
    fn merged_files_are_named_after_what_is_in_them() {
        let objects = [object("in/a/x.tsv.gz", "a/x.tsv.gz"), object("in/a/y.tsv.gz", "a/y.tsv.gz")];
        let keys = Keys { folder: "a".into(), texts: vec!["2015-03-01".into()] };
        let name = merged(&keys, 3, &objects, Codec::Gzip);
        assert!(name.starts_with("a/part-00003.2015-03-01.") && name.ends_with(".tsv.gz"), "{name}");
        assert_eq!(name, merged(&keys, 3, &objects, Codec::Gzip));
        let mut changed = objects.clone();
        changed[1].etag = Some("f".into());
        assert_ne!(name, merged(&keys, 3, &changed, Codec::Gzip));
        let hostile = Keys { folder: "../a//.".into(), texts: vec!["a/b c".into()] };
        let name = merged(&hostile, 0, &[object("x.json", "x.json"), object("y.txt", "y.txt")], Codec::Plain);
        assert!(name.starts_with("%2E%2E/a/%/%2E/part-00000.a_b_c.") && !name.ends_with("json"), "{name}");
    }

    #[test]
    fn equal_names_stay_apart() {
        let objects = [
            object("in/i-1/_x.gz", "i-1/_x.gz"),
            object("in/i-1/x.gz", "i-1/x.gz"),
            object("in/i-2/x.gz", "i-2/x.gz"),
            object("in/a", "a"),
            object("in/a/b", "a/b"),
            object("in/_SUCCESS", "_SUCCESS"),
            object("in/___", "___"),
        ];
        let targets = targets(&objects, false, &["SUCCESS"]);
        assert_eq!(targets.iter().collect::<HashSet<_>>().len(), objects.len());
        assert_eq!(targets[2], "i-2/x.gz", "another folder is another name");
        for clash in [&targets[0], &targets[1]] {
            assert!(clash.starts_with("i-1/x.") && clash.ends_with(".gz") && clash.len() == 25, "{clash}");
        }
        assert!(targets[3].starts_with("a."), "a file cannot be a folder too: {}", targets[3]);
        assert_eq!(targets[4], "a/b");
        assert!(targets[5].starts_with("SUCCESS."), "{}", targets[5]);
        assert_eq!(targets[6], "%");
    }

    #[test]
    fn inputs_of_the_same_name_have_different_tags() {
        let tag_of = |text: &str| tag(&Location::parse(text).unwrap());
        assert_ne!(tag_of("s3://a/raw/"), tag_of("s3://b/raw/"));
        assert_eq!(tag_of("s3://a/raw/"), tag_of("s3://a/raw"));
        assert!(tag_of("s3://a/raw/").starts_with("raw-"));
    }

    proptest! {
        #[test]
        fn targets_are_distinct_and_stay_below(paths in prop::collection::hash_set("[a._/]{1,6}", 0..12)) {
            let objects: Vec<ObjectMeta> = paths.iter().map(|path| object(path, path)).collect();
            let targets = targets(&objects, false, &[]);
            let distinct: HashSet<&String> = targets.iter().collect();
            prop_assert_eq!(distinct.len(), objects.len());
            for target in &targets {
                prop_assert!(target.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{}", target);
                let folder = format!("{target}/");
                prop_assert!(!targets.iter().any(|other| other.starts_with(&folder)), "{} is a folder too", target);
                let name = target.rsplit('/').next().unwrap();
                prop_assert!(!name.starts_with(['_', '.']), "{}", target);
            }
        }
    }
}
