//! A made-up log is printed as it was, whatever JSON its records are; from its columns, where these suffice.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::skeleton::MOST;
use super::*;
use crate::block::{Block, Item};
use crate::builder::{ColumnSet, Seen};
use crate::decoder::{Carry, Decoded};
use crate::origin::{LineEnding, Origin};
use crate::text::TextColumn;

const HALL: &[Field] = &[
    Field::new("name", Column::text("name", "Its name")),
    Field::new("lit", Column::boolean("lit", "Whether there is light")),
];

const PLACE: &[Field] = &[
    Field::new("city", Column::text("city", "The city")),
    Field::new("since", Column::time("since", "Since when")),
    Field::new("floor", Column::int64("floor", "The floor")),
    Field::object("hall", "hall", "The hall", &group::<2>(HALL), HALL),
    Field::new("plan", Column::text("plan", "How it looks").json()),
];

const KEYS: &[Field] = &[
    Field::new("ID", Column::text("id", "Its number")).or("id"),
    Field::new("teeth", Column::int64("teeth", "How many teeth")),
    Field::new("lost", Column::boolean("lost", "Whether it is lost")),
    Field::new("notes", Column::text("notes", "What is known of it").json()),
];

const FIELDS: &[Field] = &[
    Field::new("at", Column::time("at", "When")),
    Field::new("who", Column::text("who", "Who")),
    Field::new("count", Column::int64("count", "How often")),
    Field::new("open", Column::boolean("open", "Whether it is open")),
    Field::new("more", Column::text("more", "More").json()),
    Field::object("place", "place", "Where", &group::<5>(PLACE), PLACE),
    Field::list("keys", "keys", "The keys", &group::<4>(KEYS), KEYS),
];

static TABLE: Table = Table { name: "doors", doc: "Doors", columns: &COLUMNS, times: &["at"] };
const COLUMNS: [Column; count(FIELDS)] = columns(FIELDS);
static LOG: JsonLog =
    JsonLog { table: &TABLE, fields: FIELDS, time: "at", others: &[("window", "a window")], beginning: b"{\"at\"" };

/// Decodes records that stand one after the other.
fn decode(records: &[impl AsRef<str>]) -> (Vec<RecordBatch>, Decoded) {
    let (mut text, mut items) = (String::new(), Vec::new());
    for record in records {
        let gap = text.len();
        text += if gap == 0 { "" } else { "," };
        let start = text.len();
        text += record.as_ref();
        items.push(Item { gap, start, end: text.len(), problem: None, continues: false, wrapped: None });
    }
    let mut decoder = decoder(&LOG, Partitions::new(LOG.table, |_, _| None));
    let origin = Origin { source_file: "file", first_line: 1, byte_offset: 0, ending: LineEnding::Lf, file_time: None };
    let decoded = decoder.decode(Block::Json(text.as_bytes(), &items), &origin, &mut Carry::default());
    let (batches, _) = decoder.waiting_mut().finish();
    (batches.into_iter().map(|(_, batch)| batch).collect(), decoded)
}

/// The records of batches in order, as they are printed, and whether they are printed from columns.
fn printed_records(batches: &[RecordBatch]) -> Vec<(String, bool)> {
    let mut rows = Vec::new();
    for batch in batches {
        let printer = printer(batch).unwrap();
        let [raw, skeleton] = ["raw", "skeleton"].map(|name| TextColumn::new(&batch[name]).unwrap());
        let lines = batch["source_line"].as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let mut text = Vec::new();
            printer.print(row, &mut text);
            assert_ne!(raw.get(row).is_some(), skeleton.get(row).is_some());
            rows.push((lines.value(row), String::from_utf8(text).unwrap(), raw.get(row).is_none()));
        }
    }
    rows.sort();
    rows.into_iter().map(|(_, text, from_columns)| (text, from_columns)).collect()
}

/// Whether a record is printed from columns; that it is printed as it was is checked.
fn is_from_columns(record: &str) -> bool {
    let (batches, decoded) = decode(&[record]);
    assert_eq!((decoded.records, decoded.rejects), (1, 0), "{record}");
    let mut records = printed_records(&batches);
    let (text, from_columns) = records.remove(0);
    assert_eq!(text, record);
    from_columns
}

fn text_of(batch: &RecordBatch, column: &str) -> Option<String> {
    TextColumn::new(&batch[column]).unwrap().get(0).map(str::to_owned)
}

#[test]
fn a_skeleton_has_all_but_the_values() {
    let record = r#"{ "at": "2024-05-01T12:00:00Z","who":"a \"b\"\n\u0001","place":{"city":"","hall":{"lit":true},"plan":[ 1, {}]},"count":-7,
        "new":{"x": 1.50},"keys":[{"id":"7","teeth":3},{},{"colour":"red","lost":null,"notes":{"ID":[]}}],"open":"true","more":null}"#;
    assert!(is_from_columns(record));
    let (batches, decoded) = decode(&[record]);
    let skeleton = r#"{ "at": "<at>","who":"<who>","place":{"city":"<place.city>","hall":{"lit":<place.hall.lit>},"plan":<place.plan>},"count":<count>,
        "new":<extra>,"keys":[{"id":"<keys.0.id>","teeth":<keys.0.teeth>},{},{"colour":<extra>,"lost":null,"notes":<keys.2.notes>}],"open":"<open>","more":null}"#;
    let marked = text_of(&batches[0], "skeleton").unwrap();
    let shown: String = marked.split('\u{1}').enumerate().fold(String::new(), |mut all, (place, part)| {
        all += &if place % 2 == 1 { format!("<{part}>") } else { part.to_owned() };
        all
    });
    assert_eq!(shown, skeleton);
    assert_eq!(text_of(&batches[0], "extra").unwrap(), r#"{"new":{"x": 1.50},"keys.2.colour":"red"}"#);
    let names: Vec<&str> = decoded.unknown_fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["keys.colour", "new"]);
}

#[test]
fn what_is_written_in_another_way_is_kept() {
    for member in [
        r#""who":"\u0061""#,
        r#""who":"a\/b""#,
        r#""who":"\u000a""#,
        r#""who":"\u001F""#,
        r#""who":"\ud83d\ude00""#,
        r#""who":"\ud800""#,
        r#""who":"a\\\"","who":"b""#,
        r#""who":null,"place":{"city":"a","city":"b"}"#,
        r#""who":"a","who":null"#,
        r#""who":["a"]"#,
        r#""count":1.0"#,
        r#""count":1e2"#,
        r#""count":-0"#,
        r#""count":99999999999999999999"#,
        r#""count":"1""#,
        r#""open":"True""#,
        r#""open":1"#,
        r#""place":{"since":"2024-05-01T12:00:00.5Z"}"#,
        r#""place":{"since":"2024-05-01 12:00:00Z"}"#,
        r#""place":{"since":"2024-05-01T12:00:00\u005a"}"#,
        r#""place":{"since":"yesterday"}"#,
        r#""place":{},"place":{}"#,
        r#""place":[]"#,
        r#""keys":[{"ID":"a","id":"b"}]"#,
        r#""keys":[{},null]"#,
        r#""keys":[[]]"#,
        r#""keys":{}"#,
    ] {
        let record = format!(r#"{{"at":"2024-05-01T12:00:00Z",{member}}}"#);
        assert!(!is_from_columns(&record), "{record}");
    }
    assert!(!is_from_columns(r#"{"at":"2024-05-01T12:00:00+00:00"}"#));
}

#[test]
fn what_looks_odd_and_is_the_usual_way_is_not_kept() {
    for member in [
        r#""who":1"#,
        r#""who":-1.50e3"#,
        r#""who":null,"who":"a""#,
        r#""wh\u006f":"a","":"b","":{"":"\ud800 \/"}"#.replace("\\ud800 ", "").as_str(),
        r#""who":"\\\"\b\f\n\r\t\u0000\u001f/ä€""#,
        r#""who":"""#,
        r#""count":-9223372036854775808"#,
        r#""open":"false""#,
        r#""more":"\u0061\/\ud83d\ude00""#,
        r#""more":-0.0e-0"#,
        r#""more":"a","new":-0.0e-0 , "other" : [ ] "#,
        r#""keys":[]"#,
        r#""keys":[ { } , {"x":[{"y":"}"}] } ]"#,
        r#""place":{"x":"\"","hall":{"y":"\\","name":"z"},"z":false}"#,
        r#""extra":{"extra":1},"raw":"a","skeleton":"b""#,
    ] {
        let record = format!(r#"{{"at":"2024-05-01T12:00:00Z",{member}}}"#);
        assert!(is_from_columns(&record), "{record}");
    }
}

#[test]
fn names_without_end_make_no_skeletons_without_end() {
    let record = |name: usize| format!(r#"{{"at":"2024-05-01T12:00:00Z","name {name}":"x"}}"#);
    let records: Vec<String> = (0..3 * MOST).chain(0..MOST).map(record).collect();
    let (batches, _) = decode(&records);
    let printed = printed_records(&batches);
    assert!(printed.iter().zip(&records).all(|((text, _), record)| text == record));
    let from_columns: Vec<bool> = printed.iter().map(|(_, from_columns)| *from_columns).collect();
    let expected: Vec<bool> = (0..4 * MOST).map(|place| !(MOST..3 * MOST).contains(&place)).collect();
    assert!(from_columns == expected);
    // What the records say can be asked for all the same.
    let extra = TextColumn::new(&batches[0]["extra"]).unwrap();
    assert!((0..records.len()).all(|row| extra.get(row).is_some()));
    // Neither do many names in one record, nor long ones.
    let many: String = (0..2000).map(|name| format!(",\"{name}\":0")).collect();
    assert!(!is_from_columns(&format!(r#"{{"at":"2024-05-01T12:00:00Z"{many}}}"#)));
    assert!(!is_from_columns(&format!(r#"{{"at":"2024-05-01T12:00:00Z","{}":0}}"#, "x".repeat(20_000))));
}

#[test]
fn other_objects_with_a_time_are_told() {
    let (batches, decoded) = decode(&[r#"{"at":"2024-05-01T12:00:00Z","window":{}}"#, r#"{"who":"a"}"#]);
    assert!(batches.is_empty() && decoded.rejects == 2);
}

/// White space.
fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " ", "\n  ", "\t", "\r\n"])
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "[a-z{}\\[\\]:,\"\\\\/\u{0}-\u{1f}\u{7f} \u{e4}\u{2028}\u{1f600}]{0,12}",
        Just("2021-07-29T13:06:49Z".to_owned())
    ]
}

/// A string in the usual way.
fn string() -> impl Strategy<Value = String> {
    any_text().prop_map(|text| Value::from(text).to_string())
}

/// A string in any way.
fn odd_string() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        "[a-z]",
        Just("\\/".to_owned()),
        Just("\\\"".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\u003d".to_owned()),
        Just("\\u00E4".to_owned()),
        Just("\\u000a".to_owned()),
        Just("\\ud83d\\ude00".to_owned()),
        Just("\\ud800".to_owned()),
        Just("\\udc00".to_owned()),
        Just("\u{1f600}".to_owned()),
    ];
    prop::collection::vec(char, 0..6).prop_map(|chars| format!("\"{}\"", chars.concat()))
}

fn quoted(key: &str) -> String {
    format!("\"{key}\"")
}

/// A number of the parser.
fn number() -> BoxedStrategy<String> {
    let odd = prop::sample::select(vec!["0", "-0", "1.50", "-1e+2", "2E-3"]).prop_map(str::to_owned);
    prop_oneof![odd, any::<i64>().prop_map(|number| number.to_string())].boxed()
}

/// A value of any kind, in any form.
fn any_json() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false", "123456789012345678901"]).prop_map(str::to_owned),
        number(),
        string(),
        odd_string().prop_filter("half a pair is another story", |text| !text.contains("\\ud")),
    ];
    let nested = leaf.prop_recursive(3, 12, 3, |inner| {
        let member =
            (string(), inner.clone(), space(), space()).prop_map(|(k, v, s, t)| format!("{s}{k}{t}:{s}{v}{t}"));
        prop_oneof![
            prop::collection::vec((inner, space()), 0..3)
                .prop_map(|values| values.into_iter().map(|(value, s)| format!("{s}{value}{s}")).collect::<Vec<_>>())
                .prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(member, 0..3).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    });
    nested.boxed()
}

/// A value of a field in the usual way.
fn usual(content: Content) -> BoxedStrategy<String> {
    let truths = || prop::sample::select(vec!["true", "false"]).prop_map(str::to_owned);
    match content {
        Content::Text => prop_oneof![8 => string(), 2 => truths(), 1 => number()].boxed(),
        Content::Json => any_json(),
        Content::Bool => prop_oneof![truths(), truths().prop_map(|truth| format!("\"{truth}\""))].boxed(),
        Content::Number => any::<i64>().prop_map(|number| number.to_string()).boxed(),
        Content::Time => (1990..2100, 1..13, 1..29, 0..24, 0..60, 0..60)
            .prop_map(|(year, month, day, hour, minute, second)| {
                format!("\"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\"")
            })
            .boxed(),
        Content::Object(fields) => object(fields, usual, false),
        Content::Array(fields) => prop::collection::vec((object(fields, usual, false), space()), 0..3)
            .prop_map(|items| items.into_iter().map(|(item, s)| format!("{s}{item}{s}")).collect::<Vec<_>>())
            .prop_map(|items| format!("[{}]", items.join(",")))
            .boxed(),
    }
}

/// A value of a field, often in another way.
fn odd(content: Content) -> BoxedStrategy<String> {
    let right = match content {
        Content::Object(fields) => object(fields, odd, true),
        Content::Array(fields) => {
            prop::collection::vec(prop_oneof![4 => object(fields, odd, true), 1 => any_json()], 0..3)
                .prop_map(|items| format!("[{}]", items.join(",")))
                .boxed()
        }
        content => usual(content),
    };
    prop_oneof![3 => right, 1 => any_json(), 1 => odd_string()].boxed()
}

/// An object with some of the fields and some that have no column, in any order, with white space.
fn object(
    fields: &'static [Field],
    value: fn(Content) -> BoxedStrategy<String>,
    can_repeat: bool,
) -> BoxedStrategy<String> {
    let member = move |field: &'static Field| {
        let keys = [Some(field.key), field.other_key].into_iter().flatten().collect::<Vec<_>>();
        let times = if can_repeat { 0..3usize } else { 0..2 };
        prop::collection::vec(
            (prop::sample::select(keys), prop_oneof![6 => value(field.content), 1 => Just("null".to_owned())]),
            times,
        )
        .prop_map(|members| members.into_iter().map(|(key, value)| (format!("\"{key}\""), value)).collect::<Vec<_>>())
    };
    let known: Vec<_> = fields.iter().map(member).collect();
    let mut known_keys: Vec<String> =
        fields.iter().flat_map(|field| [Some(field.key), field.other_key]).flatten().map(quoted).collect();
    known_keys.extend(["at", "window"].map(quoted));
    let is_unknown = move |key: &String| !known_keys.contains(key);
    let others = prop::collection::vec((string().prop_filter("a key of no field", is_unknown), any_json()), 0..3);
    (known, others)
        .prop_flat_map(|(known, others)| {
            let members: Vec<(String, String)> = known.into_iter().flatten().chain(others).collect();
            let spaces = prop::collection::vec((space(), space()), members.len());
            (Just(members).prop_shuffle(), spaces)
        })
        .prop_map(|(members, spaces)| {
            let written = members.iter().zip(spaces).map(|((key, value), (s, t))| format!("{s}{key}{t}:{t}{value}{s}"));
            format!("{{{}}}", written.collect::<Vec<_>>().join(","))
        })
        .boxed()
}

/// A record: an object, whose time comes first.
fn record(value: fn(Content) -> BoxedStrategy<String>, can_repeat: bool) -> impl Strategy<Value = String> {
    object(&FIELDS[1..], value, can_repeat).prop_map(|object| {
        let rest = object.strip_prefix('{').unwrap();
        let comma = if rest.trim() == "}" { "" } else { "," };
        format!(r#"{{"at":"2024-05-01T12:00:00Z"{comma}{rest}"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn usual_records_are_printed_from_columns(records in prop::collection::vec(record(usual, false), 1..6)) {
        let (batches, decoded) = decode(&records);
        prop_assert_eq!((decoded.records, decoded.other_types.len()), (i64::try_from(records.len()).unwrap(), 0));
        let printed = printed_records(&batches);
        let expected: Vec<(String, bool)> = records.iter().map(|record| (record.clone(), true)).collect();
        prop_assert_eq!(printed, expected);
    }

    #[test]
    fn all_records_are_printed_as_they_were(records in prop::collection::vec(record(odd, true), 1..6)) {
        let (batches, decoded) = decode(&records);
        prop_assert_eq!((decoded.records, decoded.rejects), (i64::try_from(records.len()).unwrap(), 0));
        let printed: Vec<String> = printed_records(&batches).into_iter().map(|(text, _)| text).collect();
        prop_assert_eq!(printed, records);
    }

    #[test]
    fn unknown_fields_are_json(record in record(usual, false)) {
        let (batches, _) = decode(&[&record]);
        let value: Value = serde_json::from_str(&record).unwrap();
        let extra: Value = text_of(&batches[0], "extra").map_or(json!({}), |extra| serde_json::from_str(&extra).unwrap());
        let names: Vec<&str> = FIELDS.iter().map(|field| field.key).collect();
        for (key, value) in value.as_object().unwrap().iter().filter(|(key, _)| !names.contains(&key.as_str())) {
            prop_assert_eq!(extra.get(key), Some(value));
        }
    }

    #[test]
    fn rows_of_several_batches_are_printed_alike(records in prop::collection::vec(record(odd, true), 2..8), at in 0usize..8) {
        // As a compaction puts them together, in whichever layout the columns come.
        let (batches, _) = decode(&records);
        let at = at % records.len();
        let mut set = ColumnSet::new(&TABLE);
        for rows in [at..records.len(), 0..at] {
            set.append(&batches[0], rows, &mut Seen::default()).unwrap();
        }
        let batch = set.finish();
        let printer = printer(&batch).unwrap();
        for (row, record) in records[at..].iter().chain(&records[..at]).enumerate() {
            let mut text = Vec::new();
            printer.print(row, &mut text);
            prop_assert_eq!(std::str::from_utf8(&text).unwrap(), record);
        }
        let part = batch.slice(1, records.len() - 1);
        let printer = super::printer(&part).unwrap();
        let mut text = Vec::new();
        printer.print(0, &mut text);
        let second = records[at..].iter().chain(&records[..at]).nth(1).unwrap();
        prop_assert_eq!(std::str::from_utf8(&text).unwrap(), second);
    }
}
