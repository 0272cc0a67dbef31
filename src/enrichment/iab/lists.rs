//! The three files of the IAB/ABC list, as a client of them reads them.
//!
//! Facts: snowplow/iab-spiders-and-robots-java-client 0.2.0, `lib/internal/*.java`. Files are ISO-8859-1. A block of
//! addresses that is none is refused at the start, not for every event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::event::time::{Civil, days_in_month};

/// Addresses of robots: sorted, disjoint ranges.
#[derive(Debug, Default)]
pub(super) struct AddressList {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl AddressList {
    /// One address or block a line; there are no comments.
    pub fn parse(bytes: &[u8]) -> Result<AddressList, String> {
        let mut list = AddressList::default();
        for (index, line) in latin1(bytes).lines().enumerate() {
            let line = line.trim();
            match line.split_once('/') {
                Some((address, length)) => {
                    let block = list.add_block(address, length);
                    block.ok_or_else(|| format!("line {}: {line} is no block of addresses", index + 1))?;
                }
                None => list.add_address(line),
            }
        }
        list.v4 = merged(list.v4, |end| end.checked_add(1));
        list.v6 = merged(list.v6, |end| end.checked_add(1));
        Ok(list)
    }

    /// Plain lines are compared as texts: IPv6 must be written with all eight groups, in lower case.
    fn add_address(&mut self, line: &str) {
        if let Ok(v4) = line.parse::<Ipv4Addr>() {
            let number = u32::from(v4);
            self.v4.push((number, number));
        } else if let Ok(v6) = line.parse::<Ipv6Addr>()
            && v6.segments().map(|group| format!("{group:x}")).join(":") == line
        {
            let number = u128::from(v6);
            self.v6.push((number, number));
        }
    }

    /// Bits behind the prefix do not matter.
    fn add_block(&mut self, address: &str, length: &str) -> Option<()> {
        let length: u32 = length.trim().parse().ok()?;
        match address.trim().parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(length).unwrap_or(0);
                let start = u32::from(v4) & !host;
                self.v4.push((start, start | host));
                (length <= 32).then_some(())
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(length).unwrap_or(0);
                let start = u128::from(v6) & !host;
                self.v6.push((start, start | host));
                (length <= 128).then_some(())
            }
        }
    }

    /// Whether an address is on the list. Families never mix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => in_ranges(&self.v4, u32::from(v4)),
            IpAddr::V6(v6) => in_ranges(&self.v6, u128::from(v6)),
        }
    }
}

fn merged<N: Ord + Copy>(mut ranges: Vec<(N, N)>, after: impl Fn(N) -> Option<N>) -> Vec<(N, N)> {
    ranges.sort_unstable();
    let mut out: Vec<(N, N)> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match out.last_mut() {
            Some(last) if after(last.1).is_none_or(|next| start <= next) => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

fn in_ranges<N: Ord + Copy>(ranges: &[(N, N)], number: N) -> bool {
    let at = ranges.partition_point(|(start, _)| *start <= number);
    at > 0 && number <= ranges[at - 1].1
}

/// A text to look for in user agents in lower case.
#[derive(Debug)]
struct Pattern {
    finder: memchr::memmem::Finder<'static>,
    at_start: bool,
    active: bool,
    /// Midnight, UTC, in milliseconds.
    inactive_from: Option<i64>,
}

impl Pattern {
    fn new(text: &str, active: &str, at_start: &str, inactive_from: &str) -> Pattern {
        Pattern {
            finder: memchr::memmem::Finder::new(&text.to_lowercase()).into_owned(),
            at_start: at_start == "1",
            active: active == "1",
            inactive_from: parse_date(inactive_from),
        }
    }

    fn matches(&self, user_agent: &[u8]) -> bool {
        if self.at_start {
            user_agent.starts_with(self.finder.needle())
        } else {
            self.finder.find(user_agent).is_some()
        }
    }
}

/// Until when a user agent counts as a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Included {
    Never,
    /// Before this time.
    Until(i64),
    Always,
}

/// User agents of browsers: `pattern|active|startOfString|inactiveDate`.
#[derive(Debug)]
pub(super) struct IncludeList(Vec<Pattern>);

impl IncludeList {
    pub fn parse(bytes: &[u8]) -> Result<IncludeList, String> {
        let pattern =
            |fields: &[String]| Pattern::new(field(fields, 0), field(fields, 1), field(fields, 2), field(fields, 3));
        Ok(IncludeList(records(bytes)?.iter().map(|fields| pattern(fields)).collect()))
    }

    /// What the list says of a user agent in lower case.
    pub fn find(&self, user_agent: &[u8]) -> Included {
        let mut included = Included::Never;
        for pattern in &self.0 {
            if !pattern.active && pattern.inactive_from.is_none() || !pattern.matches(user_agent) {
                continue;
            }
            match (pattern.active, pattern.inactive_from, included) {
                (true, _, _) => return Included::Always,
                (_, Some(until), Included::Until(longest)) => included = Included::Until(until.max(longest)),
                (_, Some(until), _) => included = Included::Until(until),
                _ => {}
            }
        }
        included
    }
}

/// A robot's user agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excluded {
    /// 0, 1 or 2, or something that the list must not hold.
    pub impact: String,
    pub inactive_from: Option<i64>,
}

#[derive(Debug)]
struct Robot {
    pattern: Pattern,
    exceptions: Vec<memchr::memmem::Finder<'static>>,
    impact: String,
}

/// User agents of robots: `pattern|active|exceptions|additional flag|impact|startOfString|inactiveDate`.
#[derive(Debug)]
pub(super) struct ExcludeList(Vec<Robot>);

impl ExcludeList {
    pub fn parse(bytes: &[u8]) -> Result<ExcludeList, String> {
        let robot = |fields: &[String]| {
            let exceptions = field(fields, 2).to_lowercase();
            Robot {
                pattern: Pattern::new(field(fields, 0), field(fields, 1), field(fields, 5), field(fields, 6)),
                exceptions: exceptions
                    .split(',')
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
                    .map(|text| memchr::memmem::Finder::new(text).into_owned())
                    .collect(),
                impact: field(fields, 4).to_owned(),
            }
        };
        Ok(ExcludeList(records(bytes)?.iter().map(|fields| robot(fields)).collect()))
    }

    /// The first line that fits a user agent in lower case.
    pub fn find(&self, user_agent: &[u8]) -> Option<Excluded> {
        let fits = |robot: &&Robot| {
            (robot.pattern.active || robot.pattern.inactive_from.is_some())
                && robot.pattern.matches(user_agent)
                && !robot.exceptions.iter().any(|exception| exception.find(user_agent).is_some())
        };
        let robot = self.0.iter().find(fits)?;
        Some(Excluded { impact: robot.impact.clone(), inactive_from: robot.pattern.inactive_from })
    }
}

fn field(fields: &[String], at: usize) -> &str {
    fields.get(at).map_or("", String::as_str)
}

/// Lines of fields between `|`, with `"` as quotes and `#` before comments.
fn records(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let text = latin1(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'|')
        .comment(Some(b'#'))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        lines.push(record.iter().map(|field| field.trim().to_owned()).collect());
    }
    Ok(lines)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// `MM/dd/yyyy` as milliseconds; other texts are no date.
fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '/');
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (month, day, year) = (number()?, number()?, i64::from(number()?));
    let in_range = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0, millis: 0 };
    in_range.then(|| civil.to_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_and_blocks() {
        let list = AddressList::parse(
            b"215.151.101.210\n\n 217.152.89.225/27 \n12.0.0.0/8\n12.1.0.0/16\n2001:db8::/32\n2001:DB9::1\n2001:dba::1\n2001:dbb:0:0:0:0:0:1\n# no comment\n0.0.0.0/32\n",
        )
        .unwrap();
        for (address, expected) in [
            ("215.151.101.210", true),
            ("215.151.101.211", false),
            ("217.152.89.224", true),
            ("217.152.89.255", true),
            ("217.152.90.0", false),
            ("12.255.255.255", true),
            ("13.0.0.0", false),
            ("2001:db8:ffff::", true),
            ("2001:db9::1", false),
            ("2001:dba::1", false),
            ("2001:dbb::1", true),
            ("0.0.0.0", true),
            ("0.0.0.1", false),
            ("::", false),
        ] {
            assert_eq!(list.contains(address.parse().unwrap()), expected, "{address}");
        }
        assert_eq!(AddressList::parse(b"1.2.3.4\n1.2.3/33").unwrap_err(), "line 2: 1.2.3/33 is no block of addresses");
        assert!(AddressList::parse(b"1.2.3.4/33").is_err());
        assert!(AddressList::parse(b"0.0.0.0/0\n::/0").unwrap().contains("::1".parse().unwrap()));
    }

    #[test]
    fn lists_of_user_agents() {
        let include = IncludeList::parse(
            b"# comment\n\"Quoted|Bar\"|1\nOld|0|0|03/30/2017\n Older |0|0|01/01/2016\nOff|0|0|\nStart|1|1\n",
        )
        .unwrap();
        assert_eq!(include.find(b"a quoted|bar"), Included::Always);
        assert_eq!(include.find(b"older"), Included::Until(1_490_832_000_000), "the longest of all that match");
        assert_eq!(include.find(b"off"), Included::Never);
        assert_eq!(include.find(b"not at start"), Included::Never);
        let exclude =
            ExcludeList::parse(b"Bot|1|Good, BETTER|0|2|0\nGone|0||0|7|0|12/20/2011\nNever|0||0|1|0|soon\n").unwrap();
        assert_eq!(exclude.find(b"x bot"), Some(Excluded { impact: "2".into(), inactive_from: None }));
        assert_eq!(exclude.find(b"better bot"), None);
        assert_eq!(exclude.find(b"gone").unwrap().inactive_from, Some(1_324_339_200_000));
        assert_eq!(exclude.find(b"never"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = AddressList::parse(&bytes);
            let _ = IncludeList::parse(&bytes).map(|list| list.find(b"x"));
            let _ = ExcludeList::parse(&bytes).map(|list| list.find(b"x"));
        }

        #[test]
        fn merging_keeps_what_is_covered(blocks in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..20), probe in any::<u8>()) {
            let ranges: Vec<(u8, u8)> = blocks.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
            let covered = ranges.iter().any(|(start, end)| (*start..=*end).contains(&probe));
            prop_assert_eq!(in_ranges(&merged(ranges, |end: u8| end.checked_add(1)), probe), covered);
        }
    }
}
