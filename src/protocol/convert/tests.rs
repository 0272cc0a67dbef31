use super::*;
use proptest::prelude::*;

#[test]
fn event_types_and_platforms() {
    assert_eq!(event_type("ev"), Ok("struct"));
    assert_eq!(event_type("ad"), Ok("ad_impression"));
    assert_eq!(event_type("PV"), Err("not recognized as an event type".into()));
    assert_eq!(platform("iot"), Ok("iot"));
    assert_eq!(platform(""), Err("not recognized as a tracking platform".into()));
    assert_eq!(platform("headset"), Err("not recognized as a tracking platform".into()));
}

#[test]
fn uuids_become_lower_case() {
    let arena = Bump::new();
    let upper = "E3793BD1-FCF5-4FBB-BF4C-F0315A5821C3";
    assert_eq!(uuid(upper, &arena), Ok("e3793bd1-fcf5-4fbb-bf4c-f0315a5821c3"));
    for bad in ["", "e3793bd1fcf54fbbbf4cf0315a5821c3", "e3793bd1-fcf5-4fbb-bf4c-f0315a5821cg", "1-2-3-4-5"] {
        assert_eq!(uuid(bad, &arena), Err("not a valid UUID".into()), "{bad}");
    }
}

#[test]
fn integers() {
    let arena = Bump::new();
    let cases =
        [("007", "7"), ("+5", "5"), ("-0", "0"), ("2147483647", "2147483647"), ("٤٥", "45"), ("0", "0"), ("12", "12")];
    for (value, expected) in cases {
        assert_eq!(integer(value, &arena), Ok(Some(expected)), "{value}");
    }
    assert_eq!(integer("NULL", &arena), Ok(None));
    for bad in ["", "2147483648", "1.0", " 1", "a"] {
        assert_eq!(integer(bad, &arena), Err("cannot be converted to java.lang.Integer".into()), "{bad}");
    }
}

#[test]
fn boolean_digits() {
    assert_eq!(boolean_digit("1"), Ok("1"));
    assert_eq!(boolean_digit("true"), Err("cannot be converted to Boolean-like java.lang.Byte".into()));
    assert!(boolean_digit("").is_err());
}

#[test]
fn dimensions_are_two_integers() {
    let arena = Bump::new();
    assert_eq!(dimensions("1024x0768", &arena), Ok(("1024", "768")));
    for bad in ["", "1024X768", "1024x768x2", "1024 x 768", "x", "12x", "١x٢"] {
        let expected = r"does not conform to regex (\d+)x(\d+)";
        assert_eq!(dimensions(bad, &arena), Err(expected.into()), "{bad}");
    }
    let overflow = dimensions("76xxx".replace("xxx", "x2147483648").as_str(), &arena).map(|_| ());
    assert_eq!(overflow, Err("could not be converted to java.lang.Integer s".into()));
}

#[test]
fn timestamps() {
    let arena = Bump::new();
    assert_eq!(timestamp("1390936938855", &arena), Ok((1_390_936_938_855, "2014-01-28 19:22:18.855")));
    assert_eq!(timestamp("+0", &arena), Ok((0, "1970-01-01 00:00:00.000")));
    assert_eq!(timestamp("-62167219200000", &arena).unwrap().1, "0000-01-01 00:00:00.000");
    assert_eq!(timestamp("253402300799999", &arena).unwrap().1, "9999-12-31 23:59:59.999");
    for bad in ["", "abc", "1.5", "9223372036854775808"] {
        assert_eq!(timestamp(bad, &arena), Err("not in the expected format: ms since epoch".into()), "{bad}");
    }
    let far = "formatting as 37179-09-17 07:18:31.111 is not Redshift-compatible";
    assert_eq!(timestamp("1111111111111111", &arena), Err(far.into()));
    assert!(timestamp("-9223372036854775808", &arena).is_err());
}

#[test]
fn collector_timestamps() {
    let arena = Bump::new();
    assert_eq!(collector_timestamp(Some(0), &arena), Ok((0, "1970-01-01 00:00:00.000")));
    assert_eq!(collector_timestamp(None, &arena), Err((None, "should be set".into())));
    let millis = 315_569_520_000_000;
    let (value, expectation) = collector_timestamp(Some(millis), &arena).unwrap_err();
    assert_eq!(value.as_deref(), Some("11970-01-01T00:00:00.000Z"));
    assert_eq!(expectation, "formatted as 11970-01-01 00:00:00.000 is not Redshift-compatible");
}

proptest! {
    #[test]
    fn never_panics(value: String) {
        let arena = Bump::new();
        let _ = uuid(&value, &arena);
        let _ = integer(&value, &arena);
        let _ = dimensions(&value, &arena);
        let _ = timestamp(&value, &arena);
    }

    #[test]
    fn collector_timestamps_never_panic(millis: i64) {
        let arena = Bump::new();
        let in_range = (YEAR_0..=YEAR_9999_END).contains(&millis);
        prop_assert_eq!(collector_timestamp(Some(millis), &arena).is_ok(), in_range);
    }

    #[test]
    fn timestamps_round_trip(millis in YEAR_0..=YEAR_9999_END) {
        let arena = Bump::new();
        let text = timestamp_text(millis, &arena).unwrap();
        prop_assert_eq!(crate::event::time::parse_column_timestamp(text), Some(millis));
    }
}
