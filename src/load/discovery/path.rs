//! What a path inside a run folder says.

use super::Layout;
use crate::ddl::ModelKey;
use crate::iglu::SchemaVer;
use crate::shred::COMPLETE_FILE;
use crate::storage::{Location, ObjectMeta};

/// Vendor and name of atomic events, which layouts D and E keep like a type.
pub(super) const ATOMIC: (&str, &str) = ("com.snowplowanalytics.snowplow", "atomic");

/// What an object is.
pub(super) enum Found {
    /// A file of rows.
    Rows {
        layout: Layout,
        /// `None`: atomic events.
        key: Option<ModelKey>,
        version: Option<SchemaVer>,
        json: bool,
        /// The first folder below the run folder.
        top: &'static str,
        /// The folder of the file, with a slash at its end.
        folder: String,
    },
    /// `_SUCCESS`, in this folder below the run folder.
    Success(String),
    /// `shredding_complete.json`.
    Message,
    /// `_manifest.json`.
    Manifest,
    /// Bad rows and markers.
    Ignored,
    /// Data in a run folder that no layout has.
    Unknown,
}

/// Whether an object can hold rows at all.
pub(super) fn is_data(object: &ObjectMeta) -> bool {
    let name = object.location.file_name();
    object.size > 0 && !name.starts_with(['_', '.']) && !object.location.to_string().contains('$')
}

/// The run folder of an object, and what the object is in it. `None` if its path does not show any.
pub(super) fn classify(object: &ObjectMeta) -> Option<(Location, Found)> {
    let text = match &object.location {
        Location::Local(path) => path.to_str()?.to_owned(),
        Location::S3 { key, .. } => key.clone(),
        Location::Stdio => return None,
    };
    let segments: Vec<&str> = text.split('/').collect();
    let (name, folders) = segments.split_last()?;
    let run = folders.iter().rposition(|segment| segment.starts_with("run=")).map(|at| at + 1);
    let start = run.unwrap_or(0);
    let marker = folders[start..].iter().position(|segment| is_marker(segment));
    let depth = match marker {
        Some(at) => start + at,
        None if is_control(name) => folders.len(),
        None => run?,
    };
    let base = location_at(&object.location, &segments[..depth]);
    let inner = &folders[depth..];
    let found = match *name {
        "_SUCCESS" => Found::Success(inner.join("/")),
        COMPLETE_FILE if inner.is_empty() => Found::Message,
        "_manifest.json" if inner.is_empty() => Found::Manifest,
        _ if !is_data(object) || inner.iter().any(|segment| segment.starts_with('_')) => Found::Ignored,
        _ if inner.first() == Some(&"output=bad") => Found::Ignored,
        _ => rows(inner, folder_of(&object.location)).unwrap_or(Found::Unknown),
    };
    Some((base, found))
}

fn is_marker(segment: &str) -> bool {
    matches!(segment, "output=good" | "output=bad" | "atomic-events" | "shredded-types" | "shredded-tsv")
        || segment.starts_with("vendor=")
}

fn is_control(name: &str) -> bool {
    matches!(name, "_SUCCESS" | COMPLETE_FILE | "_manifest.json")
}

fn location_at(like: &Location, segments: &[&str]) -> Location {
    let path = segments.join("/");
    match like {
        Location::S3 { bucket, .. } => Location::S3 { bucket: bucket.clone(), key: path },
        _ => Location::Local(if path.is_empty() { "/".into() } else { path.into() }),
    }
}

fn folder_of(location: &Location) -> String {
    let text = location.to_string();
    text.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"))
}

/// Rows by the folders between the run folder and the file.
fn rows(inner: &[&str], folder: String) -> Option<Found> {
    let atomic =
        |layout, top| Found::Rows { layout, key: None, version: None, json: false, top, folder: folder.clone() };
    match inner {
        ["atomic-events"] => Some(atomic(Layout::B, "atomic-events")),
        ["shredded-types", rest @ ..] => {
            let (vendor, name, _, version) = parts(rest, "version")?;
            let version = SchemaVer::parse(version)?;
            let key = Some(ModelKey { vendor, name, model: version.model });
            Some(Found::Rows {
                layout: Layout::B,
                key,
                version: Some(version),
                json: true,
                top: "shredded-types",
                folder,
            })
        }
        ["shredded-tsv", rest @ ..] => {
            let (vendor, name, _, model) = parts(rest, "version")?;
            let key = Some(ModelKey { vendor, name, model: model_number(model)? });
            Some(Found::Rows { layout: Layout::B, key, version: None, json: false, top: "shredded-tsv", folder })
        }
        ["output=good", rest @ ..] => partitioned(Layout::E, rest, folder),
        rest => partitioned(Layout::D, rest, folder),
    }
}

fn partitioned(layout: Layout, rest: &[&str], folder: String) -> Option<Found> {
    let (vendor, name, format, model) = parts(rest, "model")?;
    let json = match format {
        "json" => true,
        "tsv" => false,
        _ => return None,
    };
    let model = model_number(model)?;
    let is_atomic = (vendor.as_str(), name.as_str()) == ATOMIC && !json;
    let key = (!is_atomic).then_some(ModelKey { vendor, name, model });
    Some(Found::Rows { layout, key, version: None, json, top: "", folder })
}

/// `vendor=V/name=N/format=F/<last>=X`; vendor and name must be ones that a schema key can have.
fn parts<'a>(rest: &[&'a str], last: &str) -> Option<(String, String, &'a str, &'a str)> {
    let [vendor, name, format, version] = rest else { return None };
    let word = |text: &str, dots: bool| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || dots && b == b'.';
        (!text.is_empty() && text.bytes().all(fits)).then(|| text.to_owned())
    };
    Some((
        word(vendor.strip_prefix("vendor=")?, true)?,
        word(name.strip_prefix("name=")?, false)?,
        format.strip_prefix("format=")?,
        version.strip_prefix(last)?.strip_prefix('=')?,
    ))
}

fn model_number(text: &str) -> Option<u32> {
    SchemaVer::parse(&format!("{text}-0-0")).map(|version| version.model)
}
