//! A rule's expression: checked when the rules are read, compiled when a text first needs it.
//!
//! Java's classes are ASCII, and bounded repetitions keep their bounds as in uap-java 1.5.4, yet long bounds, which make
//! automata huge, are only looked at for matches long enough to exceed them.

use std::ops::Range;
use std::sync::OnceLock;

use regex_syntax::hir::{Class, Hir, HirKind};

/// Expressions whose automaton may have more states than this are compiled when the rules are read: they may be larger
/// than `regex` permits, which must be known then. 10 MiB are permitted; no state takes more than 64 bytes.
const CERTAIN: usize = 160_000;

/// The groups of a match.
pub(super) struct Groups<'t> {
    text: &'t str,
    spans: Vec<Option<Range<usize>>>,
}

impl<'t> Groups<'t> {
    /// A group's text, if it took part; 0 is the whole match.
    pub fn get(&self, number: usize) -> Option<&'t str> {
        self.spans.get(number)?.clone().and_then(|span| self.text.get(span))
    }

    fn length(&self) -> usize {
        self.get(0).map_or(0, str::len)
    }
}

pub(super) struct Expression {
    /// Without long bounds, so that it matches more.
    unbounded: Pattern,
    /// Matches up to this length cannot tell bounded from unbounded repetitions.
    bound: usize,
    /// With all bounds, if that makes a difference.
    exact: Option<Box<Pattern>>,
}

impl Expression {
    /// Reads an expression; returns its syntax tree too, which matches at least what the expression does.
    pub fn parse(source: &str, ignore_case: bool) -> Result<(Expression, Hir), String> {
        let expression = ascii_classes(source);
        let (unbounded, bound) = without_bounds(&expression);
        let tree = regex_syntax::ParserBuilder::new()
            .case_insensitive(ignore_case)
            .build()
            .parse(&unbounded)
            .map_err(|error| reason(&error))?;
        let unbounded = Pattern::new(unbounded, ignore_case);
        if states(&tree) > CERTAIN {
            let compiled = unbounded.compile().map_err(|error| error.to_string())?;
            let _ = unbounded.any.set(Some(compiled));
        }
        let exact = (bound < usize::MAX).then(|| Box::new(Pattern::new(expression, ignore_case)));
        Ok((Expression { unbounded, bound, exact }, tree))
    }

    /// The first match in the text. An unbounded match no longer than each bound is the exact one: all that the exact
    /// expression prefers, the unbounded one does.
    pub fn find<'t>(&self, text: &'t str) -> Option<Groups<'t>> {
        let groups = self.unbounded.find(text)?;
        match &self.exact {
            Some(exact) if groups.length() > self.bound => exact.find(text),
            _ => Some(groups),
        }
    }
}

/// An expression in the forms for ASCII texts and for any; the first is a fraction of the second's size, and on ASCII
/// texts both mean the same.
struct Pattern {
    source: String,
    ignore_case: bool,
    ascii: OnceLock<Option<regex::bytes::Regex>>,
    any: OnceLock<Option<regex::Regex>>,
}

impl Pattern {
    fn new(source: String, ignore_case: bool) -> Pattern {
        Pattern { source, ignore_case, ascii: OnceLock::new(), any: OnceLock::new() }
    }

    fn compile(&self) -> Result<regex::Regex, regex::Error> {
        regex::RegexBuilder::new(&self.source).case_insensitive(self.ignore_case).build()
    }

    fn compile_ascii(&self) -> Result<regex::bytes::Regex, regex::Error> {
        regex::bytes::RegexBuilder::new(&self.source).case_insensitive(self.ignore_case).unicode(false).build()
    }

    fn find<'t>(&self, text: &'t str) -> Option<Groups<'t>> {
        if text.is_ascii() {
            // Expressions that name letters outside ASCII have no form for ASCII.
            if let Some(regex) = self.ascii.get_or_init(|| self.compile_ascii().ok()) {
                let found = regex.captures(text.as_bytes())?;
                let spans = found.iter().map(|group| Some(group?.range())).collect();
                return Some(Groups { text, spans });
            }
        }
        let found = self.any.get_or_init(|| self.compile().ok()).as_ref()?.captures(text)?;
        Some(Groups { text, spans: found.iter().map(|group| Some(group?.range())).collect() })
    }
}

fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}

/// At least as many states as the expression's automaton has. A range of characters outside ASCII takes up to seven
/// sequences of up to four bytes.
fn states(expression: &Hir) -> usize {
    let own: usize = match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => 28 * class.ranges().len(),
        HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Capture(capture) => states(&capture.sub) + 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1) as usize;
            times.saturating_mul(states(&repetition.sub).saturating_add(1))
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(states).fold(0, usize::saturating_add),
    };
    own.saturating_add(2)
}

/// Java's `\d`, `\w`, `\s` and `\b` are ASCII; Rust's are not.
fn ascii_classes(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len() + 16);
    let mut characters = expression.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[A-Za-z0-9_]"),
                Some('W') => out.push_str("[^A-Za-z0-9_]"),
                Some('s') => out.push_str(r"[ \t\n\x0B\f\r]"),
                Some('S') => out.push_str(r"[^ \t\n\x0B\f\r]"),
                Some('b') if !in_class => out.push_str(r"(?-u:\b)"),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            other => {
                in_class = match other {
                    '[' => true,
                    ']' => false,
                    _ => in_class,
                };
                out.push(other);
            }
        }
    }
    out
}

/// `{0,100}` and longer become `*`, `{1,100}` and longer `+`: such repetitions make expressions huge. Returns the
/// smallest bound that was lifted too.
fn without_bounds(expression: &str) -> (String, usize) {
    let mut out = String::with_capacity(expression.len());
    let mut smallest = usize::MAX;
    let mut rest = expression;
    while let Some(at) = rest.find(['{', '\\']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        if found.starts_with('\\') {
            let escaped = found.char_indices().nth(2).map_or(found.len(), |(end, _)| end);
            out.push_str(&found[..escaped]);
            rest = &found[escaped..];
            continue;
        }
        match bounded_repetition(found) {
            Some((unbounded, bound, length)) => {
                // What a group repeats may be empty, so its length tells nothing of how often.
                smallest = smallest.min(if out.ends_with(')') { 0 } else { bound });
                out.push(unbounded);
                rest = &found[length..];
            }
            None => {
                out.push('{');
                rest = &found[1..];
            }
        }
    }
    out.push_str(rest);
    (out, smallest)
}

/// `{0,N}` or `{1,N}` with N of three digits or more: what replaces it, N, and its length in the text.
fn bounded_repetition(text: &str) -> Option<(char, usize, usize)> {
    let (inside, _) = text.strip_prefix('{')?.split_once('}')?;
    let (from, to) = inside.split_once(',')?;
    let unbounded = match from {
        "0" => '*',
        "1" => '+',
        _ => return None,
    };
    let long = to.len() >= 3 && to.bytes().all(|byte| byte.is_ascii_digit());
    Some((unbounded, to.parse().ok().filter(|_| long)?, inside.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repetitions_are_found() {
        assert_eq!(
            without_bounds(r"\{0,100}.{0,100}[^;]{1,300}?a{2,100}b{0,20}"),
            (r"\{0,100}.*[^;]+?a{2,100}b{0,20}".into(), 100)
        );
        assert_eq!(without_bounds("x{").0, "x{");
    }

    proptest! {
        #[test]
        fn rewriting_never_panics(expression in "[\\\\{}0-9,a.\\[\\]]{0,30}|\\PC{0,20}") {
            without_bounds(&ascii_classes(&expression));
        }
    }
}
