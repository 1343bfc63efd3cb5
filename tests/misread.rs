//! Files whose records once were lost, invented or cut short because of what else is in the file: whatever stands around records,
//! and whatever a caller put into one of them, each record is read, or is a reject.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::Case;
use serde_json::{Value, json};

fn event(number: u64) -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "userName": "alice" },
        "eventTime": format!("2024-05-01T12:00:{number:02}Z"),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2",
        "requestParameters": null,
        "eventID": format!("e{number}"),
    })
}

/// An event whose user agent is `agent`.
fn event_of(number: u64, agent: &str) -> Value {
    let mut event = event(number);
    event["userAgent"] = json!(agent);
    event
}

/// The text of an event that nobody recorded.
fn forged() -> String {
    let mut event = event(59);
    event["eventName"] = json!("FORGED");
    event.to_string()
}

fn text(number: u64) -> String {
    event(number).to_string()
}

fn flow(number: u64) -> String {
    let start = 1_714_564_800 + number;
    format!("2 111122223333 eni-1 203.0.113.12 10.0.0.5 {} 22 6 3 180 {start} {start} REJECT OK", 51_000 + number)
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".chars().chain(text.chars()).collect::<String>().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Converts a file, and the same in gzip; both hold so many records and rejects, none that was forged, and come back.
fn check(what: &str, content: impl AsRef<[u8]>, records: u64, rejects: u64) -> Case {
    let content = content.as_ref();
    let mut made = None;
    for is_gzip in [true, false] {
        let case = Case::new();
        case.write("in/file", if is_gzip { gzip(content) } else { content.to_vec() });
        let ran = case.sawlog(&["convert", "in", "--json"]);
        assert!(!ran.err.contains("panicked"), "{what}: {}", ran.err);
        let summary = ran.json();
        let counts = (&summary["records"], &summary["rejects"]);
        let found = case.sawq(&["sql", "SELECT reason, raw FROM rejects", "--json", "-q"]);
        assert_eq!(counts, (&json!(records), &json!(rejects)), "{what}, gzip {is_gzip}: {} {}", found.text(), ran.err);
        let verified = case.sawlog(&["verify"]);
        assert_eq!(verified.code, 0, "{what}: {}{}", verified.text(), verified.err);
        let forged = case.sawq(&["find", "--operation", "FORGED", "-c", "-q"]);
        assert!(forged.text().trim() == "0" || forged.code != 0, "{what}: {}", forged.text());
        made = Some(case);
    }
    made.unwrap()
}

fn sql(case: &Case, query: &str) -> Value {
    let ran = case.sawq(&["sql", query, "--json", "-q"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

#[test]
fn a_digest_is_one_object_and_its_names_are_its_own() {
    let digest = json!({ "awsAccountId": "1", "digestStartTime": "x", "digestS3Bucket": "b", "logFiles": [] });
    let records = json!({ "Records": [event(1), event(2)] });
    let case = check("before records", lines(&[digest.clone(), records.clone()]), 2, 1);
    assert_eq!(sql(&case, "SELECT reason FROM rejects"), json!([{ "reason": "CloudTrail digest" }]));
    check("behind records", lines(&[records.clone(), digest.clone()]), 2, 1);
    check("indented", format!("{digest:#}\n{records:#}"), 2, 1);
    let mut large = digest.clone();
    large["logFiles"] = json!(vec!["x".repeat(1000); 200]);
    check("large", lines(&[large, records]), 2, 1);
    let mut within = digest.clone();
    within["Records"] = json!([event(1)]);
    check("with records", within.to_string(), 1, 0);
    check("cut off", format!("{}\n{}", digest.to_string().trim_end_matches('}'), text(1)), 1, 1);
    // What a caller asked for makes no digest.
    let mut asked = event(2);
    asked["requestParameters"] = json!({ "key": { "digestStartTime": "", "digestS3Bucket": "" } });
    let all = [event(1), asked.clone(), event(3)];
    check("lines", lines(&all), 3, 0);
    check("first", lines(&[asked.clone(), event(1)]), 2, 0);
    check("array", json!(all).to_string(), 3, 0);
    check("indented", all.iter().map(|event| format!("{event:#}\n")).collect::<String>(), 3, 0);
    check("bus", lines(&all.clone().map(|event| json!({ "detail-type": "x", "detail": event }))), 3, 0);
    check("source", lines(&all.map(|event| json!({ "_source": event }))), 3, 0);
    let case = Case::new();
    case.write("in/digest.json", digest.to_string());
    assert_eq!(case.sawlog(&["convert", "in", "--json"]).code, 0);
    assert_eq!(sql(&case, "SELECT state FROM sources"), json!([{ "state": "digest" }]));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let timed = |number| format!("2024-05-01T12:00:00.000Z {}\n", flow(number));
    let mark = "\u{feff}";
    check("export", format!("{mark}{}{}", timed(1), timed(2)), 2, 0);
    check("two exports", format!("{mark}{}{mark}{}", timed(1), timed(2)), 2, 0);
    check("blank line", format!("\n{mark}{}{}", timed(1), timed(2)), 2, 0);
    check("export in UTF-16", utf16(&format!("{}{}", timed(1), timed(2))), 2, 0);
    let row = |number| flow(number).replace(' ', ",") + "\n";
    check("rows", format!("{mark}{}{}", row(1), row(2)), 2, 0);
    check("messages", format!("{mark}t,message\n1,{}\n{mark}2,{}\n", flow(1), flow(2)), 2, 0);
}

#[test]
fn records_in_several_places_are_all_read() {
    check("beside records", json!({ "Records": [event(1)], "more": { "Records": [event(2)] } }).to_string(), 2, 0);
    check("beside", json!({ "Records": [event(1)], "more": [event(2)], "one": event(3) }).to_string(), 3, 0);
    let regions = json!({ "us-east-1": [event(1), event(2)], "eu-west-1": [event(3), event(4)] });
    check("regions", regions.to_string(), 4, 0);
    check("below", json!({ "a": { "us": [event(1)] }, "b": { "eu": { "c": [event(2)] } } }).to_string(), 2, 0);
    check("ids", json!({ "e1": event(1), "e2": event(2) }).to_string(), 2, 0);
    check("flows", json!({ "us-east-1": [flow(1), flow(2)], "eu-west-1": [flow(3), flow(4)] }).to_string(), 4, 0);
    check("texts", json!({ "us-east-1": [text(1), text(2)], "eu-west-1": [text(3)] }).to_string(), 3, 0);
    let wrapped = [
        json!({ "Events": [{ "CloudTrailEvent": text(1) }] }),
        json!({ "logEvents": [{ "message": text(2) }] }),
        json!({ "detail": event(3) }),
        json!({ "detail": text(4) }),
        json!({ "_source": { "event": { "original": text(5) } } }),
        json!({ "_source": { "message": text(6) } }),
        json!({ "result": { "_raw": text(7) } }),
        json!({ "Body": json!({ "Message": text(8) }).to_string() }),
        json!({ "Records": [event(9)] }),
        event(10),
    ];
    for first in 0..wrapped.len() - 2 {
        let mut all = wrapped.clone();
        all.rotate_left(first);
        check(&format!("wrapped, from {first}"), lines(&all), 10, 0);
    }
    let flows = [json!({ "message": flow(1) }), json!({ "event": { "original": flow(2) } }), json!({ "_raw": flow(3) })];
    check("flows in documents", lines(&flows), 3, 0);
    check("columns", format!("t,message,_raw\n1,{},\n2,,{}\n", flow(1), flow(2)), 2, 0);
    // A record that a document has twice is one.
    let twice = |number| json!({ "_source": { "event": { "original": text(number) }, "message": text(number) } });
    check("twice", lines(&[twice(1), twice(2)]), 2, 0);
    check("the same items", json!({ "logEvents": [{ "message": flow(1) }, { "message": flow(1) }] }).to_string(), 2, 0);
    check("the same texts", json!({ "us": [flow(1), flow(1)] }).to_string(), 2, 0);
    // What stands where nothing tells whether it is a record is a reject.
    let case = check("unknown", lines(&[json!({ "message": text(1) }), json!({ "odd": { "name": text(2) } })]), 1, 1);
    let reason = json!([{ "reason": "like a record, but not where the file has its records" }]);
    assert_eq!(sql(&case, "SELECT reason FROM rejects"), reason);
    check("unknown flow", lines(&[json!({ "message": flow(1) }), json!({ "odd": flow(2) })]), 1, 1);
    check("unknown column", format!("t,message,odd\n1,{},\n2,,{}\n", flow(1), flow(2)), 1, 1);
}

#[test]
fn fields_that_callers_choose_are_no_records() {
    let agents = [(1, "aws-cli/2".to_owned()), (2, forged())];
    let documents = |document: fn(&Value, &str) -> Value| {
        lines(&agents.clone().map(|(number, agent)| document(&event_of(number, &agent), &agent)))
    };
    let original = |event: &Value, agent: &str| json!({ "_source": { "event": { "original": event.to_string() }, "user_agent": { "original": agent } } });
    check("original", documents(original), 2, 1);
    let first = |event: &Value, agent: &str| json!({ "agent": { "original": agent }, "event": { "original": event.to_string() } });
    check("original behind it", documents(first), 2, 1);
    let parameters = |event: &Value, agent: &str| {
        let parameters: Value = serde_json::from_str(agent).unwrap_or_default();
        json!({ "event": { "original": event.to_string() }, "aws": { "cloudtrail": { "request_parameters": parameters, "Records": 1 } } })
    };
    check("parameters", documents(parameters), 2, 1);
    let message = |event: &Value, agent: &str| {
        let inner = json!({ "event": { "original": event.to_string() }, "user_agent": { "original": agent } });
        json!({ "message": inner.to_string() })
    };
    check("in a message", documents(message), 2, 1);
    let list = |number| {
        let name = if number == 1 { flow(9) } else { "x".to_owned() };
        json!({ "Resources": [{ "ResourceName": name }], "CloudTrailEvent": text(number) })
    };
    check("resource", json!({ "Events": [list(1), list(2), list(3)] }).to_string(), 3, 0);
    let row = |number| format!("1,{},{}\n", if number == 1 { flow(9) } else { "x".to_owned() }, quoted(&text(number)));
    let rows: String = (1..4).map(row).collect();
    check("column", format!("_time,userAgent,_raw\n{rows}"), 3, 0);
    check("unknown column", format!("_time,userAgent,odd\n{rows}"), 3, 0);
    let unknown = |number| json!({ "name": if number == 1 { flow(9) } else { "x".to_owned() }, "odd": text(number) });
    check("unknown", lines(&[unknown(1), unknown(2), unknown(3)]), 3, 0);
}

#[test]
fn whole_records_go_before_columns_that_were_taken_out_of_them() {
    let event = |number| json!({ "eventName": "DescribeInstances", "eventTime": "2024-05-01T12:00:01Z", "eventSource": "ec2.amazonaws.com", "awsRegion": "us-east-1", "eventVersion": "1.09", "_raw": text(number) });
    let whole = |case: &Case| {
        let found = sql(case, "SELECT event_id, user_agent, raw FROM cloudtrail");
        assert_eq!(found, json!([{ "event_id": "e1", "user_agent": "aws-cli/2", "raw": text(1) }]));
    };
    whole(&check("object", event(1).to_string(), 1, 0));
    whole(&check("result", json!({ "preview": false, "result": event(1) }).to_string(), 1, 0));
    for column in ["_raw", "eventJson", "CloudTrailEvent", "whole_event"] {
        let header = format!("eventName,eventTime,eventSource,{column}");
        let row = |raw: &str| format!("DescribeInstances,2024-05-01T12:00:01Z,ec2.amazonaws.com,{raw}\n");
        whole(&check(column, format!("{header}\n{}", row(&quoted(&text(1)))), 1, 0));
    }
    // Without them, the columns are all there is; a field of theirs is none.
    let header = "eventName,eventTime,eventSource,userAgent";
    let row = |agent: &str| format!("DescribeInstances,2024-05-01T12:00:01Z,ec2.amazonaws.com,{agent}\n");
    check("columns", format!("{header}\n{}{}", row(&quoted(&forged())), row("x")), 2, 0);
    let rows = ["DescribeInstances,2024-05-01T12:00:01Z,a,", "DescribeInstances,2024-05-01T12:00:02Z,a,"];
    let some = format!("eventName,eventTime,eventSource,_raw\n{}{}\n{}\n", rows[0], quoted(&text(1)), rows[1]);
    check("some", some, 1, 1);
}
