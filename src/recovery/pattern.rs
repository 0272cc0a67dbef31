//! Regular expressions as event recovery's configurations mean them: Java's.
//!
//! Differences between Java and the engine here that real configurations meet: `(?U)` asks for Unicode classes in Java
//! and swaps greediness here, and without it `\w`, `\d`, `\s` are ASCII; `\Q…\E` quotes; `$` also matches before a final
//! line feed; replacements write `$1` and `\$`; a pattern that can match nothing matches once more at the end.

mod literal;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use literal::Literal;

/// Steps the backtracking engine may take on one text before it gives up: a bad pattern cannot hang a run.
const BACKTRACK_LIMIT: usize = 200_000;
/// Many matches, each within that limit, may not take longer in all than this.
const MAX_TIME: Duration = Duration::from_secs(2);
/// A replacement repeated for every match may not give more text than this.
const MAX_RESULT: usize = 32 << 20;

/// A compiled Java-style pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: fancy_regex::Regex,
    /// The same as a plain text to look for, if it is no more than that.
    literal: Option<Box<Literal>>,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a usable regular expression: {reason}")]
pub struct PatternError {
    /// The pattern as configured.
    pub pattern: String,
    /// The engine's words.
    pub reason: String,
}

impl Pattern {
    /// Compiles a pattern written for Java.
    pub fn new(source: &str) -> Result<Pattern, PatternError> {
        let error = |e: fancy_regex::Error| PatternError { pattern: source.to_owned(), reason: e.to_string() };
        let regex = fancy_regex::RegexBuilder::new(&translate(source))
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map_err(error)?;
        Ok(Pattern { source: source.to_owned(), regex, literal: Literal::of(source).map(Box::new) })
    }

    /// The pattern as configured.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the pattern is found anywhere in the text. A pattern that exceeds its limits is not found.
    pub fn is_found(&self, text: &str) -> bool {
        match &self.literal {
            Some(literal) => literal.find(text, 0).is_some(),
            None => self.regex.is_match(text).unwrap_or(false),
        }
    }

    /// Replaces every match as Java's `replaceAll` does; `None` if the pattern exceeds its limits or the replacement
    /// names a group that does not exist.
    pub fn replace_all<'t>(&self, text: &'t str, replacement: &str) -> Option<Cow<'t, str>> {
        if let Some(literal) = self.literal.as_deref().filter(|_| !replacement.contains(['$', '\\'])) {
            return replace_literal(literal, text, replacement);
        }
        let begun = Instant::now();
        let mut out = String::new();
        let mut done = 0;
        let mut at = 0;
        let mut found = false;
        while at <= text.len() {
            let Some(captures) = self.regex.captures_from_pos(text, at).ok()? else { break };
            let whole = captures.get(0)?;
            if found && (out.len() > MAX_RESULT || begun.elapsed() > MAX_TIME) {
                return None;
            }
            found = true;
            out.push_str(&text[done..whole.start()]);
            expand(replacement, &captures, &mut out)?;
            done = whole.end();
            at = if whole.end() == whole.start() { next_boundary(text, whole.end()) } else { whole.end() };
        }
        if !found {
            return Some(Cow::Borrowed(text));
        }
        out.push_str(&text[done..]);
        Some(Cow::Owned(out))
    }
}

/// What needs neither groups nor a clock: a literal match is never empty.
fn replace_literal<'t>(literal: &Literal, text: &'t str, replacement: &str) -> Option<Cow<'t, str>> {
    let Some(mut found) = literal.find(text, 0) else { return Some(Cow::Borrowed(text)) };
    let mut out = String::with_capacity(text.len() + replacement.len());
    let mut done = 0;
    loop {
        out.push_str(&text[done..found.start]);
        out.push_str(replacement);
        done = found.end;
        match literal.find(text, done) {
            None => break,
            Some(_) if out.len() > MAX_RESULT => return None,
            Some(next) => found = next,
        }
    }
    out.push_str(&text[done..]);
    Some(Cow::Owned(out))
}

/// One character further, so that an empty match does not repeat itself.
fn next_boundary(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// Rewrites what means something else in Java.
fn translate(source: &str) -> String {
    let flags = inline_flags(source);
    let mut translation = Translation {
        out: String::with_capacity(source.len()),
        classes: 0,
        unicode: flags.contains('U'),
        multiline: flags.contains('m'),
    };
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        rest = translation.step(c, rest);
    }
    translation.out
}

/// The letters of all inline flags, `(?im)` and `(?i:`.
fn inline_flags(source: &str) -> String {
    let groups = source.match_indices("(?").filter_map(|(at, _)| flags_at(&source[at + 2..]));
    groups.flat_map(|flags| flags.split('-').next().unwrap_or_default().chars()).collect()
}

/// Inline flags at the start of what follows `(?`.
fn flags_at(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic() && c != '-')?;
    (end > 0 && text[end..].starts_with([')', ':'])).then(|| &text[..end])
}

struct Translation {
    out: String,
    /// Depth of character classes.
    classes: usize,
    /// `(?U)`: classes are Unicode's, not ASCII's.
    unicode: bool,
    /// `(?m)`: `$` is the end of a line.
    multiline: bool,
}

impl Translation {
    /// Translates what `rest` starts with, `c` being its first character; returns what follows.
    fn step<'s>(&mut self, c: char, rest: &'s str) -> &'s str {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' => return self.escape(after),
            '[' => {
                self.classes += 1;
                self.out.push('[');
            }
            ']' => {
                self.classes = self.classes.saturating_sub(1);
                self.out.push(']');
            }
            // Java's end of input "but for a final terminator".
            '$' if self.classes == 0 && !self.multiline => self.out.push_str(r"(?=\n?\z)"),
            '(' if self.classes == 0 => {
                self.out.push('(');
                if let Some(flags) = after.strip_prefix('?').and_then(flags_at) {
                    return self.flags(flags, &after[1 + flags.len()..]);
                }
            }
            other => self.out.push(other),
        }
        after
    }

    /// Inline flags without `U`, which is the other way round here and done by the classes.
    fn flags<'s>(&mut self, flags: &str, after: &'s str) -> &'s str {
        let kept: String = flags.chars().filter(|flag| !"Ud".contains(*flag)).collect();
        if kept.trim_matches('-').is_empty() && after.starts_with(')') {
            self.out.pop();
            return &after[1..];
        }
        self.out.push('?');
        self.out.push_str(&kept);
        after
    }

    fn escape<'s>(&mut self, after: &'s str) -> &'s str {
        let Some(c) = after.chars().next() else {
            self.out.push('\\');
            return after;
        };
        let rest = &after[c.len_utf8()..];
        let ascii = match c {
            'd' => "0-9",
            'w' => "a-zA-Z0-9_",
            's' => r" \t\n\x0B\f\r",
            'h' => r" \t",
            _ => "",
        };
        match c {
            'Q' => {
                let end = rest.find(r"\E");
                self.out.push_str(&fancy_regex::escape(&rest[..end.unwrap_or(rest.len())]));
                return end.map_or("", |end| &rest[end + 2..]);
            }
            'Z' if self.classes == 0 => self.out.push_str(r"(?=\n?\z)"),
            'd' | 'w' | 's' if self.unicode => self.out.extend(['\\', c]),
            'd' | 'w' | 's' | 'h' if self.classes > 0 => self.out.push_str(ascii),
            'd' | 'w' | 's' | 'h' => self.out.extend(["[", ascii, "]"]),
            'D' | 'W' | 'S' if !self.unicode => {
                let ascii = match c {
                    'D' => "[^0-9]",
                    'W' => "[^a-zA-Z0-9_]",
                    _ => r"[^ \t\n\x0B\f\r]",
                };
                self.out.push_str(ascii);
            }
            // Escapes that Java allows and that need none.
            '/' | '"' | '\'' | ',' | ':' | '=' | '@' | '%' | '!' | '<' | '>' | '`' | ';' | '_' => {
                self.out.push_str(&fancy_regex::escape(&c.to_string()));
            }
            other => self.out.extend(['\\', other]),
        }
        rest
    }
}

/// Java's replacement syntax: `$1` (as many digits as name an existing group), `${name}`, `\` quotes the next character.
fn expand(replacement: &str, captures: &fancy_regex::Captures<'_, str>, out: &mut String) -> Option<()> {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                out.push_str(captures.name(&name)?.as_str());
            }
            '$' => {
                let mut group = chars.next()?.to_digit(10)? as usize;
                if group >= captures.len() {
                    return None;
                }
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                out.push_str(captures.get(group).map_or("", |m| m.as_str()));
            }
            other => out.push(other),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(pattern: &str, text: &str, replacement: &str) -> String {
        Pattern::new(pattern).unwrap().replace_all(text, replacement).unwrap().into_owned()
    }

    #[test]
    fn java_semantics() {
        assert_eq!(replaced(".*", "abc", "X"), "XX");
        assert_eq!(replaced("(?U)^.*$", "anything", "https://x.com/"), "https://x.com/");
        assert_eq!(replaced("(a)(b)", "ab", "$2$1x"), "bax");
        assert_eq!(replaced("(a)", "a", "$12"), "a2");
        assert_eq!(replaced("a", "a", r"\$1"), "$1");
        assert_eq!(replaced("^(.*)}$", "{\"a\":1}", "$1,\"event\":\"open\"}"), "{\"a\":1,\"event\":\"open\"}");
        assert_eq!(replaced("a$", "a\n", "b"), "b\n");
        assert_eq!(replaced("(?<=x)a", "xa a", "b"), "xb a");
        assert_eq!(replaced("é?", "é", "-"), "--");
        assert_eq!(replaced(r"\w+", "aé", "-"), "-é");
        assert_eq!(replaced(r"(?U)\w+", "aé", "-"), "-");
        assert_eq!(replaced(r"[\w\-]+", "a-é", "x"), "xé");
        assert_eq!(replaced(r"\Qa.b\E", "a.b axb", "x"), "x axb");
        assert_eq!(replaced(r"(?m)^a$", "a\na", "b"), "b\nb");
        assert_eq!(replaced(r"http:\/\/\S+", "at http://x y", "u"), "at u y");
        assert_eq!(replaced(r"(?i)ABC", "abc", "x"), "x");
        assert_eq!(replaced(r"a++b", "aab", "x"), "x");
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new("a").unwrap().replace_all("a", "$3").is_none());
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = Pattern::new(r"^(a+)+(?=b)c$").unwrap();
        assert!(!pattern.is_found(&"a".repeat(5000)));
    }

    #[test]
    fn a_result_that_explodes_ends() {
        let pattern = Pattern::new("").unwrap();
        assert!(pattern.replace_all(&"a".repeat(100_000), &"b".repeat(10_000)).is_none());
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "\\PC{0,20}", text in "\\PC{0,20}", replacement in "\\PC{0,10}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                let _ = pattern.replace_all(&text, &replacement);
            }
        }
    }
}
