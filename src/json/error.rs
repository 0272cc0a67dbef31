//! Why a text is not JSON, in the words of typelevel/jawn v1.2.0.

use super::MAX_DEPTH;

/// Why a text is not JSON. Its `Display` is the reference parser's text, without the `invalid json: ` prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text ends inside a value; the empty text too.
    #[error("exhausted input")]
    Exhausted,
    /// Something else was expected at a position.
    #[error("{what} got {got} (line {line}, column {column})")]
    Unexpected {
        /// For example `expected json value`.
        what: String,
        /// The next up to six characters in quotes, or `eof`.
        got: String,
        /// 1-based; only line feeds between tokens count.
        line: usize,
        /// 1-based, in UTF-16 code units as the JVM counts.
        column: usize,
    },
    /// More than [`MAX_DEPTH`] arrays and objects inside each other. The reference has no such limit.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text is 4 GiB or longer.
    #[error("longer than 4 GiB")]
    TooLong,
}
