//! Which of many expressions may match a text, by one pass over it.
//!
//! Every rule waits at the literals of the one clause that fewest rules share; the rules woken by a literal then check
//! their other clauses. A rule without clauses is always a candidate.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::literals::{Clause, START, fold};

/// The rules are numbered in the order in which they came.
pub(super) struct Prefilter {
    automaton: AhoCorasick,
    /// For each literal the end of its rules in `woken`.
    ends: Vec<u32>,
    woken: Vec<u32>,
    /// For each rule the end of its further clauses in `clauses`.
    rule_ends: Vec<u32>,
    /// For each clause its literals: their number first.
    clauses: Vec<u32>,
    always: Vec<u32>,
}

impl Prefilter {
    /// Takes each rule's clauses, see `literals::required`.
    pub fn new(rules: &[Vec<Clause>]) -> Result<Prefilter, String> {
        let mut numbers: HashMap<&str, u32, foldhash::fast::FixedState> = HashMap::default();
        let mut literals: Vec<&str> = Vec::new();
        let mut shared: Vec<u32> = Vec::new();
        for literal in rules.iter().flatten().flatten() {
            let number = *numbers.entry(literal).or_insert_with(|| {
                literals.push(literal);
                shared.push(0);
                shared.len() as u32 - 1
            });
            shared[number as usize] += 1;
        }
        let mut woken: Vec<Vec<u32>> = vec![Vec::new(); literals.len()];
        let (mut rule_ends, mut clauses, mut always) = (Vec::with_capacity(rules.len()), Vec::new(), Vec::new());
        for (rule, all) in rules.iter().enumerate() {
            let rule = rule as u32;
            let numbered = |clause: &Clause| clause.iter().map(|literal| numbers[&**literal]).collect::<Vec<_>>();
            let popularity = |clause: &Vec<u32>| clause.iter().map(|number| shared[*number as usize]).sum::<u32>();
            let mut all: Vec<Vec<u32>> = all.iter().map(numbered).collect();
            match (0..all.len()).min_by_key(|index| popularity(&all[*index])) {
                Some(rarest) => all.swap_remove(rarest).iter().for_each(|number| woken[*number as usize].push(rule)),
                None => always.push(rule),
            }
            for clause in all {
                clauses.push(clause.len() as u32);
                clauses.extend(clause);
            }
            rule_ends.push(clauses.len() as u32);
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(&literals)
            .map_err(|error| error.to_string())?;
        let ends = woken.iter().scan(0, |end, rules| {
            *end += rules.len() as u32;
            Some(*end)
        });
        Ok(Prefilter { automaton, ends: ends.collect(), woken: woken.concat(), rule_ends, clauses, always })
    }

    /// The rules that may match, in order. Those left out do not.
    pub fn candidates(&self, text: &str) -> Vec<u32> {
        let mut found = vec![0u64; self.ends.len().div_ceil(64)];
        let mut literals: Vec<usize> = Vec::with_capacity(32);
        for hit in self.automaton.find_overlapping_iter(&folded(text)) {
            let number = hit.pattern().as_usize();
            let (word, bit) = (&mut found[number / 64], 1 << (number % 64));
            if *word & bit == 0 {
                *word |= bit;
                literals.push(number);
            }
        }
        let mut candidates = Vec::with_capacity(32);
        candidates.extend_from_slice(&self.always);
        for number in literals {
            for rule in &self.woken[span(&self.ends, number)] {
                if self.has_all(*rule, &found) {
                    candidates.push(*rule);
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// Whether one literal of each of the rule's further clauses was found.
    fn has_all(&self, rule: u32, found: &[u64]) -> bool {
        let mut clauses = &self.clauses[span(&self.rule_ends, rule as usize)];
        while let Some((count, rest)) = clauses.split_first() {
            let (literals, rest) = rest.split_at(*count as usize);
            if !literals.iter().any(|number| found[*number as usize / 64] >> (number % 64) & 1 == 1) {
                return false;
            }
            clauses = rest;
        }
        true
    }
}

fn span(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = index.checked_sub(1).map_or(0, |before| ends[before]);
    start as usize..ends[index] as usize
}

/// The text as the literals are written, after the mark of its start.
fn folded(text: &str) -> Vec<u8> {
    let mut folded = String::with_capacity(text.len() + START.len_utf8());
    folded.push(START);
    if text.is_ascii() && !text.contains(START) {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().map(fold));
    }
    folded.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::literals::required;
    use super::super::samples::{Dice, expression, sample, swap_case};
    use super::*;
    use proptest::prelude::*;

    fn prefilter(expressions: &[&str]) -> Prefilter {
        let rules: Vec<_> = expressions.iter().map(|each| required(&regex_syntax::parse(each).unwrap())).collect();
        Prefilter::new(&rules).unwrap()
    }

    #[test]
    fn candidates_come_in_order_and_once() {
        let prefilter = prefilter(&["Foo|Bar", ".", "foo.*bar", "bar|ba", "quux", "(?i)\u{17F}kip"]);
        assert_eq!(prefilter.candidates("BAR foo foo"), [0, 1, 2, 3]);
        assert_eq!(prefilter.candidates("ba"), [1, 3]);
        assert_eq!(prefilter.candidates("\u{17F}\u{212A}IP"), [1, 5]);
        assert_eq!(prefilter.candidates(""), [1]);
    }

    #[test]
    fn no_rules_give_no_candidates() {
        assert!(prefilter(&[]).candidates("foo").is_empty());
        assert_eq!(prefilter(&["a*"]).candidates("foo"), [0]);
    }

    proptest! {
        #[test]
        fn what_matches_is_a_candidate(
            expressions in prop::collection::vec(expression(), 1..4),
            mut texts in prop::collection::vec("[aksKSAé\u{212A}\u{17F}\u{2}/]{0,14}", 1..6),
            seed in any::<u64>(),
        ) {
            let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
            let prefilter = prefilter(&expressions);
            let mut dice = Dice(seed);
            for index in 0..8 {
                let mut text = String::new();
                sample(&regex_syntax::parse(expressions[index % expressions.len()]).unwrap(), &mut dice, &mut text);
                texts.extend([swap_case(&text, &mut dice), text]);
            }
            for text in &texts {
                let candidates = prefilter.candidates(text);
                for (number, expression) in expressions.iter().enumerate() {
                    let matches = regex::Regex::new(expression).unwrap().is_match(text);
                    prop_assert!(!matches || candidates.contains(&(number as u32)), "{expression} matches {text}");
                }
            }
        }
    }
}
