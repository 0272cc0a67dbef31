//! For tests: expressions, and texts that they match if their assertions hold where they come to stand.

use proptest::prelude::*;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A source of numbers that look random, the same for the same seed (Knuth's multiplier).
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

pub(super) fn sample(expression: &Hir, dice: &mut Dice, out: &mut String) {
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).unwrap()),
        HirKind::Class(Class::Unicode(class)) => {
            let Some(range) = class.ranges().get(dice.below(class.ranges().len().max(1))) else { return };
            let offset = dice.below(range.len().min(100)) as u32;
            out.extend(char::from_u32(range.start() as u32 + offset));
        }
        HirKind::Class(Class::Bytes(class)) => {
            let Some(range) = class.ranges().get(dice.below(class.ranges().len().max(1))) else { return };
            out.push(range.start().into());
        }
        HirKind::Capture(capture) => sample(&capture.sub, dice, out),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.map_or(3, |max| max.saturating_sub(repetition.min).min(3));
            for _ in 0..repetition.min as usize + dice.below(most as usize + 1) {
                sample(&repetition.sub, dice, out);
            }
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| sample(part, dice, out)),
        HirKind::Alternation(branches) => sample(&branches[dice.below(branches.len())], dice, out),
    }
}

/// The text with the case of some ASCII letters changed.
pub(super) fn swap_case(text: &str, dice: &mut Dice) -> String {
    let swap = |character: char| match dice.below(3) {
        0 if character.is_ascii_lowercase() => character.to_ascii_uppercase(),
        0 => character.to_ascii_lowercase(),
        _ => character,
    };
    text.chars().map(swap).collect()
}

/// Small expressions of letters that fold in unusual ways, with all that the analysis distinguishes.
pub(super) fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[aksKSé\u{212A}\u{17F}\u{2}/]{1,4}".prop_map(|text| text),
        Just("[ks]".to_owned()),
        Just("[^ak]".to_owned()),
        Just("[a-z]".to_owned()),
        Just(".".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just(r"(?-u:\b)".to_owned()),
        Just(String::new()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..5).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            1 => inner.clone().prop_map(|part| format!("({part})")),
            1 => inner.clone().prop_map(|part| format!("(?i:{part})")),
            2 => (inner, "[?*+]|\\{[0-3]\\}|\\{[0-2],\\}|\\{[01],[1-3]\\}")
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
        ]
    })
}
