//! One event as a browser tracker sends it: tracker-protocol parameters.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::entities;
use super::random::Random;
use super::world::{REFERRERS, SECTIONS, User, WORDS, World};

/// What kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A page view with one or two contexts.
    PageView,
    /// A page ping with one or two contexts.
    PagePing,
    /// A link click with three contexts: the "lite" line of the benchmarks.
    LinkClick,
    /// A link click with page performance and a product of twenty fields: the "rich" line.
    Rich,
    /// A structured event.
    Structured,
    /// A transaction.
    Transaction,
    /// A transaction's item.
    TransactionItem,
}

/// Shares of the kinds of events, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Kinds and their shares; the shares add up to 100.
    pub shares: &'static [(EventKind, u64)],
}

impl Mix {
    /// 55 % page views, 20 % page pings, 20 % link clicks, 5 % structured events.
    pub const MIXED: Mix = Mix {
        shares: &[
            (EventKind::PageView, 55),
            (EventKind::PagePing, 20),
            (EventKind::LinkClick, 20),
            (EventKind::Structured, 5),
        ],
    };
    /// Only rich events.
    pub const RICH: Mix = Mix { shares: &[(EventKind::Rich, 100)] };
    /// Everything that a shop sends, transactions included.
    pub const SHOP: Mix = Mix {
        shares: &[
            (EventKind::PageView, 50),
            (EventKind::PagePing, 20),
            (EventKind::LinkClick, 15),
            (EventKind::Structured, 8),
            (EventKind::Transaction, 2),
            (EventKind::TransactionItem, 4),
            (EventKind::Rich, 1),
        ],
    };

    fn draw(&self, random: &mut Random) -> EventKind {
        let mut wanted = random.below(100);
        for (kind, share) in self.shares {
            if wanted < *share {
                return *kind;
            }
            wanted -= share;
        }
        EventKind::PageView
    }
}

/// Tracker-protocol parameters in the order they are sent, values not yet encoded.
pub type Params = Vec<(&'static str, String)>;

/// One event with its surroundings.
#[derive(Clone, Debug)]
pub struct Event {
    /// What kind.
    pub kind: EventKind,
    /// Who: index into the world's users.
    pub user: usize,
    /// The page it happened on.
    pub page_url: String,
    /// What the tracker sends.
    pub params: Params,
}

/// Makes the next event.
pub fn next_event(world: &World, mix: &Mix, millis: i64, random: &mut Random) -> Event {
    let kind = mix.draw(random);
    let user_index = world.user_ranks.draw(random);
    let user = &world.users[user_index];
    let page = world.page_ranks.draw(random);
    let page_url = page_url(page, random);
    let mut params = Params::with_capacity(40);
    params.push(("e", event_code(kind).to_owned()));
    params.push(("url", page_url.clone()));
    common(user, page, millis, random, &mut params);
    specific(kind, page, millis, random, &mut params);
    Event { kind, user: user_index, page_url, params }
}

fn event_code(kind: EventKind) -> &'static str {
    match kind {
        EventKind::PageView => "pv",
        EventKind::PagePing => "pp",
        EventKind::LinkClick | EventKind::Rich => "ue",
        EventKind::Structured => "se",
        EventKind::Transaction => "tr",
        EventKind::TransactionItem => "ti",
    }
}

fn page_url(page: usize, random: &mut Random) -> String {
    let section = SECTIONS[page % SECTIONS.len()];
    let mut url = format!("https://www.shop.example.com/{section}/{}-{}.html", page, WORDS[page % WORDS.len()]);
    if random.chance(0.12) {
        let source = ["google", "newsletter", "facebook"][random.below(3) as usize];
        let medium = ["cpc", "email", "social"][random.below(3) as usize];
        url.push_str(&format!("?utm_source={source}&utm_medium={medium}&utm_campaign=spring-{}", random.below(20)));
        if source == "google" {
            url.push_str(&format!("&gclid=Cj0{:016x}", random.next()));
        }
    }
    url
}

fn common(user: &User, page: usize, millis: i64, random: &mut Random, params: &mut Params) {
    let title = format!("{} {} - The Example Shop", WORDS[page % WORDS.len()], SECTIONS[page % SECTIONS.len()]);
    let created = millis - 40 - random.below(900) as i64;
    let (width, height) = user.screen;
    params.push(("page", title));
    if random.chance(0.35) {
        let referrer = *random.pick(&REFERRERS);
        params.push(("refr", format!("{referrer}{}+{}", random.pick(&WORDS), random.pick(&WORDS))));
    }
    params.push(("eid", random.uuid()));
    params.push(("tv", "js-2.18.2".into()));
    params.push(("tna", "shop".into()));
    params.push(("aid", "example-shop".into()));
    params.push(("p", "web".into()));
    params.push(("tz", user.timezone.into()));
    params.push(("lang", user.language.into()));
    params.push(("cs", "UTF-8".into()));
    params.push(("res", format!("{width}x{height}")));
    params.push(("vp", format!("{width}x{}", height - 120)));
    params.push(("ds", format!("{width}x{}", height + random.below(4000) as u32)));
    params.push(("cd", "24".into()));
    params.push(("cookie", "1".into()));
    params.push(("dtm", created.to_string()));
    params.push(("stm", (created + 15).to_string()));
    params.push(("vid", user.visits.to_string()));
    params.push(("sid", session_id(user, millis)));
    params.push(("duid", user.domain_userid.clone()));
    if let Some(user_id) = &user.user_id {
        params.push(("uid", user_id.clone()));
    }
}

/// One session per user and half hour.
pub(super) fn session_id(user: &User, millis: i64) -> String {
    let name = format!("{}-{}", user.domain_userid, millis / 1_800_000);
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

fn specific(kind: EventKind, page: usize, millis: i64, random: &mut Random, params: &mut Params) {
    let base64 = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let mut items = vec![entities::web_page(random)];
    match kind {
        EventKind::PageView => {
            if random.chance(0.5) {
                items.push(entities::session(random));
            }
        }
        EventKind::PagePing => {
            params.push(("pp_mix", "0".into()));
            params.push(("pp_max", random.below(400).to_string()));
            params.push(("pp_miy", random.below(900).to_string()));
            params.push(("pp_may", (900 + random.below(4000)).to_string()));
        }
        EventKind::LinkClick => {
            params.push(("ue_px", base64(&entities::unstruct(&entities::link_click(page, random)))));
            items.push(entities::geolocation(random));
            items.push(entities::experiment(random));
        }
        EventKind::Rich => {
            params.push(("ue_px", base64(&entities::unstruct(&entities::link_click(page, random)))));
            items.push(entities::performance(millis, random));
            items.push(entities::product(page, random));
        }
        EventKind::Structured => {
            params.push(("se_ca", "shop".into()));
            params.push(("se_ac", ["add-to-basket", "play", "search"][random.below(3) as usize].into()));
            params.push(("se_la", format!("label {}", random.below(50))));
            params.push(("se_va", format!("{}.{:02}", random.below(90), random.below(100))));
            items.clear();
        }
        EventKind::Transaction => {
            params.push(("tr_id", format!("order-{}", random.below(1_000_000))));
            params.push(("tr_tt", format!("{}.{:02}", 10 + random.below(400), random.below(100))));
            params.push(("tr_tx", "7.60".into()));
            params.push(("tr_sh", "4.90".into()));
            params.push(("tr_ci", "Göttingen".into()));
            params.push(("tr_co", "Germany".into()));
            params.push(("tr_cu", "EUR".into()));
            items.clear();
        }
        EventKind::TransactionItem => {
            params.push(("ti_id", format!("order-{}", random.below(1_000_000))));
            params.push(("ti_sk", format!("pbz{:04}", page)));
            params.push(("ti_na", format!("{} deck", random.pick(&WORDS))));
            params.push(("ti_pr", format!("{}.{:02}", 5 + random.below(90), random.below(100))));
            params.push(("ti_qu", (1 + random.below(4)).to_string()));
            params.push(("ti_cu", "EUR".into()));
            items.clear();
        }
    }
    if !items.is_empty() {
        params.push(("cx", base64(&entities::contexts(&items))));
    }
}
