//! Addresses as the reference's libraries read them: with ports, brackets, and in the forms of `inet_aton`.
//!
//! Facts: seancfoley/IPAddress 5.3.1 `HostName`, as called by snowplow/scala-maxmind-iplookups 0.7.1. Host names are
//! never resolved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that a text stands for.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(v4) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(v4));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let port_fits = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return inside.parse::<Ipv6Addr>().ok().filter(|_| port_fits).map(unmapped);
    }
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Some(unmapped(v6));
    }
    let host = match text.split_once(':') {
        Some((host, port)) => is_port(port).then_some(host)?,
        None => text,
    };
    inet_aton(host).map(IpAddr::V4)
}

/// IPv4 addresses written as IPv6 are IPv4 addresses.
fn unmapped(v6: Ipv6Addr) -> IpAddr {
    v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// One to four numbers, decimal, octal or hexadecimal; the last one fills the bytes that are left.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let mut address: u32 = 0;
    let mut count = 0;
    let mut parts = text.split('.').peekable();
    while let Some(part) = parts.next() {
        count += 1;
        let number = inet_number(part)?;
        if parts.peek().is_some() {
            if count == 4 || number > 255 {
                return None;
            }
            address |= number << (32 - 8 * count);
        } else {
            let bits = 32 - 8 * (count - 1);
            if bits < 32 && number >> bits != 0 {
                return None;
            }
            address |= number;
        }
    }
    Some(Ipv4Addr::from(address))
}

fn inet_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hexadecimal) => (hexadecimal, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    let digits_fit = !digits.is_empty() && digits.bytes().all(|byte| char::from(byte).is_digit(radix));
    digits_fit.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("1.2.3.4", Some("1.2.3.4")),
            (" 1.2.3.4 ", Some("1.2.3.4")),
            ("1.2.3.4:8080", Some("1.2.3.4")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("1.2.3", Some("1.2.0.3")),
            ("2130706433", Some("127.0.0.1")),
            ("010.1.2.3", Some("8.1.2.3")),
            ("0x7f.1", Some("127.0.0.1")),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("", None),
            ("hello", None),
            ("localhost", None),
            ("1.2.3.4/24", None),
            ("1.2.*.4", None),
            ("1.2.3.4:http", None),
            ("1.2.3.4:99999", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]x", None),
            ("1.2.3.256", None),
            ("1.256.3", None),
            ("1.2.3.4.5", None),
            ("08.1.2.3", None),
            ("4294967296", None),
            (".", None),
            ("0x", None),
            ("1.2.3.4:+80", None),
        ] {
            let found = parse_address(text).map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9a-fx:.\\[\\] /*]{0,45}|\\PC{0,20}") {
            parse_address(&text);
        }

        #[test]
        fn proper_addresses_are_themselves(bytes in any::<[u8; 4]>(), groups in any::<[u16; 8]>()) {
            let v4 = Ipv4Addr::from(bytes);
            prop_assert_eq!(parse_address(&v4.to_string()), Some(IpAddr::V4(v4)));
            prop_assert_eq!(parse_address(&u32::from(v4).to_string()), Some(IpAddr::V4(v4)));
            let v6 = Ipv6Addr::from(groups);
            prop_assume!(v6.to_ipv4_mapped().is_none());
            prop_assert_eq!(parse_address(&format!("[{v6}]:443")), Some(IpAddr::V6(v6)));
        }
    }
}
