use bumpalo::Bump;
use proptest::prelude::*;

use super::*;

/// text, scheme, host, column port, path, query, fragment
type Parts = (String, Option<String>, Option<String>, u32, Option<String>, Option<String>, Option<String>);

fn parts(text: &str) -> Parts {
    let arena = Bump::new();
    let uri = Uri::parse(text, &arena).unwrap_or_else(|error| panic!("{error}"));
    let owned = |part: Option<&str>| part.map(str::to_owned);
    (
        uri.text.into(),
        owned(uri.scheme),
        owned(uri.host),
        uri.column_port(),
        owned(uri.path),
        owned(uri.query),
        owned(uri.fragment),
    )
}

fn expected(
    text: &str,
    scheme: &str,
    host: &str,
    port: u32,
    path: &str,
    query: Option<&str>,
    fragment: Option<&str>,
) -> Parts {
    let some = |part: &str| Some(part.to_owned());
    let owned = |part: Option<&str>| part.map(str::to_owned);
    (text.into(), some(scheme), some(host), port, some(path), owned(query), owned(fragment))
}

fn error(text: &str) -> String {
    let arena = Bump::new();
    Uri::parse(text, &arena).map(|uri| uri.text.to_owned()).expect_err("should not parse")
}

fn strict_error(text: &str) -> String {
    strict::parse(text).map(|_| ()).expect_err("should not parse")
}

#[test]
fn worked_examples() {
    let cases = [
        ("http://a.com/a b?q=1#f", "http://a.com/a%20b?q=1#f", "http", "a.com", 80, "/a%20b", Some("q=1"), Some("f")),
        (
            "https://www.lancs.ac.uk#footer",
            "https://www.lancs.ac.uk#footer",
            "https",
            "www.lancs.ac.uk",
            443,
            "",
            None,
            Some("footer"),
        ),
        ("HTTPS://A.COM/x", "HTTPS://A.COM/x", "HTTPS", "A.COM", 80, "/x", None, None),
        (
            "http://a.com/x:y|z?t=a:b&u=%2Bq+r",
            "http://a.com/x%3Ay%7Cz?t=a%3Ab&u=+q+r",
            "http",
            "a.com",
            80,
            "/x%3Ay%7Cz",
            Some("t=a%3Ab&u=+q+r"),
            None,
        ),
        ("http://a.com/?q=%zz&b=%41", "http://a.com/?q=%25zz&b=A", "http", "a.com", 80, "/", Some("q=%25zz&b=A"), None),
        (
            "http://a.com/${a b}/#x#y",
            "http://a.com/%24%7Ba%20b%7D/#x%23y",
            "http",
            "a.com",
            80,
            "/%24%7Ba%20b%7D/",
            None,
            Some("x%23y"),
        ),
        (
            "android-app://com.google.android.gm/",
            "android-app://com.google.android.gm/",
            "android-app",
            "com.google.android.gm",
            80,
            "/",
            None,
            None,
        ),
        ("http://u:p@a.com:8080/x?", "http://u:p@a.com:8080/x?", "http", "a.com", 8080, "/x", Some(""), None),
        ("http://[::1]:81/x", "http://[::1]:81/x", "http", "[::1]", 81, "/x", None, None),
        ("http://1.2.3.4/", "http://1.2.3.4/", "http", "1.2.3.4", 80, "/", None, None),
        ("http://a.com.:/", "http://a.com.:/", "http", "a.com.", 80, "/", None, None),
        ("http://a.com/é", "http://a.com/é", "http", "a.com", 80, "/é", None, None),
    ];
    for (text, rewritten, scheme, host, port, path, query, fragment) in cases {
        assert_eq!(parts(text), expected(rewritten, scheme, host, port, path, query, fragment), "{text}");
    }
}

#[test]
fn registry_authorities_have_no_host() {
    for text in [
        "http://www.ex_ample.com/a",
        "http://münchen.de/a",
        "http://-a.com/a",
        "http://a_b.com:8081/a",
        "http://a.com:99999999999/a",
        "http://1.2.3.4.5/a",
        "http://a..com/a",
    ] {
        let (rewritten, scheme, host, port, path, ..) = parts(text);
        assert_eq!((rewritten.as_str(), host, port), (text, None, 80), "{text}");
        assert_eq!((scheme.as_deref(), path.as_deref()), (Some("http"), Some("/a")));
    }
}

#[test]
fn relative_and_opaque_texts() {
    let none = || (None, None, 80);
    let (text, scheme, host, port, path, query, fragment) = parts("www.example.com/a?b#c");
    assert_eq!((text.as_str(), (scheme, host, port)), ("www.example.com/a?b#c", none()));
    assert_eq!(
        (path.as_deref(), query.as_deref(), fragment.as_deref()),
        (Some("www.example.com/a"), Some("b"), Some("c"))
    );
    assert_eq!(parts(""), (String::new(), None, None, 80, Some(String::new()), None, None));
    for opaque in ["mailto:a@b", "about:blank", "urn:isbn:123"] {
        let (text, scheme, host, _, path, query, _) = parts(opaque);
        assert_eq!(text, opaque);
        assert_eq!(scheme.as_deref(), opaque.split(':').next());
        assert_eq!((host, path, query), (None, None, None));
    }
    assert_eq!(parts("//a.com/x").2.as_deref(), Some("a.com"));
    assert_eq!(parts("file:///x").4.as_deref(), Some("/x"));
}

#[test]
fn the_strict_grammar_names_what_it_refuses() {
    let cases = [
        ("http://", "Expected authority at index 7: http://"),
        (":a", "Expected scheme name at index 0: :a"),
        ("1a:b", "Illegal character in scheme name at index 0: 1a:b"),
        ("a_b:c", "Illegal character in scheme name at index 1: a_b:c"),
        ("a:", "Expected scheme-specific part at index 2: a:"),
        ("a:b|", "Illegal character in opaque part at index 3: a:b|"),
        ("http://a.com/x|y", "Illegal character in path at index 14: http://a.com/x|y"),
        ("http://a.com/é|y", "Illegal character in path at index 14: http://a.com/é|y"),
        ("http://a.com/?a<b", "Illegal character in query at index 15: http://a.com/?a<b"),
        ("http://a.com/#a#b", "Illegal character in fragment at index 15: http://a.com/#a#b"),
        ("http://a.com/%zz", "Malformed escape pair at index 13: http://a.com/%zz"),
        ("http://a.com/%4", "Malformed escape pair at index 13: http://a.com/%4"),
        ("http://a%zz.com/", "Malformed escape pair at index 8: http://a%zz.com/"),
        ("http://[::1", "Expected closing bracket for IPv6 address at index 11: http://[::1"),
        ("http://[1:2]/", "IPv6 address too short at index 8: http://[1:2]/"),
        ("http://[1:2:3:4:5:6:7:8:9]/", "IPv6 address too long at index 8: http://[1:2:3:4:5:6:7:8:9]/"),
        ("http://[12345::]/", "IPv6 hexadecimal digit sequence too long at index 8: http://[12345::]/"),
        ("http://[::1%]/", "scope id expected at index 12: http://[::1%]/"),
        ("http://a.com/\u{A0}", "Illegal character in path at index 13: http://a.com/\u{A0}"),
        ("http://a.com/\u{2028}", "Illegal character in path at index 13: http://a.com/\u{2028}"),
        ("http://a.com/[x]", "Illegal character in path at index 13: http://a.com/[x]"),
    ];
    for (text, message) in cases {
        assert_eq!(strict_error(text), message, "{text}");
    }
    for good in [
        "http://[1:2:3:4:5:6:7:8]/",
        "http://[1::8]:80/",
        "http://[::]/",
        "http://[::ffff:1.2.3.4]/",
        "http://[1:2:3:4:5:6:1.2.3.4]/",
        "http://[fe80::1%eth_0]/",
        "http://a.com/?[x]#[y]",
        "http://a.com?x",
        "http:///x",
        "http://a.com/;p=1?a;b",
        "a/b:c",
        "?a=b",
        "#f",
    ] {
        assert!(strict::parse(good).is_ok(), "{good}");
    }
}

#[test]
fn the_lenient_way_rewrites() {
    let cases = [
        ("http://a.com/a#{{a}}b/c?d=e", "http://a.com/a#%7B%7Ba%7D%7Db%2Fc%3Fd%3De"),
        ("http://a.com/a[b]c/d?e=f[g]&h", "http://a.com/a%5Bb%5Dc/d?e=f%5Bg%5D&h"),
        ("http://u:p@a.com:080/a|b", "http://u:p@a.com:80/a%7Cb"),
        ("http://001.2.3.4/a|b", "http://1.2.3.4/a%7Cb"),
        ("http://[2001:DB8::1]/a|b", "http://[2001:db8::1]/a%7Cb"),
        ("//a.com/a|b", "//a.com/a%7Cb"),
        ("a|b:c/d", "a%7Cb%3Ac/d"),
        ("foo:bar|baz", "foo:bar%7Cbaz"),
        ("urn:isbn:a/%zz", "urn:isbn:a%2F%25zz"),
        ("http://a.com:x/y", "http://a.com:x/y"),
        ("http://a.com:x/y|z", "http://a.com%3Ax/y%7Cz"),
        ("http://a.com/?a=b=c|d&&e=", "http://a.com/?a=b%3Dc%7Cd&&e="),
        ("http://a.com/é|%C3%A9%FF", "http://a.com/%C3%A9%7C%C3%A9%EF%BF%BD"),
        ("http://a.com/?mail=x@y.com|z", "http://a.com/?mail=x%40y.com%7Cz"),
        ("http://a.com/~a-b_c.d+e|", "http://a.com/~a-b_c.d+e%7C"),
    ];
    for (text, rewritten) in cases {
        assert_eq!(parts(text).0, rewritten, "{text}");
    }
}

#[test]
fn what_nobody_can_parse() {
    assert_eq!(
        error("http://"),
        "Provided URI [http://] could not be parsed, neither by Java parsing (error: [Expected authority at index 7: \
         http://]) nor by Scala parsing (error: [Expected authority at index 7: http://])."
    );
    assert!(error("http://a com|/x").starts_with("Provided URI [http://a com|/x] could not be parsed"));
}

proptest! {
    #[test]
    fn never_panics(text: String) {
        let arena = Bump::new();
        if let Ok(uri) = Uri::parse(&text, &arena) {
            crate::payload::split_uri_query(uri.query.unwrap_or_default(), crate::payload::Charset::Utf8, &arena);
        }
    }

    #[test]
    fn never_panics_on_what_looks_like_a_uri(text in "(http|https|a)?:?(//)?[a-z0-9.:@\\[\\]%é _-]{0,20}[/?#a-z%|&=;\\[\\]é ]{0,30}") {
        let arena = Bump::new();
        if let Ok(uri) = Uri::parse(&text, &arena) {
            // What was rewritten once stays as it is.
            let again = Uri::parse(uri.text, &arena).unwrap();
            prop_assert_eq!(again, uri);
        }
    }

    #[test]
    fn ordinary_urls_are_taken_apart(
        scheme in "https?",
        host in "[a-z]{1,8}(\\.[a-z]{2,8}){1,2}",
        port in proptest::option::of(1u32..65536),
        path in "(/[a-zA-Z0-9_.~-]{0,8}){0,4}",
        query in proptest::option::of("[a-z]{1,5}=[a-zA-Z0-9+_.-]{0,9}(&[a-z]{1,5}=%[0-9A-F]{2}){0,3}"),
        fragment in proptest::option::of("[a-z0-9/?]{0,9}"),
    ) {
        let arena = Bump::new();
        let port_text = port.map(|p| format!(":{p}")).unwrap_or_default();
        let query_text = query.as_ref().map(|q| format!("?{q}")).unwrap_or_default();
        let fragment_text = fragment.as_ref().map(|f| format!("#{f}")).unwrap_or_default();
        let text = format!("{scheme}://{host}{port_text}{path}{query_text}{fragment_text}");
        let uri = Uri::parse(&text, &arena).unwrap();
        prop_assert_eq!(uri.text, text.as_str());
        prop_assert_eq!(uri.scheme, Some(scheme.as_str()));
        prop_assert_eq!(uri.host, Some(host.as_str()));
        prop_assert_eq!(uri.port, port);
        prop_assert_eq!(uri.path, Some(path.as_str()));
        prop_assert_eq!(uri.query, query.as_deref());
        prop_assert_eq!(uri.fragment, fragment.as_deref());
    }
}
