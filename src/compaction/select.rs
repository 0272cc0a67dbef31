//! Which of the objects found are meant. Each object that is not has a reason: S3DistCp passed over what its patterns did
//! not match, and nobody noticed.

use std::collections::HashSet;

use super::group::Pattern;
use super::time::Moment;
use crate::run::{ARCHIVE_MANIFEST, JOURNAL, LOCK_PREFIX, MANIFEST, SUCCESS, Skipped};
use crate::storage::codec::is_lzop_index;
use crate::storage::{
    Location, Names, ObjectMeta, Storage, StorageError, TEMPORARY_PREFIX, identity, is_folder_marker, is_hidden,
};

/// Name of the object that ends a run of the RDB Shredder from R35 on.
const SHREDDING_COMPLETE: &str = "shredding_complete.json";

/// What is meant.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Locations that match.
    pub pattern: Option<Pattern>,
    /// From this time on.
    pub since: Option<Moment>,
    /// Up to, but not including, this time.
    pub until: Option<Moment>,
    /// Names that begin with `_` as well: collectors on Elastic Beanstalk write such.
    pub hidden: bool,
    /// Indexes of lzop files as files of their own.
    pub indexes: bool,
    /// Everything, whatever it is, but for locks and journals: for moving whole run folders.
    pub markers: bool,
    /// Last modified before this time, in milliseconds since 1970.
    pub modified_before: Option<i64>,
}

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// What is meant, in the order of the inputs and, below each, of keys.
    pub objects: Vec<ObjectMeta>,
    /// What is not.
    pub skipped: Vec<Skipped>,
}

impl Selection {
    /// Lists the inputs. An object that several of them name is given once. With `tagged`, the paths of the objects of
    /// several inputs begin with a name made of their input, so that equal names stay apart.
    pub fn list(&self, storage: &Storage, inputs: &[Location], tagged: bool) -> Result<Selected, StorageError> {
        let mut selected = Selected::default();
        let mut seen = HashSet::new();
        for input in inputs {
            let tag = if tagged && inputs.len() > 1 { Some(super::names::tag(input)) } else { None };
            let visited = storage.visit(input, Names::Matching, &mut |mut object| {
                if inputs.len() > 1 && !seen.insert(identity(&object.location)) {
                    return true;
                }
                match self.reason_against(&object) {
                    Some(reason) => {
                        let location = object.location.to_string();
                        selected.skipped.push(Skipped { location, reason: reason.to_owned() });
                    }
                    None => {
                        if let Some(tag) = &tag {
                            object.relative = format!("{tag}/{}", object.relative);
                        }
                        selected.objects.push(object);
                    }
                }
                true
            });
            match visited {
                // A folder may come to be when there is something to put into it. A bucket that is not there is an error.
                Err(StorageError::NotFound { location: location @ Location::Local(_) }) => {
                    let (location, reason) = (location.to_string(), "does not exist".to_owned());
                    selected.skipped.push(Skipped { location, reason });
                }
                other => other?,
            }
        }
        Ok(selected)
    }

    /// Why an object is not meant.
    fn reason_against(&self, object: &ObjectMeta) -> Option<&'static str> {
        if let Location::Local(path) = &object.location
            && path.to_str().is_none()
        {
            return Some("its name is not UTF-8; rename it");
        }
        by_name(&object.relative, object.size, self).or_else(|| self.by_wish(object))
    }

    fn by_wish(&self, object: &ObjectMeta) -> Option<&'static str> {
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.matches(object)) {
            return Some("does not match --select");
        }
        if self.since.is_some() || self.until.is_some() {
            let Some(moment) = Moment::of(object) else { return Some("has no time to be selected by") };
            if self.since.is_some_and(|since| moment < since) {
                return Some("before --since");
            }
            if self.until.is_some_and(|until| moment >= until) {
                return Some("not before --until");
            }
        }
        let too_new = |limit: i64| object.modified.is_some_and(|modified| modified >= limit);
        self.modified_before.is_some_and(too_new).then_some("modified within --min-age")
    }
}

fn by_name(relative: &str, size: u64, selection: &Selection) -> Option<&'static str> {
    let name = relative.trim_end_matches('/').rsplit('/').next().unwrap_or("");
    if is_folder_marker(relative, size) {
        return Some("a folder marker");
    }
    if name.starts_with(TEMPORARY_PREFIX) {
        return Some("an unfinished write");
    }
    let working = relative.split('/').any(|segment| segment == JOURNAL) || name.starts_with(LOCK_PREFIX);
    if working {
        return Some("the lock or journal of a run");
    }
    if selection.markers {
        return None;
    }
    let temporary = relative.split('/').any(|segment| segment == "_temporary");
    let marker = matches!(
        name,
        SUCCESS | MANIFEST | ARCHIVE_MANIFEST | SHREDDING_COMPLETE | "_metadata" | "_common_metadata" | "_committed"
    );
    if temporary || marker {
        return Some("a marker");
    }
    if name.starts_with('.') {
        return Some("a hidden name");
    }
    if is_hidden(relative) && !selection.hidden {
        return Some("a hidden name; --include-hidden takes it");
    }
    if is_lzop_index(name) && !selection.indexes {
        return Some("an index, which is made anew with --lzo-index");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(relative: &str, selection: &Selection) -> Option<&'static str> {
        let object = ObjectMeta {
            location: Location::S3 { bucket: "b".into(), key: relative.to_owned() },
            relative: relative.to_owned(),
            size: 1,
            etag: None,
            modified: Some(1_000),
        };
        selection.reason_against(&object)
    }

    #[test]
    fn markers_are_no_data_and_underscores_may_be() {
        let merging = Selection::default();
        let staging = Selection { hidden: true, indexes: true, ..Selection::default() };
        let moving = Selection { markers: true, ..Selection::default() };
        for data in ["a/x.gz", "part-00000", "run=1/x"] {
            assert_eq!(reason(data, &merging), None);
            assert_eq!(reason(data, &staging), None);
        }
        for marker in ["_SUCCESS", "run=1/_manifest.json", "shredding_complete.json", "_temporary/0/part-0", ".x.crc"] {
            assert!(reason(marker, &staging).is_some(), "{marker}");
            assert!(reason(marker, &moving).is_none(), "{marker}");
        }
        let log = "i-1/_var_log_tomcat8_rotated_localhost_access_log.txt1427137261.gz";
        assert!(reason(log, &merging).is_some());
        assert_eq!(reason(log, &staging), None);
        assert!(reason("x.lzo.index", &merging).is_some());
        assert_eq!(reason("x.lzo.index", &staging), None);
        for never in ["_journal/plan.json", "a/_lock.1", ".thresh-x.tmp", "a_$folder$"] {
            assert!(reason(never, &moving).is_some(), "{never}");
        }
    }

    #[test]
    fn by_time_and_pattern() {
        let since = Selection { since: "2015-03-02".parse().ok(), ..Selection::default() };
        assert_eq!(reason("E.2015-03-01-23.x.gz", &since), Some("before --since"));
        assert_eq!(reason("E.2015-03-02-00.x.gz", &since), None);
        assert_eq!(reason("unknown.gz", &since), Some("before --since"), "modified in 1970");
        let until = Selection { until: "2015-03-02".parse().ok(), ..Selection::default() };
        assert_eq!(reason("E.2015-03-01-23.x.gz", &until), None);
        assert_eq!(reason("E.2015-03-02-00.x.gz", &until), Some("not before --until"));
        let gz = Selection { pattern: r".*\.gz".parse().ok(), ..Selection::default() };
        assert_eq!(reason("foo.gz", &gz), None);
        assert_eq!(reason("foogz", &gz), Some("does not match --select"));
        let aged = Selection { modified_before: Some(1_000), ..Selection::default() };
        assert_eq!(reason("x", &aged), Some("modified within --min-age"));
    }
}
