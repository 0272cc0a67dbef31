//! Enriched events without the detour over logs: lines of TSV for the shredder, duplicates among them.

use super::catalogue::{self, Catalogue};
use super::entities;
use super::event::{EventKind, Params, next_event};
use super::plan::Plan;
use super::random::Random;
use super::world::World;
use crate::event::time::column_timestamp;
use crate::event::{COLUMN_COUNT, Column};

/// Events that later ones may repeat.
const REMEMBERED: usize = 512;
/// How long after the first request the batch was enriched, milliseconds.
const ENRICHED_AFTER: i64 = 7_200_000;

type Columns = Vec<String>;

/// A stream of enriched events.
#[derive(Default)]
pub struct EnrichedEvents {
    catalogue: Catalogue,
    remembered: Vec<Columns>,
    /// Copies of earlier events written so far.
    pub natural: u64,
    /// Events under an earlier event's id written so far.
    pub synthetic: u64,
}

impl EnrichedEvents {
    /// Appends the next event's line.
    pub fn next(&mut self, plan: &Plan, world: &World, millis: i64, random: &mut Random, out: &mut Vec<u8>) {
        let copied = if self.remembered.is_empty() { 1.0 } else { random.unit() };
        if copied < plan.natural_share {
            self.natural += 1;
            let mut columns = random.pick(&self.remembered).clone();
            columns[Column::collector_tstamp as usize] = column_timestamp(millis);
            return write_line(&columns, out);
        }
        let mut columns = self.event(plan, world, millis, random);
        if copied < plan.natural_share + plan.synthetic_share {
            self.synthetic += 1;
            let column = Column::event_id as usize;
            columns[column].clone_from(&random.pick(&self.remembered)[column]);
        }
        write_line(&columns, out);
        if self.remembered.len() < REMEMBERED {
            self.remembered.push(columns);
        } else if random.chance(0.01) {
            let replaced = random.below(REMEMBERED as u64) as usize;
            self.remembered[replaced] = columns;
        }
    }

    fn event(&self, plan: &Plan, world: &World, millis: i64, random: &mut Random) -> Columns {
        let event = next_event(world, &plan.mix, millis, random);
        let user = &world.users[event.user];
        let mut columns = Builder(vec![String::new(); COLUMN_COUNT]);
        columns.params(&event.params);
        columns.set(Column::event, event_name(event.kind).0);
        columns.set(Column::etl_tstamp, &column_timestamp(plan.start + ENRICHED_AFTER));
        columns.set(Column::collector_tstamp, &column_timestamp(millis));
        columns.set(Column::derived_tstamp, &column_timestamp(millis - 20));
        columns.set(Column::v_collector, "ssc-2.10.0-kinesis");
        columns.set(Column::v_etl, "snowplow-enrich-kinesis-3.9.0");
        columns.set(Column::user_ipaddress, &user.ip);
        columns.set(Column::network_userid, &user.network_userid);
        columns.set(Column::useragent, &world.agents[user.agent]);
        columns.place(event.user);
        columns.page(&event.page_url);
        columns.set(Column::event_vendor, "com.snowplowanalytics.snowplow");
        columns.set(Column::event_name, event_name(event.kind).1);
        columns.set(Column::event_format, "jsonschema");
        columns.set(Column::event_version, "1-0-0");
        columns.set(Column::event_fingerprint, &format!("{:016x}{:016x}", random.next(), random.next()));
        let page = world.page_ranks.draw(random);
        let mut contexts = vec![entities::web_page(random)];
        if event.kind == EventKind::LinkClick {
            columns.set(Column::unstruct_event, &entities::unstruct(&catalogue::link_click(page, random)));
        } else {
            contexts.push(self.catalogue.context(page, millis, random));
        }
        contexts.push(self.catalogue.context(page, millis, random));
        columns.set(Column::contexts, &entities::contexts(&contexts));
        columns.set(Column::derived_contexts, &entities::contexts(&[catalogue::ua_parser(random)]));
        columns.0
    }
}

fn event_name(kind: EventKind) -> (&'static str, &'static str) {
    match kind {
        EventKind::PageView => ("page_view", "page_view"),
        EventKind::PagePing => ("page_ping", "page_ping"),
        EventKind::LinkClick | EventKind::Rich => ("unstruct", "link_click"),
        EventKind::Structured => ("struct", "event"),
        EventKind::Transaction => ("transaction", "transaction"),
        EventKind::TransactionItem => ("transaction_item", "transaction_item"),
    }
}

fn write_line(columns: &[String], out: &mut Vec<u8>) {
    out.extend_from_slice(columns.join("\t").as_bytes());
    out.push(b'\n');
}

struct Builder(Columns);

impl Builder {
    fn set(&mut self, column: Column, text: &str) {
        text.clone_into(&mut self.0[column as usize]);
    }

    /// What the tracker sent, its self-describing JSON left aside.
    fn params(&mut self, params: &Params) {
        const SAME_TEXT: [(&str, Column); 21] = [
            ("page", Column::page_title),
            ("eid", Column::event_id),
            ("tv", Column::v_tracker),
            ("tna", Column::name_tracker),
            ("aid", Column::app_id),
            ("p", Column::platform),
            ("tz", Column::os_timezone),
            ("lang", Column::br_lang),
            ("cs", Column::doc_charset),
            ("cd", Column::br_colordepth),
            ("cookie", Column::br_cookies),
            ("vid", Column::domain_sessionidx),
            ("sid", Column::domain_sessionid),
            ("duid", Column::domain_userid),
            ("uid", Column::user_id),
            ("pp_mix", Column::pp_xoffset_min),
            ("pp_max", Column::pp_xoffset_max),
            ("pp_miy", Column::pp_yoffset_min),
            ("pp_may", Column::pp_yoffset_max),
            ("se_ca", Column::se_category),
            ("se_ac", Column::se_action),
        ];
        const SIZES: [(&str, Column, Column); 3] = [
            ("res", Column::dvce_screenwidth, Column::dvce_screenheight),
            ("vp", Column::br_viewwidth, Column::br_viewheight),
            ("ds", Column::doc_width, Column::doc_height),
        ];
        const MOMENTS: [(&str, Column); 2] = [("dtm", Column::dvce_created_tstamp), ("stm", Column::dvce_sent_tstamp)];
        for (name, value) in params {
            if let Some((_, column)) = SAME_TEXT.iter().find(|(known, _)| known == name) {
                self.set(*column, value);
            } else if let Some((_, width, height)) = SIZES.iter().find(|(known, _, _)| known == name) {
                let (wide, high) = value.split_once('x').unwrap_or_default();
                self.set(*width, wide);
                self.set(*height, high);
            } else if let Some((_, column)) = MOMENTS.iter().find(|(known, _)| known == name) {
                self.set(*column, &column_timestamp(value.parse().unwrap_or_default()));
            } else if *name == "refr" {
                self.referrer(value);
            }
        }
    }

    fn page(&mut self, url: &str) {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        self.set(Column::page_url, url);
        self.set(Column::page_urlscheme, "https");
        self.set(Column::page_urlhost, "www.shop.example.com");
        self.set(Column::page_urlport, "443");
        self.set(Column::page_urlpath, base.trim_start_matches("https://www.shop.example.com"));
        self.set(Column::page_urlquery, query);
    }

    fn referrer(&mut self, url: &str) {
        let rest = url.trim_start_matches("https://");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        self.set(Column::page_referrer, url);
        self.set(Column::refr_urlscheme, "https");
        self.set(Column::refr_urlhost, host);
        self.set(Column::refr_urlport, "443");
        self.set(Column::refr_urlpath, &format!("/{}", path.split('?').next().unwrap_or_default()));
        self.set(Column::refr_medium, "search");
    }

    /// One of many places; the same for the same user.
    fn place(&mut self, user: usize) {
        const PLACES: [(&str, &str, &str, &str, &str); 4] = [
            ("DE", "NI", "Göttingen", "Lower Saxony", "Europe/Berlin"),
            ("GB", "ENG", "York", "England", "Europe/London"),
            ("US", "OR", "Portland", "Oregon", "America/Los_Angeles"),
            ("FR", "BRE", "Rennes", "Brittany", "Europe/Paris"),
        ];
        let (country, region, city, region_name, timezone) = PLACES[user % PLACES.len()];
        self.set(Column::geo_country, country);
        self.set(Column::geo_region, region);
        self.set(Column::geo_city, city);
        self.set(Column::geo_region_name, region_name);
        self.set(Column::geo_timezone, timezone);
        self.set(Column::geo_zipcode, &format!("{:05}", user % 99_999));
        self.set(Column::geo_latitude, &format!("{}.{:04}", 30 + user % 40, user % 9_973));
        self.set(Column::geo_longitude, &format!("{}.{:04}", user % 120, user % 9_941));
    }
}
