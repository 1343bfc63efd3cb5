//! The decoder against `serde_json`, on records of every shape; the scanner on bytes that come in any pieces.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields::RECORD;
use super::*;
use crate::TextColumn;
use crate::block::Block;
use crate::calendar::read_iso8601;
use crate::decoder::{Carry, Decoded};
use crate::json_log::Scanner;
use crate::json_log::{Content, Field};
use crate::origin::{LineEnding, MAX_LINE, Origin};
use crate::reject::RejectReason;

/// What content was decoded to.
struct Read {
    batches: Vec<RecordBatch>,
    rejects: Option<RecordBatch>,
    decoded: Decoded,
    after: Vec<u8>,
}

/// Decodes content that comes in pieces of `step` bytes.
fn read_in_steps(content: &[u8], step: usize) -> Read {
    let (mut scanner, mut decoder) = (Scanner::new(&LOG), FORMAT.new_decoder());
    let (mut decoded, mut start, mut offset) = (Decoded::default(), 0, 0);
    let mut carry = Carry::default();
    for end in (0..content.len()).step_by(step).skip(1).chain([content.len()]) {
        while let Some((block, taken)) = scanner.next(&content[start..end], end == content.len()) {
            let origin = Origin {
                source_file: "file",
                first_line: 1 + decoded.lines,
                byte_offset: offset,
                ending: LineEnding::Lf,
                file_time: None,
            };
            match block {
                Block::Long(part, last) => {
                    decoder.reject(RejectReason::TooLong, part, &origin, &mut carry);
                    let one = i64::from(last);
                    decoded.add(&Decoded { lines: one, rejects: one, ..Decoded::default() });
                }
                block => decoded.add(&decoder.decode(block, &origin, &mut carry)),
            }
            start += taken;
            offset += i64::try_from(taken).unwrap();
        }
    }
    let (batches, rejects) = decoder.waiting_mut().finish();
    let batches = batches.into_iter().map(|(_, batch)| batch).collect();
    Read { batches, rejects, decoded, after: content[start..].to_vec() }
}

fn read(content: &[u8]) -> Read {
    read_in_steps(content, content.len().max(1))
}

impl Read {
    /// Records and rejects in order: number, gap, text.
    fn items(&self) -> Vec<(i64, String, Vec<u8>)> {
        let mut items = Vec::new();
        for batch in self.batches.iter().chain(&self.rejects) {
            let gap = TextColumn::new(&batch["gap"]).unwrap();
            let lines = batch["source_line"].as_primitive::<arrow_array::types::Int64Type>();
            let printer = batch.column_by_name("skeleton").map(|_| json_log::printer(batch).unwrap());
            for row in 0..batch.num_rows() {
                let raw = match &printer {
                    Some(printer) => printed(&**printer, row),
                    None => batch["raw"].as_binary::<i32>().value(row).to_vec(),
                };
                items.push((lines.value(row), gap.get(row).unwrap_or(",").to_owned(), raw));
            }
        }
        items.sort_by_key(|(line, ..)| *line);
        items
    }

    fn rebuilt(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, gap, raw) in self.items() {
            out.extend_from_slice(gap.as_bytes());
            out.extend_from_slice(&raw);
        }
        out.extend_from_slice(&self.after);
        out
    }

    /// How many records are kept in `raw`, since skeleton and values don't give them back.
    fn kept(&self) -> usize {
        let of_batch = |batch: &RecordBatch| {
            let [raw, skeleton] = ["raw", "skeleton"].map(|name| TextColumn::new(&batch[name]).unwrap());
            let rows = 0..batch.num_rows();
            assert!(rows.clone().all(|row| raw.get(row).is_some() != skeleton.get(row).is_some()));
            rows.filter(|row| raw.get(*row).is_some()).count()
        };
        self.batches.iter().map(of_batch).sum()
    }

    fn reasons(&self) -> Vec<String> {
        let text = |batch: &RecordBatch| TextColumn::new(&batch["reason"]).unwrap();
        self.rejects
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(|row| text(batch).get(row).unwrap().to_owned()))
            .collect()
    }
}

/// The text of a record.
fn printed(printer: &dyn crate::Printer, row: usize) -> Vec<u8> {
    let mut text = Vec::new();
    printer.print(row, &mut text);
    text
}

/// The value that a column must hold for a field of a record.
fn check(field: &Field, array: &ArrayRef, row: usize, value: Option<&Value>) {
    let value = value.filter(|value| !value.is_null());
    match field.content {
        Content::Text => {
            let text = TextColumn::new(array).unwrap();
            let bare = value.filter(|value| value.is_boolean() || value.is_i64()).map(Value::to_string);
            assert_eq!(text.get(row), value.and_then(Value::as_str).or(bare.as_deref()), "{}", field.key);
        }
        Content::Json => {
            let text = TextColumn::new(array).unwrap();
            let parsed = text.get(row).map(|text| serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(parsed.as_ref(), value, "{}", field.key);
        }
        Content::Bool => {
            let found = array.is_valid(row).then(|| array.as_boolean().value(row));
            let named = value.and_then(Value::as_str).map(str::to_lowercase);
            let named = named.and_then(|text| text.parse::<bool>().ok());
            assert_eq!(found, value.and_then(Value::as_bool).or(named), "{}", field.key);
        }
        Content::Time => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            let found = times.is_valid(row).then(|| times.value(row));
            let wanted = value.and_then(Value::as_str).and_then(|text| read_iso8601(text.as_bytes()));
            assert_eq!(found, wanted, "{}", field.key);
        }
        Content::Number => unreachable!("events have no numbers"),
        Content::Object(fields) => {
            let object = value.and_then(Value::as_object);
            assert_eq!(array.is_valid(row), object.is_some(), "{}", field.key);
            let columns = array.as_struct().columns();
            for (field, column) in fields.iter().zip(columns).filter(|_| object.is_some()) {
                check(field, column, row, object.and_then(|object| object.get(field.key)));
            }
        }
        Content::Array(fields) => {
            let list = array.as_list::<i32>();
            let wanted = value.and_then(Value::as_array);
            assert_eq!(list.is_valid(row), wanted.is_some(), "{}", field.key);
            let Some(wanted) = wanted else { return };
            let items = list.value(row);
            assert_eq!(items.len(), wanted.len());
            for (item, value) in wanted.iter().enumerate() {
                for (field, column) in fields.iter().zip(items.as_struct().columns()) {
                    let either =
                        if field.key == "ARN" { value.get("ARN").or(value.get("arn")) } else { value.get(field.key) };
                    check(field, column, item, either);
                }
            }
        }
    }
}

/// Compares every column of every record with what `serde_json` makes of the record's text.
fn check_all(read: &Read) -> usize {
    let mut records = 0;
    for batch in &read.batches {
        let printer = json_log::printer(batch).unwrap();
        for row in 0..batch.num_rows() {
            let value: Value = serde_json::from_slice(&printed(&*printer, row)).unwrap();
            for field in RECORD {
                check(field, &batch[field.column.name], row, value.get(field.key));
            }
            records += 1;
        }
    }
    records
}

const EVENT: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"1"},"eventTime":"2021-07-29T13:06:49Z","eventSource":"iam.amazonaws.com","eventName":"PutUserPolicy","requestParameters":{"a":[1,{"b":"}"}],"c":"\"{"},"responseElements":null,"readOnly":false}"#;

#[test]
fn every_way_in_which_records_come() {
    for (content, records) in [
        (format!("{{\"Records\":[{EVENT},{EVENT}]}}"), 2),
        (format!(" {{ \"Records\" : [\n  {EVENT} ,\n  {EVENT}\n ] }}\n"), 2),
        (format!("[{EVENT},\n{EVENT}]"), 2),
        (format!("{EVENT}\n{EVENT}\n"), 2),
        (format!("\u{feff}{EVENT}"), 1),
        (format!("{{\"Records\":[{EVENT}]}}{{\"Records\":[]}}\n{{\"Records\":[{EVENT}]}}"), 2),
        (format!("{{\"a\":1,\"Records\":[{EVENT}],\"b\":2}}"), 1),
        (
            format!(
                "{{ \"x\" : {{\"Records\":[1]}}, \"y\":\"]}}\",\n \"Records\" : [{EVENT} , {EVENT}] , \"nextToken\" : \"a\" }}\n"
            ),
            2,
        ),
        (
            format!(
                "{{\"Records\":[{EVENT}],\"z\":[{{\"a\":[]}}],\"Records\":[{EVENT}]}}\n{{\"b\":null,\"Records\":[]}}"
            ),
            2,
        ),
        (format!("[{{\"Records\":[{EVENT}]}},\n{{\"n\":1,\"Records\":[{EVENT}]}}]"), 2),
        (format!("[{EVENT}][{EVENT}]\n[\n{EVENT}\n]"), 3),
        (format!("{}\n{}\n", EVENT.replace(',', ",\n  "), EVENT.replace("\":", "\" :\n ")), 2),
        ("{\"Records\":[]}".to_owned(), 0),
        ("{\n  \"Records\": []\n}\n".to_owned(), 0),
        ("[]".to_owned(), 0),
        (String::new(), 0),
    ] {
        for step in [1, 7, 64, 1 << 20] {
            let read = read_in_steps(content.as_bytes(), step);
            assert_eq!(read.reasons(), Vec::<String>::new(), "{content}");
            assert_eq!(check_all(&read), records, "{content}");
            assert_eq!((read.kept(), read.rebuilt().as_slice()), (0, content.as_bytes()));
        }
        assert!(content.is_empty() || detect(content.as_bytes()), "{content}");
    }
}

#[test]
fn what_is_no_record_is_kept_with_the_reason() {
    let deep = format!("{{\"eventTime\":\"2021-07-29T13:06:49Z\",\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    for (middle, reason) in [
        ("{\"eventTime\":\"yesterday\"}", "has no eventTime that is a time"),
        ("{}", "has no eventTime that is a time"),
        ("{eventTime: 1}", "not valid JSON: "),
        ("{\"a\":[}", "not valid JSON: "),
        ("{\"a\":1 2}", "not valid JSON: "),
        ("17", "text that is no record"),
        ("\"a, {b\"", "text that is no record"),
        (deep.as_str(), "nested more than 128 levels deep"),
    ] {
        let content = format!("{{\"Records\":[{EVENT},{middle},{EVENT}]}}");
        let read = read(content.as_bytes());
        assert!(read.reasons()[0].starts_with(reason), "{middle}: {:?}", read.reasons());
        assert_eq!(check_all(&read), 2, "{middle}");
        assert_eq!(String::from_utf8(read.rebuilt()).unwrap(), content);
    }
    let not_utf8 = [b"{\"Records\":[".as_slice(), EVENT.as_bytes(), b",{\"a\":\"\xff\"}]}"].concat();
    let read = read(&not_utf8);
    assert_eq!((read.decoded.records, read.decoded.rejects), (1, 1));
    assert_eq!(read.rebuilt(), not_utf8);
}

#[test]
fn rejects_are_counted_as_records_and_say_what_they_are() {
    let s3 = "79a5 web [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - 3E57 REST.GET.OBJECT a,b \"GET /a{1} HTTP/1.1\" 200 - 1 1 7 - \"-\" \"a \"q\" b\" -";
    let pretty = "{\n  \"a\": [\n    {},\n    1\n  ],\n  \"b\": \"x\"\n}";
    let broken = EVENT.replacen("iam.", "iam\n.", 1);
    let notification = r#"{"eventVersion":"2.1","eventSource":"aws:s3","eventTime":"2024-05-01T12:00:00.000Z","eventName":"ObjectCreated:Put","s3":{"bucket":{}}}"#;
    for (content, rejects, records, reason) in [
        (format!("{s3}\n{s3}\n{EVENT}\n{s3}\n"), 3, 1, "line of an S3 access log"),
        (format!("[{EVENT},\n{pretty},\n{EVENT}]"), 1, 2, "has no eventTime that is a time"),
        (format!("{pretty}\n{EVENT}"), 1, 1, "has no eventTime that is a time"),
        ("[2021-07-29 13:06] a, b [c]\n[d] {e}\n".to_owned(), 2, 0, "text that is no record"),
        (format!("Jul 29 host: {EVENT}\nJul 29 host: {EVENT}\n"), 2, 2, "text that is no record"),
        (format!("[{EVENT},{broken},{EVENT}]"), 1, 2, "a line ends within a string"),
        (
            format!("{{\"Records\":[\n{},\n{EVENT}\n]}}", broken.replace(',', ",\n    ")),
            1,
            1,
            "a line ends within a string",
        ),
        (
            format!("{{\"Records\":[{EVENT},\n{}\n]}}\n", broken.replace(',', ",\n    ")),
            1,
            1,
            "a line ends within a string",
        ),
        (format!("{{\"Records\":[{notification},{EVENT}]}}"), 1, 1, "S3 event notification"),
        ("{\"detail-type\":\"x\",\"detail\":{\"state\":\"running\"}}\n".to_owned(), 1, 0, "EventBridge event (detail)"),
    ] {
        for step in [1, 50, 1 << 20] {
            let read = read_in_steps(content.as_bytes(), step);
            assert_eq!(String::from_utf8(read.rebuilt()).unwrap(), content);
            assert_eq!((read.reasons().len(), check_all(&read)), (rejects, records), "{content}: {:?}", read.reasons());
            assert_eq!(read.reasons()[0], reason, "{content}");
        }
    }
}

#[test]
fn a_broken_line_takes_no_other_with_it() {
    let content = format!("{EVENT}\n{}\n{EVENT}\n", &EVENT[..EVENT.len() - 30].replace("false", "\"false"));
    let read = read(content.as_bytes());
    assert_eq!(check_all(&read), 2);
    assert_eq!(String::from_utf8(read.rebuilt()).unwrap(), content);
}

#[test]
fn every_whole_record_before_a_break_is_there() {
    let content = format!("{{\"Records\":[{EVENT},{EVENT}]}}");
    for len in 0..content.len() {
        let read = read(&content.as_bytes()[..len]);
        let whole = usize::from(len >= 12 + EVENT.len()) + usize::from(len >= 13 + 2 * EVENT.len());
        assert_eq!(check_all(&read), whole);
        assert_eq!(read.rebuilt(), &content.as_bytes()[..len]);
    }
}

#[test]
fn a_record_that_is_too_long_comes_in_parts() {
    for len in [MAX_LINE - 20, MAX_LINE, MAX_LINE + 1, 2 * MAX_LINE, 2 * MAX_LINE + 77] {
        let long = format!("{{\"a\":\"{}\\\"}}\"}}", "x{".repeat(len / 2));
        let content = format!("[{EVENT},{long},{EVENT}]");
        for step in [1 << 20, content.len()] {
            let read = read_in_steps(content.as_bytes(), step);
            assert_eq!(check_all(&read), 2, "{len}");
            assert_eq!((read.decoded.lines, read.decoded.rejects), (3, 1), "{len}");
            // Parts of one record have one number, and nothing stands between them.
            assert!(read.rebuilt() == content.as_bytes(), "{len}");
        }
    }
}

#[test]
fn white_space_does_not_pile_up() {
    let content = format!("[{EVENT},{}{EVENT}{}]", " ".repeat(1_000_000), "\n".repeat(200_000));
    for step in [10_000, content.len()] {
        let read = read_in_steps(content.as_bytes(), step);
        assert_eq!(check_all(&read), 2);
        assert!(read.reasons().iter().all(|reason| reason.contains("white space")) && read.decoded.rejects > 10);
        assert!(read.items().iter().all(|(_, gap, _)| gap.len() <= 70_000) && read.after.len() <= 70_000);
        assert!(read.rebuilt() == content.as_bytes());
    }
}

#[test]
fn other_types_and_unknown_fields_are_counted() {
    let event = r#"{"eventTime":"2021-07-29T13:06:49Z","readOnly":"yes","userIdentity":"root","resources":{"a":1},"new":{"x":1},
        "tlsDetails":{"tlsVersion":[13],"group":"x"},"sourceIPAddress":null,"eventName":["a"],"errorCode":403}"#;
    let read = read(format!("[{event},{event}]").as_bytes());
    check_all(&read);
    let names = |counts: &std::collections::BTreeMap<String, i64>| {
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(names(&read.decoded.unknown_fields), ["new 2", "tlsDetails.group 2"]);
    assert_eq!(
        names(&read.decoded.other_types),
        ["eventName 2", "readOnly 2", "resources 2", "tlsDetails.tlsVersion 2", "userIdentity 2"]
    );
}

/// A record with other values of some fields.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(EVENT.to_owned(), |event, (from, to)| {
        assert!(event.contains(from), "{from}");
        event.replace(from, to)
    })
}

#[test]
fn truths_and_times_as_others_write_them() {
    let time = |text: &str| ("2021-07-29T13:06:49Z", text.to_owned());
    let micros = |batch: &RecordBatch| batch["event_time"].as_primitive::<TimestampMicrosecondType>().value(0);
    for text in [
        "2021-07-29T13:06:49.000+00:00",
        "2021-07-29 13:06:49.000",
        "2021-07-29T15:06:49+0200",
        "2021-07-29t13:06:49z",
        "20210729T130649Z",
    ] {
        let (from, to) = time(text);
        let read = read(changed(&[(from, &to)]).as_bytes());
        assert_eq!(read.reasons(), Vec::<String>::new(), "{text}");
        assert_eq!(micros(&read.batches[0]), 1_627_564_009_000_000, "{text}");
    }
    for (given, truth) in
        [("\"true\"", Some(true)), ("\"False\"", Some(false)), ("true", Some(true)), ("\"yes\"", None)]
    {
        let read = read(changed(&[("\"readOnly\":false", &format!("\"readOnly\":{given}"))]).as_bytes());
        let column = &read.batches[0]["read_only"];
        assert_eq!(column.is_valid(0).then(|| column.as_boolean().value(0)), truth, "{given}");
        assert_eq!(read.decoded.other_types.get("readOnly").copied(), truth.is_none().then_some(1), "{given}");
    }
    let session = r#""userIdentity":{"sessionContext":{"attributes":{"mfaAuthenticated":false,"creationDate":"20240501T110628Z"}},"#;
    let read = read(changed(&[("\"userIdentity\":{", session)]).as_bytes());
    let below = |array: &ArrayRef, name: &str| array.as_struct().column_by_name(name).unwrap().clone();
    let session = below(&read.batches[0]["user_identity"], "session_context");
    let attributes = below(&session, "attributes");
    assert_eq!(TextColumn::new(&below(&attributes, "mfa_authenticated")).unwrap().get(0), Some("false"));
    let created = below(&attributes, "creation_date");
    assert_eq!(created.as_primitive::<TimestampMicrosecondType>().value(0), 1_714_561_588_000_000);
    assert!(read.decoded.other_types.is_empty(), "{:?}", read.decoded.other_types);
}

#[test]
fn a_time_that_no_store_can_hold_is_a_reject() {
    for text in ["9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+01:00", "0000-06-01T00:00:00Z"] {
        let content = changed(&[("2021-07-29T13:06:49Z", text)]);
        let read = read(content.as_bytes());
        assert_eq!(read.reasons(), ["has an eventTime that is not of the years 1 to 9999"], "{text}");
        assert_eq!(read.rebuilt(), content.as_bytes());
    }
}

#[test]
fn resources_of_other_types_are_counted() {
    let resources = r#"[{"ARN":"a"},"arn:b",{"ARN":[5],"accountId":true},null,["c"],{"ARN":7 , "type": 1 }]"#;
    let read = read(changed(&[("\"readOnly\":false", &format!("\"resources\":{resources}"))]).as_bytes());
    assert_eq!(check_all(&read), 1);
    let counts: Vec<(&str, i64)> = read.decoded.other_types.iter().map(|(name, count)| (&**name, *count)).collect();
    assert_eq!(counts, [("resources", 3), ("resources.ARN", 1)]);
}

#[test]
fn half_a_pair_becomes_a_replacement_character_and_raw_stays() {
    let event = r#"{"eventTime":"2021-07-29T13:06:49Z","userAgent":"a\ud800b\udc00\ud83d\ude00\\ud800","requestParameters":{"x":"\ud800"}}"#;
    let read = read(event.as_bytes());
    assert_eq!(read.reasons(), Vec::<String>::new());
    let batch = &read.batches[0];
    assert_eq!(TextColumn::new(&batch["user_agent"]).unwrap().get(0), Some("a\u{fffd}b\u{fffd}\u{1f600}\\ud800"));
    assert_eq!(TextColumn::new(&batch["request_parameters"]).unwrap().get(0), Some(r#"{"x":"\ud800"}"#));
    assert_eq!(read.rebuilt(), event.as_bytes());
}

#[test]
fn numbers_of_any_size_are_no_reason_to_refuse_a_record() {
    let event = r#"{"eventTime":"2021-07-29T13:06:49Z","requestParameters":{"a":123456789012345678901234567890,"b":1.68890570862E9,"c":-0.0}}"#;
    let read = read(event.as_bytes());
    assert_eq!(read.reasons(), Vec::<String>::new());
    let text = TextColumn::new(&read.batches[0]["request_parameters"]).unwrap();
    assert_eq!(text.get(0), Some(r#"{"a":123456789012345678901234567890,"b":1.68890570862E9,"c":-0.0}"#));
}

/// Text may come as a number, which is taken as it is written.
#[test]
fn numbers_in_place_of_text_are_text() {
    for number in ["403", "-0", "4.030", "1E+400", "123456789012345678901234567890"] {
        let event = changed(&[("\"readOnly\":false", &format!("\"errorCode\" : {number} ,\"userAgent\":\"a\""))]);
        let read = read(event.as_bytes());
        assert_eq!(read.reasons(), Vec::<String>::new(), "{number}");
        assert_eq!(TextColumn::new(&read.batches[0]["error_code"]).unwrap().get(0), Some(number));
        assert_eq!(read.rebuilt(), event.as_bytes());
        assert!(read.decoded.other_types.is_empty(), "{number}");
    }
}

#[test]
fn insights_and_network_activity() {
    let insight = r#"{"eventVersion":"1.08","eventTime":"2023-01-02T03:04:05Z","awsRegion":"us-east-1","eventID":"e","eventType":"AwsCloudTrailInsight",
        "recipientAccountId":"1","sharedEventID":"s","insightDetails":{"state":"Start","eventSource":"ssm.amazonaws.com","eventName":"UpdateInstanceInformation",
        "insightType":"ApiCallRateInsight","insightContext":{"statistics":{"baseline":{"average":85.4}}}},"eventCategory":"Insight"}"#;
    let network = r#"{"eventVersion":"1.09","eventTime":"2023-01-02T03:04:06Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","sourceIPAddress":"10.0.0.1",
        "errorCode":"VpceAccessDenied","eventType":"AwsVpceEvent","vpcEndpointId":"vpce-1","vpcEndpointAccountId":"1","eventCategory":"NetworkActivity"}"#;
    let content = format!("[{insight},{network}]");
    assert!(detect(content.as_bytes()));
    let read = read(content.as_bytes());
    assert_eq!(check_all(&read), 2);
    assert!(read.decoded.unknown_fields.is_empty() && read.decoded.other_types.is_empty());
}

/// Real logs, which are not part of the repository: skipped, with a notice, where they are not beside it.
#[test]
fn real_logs_equal_serde_json() {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/cloudtrail")];
    if !folders[0].is_dir() {
        println!("no folder of real logs: skipped");
        return;
    }
    let (mut records, mut kept) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let mut content = std::fs::read(entry.path()).unwrap();
            if content.starts_with(&[0x1f, 0x8b]) {
                let mut inflated = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&content[..]), &mut inflated)
                    .unwrap();
                content = inflated;
            }
            let read = read_in_steps(&content, 10_000);
            assert!(read.rebuilt() == content, "{}", entry.path().display());
            records += check_all(&read);
            kept += read.kept();
        }
    }
    assert!(records > 3000 && kept * 100 <= records, "{kept} of {records} records are kept as they are");
}

/// JSON values, and keys and texts that need escapes.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z{}\\[\\]:,\"\\\\\n \u{e4}\u{1f600}]{0,12}", Just("2021-07-29T13:06:49Z".to_owned())]
}

/// An object with some of the fields, most of them of the right type.
fn object_of(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let member = |field: &'static Field| {
        let right = match field.content {
            Content::Text => any_text().prop_map(Value::from).boxed(),
            Content::Json => any_value().boxed(),
            Content::Bool => any::<bool>().prop_map(Value::from).boxed(),
            Content::Time => Just(json!("2023-01-02T03:04:05Z")).boxed(),
            Content::Number => any::<i64>().prop_map(Value::from).boxed(),
            Content::Object(fields) => object_of(fields),
            Content::Array(fields) => prop::collection::vec(object_of(fields), 0..3).prop_map(Value::from).boxed(),
        };
        prop_oneof![
            3 => Just(None),
            4 => right.prop_map(move |value| Some((field.key.to_owned(), value))),
            1 => any_value().prop_map(move |value| Some((field.key.to_owned(), value))),
        ]
    };
    let members: Vec<_> = fields.iter().map(member).collect();
    let extra = prop::collection::vec((any_text(), any_value()), 0..2);
    (members, extra).prop_map(|(members, extra)| members.into_iter().flatten().chain(extra).collect()).boxed()
}

/// Writes a value with white space where it may stand, and now and then a key twice.
fn write(value: &Value, style: u8, out: &mut String) {
    let space = [" ", "", "\n  ", "\t"][usize::from(style % 4)];
    match value {
        Value::Object(members) => {
            out.push('{');
            for (place, (key, value)) in members.iter().enumerate() {
                if style & 8 != 0 && place % 3 == 0 {
                    *out += &format!("{}:[1,{{\"x\":\"y\"}}]{space},", Value::from(key.as_str()));
                }
                *out += &format!("{space}{}{space}:{space}", Value::from(key.as_str()));
                write(value, style, out);
                *out += space;
                if place + 1 < members.len() {
                    out.push(',');
                }
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                *out += space;
                write(value, style, out);
                *out += if place + 1 < values.len() { "," } else { space };
            }
            out.push(']');
        }
        other => *out += &other.to_string(),
    }
}

/// Decodes content in parts as a conversion cuts them: after the first whole record at or after each place.
fn read_in_parts(content: &[u8], size: usize) -> Vec<(i64, String, Vec<u8>)> {
    let (mut scanner, mut at, mut lines) = (Scanner::new(&LOG), 0, 0);
    let mut items = Vec::new();
    while at < content.len() {
        let (start, first_line, part) = (at, lines, scanner.clone());
        let (nominal, mut in_long) = (start + size, false);
        while at < nominal || in_long {
            let Some((block, len)) = scanner.next(&content[at..], true) else { break };
            at += len;
            match block {
                Block::Json(_, found) => {
                    lines += i64::try_from(found.iter().filter(|item| !item.continues).count()).unwrap();
                    in_long = found.last().is_some_and(|item| item.continues);
                }
                Block::Long(_, last) => {
                    lines += i64::from(last);
                    in_long = !last;
                }
                Block::Lines(_) => unreachable!("these are objects"),
            }
        }
        if at == start {
            break;
        }
        items.extend(read_part(&content[start..at], part, first_line));
    }
    items.push((lines + 1, String::new(), content[at..].to_vec()));
    items
}

/// What is in a part, which ends with a whole record.
fn read_part(part: &[u8], mut scanner: Scanner, lines: i64) -> Vec<(i64, String, Vec<u8>)> {
    let (mut decoder, mut decoded, mut at) = (FORMAT.new_decoder(), Decoded::default(), 0);
    while let Some((block, len)) = scanner.next(&part[at..], true) {
        let first_line = 1 + lines + decoded.lines;
        let origin =
            Origin { source_file: "file", first_line, byte_offset: 0, ending: LineEnding::Lf, file_time: None };
        decoded.add(&decoder.decode(block, &origin, &mut Carry::default()));
        at += len;
    }
    assert_eq!(at, part.len(), "a part is read to its end");
    let (batches, rejects) = decoder.waiting_mut().finish();
    let batches = batches.into_iter().map(|(_, batch)| batch).collect();
    Read { batches, rejects, decoded, after: Vec::new() }.items()
}

/// What files are made of, whole and damaged.
fn any_piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        EVENT,
        r#"{"eventTime":"2021-07-29T13:06:49Z"}"#,
        r#"{"x":{"y":"}"},"z":1}"#,
        "{\"Records\":[",
        "{ \"a\" : [1,{}] , \"Records\" : [",
        "{\"b\":\"\u{e4}{[\",\"Records\":[",
        "],\"c\":{\"d\":[\"]\"]},\"e\":-1.5}",
        "]}",
        "[",
        "]",
        ",",
        "\n",
        "\n  ",
        "\u{feff}",
        "some text, [more] {of} it",
        "\"a string, {\"",
        r#"{"eventTime":"2021-07-29T13:06"#,
        r#"{"eventTime":"2021-07-29T13:06:49Z","a":"b"#,
        "\"Records\":[",
        "{",
        "}",
        "\\",
        "\"",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn neither_steps_nor_parts_make_a_difference(
        pieces in prop::collection::vec(any_piece(), 0..30),
        step in 1usize..200,
        size in 1usize..500,
    ) {
        let content = pieces.concat();
        let whole = read(content.as_bytes());
        prop_assert_eq!(whole.rebuilt(), content.as_bytes());
        let steps = read_in_steps(content.as_bytes(), step);
        prop_assert_eq!(steps.items(), whole.items());
        prop_assert_eq!(steps.reasons(), whole.reasons());
        let mut parts = read_in_parts(content.as_bytes(), size);
        let after = parts.pop().map(|(_, _, text)| text);
        prop_assert_eq!(parts, whole.items());
        prop_assert_eq!(after, Some(whole.after));
    }

    #[test]
    fn decoding_equals_serde_json(events in prop::collection::vec((object_of(RECORD), any::<u8>()), 1..6), step in 1usize..3000) {
        let mut content = "{\"Records\":[".to_owned();
        for (place, (event, style)) in events.iter().enumerate() {
            let mut event = event.clone();
            event["eventTime"] = json!("2021-07-29T13:06:49.25Z");
            content += if place == 0 { "" } else { "," };
            write(&event, *style, &mut content);
        }
        content += "]}";
        let read = read_in_steps(content.as_bytes(), step);
        prop_assert_eq!(read.reasons(), Vec::<String>::new());
        prop_assert_eq!(check_all(&read), events.len());
        prop_assert_eq!(read.rebuilt(), content.as_bytes());
        for batch in &read.batches {
            prop_assert_eq!(batch.num_columns(), TABLE.columns.len());
            for (column, array) in TABLE.columns.iter().zip(batch.columns()) {
                let same = *array.data_type() == column.data_type() || *array.data_type() == column.dictionary_type();
                prop_assert!(same, "{} is {}", column.name, array.data_type());
                prop_assert!(!matches!(array.data_type(), DataType::Null));
            }
        }
    }

    #[test]
    fn any_bytes_come_back(content in prop::collection::vec(prop::sample::select(b"{}[]\",:\\\n ae\xff\xef\xbb\xbf1".to_vec()), 0..300), step in 1usize..100) {
        let read = read_in_steps(&content, step);
        prop_assert_eq!(read.rebuilt(), content);
    }

    #[test]
    fn damage_anywhere_is_rebuilt(at in 0usize..10_000, byte: u8, step in 1usize..2000) {
        let mut content = format!("{{\"Records\":[{}]}}", [EVENT; 5].join(",")).into_bytes();
        let at = at % content.len();
        content[at] = byte;
        let read = read_in_steps(&content, step);
        prop_assert_eq!(read.rebuilt(), content);
    }
}
