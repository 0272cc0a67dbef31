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

/// An expression in the forms for ASCII texts and for any; the first is a fraction of the second's size.
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

    /// On ASCII texts this means the same, unless the expression names letters outside ASCII, whose other case may be
    /// inside: then there is no such form.
    fn compile_ascii(&self) -> Option<regex::bytes::Regex> {
        let named = |escape| self.source.contains(escape);
        if !self.source.is_ascii() || named(r"\u") || named(r"\U") || named(r"\x") {
            return None;
        }
        let mut builder = regex::bytes::RegexBuilder::new(&self.source);
        builder.case_insensitive(self.ignore_case).unicode(false).build().ok()
    }

    fn find<'t>(&self, text: &'t str) -> Option<Groups<'t>> {
        if text.is_ascii()
            && let Some(regex) = self.ascii.get_or_init(|| self.compile_ascii())
        {
            let found = regex.captures(text.as_bytes())?;
            return Some(Groups { text, spans: found.iter().map(|group| Some(group?.range())).collect() });
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
                Some('s') => out.push_str(r"[ \t\n\v\f\r]"),
                Some('S') => out.push_str(r"[^ \t\n\v\f\r]"),
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
    use super::super::samples::{Dice, expression, sample, swap_case};
    use super::*;
    use proptest::prelude::*;

    fn spans(groups: Option<Groups<'_>>) -> Option<Vec<Option<Range<usize>>>> {
        groups.map(|groups| groups.spans)
    }

    #[test]
    fn expressions_are_compiled_when_needed_in_the_form_needed() {
        let (parsed, _) = Expression::parse("^(A).{0,100}Z", false).unwrap();
        let exact = parsed.exact.as_ref().unwrap();
        assert!(parsed.unbounded.ascii.get().is_none() && parsed.unbounded.any.get().is_none());
        assert_eq!(parsed.find("AxZ").unwrap().get(1), Some("A"));
        assert!(parsed.find(&format!("AZ{}", "x".repeat(200))).is_some());
        assert!(parsed.unbounded.ascii.get().is_some() && parsed.unbounded.any.get().is_none());
        assert!(exact.ascii.get().is_none());
        assert!(parsed.find(&format!("A{}Z", "x".repeat(200))).is_none());
        assert!(exact.ascii.get().is_some() && exact.any.get().is_none());
        assert_eq!(parsed.find("AéZ").unwrap().get(0), Some("AéZ"));
        assert!(parsed.unbounded.any.get().is_some());
    }

    #[test]
    fn letters_outside_ascii_are_matched_in_any_text() {
        for text in ["Foo", "Foo é"] {
            let (parsed, _) = Expression::parse("é|[Föo]+", false).unwrap();
            assert_eq!(parsed.find(text).unwrap().get(0), Some("Foo"));
        }
        for source in ["\u{17F}kip", r"\u017Fkip", r"\x{17F}kip"] {
            let (parsed, _) = Expression::parse(source, true).unwrap();
            assert!(parsed.find("SKIP").is_some(), "{source}");
        }
        let (parsed, _) = Expression::parse("kiosk", true).unwrap();
        assert!(parsed.find("KIOSK").is_some() && parsed.find("\u{212A}IO\u{17F}K").is_some());
    }

    #[test]
    fn expressions_too_large_are_refused_at_once() {
        assert!(Expression::parse(r"(\pL{99}){99}", false).err().unwrap().contains("size limit"));
        assert!(Expression::parse(r"(\pL{9}){9}", false).is_ok());
        for source in [r"\pL{9}", "(?i)straße.{9}", "[^a]{3,}(b|c+)*", "a.*(?-u:\\b)[0-9]?"] {
            let tree = regex_syntax::parse(source).unwrap();
            let limit = 64 * states(&tree);
            assert!(regex::RegexBuilder::new(source).size_limit(limit).build().is_ok(), "{source}: {limit}");
        }
    }

    #[test]
    fn repetitions_are_found() {
        assert_eq!(
            without_bounds(r"\{0,100}.{0,100}[^;]{1,300}?a{2,100}b{0,20}"),
            (r"\{0,100}.*[^;]+?a{2,100}b{0,20}".into(), 100)
        );
        assert_eq!(without_bounds("(?:a|){0,100}x{0,200}"), ("(?:a|)*x*".into(), 0));
        assert_eq!(without_bounds("x{").0, "x{");
    }

    proptest! {
        #[test]
        fn matches_are_those_of_the_whole_expression(
            (first, bounds, last) in (expression(), "[.ks]\\{[01],1[0-2][0-9]\\}\\??|\\(k\\)\\{0,100\\}|", expression()),
            mut texts in prop::collection::vec("[aksKSAé\u{212A}\u{17F}/]{0,14}", 1..4),
            ignore_case: bool,
            seed in any::<u64>(),
        ) {
            let source = format!("{first}{bounds}{last}");
            let (parsed, tree) = Expression::parse(&source, ignore_case).unwrap();
            let whole = regex::RegexBuilder::new(&source).case_insensitive(ignore_case).build().unwrap();
            let mut dice = Dice(seed);
            for _ in 0..4 {
                let mut text = String::new();
                sample(&tree, &mut dice, &mut text);
                let long = text.replacen(['k', 's'], &"k".repeat(95 + dice.below(30)), 1);
                texts.extend([swap_case(&text, &mut dice), text, long]);
            }
            for text in &texts {
                let expected = whole.captures(text).map(|found| found.iter().map(|g| Some(g?.range())).collect());
                prop_assert_eq!(spans(parsed.find(text)), expected, "{} in {}", source, text);
            }
        }

        #[test]
        fn rewriting_never_panics(expression in "[\\\\{}0-9,a.\\[\\]]{0,30}|\\PC{0,20}") {
            without_bounds(&ascii_classes(&expression));
        }
    }
}
