//! Whether each step of a run took all of what the one before it gave, by their manifests: files, sizes, records.

use std::collections::BTreeMap;

use crate::run::Manifest;

/// Two steps in a row, and what one of them gave to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Files handed over.
    pub files: usize,
    /// Stored bytes of them.
    pub bytes: u64,
    /// Records in them, if both sides counted.
    pub records: Option<u64>,
    /// Everything that does not agree.
    pub differences: Vec<String>,
}

/// Most differences that are named.
const NAMED: usize = 10;

/// Compares what `from` wrote with what `to` read. `is_data` says which files the second step has to read.
pub fn compare(from: &Manifest, to: &Manifest, is_data: impl Fn(&str) -> bool) -> Link {
    let given: BTreeMap<&str, (u64, u64)> = from
        .outputs
        .iter()
        .filter(|output| output.output != "bad" && is_data(&output.location))
        .map(|output| (inside(&output.location, &from.run_id), (output.size, output.records)))
        .collect();
    let mut link = Link { files: given.len(), bytes: given.values().map(|(size, _)| size).sum(), ..Link::default() };
    let mut taken: BTreeMap<&str, (u64, Option<u64>)> = BTreeMap::new();
    for input in &to.inputs {
        taken.insert(inside(&input.location, &from.run_id), (input.size, input.records));
    }
    for (name, (size, _)) in &given {
        match taken.get(name) {
            None => link.differences.push(format!("{} wrote {name}, but {} did not read it", from.command, to.command)),
            Some((read, _)) if read != size => link
                .differences
                .push(format!("{name}: {} wrote {size} bytes, {} read {read}", from.command, to.command)),
            Some((_, None)) => link.differences.push(format!("{name} was listed by {}, but not read", to.command)),
            Some(_) => {}
        }
    }
    for name in taken.keys().filter(|name| !given.contains_key(*name)) {
        link.differences.push(format!("{} read {name}, which {} did not write", to.command, from.command));
    }
    compare_records(from, to, &given, &mut link);
    if link.differences.len() > NAMED {
        let more = link.differences.len() - NAMED;
        link.differences.truncate(NAMED);
        link.differences.push(format!("and {more} more"));
    }
    link
}

/// Moving files counts no records.
fn compare_records(from: &Manifest, to: &Manifest, given: &BTreeMap<&str, (u64, u64)>, link: &mut Link) {
    let counts = from.counters.records_in > 0 || from.counters.events_good > 0;
    if !counts || !to.failed_inputs.is_empty() {
        return;
    }
    let written: u64 = given.values().map(|(_, records)| records).sum();
    let read: u64 = to.inputs.iter().filter_map(|input| input.records).sum();
    link.records = Some(read);
    if written != read {
        link.differences.push(format!("{} wrote {written} records, {} read {read}", from.command, to.command));
    }
}

/// The path inside the run folder.
fn inside<'l>(location: &'l str, run_id: &str) -> &'l str {
    let folder = format!("/run={run_id}/");
    location.rfind(&folder).map_or(location, |at| &location[at + folder.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(command: &str, json: &str) -> Manifest {
        let text = format!(
            r#"{{"command":"{command}","version":"1","run_id":"r","status":"complete","arguments":[],"configuration":{{}},
            "started":"","ended":"","failed_inputs":[],{json}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn counters(records: u64) -> String {
        format!(
            r#""counters":{{"records_in":{records},"records_good_source":0,"records_bad_source":0,"records_ignored":0,"events_good":0,"bad_rows":0}}"#
        )
    }

    fn output(name: &str, size: u64, records: u64) -> String {
        format!(
            r#"{{"output":"good","location":"s3://b/good/run=r/{name}","size":{size},"crc32c":"0","records":{records}}}"#
        )
    }

    fn input(name: &str, size: u64, records: &str) -> String {
        format!(r#"{{"location":"s3://b/good/run=r/{name}","size":{size}{records}}}"#)
    }

    fn from(outputs: &[String], records: u64) -> Manifest {
        manifest("enrich", &format!(r#""inputs":[],"outputs":[{}],{}"#, outputs.join(","), counters(records)))
    }

    fn to(inputs: &[String]) -> Manifest {
        manifest("shred", &format!(r#""inputs":[{}],"outputs":[],{}"#, inputs.join(","), counters(0)))
    }

    #[test]
    fn agreement() {
        let from = from(&[output("a", 5, 2), output("b.lzo.index", 8, 0)], 2);
        let link = compare(&from, &to(&[input("a", 5, r#","records":2"#)]), |name| !name.ends_with(".index"));
        assert_eq!(link, Link { files: 1, bytes: 5, records: Some(2), differences: Vec::new() });
    }

    #[test]
    fn everything_that_differs_is_named() {
        let from = from(&[output("a", 5, 2), output("b", 6, 1), output("c", 7, 1), output("d", 8, 1)], 5);
        let to = to(&[
            input("a", 4, r#","records":2"#),
            input("c", 7, r#","records":3"#),
            input("d", 8, ""),
            input("e", 1, r#","records":1"#),
        ]);
        assert_eq!(
            compare(&from, &to, |_| true).differences,
            [
                "a: enrich wrote 5 bytes, shred read 4",
                "enrich wrote b, but shred did not read it",
                "d was listed by shred, but not read",
                "shred read e, which enrich did not write",
                "enrich wrote 5 records, shred read 6",
            ]
        );
    }

    #[test]
    fn moving_files_counts_no_records() {
        let link = compare(&from(&[output("a", 5, 0)], 0), &to(&[input("a", 5, r#","records":9"#)]), |_| true);
        assert_eq!((link.records, link.differences.len()), (None, 0));
    }
}
