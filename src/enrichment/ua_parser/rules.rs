//! uap-core's rules as the reference applies them.
//!
//! Facts: ua-parser/uap-java 1.5.4 (`UserAgentParser`, `OSParser`, `DeviceParser`). Differences to what the `ua-parser`
//! crate makes of the same file: the patch version is dropped when a rule replaces the minor one, empty groups of the
//! system and device rules stay empty instead of absent, a rule that gives no family is passed over, and bounded
//! repetitions keep their bounds.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::{Captures, Regex};
use regex_filtered::{Builder, Options, Regexes};
use ua_parser::{device, os, user_agent};

/// The name of what no rule fits.
const OTHER: &str = "Other";

/// A browser or another program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UserAgent<'t> {
    pub family: Cow<'t, str>,
    pub major: Option<&'t str>,
    pub minor: Option<&'t str>,
    pub patch: Option<&'t str>,
}

/// An operating system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct System<'t> {
    pub family: Cow<'t, str>,
    /// Major, minor, patch, patch minor.
    pub version: [Option<&'t str>; 4],
}

/// The three lists of rules.
pub(super) struct Rules {
    user_agents: List<user_agent::Parser<'static>>,
    systems: List<os::Parser<'static>>,
    devices: List<device::Parser<'static>>,
}

impl Rules {
    /// Reads and compiles a `regexes.yaml`.
    pub fn parse(yaml: &str) -> Result<Rules, String> {
        let rules: ua_parser::Regexes<'static> = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        Ok(Rules {
            user_agents: List::compile(rules.user_agent_parsers, 3, |rule| (&rule.regex, false))?,
            systems: List::compile(rules.os_parsers, 3, |rule| (&rule.regex, false))?,
            devices: List::compile(rules.device_parsers, 2, |rule| (&rule.regex, rule.regex_flag.is_some()))?,
        })
    }

    pub fn user_agent<'t>(&'t self, text: &'t str) -> UserAgent<'t> {
        self.user_agents.first(text, user_agent_of).unwrap_or(UserAgent {
            family: OTHER.into(),
            major: None,
            minor: None,
            patch: None,
        })
    }

    pub fn system<'t>(&'t self, text: &'t str) -> System<'t> {
        self.systems.first(text, system_of).unwrap_or(System { family: OTHER.into(), version: [None; 4] })
    }

    pub fn device<'t>(&'t self, text: &'t str) -> Cow<'t, str> {
        self.devices.first(text, device_of).unwrap_or(OTHER.into())
    }
}

fn user_agent_of<'t>(rule: &'t user_agent::Parser<'static>, groups: &Captures<'t>) -> Option<UserAgent<'t>> {
    let group = |number: usize| groups.get(number).map(|found| found.as_str());
    let family = match (rule.family_replacement.as_deref(), group(1)) {
        (Some(template), Some(name)) if template.contains("$1") => template.replacen("$1", name, 1).into(),
        (Some(literal), _) => literal.into(),
        (None, name) => name?.into(),
    };
    let filled = |number: usize| group(number).filter(|text| !text.trim().is_empty());
    let minor = rule.v2_replacement.as_deref();
    Some(UserAgent {
        family,
        major: rule.v1_replacement.as_deref().or_else(|| filled(2)),
        minor: minor.or_else(|| filled(3)),
        patch: if minor.is_none() { filled(4) } else { None },
    })
}

fn system_of<'t>(rule: &'t os::Parser<'static>, groups: &Captures<'t>) -> Option<System<'t>> {
    let group = |number: usize| groups.get(number).map(|found| found.as_str());
    let family = match (rule.os_replacement.as_deref(), group(1)) {
        (Some(template), Some(name)) if template.contains("$1") => template.replace("$1", name).into(),
        (Some(literal), _) => literal.into(),
        (None, name) => name?.into(),
    };
    let part = |replacement: &'t Option<Cow<'static, str>>, number: usize| match replacement.as_deref() {
        Some(text) => match text.strip_prefix('$').and_then(|digits| digits.parse().ok()) {
            Some(referred) => group(referred),
            None => Some(text),
        },
        None => group(number),
    };
    let version = [
        part(&rule.os_v1_replacement, 2),
        part(&rule.os_v2_replacement, 3),
        part(&rule.os_v3_replacement, 4),
        group(5),
    ];
    Some(System { family, version })
}

fn device_of<'t>(rule: &'t device::Parser<'static>, groups: &Captures<'t>) -> Option<Cow<'t, str>> {
    let Some(template) = rule.device_replacement.as_deref() else {
        return groups.get(1).map(|found| found.as_str().into());
    };
    if !template.contains('$') {
        return Some(template.into());
    }
    let mut device = template.to_owned();
    for number in 1..=9 {
        let marker = format!("${number}");
        if device.contains(&marker) {
            let text = groups.get(number).map_or("", |found| found.as_str());
            device = device.replacen(&marker, text, 1);
        }
    }
    Some(Cow::Owned(device.trim().to_owned()))
}

/// One list: rules in the order of the file, and a filter that finds the few whose expression may match.
struct List<R> {
    rules: Vec<Rule<R>>,
    filter: Regexes,
}

struct Rule<R> {
    rule: R,
    expression: String,
    ignore_case: bool,
    /// Texts up to this length cannot tell bounded from unbounded repetitions.
    bound: usize,
    /// The expression with its bounds, compiled when it is first needed.
    exact: OnceLock<Option<Regex>>,
}

impl<R> List<R> {
    fn compile(rules: Vec<R>, atom: usize, regex: impl Fn(&R) -> (&str, bool)) -> Result<List<R>, String> {
        let mut builder = Builder::new_atom_len(atom);
        let mut compiled = Vec::with_capacity(rules.len());
        for rule in rules {
            let (source, ignore_case) = regex(&rule);
            let expression = ascii_classes(source);
            let (unbounded, bound) = without_bounds(&expression);
            builder = builder
                .push_opt(&unbounded, Options::new().case_insensitive(ignore_case))
                .map_err(|error| format!("[{source}]: {error}"))?;
            compiled.push(Rule { rule, expression, ignore_case, bound, exact: OnceLock::new() });
        }
        let filter = builder.build().map_err(|error| error.to_string())?;
        Ok(List { rules: compiled, filter })
    }

    /// The first rule that matches and gives a result.
    fn first<'t, T>(&'t self, text: &'t str, result: impl Fn(&'t R, &Captures<'t>) -> Option<T>) -> Option<T> {
        self.filter.matching(text).find_map(|(index, unbounded)| {
            let rule = &self.rules[index];
            let regex = if text.len() > rule.bound { rule.exact()? } else { unbounded };
            result(&rule.rule, &regex.captures(text)?)
        })
    }
}

impl<R> Rule<R> {
    fn exact(&self) -> Option<&Regex> {
        let compile = || regex::RegexBuilder::new(&self.expression).case_insensitive(self.ignore_case).build().ok();
        self.exact.get_or_init(compile).as_ref()
    }
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
                out.push(unbounded);
                smallest = smallest.min(bound);
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

    fn rules(user_agents: &str, systems: &str, devices: &str) -> Rules {
        Rules::parse(&format!("user_agent_parsers:{user_agents}\nos_parsers:{systems}\ndevice_parsers:{devices}\n"))
            .unwrap()
    }

    #[test]
    fn the_patch_goes_when_the_minor_version_is_replaced() {
        let rules = rules(
            "\n- regex: '(Fox)/(\\d+)\\.(\\d+)\\.(\\d+)'\n  family_replacement: 'Fire$1$1'\n  v2_replacement: '7'\n- regex: '(Hen)(?:/(\\d*))?(?:\\.(\\d*))?(?:\\.(\\d*))?'\n  v3_replacement: 'no'",
            " []",
            " []",
        );
        let fox = rules.user_agent("Fox/1.2.3");
        assert_eq!((fox.family, fox.major, fox.minor, fox.patch), ("FireFox$1".into(), Some("1"), Some("7"), None));
        let hen = rules.user_agent("Hen/.2.3");
        assert_eq!((hen.family, hen.major, hen.minor, hen.patch), ("Hen".into(), None, Some("2"), Some("3")));
        assert_eq!(rules.user_agent("Cat").family, "Other");
        assert_eq!(rules.device("Cat"), "Other");
    }

    #[test]
    fn empty_groups_of_systems_stay_and_references_are_resolved() {
        let rules = rules(
            " []",
            "\n- regex: '(Win)(dows)?;(\\d*)(x)?;(\\d+)?'\n  os_replacement: '$1-$1'\n  os_v1_replacement: '$3'\n  os_v3_replacement: 'three'",
            " []",
        );
        let system = rules.system("Win;;5");
        assert_eq!(
            system,
            System { family: "Win-Win".into(), version: [Some(""), Some(""), Some("three"), Some("5")] }
        );
    }

    #[test]
    fn a_rule_without_family_is_passed_over() {
        let rules = rules(
            "\n- regex: 'a(b)?'\n- regex: '(a)'",
            " []",
            "\n- regex: '(x)?y'\n- regex: 'y'\n  device_replacement: ' $1 $2 z '",
        );
        assert_eq!(rules.user_agent("a").family, "a");
        assert_eq!(rules.user_agent("ab").family, "b");
        assert_eq!(rules.device("y"), "z");
    }

    #[test]
    fn bounds_hold_and_classes_are_ascii() {
        let rules = rules(
            "\n- regex: '^(A).{0,100}Z\\d'\n- regex: '(Z)'",
            " []",
            "\n- regex: 'bot'\n  regex_flag: 'i'\n  device_replacement: 'Spider'",
        );
        let long = format!("A{}Z1", "x".repeat(101));
        assert_eq!(rules.user_agent(&long).family, "Z");
        assert_eq!(rules.user_agent(&long[1..]).family, "Z");
        assert_eq!(rules.user_agent(&format!("A{}Z1", "x".repeat(100))).family, "A");
        assert_eq!(rules.user_agent("AZ\u{0661}").family, "Z");
        assert_eq!(rules.device("BoT"), "Spider");
    }

    #[test]
    fn useless_files_are_refused() {
        assert!(Rules::parse("user_agent_parsers: []\nos_parsers: []\n").is_err());
        let error =
            Rules::parse("user_agent_parsers:\n- regex: '('\nos_parsers: []\ndevice_parsers: []\n").err().unwrap();
        assert!(error.starts_with("[(]: "), "{error}");
    }

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
        fn any_user_agent_has_a_family(text in "(A|Fox|Win|/|;|\\.|[0-9]|x|y| |\\PC){0,24}") {
            let rules = rules(
                "\n- regex: '(Fox)?/(\\d*)(?:\\.(\\d+)|)(\\.x)?'\n- regex: '^(A).{0,100}x'\n  family_replacement: '$1$1$2'",
                "\n- regex: '(Win)?;(\\d*)'\n  os_v1_replacement: '$9'\n  os_v2_replacement: '$x'",
                "\n- regex: '(x)?y( )?'\n  device_replacement: '$1 $2$3'",
            );
            let user_agent = rules.user_agent(&text);
            prop_assert!(user_agent.minor.is_some() || user_agent.patch.is_none() || text.contains(".x"));
            prop_assert!(!rules.system(&text).family.is_empty());
            let device = rules.device(&text);
            prop_assert_eq!(device.trim(), &*device);
        }

        #[test]
        fn rewriting_never_panics(expression in "[\\\\{}0-9,a.\\[\\]]{0,30}|\\PC{0,20}") {
            without_bounds(&ascii_classes(&expression));
        }
    }
}
