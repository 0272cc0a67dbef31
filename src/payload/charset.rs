//! The character sets a collector may name for its querystrings.
//!
//! Collectors write UTF-8. Of Java's other sets the few are known that web servers were ever set to.

use std::fmt;

use bumpalo::Bump;

use super::decode::utf8_text;

/// A character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `UTF-8`
    Utf8,
    /// `ISO-8859-1`
    Latin1,
    /// `US-ASCII`
    Ascii,
    /// `windows-1252`
    Windows1252,
}

/// Windows-1252's characters 80 to 9F; U+FFFD where there is none.
const WINDOWS_1252: [char; 32] = [
    '\u{20AC}', '\u{FFFD}', '\u{201A}', '\u{0192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{02C6}',
    '\u{2030}', '\u{0160}', '\u{2039}', '\u{0152}', '\u{FFFD}', '\u{017D}', '\u{FFFD}', '\u{FFFD}', '\u{2018}',
    '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{02DC}', '\u{2122}', '\u{0161}',
    '\u{203A}', '\u{0153}', '\u{FFFD}', '\u{017E}', '\u{0178}',
];

impl Charset {
    /// The set of this name, by the Java platform's names and aliases, case ignored.
    pub fn from_name(name: &str) -> Option<Charset> {
        let known = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if known(&["UTF-8", "UTF8", "unicode-1-1-utf-8"]) {
            Some(Charset::Utf8)
        } else if known(&["ISO-8859-1", "ISO8859-1", "ISO8859_1", "ISO_8859-1", "ISO_8859_1", "8859_1", "latin1", "l1"])
        {
            Some(Charset::Latin1)
        } else if known(&["US-ASCII", "ASCII", "ISO646-US", "ANSI_X3.4-1968", "us"]) {
            Some(Charset::Ascii)
        } else if known(&["windows-1252", "cp1252", "cp5348", "ibm-1252", "ibm1252"]) {
            Some(Charset::Windows1252)
        } else {
            None
        }
    }

    /// The canonical name.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Utf8 => "UTF-8",
            Charset::Latin1 => "ISO-8859-1",
            Charset::Ascii => "US-ASCII",
            Charset::Windows1252 => "windows-1252",
        }
    }

    /// The text of bytes in this set; what cannot be decoded becomes U+FFFD.
    pub fn text<'a>(self, bytes: &'a [u8], arena: &'a Bump) -> &'a str {
        if self == Charset::Utf8 {
            return utf8_text(bytes, arena);
        }
        let mut out = bumpalo::collections::String::with_capacity_in(bytes.len() + 8, arena);
        out.extend(bytes.iter().map(|byte| match (self, *byte) {
            (_, 0..=0x7F) => char::from(*byte),
            (Charset::Ascii, _) => char::REPLACEMENT_CHARACTER,
            (Charset::Windows1252, 0x80..=0x9F) => WINDOWS_1252[usize::from(byte - 0x80)],
            _ => char::from(*byte),
        }));
        out.into_bump_str()
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes() {
        let arena = Bump::new();
        let text = |name: &str| Charset::from_name(name).map(|set| set.text(b"a\x80\xE9", &arena));
        assert_eq!(text("utf8"), Some("a\u{FFFD}\u{FFFD}"));
        assert_eq!(text("latin1"), Some("a\u{80}é"));
        assert_eq!(text("ascii"), Some("a\u{FFFD}\u{FFFD}"));
        assert_eq!(text("CP1252"), Some("a€é"));
        assert_eq!(text("UTF-99"), None);
    }
}
