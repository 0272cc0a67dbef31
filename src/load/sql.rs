//! Texts and names inside statements.

/// A quoted text. `\` stays as it is: callers that write for Redshift pass texts without it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A quoted identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text that may go between quotes in any dialect: what could end the text or begin an escape becomes `?`.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c == '\'' || c == '\\' || c.is_control() { '?' } else { c }).collect()
}

/// Whether a location may go into a statement of Redshift, which knows no way to escape it in `COPY`.
pub(super) fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| c == '\'' || c == '\\' || c.is_control())
}
