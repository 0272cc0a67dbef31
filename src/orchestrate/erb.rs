//! The ERB look-ups of old configurations: `<%= ENV['NAME'] %>` and nothing else.
//!
//! EmrEtlRunner ran the file through Ruby's template engine, so a configuration could hold any code. Only the environment
//! is looked up here; everything else is refused by its line.

use super::document::{Node, Value};

/// What stands in the text for a value until the document is parsed, so that no value can change its structure.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// A configuration without its look-ups.
#[derive(Debug, PartialEq)]
pub struct Template {
    /// The text to parse, with marks in it.
    pub text: String,
    values: Vec<Option<String>>,
    /// Variables that are not set, with their lines.
    pub missing: Vec<(String, u64)>,
}

/// A tag that is no look-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{tag}` is code; only <%= ENV['NAME'] %> is read: write the value itself")]
pub struct ErbError {
    /// The line, from 1.
    pub line: u64,
    /// The tag, shortened.
    pub tag: String,
}

/// Replaces look-ups by marks.
pub fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Template, ErbError> {
    let mut template = Template { text: String::with_capacity(text.len()), values: Vec::new(), missing: Vec::new() };
    let mut rest = text;
    let mut line = 1;
    while let Some(start) = rest.find("<%") {
        let (before, from_tag) = rest.split_at(start);
        line += before.matches('\n').count() as u64;
        template.text.push_str(before);
        let shortened = || from_tag.lines().next().unwrap_or_default().chars().take(60).collect();
        let Some(end) = from_tag.find("%>") else { return Err(ErbError { line, tag: shortened() }) };
        let tag = &from_tag[..end + 2];
        if !tag.starts_with("<%#") {
            let Some(name) = variable(tag) else { return Err(ErbError { line, tag: shortened() }) };
            let value = environment(name).filter(|value| !value.is_empty());
            if value.is_none() {
                template.missing.push((name.to_owned(), line));
            } else {
                let mark = format!("{OPEN}{}{CLOSE}", template.values.len());
                template.text.push_str(&mark);
                template.values.push(value);
            }
        }
        line += tag.matches('\n').count() as u64;
        rest = &from_tag[end + 2..];
    }
    template.text.push_str(rest);
    Ok(template)
}

/// The name in `<%= ENV['NAME'] %>`, `<%= ENV["NAME"] %>` or `<%= ENV.fetch('NAME') %>`.
fn variable(tag: &str) -> Option<&str> {
    let inner = tag.strip_prefix("<%=")?.strip_suffix("%>")?.trim().trim_end_matches('-').trim();
    let key = match inner.strip_prefix("ENV")? {
        index if index.starts_with('[') => index.strip_prefix('[')?.strip_suffix(']')?,
        call => call.strip_prefix(".fetch(")?.strip_suffix(')')?,
    };
    let key = key.trim();
    let name = ['\'', '"'].iter().find_map(|quote| key.strip_prefix(*quote)?.strip_suffix(*quote))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(allowed)).then_some(name)
}

impl Template {
    /// Puts the values in the place of their marks.
    pub fn fill(&self, document: &mut Node) {
        document.each_text(&mut |text| {
            while let Some((before, after)) = text.split_once(OPEN) {
                let Some((number, tail)) = after.split_once(CLOSE) else { return };
                let value = number.parse::<usize>().ok().and_then(|at| self.values.get(at)?.as_deref());
                *text = format!("{before}{}{tail}", value.unwrap_or_default());
            }
        });
        if let Value::Text(text) = &document.value
            && text.is_empty()
        {
            document.value = Value::Null;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::parse_yaml;
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "KEY" => Some("a: 'b' #c\n- d".to_owned()),
            "ENV_NAME" => Some("prod".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn values_cannot_change_the_document() {
        let text = "key: <%= ENV['KEY'] %>\nin:\n  - s3://b/<%= ENV[\"ENV_NAME\"] %>/<%=ENV.fetch('ENV_NAME')%>/x\n";
        let template = expand(text, &environment).unwrap();
        let mut document = parse_yaml(&template.text).unwrap();
        template.fill(&mut document);
        assert_eq!(document.get("key").unwrap().value, Value::Text("a: 'b' #c\n- d".into()));
        let Value::List(items) = &document.get("in").unwrap().value else { panic!("no list") };
        assert_eq!(items[0].value, Value::Text("s3://b/prod/prod/x".into()));
    }

    #[test]
    fn unset_variables_are_named() {
        let template = expand("a: 1\nb: <%= ENV['NOPE'] %>\n<%# a remark %>c: 2\n", &environment).unwrap();
        assert_eq!(template.missing, [("NOPE".to_owned(), 2)]);
        assert_eq!(parse_yaml(&template.text).unwrap().get("b").unwrap().value, Value::Null);
    }

    #[test]
    fn code_is_refused() {
        for tag in ["<% system('rm') %>", "<%= `id` %>", "<%= ENV['A'] + ENV['B'] %>", "<%= ENV[name] %>", "<%= ENV['A"]
        {
            let error = expand(&format!("a: 1\nb: {tag}\n"), &environment).unwrap_err();
            assert_eq!(error.line, 2, "{tag}");
        }
    }
}
