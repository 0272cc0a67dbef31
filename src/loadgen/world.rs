//! The people, devices and pages that the generated traffic comes from.

use super::random::{Random, Zipf};

/// One visitor.
#[derive(Clone, Debug)]
pub struct User {
    /// First-party cookie.
    pub domain_userid: String,
    /// Third-party cookie.
    pub network_userid: String,
    /// A login, for some.
    pub user_id: Option<String>,
    /// Rank of the user agent.
    pub agent: usize,
    /// Client address.
    pub ip: String,
    /// `en-GB` and the like.
    pub language: &'static str,
    /// Olson time zone.
    pub timezone: &'static str,
    /// Screen, width × height.
    pub screen: (u32, u32),
    /// Visits so far.
    pub visits: u32,
}

/// Everything that events are drawn from.
pub struct World {
    /// Users, most active first.
    pub users: Vec<User>,
    /// User agents, most frequent first.
    pub agents: Vec<String>,
    /// Distribution over users.
    pub user_ranks: Zipf,
    /// Distribution over pages.
    pub page_ranks: Zipf,
}

const LANGUAGES: [&str; 10] =
    ["en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "pt-BR", "ja-JP", "zh-CN", "it-IT", "pl-PL"];
const TIMEZONES: [&str; 10] = [
    "America/New_York",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Madrid",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Europe/Rome",
    "Europe/Warsaw",
];
const SCREENS: [(u32, u32); 8] =
    [(1920, 1080), (1366, 768), (1440, 900), (2560, 1440), (390, 844), (414, 896), (360, 800), (768, 1024)];

/// Sections of the imaginary shop.
pub const SECTIONS: [&str; 12] = [
    "tarot-decks",
    "oracles",
    "pendants",
    "books",
    "incense",
    "crystals",
    "journals",
    "candles",
    "gifts",
    "offers",
    "new-in",
    "magazine",
];
/// Search words.
pub const WORDS: [&str; 16] = [
    "native", "american", "tarot", "deck", "rider", "waite", "moon", "oracle", "cards", "gilded", "pocket", "celtic",
    "dreams", "golden", "crystal", "angel",
];
/// Referring hosts: search engines, networks, mail, and others.
pub const REFERRERS: [&str; 10] = [
    "https://www.google.com/search?q=",
    "https://www.google.de/search?q=",
    "https://www.bing.com/search?q=",
    "https://duckduckgo.com/?q=",
    "https://search.yahoo.com/search?p=",
    "https://www.facebook.com/l.php?u=",
    "https://t.co/",
    "https://www.reddit.com/r/tarot/comments/",
    "https://mail.google.com/mail/u/0/#inbox/",
    "https://blog.example.org/posts/",
];

impl World {
    /// Makes a world of so many users and user agents.
    pub fn new(seed: u64, users: usize, agents: usize) -> World {
        let mut random = Random::new(seed, 1);
        let agent_list = user_agents(&mut random, agents);
        let agent_ranks = Zipf::new(agent_list.len());
        let user_list = (0..users.max(1)).map(|_| user(&mut random, &agent_ranks)).collect();
        World { users: user_list, agents: agent_list, user_ranks: Zipf::new(users), page_ranks: Zipf::new(2000) }
    }
}

fn user(random: &mut Random, agents: &Zipf) -> User {
    let place = random.below(LANGUAGES.len() as u64) as usize;
    let user_id = random.chance(0.15).then(|| format!("customer-{}", 100_000 + random.below(900_000)));
    User {
        domain_userid: format!("{:016x}", random.next()),
        network_userid: random.uuid(),
        user_id,
        agent: agents.draw(random),
        ip: ipv4(random),
        language: LANGUAGES[place],
        timezone: TIMEZONES[place],
        screen: *random.pick(&SCREENS),
        visits: 1 + random.below(40) as u32,
    }
}

fn ipv4(random: &mut Random) -> String {
    let bits = random.next();
    format!(
        "{}.{}.{}.{}",
        1 + (bits & 0xFF) % 222,
        (bits >> 8) & 0xFF,
        (bits >> 16) & 0xFF,
        1 + ((bits >> 24) & 0xFF) % 254
    )
}

/// An IPv6 address in its compressed form.
pub fn ipv6(random: &mut Random) -> String {
    let bits = random.next();
    format!("2001:db8:{:x}:{:x}::{:x}", bits & 0xFFFF, (bits >> 16) & 0xFFFF, (bits >> 32) & 0xFFFF)
}

const ANDROID_MODELS: [&str; 12] = [
    "SM-G991B",
    "SM-A515F",
    "Pixel 6",
    "Pixel 7a",
    "M2101K6G",
    "CPH2211",
    "moto g(60)",
    "LM-K420",
    "SM-T510",
    "VOG-L29",
    "Redmi Note 9",
    "Nokia 5.3",
];
const WINDOWS: [&str; 4] =
    ["Windows NT 10.0; Win64; x64", "Windows NT 6.1; Win64; x64", "Windows NT 6.3; WOW64", "Windows NT 10.0"];
const MACS: [&str; 5] = ["10_15_7", "10_14_6", "11_6_2", "12_5_1", "10_13_6"];

/// Distinct user agents in the forms that browsers, applications and robots send.
fn user_agents(random: &mut Random, count: usize) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut agents = Vec::with_capacity(count);
    while agents.len() < count {
        let agent = user_agent(random);
        if seen.insert(agent.clone()) {
            agents.push(agent);
        }
    }
    agents
}

/// One user agent.
pub fn user_agent(random: &mut Random) -> String {
    let chrome = format!("{}.0.{}.{}", 60 + random.below(60), 3000 + random.below(2500), random.below(200));
    let (ios_major, ios_minor) = (11 + random.below(7), random.below(7));
    match random.below(100) {
        0..30 => format!(
            "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome} Safari/537.36",
            random.pick(&WINDOWS)
        ),
        30..40 => format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome} Safari/537.36",
            random.pick(&MACS)
        ),
        40..58 => format!(
            "Mozilla/5.0 (Linux; Android {}; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome} Mobile Safari/537.36",
            7 + random.below(7),
            random.pick(&ANDROID_MODELS)
        ),
        58..74 => format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS {ios_major}_{ios_minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{ios_major}.{} Mobile/15E{} Safari/604.1",
            random.below(6),
            100 + random.below(300)
        ),
        74..79 => format!(
            "Mozilla/5.0 (iPad; CPU OS {ios_major}_{ios_minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{ios_major}.1 Mobile/15E148 Safari/604.1"
        ),
        79..87 => {
            let version = 52 + random.below(70);
            format!(
                "Mozilla/5.0 ({}; rv:{version}.0) Gecko/20100101 Firefox/{version}.{}",
                random.pick(&WINDOWS),
                random.below(4)
            )
        }
        87..92 => format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome} Safari/537.36 Edg/{chrome}"
        ),
        92..95 => format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X {}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{}.{}.{} Safari/605.1.15",
            random.pick(&MACS),
            11 + random.below(6),
            random.below(4),
            random.below(4)
        ),
        95..97 => format!(
            "Mozilla/5.0 (compatible; MSIE {}.0; Windows NT 6.{}; WOW64; Trident/{}.0; SLCC2; .NET CLR 2.0.{})",
            8 + random.below(3),
            random.below(3),
            4 + random.below(3),
            50_000 + random.below(999)
        ),
        97..98 => format!("Mozilla/5.0 (compatible; Googlebot/2.{}; +http://www.google.com/bot.html)", random.below(9)),
        98..99 => format!("okhttp/{}.{}.{}", 2 + random.below(3), random.below(13), random.below(9)),
        _ => format!("python-requests/2.{}.{}", random.below(32), random.below(5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_many_and_distinct() {
        let world = World::new(1, 50, 4000);
        let distinct: std::collections::HashSet<_> = world.agents.iter().collect();
        assert_eq!(distinct.len(), 4000);
        assert_eq!(World::new(1, 50, 4000).users[7].domain_userid, world.users[7].domain_userid);
    }
}
