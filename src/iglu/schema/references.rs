//! What a `$ref` points to.
//!
//! Facts: `RefValidator` and `JsonSchema.getRefSchemaNode` of networknt/json-schema-validator 1.0.70; remote
//! references resolve to an empty schema in snowplow/iglu-scala-client 1.5.0.

use serde_json::Value as Json;

use super::model::{Additional, Items, Model, Node, NodeId};

/// Where a reference leads.
#[derive(Debug, PartialEq)]
pub(super) enum Target<'d> {
    /// The whole document.
    Root,
    /// A part of the document.
    Schema(&'d Json),
    /// A remote document, which is never fetched and accepts everything.
    Anything,
}

/// Resolves a reference. The error text is the reference's.
pub(super) fn resolve<'d>(document: &'d Json, reference: &str) -> Result<Target<'d>, String> {
    let unresolved = || format!("Reference {reference} cannot be resolved");
    if reference == "#" {
        return Ok(Target::Root);
    }
    if let Some(pointer) = reference.strip_prefix("#/") {
        return follow(document, pointer).map(Target::Schema).ok_or_else(unresolved);
    }
    if reference.starts_with('#') {
        return find_by_id(document, reference).map(Target::Schema).ok_or_else(unresolved);
    }
    let is_remote = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    let has_scheme = reference.split(['/', '#', '?']).next().is_some_and(|first| first.contains(':'));
    let remote_base = || document.get("id").and_then(Json::as_str).is_some_and(is_remote);
    // The remote document counts as empty, so it has no parts either.
    let is_whole = reference.split_once('#').is_none_or(|(_, part)| part.is_empty());
    if is_whole && (is_remote(reference) || !reference.is_empty() && !has_scheme && remote_base()) {
        return Ok(Target::Anything);
    }
    Err(unresolved())
}

/// Follows the parts of a pointer. Numbers only index lists; `~0` and `~1` are understood although the reference does
/// not know them.
fn follow<'d>(document: &'d Json, pointer: &str) -> Option<&'d Json> {
    pointer.split('/').try_fold(document, |node, part| {
        let key = percent_decoded(part);
        match node {
            Json::Array(elements) => elements.get(key.parse::<usize>().ok()?),
            Json::Object(members) => {
                members.get(&key).or_else(|| members.get(&key.replace("~1", "/").replace("~0", "~")))
            }
            _ => None,
        }
    })
}

/// `URLDecoder.decode`: a plus sign is a blank.
fn percent_decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The first schema anywhere whose `id` is exactly this text.
fn find_by_id<'d>(node: &'d Json, id: &str) -> Option<&'d Json> {
    if node.get("id").and_then(Json::as_str) == Some(id) {
        return Some(node);
    }
    match node {
        Json::Array(elements) => elements.iter().find_map(|element| find_by_id(element, id)),
        Json::Object(members) => members.values().find_map(|member| find_by_id(member, id)),
        _ => None,
    }
}

/// Refuses schemas that apply themselves to the very same value again: the reference overflows its stack on them.
pub(super) fn refuse_endless(model: &Model) -> Result<(), String> {
    match has_cycle(model, applied_in_place) {
        true => Err("a $ref leads back to itself without end".to_owned()),
        false => Ok(()),
    }
}

/// Whether a schema applies itself to parts of the value, so that the depth of the value decides how deep it goes.
pub(super) fn is_recursive(model: &Model) -> bool {
    has_cycle(model, |model, id| {
        let mut next = applied_in_place(model, id);
        next.extend(applied_below(&model.nodes[id]));
        next
    })
}

/// Depth-first search without recursion.
fn has_cycle(model: &Model, edges: impl Fn(&Model, NodeId) -> Vec<NodeId>) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; model.nodes.len()];
    for start in 0..model.nodes.len() {
        let mut path: Vec<(NodeId, Vec<NodeId>)> = Vec::new();
        if states[start] == State::New {
            states[start] = State::Open;
            path.push((start, edges(model, start)));
        }
        while let Some((node, remaining)) = path.last_mut() {
            let Some(next) = remaining.pop() else {
                states[*node] = State::Done;
                path.pop();
                continue;
            };
            match states[next] {
                State::Open => return true,
                State::Done => {}
                State::New => {
                    states[next] = State::Open;
                    path.push((next, edges(model, next)));
                }
            }
        }
    }
    false
}

/// The schemas that a schema applies to the value it is applied to itself.
fn applied_in_place(model: &Model, id: NodeId) -> Vec<NodeId> {
    let node = &model.nodes[id];
    let mut next: Vec<NodeId> = node.reference.into_iter().collect();
    next.extend(node.all_of.iter().chain(&node.any_of).chain(&node.one_of));
    next.extend(node.not.as_ref().map(|(schema, _)| *schema));
    next.extend(node.dependencies.iter().flat_map(|d| d.schemas.iter().map(|(_, schema)| *schema)));
    next
}

/// The schemas that a schema applies to members and elements.
fn applied_below(node: &Node) -> Vec<NodeId> {
    let additional = |additional: &Additional| match additional {
        Additional::Schema(schema) => Some(*schema),
        Additional::Allowed | Additional::Forbidden => None,
    };
    let mut next: Vec<NodeId> = additional(&node.additional).into_iter().collect();
    next.extend(node.properties.iter().map(|(_, schema)| *schema));
    next.extend(node.pattern_properties.iter().map(|(_, schema)| *schema));
    match &node.items {
        None => {}
        Some(Items::All(schema)) => next.push(*schema),
        Some(Items::Tuple { schemas, rest }) => next.extend(schemas.iter().copied().chain(additional(rest))),
    }
    next
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_resolved_within_the_document() {
        let document =
            json!({"id": "x", "definitions": {"a": {"k": 1}, "b c": 2, "l": [0, 7], "d/e": 3}, "n": {"id": "#n"}});
        let target = |reference| resolve(&document, reference);
        assert_eq!(target("#"), Ok(Target::Root));
        assert_eq!(target("#/definitions/a"), Ok(Target::Schema(&json!({"k": 1}))));
        assert_eq!(target("#/definitions/b%20c"), Ok(Target::Schema(&json!(2))));
        assert_eq!(target("#/definitions/b+c"), Ok(Target::Schema(&json!(2))));
        assert_eq!(target("#/definitions/l/1"), Ok(Target::Schema(&json!(7))));
        assert_eq!(target("#/definitions/d~1e"), Ok(Target::Schema(&json!(3))));
        assert_eq!(target("#n"), Ok(Target::Schema(&json!({"id": "#n"}))));
        assert_eq!(target("#/definitions/zz"), Err("Reference #/definitions/zz cannot be resolved".to_owned()));
        for reference in ["file:///etc/passwd", "iglu:a/b/c/1-0-0", "x/y", "", "#zz"] {
            assert!(target(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn remote_documents_accept_everything() {
        let document = json!({"id": "http://acme.com/schema"});
        for reference in ["http://json-schema.org/draft-04/schema#", "https://a.b/c", "other.json"] {
            assert_eq!(resolve(&document, reference), Ok(Target::Anything), "{reference}");
        }
        assert!(resolve(&json!({}), "other.json").is_err());
        assert!(resolve(&document, "https://a.b/c#/definitions/d").is_err());
    }
}
