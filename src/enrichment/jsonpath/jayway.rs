//! The dialect of PII configurations.
//!
//! Grammar: json-path/JsonPath 2.7.0, `internal/path/PathCompiler.java` and `internal/filter/FilterCompiler.java`. What
//! they accept and this does not (functions, a few operators of conditions) is refused with a text that says so.

use super::filter::{Filter, Literal, Operand, Operator, Pattern, Query};
use super::{JsonPath, Step};

/// Parentheses and conditions inside each other.
const MAX_DEPTH: usize = 50;

/// Parses a path.
pub fn parse(path: &str) -> Result<JsonPath, String> {
    let mut parser = Parser { text: path.trim(), at: 0, depth: 0 };
    if !parser.take("$") {
        return Err("a path starts with $".to_owned());
    }
    let steps = parser.steps(false)?;
    Ok(JsonPath { steps })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, String>;

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes this text if it comes next.
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        self.skip_space();
        if self.take(token) { Ok(()) } else { self.fail(&format!("'{token}'")) }
    }

    fn fail<T>(&self, expected: &str) -> Parsed<T> {
        let found = self.rest().chars().next().map_or("the end".to_owned(), |found| format!("'{found}'"));
        Err(format!("{expected} expected at position {} but {found} found", self.at))
    }

    /// Runs a parser one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// The steps up to the end, or inside a condition up to what cannot be one.
    fn steps(&mut self, in_condition: bool) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if self.rest().starts_with(['.', '[']) {
                steps.push(self.step()?);
            } else if in_condition || self.rest().trim().is_empty() {
                return Ok(steps);
            } else {
                return self.fail("'.' or '['");
            }
        }
    }

    fn step(&mut self) -> Parsed<Step> {
        let deep = self.take("..");
        if !deep {
            self.take(".");
        }
        let step = if self.take("[") {
            self.bracket()?
        } else if self.take("*") {
            Step::All
        } else {
            Step::Names(vec![self.name()?])
        };
        Ok(if deep { Step::Deep(Box::new(step)) } else { step })
    }

    /// A name without quotes.
    fn name(&mut self) -> Parsed<String> {
        let stop = |c: char| {
            matches!(c, '.' | '[' | ' ' | '(')
                || self.depth > 0 && matches!(c, ')' | '=' | '!' | '<' | '>' | '&' | '|' | ',')
        };
        let length = self.rest().find(stop).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        if name.is_empty() {
            return self.fail("a name");
        }
        self.at += length;
        match self.rest().chars().next() {
            Some('(') => Err(format!("functions such as {name}() cannot be used")),
            Some(' ') if self.depth == 0 => Err(format!("a name with blanks is written ['{name} …']")),
            _ => Ok(name.to_owned()),
        }
    }

    /// What stands between brackets.
    fn bracket(&mut self) -> Parsed<Step> {
        self.skip_space();
        let step = match self.rest().chars().next() {
            Some('\'' | '"') => {
                let mut names = vec![self.quoted()?];
                self.skip_space();
                while self.take(",") {
                    self.skip_space();
                    names.push(self.quoted()?);
                    self.skip_space();
                }
                Step::Names(names)
            }
            Some('*') => {
                self.take("*");
                Step::All
            }
            Some('?') => {
                self.take("?");
                self.expect("(")?;
                let filter = self.nested(Self::condition)?;
                self.expect(")")?;
                Step::Filter(filter)
            }
            _ => self.positions()?,
        };
        self.expect("]")?;
        Ok(step)
    }

    /// `1`, `1,2`, `1:2`, `:2`, `1:`.
    fn positions(&mut self) -> Parsed<Step> {
        let start = self.integer()?;
        self.skip_space();
        if self.take(":") {
            let stop = self.integer()?;
            if start.is_none() && stop.is_none() {
                return self.fail("a number");
            }
            return Ok(Step::Slice { start, stop, step: 1 });
        }
        let Some(first) = start else { return self.fail("a quoted name, a number, '*' or '?'") };
        let mut indexes = vec![first];
        while self.take(",") {
            match self.integer()? {
                Some(index) => indexes.push(index),
                None => return self.fail("a number"),
            }
            self.skip_space();
        }
        Ok(Step::Indexes(indexes))
    }

    fn integer(&mut self) -> Parsed<Option<i64>> {
        self.skip_space();
        let sign = usize::from(self.rest().starts_with('-'));
        let digits = self.rest()[sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(None);
        }
        let text = &self.rest()[..sign + digits];
        self.at += text.len();
        match text.parse::<i32>() {
            Ok(number) => Ok(Some(i64::from(number))),
            Err(_) => Err(format!("{text} is too large")),
        }
    }

    /// A quoted text; `\` stands before a character that is meant literally.
    fn quoted(&mut self) -> Parsed<String> {
        let Some(quote @ ('\'' | '"')) = self.rest().chars().next() else { return self.fail("a quote") };
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                _ if character == quote => {
                    self.at += at + 1;
                    return Ok(text);
                }
                other => text.push(other),
            }
        }
        Err(format!("the quote at position {} is not closed", self.at))
    }

    fn condition(&mut self) -> Parsed<Filter> {
        let mut filter = self.conjunction()?;
        self.skip_space();
        while self.take("||") {
            filter = Filter::Or(Box::new(filter), Box::new(self.conjunction()?));
            self.skip_space();
        }
        Ok(filter)
    }

    fn conjunction(&mut self) -> Parsed<Filter> {
        let mut filter = self.term()?;
        self.skip_space();
        while self.take("&&") {
            filter = Filter::And(Box::new(filter), Box::new(self.term()?));
            self.skip_space();
        }
        Ok(filter)
    }

    fn term(&mut self) -> Parsed<Filter> {
        self.skip_space();
        if self.take("!") {
            return Ok(Filter::Not(Box::new(self.nested(Self::term)?)));
        }
        if self.take("(") {
            let filter = self.nested(Self::condition)?;
            self.expect(")")?;
            return Ok(filter);
        }
        let left = self.operand()?;
        self.skip_space();
        if let Some(operator) = self.operator() {
            self.skip_space();
            return Ok(Filter::Compare(operator, left, self.operand()?));
        }
        if self.take("=~") {
            return Ok(Filter::Matches(left, self.pattern()?));
        }
        for (word, wanted) in [("in ", true), ("IN ", true), ("nin ", false), ("NIN ", false)] {
            if self.take(word) {
                let filter = Filter::OneOf(left, self.list()?);
                return Ok(if wanted { filter } else { Filter::Not(Box::new(filter)) });
            }
        }
        match left {
            Operand::Query(query) if self.rest().starts_with([')', '&', '|']) => Ok(Filter::Exists(query)),
            _ => self.fail("one of == != < <= > >= =~ in nin"),
        }
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
        tokens.into_iter().find(|(token, _)| self.take(token)).map(|(_, operator)| operator)
    }

    fn operand(&mut self) -> Parsed<Operand> {
        for (token, from_root) in [("@", false), ("$", true)] {
            if self.take(token) {
                let steps = self.nested(|parser| parser.steps(true))?;
                return Ok(Operand::Query(Query { from_root, steps }));
            }
        }
        self.literal().map(Operand::Literal)
    }

    fn literal(&mut self) -> Parsed<Literal> {
        for (word, literal) in [("null", Literal::Null), ("true", Literal::Bool(true)), ("false", Literal::Bool(false))]
        {
            if self.take(word) {
                return Ok(literal);
            }
        }
        if self.rest().starts_with(['\'', '"']) {
            return self.quoted().map(Literal::String);
        }
        let length = self.rest().bytes().take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b)).count();
        let text = &self.rest()[..length];
        if text.parse::<f64>().is_err() {
            return self.fail("@, $, a text, a number, true, false or null");
        }
        self.at += length;
        Ok(Literal::Number(text.to_owned()))
    }

    fn list(&mut self) -> Parsed<Vec<Literal>> {
        self.expect("[")?;
        let mut list = Vec::new();
        self.skip_space();
        while !self.take("]") {
            if !list.is_empty() {
                self.expect(",")?;
                self.skip_space();
            }
            list.push(self.literal()?);
            self.skip_space();
        }
        Ok(list)
    }

    /// `/expression/flags`; the whole text must match.
    fn pattern(&mut self) -> Parsed<Pattern> {
        self.expect("/")?;
        let mut escaped = false;
        let end = self.rest().find(|c: char| {
            let ends = c == '/' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { return Err("the expression after =~ is not closed".to_owned()) };
        let expression = &self.rest()[..end];
        self.at += end + 1;
        let flags: String = self.rest().chars().take_while(char::is_ascii_alphabetic).collect();
        self.at += flags.len();
        let prefix = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
        fancy_regex::Regex::new(&format!(r"{prefix}\A(?:{expression})\z"))
            .map(Pattern)
            .map_err(|error| format!("[{expression}] is not a regular expression: {error}"))
    }
}
