//! A synthetic GeoIP City database: enough networks that look-ups miss the processor's caches.
//!
//! Format: MaxMind DB 2.0, 28-bit records; <https://maxmind.github.io/MaxMind-DB/>.

use super::random::Random;

/// Country, region, region's name, city, postal code, latitude, longitude, time zone.
type Place = (&'static str, &'static str, &'static str, &'static str, &'static str, f64, f64, &'static str);

/// Places that networks are dealt out to.
const PLACES: [Place; 8] = [
    ("DE", "NI", "Lower Saxony", "Göttingen", "37073", 51.5341, 9.9355, "Europe/Berlin"),
    ("GB", "ENG", "England", "London", "EC1A", 51.5164, -0.093, "Europe/London"),
    ("US", "NY", "New York", "New York", "10004", 40.7143, -74.006, "America/New_York"),
    ("FR", "IDF", "Île-de-France", "Paris", "75001", 48.8534, 2.3488, "Europe/Paris"),
    ("JP", "13", "Tokyo", "Tokyo", "101-8656", 35.6893, 139.6899, "Asia/Tokyo"),
    ("BR", "SP", "São Paulo", "São Paulo", "01323", -23.5475, -46.6361, "America/Sao_Paulo"),
    ("PL", "14", "Mazovia", "Warsaw", "00-025", 52.2296, 21.0067, "Europe/Warsaw"),
    ("ES", "MD", "Madrid", "Madrid", "28001", 40.4163, -3.6934, "Europe/Madrid"),
];

/// Builds a City database of about `networks` IPv4 networks, each with a record of its own.
pub fn city_database(seed: u64, networks: usize) -> Vec<u8> {
    let mut random = Random::new(seed, 9);
    // A full binary tree of this depth gives 2^depth networks.
    let depth = (networks.max(2) as f64).log2().round() as u32;
    let leaves = 1usize << depth;
    let mut data = Vec::new();
    let offsets: Vec<usize> = (0..leaves)
        .map(|leaf| {
            let offset = data.len();
            write_place(leaf, &mut random, &mut data);
            offset
        })
        .collect();
    let node_count = leaves - 1;
    let mut tree = Vec::with_capacity(node_count * 7);
    for node in 0..node_count {
        let child =
            |index: usize| if index < node_count { index } else { node_count + 16 + offsets[index - node_count] };
        push_node(child(2 * node + 1) as u32, child(2 * node + 2) as u32, &mut tree);
    }
    let mut out = tree;
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xAB\xCD\xEFMaxMind.com");
    write_metadata(node_count as u32, &mut out);
    out
}

/// Two 28-bit records in seven bytes; the fourth holds the high half-bytes.
fn push_node(left: u32, right: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&left.to_be_bytes()[1..]);
    out.push((((left >> 24) & 15) << 4 | (right >> 24) & 15) as u8);
    out.extend_from_slice(&right.to_be_bytes()[1..]);
}

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (size_bits, extra) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
    if kind > 7 {
        out.push(size_bits);
        out.push(kind - 7);
    } else {
        out.push(kind << 5 | size_bits);
    }
    out.extend(extra);
}

fn text(value: &str, out: &mut Vec<u8>) {
    control(2, value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

fn double(value: f64, out: &mut Vec<u8>) {
    control(3, 8, out);
    out.extend_from_slice(&value.to_be_bytes());
}

fn map(entries: usize, out: &mut Vec<u8>) {
    control(7, entries, out);
}

fn names(name: &str, out: &mut Vec<u8>) {
    text("names", out);
    map(1, out);
    text("en", out);
    text(name, out);
}

fn write_place(leaf: usize, random: &mut Random, out: &mut Vec<u8>) {
    let (country, region, region_name, city, zip, latitude, longitude, timezone) = PLACES[leaf % PLACES.len()];
    map(5, out);
    text("city", out);
    map(1, out);
    names(city, out);
    text("country", out);
    map(1, out);
    text("iso_code", out);
    text(country, out);
    text("location", out);
    map(3, out);
    text("latitude", out);
    double(latitude + random.unit() / 10.0, out);
    text("longitude", out);
    double(longitude + random.unit() / 10.0, out);
    text("time_zone", out);
    text(timezone, out);
    text("postal", out);
    map(1, out);
    text("code", out);
    text(zip, out);
    text("subdivisions", out);
    control(11, 1, out);
    map(2, out);
    text("iso_code", out);
    text(region, out);
    names(region_name, out);
}

fn write_metadata(node_count: u32, out: &mut Vec<u8>) {
    let number = |kind: u8, value: u64, width: usize, out: &mut Vec<u8>| {
        control(kind, width, out);
        out.extend_from_slice(&value.to_be_bytes()[8 - width..]);
    };
    map(9, out);
    text("binary_format_major_version", out);
    number(5, 2, 2, out);
    text("binary_format_minor_version", out);
    number(5, 0, 2, out);
    text("build_epoch", out);
    number(9, 1_600_000_000, 8, out);
    text("database_type", out);
    text("GeoIP2-City", out);
    text("description", out);
    map(1, out);
    text("en", out);
    text("synthetic networks of thresh-loadgen", out);
    text("ip_version", out);
    number(5, 4, 2, out);
    text("languages", out);
    control(11, 1, out);
    text("en", out);
    text("node_count", out);
    number(6, u64::from(node_count), 4, out);
    text("record_size", out);
    number(5, 28, 2, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_a_place() {
        let reader = maxminddb::Reader::from_source(city_database(1, 1024)).unwrap();
        assert_eq!(reader.metadata().database_type, "GeoIP2-City");
        for address in ["1.2.3.4", "10.0.0.1", "203.0.113.7", "222.255.1.9"] {
            let found = reader.lookup(address.parse::<std::net::IpAddr>().unwrap()).unwrap();
            let city: maxminddb::geoip2::City<'_> = found.decode().unwrap().unwrap();
            let code = city.country.iso_code.unwrap();
            assert!(PLACES.iter().any(|place| place.0 == code), "{code}");
        }
    }
}
