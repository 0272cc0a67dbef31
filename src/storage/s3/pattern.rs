//! `*` and `?` in keys.
//!
//! `*` stands for any characters, `?` for one; both also for `/`, since a key has no folders. A pattern takes in
//! everything below what it names, as a folder does on a command line: `raw/2015-??` means `raw/2015-01/part-0` too.

/// A key with wildcards.
pub(super) struct KeyPattern<'p> {
    text: &'p str,
    below: String,
}

impl<'p> KeyPattern<'p> {
    /// `None` if the key has no wildcard.
    pub(super) fn parse(key: &'p str) -> Option<KeyPattern<'p>> {
        key.contains(['*', '?']).then(|| KeyPattern { text: key, below: format!("{}/*", key.trim_end_matches('/')) })
    }

    /// What every match begins with.
    pub(super) fn literal_prefix(&self) -> &'p str {
        let end = self.text.find(['*', '?']).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// Whether the key, or a folder above it, fits.
    pub(super) fn matches(&self, key: &str) -> bool {
        fits(self.text.as_bytes(), key.as_bytes()) || fits(self.below.as_bytes(), key.as_bytes())
    }

    /// Whether the pattern asks for this hidden name by spelling out how it begins.
    pub(super) fn names_hidden(&self, key: &str) -> bool {
        let name = self.text.rsplit('/').next().unwrap_or("");
        name.starts_with(['_', '.']) && fits(self.text.as_bytes(), key.as_bytes())
    }
}

fn fits(pattern: &[u8], key: &[u8]) -> bool {
    let (mut p, mut k) = (0, 0);
    // Where to take up again if what follows the last star does not fit.
    let mut retry = None;
    while k < key.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, k));
                p += 1;
                continue;
            }
            Some(b'?') => {
                p += 1;
                k += character_length(&key[k..]);
                continue;
            }
            Some(&byte) if byte == key[k] => {
                p += 1;
                k += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, from)) = retry else { return false };
        retry = Some((star, from + 1));
        (p, k) = (star + 1, from + 1);
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

fn character_length(rest: &[u8]) -> usize {
    1 + rest[1..].iter().take_while(|&&byte| byte & 0xC0 == 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_across_folders_and_take_in_what_is_below() {
        let matches = |pattern, key| KeyPattern::parse(pattern).unwrap().matches(key);
        assert!(matches("raw/*.gz", "raw/a.gz") && matches("raw/*.gz", "raw/x/y/a.gz"));
        assert!(!matches("raw/*.gz", "raw/a.gz.tmp") && !matches("raw/*.gz", "rav/a.gz"));
        assert!(matches("raw/2015-0?", "raw/2015-01/part-0") && matches("raw/2015-0?/", "raw/2015-01/part-0"));
        assert!(!matches("raw/2015-0?", "raw/2015-011/part-0") && !matches("raw/2015-0?", "raw/2015-0"));
        assert!(matches("a*b*c", "aXbbYc") && !matches("a*b*c", "aXbYb"));
        assert!(matches("?", "é") && matches("a?c", "a€c") && matches("*", "") && matches("*", "a/b"));
        assert!(KeyPattern::parse("plain/key+[a]").is_none());
        assert_eq!(KeyPattern::parse("a/b?c*").unwrap().literal_prefix(), "a/b");
        let hidden = KeyPattern::parse("in/_local*").unwrap();
        assert!(hidden.names_hidden("in/_localhost.txt") && !hidden.names_hidden("in/_other"));
        assert!(!KeyPattern::parse("in/*").unwrap().names_hidden("in/_x"));
    }

    proptest! {
        #[test]
        fn agrees_with_a_regular_expression(pattern in "[ab/?*é]{1,8}", key in "[ab/é]{0,10}") {
            let expression: String = pattern.chars().map(|c| match c {
                '*' => "(?s:.*)".to_owned(),
                '?' => "(?s:.)".to_owned(),
                other => regex::escape(&other.to_string()),
            }).collect();
            let expected = regex::Regex::new(&format!("^{expression}$")).unwrap().is_match(&key);
            prop_assert_eq!(fits(pattern.as_bytes(), key.as_bytes()), expected);
        }
    }
}
