//! Regular expressions of `java.util.regex`, translated.
//!
//! Facts: the syntax of `java.util.regex.Pattern` without flags. Where the two engines read the same text differently
//! (`$` before a final line end, `.`, `\d`, `\w`, `\s`, POSIX classes), the Java reading is written out. What the
//! linear-time engine cannot do (look-around, back references, possessive quantifiers) goes to the backtracking one.

/// A compiled pattern; matching means finding it anywhere, as the reference does.
#[derive(Debug)]
pub(super) struct Pattern {
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// Steps after which the backtracking engine gives up and the text counts as not matching.
const BACKTRACK_LIMIT: usize = 1_000_000;

impl Pattern {
    /// Compiles a Java pattern; the error is the engine's text.
    pub(super) fn compile(java: &str) -> Result<Pattern, String> {
        let translated = translate(java);
        let linear = if is_possessive(java) { None } else { regex::Regex::new(&translated).ok() };
        match linear {
            Some(regex) => Ok(Pattern { engine: Engine::Linear(regex) }),
            None => fancy_regex::RegexBuilder::new(&translated)
                .backtrack_limit(BACKTRACK_LIMIT)
                .build()
                .map(|regex| Pattern { engine: Engine::Backtracking(Box::new(regex)) })
                .map_err(|error| error.to_string()),
        }
    }

    /// Compiles a Java pattern that must match whole texts.
    pub(super) fn compile_whole(java: &str) -> Result<Pattern, String> {
        let translated = format!(r"\A(?:{})\z", translate(java));
        let regex = regex::Regex::new(&translated).map_err(|error| error.to_string())?;
        Ok(Pattern { engine: Engine::Linear(regex) })
    }

    /// Whether the pattern occurs in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

/// `$`: at the end, or before a line end that is the last thing. The line end may be consumed: only its absence or
/// presence matters to a search.
const END: &str = r"(?:(?:\r\n|[\n\r\u{85}\u{2028}\u{2029}])?\z)";
const DOT: &str = r"[^\n\r\u{85}\u{2028}\u{2029}]";

/// Whether there is a possessive quantifier (`a*+`), which the linear engine would read as a repeated repetition.
fn is_possessive(java: &str) -> bool {
    let mut in_class = false;
    let mut after_quantifier = false;
    let mut chars = java.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '+' if after_quantifier && !in_class => return true,
            _ => {}
        }
        after_quantifier = !in_class && !after_quantifier && matches!(c, '*' | '+' | '?' | '}');
    }
    false
}

fn translate(java: &str) -> String {
    let mut out = String::with_capacity(java.len() + 16);
    let mut chars = java.chars().peekable();
    let mut class_depth = 0_u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' => translate_escape(&mut chars, class_depth > 0, &mut out),
            '[' => {
                class_depth += 1;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                // Java has no empty class: a bracket right after the opening one is a literal.
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            ']' if class_depth > 0 => {
                class_depth -= 1;
                out.push(']');
            }
            // Rust reads `--` and `~~` inside classes as set operations. To Java the first hyphen is a literal at the
            // start of a class and else makes a range that ends in the second.
            '-' if class_depth > 0 && chars.peek() == Some(&'-') => {
                if out.ends_with(['[', '^']) {
                    out.push_str("\\-");
                } else {
                    chars.next();
                    out.push_str("-\\-");
                }
            }
            '~' if class_depth > 0 => out.push_str("\\~"),
            '.' if class_depth == 0 => out.push_str(DOT),
            '$' if class_depth == 0 => out.push_str(END),
            _ => out.push(c),
        }
    }
    out
}

fn translate_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, in_class: bool, out: &mut String) {
    let Some(escaped) = chars.next() else {
        out.push('\\');
        return;
    };
    // Inside a class a set becomes a nested class, which both engines know; a hyphen after it makes no range.
    let set = |members: &str, negated: bool, out: &mut String| {
        out.push_str(if negated { "[^" } else { "[" });
        out.push_str(members);
        out.push(']');
    };
    match escaped {
        'd' => set("0-9", false, out),
        'D' => set("0-9", true, out),
        'w' => set("a-zA-Z0-9_", false, out),
        'W' => set("a-zA-Z0-9_", true, out),
        's' => set(r" \t\n\x0B\x0C\r", false, out),
        'S' => set(r" \t\n\x0B\x0C\r", true, out),
        'h' => set(HORIZONTAL, false, out),
        'H' => set(HORIZONTAL, true, out),
        'v' => set(VERTICAL, false, out),
        'V' => set(VERTICAL, true, out),
        'p' | 'P' => match posix_class(chars) {
            Ok(members) => set(members, escaped == 'P', out),
            Err(()) => {
                out.push('\\');
                out.push(escaped);
            }
        },
        'Z' => out.push_str(END),
        'e' => out.push_str(r"\x1B"),
        'R' => out.push_str(r"(?:\r\n|[\n\x0B\x0C\r\u{85}\u{2028}\u{2029}])"),
        'Q' => quoted(chars, out),
        // Java ignores a backslash before any other non-letter; Rust refuses it before some.
        c if !c.is_ascii_alphanumeric() => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        c => {
            out.push('\\');
            out.push(c);
        }
    }
    if in_class && "dDwWsShHvVpP".contains(escaped) && chars.peek() == Some(&'-') {
        chars.next();
        out.push_str("\\-");
    }
}

const HORIZONTAL: &str = r" \t\u{A0}\u{1680}\u{180e}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}";
const VERTICAL: &str = r"\n\x0B\x0C\r\u{85}\u{2028}\u{2029}";

/// `\Q…\E`: everything up to `\E` is literal.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            return;
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }
}

/// Reads `{Name}` if it is one of Java's POSIX classes, which are ASCII only; reads nothing otherwise.
fn posix_class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<&'static str, ()> {
    let rest: String = chars.clone().take(10).collect();
    let name = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(name, _)| name).ok_or(())?;
    let members = match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r"!-/:-@\[-`{-\~",
        "Graph" => r"!-\~",
        "Print" => r" -\~",
        "Blank" => r" \t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => r" \t\n\x0B\x0C\r",
        _ => return Err(()),
    };
    for _ in 0..name.len() + 2 {
        chars.next();
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
    }

    #[test]
    fn ends_lie_before_a_final_line_end() {
        assert!(finds("^a$", "a\n"));
        assert!(finds("^a$", "a\r\n"));
        assert!(!finds("^a$", "a\nb"));
        assert!(!finds("^a$", "a\n\n"));
        assert!(finds("a$|b$", "b"));
        assert!(!finds(r"^a\z", "a\n"));
        assert!(finds(r"^a\Z", "a\n"));
    }

    #[test]
    fn classes_are_ascii_as_in_java() {
        assert!(!finds(r"^\d$", "\u{663}"));
        assert!(!finds(r"^\w$", "é"));
        assert!(finds(r"^\W$", "é"));
        assert!(finds(r"^[\d\s]+$", "1 2"));
        assert!(finds(r"^[^\D]+$", "12"));
        assert!(finds(r"^\p{Alpha}\p{L}$", "aé"));
        assert!(!finds(r"^\p{Alpha}$", "é"));
        assert!(!finds("^.$", "\r"));
    }

    #[test]
    fn odd_syntax_compiles() {
        assert!(finds(
            "^iglu:[a-zA-Z0-9-_.]+/[a-zA-Z0-9-_]+/[a-zA-Z0-9-_]+/[0-9]+-[0-9]+-[0-9]+$",
            "iglu:a.b-c/d_e/f/1-0-0"
        ));
        assert!(finds(r"^a\/b\_\<\-$", "a/b_<-"));
        assert!(finds("^[]a]+$", "]a"));
        assert!(finds("^[+--]+$", "+,-"));
        assert!(finds(r"^[\w-.]+@[\w-\.]+\.[\w-/]+$", "a-b.c@d-e.f.g/h"));
        assert!(!finds(r"^a*+a$", "aaa"));
        assert!(finds(r"^[*+]+$", "*+"));
        assert!(finds("^[--0]+$", "-./0"));
        assert!(finds("^[~~a]+$", "~a"));
        assert!(finds(r"^(?=a)\w++$", "ab"));
        assert!(finds(r"^(a)\1$", "aa"));
        assert!(finds(r"^\Qa.b\E$", "a.b"));
        assert!(!finds(r"^\Qa.b\E$", "axb"));
        assert!(finds("^[\\w.%+-]+@[\\w.-]+$", "a.b+c@d.e"));
        assert!(finds(r"^[\u0041-\u005a]+$", "AZ"));
        assert!(Pattern::compile("(a").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "[a-z0-9\\\\\\[\\](){}^$.*+?|~&-]{0,20}", text in ".{0,20}") {
            if let Ok(pattern) = Pattern::compile(&pattern) {
                pattern.is_match(&text);
            }
        }
    }
}
