//! The `format` keyword.
//!
//! Facts: networknt/json-schema-validator 1.0.70 (`JsonMetaSchema`, `DateTimeValidator`, `format/EmailValidator`) and
//! ethlo/itu 1.5.1. Unknown formats accept everything.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::dates::{is_date, is_date_time};
use super::pattern::Pattern;

/// A format that checks something.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    DateTime,
    Date,
    Uuid,
    Email,
    Regex(&'static RegexFormat),
}

/// A format that the reference defines by a regular expression.
#[derive(Debug)]
pub(super) struct RegexFormat {
    pub(super) name: &'static str,
    /// As it stands in messages.
    pub(super) regex: &'static str,
    check: fn(&str) -> bool,
}

const IPV4_REGEX: &str =
    r"^(([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$";
const IP_ADDRESS_REGEX: &str =
    r"^(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)$";
const URI_REGEX: &str = r"^[A-Za-z][A-Za-z0-9+.-]*:(\/\/([A-Za-z0-9._~\-%!$&'()*+,;=:]*@)?[A-Za-z0-9._~\-!$&'()*+,;=%:\[\]]*(:[0-9]*)?)?[A-Za-z0-9._~\-%!$&'()*+,;=:@\/]*([?][A-Za-z0-9._~\-%!$&'()*+,;=:@\/?]*)?([#][A-Za-z0-9._~\-%!$&'()*+,;=:@\/?]*)?";
const HOSTNAME_REGEX: &str = r"^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])(\.([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9\-]{0,61}[a-zA-Z0-9]))*$";
const IPV6_REGEX: &str = r"^\s*((([0-9A-Fa-f]{1,4}:){7}([0-9A-Fa-f]{1,4}|:))|(([0-9A-Fa-f]{1,4}:){6}(:[0-9A-Fa-f]{1,4}|((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3})|:))|(([0-9A-Fa-f]{1,4}:){5}(((:[0-9A-Fa-f]{1,4}){1,2})|:((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3})|:))|(([0-9A-Fa-f]{1,4}:){4}(((:[0-9A-Fa-f]{1,4}){1,3})|((:[0-9A-Fa-f]{1,4})?:((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}))|:))|(([0-9A-Fa-f]{1,4}:){3}(((:[0-9A-Fa-f]{1,4}){1,4})|((:[0-9A-Fa-f]{1,4}){0,2}:((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}))|:))|(([0-9A-Fa-f]{1,4}:){2}(((:[0-9A-Fa-f]{1,4}){1,5})|((:[0-9A-Fa-f]{1,4}){0,3}:((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}))|:))|(([0-9A-Fa-f]{1,4}:){1}(((:[0-9A-Fa-f]{1,4}){1,6})|((:[0-9A-Fa-f]{1,4}){0,4}:((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}))|:))|(:(((:[0-9A-Fa-f]{1,4}){1,7})|((:[0-9A-Fa-f]{1,4}){0,5}:((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}))|:)))(%.+)?\s*$";
const COLOR_REGEX: &str = r"(#?([0-9A-Fa-f]{3,6})\b)|(aqua)|(black)|(blue)|(fuchsia)|(gray)|(green)|(lime)|(maroon)|(navy)|(olive)|(orange)|(purple)|(red)|(silver)|(teal)|(white)|(yellow)|(rgb\(\s*\b([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])\b\s*,\s*\b([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])\b\s*,\s*\b([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])\b\s*\))|(rgb\(\s*(\d?\d%|100%)+\s*,\s*(\d?\d%|100%)+\s*,\s*(\d?\d%|100%)+\s*\))";
const STYLE_REGEX: &str = r"\s*(.+?):\s*([^;]+);?";

static REGEX_FORMATS: [RegexFormat; 12] = [
    RegexFormat { name: "time", regex: r"^\d{2}:\d{2}:\d{2}(?:\.\d+)?$", check: is_time },
    RegexFormat { name: "ipv4", regex: IPV4_REGEX, check: is_ipv4 },
    RegexFormat { name: "ip-address", regex: IP_ADDRESS_REGEX, check: is_ip_address },
    RegexFormat { name: "ipv6", regex: IPV6_REGEX, check: is_ipv6 },
    RegexFormat { name: "uri", regex: URI_REGEX, check: is_uri },
    RegexFormat { name: "hostname", regex: HOSTNAME_REGEX, check: is_hostname },
    RegexFormat { name: "phone", regex: r"^\+(?:[0-9] ?){6,14}[0-9]$", check: is_phone },
    RegexFormat { name: "utc-millisec", regex: r"^[0-9]+(\.?[0-9]+)?$", check: is_utc_millisec },
    RegexFormat { name: "alpha", regex: "^[a-zA-Z]+$", check: |text| is_all(text, |b| b.is_ascii_alphabetic()) },
    RegexFormat {
        name: "alphanumeric",
        regex: "^[a-zA-Z0-9]+$",
        check: |text| is_all(text, |b| b.is_ascii_alphanumeric()),
    },
    RegexFormat { name: "color", regex: COLOR_REGEX, check: is_color },
    RegexFormat { name: "style", regex: STYLE_REGEX, check: is_style },
];

impl Format {
    /// The format of a name; `None` if it accepts everything.
    pub(super) fn named(name: &str) -> Option<Format> {
        match name {
            "date-time" => Some(Format::DateTime),
            "date" => Some(Format::Date),
            "uuid" => Some(Format::Uuid),
            "email" => Some(Format::Email),
            _ => REGEX_FORMATS.iter().find(|format| format.name == name).map(Format::Regex),
        }
    }

    /// Whether a string has the format.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Format::DateTime => is_date_time(text),
            Format::Date => is_date(text),
            Format::Uuid => is_uuid(text),
            Format::Email => is_email(text),
            Format::Regex(format) => (format.check)(text),
        }
    }
}

fn is_all(text: &str, allowed: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_time(text: &str) -> bool {
    let (time, fraction) = match text.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (text, None),
    };
    let digits = time.len() == 8
        && time.bytes().enumerate().all(|(at, b)| if at == 2 || at == 5 { b == b':' } else { b.is_ascii_digit() });
    digits && fraction.is_none_or(|fraction| is_all(fraction, |b| b.is_ascii_digit()))
}

fn is_ipv4(text: &str) -> bool {
    let octet = |text: &str| {
        let canonical = text == "0" || !text.starts_with('0');
        canonical && is_octet(text)
    };
    text.split('.').count() == 4 && text.split('.').all(octet)
}

fn is_ip_address(text: &str) -> bool {
    text.split('.').count() == 4 && text.split('.').all(is_octet)
}

fn is_octet(text: &str) -> bool {
    (1..=3).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|number| number <= 255)
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// What each byte may stand for in a URI.
const URI_BYTES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 128 {
        if (at as u8).is_ascii_alphanumeric() {
            classes[at] = URI_CHAR | URI_PATH | URI_TAIL;
        }
        at += 1;
    }
    let mut at = 0;
    let common = b"._~-%!$&'()*+,;=:";
    while at < common.len() {
        classes[common[at] as usize] = URI_CHAR | URI_PATH | URI_TAIL;
        at += 1;
    }
    classes[b'@' as usize] = URI_PATH | URI_TAIL;
    classes[b'/' as usize] = URI_PATH | URI_TAIL;
    classes[b'?' as usize] = URI_TAIL;
    classes
};
/// Unreserved characters, sub-delimiters, `%` and `:`.
const URI_CHAR: u8 = 1;
/// The same with `@` and `/`.
const URI_PATH: u8 = 2;
/// The same with `@`, `/` and `?`: queries and fragments.
const URI_TAIL: u8 = 4;

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let all = |text: &str, class: u8| text.bytes().all(|b| URI_BYTES[b as usize] & class != 0);
    if !scheme_fits || !all(query, URI_TAIL) || !all(fragment, URI_TAIL) {
        return false;
    }
    // Brackets may stand in a host only, that is in the first run of host characters after `//` or after `user@`.
    let after_host = |text: &str| {
        let in_host = |b: u8| URI_BYTES[b as usize] & URI_CHAR != 0 || b == b'[' || b == b']';
        let end = text.bytes().position(|b| !in_host(b)).unwrap_or(text.len());
        all(&text[end..], URI_PATH)
    };
    all(hierarchy, URI_PATH)
        || hierarchy.strip_prefix("//").is_some_and(|authority| {
            let after_user = authority
                .split_once('@')
                .filter(|(user, _)| all(user, URI_CHAR))
                .is_some_and(|(_, host)| after_host(host));
            after_user || after_host(authority)
        })
}

fn is_hostname(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

fn is_phone(text: &str) -> bool {
    let Some(number) = text.strip_prefix('+') else { return false };
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && number.bytes().all(|b| b.is_ascii_digit() || b == b' ')
        && !number.contains("  ")
        && number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
}

fn is_utc_millisec(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_all(whole, |b| b.is_ascii_digit()) && is_all(fraction, |b| b.is_ascii_digit())
}

fn is_color(text: &str) -> bool {
    static COLOR: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::compile_whole(COLOR_REGEX).expect("the colour pattern is correct"));
    COLOR.is_match(text)
}

fn is_style(text: &str) -> bool {
    static STYLE: LazyLock<Pattern> =
        LazyLock::new(|| Pattern::compile_whole(STYLE_REGEX).expect("the style pattern is correct"));
    STYLE.is_match(text)
}

/// Top-level domains as of the reference's library (its copy of Apache Commons Validator); IANA's public list.
static TOP_LEVEL_DOMAINS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("tlds.txt").split_ascii_whitespace().collect());

fn is_email(text: &str) -> bool {
    static USER: LazyLock<Pattern> = LazyLock::new(|| {
        let plain = r#"(?:\\.|[^\s\p{Cntrl}()<>@,;:'\\".\[\]]|')+"#;
        let quoted = r#""(?:\\"|[^"])*""#;
        let word = format!("(?:{plain}|{quoted})");
        Pattern::compile_whole(&format!(r"\s*{word}(?:\.{word})*")).expect("the user pattern is correct")
    });
    let Some((user, domain)) = text.rsplit_once('@') else { return false };
    let domain = domain.trim_end_matches([' ', '\t', '\n', '\x0B', '\x0C', '\r']);
    // The reference's first cut is greedy, so the user part goes to the last `@`.
    !text.ends_with('.') && user.chars().count() <= 64 && USER.is_match(user) && is_mail_domain(domain)
}

fn is_mail_domain(domain: &str) -> bool {
    if let Some(address) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return is_ipv4(address) || is_ipv6(address);
    }
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let Some((labels, top)) = name.rsplit_once('.') else { return false };
    // Letters beyond ASCII stand for their punycode form, which only uses letters, digits and hyphens.
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && c.is_alphanumeric()))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.len() <= 253 && labels.split('.').all(label) && TOP_LEVEL_DOMAINS.contains(top.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(format: &str, good: &[&str], bad: &[&str]) {
        let format = Format::named(format).unwrap();
        for text in good {
            assert!(format.accepts(text), "{format:?} must accept {text}");
        }
        for text in bad {
            assert!(!format.accepts(text), "{format:?} must refuse {text}");
        }
    }

    #[test]
    fn uris_need_a_scheme_and_ascii() {
        check(
            "uri",
            &["http:", "urn:x", "HTTP://A/%zz", "http://[::1]/a", "http://u:p@[::1]:80/a?b#c", "a+b.c-d://", "x:#?"],
            &[
                "nope",
                "//a/b",
                "http://a/[x]",
                "http://a b",
                "http://a/é",
                "http://a/{b}",
                "http://a|b",
                "1a:b",
                "",
                "x:#a#b",
            ],
        );
    }

    #[test]
    fn addresses_and_names() {
        check("ipv4", &["1.2.3.4", "255.0.0.0"], &["01.2.3.4", "1.2.3", "1.2.3.256", "1.2.3.4.", "1.2.3.4\n"]);
        check("ip-address", &["01.2.3.4", "001.2.3.4"], &["0001.2.3.4", "1.2.3.256", "1..2.3"]);
        check("ipv6", &["::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"], &["::1%eth0", " ::1", "1::2::3", "12345::"]);
        check("hostname", &["a", "a-b.c", "1.2"], &["-a", "a-", "a..b", "a_b", "", "a."]);
        check(
            "email",
            &["a@b.com", "\"x y\"@b.co.uk", "a.b+c@d.museum", "x@[127.0.0.1]", "x@b.com "],
            &["a@localhost", "a@b.nosuchtld", "a@b", "@b.com", "a@", "x", "a@b.com.", "a..b@b.com", "a b@b.com"],
        );
    }

    #[test]
    fn small_formats() {
        check("uuid", &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567e89b12d3a456426614174000", "zz", ""]);
        check("time", &["99:99:99", "00:00:00.123"], &["0:00:00", "00:00:00.", "00:00:00Z"]);
        check("phone", &["+1234567", "+1 2 3 4 5 6 7"], &["1234567", "+123456", "+1  234567", "+1234567 "]);
        check("utc-millisec", &["1", "12.5"], &["", ".5", "5.", "1.2.3"]);
        check("alpha", &["aZ"], &["", "a1"]);
        check("alphanumeric", &["aZ1"], &["", "a-"]);
        check(
            "color",
            &["#fff", "abcdef", "red", "rgb(1, 2,3)", "rgb(10%,20%,100%)"],
            &["#ff", "reddish", "rgb(1,2,256)"],
        );
        check("style", &["a: b", "a:b;"], &["a", ":b", "a:;"]);
        assert!(Format::named("host-name").is_none() && Format::named("regex").is_none());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            for name in ["date-time", "date", "uuid", "email", "time", "ipv4", "ipv6", "uri", "hostname", "phone", "color", "style"] {
                Format::named(name).unwrap().accepts(&text);
            }
        }
    }
}
