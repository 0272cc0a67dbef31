//! `user_agent_utils_config`: browser, system and device columns out of the user agent. Deprecated in the reference.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/UserAgentUtilsEnrichment.scala`;
//! HaraldWalker/user-agent-utils 1.21 (BSD-3-Clause), which is frozen: new versions get old names (`Chrome 117` is
//! `Chrome 11`, Android 13 is `Android 1.x`).

mod browsers;
mod rules;
mod systems;

use std::sync::Arc;

use regex::Regex;

use super::cache::Cache;
use super::columns::ColumnTexts;
use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Step, StepContext};
use crate::event::Column;
use browsers::{BROWSERS, NO_PROGRAM, Program, VERSION_PATTERNS, Version, WEBKIT_BUILDS};
use rules::{Branch, Fit};
use systems::{NO_SYSTEM, SYSTEMS, System};

/// User agents whose result one worker remembers.
const CACHE_SIZE: usize = 20_000;

#[derive(Clone, Copy, Debug)]
struct UserAgentUtilsConfig;

pub(super) fn read(_item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    reader.warn("user_agent_utils_config knows no browser released after 2018; prefer ua_parser_config");
    Some(Box::new(UserAgentUtilsConfig))
}

impl EnrichmentConfig for UserAgentUtilsConfig {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(UserAgentUtils::new()))
    }
}

/// The tables, ready for searching.
struct UserAgentUtils {
    programs: Vec<Branch<Program>>,
    systems: Vec<Branch<System>>,
    versions: Vec<Regex>,
    safari_version: Regex,
    webkit_build: Regex,
}

impl UserAgentUtils {
    fn new() -> UserAgentUtils {
        let regex = |pattern: &str| Regex::new(pattern).expect("the patterns of the table compile");
        UserAgentUtils {
            programs: rules::tree(BROWSERS),
            systems: rules::tree(SYSTEMS),
            versions: VERSION_PATTERNS.iter().map(|pattern| regex(&format!("(?i){pattern}"))).collect(),
            safari_version: regex(r"(?i)Version/(([0-9]+)\.?([A-Za-z0-9_]+)?(\.[A-Za-z0-9_]+)?)"),
            webkit_build: regex(r"AppleWebKit/([0-9]+(?:.[0-9]+){1,2})"),
        }
    }

    fn columns(&self, user_agent: &str) -> ColumnTexts {
        let lower = user_agent.to_lowercase();
        let program = rules::find(&self.programs, lower.as_bytes());
        // Robots have no system, but mobile ones do.
        let robot = program.as_ref().is_some_and(|fit| fit.row.name == "Robot/Spider");
        let system = if robot { None } else { rules::find(&self.systems, lower.as_bytes()) };
        let (name, family) = names(program.as_ref());
        let facts = program.as_ref().map_or(NO_PROGRAM, |fit| fit.row.facts);
        let mut columns = ColumnTexts::default();
        columns.push(Column::br_name, Some(name));
        columns.push(Column::br_family, Some(family));
        if let Some(version) = program.as_ref().and_then(|fit| self.version(fit, user_agent)) {
            columns.push(Column::br_version, Some(version));
        }
        columns.push(Column::br_type, Some(facts.kind));
        columns.push(Column::br_renderengine, Some(facts.engine));
        let (name, family) = names(system.as_ref());
        let facts = system.as_ref().map_or(NO_SYSTEM, |fit| fit.row.facts);
        columns.push(Column::os_name, Some(name));
        columns.push(Column::os_family, Some(family));
        columns.push(Column::os_manufacturer, Some(facts.maker));
        columns.push(Column::dvce_type, Some(facts.device.name));
        columns.push(Column::dvce_ismobile, Some(if facts.device.mobile { "1" } else { "0" }));
        columns
    }

    fn version<'t>(&'t self, fit: &Fit<'_, Program>, user_agent: &'t str) -> Option<&'t str> {
        let own = fit.row.facts.version;
        let version = if own == Version::Inherited { fit.family.facts.version } else { own };
        match version {
            Version::Inherited => None,
            Version::Pattern(at) => first_group(&self.versions[at], user_agent),
            Version::Safari => first_group(&self.safari_version, user_agent).or_else(|| {
                let build = first_group(&self.webkit_build, user_agent)?;
                let known = WEBKIT_BUILDS.iter().find(|(_, builds)| builds.contains(&build));
                known.map(|(version, _)| *version)
            }),
        }
    }
}

/// Names of the row and of its family.
fn names<'b, F>(fit: Option<&Fit<'b, F>>) -> (&'b str, &'b str) {
    fit.map_or(("Unknown", "Unknown"), |fit| (&fit.row.name, &fit.family.name))
}

fn first_group<'t>(pattern: &Regex, text: &'t str) -> Option<&'t str> {
    pattern.captures(text)?.get(1).map(|group| group.as_str())
}

impl SharedEnrichment for UserAgentUtils {
    fn step(&self) -> Step {
        Step::UserAgentUtils
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, cache: Cache::new(CACHE_SIZE) })
    }
}

struct Instance {
    shared: Arc<UserAgentUtils>,
    cache: Cache<Box<str>, ColumnTexts>,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::UserAgentUtils
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let Some(user_agent) = cx.event.get(Column::useragent) else { return };
        let found = self.cache.get_or_insert_with(user_agent, || (user_agent.into(), self.shared.columns(user_agent)));
        found.apply(cx.event, cx.arena);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{EventBench, config};
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 10] = [
        Column::br_name,
        Column::br_family,
        Column::br_version,
        Column::br_type,
        Column::br_renderengine,
        Column::os_name,
        Column::os_family,
        Column::os_manufacturer,
        Column::dvce_type,
        Column::dvce_ismobile,
    ];

    fn parse(user_agent: &'static str) -> [String; 10] {
        let mut bench = EventBench::new(config("user_agent_utils_config", "{}"));
        bench.columns = vec![(Column::useragent, user_agent)];
        bench.run(|event, _| COLUMNS.map(|column| event.get(column).unwrap_or("-").to_owned()))
    }

    #[test]
    fn worked_examples() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let leak = |text: String| &*Box::leak(text.into_boxed_str());
        for (user_agent, expected) in [
            (
                leak(format!(
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) {webkit} Chrome/33.0.1750.152 Safari/537.36"
                )),
                "Chrome 33|Chrome|33.0.1750.152|Browser|WEBKIT|Mac OS X|Mac OS X|Apple Inc.|Computer|0",
            ),
            (
                "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0",
                "Internet Explorer 11|Internet Explorer|11.0|Browser|TRIDENT|Windows 7|Windows|Microsoft Corporation|Computer|0",
            ),
            (
                leak(format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/117.0.6085.44 Safari/537.36")),
                "Chrome 11|Chrome|117.0.6085.44|Browser|WEBKIT|Windows 10|Windows|Microsoft Corporation|Computer|0",
            ),
            (
                leak(format!(
                    "Mozilla/5.0 (Linux; Android 13; SM-A135F) {webkit} Chrome/110.0.5041.55 Mobile Safari/537.36"
                )),
                "Chrome Mobile|Chrome|110.0.5041.55|Browser (mobile)|WEBKIT|Android 1.x|Android|Google Inc.|Mobile|1",
            ),
            ("", "Unknown|Unknown|-|unknown|OTHER|Unknown|Unknown|Other|Unknown|0"),
            ("Googlebot (Windows NT 10)", "Robot/Spider|Robot/Spider|-|Robot|OTHER|Unknown|Unknown|Other|Unknown|0"),
            (
                "Googlebot-Mobile iPhone",
                "Mobile Robot/Spider|Robot/Spider|-|Robot|OTHER|Mac OS X (iPhone)|iOS|Apple Inc.|Mobile|1",
            ),
            (
                "Safari AppleWebKit/534.57.2 Macintosh",
                "Safari 5|Safari|5.1.7|Browser|WEBKIT|Mac OS|Mac OS|Apple Inc.|Computer|0",
            ),
        ] {
            assert_eq!(parse(user_agent).join("|"), expected, "{user_agent}");
        }
    }

    #[test]
    fn nothing_is_written_without_user_agent() {
        let mut bench = EventBench::new(config("user_agent_utils_config", "{}"));
        bench.run(|event, _| assert_eq!(event.get(Column::br_name), None));
    }

    proptest! {
        #[test]
        fn any_user_agent_is_read(user_agent in "(Safari|Version/|AppleWebKit/|Chrome/|Edge/| |[0-9.]{1,5}|\\PC){0,12}") {
            UserAgentUtils::new().columns(&user_agent);
        }
    }
}
