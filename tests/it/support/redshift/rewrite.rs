//! Redshift's words in PostgreSQL's, and what Redshift refuses.

use std::sync::LazyLock;

use regex::Regex;

/// Statements of a text, without the semicolons between; quotes and `$$` are respected.
pub fn split(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut current = String::new();
    let mut quote: Option<char> = None;
    let mut dollar = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '$' && rest.peek() == Some(&'$') && quote.is_none() {
            dollar = !dollar;
            rest.next();
            current.push_str("$$");
            continue;
        }
        match (c, quote) {
            ('\'' | '"', None) if !dollar => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            (';', None) if !dollar => {
                statements.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    statements.push(current);
    statements.iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// Why Redshift refuses a statement, if it does. The text is upper case.
pub fn refusal(upper: &str, in_transaction: bool) -> Option<String> {
    if upper.starts_with("VACUUM") && in_transaction {
        return Some("VACUUM cannot run inside a transaction block".to_owned());
    }
    let is_alter = upper.starts_with("ALTER TABLE");
    if is_alter && in_transaction && upper.contains(" ALTER ") && upper.contains(" TYPE ") {
        return Some("ALTER TABLE ALTER COLUMN cannot run inside a transaction block".to_owned());
    }
    if is_alter && in_transaction && upper.contains(" APPEND FROM ") {
        return Some("ALTER TABLE APPEND cannot run inside a transaction block".to_owned());
    }
    if is_alter && upper.contains(" ADD COLUMN ") && upper.contains("NOT NULL") && !upper.contains(" DEFAULT ") {
        return Some("ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression".to_owned());
    }
    None
}

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r",\s*FOREIGN KEY\s*\([^)]*\)\s*REFERENCES\s+\S+?\([^)]*\)", ""),
        (r",\s*CONSTRAINT\s+\w+\s+PRIMARY KEY\s*\([^)]*\)", ""),
        (r"\s+ENCODE\s+\w+", ""),
        (r"\s+DISTSTYLE\s+\w+", ""),
        (r"\s+DISTKEY\s*\([^)]*\)", ""),
        (r"\s+SORTKEY\s*\([^)]*\)", ""),
        (r"\s+PRIMARY KEY", ""),
        (r"\s+UNIQUE", ""),
    ];
    rules.into_iter().map(|(pattern, with)| (Regex::new(pattern).unwrap(), with)).collect()
});

static WORDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r"(?i)\bgetdate\(\)", "(now() at time zone 'utc')"),
        (r"(?i)\bsysdate\b", "(now() at time zone 'utc')"),
        (r"\bMINUS\b", "EXCEPT"),
        (r"^VACUUM SORT ONLY\b", "VACUUM"),
    ];
    rules.into_iter().map(|(pattern, with)| (Regex::new(pattern).unwrap(), with)).collect()
});

/// The statement for PostgreSQL.
pub fn rewrite(statement: &str) -> String {
    let mut text = statement.to_owned();
    if text.starts_with("CREATE TABLE") || text.starts_with("ALTER TABLE") {
        for (pattern, with) in RULES.iter() {
            text = pattern.replace_all(&text, *with).into_owned();
        }
    }
    for (pattern, with) in WORDS.iter() {
        text = pattern.replace_all(&text, *with).into_owned();
    }
    text
}

#[test]
fn statements_are_split_outside_of_quotes() {
    assert_eq!(split("BEGIN; SELECT ';' ;\n; COMMIT"), ["BEGIN", "SELECT ';'", "COMMIT"]);
    assert_eq!(split("DO $$ a; b $$"), ["DO $$ a; b $$"]);
}
