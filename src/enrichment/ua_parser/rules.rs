//! uap-core's rules as the reference applies them.
//!
//! Facts: ua-parser/uap-java 1.5.4 (`UserAgentParser`, `OSParser`, `DeviceParser`). Differences to what the `ua-parser`
//! crate makes of the same file: the patch version is dropped when a rule replaces the minor one, empty groups of the
//! system and device rules stay empty instead of absent, a rule that gives no family is passed over, and bounded
//! repetitions keep their bounds.

use std::borrow::Cow;

use ua_parser::{device, os, user_agent};

use super::expression::{Expression, Groups};
use super::literals::{self, Clause};
use super::prefilter::Prefilter;

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
    prefilter: Prefilter,
}

impl Rules {
    /// Reads a `regexes.yaml`.
    pub fn parse(yaml: &str) -> Result<Rules, String> {
        let rules: ua_parser::Regexes<'static> = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        let mut required = Vec::new();
        let user_agents = List::read(rules.user_agent_parsers, &mut required, |rule| (&rule.regex, false))?;
        let systems = List::read(rules.os_parsers, &mut required, |rule| (&rule.regex, false))?;
        let ignores_case = |rule: &device::Parser<'_>| rule.regex_flag.is_some();
        let devices = List::read(rules.device_parsers, &mut required, |rule| (&rule.regex, ignores_case(rule)))?;
        Ok(Rules { user_agents, systems, devices, prefilter: Prefilter::new(&required)? })
    }

    /// Finds the rules that may match a user agent.
    pub fn search<'t>(&'t self, text: &'t str) -> Search<'t> {
        Search { rules: self, text, candidates: self.prefilter.candidates(text) }
    }
}

/// A user agent and the rules that may match it.
pub(super) struct Search<'t> {
    rules: &'t Rules,
    text: &'t str,
    candidates: Vec<u32>,
}

impl<'t> Search<'t> {
    pub fn user_agent(&self) -> UserAgent<'t> {
        let other = UserAgent { family: OTHER.into(), major: None, minor: None, patch: None };
        self.rules.user_agents.first(self, user_agent_of).unwrap_or(other)
    }

    pub fn system(&self) -> System<'t> {
        let other = System { family: OTHER.into(), version: [None; 4] };
        self.rules.systems.first(self, system_of).unwrap_or(other)
    }

    pub fn device(&self) -> Cow<'t, str> {
        self.rules.devices.first(self, device_of).unwrap_or(OTHER.into())
    }
}

fn user_agent_of<'t>(rule: &'t user_agent::Parser<'static>, groups: &Groups<'t>) -> Option<UserAgent<'t>> {
    let group = |number: usize| groups.get(number);
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

fn system_of<'t>(rule: &'t os::Parser<'static>, groups: &Groups<'t>) -> Option<System<'t>> {
    let group = |number: usize| groups.get(number);
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

fn device_of<'t>(rule: &'t device::Parser<'static>, groups: &Groups<'t>) -> Option<Cow<'t, str>> {
    let Some(template) = rule.device_replacement.as_deref() else {
        return groups.get(1).map(Cow::from);
    };
    if !template.contains('$') {
        return Some(template.into());
    }
    let mut device = template.to_owned();
    for number in 1..=9 {
        let marker = format!("${number}");
        if device.contains(&marker) {
            let text = groups.get(number).unwrap_or_default();
            device = device.replacen(&marker, text, 1);
        }
    }
    Some(Cow::Owned(device.trim().to_owned()))
}

/// One list: rules in the order of the file.
struct List<R> {
    rules: Vec<(R, Expression)>,
    /// The prefilter's number of the first.
    first: u32,
}

impl<R> List<R> {
    /// Reads the expressions and adds what they require.
    fn read(
        rules: Vec<R>,
        required: &mut Vec<Vec<Clause>>,
        regex: impl Fn(&R) -> (&str, bool),
    ) -> Result<List<R>, String> {
        let first = required.len() as u32;
        let read = rules.into_iter().map(|rule| {
            let (source, ignore_case) = regex(&rule);
            let (expression, tree) =
                Expression::parse(source, ignore_case).map_err(|error| format!("[{source}]: {error}"))?;
            required.push(literals::required(&tree));
            Ok((rule, expression))
        });
        Ok(List { rules: read.collect::<Result<_, String>>()?, first })
    }

    /// The result of the first rule that matches and gives one.
    fn first<'t, T>(&'t self, search: &Search<'t>, result: impl Fn(&'t R, &Groups<'t>) -> Option<T>) -> Option<T> {
        let from = search.candidates.partition_point(|number| *number < self.first);
        search.candidates[from..]
            .iter()
            .map_while(|number| self.rules.get((number - self.first) as usize))
            .find_map(|(rule, expression)| result(rule, &expression.find(search.text)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Dice, sample, swap_case};
    use super::*;
    use proptest::prelude::*;

    const USER_AGENTS: [&str; 8] = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/113.0.3164.16 Safari/537.36",
        "Mozilla/5.0 (Linux; Android 9; SM-G960F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/78.0.3904.96 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 4.4.2; GT-I9505 Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/30.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/52.0.0.12.18;]",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
        "MOZILLA/5.0 (X11; LINUX X86_64; RV:10.0) GEC\u{212A}O/20100101 FIREFOX/10.0 é",
        "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; WOW64; Trident/5.0; SLCC2; .NET CLR 2.0.50727)",
    ];

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
        let fox = rules.search("Fox/1.2.3").user_agent();
        assert_eq!((fox.family, fox.major, fox.minor, fox.patch), ("FireFox$1".into(), Some("1"), Some("7"), None));
        let hen = rules.search("Hen/.2.3").user_agent();
        assert_eq!((hen.family, hen.major, hen.minor, hen.patch), ("Hen".into(), None, Some("2"), Some("3")));
        assert_eq!(rules.search("Cat").user_agent().family, "Other");
        assert_eq!(rules.search("Cat").device(), "Other");
    }

    #[test]
    fn empty_groups_of_systems_stay_and_references_are_resolved() {
        let rules = rules(
            " []",
            "\n- regex: '(Win)(dows)?;(\\d*)(x)?;(\\d+)?'\n  os_replacement: '$1-$1'\n  os_v1_replacement: '$3'\n  os_v3_replacement: 'three'",
            " []",
        );
        let system = rules.search("Win;;5").system();
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
        assert_eq!(rules.search("a").user_agent().family, "a");
        assert_eq!(rules.search("ab").user_agent().family, "b");
        assert_eq!(rules.search("y").device(), "z");
    }

    #[test]
    fn bounds_hold_and_classes_are_ascii() {
        let rules = rules(
            "\n- regex: '^(A).{0,100}Z\\d'\n- regex: '(Z)'",
            " []",
            "\n- regex: 'bot'\n  regex_flag: 'i'\n  device_replacement: 'Spider'",
        );
        let long = format!("A{}Z1", "x".repeat(101));
        assert_eq!(rules.search(&long).user_agent().family, "Z");
        assert_eq!(rules.search(&long[1..]).user_agent().family, "Z");
        assert_eq!(rules.search(&format!("A{}Z1", "x".repeat(100))).user_agent().family, "A");
        assert_eq!(rules.search("AZ\u{0661}").user_agent().family, "Z");
        assert_eq!(rules.search("BoT").device(), "Spider");
    }

    #[test]
    fn useless_files_are_refused() {
        assert!(Rules::parse("user_agent_parsers: []\nos_parsers: []\n").is_err());
        let refused = |expression: &str| {
            Rules::parse(&format!(
                "user_agent_parsers:\n- regex: 'a'\nos_parsers:\n- regex: '{expression}'\ndevice_parsers: []\n"
            ))
            .err()
            .unwrap()
        };
        assert_eq!(refused("("), "[(]: unclosed group");
        assert_eq!(refused("(?=x)"), "[(?=x)]: look-around, including look-ahead and look-behind, is not supported");
        let error = refused(r"(\pL{99}){99}");
        assert!(error.starts_with(r"[(\pL{99}){99}]: Compiled regex exceeds size limit"), "{error}");
    }

    #[test]
    fn no_rule_that_matches_is_left_out() {
        let rules = Rules::parse(super::super::DEFAULT_RULES).unwrap();
        let parsed: ua_parser::Regexes<'static> = serde_saphyr::from_str(super::super::DEFAULT_RULES).unwrap();
        let trees: Vec<_> = (parsed.user_agent_parsers.iter().map(|rule| (&rule.regex, false)))
            .chain(parsed.os_parsers.iter().map(|rule| (&rule.regex, false)))
            .chain(parsed.device_parsers.iter().map(|rule| (&rule.regex, rule.regex_flag.is_some())))
            .map(|(source, ignore_case)| Expression::parse(source, ignore_case).unwrap().1)
            .collect();
        let expressions: Vec<_> = trees.iter().map(|tree| regex::Regex::new(&tree.to_string()).unwrap()).collect();
        let mut dice = Dice(1);
        let (mut matching, mut tried) = (0, 0);
        for (number, (tree, expression)) in trees.iter().zip(&expressions).enumerate() {
            for _ in 0..4 {
                let mut text = String::new();
                sample(tree, &mut dice, &mut text);
                for text in [format!("x {} y", swap_case(&text, &mut dice)), text] {
                    let matches = expression.is_match(&text);
                    let candidate = rules.prefilter.candidates(&text).contains(&(number as u32));
                    assert!(candidate || !matches, "{expression} matches {text}");
                    matching += usize::from(matches);
                    tried += 1;
                }
            }
        }
        assert!(matching * 3 > tried, "{matching} of {tried} samples match");
        for text in USER_AGENTS {
            let candidates = rules.prefilter.candidates(text);
            let matches = (0..expressions.len()).filter(|number| expressions[*number].is_match(text));
            let left_out: Vec<_> = matches.filter(|number| !candidates.contains(&(*number as u32))).collect();
            assert!(left_out.is_empty(), "{left_out:?} match {text}");
            assert!(candidates.len() < 40, "{} candidates for {text}", candidates.len());
        }
        assert!(rules.prefilter.candidates("").is_empty(), "each of these rules can be filtered");
    }

    proptest! {
        #[test]
        fn any_user_agent_has_a_family(text in "(A|Fox|Win|/|;|\\.|[0-9]|x|y| |\\PC){0,24}") {
            let rules = rules(
                "\n- regex: '(Fox)?/(\\d*)(?:\\.(\\d+)|)(\\.x)?'\n- regex: '^(A).{0,100}x'\n  family_replacement: '$1$1$2'",
                "\n- regex: '(Win)?;(\\d*)'\n  os_v1_replacement: '$9'\n  os_v2_replacement: '$x'",
                "\n- regex: '(x)?y( )?'\n  device_replacement: '$1 $2$3'",
            );
            let user_agent = rules.search(&text).user_agent();
            prop_assert!(user_agent.minor.is_some() || user_agent.patch.is_none() || text.contains(".x"));
            prop_assert!(!rules.search(&text).system().family.is_empty());
            let device = rules.search(&text).device();
            prop_assert_eq!(device.trim(), &*device);
        }
    }
}
