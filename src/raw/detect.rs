//! Telling the raw format of an object by its content, for `--format auto`.
//!
//! The reference has to be told. `tsv/…` and `ndjson/…` cannot be told by content: their lines may be anything.

use bumpalo::Bump;
use memchr::memmem;

use super::columns::Columns;
use super::format::{RawFormat, ThriftContainer};
use super::lines::split_line;
use super::serialized_block::MARKER;
use super::thrift::looks_like_record;
use crate::payload::base64_bytes;
use crate::payload::decode::utf8_text;

/// Lines that are looked at before giving up.
const LINES: usize = 20;

/// The raw format of a stream by its first bytes (some KiB), with the object's name to help out. `None` if neither says.
pub fn detect(leading: &[u8], file_name: &str) -> Option<RawFormat> {
    if memmem::find(leading, &MARKER).is_some() {
        return Some(RawFormat::Thrift(ThriftContainer::Blocks));
    }
    if looks_like_record(leading) {
        return Some(RawFormat::Thrift(ThriftContainer::Structs));
    }
    let arena = Bump::new();
    let mut rest = leading;
    for _ in 0..LINES {
        if rest.is_empty() {
            break;
        }
        let (line, after) = split_line(rest);
        rest = after;
        if let Some(format) = format_of_line(line, &arena) {
            return Some(format);
        }
    }
    format_of_name(file_name)
}

fn format_of_line(line: &[u8], arena: &Bump) -> Option<RawFormat> {
    let text = utf8_text(line, arena);
    if text.starts_with("#Version:") || text.starts_with("#Fields:") {
        return Some(RawFormat::CloudFront);
    }
    let columns = Columns::split(text);
    if let Some(format) = format_of_columns(&columns) {
        return Some(format);
    }
    // The line may be cut off; four characters at a time decode on their own.
    let looks_like_base64 = columns.count == 1 && looks_like_record(base64_bytes(line.trim_ascii(), arena));
    looks_like_base64.then_some(RawFormat::Thrift(ThriftContainer::Lines))
}

/// Which log a line is of.
pub(super) fn format_of_columns(columns: &Columns<'_>) -> Option<RawFormat> {
    if columns.count < 12 || !is_date(columns.texts[0]) || !is_time(columns.texts[1]) {
        return None;
    }
    let is_tomcat = columns.texts[2] == "-" && matches!(columns.count, 12 | 14 | 15 | 17);
    Some(if is_tomcat { RawFormat::Tomcat } else { RawFormat::CloudFront })
}

/// `2013-08-29`
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// `00:18:48`
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8
        && bytes.iter().take(8).enumerate().all(|(at, byte)| match at {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
}

/// `localhost_access_log…` is Tomcat's; `<distribution>.YYYY-MM-DD-HH.<unique>` is CloudFront's.
fn format_of_name(file_name: &str) -> Option<RawFormat> {
    let name = file_name.rsplit('/').next().unwrap_or(file_name);
    if name.contains("localhost_access_log") {
        return Some(RawFormat::Tomcat);
    }
    let is_hour = |part: &str| {
        part.len() == 13 && is_date(&part[..10]) && part.as_bytes()[10] == b'-' && part[11..].parse::<u8>().is_ok()
    };
    let has_hour = name.split('.').skip(1).any(|part| part.is_ascii() && is_hour(part));
    has_hour.then_some(RawFormat::CloudFront)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formats_by_content() {
        let thrift = |container| Some(RawFormat::Thrift(container));
        let cloudfront = b"2013-08-29\t00:18:48\tLAX3\t830\t1.2.3.4\tGET\th\t/i\t200\t-\t-\te=pv\n";
        let tomcat = b"2013-08-29\t00:18:48\t-\t830\t1.2.3.4\tGET\th\t/i\t200\t-\t-\te=pv\t-\t-\t-\t-\t-\n";
        for (leading, expected) in [
            (&b"#Version: 1.0\n#Fields: date"[..], Some(RawFormat::CloudFront)),
            (cloudfront, Some(RawFormat::CloudFront)),
            (tomcat, Some(RawFormat::Tomcat)),
            (b"\xFFnoise\n2013-08-29 00:18:48 LAX3 8 1 GET h /i 200 - - e=pv", Some(RawFormat::CloudFront)),
            (&MARKER, thrift(ThriftContainer::Blocks)),
            (b"\x0B\x00\x64\x00\x00\x00\x081.2.3.4.", thrift(ThriftContainer::Structs)),
            (b"CgABAAABQ7ds0AYLABQAAAAQc3NjLTAuMC4xLVN0ZG91dAsAHgAAAAVVVEYtOAs", thrift(ThriftContainer::Lines)),
            (b"{\"a\":1}\n", None),
            (b"a\tb\n", None),
            (b"", None),
        ] {
            assert_eq!(detect(leading, "part-0"), expected, "{}", String::from_utf8_lossy(leading));
        }
    }

    #[test]
    fn names_help_out() {
        let by_name = |name| detect(b"nothing to see", name);
        assert_eq!(by_name("x/_localhost_access_log.txt-1391958061"), Some(RawFormat::Tomcat));
        assert_eq!(by_name("E1.2016-07-01-13.a1b2c3.gz"), Some(RawFormat::CloudFront));
        assert_eq!(by_name("2016-07-01-13.é2016-07-01-1"), None);
        assert_eq!(by_name("events.txt"), None);
    }

    proptest! {
        #[test]
        fn never_panics(leading: Vec<u8>, name: String) {
            detect(&leading, &name);
        }
    }
}
