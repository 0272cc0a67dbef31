//! The entities of the shredder's workload: twelve types, forty versions of schemas, from nine fields to a nested forty.
//!
//! Seven types are those of the collector logs ([`super::entities`]). The other five are tables of properties here: each
//! version of a type has the properties of the one before and one more.

use super::entities;
use super::random::{Random, Zipf};
use super::world::{SECTIONS, WORDS};

/// What a property holds.
#[derive(Clone, Copy)]
enum Kind {
    Word,
    Sentence,
    Uuid,
    Count(u64),
    Money,
    Flag,
    Moment,
    Choice(&'static [&'static str]),
    Words,
    Object(&'static [Property]),
}

type Property = (&'static str, Kind);

/// A type with properties of its own.
struct Versioned {
    /// `vendor/name`
    name: &'static str,
    /// Properties of version 1-0-0; the first of them is required.
    base: &'static [Property],
    /// What each later version adds.
    added: &'static [Property],
    /// Share of properties that are null or left out, the first one never.
    gaps: f64,
}

const ADDRESS: &[Property] = &[("street", Kind::Sentence), ("zipCode", Kind::Word), ("country", Kind::Word)];
const ITEM: &[Property] = &[("sku", Kind::Word), ("unitPrice", Kind::Money), ("quantity", Kind::Count(9))];
const PLAYERS: &[&str] = &["html5", "youtube", "vimeo", "native"];
const TIERS: &[&str] = &["none", "silver", "gold"];

const UA_PARSER: Versioned = Versioned {
    name: "com.snowplowanalytics.snowplow/ua_parser_context",
    base: &[
        ("useragentFamily", Kind::Word),
        ("useragentMajor", Kind::Word),
        ("useragentMinor", Kind::Word),
        ("useragentPatch", Kind::Word),
        ("useragentVersion", Kind::Sentence),
        ("osFamily", Kind::Word),
        ("osMajor", Kind::Word),
        ("osMinor", Kind::Word),
        ("osPatch", Kind::Word),
        ("osPatchMinor", Kind::Word),
        ("osVersion", Kind::Sentence),
        ("deviceFamily", Kind::Word),
    ],
    added: &[],
    // The enrichment fills them all.
    gaps: 0.0,
};

const OWN: [Versioned; 4] = [
    Versioned {
        name: "com.acme/cart",
        base: &[
            ("cartId", Kind::Uuid),
            ("total", Kind::Money),
            ("currency", Kind::Choice(&["EUR", "GBP", "USD"])),
            ("itemCount", Kind::Count(40)),
            ("firstItem", Kind::Object(ITEM)),
            ("shipTo", Kind::Object(ADDRESS)),
        ],
        added: &[
            ("isGift", Kind::Flag),
            ("voucher", Kind::Word),
            ("billTo", Kind::Object(ADDRESS)),
            ("createdAt", Kind::Moment),
            ("weightGrams", Kind::Count(90_000)),
            ("note", Kind::Sentence),
            ("skus", Kind::Words),
        ],
        gaps: 0.1,
    },
    Versioned {
        name: "com.acme/customer",
        base: &[
            ("customerId", Kind::Uuid),
            ("tier", Kind::Choice(TIERS)),
            ("orders", Kind::Count(400)),
            ("newsletter", Kind::Flag),
            ("since", Kind::Moment),
        ],
        added: &[
            ("lifetimeValue", Kind::Money),
            ("segments", Kind::Words),
            ("homeAddress", Kind::Object(ADDRESS)),
            ("lastSearch", Kind::Sentence),
            ("loyaltyPoints", Kind::Count(100_000)),
        ],
        gaps: 0.1,
    },
    Versioned {
        name: "com.acme/media_playback",
        base: &[
            ("mediaId", Kind::Uuid),
            ("title", Kind::Sentence),
            ("player", Kind::Choice(PLAYERS)),
            ("positionMs", Kind::Count(7_200_000)),
            ("isLive", Kind::Flag),
        ],
        added: &[
            ("volume", Kind::Count(100)),
            ("muted", Kind::Flag),
            ("playbackRate", Kind::Money),
            ("startedAt", Kind::Moment),
            ("subtitles", Kind::Words),
            ("qualityLevel", Kind::Word),
        ],
        gaps: 0.1,
    },
    Versioned {
        name: "com.acme/content",
        base: &[("contentId", Kind::Word), ("headline", Kind::Sentence), ("author", Kind::Word), ("tags", Kind::Words)],
        added: &[
            ("publishedAt", Kind::Moment),
            ("wordCount", Kind::Count(20_000)),
            ("paywalled", Kind::Flag),
            ("section", Kind::Word),
            ("revision", Kind::Count(90)),
        ],
        gaps: 0.1,
    },
];

/// Draws the entities of events.
pub struct Catalogue {
    ranks: Zipf,
}

impl Default for Catalogue {
    fn default() -> Catalogue {
        // Nine kinds of contexts besides web_page and the entity of the user agent; the link click is an event.
        Catalogue { ranks: Zipf::new(9) }
    }
}

impl Catalogue {
    /// A context other than `web_page`.
    pub fn context(&self, page: usize, millis: i64, random: &mut Random) -> String {
        match self.ranks.draw(random) {
            0 => session(random),
            1 => OWN[0].entity(random),
            2 => OWN[1].entity(random),
            3 => entities::product(page, random),
            4 => OWN[2].entity(random),
            5 => OWN[3].entity(random),
            6 => geolocation(random),
            7 => entities::experiment(random),
            _ => entities::performance(millis, random),
        }
    }
}

/// What an enrichment says about the user agent.
pub fn ua_parser(random: &mut Random) -> String {
    UA_PARSER.entity(random)
}

/// A link click of one of two versions.
pub fn link_click(page: usize, random: &mut Random) -> String {
    older("1-0-1", "1-0-0", entities::link_click(page, random), random)
}

fn geolocation(random: &mut Random) -> String {
    older("1-1-0", "1-0-0", entities::geolocation(random), random)
}

/// A session; the older version has no `firstEventId`.
fn session(random: &mut Random) -> String {
    let newer = entities::session(random);
    let text = older("1-0-1", "1-0-0", newer, random);
    match text.find(r#","firstEventId""#) {
        Some(at) if text.contains("1-0-0") => format!("{}}}}}", &text[..at]),
        _ => text,
    }
}

/// A fifth of the entities come from trackers that were never updated.
fn older(new: &str, old: &str, entity: String, random: &mut Random) -> String {
    if random.chance(0.2) { entity.replacen(new, old, 1) } else { entity }
}

impl Versioned {
    fn entity(&self, random: &mut Random) -> String {
        let version = random.below(self.added.len() as u64 + 1) as usize;
        let mut json = format!(r#"{{"schema":"iglu:{}/jsonschema/1-0-{version}","data":"#, self.name);
        write_object(&[self.base, &self.added[..version]].concat(), self.gaps, random, &mut json);
        json.push('}');
        json
    }

    fn schema(&self, version: usize) -> (String, String, String) {
        let key = format!("{}/jsonschema/1-0-{version}", self.name);
        let properties = [self.base, &self.added[..version]].concat();
        (key, properties_schema(&properties), format!("\"{}\"", self.base[0].0))
    }
}

/// Key, properties and required ones of every schema of these types.
pub fn schemas() -> Vec<(String, String, String)> {
    let types = std::iter::once(&UA_PARSER).chain(&OWN);
    types.flat_map(|versioned| (0..=versioned.added.len()).map(|version| versioned.schema(version))).collect()
}

fn write_object(properties: &[Property], gaps: f64, random: &mut Random, out: &mut String) {
    out.push('{');
    for (index, (name, kind)) in properties.iter().enumerate() {
        let absent = index > 0 && random.chance(gaps);
        let is_null = absent && random.chance(0.5);
        if absent && !is_null {
            continue;
        }
        if index > 0 {
            out.push(',');
        }
        out.push_str(&format!("\"{name}\":"));
        if is_null { out.push_str("null") } else { kind.write(random, out) }
    }
    out.push('}');
}

fn properties_schema(properties: &[Property]) -> String {
    let one = |(index, (name, kind)): (usize, &Property)| format!("\"{name}\":{}", kind.schema(index == 0));
    properties.iter().enumerate().map(one).collect::<Vec<_>>().join(",")
}

impl Kind {
    fn write(self, random: &mut Random, out: &mut String) {
        match self {
            Kind::Word => out.push_str(&format!("\"{}\"", random.pick(&WORDS))),
            Kind::Sentence => {
                let (first, second, third) = (random.pick(&WORDS), random.pick(&SECTIONS), random.pick(&WORDS));
                out.push_str(&format!("\"{first} {second}, {third} {}\"", random.below(1000)));
            }
            Kind::Uuid => {
                out.push('"');
                random.write_uuid(out);
                out.push('"');
            }
            Kind::Count(limit) => out.push_str(&random.below(limit).to_string()),
            Kind::Money => out.push_str(&format!("{}.{:02}", random.below(900), random.below(100))),
            Kind::Flag => out.push_str(if random.chance(0.5) { "true" } else { "false" }),
            Kind::Moment => {
                let (day, hour) = (1 + random.below(28), random.below(24));
                out.push_str(&format!("\"2019-0{}-{day:02}T{hour:02}:15:00Z\"", 1 + random.below(9)));
            }
            Kind::Choice(texts) => out.push_str(&format!("\"{}\"", random.pick(texts))),
            Kind::Words => out.push_str(&format!("[\"{}\",\"{}\"]", random.pick(&WORDS), random.pick(&SECTIONS))),
            Kind::Object(properties) => write_object(properties, 0.1, random, out),
        }
    }

    fn schema(self, required: bool) -> String {
        let of = |kind: &str| if required { format!("\"{kind}\"") } else { format!("[\"{kind}\",\"null\"]") };
        match self {
            Kind::Word => format!(r#"{{"type":{},"maxLength":64}}"#, of("string")),
            Kind::Sentence => format!(r#"{{"type":{},"maxLength":255}}"#, of("string")),
            Kind::Uuid => format!(r#"{{"type":{},"format":"uuid"}}"#, of("string")),
            Kind::Count(limit) => format!(r#"{{"type":{},"minimum":0,"maximum":{limit}}}"#, of("integer")),
            Kind::Money => format!(r#"{{"type":{},"minimum":0,"multipleOf":0.01}}"#, of("number")),
            Kind::Flag => format!(r#"{{"type":{}}}"#, of("boolean")),
            Kind::Moment => format!(r#"{{"type":{},"format":"date-time"}}"#, of("string")),
            Kind::Choice(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
                let null = if required { "" } else { ",null" };
                format!(r#"{{"type":{},"enum":[{}{null}]}}"#, of("string"), texts.join(","))
            }
            Kind::Words => format!(r#"{{"type":{},"items":{{"type":"string"}}}}"#, of("array")),
            Kind::Object(properties) => format!(
                r#"{{"type":{},"properties":{{{}}},"required":["{}"],"additionalProperties":false}}"#,
                of("object"),
                properties_schema(properties),
                properties[0].0
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn twelve_types_in_forty_versions() {
        let catalogue = Catalogue::default();
        let mut random = Random::new(1, 1);
        let mut seen = BTreeSet::new();
        for index in 0..20_000 {
            let drawn = [
                entities::web_page(&mut random),
                link_click(index, &mut random),
                ua_parser(&mut random),
                catalogue.context(index, 0, &mut random),
            ];
            for entity in drawn {
                let json: serde_json::Value = serde_json::from_str(&entity).unwrap();
                seen.insert(json["schema"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(seen.len(), 40, "{seen:#?}");
        let types: BTreeSet<&str> = seen.iter().filter_map(|uri| uri.rsplit_once('/').map(|(name, _)| name)).collect();
        assert_eq!(types.len(), 12);
    }
}
