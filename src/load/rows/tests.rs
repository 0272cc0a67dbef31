use proptest::prelude::*;

use super::*;
use crate::storage::{Location, StorageOptions};

fn field(ty: ColumnType, width: Option<u32>) -> Field {
    Field { name: "c".into(), ty, width, pointers: Vec::new() }
}

fn value(text: &str, ty: ColumnType) -> Result<Option<String>, ValueError> {
    normal_value(text, &field(ty, None)).map(|(value, _)| value.map(Cow::into_owned))
}

type Rows = Vec<Vec<Option<String>>>;

fn read(content: &[u8], shape: &RowShape) -> Result<(Rows, RowStats), LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("part-0");
    std::fs::write(&path, content).unwrap();
    let storage = Storage::new(StorageOptions::default());
    let files = storage.list(&[Location::Local(path)]).unwrap();
    let mut rows = Vec::new();
    let stats = each_row(&storage, &files, shape, &mut |fields, _| {
        rows.push(fields.iter().map(|field| field.map(str::to_owned)).collect());
        Ok(())
    })?;
    Ok((rows, stats))
}

fn shape(columns: usize, nulls: Nulls) -> RowShape {
    let fields = vec![field(ColumnType::Varchar(10), Some(10)); columns];
    RowShape { table: "t".into(), fields, json: false, nulls }
}

#[test]
fn the_worked_example_of_nulls() {
    let line = b"a\\b\t\\N\t\\\\N\t\tx\n";
    let texts = |nulls| read(line, &shape(5, nulls)).unwrap().0.remove(0);
    let owned = |row: [Option<&str>; 5]| row.map(|field| field.map(str::to_owned)).to_vec();
    assert_eq!(texts(Nulls::BackslashN), owned([Some("a\\b"), None, Some("\\N"), Some(""), Some("x")]));
    assert_eq!(texts(Nulls::Empty), owned([Some("a\\b"), Some("\\N"), Some("\\\\N"), None, Some("x")]));
    assert_eq!(texts(Nulls::Both), owned([Some("a\\b"), None, Some("\\N"), None, Some("x")]));
}

#[test]
fn short_rows_are_filled_and_long_ones_refused() {
    let (rows, stats) = read(b"a\nb\tc", &shape(3, Nulls::Empty)).unwrap();
    assert_eq!(rows[0], [Some("a".to_owned()), None, None]);
    assert_eq!(rows[1], [Some("b".to_owned()), Some("c".to_owned()), None]);
    assert_eq!(stats, RowStats { rows: 2, repaired: 0 });
    let error = read(b"a\nb\tc\n", &shape(1, Nulls::Empty)).unwrap_err().to_string();
    assert!(error.contains("part-0, line 2: Extra column(s) found: 2 fields"), "{error}");
}

#[test]
fn nul_and_broken_utf8_are_repaired_and_counted() {
    let (rows, stats) = read(b"a\0b\nfine\n\xffx\xe2\x82\n", &shape(1, Nulls::Empty)).unwrap();
    let texts: Vec<_> = rows.iter().map(|row| row[0].as_deref().unwrap()).collect();
    assert_eq!(texts, ["ab", "fine", "?x??"]);
    assert_eq!(stats, RowStats { rows: 3, repaired: 2 });
}

#[test]
fn json_rows() {
    let mut shape = shape(12, Nulls::BackslashN);
    shape.json = true;
    let pointer = |names: &[&str]| {
        vec![Pointer(names.iter().map(|name| crate::ddl::Step::Property((*name).to_owned())).collect())]
    };
    shape.fields[9].pointers = pointer(&["a", "b"]);
    shape.fields[10].pointers = pointer(&["list"]);
    shape.fields[11].pointers = pointer(&["none"]);
    let line = br#"{"schema":{"vendor":"v","name":"n","format":"jsonschema","version":"1-0-0"},"data":{"a":{"b":true},"list":[1,"x\ty"]},"hierarchy":{"rootId":"i","rootTstamp":"2014-05-29 18:16:35.000","refRoot":"events","refTree":["events","n"],"refParent":"events"}}"#;
    let (rows, _) = read(line, &shape).unwrap();
    let row: Vec<&str> = rows[0].iter().map(|field| field.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(
        row[4..],
        ["i", "2014-05-29 18:16:35.000", "events", r#"["events","n"]"#, "events", "1", r#"[1,"x\ty"]"#, "NULL"]
    );
    assert!(read(b"nonsense\n", &shape).unwrap_err().to_string().contains("line 1: no JSON"));
}

#[test]
fn values() {
    use ColumnType::{BigInt, Boolean, Date, Double, Int, Money, SmallInt, Timestamp};
    let text = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(value("", Int), Ok(None));
    assert_eq!(value("-12", Int), text("-12"));
    assert!(value("40000", SmallInt).is_err() && value("x", BigInt).is_err() && value("1.5", Int).is_err());
    assert_eq!(value("true", Boolean), text("1"));
    assert_eq!(value("1.0E7", Double), text("1.0E7"));
    assert_eq!(value("1.0E7", Money), text("10000000"));
    assert_eq!(value("-1.5E-4", Money), text("-0.00"));
    assert_eq!(value("10.509", Money), text("10.50"));
    assert_eq!(value("2014-05-29 18:16:35.639", Timestamp), text("2014-05-29 18:16:35.639"));
    assert_eq!(value("2020-01-01T10:00:00+02:00", Timestamp), text("2020-01-01 08:00:00"));
    assert_eq!(value("2020-01-01T10:00:00.5Z", Timestamp), text("2020-01-01 10:00:00.500000"));
    assert!(value("2020-13-01 10:00:00", Timestamp).is_err() && value("soon", Timestamp).is_err());
    assert_eq!(value("2020-02-29", Date), text("2020-02-29"));
    assert!(value("2021-02-29", Date).is_err());
    let (cut, was_cut) = normal_value("äöü!", &field(ColumnType::Varchar(3), Some(3))).unwrap();
    assert_eq!((cut.as_deref(), was_cut), (Some("äöü"), true));
}

proptest! {
    #[test]
    fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..200), json: bool) {
        let mut shape = shape(3, Nulls::Both);
        shape.json = json;
        let _ = read(&content, &shape);
    }

    #[test]
    fn values_never_panic(text in "\\PC{0,30}|[-+0-9.eE]{0,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.+Z]{0,15}") {
        use ColumnType::*;
        for ty in [Timestamp, Date, SmallInt, Int, BigInt, Decimal, Money, Double, Boolean, Char(3), Varchar(2)] {
            let _ = normal_value(&text, &field(ty, Some(2)));
        }
    }

    #[test]
    fn decimals_keep_their_value(whole in 0u32..1_000_000, cents in 0u32..100, exponent in -8i32..8) {
        let plain = format!("{whole}.{cents:02}");
        prop_assert_eq!(value(&plain, ColumnType::Money).unwrap().unwrap(), plain.clone());
        let scaled: f64 = format!("{plain}E{exponent}").parse().unwrap();
        let text = value(&format!("{plain}E{exponent}"), ColumnType::Money).unwrap().unwrap();
        let back: f64 = text.parse().unwrap();
        prop_assert!((back - scaled).abs() < 0.0100001, "{} {}", text, scaled);
    }
}
