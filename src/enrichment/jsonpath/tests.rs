use bumpalo::Bump;
use proptest::prelude::*;

use super::*;
use crate::json;

const STORE: &str = r#"{"store":{"book":[
    {"category":"reference","author":"Nigel Rees","price":8.95},
    {"category":"fiction","author":"Evelyn Waugh","price":12.99},
    {"category":"fiction","author":"Herman Melville","isbn":"0-553-21311-3","price":8.99},
    {"category":"fiction","author":"J. R. R. Tolkien","isbn":"0-395-19395-8","price":22.99}],
    "bicycle":{"color":"red","price":19.95},"unicorns":[]},"user-id":7,"a b":{"it's":1,"x":{"x":2}}}"#;

fn texts(path: &JsonPath, document: &str) -> Vec<String> {
    let arena = Bump::new();
    let document = json::parse(document, &arena).unwrap();
    path.find(document).iter().map(|hit| hit.value.source().to_owned()).collect()
}

fn gatling(path: &str) -> Vec<String> {
    texts(&parse_gatling(path).unwrap_or_else(|error| panic!("{path}: {error}")), STORE)
}

fn jayway(path: &str) -> Vec<String> {
    texts(&parse_jayway(path).unwrap_or_else(|error| panic!("{path}: {error}")), STORE)
}

#[test]
fn both_dialects_agree_on_most_paths() {
    for (path, expected) in [
        ("$.store.book[1].price", "12.99"),
        ("$.store.book[5].price", ""),
        ("$.store.unicorns", "[]"),
        ("$.user-id", "7"),
        ("$['user-id']", "7"),
        ("$[\"a b\"]['it\\'s']", "1"),
        ("$.store.bicycle['color','price','nope']", "\"red\" 19.95"),
        ("$.store.book[-1].price", "22.99"),
        ("$.store.book[0,2,9].price", "8.95 8.99"),
        ("$.store.book[1:3].price", "12.99 8.99"),
        ("$.store.book[:2].price", "8.95 12.99"),
        ("$.store.book[-2:].price", "8.99 22.99"),
        ("$.store.book[*].isbn", "\"0-553-21311-3\" \"0-395-19395-8\""),
        ("$.store.bicycle.*", "\"red\" 19.95"),
        ("$.store.book[?(@.isbn)].price", "8.99 22.99"),
        ("$.store.book[?(@.price < 10)].price", "8.95 8.99"),
        ("$.store.book[?(@.price >= 12.99 && @.category == 'fiction')].price", "12.99 22.99"),
        ("$.store.book[?(@.category == 'reference' || @.price > 20)].price", "8.95 22.99"),
        ("$.store.book[?(@.price == $.store.book[0].price)].price", "8.95"),
        ("$.store.book[?(@.category != 'fiction')].price", "8.95"),
        ("$..color", "\"red\""),
        ("$.nope.nope[0]", ""),
    ] {
        assert_eq!(gatling(path).join(" "), expected, "{path}");
        assert_eq!(jayway(path).join(" "), expected, "{path}");
    }
}

#[test]
fn gatling_only() {
    for (path, expected) in [
        ("$ . store . bicycle [ 'color' ]", "\"red\""),
        ("$.store.book[3:1:-1].price", "22.99 8.99"),
        ("$.store.book[::2].price", "8.95 8.99"),
        ("$.store.book[::-1].price", "22.99 8.99 12.99 8.95"),
        ("$.store.book.*", ""),
        ("$.store.bicycle[*]", ""),
        ("$['a b']..x", "{\"x\":2}"),
        ("$.store.bicycle['*']", "\"red\" 19.95"),
        ("$.store.bicycle[?(@.color == \"red\")].price", "19.95"),
        ("$..[?(@.price > 20)].author", "\"J. R. R. Tolkien\""),
        ("$.store.book[?(10 < @.price)].price", "12.99 22.99"),
    ] {
        assert_eq!(gatling(path).join(" "), expected, "{path}");
    }
    assert_eq!(gatling("$..*").len(), 30);
    assert_eq!(gatling("$['a b']..*").len(), 4);
}

#[test]
fn gatling_errors_are_those_of_the_reference() {
    for (path, expected) in [
        (".notJsonPath", "'$' expected but '.' found"),
        ("$.store.book[a]", "':' expected but 'a' found"),
        ("*.invalidJsonPath", "'$' expected but '*' found"),
        ("", "'$' expected but end of source found"),
    ] {
        assert_eq!(parse_gatling(path).unwrap_err(), expected, "{path}");
    }
    for path in ["$.", "$['a'", "$x", "$.a b", "$[99999999999]", "$[?(@.a = 1)]"] {
        assert!(parse_gatling(path).is_err(), "{path}");
    }
}

#[test]
fn jayway_only() {
    for (path, expected) in [
        ("$.store.bicycle.['color', 'price']", "\"red\" 19.95"),
        ("$.store.bicycle[*]", "\"red\" 19.95"),
        ("$['a b']..x", "{\"x\":2} 2"),
        ("$.store.book[?(@.author =~ /.*rees/i)].price", "8.95"),
        ("$.store.book[?(@.category in ['reference', 'x'])].price", "8.95"),
        ("$.store.book[?(@.category nin ['reference'])].price", "12.99 8.99 22.99"),
        ("$.store.book[?(!(@.isbn) && @.price)].price", "8.95 12.99"),
        ("$.store.book[?( ( @.price > 20 ) )].price", "22.99"),
        ("$..[0].author", "\"Nigel Rees\""),
        ("$.store..price", "8.95 12.99 8.99 22.99 19.95"),
    ] {
        assert_eq!(jayway(path).join(" "), expected, "{path}");
    }
    for path in ["a", "$.", "$..", "$.a b", "$[a]", "$['a'", "$.a.length()", "$[?(@.a ~ 1)]", "$[0:1:2]", "$x", "$[:]"]
    {
        assert!(parse_jayway(path).is_err(), "{path}");
    }
    assert_eq!(parse_jayway("$").unwrap().steps, []);
}

#[test]
fn hits_know_whether_they_are_elements() {
    let arena = Bump::new();
    let document = json::parse(r#"{"a":["x",{"b":"y"}]}"#, &arena).unwrap();
    let kinds = |path: &str| -> Vec<bool> {
        parse_jayway(path).unwrap().find(document).iter().map(|hit| hit.is_element).collect()
    };
    assert_eq!(kinds("$.a"), [false]);
    assert_eq!(kinds("$.a[0]"), [true]);
    assert_eq!(kinds("$.a[*]"), [true, true]);
    assert_eq!(kinds("$.a[*].b"), [false]);
}

#[test]
fn results_are_wrapped() {
    let arena = Bump::new();
    let document = json::parse("[1,2]", &arena).unwrap();
    let wrapped = |path: &str| parse_gatling(path).unwrap().find_wrapped(document);
    assert!(matches!(wrapped("$[2]"), Wrapped::Nothing));
    assert!(matches!(wrapped("$[0]"), Wrapped::One(value) if value.source() == "1"));
    assert!(matches!(wrapped("$[*]"), Wrapped::Many(values) if values.len() == 2));
}

proptest! {
    #[test]
    fn parsing_and_finding_never_panic(
        path in "\\$(\\.|\\.\\.|\\[|\\]|\\*|\\?\\(|\\)|@|'|\"|\\\\|,|:|-|[0-9]|a|&&|\\|\\||==|!|=~|/| |in |é){0,16}",
        document in "(\\{\"a\":(1|\\[1,\\{\"a\":2\\}\\]|\\{\"a\":\"x\"\\})\\}|\\[\\[0,1\\],2\\])",
    ) {
        for path in [parse_gatling(&path), parse_jayway(&path)].into_iter().flatten() {
            texts(&path, &document);
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_run(depth in 40usize..3000) {
        let nested = format!("$[?({}", "(".repeat(depth));
        prop_assert!(parse_jayway(&nested).is_err());
        let nested = format!("${}", "[?(@".repeat(depth));
        prop_assert!(parse_jayway(&nested).is_err());
        prop_assert!(parse_gatling(&nested).is_err());
    }
}
