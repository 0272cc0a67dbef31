//! What texts must contain for an expression to match: sets of literals, of each of which one at least is there.
//!
//! The idea is that of RE2's `FilteredRE2` (google/re2, `re2/prefilter.cc`). Literals and texts are compared folded, see
//! `fold`: as it maps character by character, whatever an expression matches contains its literals after folding too.

use std::cmp::Reverse;

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// Most characters of a class that are spelled out: first, and if nothing is known then.
const CLASS: [usize; 2] = [6, 10];
/// Most literals in a product of sets of several.
const PRODUCT: usize = 16;
/// Most literals in a union of sets.
const UNION: usize = 256;
/// Shorter literals tell too little.
const SHORTEST: usize = 2;
/// Longer literals are cut.
const LONGEST: usize = 24;

/// Stands before each text, so that literals at its start are told from others.
pub(super) const START: char = '\u{2}';

/// Lower case in ASCII; the two letters outside ASCII whose lower case is inside become those. Nothing becomes `START`.
pub(super) fn fold(character: char) -> char {
    match character {
        '\u{212A}' => 'k',
        '\u{17F}' => 's',
        START => '\u{1}',
        other => other.to_ascii_lowercase(),
    }
}

/// Literals of which each match contains one. Sorted, without doubles.
pub(super) type Clause = Vec<String>;

/// What an expression's matches contain: one literal of every clause. No clause means that anything may match.
pub(super) fn required(expression: &Hir) -> Vec<Clause> {
    let clauses = CLASS.iter().map(|class| {
        let mut clauses = Analysis { class: *class }.of(expression).into_clauses();
        clauses.retain(|clause| shortest(clause) >= SHORTEST);
        clauses
    });
    let mut clauses = clauses.into_iter().find(|clauses| !clauses.is_empty()).unwrap_or_default();
    for clause in &mut clauses {
        clause.iter_mut().for_each(cut);
        clause.sort_unstable();
        clause.dedup_by(|next, kept| next.starts_with(&**kept));
    }
    without_implied(clauses)
}

fn shortest(clause: &Clause) -> usize {
    clause.iter().map(String::len).min().unwrap_or(0)
}

/// Keeps a literal's end, as more texts begin than end alike.
fn cut(literal: &mut String) {
    let mut from = literal.len().saturating_sub(LONGEST);
    while !literal.is_char_boundary(from) {
        from += 1;
    }
    literal.drain(..from);
}

/// Drops clauses that hold whenever another one does.
fn without_implied(clauses: Vec<Clause>) -> Vec<Clause> {
    let mut kept: Vec<Clause> = Vec::with_capacity(clauses.len());
    for clause in clauses {
        if kept.iter().any(|other| implies(other, &clause)) {
            continue;
        }
        kept.retain(|other| !implies(&clause, other));
        kept.push(clause);
    }
    kept
}

fn implies(stronger: &Clause, weaker: &Clause) -> bool {
    stronger.iter().all(|literal| weaker.iter().any(|part| literal.contains(&**part)))
}

struct Analysis {
    /// Most characters of a class that are spelled out.
    class: usize,
}

impl Analysis {
    /// Recursion is bounded: the parser refuses expressions that nest deeply.
    fn of(&self, expression: &Hir) -> Info {
        match expression.kind() {
            HirKind::Look(Look::Start) => Info::Exact(vec![START.to_string()]),
            HirKind::Empty | HirKind::Look(_) => Info::empty(),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => Info::Exact(vec![text.chars().map(fold).collect()]),
                Err(_) => Info::unknown(),
            },
            HirKind::Class(class) => members(class, self.class).map_or_else(Info::unknown, Info::Exact),
            HirKind::Capture(capture) => self.of(&capture.sub),
            HirKind::Repetition(repetition) => self.repeated(repetition),
            HirKind::Concat(parts) => parts.iter().fold(Info::empty(), |info, part| info.then(self.of(part))),
            HirKind::Alternation(branches) => Info::any(branches.iter().map(|branch| self.of(branch)).collect()),
        }
    }

    fn repeated(&self, repetition: &Repetition) -> Info {
        match (repetition.min, repetition.max) {
            (0, Some(max)) if max <= 2 => match self.of(&repetition.sub) {
                Info::Exact(texts) if texts.len().pow(max) < PRODUCT => {
                    let mut all = vec![String::new()];
                    for _ in 0..max {
                        let Some(more) = product(&all, &texts) else { return Info::unknown() };
                        all = sorted([all, more].concat());
                    }
                    Info::Exact(all)
                }
                _ => Info::unknown(),
            },
            (0, _) => Info::unknown(),
            (min, max) => {
                let once = self.of(&repetition.sub);
                let Info::Exact(texts) = once else { return once.open() };
                // A few of the repetitions that must be are spelled out; the first and last are then at the ends.
                let mut all = texts.clone();
                for done in 1..min {
                    match product(&all, &texts) {
                        Some(more) if done < 8 && more.iter().all(|text| text.len() <= LONGEST) => all = more,
                        _ => return Info::Inexact { prefix: all.clone(), suffix: all, inside: Vec::new() },
                    }
                }
                if max == Some(min) {
                    Info::Exact(all)
                } else {
                    Info::Inexact { prefix: all.clone(), suffix: all, inside: Vec::new() }
                }
            }
        }
    }
}

/// What is known of the folded texts that a part of an expression matches.
enum Info {
    /// These texts and no others.
    Exact(Clause),
    /// How they begin and end, and what they contain otherwise.
    Inexact { prefix: Clause, suffix: Clause, inside: Vec<Clause> },
}

impl Info {
    fn empty() -> Info {
        Info::Exact(vec![String::new()])
    }

    fn unknown() -> Info {
        Info::Inexact { prefix: vec![String::new()], suffix: vec![String::new()], inside: Vec::new() }
    }

    /// The same said of one or more repetitions.
    fn open(self) -> Info {
        match self {
            Info::Exact(texts) => Info::Inexact { prefix: texts.clone(), suffix: texts, inside: Vec::new() },
            inexact => inexact,
        }
    }

    /// This and then the other.
    fn then(self, next: Info) -> Info {
        match (self, next) {
            (Info::Exact(first), Info::Exact(second)) => match product(&first, &second) {
                Some(texts) => Info::Exact(texts),
                None => Info::Inexact { prefix: first, suffix: second, inside: Vec::new() },
            },
            (Info::Exact(texts), Info::Inexact { prefix, suffix, mut inside }) => {
                let prefix = product(&texts, &prefix).unwrap_or_else(|| {
                    inside.push(prefix);
                    texts
                });
                Info::Inexact { prefix, suffix, inside }
            }
            (Info::Inexact { prefix, suffix, mut inside }, Info::Exact(texts)) => {
                let suffix = product(&suffix, &texts).unwrap_or_else(|| {
                    inside.push(suffix);
                    texts
                });
                Info::Inexact { prefix, suffix, inside }
            }
            (
                Info::Inexact { prefix, suffix: middle, mut inside },
                Info::Inexact { prefix: next, suffix, inside: more },
            ) => {
                inside.extend(more);
                match product(&middle, &next) {
                    Some(texts) => inside.push(texts),
                    None => inside.extend([middle, next]),
                }
                Info::Inexact { prefix, suffix, inside }
            }
        }
    }

    /// One of these.
    fn any(branches: Vec<Info>) -> Info {
        let count = |info: &Info| if let Info::Exact(texts) = info { texts.len() } else { UNION };
        if branches.iter().map(count).sum::<usize>() <= UNION && branches.iter().all(|b| matches!(b, Info::Exact(_))) {
            return Info::Exact(sorted(branches.into_iter().flat_map(Info::into_clauses).flatten().collect()));
        }
        let (mut prefix, mut suffix, mut inside) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        for branch in branches {
            let (starts, ends) = match &branch {
                Info::Exact(texts) => (texts, texts),
                Info::Inexact { prefix, suffix, .. } => (prefix, suffix),
            };
            prefix.extend_from_slice(starts);
            suffix.extend_from_slice(ends);
            let mut clauses = branch.into_clauses();
            clauses.sort_by_cached_key(told);
            let best = clauses.pop().unwrap_or_default();
            let next = clauses.pop().filter(|clause| shortest(clause) >= SHORTEST);
            inside[1].extend(next.unwrap_or_else(|| best.clone()));
            inside[0].extend(best);
        }
        Info::Inexact { prefix: usable(prefix), suffix: usable(suffix), inside: inside.map(usable).into() }
    }

    fn into_clauses(self) -> Vec<Clause> {
        match self {
            Info::Exact(texts) => vec![texts],
            Info::Inexact { prefix, suffix, mut inside } => {
                inside.extend([prefix, suffix]);
                inside
            }
        }
    }
}

/// How much a clause tells: more with long literals, and then with few.
fn told(clause: &Clause) -> (usize, Reverse<usize>) {
    (shortest(clause).min(8), Reverse(clause.len()))
}

/// A class's characters if they are few. None of no characters: what never matches need not be filtered.
fn members(class: &Class, most: usize) -> Option<Clause> {
    let mut folded: Vec<char> = Vec::new();
    let mut add = |range: std::ops::RangeInclusive<char>| {
        for character in range {
            let character = fold(character);
            if !folded.contains(&character) {
                folded.push(character);
            }
            if folded.len() > most {
                return false;
            }
        }
        true
    };
    let few = match class {
        Class::Unicode(class) => class.ranges().iter().all(|range| add(range.start()..=range.end())),
        Class::Bytes(class) => {
            class.is_ascii() && class.ranges().iter().all(|range| add(range.start().into()..=range.end().into()))
        }
    };
    (few && !folded.is_empty()).then(|| sorted(folded.into_iter().map(String::from).collect()))
}

fn sorted(mut texts: Clause) -> Clause {
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// A union, if it is not too large to be of use.
fn usable(texts: Clause) -> Clause {
    let texts = sorted(texts);
    if texts.len() > UNION || texts.first().is_none_or(String::is_empty) { vec![String::new()] } else { texts }
}

/// Each of the first followed by each of the second, if that is not too many.
fn product(first: &Clause, second: &Clause) -> Option<Clause> {
    if first.len() == 1 && first[0].is_empty() {
        return Some(second.clone());
    }
    if second.len() == 1 && second[0].is_empty() {
        return Some(first.clone());
    }
    let count = first.len() * second.len();
    if count > if first.len() == 1 || second.len() == 1 { UNION } else { PRODUCT } {
        return None;
    }
    let mut texts = Vec::with_capacity(first.len() * second.len());
    for start in first {
        // Where a text starts it starts however often that is asked.
        let again = if start.ends_with(START) { START.len_utf8() } else { 0 };
        texts.extend(second.iter().map(|end| {
            let end = if end.starts_with(START) { &end[again..] } else { end };
            [start, end].concat()
        }));
    }
    Some(sorted(texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clauses(expression: &str) -> String {
        let tree = regex_syntax::parse(expression).unwrap();
        let clauses: Vec<_> = required(&tree).iter().map(|clause| clause.join("|")).collect();
        clauses.join(" & ")
    }

    #[test]
    fn literals_are_joined_across_classes_groups_and_options() {
        assert_eq!(clauses("Firefox"), "firefox");
        assert_eq!(clauses("(?i)SkyKit"), "skykit");
        assert_eq!(clauses("(Fire)[fF]o(?:x|X)$"), "firefox");
        assert_eq!(clauses("Win(?:dows)? ?NT"), "win nt|windows nt|windowsnt|winnt");
        assert_eq!(clauses("(a|b)[0-9](cde)"), "cde");
        assert_eq!(clauses("ab{2}c"), "abbc");
        assert_eq!(clauses("ab{2,}c"), "abb & bbc");
        assert_eq!(clauses("a(bc)+d"), "abc & bcd");
        assert_eq!(clauses("x(foo.*bar)y"), "xfoo & bary");
    }

    #[test]
    fn every_branch_counts() {
        assert_eq!(clauses("(Foo|Bars?)/[0-9]+"), "bar/|bars/|foo/");
        assert_eq!(clauses("(foo.*|bar.+)baz"), "bar|foo & baz");
        assert_eq!(clauses("(foo|.*)bar"), "bar");
        assert_eq!(clauses("foo|.*"), "");
        assert_eq!(clauses("foo|"), "");
    }

    #[test]
    fn repetitions_are_spelled_out_while_they_are_few() {
        assert_eq!(clauses("; {0,2}(X)"), ";  x|; x|;x");
        assert_eq!(clauses("foo[ab]{0,2}"), "foo");
        assert_eq!(clauses("foo[a-f]{0,2}bar"), "foo & bar");
        assert_eq!(clauses("(?:(?:foo.*|foo.*bar)x)?baz"), "baz");
        assert_eq!(clauses("[0-9]M"), "0m|1m|2m|3m|4m|5m|6m|7m|8m|9m");
    }

    #[test]
    fn the_start_of_the_text_is_a_character() {
        assert_eq!(clauses("^a|b^c"), "\u{2}a|b\u{2}c");
        assert_eq!(clauses("^(?:^)*^(foo)"), "\u{2}foo");
        assert_eq!(clauses("(?m)^foo"), "foo");
        assert_eq!(clauses("\u{2}\u{2}a"), "\u{1}\u{1}a");
    }

    #[test]
    fn short_literals_stand_back_and_long_ones_are_cut() {
        assert_eq!(clauses("a.*cde"), "cde");
        assert_eq!(clauses("ab.*c"), "ab");
        assert_eq!(clauses("a.*c|[a-z]{3,}"), "");
        assert_eq!(clauses(&"x".repeat(90)), "x".repeat(LONGEST));
        assert_eq!(clauses("foo.*foobar"), "foobar");
        assert_eq!(clauses(&format!("{}é{}", "x".repeat(9), "y".repeat(LONGEST - 1))), "y".repeat(LONGEST - 1));
    }

    #[test]
    fn letters_that_fold_into_ascii_do() {
        assert_eq!(clauses("\u{212A}iosk|(?i)KIOSK"), "kiosk");
        assert_eq!(clauses("(?i)straße"), "straße|straẞe");
        assert_eq!(clauses("[a&&b]foo"), "foo");
    }
}
