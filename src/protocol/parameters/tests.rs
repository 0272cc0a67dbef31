use proptest::prelude::*;

use super::*;

type Failed = Vec<(String, String, String)>;

fn run<'a>(pairs: &[(&'a str, Option<&'a str>)], arena: &'a Bump) -> (EnrichedEvent<'a>, Parsed<'a>, Failed) {
    let parameters = Parameters::from_pairs(pairs);
    let mut event = EnrichedEvent::default();
    event.set(Column::useragent, Some("header UA"));
    event.set(Column::network_userid, Some("cookie"));
    let mut failures = Vec::new();
    let parsed = apply(&parameters, &mut event, &mut failures, arena);
    let failed = failures
        .into_iter()
        .map(|failure| match failure.message {
            Message::InputData { field, value, expectation } => {
                assert!(failure.enrichment.is_none());
                (field.into_owned(), value.unwrap_or_default().into_owned(), expectation.into_owned())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    (event, parsed, failed)
}

fn column<'a>(pairs: &[(&'a str, &'a str)], column: Column, arena: &'a Bump) -> Option<&'a str> {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, Some(*value))).collect();
    let (event, _, failed) = run(&pairs, arena);
    assert_eq!(failed, []);
    event.get(column)
}

#[test]
fn every_name_is_found_and_only_those() {
    for rule in &RULES {
        assert_eq!(find(rule.name).map(|found| found.name), Some(rule.name));
        assert!(rule.name.len() <= 7);
    }
    for unknown in ["", "E", "tnuid", "evn", "ue_na", "u", "_", "schema", "f_realpx", "f_realplayer", "e\0", "se_c"] {
        assert!(find(unknown).is_none(), "{unknown:?}");
    }
}

#[test]
fn every_text_parameter_reaches_its_column() {
    let table = "aid app_id tv v_tracker tna name_tracker cv v_collector uid user_id duid domain_userid \
                 nuid network_userid tnuid network_userid fp user_fingerprint ua useragent url page_url page page_title \
                 refr page_referrer cs doc_charset cd br_colordepth lang br_lang tz os_timezone se_ca se_category \
                 ev_ca se_category se_ac se_action ev_ac se_action se_la se_label ev_la se_label se_pr se_property \
                 ev_pr se_property tr_id tr_orderid tr_af tr_affiliation tr_ci tr_city tr_st tr_state tr_co tr_country \
                 tr_cu tr_currency ti_id ti_orderid ti_sk ti_sku ti_na ti_name ti_nm ti_name ti_ca ti_category \
                 ti_cu ti_currency ip user_ipaddress";
    check_table(table, "x", "x");
}

#[test]
fn every_number_and_flag_reaches_its_column() {
    check_table(
        "tid txn_id vid domain_sessionidx ti_qu ti_quantity pp_mix pp_xoffset_min pp_max pp_xoffset_max \
         pp_miy pp_yoffset_min pp_may pp_yoffset_max",
        "+07",
        "7",
    );
    check_table(
        "se_va se_value ev_va se_value tr_tt tr_total tr_tx tr_tax tr_sh tr_shipping ti_pr ti_price",
        "1e3",
        "1000",
    );
    check_table(
        "f_pdf br_features_pdf f_fla br_features_flash f_java br_features_java f_dir br_features_director \
         f_qt br_features_quicktime f_realp br_features_realplayer f_wma br_features_windowsmedia \
         f_gears br_features_gears f_ag br_features_silverlight cookie br_cookies",
        "0",
        "0",
    );
    check_table(
        "eid event_id sid domain_sessionid",
        "E3793BD1-FCF5-4FBB-BF4C-F0315A5821C3",
        "e3793bd1-fcf5-4fbb-bf4c-f0315a5821c3",
    );
    check_table(
        "dtm dvce_created_tstamp stm dvce_sent_tstamp ttm true_tstamp",
        "1390936938855",
        "2014-01-28 19:22:18.855",
    );
    check_table("res dvce_screenwidth vp br_viewwidth ds doc_width", "1024x768", "1024");
    check_table("res dvce_screenheight vp br_viewheight ds doc_height", "1024x768", "768");
    check_table("e event", "ue", "unstruct");
    check_table("p platform", "mob", "mob");
    check_table("co contexts ue_pr unstruct_event", " { \"a\" : 1.0 } ", "{\"a\":1.0}");
    check_table("cx contexts ue_px unstruct_event", "eyAiYSI6MX0", "{\"a\":1}");
}

fn check_table(table: &'static str, value: &str, expected: &str) {
    let words: Vec<&str> = table.split_whitespace().collect();
    for pair in words.chunks(2) {
        let arena = Bump::new();
        let target = Column::by_name(pair[1]).expect("a column");
        assert_eq!(column(&[(pair[0], value)], target, &arena), Some(expected), "{}", pair[0]);
    }
}

#[test]
fn absent_empty_and_null_are_three_things() {
    let arena = Bump::new();
    let (event, _, failed) = run(&[("ua", None), ("nuid", Some("")), ("tid", Some("null"))], &arena);
    assert_eq!(failed, []);
    assert_eq!(event.get(Column::useragent), Some("header UA"), "a parameter without value is skipped");
    assert_eq!(event.get(Column::network_userid), None, "an empty text erases");
    assert_eq!(event.get(Column::txn_id), None);
    let (_, _, failed) = run(&[("vid", Some("")), ("e", Some("")), ("co", Some(""))], &arena);
    let names: Vec<&str> = failed.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["vid", "e", "co"]);
    assert_eq!(failed[2].2, "invalid json: exhausted input");
}

#[test]
fn failures_stand_in_the_order_of_the_hash_trie() {
    let arena = Bump::new();
    let names = ["tid", "uid", "lang", "cookie", "res", "page", "refr", "vid", "p", "e"];
    let values = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "lol"];
    let pairs: Vec<_> = names.into_iter().zip(values).map(|(name, value)| (name, Some(value))).collect();
    let (_, _, failed) = run(&pairs, &arena);
    let names: Vec<&str> = failed.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["e", "vid", "res", "cookie", "p", "tid"]);
    let first = ("e".to_owned(), "lol".to_owned(), "not recognized as an event type".to_owned());
    assert_eq!(failed[0], first);
}

#[test]
fn good_columns_survive_bad_ones() {
    let arena = Bump::new();
    let (event, _, failed) = run(&[("e", Some("pv")), ("vid", Some("x")), ("aid", Some("shop"))], &arena);
    assert_eq!(failed.len(), 1);
    assert_eq!(event.get(Column::event), Some("page_view"));
    assert_eq!(event.get(Column::app_id), Some("shop"));
}

#[test]
fn up_to_four_parameters_the_later_one_wins() {
    let arena = Bump::new();
    for (first, second) in [("se_ca", "ev_ca"), ("ev_ca", "se_ca")] {
        assert_eq!(column(&[(first, "1"), (second, "2")], Column::se_category, &arena), Some("2"));
    }
    assert_eq!(column(&[("cx", "MQ"), ("co", "2")], Column::contexts, &arena), Some("2"));
}

#[test]
fn from_five_parameters_on_the_hash_decides() {
    let winners = [
        ("cx", "co", Column::contexts),
        ("ue_px", "ue_pr", Column::unstruct_event),
        ("se_ca", "ev_ca", Column::se_category),
        ("se_ac", "ev_ac", Column::se_action),
        ("ev_la", "se_la", Column::se_label),
        ("ev_pr", "se_pr", Column::se_property),
        ("ev_va", "se_va", Column::se_value),
        ("ti_nm", "ti_na", Column::ti_name),
    ];
    for (winner, loser, target) in winners {
        assert!(hash_order_key(loser) < hash_order_key(winner), "{winner} is visited after {loser}");
        let arena = Bump::new();
        // `MQ` is base64 for `1`; as a plain value it is a text, a number is needed for the others.
        let base64 = winner.ends_with('x');
        let (win, lose) = if base64 { ("MQ", "2") } else { ("1", "2") };
        let others = [("a", "a"), ("b", "b"), ("c", "c")];
        for pair in [[(winner, win), (loser, lose)], [(loser, lose), (winner, win)]] {
            let pairs: Vec<_> = pair.into_iter().chain(others).collect();
            assert_eq!(column(&pairs, target, &arena), Some("1"), "{winner} over {loser}");
        }
    }
}

#[test]
fn a_losing_value_can_still_fail() {
    let arena = Bump::new();
    let others = [("a", Some("a")), ("b", Some("b")), ("c", Some("c"))];
    let pairs: Vec<_> = [("cx", Some("MQ")), ("co", Some("{[-"))].into_iter().chain(others).collect();
    let (event, _, failed) = run(&pairs, &arena);
    let error = "invalid json: expected \" got '[-' (line 1, column 2)";
    assert_eq!(failed, [("co".to_owned(), "{[-".to_owned(), error.to_owned())]);
    assert_eq!(event.get(Column::contexts), Some("1"));
}

#[test]
fn tnuid_comes_last() {
    let arena = Bump::new();
    for pairs in [[("tnuid", "t"), ("nuid", "n")], [("nuid", "n"), ("tnuid", "t")]] {
        assert_eq!(column(&pairs, Column::network_userid, &arena), Some("t"));
    }
    assert_eq!(column(&[("nuid", "n"), ("tnuid", "")], Column::network_userid, &arena), None);
}

#[test]
fn parsed_values_are_handed_on() {
    let arena = Bump::new();
    let pairs = [("co", Some("{\"a\":[1]}")), ("dtm", Some("1")), ("stm", Some("2")), ("ttm", Some("3"))];
    let (_, parsed, _) = run(&pairs, &arena);
    assert_eq!(parsed.contexts.unwrap().get("a").unwrap().len(), 1);
    assert_eq!((parsed.created_millis, parsed.sent_millis, parsed.true_millis), (Some(1), Some(2), Some(3)));
    assert!(parsed.unstruct_event.is_none());
}

proptest! {
    #[test]
    fn never_panics(
        pairs in proptest::collection::vec((0..RULES.len(), proptest::option::of(".{0,20}")), 0..12),
    ) {
        let arena = Bump::new();
        let pairs: Vec<_> = pairs.iter().map(|(at, value)| (RULES[*at].name, value.as_deref())).collect();
        run(&pairs, &arena);
    }

    #[test]
    fn any_name_is_looked_up(name: String) {
        let known = RULES.iter().any(|rule| rule.name == name);
        prop_assert_eq!(find(&name).is_some(), known);
    }
}
