//! MailChimp: one event as a form whose field names say how it is nested.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/MailchimpAdapter.scala`; order of merged objects: circe/circe
//! v0.14.1 `Json.deepMerge`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::helpers::date_time::reformatted;
use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::form;
use super::helpers::request::{FORM, body, content_type};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::json::MAX_DEPTH;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "MailChimp",
    vendor: "com.mailchimp",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("mailchimp"),
    input: "form body and querystring",
    content_type: "exactly `application/x-www-form-urlencoded`",
    events: "one",
    schemas: &[SchemaTable { selector: "`type`", rows: &SCHEMAS }],
    notes: &[
        "`fired_at` becomes an ISO 8601 date-time; `data[merges][FNAME]` becomes nested objects.",
        "Form fields named `aid`, `p`, `url` and so on act like querystring parameters, and querystring parameters become part of the data.",
    ],
    build: |schemas| Box::new(MailChimp { types: EventTypes::new("mailchimp", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.mailchimp-v1");
/// Parameters that are about the event rather than in it.
const NOT_DATA: [&str; 4] = ["nuid", "aid", "cv", "p"];

static SCHEMAS: [EventType; 6] = [
    event_type("campaign", "campaign_sending_status", "iglu:com.mailchimp/campaign_sending_status/jsonschema/1-0-0"),
    event_type("subscribe", "subscribe", "iglu:com.mailchimp/subscribe/jsonschema/1-0-0"),
    event_type("upemail", "email_address_change", "iglu:com.mailchimp/email_address_change/jsonschema/1-0-0"),
    event_type("profile", "profile_update", "iglu:com.mailchimp/profile_update/jsonschema/1-0-0"),
    event_type("cleaned", "cleaned_email", "iglu:com.mailchimp/cleaned_email/jsonschema/1-0-0"),
    event_type("unsubscribe", "unsubscribe", "iglu:com.mailchimp/unsubscribe/jsonschema/1-0-0"),
];

struct MailChimp {
    types: EventTypes,
}

impl Adapter for MailChimp {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = body(payload)?;
        content_type(payload, FORM)?;
        let fields =
            form::parse(body, tools.arena).map_err(|error| Message::input("body", Some(body), error.to_string()))?;
        let Some(kind) = fields.get("type") else {
            let expectation = "no `type` parameter provided: cannot determine event type";
            return Err(Message::input("body", Some(body), expectation).into());
        };
        let schema = self.types.schema(Some(kind))?;
        let mut query = Parameters::from_pairs(payload.querystring);
        for (name, value) in fields.in_reference_order() {
            let date_time = value.filter(|_| name == "fired_at").and_then(reformatted);
            query.insert(name, date_time.map(|text| &*tools.arena.alloc_str(&text)).or(value));
        }
        let mut merged = Branch::default();
        for (name, value) in query.in_reference_order() {
            if let Some(value) = value
                && !NOT_DATA.contains(&name)
            {
                merged.merge(name, value)?;
            }
        }
        Ok(vec![WEBHOOK.event(payload, &query, schema, &merged.into_tree(), tools.arena)])
    }
}

/// An object that fields are merged into. The reference puts the keys of each new field in front, so the key touched
/// last comes first in the end.
#[derive(Default)]
struct Branch<'a> {
    children: Vec<Child<'a>>,
    index: HashMap<&'a str, usize>,
    touches: usize,
}

struct Child<'a> {
    key: &'a str,
    touched: usize,
    node: Node<'a>,
}

enum Node<'a> {
    Leaf(&'a str),
    Branch(Branch<'a>),
}

impl<'a> Branch<'a> {
    fn merge(&mut self, name: &'a str, value: &'a str) -> Result<(), AdapterError<'a>> {
        let path = path(name);
        let Some((last, parents)) = path.split_last() else {
            return Err(AdapterError::Unexpected(format!("the field name `{name}` holds nothing but brackets")));
        };
        // Two levels are for the envelopes around the data.
        if path.len() > MAX_DEPTH - 2 {
            return Err(AdapterError::Unexpected(format!("a field name has {} levels", path.len())));
        }
        let mut branch = self;
        for key in parents {
            branch = branch.child_branch(key);
        }
        *branch.touch(last) = Node::Leaf(value);
        Ok(())
    }

    fn child_branch(&mut self, key: &'a str) -> &mut Branch<'a> {
        let node = self.touch(key);
        if let Node::Leaf(_) = node {
            *node = Node::Branch(Branch::default());
        }
        match node {
            Node::Branch(branch) => branch,
            Node::Leaf(_) => unreachable!("it was made a branch above"),
        }
    }

    fn touch(&mut self, key: &'a str) -> &mut Node<'a> {
        self.touches += 1;
        let at = *self.index.entry(key).or_insert(self.children.len());
        if at == self.children.len() {
            self.children.push(Child { key, touched: 0, node: Node::Leaf("") });
        }
        let child = &mut self.children[at];
        child.touched = self.touches;
        &mut child.node
    }

    fn into_tree(mut self) -> Tree<'a> {
        self.children.sort_unstable_by_key(|child| std::cmp::Reverse(child.touched));
        let fields: Fields<'a> = self
            .children
            .into_iter()
            .map(|child| {
                let tree = match child.node {
                    Node::Leaf(text) => Tree::Text(Cow::Borrowed(text)),
                    Node::Branch(branch) => branch.into_tree(),
                };
                (Cow::Borrowed(child.key), tree)
            })
            .collect();
        Tree::Object(fields)
    }
}

/// The parts of a name between brackets, without empty ones at the end: `a[b][c]` is a, b, c.
fn path(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !matches!(bytes[at], b'[' | b']') {
            at += 1;
            continue;
        }
        parts.push(&name[start..at]);
        // A closing bracket and the bracket behind it are one separator.
        let double = bytes[at] == b']' && matches!(bytes.get(at + 1), Some(b'[' | b']'));
        at += if double { 2 } else { 1 };
        start = at;
    }
    parts.push(&name[start..]);
    let filled = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    parts.truncate(filled);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::path;
    use crate::adapter::testing::{Request, data, events, failures, is_unexpected, mutations, payload, run};

    const BODY: &str = "type=subscribe&fired_at=2014-10-22+13%3A10%3A40&data%5Bmerges%5D%5BFNAME%5D=Agent&data%5Bmerges%5D%5BLNAME%5D=Smith&data%5Bid%5D=8a25";

    fn post(body: &str) -> Request {
        payload("com.mailchimp", "v1").content_type("application/x-www-form-urlencoded").body(body)
    }

    #[test]
    fn a_subscription() {
        let expected = concat!(
            "e = ue\ntv = com.mailchimp-v1\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.mailchimp/subscribe/jsonschema/1-0-0","data":{"type":"subscribe","fired_at":"2014-10-22T13:10:40.000Z","data":{"merges":{"FNAME":"Agent","LNAME":"Smith"},"id":"8a25"}}}}"#,
            "\nnuid = 123\np = srv\n"
        );
        assert_eq!(events(post(BODY).query(&[("nuid", Some("123"))])), [expected]);
    }

    #[test]
    fn querystring_and_form_are_overlaid() {
        let query = [("aid", Some("mc")), ("src", Some("qs")), ("type", Some("ignored"))];
        let request = post("type=cleaned&data[list_id]=a1&data[email]=x%40y.z&empty").query(&query);
        let expected = r#"{"type":"cleaned","src":"qs","data":{"list_id":"a1","email":"x@y.z"}}"#;
        assert_eq!(data(request.clone()), [expected]);
        assert!(events(request)[0].starts_with("e = ue\naid = mc\ntv = com.mailchimp-v1\n"));
        let event = &events(post("type=profile&p=mob&url=u"))[0];
        assert!(event.contains("p = mob\n") && event.contains("url = u\n"), "{event}");
    }

    #[test]
    fn values_and_objects_replace_each_other() {
        assert_eq!(data(post("type=profile&a=1&a[b]=2")), [r#"{"a":{"b":"2"},"type":"profile"}"#]);
        assert_eq!(data(post("type=profile&a[b]=2&a=1")), [r#"{"a":"1","type":"profile"}"#]);
        assert_eq!(data(post("type=profile&a[]=1&a[]=2")), [r#"{"a":"2","type":"profile"}"#]);
    }

    #[test]
    fn names_are_paths() {
        for (name, expected) in [
            ("data[merges][LNAME]", vec!["data", "merges", "LNAME"]),
            ("data[]", vec!["data"]),
            ("a[][b]", vec!["a", "", "b"]),
            ("[a]", vec!["", "a"]),
            ("a[b]c", vec!["a", "b", "c"]),
            ("a]b", vec!["a", "b"]),
            ("[]", vec![]),
            ("][", vec![]),
        ] {
            assert_eq!(path(name), expected, "{name}");
        }
        assert!(is_unexpected(post("type=profile&[]=1")));
        assert!(is_unexpected(post("type=profile").query(&[("[[", Some("1"))])));
        assert!(is_unexpected(post(&format!("type=profile&{}=1", "a[".repeat(100_000)))));
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(payload("com.mailchimp", "v1")),
            [r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#]
        );
        assert_eq!(
            failures(payload("com.mailchimp", "v1").body("stub")),
            [
                r#"{"field":"contentType","value":null,"expectation":"no content type: expected application/x-www-form-urlencoded"}"#
            ]
        );
        assert_eq!(
            failures(post("stub").content_type("application/json")),
            [
                r#"{"field":"contentType","value":"application/json","expectation":"expected application/x-www-form-urlencoded"}"#
            ]
        );
        for body in ["", "type", "x=1"] {
            let expected = format!(
                r#"{{"field":"body","value":"{body}","expectation":"no `type` parameter provided: cannot determine event type"}}"#
            );
            assert_eq!(failures(post(body)), [expected]);
        }
        assert_eq!(
            failures(post("a= ")),
            [
                r#"{"field":"body","value":"a= ","expectation":"Illegal character in query at index 20: http://localhost/?a= "}"#
            ]
        );
        let unknown = failures(post("type=sub")).remove(0);
        assert!(unknown.starts_with(r#"{"actual":"sub","expectedMapping":{"campaign":"iglu:"#), "{unknown}");
        assert!(unknown.ends_with(r#""expectation":"no schema associated with the provided type parameter"}"#));
    }

    proptest! {
        #[test]
        fn no_form_panics(any in any::<String>(), mutated in mutations(BODY), name in "[\\[\\]ab]{0,12}") {
            run(&post(&any));
            run(&post(&mutated));
            run(&post(&format!("type=profile&{name}=1&a[b]=2&{name}x=3")));
        }
    }
}
