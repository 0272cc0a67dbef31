//! Writes tiny MaxMind databases for tests. Format: maxmind/MaxMind-DB spec 2.0.

use std::net::Ipv6Addr;

use serde_json::Value;

/// Marks the start of the metadata.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

enum Node {
    Empty,
    /// Children for bit 0 and bit 1.
    Inner(Box<[Node; 2]>),
    /// Position in the data section.
    Data(usize),
}

/// An IPv6 database of this type: networks such as `1.2.3.0/24` or `2001:db8::/32`, and their records.
pub(crate) fn database(database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut root = Node::Empty;
    for (network, record) in networks {
        let at = data.len();
        write_value(record, &mut data);
        let (address, length) = network.split_once('/').unwrap();
        let length: u32 = length.parse().unwrap();
        let (bits, length) = match address.parse::<std::net::Ipv4Addr>() {
            Ok(v4) => (u128::from(u32::from(v4)), length + 96),
            Err(_) => (u128::from(address.parse::<Ipv6Addr>().unwrap()), length),
        };
        insert(&mut root, bits, length, at);
    }
    let mut nodes = Vec::new();
    number(&root, &mut nodes);
    let mut out = Vec::new();
    for [left, right] in &nodes {
        for child in [left, right] {
            let record = match child {
                Child::Node(index) => *index,
                Child::Empty => nodes.len(),
                Child::Data(at) => nodes.len() + 16 + at,
            };
            out.extend_from_slice(&u32::try_from(record).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(MARKER);
    let metadata = serde_json::json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_600_000_000,
        "database_type": database_type, "description": {"en": "test"}, "ip_version": 6, "languages": ["en"],
        "node_count": nodes.len(), "record_size": 32,
    });
    write_value(&metadata, &mut out);
    out
}

fn insert(node: &mut Node, bits: u128, length: u32, at: usize) {
    if length == 0 {
        *node = Node::Data(at);
        return;
    }
    if !matches!(node, Node::Inner(_)) {
        *node = Node::Inner(Box::new([Node::Empty, Node::Empty]));
    }
    let Node::Inner(children) = node else { unreachable!() };
    insert(&mut children[(bits >> 127) as usize], bits << 1, length - 1, at);
}

enum Child {
    Node(usize),
    Empty,
    Data(usize),
}

/// Numbers the inner nodes, root first.
fn number(node: &Node, nodes: &mut Vec<[Child; 2]>) -> Child {
    match node {
        Node::Empty => Child::Empty,
        Node::Data(at) => Child::Data(*at),
        Node::Inner(children) => {
            let index = nodes.len();
            nodes.push([Child::Empty, Child::Empty]);
            let left = number(&children[0], nodes);
            let right = number(&children[1], nodes);
            nodes[index] = [left, right];
            Child::Node(index)
        }
    }
}

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 285);
    let (small, rest) = if size < 29 { (size as u8, None) } else { (29, Some((size - 29) as u8)) };
    if kind > 7 {
        out.extend([small, kind - 7]);
    } else {
        out.push(kind << 5 | small);
    }
    out.extend(rest);
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            control(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => match number.as_u64() {
            // Readers insist on the types that the metadata's fields have.
            Some(integer) if integer < 1 << 16 => {
                control(5, 2, out);
                out.extend_from_slice(&(integer as u16).to_be_bytes());
            }
            Some(integer) => {
                control(9, 8, out);
                out.extend_from_slice(&integer.to_be_bytes());
            }
            None => {
                control(3, 8, out);
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::Object(members) => {
            control(7, members.len(), out);
            for (name, member) in members {
                write_value(&Value::String(name.clone()), out);
                match member.as_u64().filter(|_| name == "node_count") {
                    Some(count) => {
                        control(6, 4, out);
                        out.extend_from_slice(&(count as u32).to_be_bytes());
                    }
                    None => write_value(member, out),
                }
            }
        }
        Value::Array(items) => {
            control(11, items.len(), out);
            items.iter().for_each(|item| write_value(item, out));
        }
        Value::Bool(truth) => control(14, usize::from(*truth), out),
        Value::Null => panic!("the format has no null"),
    }
}
