//! IPv6 addresses between brackets, as `java.net.URI` reads them.

use super::strict::{HEX, Outcome, Parser, fail, fail_expecting};

/// The IPv6 address between the brackets.
pub(super) struct Ipv6<'p, 'a> {
    parser: &'p Parser<'a>,
    /// Bytes of the address found so far.
    bytes: u32,
}

impl<'p, 'a> Ipv6<'p, 'a> {
    pub(super) fn new(parser: &'p Parser<'a>) -> Self {
        Ipv6 { parser, bytes: 0 }
    }

    pub(super) fn address(&mut self, start: usize, end: usize) -> Outcome<()> {
        let mut at = start;
        let mut elided = false;
        let groups_end = self.groups(at, end)?;
        if let Some(groups_end) = groups_end {
            at = groups_end;
        }
        if self.is_double_colon(at, end) {
            elided = true;
            at = self.after_elision(at + 2, end)?;
        } else if groups_end.is_some() && self.parser.at(at, end, b':') {
            at = self.embedded_ipv4(at + 1, end, "IPv4 address")?;
        }
        if at < end {
            return fail("Malformed IPv6 address", start);
        }
        match self.bytes {
            17.. => fail("IPv6 address too long", start),
            0..=15 if !elided => fail("IPv6 address too short", start),
            16 if elided => fail("Malformed IPv6 address", start),
            _ => Ok(()),
        }
    }

    fn is_double_colon(&self, at: usize, end: usize) -> bool {
        self.parser.at(at, end, b':') && self.parser.at(at + 1, end, b':')
    }

    fn after_elision(&mut self, start: usize, end: usize) -> Outcome<usize> {
        if start == end {
            return Ok(start);
        }
        let expected = "hex digits or IPv4 address";
        match self.groups(start, end)? {
            Some(at) if self.parser.at(at, end, b':') => self.embedded_ipv4(at + 1, end, expected),
            Some(at) => Ok(at),
            None => self.embedded_ipv4(start, end, expected),
        }
    }

    fn embedded_ipv4(&mut self, start: usize, end: usize, expected: &str) -> Outcome<usize> {
        match self.parser.ipv4(start, end, true) {
            Some(at) => {
                self.bytes += 4;
                Ok(at)
            }
            None => fail_expecting(expected, start),
        }
    }

    /// Groups of up to four hexadecimal digits with single colons between; `None` if there is not even one. Stops
    /// before `::` and before the colon in front of an IPv4 address.
    fn groups(&mut self, start: usize, end: usize) -> Outcome<Option<usize>> {
        let mut at = start;
        loop {
            let group_end = self.parser.run(at, end, HEX);
            let is_first = at == start;
            if group_end == at {
                return if is_first { Ok(None) } else { fail_expecting("digits for an IPv6 address", at) };
            }
            if self.parser.at(group_end, end, b'.') {
                return Ok(if is_first { None } else { Some(at - 1) });
            }
            if group_end > at + 4 {
                return fail("IPv6 hexadecimal digit sequence too long", at);
            }
            self.bytes += 2;
            if !self.parser.at(group_end, end, b':') || self.parser.at(group_end + 1, end, b':') {
                return Ok(Some(group_end));
            }
            at = group_end + 1;
        }
    }
}
