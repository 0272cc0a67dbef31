//! Words for the shell.

/// The word as bash, ksh and zsh read it back: bare if it is harmless, else in single quotes; control characters, which
/// would break the line, as `$'…'`.
pub fn quote(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    // `a=b` in front of a command would be an assignment, `~` a home folder.
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        return ansi_quote(word);
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn ansi_quote(word: &str) -> String {
    let mut quoted = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                // Byte by byte in octal: the shell's own reading of \u depends on its locale.
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    quoted.push_str(&format!("\\{byte:03o}"));
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_words_stay_plain() {
        for (word, expected) in [
            ("s3://b/run=2021-01-01-00-00-00/", "s3://b/run=2021-01-01-00-00-00/"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("~x", "'~x'"),
            ("*", "'*'"),
            ("a\tb\n'\\", r"$'a\tb\n\'\\'"),
        ] {
            assert_eq!(quote(word), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_shell_reads_back_what_was_written(words in proptest::collection::vec("[^\\x00]{0,12}|[ -~]{0,12}", 1..8)) {
            let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
            let line = line.join(" ");
            prop_assert!(!line.contains(['\n', '\t']), "{line:?}");
            let script = format!("printf '%s\\0' {line}");
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            let read: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
            let expected: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).chain([&b""[..]]).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
