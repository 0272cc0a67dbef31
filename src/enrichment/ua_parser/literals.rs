//! What texts must contain for an expression to match: sets of literals, of each of which one at least is there.
//!
//! The idea is that of RE2's `FilteredRE2` (google/re2, `re2/prefilter.cc`). Literals and texts are compared folded, see
//! `fold`: as it maps character by character, whatever an expression matches contains its literals after folding too.

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// Most characters of a class that are spelled out.
const CLASS: usize = 6;
/// Most literals in a product of two sets.
const PRODUCT: usize = 16;
/// Most literals in a union of sets.
const UNION: usize = 256;
/// Shorter literals tell too little.
const SHORTEST: usize = 3;
/// Longer literals are cut.
const LONGEST: usize = 24;

/// Lower case in ASCII; the two letters outside ASCII whose lower case is inside become those.
pub(super) fn fold(character: char) -> char {
    match character {
        '\u{212A}' => 'k',
        '\u{17F}' => 's',
        other => other.to_ascii_lowercase(),
    }
}

/// Literals of which each match contains one. Sorted, without doubles.
pub(super) type Clause = Vec<String>;

/// What an expression's matches contain: one literal of every clause. No clause means that anything may match.
pub(super) fn required(expression: &Hir) -> Vec<Clause> {
    let mut clauses = Info::of(expression).into_clauses();
    for length in [SHORTEST, SHORTEST - 1] {
        if clauses.iter().any(|clause| shortest(clause) >= length) {
            clauses.retain(|clause| shortest(clause) >= length);
            break;
        }
    }
    clauses.retain(|clause| shortest(clause) >= SHORTEST - 1);
    for clause in &mut clauses {
        clause.iter_mut().for_each(cut);
        clause.sort_unstable();
        clause.dedup();
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

    /// Recursion is bounded: the parser refuses expressions that nest deeply.
    fn of(expression: &Hir) -> Info {
        match expression.kind() {
            HirKind::Empty | HirKind::Look(_) => Info::empty(),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => Info::Exact(vec![text.chars().map(fold).collect()]),
                Err(_) => Info::unknown(),
            },
            HirKind::Class(class) => members(class).map_or_else(Info::unknown, Info::Exact),
            HirKind::Capture(capture) => Info::of(&capture.sub),
            HirKind::Repetition(repetition) => Info::repeated(repetition),
            HirKind::Concat(parts) => parts.iter().fold(Info::empty(), |info, part| info.then(Info::of(part))),
            HirKind::Alternation(branches) => Info::any(branches.iter().map(Info::of).collect()),
        }
    }

    fn repeated(repetition: &Repetition) -> Info {
        match (repetition.min, repetition.max) {
            (0, Some(1)) => match Info::of(&repetition.sub) {
                Info::Exact(mut texts) if texts.len() < PRODUCT => {
                    texts.push(String::new());
                    Info::Exact(sorted(texts))
                }
                _ => Info::unknown(),
            },
            (0, _) => Info::unknown(),
            (min, max) => {
                let once = Info::of(&repetition.sub);
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
            return Info::Exact(sorted(branches.into_iter().flat_map(Info::into_best).collect()));
        }
        let (mut prefix, mut suffix, mut inside) = (Vec::new(), Vec::new(), Vec::new());
        for branch in branches {
            let (starts, ends) = match &branch {
                Info::Exact(texts) => (texts, texts),
                Info::Inexact { prefix, suffix, .. } => (prefix, suffix),
            };
            prefix.extend_from_slice(starts);
            suffix.extend_from_slice(ends);
            inside.extend(branch.into_best());
        }
        Info::Inexact { prefix: usable(prefix), suffix: usable(suffix), inside: vec![usable(inside)] }
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

    /// The clause that tells most: that of the longest literals, and of those that of the fewest.
    fn into_best(self) -> Clause {
        let told = |clause: &Clause| (shortest(clause).min(8), std::cmp::Reverse(clause.len()));
        self.into_clauses().into_iter().max_by_key(told).unwrap_or_else(|| vec![String::new()])
    }
}

/// A class's characters if they are few. None of no characters: what never matches need not be filtered.
fn members(class: &Class) -> Option<Clause> {
    let mut folded: Vec<char> = Vec::new();
    let mut add = |range: std::ops::RangeInclusive<char>| {
        for character in range {
            let character = fold(character);
            if !folded.contains(&character) {
                folded.push(character);
            }
            if folded.len() > CLASS {
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
    if first.len() * second.len() > PRODUCT {
        return None;
    }
    let pair = |start: &String| second.iter().map(move |end| [&**start, &**end].concat()).collect::<Vec<_>>();
    Some(sorted(first.iter().flat_map(pair).collect()))
}
