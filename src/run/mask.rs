//! Hides secrets in command lines before they are written anywhere.

const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "secret", "token", "api-key", "apikey", "access-key", "credential"];
const MASK: &str = "***";

/// The arguments with secrets replaced: values of options and URL parameters whose name says so, and passwords in URLs.
pub fn mask_arguments(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut masked = Vec::new();
    let mut hide_next = false;
    for argument in arguments {
        let is_option = argument.starts_with("--");
        if hide_next && !is_option {
            masked.push(MASK.to_owned());
            hide_next = false;
            continue;
        }
        hide_next = is_option && !argument.contains('=') && is_secret(&argument);
        match argument.split_once('=') {
            Some((name, _)) if is_option && is_secret(name) => masked.push(format!("{name}={MASK}")),
            _ => masked.push(mask_url(&argument)),
        }
    }
    masked
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn mask_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let authority = match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{user}:{MASK}@{host}"),
        None => authority.to_owned(),
    };
    let Some((path, query)) = tail.split_once('?') else { return format!("{scheme}://{authority}{tail}") };
    let pairs: Vec<String> = query.split('&').map(mask_pair).collect();
    format!("{scheme}://{authority}{path}?{}", pairs.join("&"))
}

fn mask_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_secret(name) || name.to_ascii_lowercase().contains("signature") => {
            format!("{name}={MASK}")
        }
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(arguments: &[&str]) -> Vec<String> {
        mask_arguments(arguments.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn hides_secrets_and_nothing_else() {
        assert_eq!(masked(&["load", "--password", "pa=ss", "x"]), ["load", "--password", "***", "x"]);
        assert_eq!(masked(&["--iglu-api-key=K", "--resume"]), ["--iglu-api-key=***", "--resume"]);
        assert_eq!(masked(&["--token", "--resume", "x"]), ["--token", "--resume", "x"]);
        assert_eq!(masked(&["postgres://me:pa:s@s@db:5432/x?sslmode=no"]), ["postgres://me:***@db:5432/x?sslmode=no"]);
        assert_eq!(masked(&["https://h/x?X-Amz-Signature=abc&y=1"]), ["https://h/x?X-Amz-Signature=***&y=1"]);
        assert_eq!(masked(&["s3://bucket/a@b:c/d"]), ["s3://bucket/a@b:c/d"]);
    }
}
