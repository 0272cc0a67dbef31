//! Names in camelCase.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/Adapter.scala`. Word characters are ASCII ones; an empty key is
//! something the reference throws on.

use super::tree::{Fields, Tree};
use crate::adapter::AdapterError;

/// The name with its first character in lower case and every `-` or `_` before a word character gone, that character in
/// upper case.
pub fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut characters = name.chars();
    // The replacement runs over the text whose first character is lowered already.
    let lowered: Vec<char> = characters.next().into_iter().flat_map(char::to_lowercase).chain(characters).collect();
    let mut at = 0;
    while at < lowered.len() {
        let next = lowered.get(at + 1).copied().filter(|c| c.is_ascii_alphanumeric() || *c == '_');
        match (lowered[at], next) {
            ('-' | '_', Some(next)) => {
                out.push(next.to_ascii_uppercase());
                at += 2;
            }
            (other, _) => {
                out.push(other);
                at += 1;
            }
        }
    }
    out
}

/// Every key at every depth in camelCase; keys that become the same keep the first one's place and the last one's value.
pub fn camel_case_keys<'a>(tree: Tree<'a>) -> Result<Tree<'a>, AdapterError<'a>> {
    Ok(match tree {
        Tree::Object(fields) => {
            let mut renamed = Fields::new();
            for (key, value) in fields {
                if key.is_empty() {
                    return Err(AdapterError::Unexpected("cannot convert an empty key to camelCase".to_owned()));
                }
                renamed.insert(camel_case(&key).into(), camel_case_keys(value)?);
            }
            Tree::Object(renamed)
        }
        Tree::Array(items) => Tree::Array(items.into_iter().map(camel_case_keys).collect::<Result<_, _>>()?),
        scalar => scalar,
    })
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    #[test]
    fn names() {
        for (name, expected) in [
            ("X-Mailgun-Sid", "xMailgunSid"),
            ("my_var-2", "myVar2"),
            ("_tags", "Tags"),
            ("-x", "X"),
            ("__x", "_x"),
            ("a__b", "a_b"),
            ("a___b", "a_B"),
            ("a_", "a_"),
            ("ABC", "aBC"),
            ("data.json", "data.json"),
            ("a_é", "a_é"),
            ("", ""),
        ] {
            assert_eq!(camel_case(name), expected, "{name}");
        }
    }

    #[test]
    fn keys_at_every_depth_and_collisions() {
        let arena = Bump::new();
        let source = r#"{"a_b":1,"x":[{"c-d":{"e_f":2}}],"aB":3}"#;
        let tree = Tree::new(crate::json::parse(source, &arena).unwrap());
        let mut out = Vec::new();
        camel_case_keys(tree).unwrap().write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"aB":3,"x":[{"cD":{"eF":2}}]}"#);
        let empty = Tree::new(crate::json::parse(r#"[{"a":{"":1}}]"#, &arena).unwrap());
        assert!(matches!(camel_case_keys(empty), Err(AdapterError::Unexpected(_))));
    }
}
