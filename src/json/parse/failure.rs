//! What is said of text that is no JSON.

use super::Parser;
use crate::json::ParseError;

impl Parser<'_, '_> {
    pub(super) fn expected(&self, what: &str) -> Box<ParseError> {
        self.expected_at(what, self.at)
    }

    pub(super) fn expected_at(&self, what: &str, at: usize) -> Box<ParseError> {
        self.unexpected(what.to_owned(), at, 6)
    }

    pub(super) fn unexpected(&self, what: String, at: usize, width: usize) -> Box<ParseError> {
        let rest = &self.text[floor_boundary(self.text, at)..];
        let got = if rest.is_empty() {
            "eof".to_owned()
        } else {
            let units: Vec<u16> = rest.encode_utf16().take(width + 1).collect();
            let shown = String::from_utf16_lossy(&units[..units.len().min(width)]);
            if units.len() > width { format!("'{shown}...'") } else { format!("'{shown}'") }
        };
        let column = self.text[self.line_start..floor_boundary(self.text, at)].encode_utf16().count() + 1;
        Box::new(ParseError::Unexpected { what, got, line: self.line + 1, column })
    }
}

#[cold]
pub(super) fn exhausted() -> Box<ParseError> {
    Box::new(ParseError::Exhausted)
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
