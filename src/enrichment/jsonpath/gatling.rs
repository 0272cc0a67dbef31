//! The dialect of SQL and API enrichments, with its error texts.
//!
//! Grammar: gatling/jsonpath 0.6.14, `Parser.scala`; error texts: scala-parser-combinators 1.1, which reports the
//! latest of the failures that are furthest in the text. White space between tokens is skipped.

use super::filter::{Filter, Literal, Operand, Operator, Query};
use super::{JsonPath, Step};

/// Conditions inside conditions.
const MAX_DEPTH: usize = 50;

/// Parses a path; the error is the reference's text.
pub fn parse(path: &str) -> Result<JsonPath, String> {
    let mut parser = Parser { text: path, at: 0, furthest: 0, message: String::new(), depth: 0 };
    let steps = parser.literal("$").and_then(|()| parser.path_sequence());
    match steps {
        Some(steps) if parser.at_end() => Ok(JsonPath { steps }),
        _ => Err(parser.message),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Where the latest failure of those furthest in the text happened, and what it says.
    furthest: usize,
    message: String,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0B').len();
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn fail<T>(&mut self, expected: &str) -> Option<T> {
        if self.at >= self.furthest {
            let found = self.rest().chars().next().map_or("end of source".to_owned(), |found| format!("'{found}'"));
            self.message = format!("{expected} expected but {found} found");
            self.furthest = self.at;
        }
        None
    }

    fn literal(&mut self, token: &str) -> Option<()> {
        self.skip_space();
        if self.rest().starts_with(token) {
            self.at += token.len();
            return Some(());
        }
        self.fail(&format!("'{token}'"))
    }

    /// Text up to `length` bytes, if that is more than none.
    fn matched(&mut self, regex: &str, length: usize) -> Option<&'t str> {
        if length == 0 {
            return self.fail(&format!("string matching regex '{regex}'"));
        }
        let matched = &self.rest()[..length];
        self.at += length;
        Some(matched)
    }

    /// Goes back if `parse` fails.
    fn attempt<T>(&mut self, parse: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.at;
        let result = parse(self);
        if result.is_none() {
            self.at = start;
        }
        result
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty() || self.fail::<()>(r"string matching regex '\z'").is_some()
    }

    fn path_sequence(&mut self) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        while let Some(step) = self.attempt(Self::step) {
            steps.push(step);
        }
        Some(steps)
    }

    fn step(&mut self) -> Option<Step> {
        self.attempt(|p| p.literal(".").and_then(|()| p.field()).map(|name| Step::Names(vec![name])))
            .or_else(|| self.attempt(Self::deep_filter))
            .or_else(|| self.attempt(|p| p.literal("..*")).map(|()| Step::DeepAll))
            .or_else(|| self.attempt(|p| p.literal("..").and_then(|()| p.field()).map(Step::DeepName)))
            .or_else(|| self.attempt(Self::any_member))
            .or_else(|| self.attempt(Self::subscript))
            .or_else(|| self.attempt(Self::array))
            .or_else(|| self.attempt(Self::filter).map(Step::Filter))
    }

    fn field(&mut self) -> Option<String> {
        self.skip_space();
        let stop =
            |c: char| matches!(c, '*' | '.' | '[' | ']' | '(' | ')' | '=' | '!' | '<' | '>') || c.is_whitespace();
        let length = self.rest().find(stop).unwrap_or(self.rest().len());
        self.matched(r"[^\*\.\[\]\(\)=!<>\s]+", length).map(str::to_owned)
    }

    fn deep_filter(&mut self) -> Option<Step> {
        self.attempt(|p| p.literal("..*")).or_else(|| self.attempt(|p| p.literal("..")))?;
        self.filter().map(Step::DeepFilter)
    }

    fn any_member(&mut self) -> Option<Step> {
        let tokens = [".*", "['*']", "[\"*\"]"];
        tokens.into_iter().find_map(|token| self.attempt(|p| p.literal(token))).map(|()| Step::Members)
    }

    fn subscript(&mut self) -> Option<Step> {
        self.literal("[")?;
        let mut names = Vec::new();
        if let Some(name) = self.attempt(|p| p.quoted(true)) {
            names.push(name);
            while let Some(name) = self.attempt(|p| p.literal(",").and_then(|()| p.quoted(true))) {
                names.push(name);
            }
        }
        self.literal("]")?;
        Some(Step::Names(names))
    }

    /// A quoted text; `\` keeps the quote that follows it from ending the text.
    fn quoted(&mut self, filled: bool) -> Option<String> {
        self.attempt(|p| p.quoted_by('\'', filled)).or_else(|| self.attempt(|p| p.quoted_by('"', filled)))
    }

    fn quoted_by(&mut self, quote: char, filled: bool) -> Option<String> {
        self.literal(quote.encode_utf8(&mut [0; 4]))?;
        self.skip_space();
        let mut length = 0;
        let mut characters = self.rest().chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => length += 1 + characters.next().map_or(0, char::len_utf8),
                _ if character == quote => break,
                _ => length += character.len_utf8(),
            }
        }
        let inside = if length == 0 && !filled {
            ""
        } else {
            self.matched(&format!(r"(\\.|[^{quote}]){}", if filled { '+' } else { '*' }), length)?
        };
        self.literal(quote.encode_utf8(&mut [0; 4]))?;
        Some(inside.replace(&format!("\\{quote}"), quote.encode_utf8(&mut [0; 4])))
    }

    fn array(&mut self) -> Option<Step> {
        self.literal("[")?;
        let step = self
            .attempt(|p| p.literal("*").map(|()| Step::Elements))
            .or_else(|| self.attempt(|p| p.number().and_then(|start| p.slice(Some(start)))))
            .or_else(|| self.attempt(Self::indexes))
            .or_else(|| self.attempt(|p| p.slice(None)))?;
        self.literal("]")?;
        Some(step)
    }

    fn slice(&mut self, start: Option<i64>) -> Option<Step> {
        self.literal(":")?;
        let stop = self.attempt(Self::number);
        let step = self.attempt(|p| p.literal(":").map(|()| p.attempt(Self::number)));
        Some(Step::Slice { start, stop, step: step.flatten().unwrap_or(1) })
    }

    fn indexes(&mut self) -> Option<Step> {
        let mut indexes = vec![self.number()?];
        while let Some(index) = self.attempt(|p| p.literal(",").and_then(|()| p.number())) {
            indexes.push(index);
        }
        Some(Step::Indexes(indexes))
    }

    fn number(&mut self) -> Option<i64> {
        self.skip_space();
        let length = number_length(self.rest(), false);
        let digits = self.matched(r"-?\d+", length)?;
        match digits.parse::<i32>() {
            Ok(number) => Some(i64::from(number)),
            Err(_) => self.fail("a number of 32 bits"),
        }
    }

    fn filter(&mut self) -> Option<Filter> {
        self.depth += 1;
        let filter = if self.depth > MAX_DEPTH {
            self.fail("a condition that is not nested so deep")
        } else {
            self.literal("[?(").and_then(|()| self.condition()).and_then(|filter| self.literal(")]").map(|()| filter))
        };
        self.depth -= 1;
        filter
    }

    /// Terms between `&&` and `||`; the former binds stronger.
    fn condition(&mut self) -> Option<Filter> {
        let mut alternatives = Vec::new();
        let mut current = self.term()?;
        loop {
            if let Some(next) = self.attempt(|p| p.literal("&&").and_then(|()| p.term())) {
                current = Filter::And(Box::new(current), Box::new(next));
            } else if let Some(next) = self.attempt(|p| p.literal("||").and_then(|()| p.term())) {
                alternatives.push(std::mem::replace(&mut current, next));
            } else {
                break;
            }
        }
        let either = |left: Filter, right: Filter| Filter::Or(Box::new(left), Box::new(right));
        alternatives.push(current);
        alternatives.into_iter().reduce(either)
    }

    fn term(&mut self) -> Option<Filter> {
        if let Some(query) = self.attempt(Self::query) {
            let comparison = self.attempt(|p| {
                let operator = p.operator()?;
                let right = p.attempt(Self::query).map(Operand::Query);
                Some((operator, right.or_else(|| p.attempt(Self::value).map(Operand::Literal))?))
            });
            return Some(match comparison {
                Some((operator, right)) => Filter::Compare(operator, Operand::Query(query), right),
                None => Filter::Exists(query),
            });
        }
        let left = Operand::Literal(self.value()?);
        Some(Filter::Compare(self.operator()?, left, Operand::Query(self.query()?)))
    }

    fn query(&mut self) -> Option<Query> {
        let from_current = self.attempt(|p| p.literal("@")).is_some();
        if !from_current {
            self.literal("$")?;
        }
        Some(Query { from_root: !from_current, steps: self.path_sequence()? })
    }

    fn operator(&mut self) -> Option<Operator> {
        let tokens = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterOrEqual),
            (">", Operator::Greater),
        ];
        tokens.into_iter().find_map(|(token, operator)| self.attempt(|p| p.literal(token)).map(|()| operator))
    }

    fn value(&mut self) -> Option<Literal> {
        self.attempt(|p| p.literal("true"))
            .map(|()| Literal::Bool(true))
            .or_else(|| self.attempt(|p| p.literal("false")).map(|()| Literal::Bool(false)))
            .or_else(|| self.attempt(Self::decimal))
            .or_else(|| self.attempt(|p| p.literal("null")).map(|()| Literal::Null))
            .or_else(|| self.attempt(|p| p.quoted(false)).map(Literal::String))
    }

    fn decimal(&mut self) -> Option<Literal> {
        self.skip_space();
        let length = number_length(self.rest(), true);
        self.matched(r"-?\d+(\.\d*)?", length).map(|text| Literal::Number(text.to_owned()))
    }
}

/// How many bytes at the start are a number.
fn number_length(text: &str, fraction: bool) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with('-'));
    let whole = digits(&text[sign..]);
    if whole == 0 {
        return 0;
    }
    let end = sign + whole;
    if fraction && text[end..].starts_with('.') { end + 1 + digits(&text[end + 1..]) } else { end }
}
