//! Our own configuration: TOML with only what there is to say.

use std::path::Path;

use super::document::parse_toml;
use super::fields::{Findings, Place, Reasons};
use super::pipeline::{EventFolders, Pipeline, RawFolders, Reading, S3Settings, TargetEntry};
use crate::raw::RawFormat;
use crate::report::parse_bytes;

/// Every key has an effect.
const REASONS: Reasons<'static> = &[];
/// The commands that take more options.
const COMMANDS: [&str; 5] = ["stage", "enrich", "shred", "load", "archive"];

/// Reads a configuration. `folder` is where relative paths in it start.
pub fn read(text: &str, folder: &Path) -> Reading {
    let document = match parse_toml(text) {
        Ok(document) => document,
        Err(error) => return Reading::failed(error.line, "TOML", error.message),
    };
    let findings = Findings::default();
    let root = Place::root(&document, folder, &findings);
    let pipeline = read_pipeline(&root, folder);
    for overlap in pipeline.iter().flat_map(Pipeline::overlaps) {
        root.refuse("folders side by side", &overlap);
    }
    let (problems, unused) = findings.finish(&document, REASONS);
    let pipeline = pipeline.filter(|_| problems.is_empty());
    Reading { pipeline, problems, unused, warnings: Vec::new() }
}

fn read_pipeline(root: &Place<'_>, folder: &Path) -> Option<Pipeline> {
    for table in ["raw", "enriched", "shredded", "run", "s3", "load", "options"] {
        root.field(table).expect_table();
    }
    let stream = root.at("enriched.stream").optional_location();
    let raw = match stream {
        Some(_) => None,
        None => Some(RawFolders::read(
            &root.field("raw"),
            "one or more folders that collectors write to (or enriched.stream)",
        )),
    };
    let enriched = EventFolders::read(&root.field("enriched"), stream.is_none());
    let shredded = EventFolders::read(&root.field("shredded"), false);
    let state = root.at("run.state").location();
    let format = read_format(&root.at("raw.format"));
    let gzip = read_compression(&root.at("run.compression"));
    let max_bytes = root.at("run.max_bytes");
    let max_bytes = match max_bytes.is_present() {
        true => {
            Some(max_bytes.parsed("a size such as 20GiB", |text| parse_bytes(text).is_ok().then(|| text.to_owned()))?)
        }
        false => None,
    };
    let targets = read_targets(&root.at("load.targets"), folder);
    let options = COMMANDS.map(|command| {
        let place = root.field("options").field(command);
        let words: Vec<String> = place.elements().iter().filter_map(Place::text).collect();
        (command.to_owned(), words)
    });
    Some(Pipeline {
        raw: match raw {
            Some(raw) => Some(raw?),
            None => None,
        },
        enriched: enriched?,
        stream,
        shredded: shredded?,
        state: state?,
        format: format?,
        gzip: gzip?,
        max_bytes,
        jsonpaths: root.at("load.jsonpaths").optional_location(),
        tags: root.at("load.tags").texts(),
        s3: read_s3(&root.field("s3")),
        targets,
        options: options.into_iter().filter(|(_, words)| !words.is_empty()).collect(),
    })
}

fn read_format(place: &Place<'_>) -> Option<String> {
    if !place.is_present() {
        return Some("auto".to_owned());
    }
    const EXPECTED: &str = "auto, cloudfront, clj-tomcat, thrift, tsv/VENDOR/VERSION or ndjson/VENDOR/VERSION";
    place.parsed(EXPECTED, |name| (name == "auto" || name.parse::<RawFormat>().is_ok()).then(|| name.to_owned()))
}

fn read_compression(place: &Place<'_>) -> Option<bool> {
    if !place.is_present() {
        return Some(true);
    }
    place.parsed("gzip or none", |text| match text {
        "gzip" => Some(true),
        "none" => Some(false),
        _ => None,
    })
}

fn read_s3(s3: &Place<'_>) -> S3Settings {
    S3Settings {
        region: s3.field("region").optional_text(),
        credentials: None,
        encryption: s3.field("encryption").optional_text(),
        storage_class: s3.field("storage_class").optional_text(),
        path_style: s3.field("path_style").flag(false),
        request_payer: s3.field("request_payer").flag(false),
    }
}

fn read_targets(list: &Place<'_>, folder: &Path) -> Vec<TargetEntry> {
    let entry = |place: &Place<'_>| -> Option<TargetEntry> {
        if !place.is_table() {
            return Some(TargetEntry {
                target: absolute(&place.text()?, folder),
                password_env: None,
                password_file: None,
            });
        }
        let (env, file) = (place.field("password_env"), place.field("password_file"));
        let valid = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let good = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
            (good && !name.is_empty()).then(|| name.to_owned())
        };
        let password_env = match env.is_present() {
            true => Some(env.parsed("the name of an environment variable", valid)?),
            false => None,
        };
        let password_file = file.optional_text().map(|path| folder.join(path).display().to_string());
        if password_env.is_some() && password_file.is_some() {
            file.refuse("password_env or password_file", "both");
        }
        Some(TargetEntry { target: absolute(&place.field("target").text()?, folder), password_env, password_file })
    };
    // A table stands for itself, not for a list of one.
    if list.is_table() {
        return entry(list).into_iter().collect();
    }
    list.elements().iter().filter_map(entry).collect()
}

/// Files are meant to be found from wherever the pipeline is run.
fn absolute(target: &str, folder: &Path) -> String {
    match target.strip_prefix("sqlite:") {
        Some(path) => format!("sqlite:{}", folder.join(path.strip_prefix("//").unwrap_or(path)).display()),
        None if target.contains("://") => target.to_owned(),
        None => folder.join(target).display().to_string(),
    }
}

#[cfg(test)]
mod tests;
