use super::*;
use proptest::prelude::*;

fn line(count: usize, set: &[(Column, &str)]) -> String {
    let mut columns = vec![String::new(); count];
    for (column, text) in set {
        columns[*column as usize] = (*text).into();
    }
    columns.join("\t")
}

const REQUIRED: [(Column, &str); 4] = [
    (Column::collector_tstamp, "2013-11-26 00:03:57.885"),
    (Column::event_id, "c6ef3124-b53a-4b13-a233-0088f79dcbcb"),
    (Column::v_collector, "ssc"),
    (Column::v_etl, "etl"),
];

fn errors_of(set: &[(Column, &str)]) -> Vec<(Column, String)> {
    let mut all = REQUIRED.to_vec();
    all.extend_from_slice(set);
    let text = line(COLUMN_COUNT, &all);
    let arena = Bump::new();
    let event = split_tsv(&text).unwrap();
    match decode(&event, &arena) {
        Ok(_) => vec![],
        Err(errors) => errors.into_iter().map(|e| (e.column, e.message.into_owned())).collect(),
    }
}

#[test]
fn lines_of_every_age() {
    assert_eq!(split_tsv("not a tsv").err(), Some(ReadError::NotTsv));
    assert_eq!(split_tsv("").err(), Some(ReadError::NotTsv));
    assert_eq!(split_tsv("a\tb").err(), Some(ReadError::ColumnCount(2)));
    assert_eq!(split_tsv(&line(132, &[])).err(), Some(ReadError::ColumnCount(132)));
    for count in KNOWN_COLUMN_COUNTS {
        let text = line(count, &[(Column::app_id, "shop"), (Column::platform, "\"\""), (Column::doc_height, "9")]);
        let event = split_tsv(&text).unwrap();
        assert_eq!(event.get(Column::app_id), Some("shop"));
        assert_eq!(event.get(Column::platform), None, "a quoted nothing is null");
        assert_eq!(event.get(Column::doc_height), Some("9"));
        assert_eq!(event.get(Column::true_tstamp), None);
    }
}

#[test]
fn writing_gives_the_line_back() {
    let mut text = line(COLUMN_COUNT, &[(Column::app_id, "a"), (Column::true_tstamp, "z")]);
    let mut out = Vec::new();
    split_tsv(&text).unwrap().write_tsv(&mut out);
    text.push('\n');
    assert_eq!(out, text.as_bytes());
}

#[test]
fn every_column_with_a_type_is_checked() {
    for column in ALL_COLUMNS {
        let found: Vec<Column> = errors_of(&[(column, "neither nor")]).into_iter().map(|(column, _)| column).collect();
        let takes_any = column != Column::event_id && matches!(column.info().kind, ColumnType::Text | ColumnType::Uuid);
        assert_eq!(found, if takes_any { vec![] } else { vec![column] });
    }
}

#[test]
fn required_columns() {
    let text = line(COLUMN_COUNT, &[]);
    let arena = Bump::new();
    let errors = decode(&split_tsv(&text).unwrap(), &arena).unwrap_err();
    let messages: Vec<&str> = errors.iter().map(|e| e.message.as_ref()).collect();
    assert_eq!(
        messages,
        [
            "Field collector_tstamp cannot be empty",
            "Field event_id cannot be empty",
            "Field v_collector cannot be empty",
            "Field v_etl cannot be empty",
        ]
    );
    assert_eq!(errors[0].value, "");
}

#[test]
fn every_type_has_its_error() {
    let bad = [
        (Column::dvce_created_tstamp, "x", "Cannot parse key dvce_created_tstamp into datetime"),
        (Column::txn_id, "1.0", "Cannot parse key txn_id into integer"),
        (Column::geo_latitude, "north", "Cannot parse key geo_latitude into double"),
        (Column::se_value, "1,5", "Cannot parse key se_value into double"),
        (Column::br_cookies, "true", "Cannot parse key br_cookies into boolean"),
    ];
    let set: Vec<(Column, &str)> = bad.iter().map(|(column, text, _)| (*column, *text)).collect();
    let expected: Vec<(Column, String)> = bad.iter().map(|(column, _, error)| (*column, (*error).into())).collect();
    assert_eq!(errors_of(&set), expected);
    let event_id = [(Column::event_id, "z")];
    assert_eq!(errors_of(&event_id), [(Column::event_id, "Cannot parse key event_id into UUID".into())]);
    let good = [
        (Column::event_id, "1-2-3-4-5"),
        (Column::txn_id, "-5"),
        (Column::se_value, "1E-7"),
        (Column::br_cookies, "0"),
        (Column::dvce_created_tstamp, "2013-11-26 00:02:05"),
        (Column::domain_sessionid, "not checked"),
    ];
    assert_eq!(errors_of(&good), []);
}

#[test]
fn timestamps_as_java_reads_them() {
    for text in [
        "2020-02-29 00:00:00.123456789",
        "2020-01-01 24:00:00",
        "2020-01-01T00:00:00.",
        "+12020-01-01 00:00:00",
        "-0001-01-01 00:00:00",
        "2016-12-31 23:59:60",
    ] {
        assert_eq!(errors_of(&[(Column::true_tstamp, text)]), [], "{text}");
    }
    for text in [
        "2020-02-30 00:00:00",
        "2020-01-01",
        "2020-01-01 00:00",
        "2020-01-01 00:00:00Z",
        "12020-01-01 00:00:00",
        "-0000-01-01 00:00:00",
        "2020-01-01 24:00:01",
        "2020-01-01  00:00:00",
    ] {
        assert_eq!(errors_of(&[(Column::true_tstamp, text)]).len(), 1, "{text}");
    }
}

#[test]
fn json_columns() {
    let contexts = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-7","data":[{"schema":"iglu:a/b/jsonschema/1-0-0","data":{"n":1}}]}"#;
    let unstruct = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:a/c/jsonschema/1-0-0","data":{}}}"#;
    let mut all = REQUIRED.to_vec();
    all.extend([(Column::contexts, contexts), (Column::unstruct_event, unstruct)]);
    let text = line(COLUMN_COUNT, &all);
    let arena = Bump::new();
    let entities = decode(&split_tsv(&text).unwrap(), &arena).unwrap().entities;
    assert_eq!(entities.contexts.len(), 1);
    assert_eq!(entities.contexts[0].key.name, "b");
    assert_eq!(entities.unstruct_event.unwrap().key.name, "c");
    assert!(entities.derived_contexts.is_empty());

    let failures = [
        ("{", "ParsingFailure: exhausted input"),
        ("{}", "DecodingFailure at : INVALID_DATA_PAYLOAD"),
        (r#"{"schema":"x","data":[]}"#, "DecodingFailure at : INVALID_IGLUURI"),
        (unstruct, "Unknown payload: iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"),
        (
            r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":{}}"#,
            "DecodingFailure at : C[A]",
        ),
        (
            r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[1]}"#,
            "DecodingFailure at [0]: INVALID_DATA_PAYLOAD",
        ),
    ];
    for (json, message) in failures {
        let found = errors_of(&[(Column::derived_contexts, json)]);
        assert_eq!(found, [(Column::derived_contexts, message.to_owned())]);
    }
}

proptest! {
    #[test]
    fn never_panics(texts in proptest::collection::vec("[ -~éT:.+-]{0,24}", COLUMN_COUNT)) {
        let text = texts.join("\t");
        let arena = Bump::new();
        let event = split_tsv(&text).unwrap();
        let _ = decode(&event, &arena);
    }

    #[test]
    fn any_line_is_cut_or_refused(text: String) {
        let columns = text.split('\t').count();
        prop_assert_eq!(split_tsv(&text).is_ok(), KNOWN_COLUMN_COUNTS.contains(&columns));
    }
}
