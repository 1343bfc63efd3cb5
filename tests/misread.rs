//! Files whose records once were lost, invented or cut short because of what else is in the file: whatever stands
//! around records, and whatever a caller put into one of them, each record is read, or is a reject.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, event_of};
use serde_json::{Value, json};

fn event(number: u64) -> Value {
    event_of(number, "aws-cli/2")
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
    check("blank line", format!("{mark}\n{}{}", timed(1), timed(2)), 2, 0);
    check("export in UTF-16", utf16(&format!("{}{}", timed(1), timed(2))), 2, 0);
    let row = |number| flow(number).replace(' ', ",") + "\n";
    check("rows", format!("{mark}{}{}", row(1), row(2)), 2, 0);
    check("messages", format!("{mark}t,message\n1,{}\n{mark}2,{}\n", flow(1), flow(2)), 2, 0);
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_record_that_is_printed() {
    let (case, mark) = (Case::new(), "\u{feff}");
    let lines = [flow(1), flow(2), flow(3)];
    case.write("in/a.log", format!("{mark}{}\n{}\n", lines[0], lines[1]));
    case.write("in/b.log", format!("{mark}{}\r\n", lines[2]));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    let printed = |arguments: &[&str]| {
        let ran = case.sawq(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran.text().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(printed(&["find"]), lines);
    let mut by_time = printed(&["find", "--sort", "time"]);
    by_time.sort();
    assert_eq!(by_time, lines);
    assert_eq!(printed(&["find", "--match", "^2 "]), lines);
    assert_eq!(printed(&["find", "--match", "^2 ", "-c"]), ["3"]);
    assert_eq!(printed(&["sql", "--match", "^2 ", "SELECT count(*) AS n FROM vpc_flow"]), ["n", "3"]);
    // The files themselves come back with it.
    assert_eq!(case.sawlog(&["verify"]).code, 0);
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
    let flows =
        [json!({ "message": flow(1) }), json!({ "event": { "original": flow(2) } }), json!({ "_raw": flow(3) })];
    check("flows in documents", lines(&flows), 3, 0);
    check("columns", format!("t,message,_raw\n1,{},\n2,,{}\n", flow(1), flow(2)), 2, 0);
    // Records of another log are named, at least.
    let others = [json!({ "message": flow(1) }), json!({ "_raw": text(2) }), json!({ "detail": event(3) }), event(4)];
    let case = check("other logs", lines(&others), 1, 3);
    let reasons = sql(&case, "SELECT reason, count(*) AS n FROM rejects GROUP BY 1");
    assert_eq!(reasons, json!([{ "reason": "CloudTrail event", "n": 3 }]));
    let others = [json!({ "message": text(1) }), json!({ "_raw": flow(2) })];
    check("other lines", lines(&others), 1, 1);
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

#[test]
fn utf16_that_breaks_off_keeps_what_is_whole() {
    let all: Vec<String> = (0..5).map(text).collect();
    let wide = utf16(&all.join("\n"));
    check("cut off", &wide[..wide.len() - 100], 4, 1);
    check("cut off in a character", &wide[..wide.len() - 101], 4, 1);
    let flows: Vec<String> = (0..5).map(flow).collect();
    let wide_flows = utf16(&flows.join("\n"));
    check("flows", &wide_flows[..wide_flows.len() - 41], 4, 1);
    // Half of a pair between records, and within one.
    let half = [0, 0xd8];
    let tail = &utf16(&format!("\n{}", text(9)))[2..];
    check("half", [&wide, &half[..], tail].concat(), 6, 1);
    let agent = utf16(&event_of(1, "a@b").to_string());
    let broken: Vec<u8> =
        agent.chunks(2).flat_map(|unit| if unit == [b'@', 0] { half } else { [unit[0], unit[1]] }).collect();
    check("half in a record", [&broken, tail].concat(), 1, 1);
    let packed = gzip(&wide.repeat(50));
    let case = Case::new();
    case.write("in/file.gz", &packed[..packed.len() - 20]);
    let summary = case.sawlog(&["convert", "in", "--json"]).json();
    assert!(summary["records"].as_u64() > Some(100) && summary["rejects"].as_u64() > Some(0), "{summary}");
    assert_eq!(case.sawlog(&["verify"]).code, 0);
}

#[test]
fn numbers_that_no_column_holds_are_part_of_their_record() {
    let numbers = "1E+400,-1e-999,123456789012345678901234567890,1.5,7";
    let record = |parameters: &str| {
        text(1).replace("\"requestParameters\":null", &format!("\"requestParameters\":{parameters}"))
    };
    let parameters = format!("{{\"a\":[{numbers}],\"b\":\"1E+400\"}}");
    let case = check("numbers", format!("{}\n{}", record(&parameters), text(2)), 2, 0);
    let found = sql(&case, "SELECT request_parameters AS p, raw FROM cloudtrail WHERE event_id = 'e1'");
    assert_eq!(found, json!([{ "p": parameters, "raw": record(&parameters) }]));
    check("no numbers", record("{\"a\":01E400}"), 0, 1);
}

#[test]
fn records_further_on_are_found_where_the_shape_says_so() {
    let messages: Vec<Value> =
        (0..2500).map(|n| json!({ "message": format!("INFO request {n} done in 12 ms\n") })).collect();
    let events = json!({ "logEvents": messages }).to_string();
    check("events", events + &json!({ "logEvents": [{ "message": text(1) }] }).to_string(), 1, 2500);
    let rows = "1,INFO request 7 done ok\n".repeat(40);
    check("rows", format!("timestamp,message\n{rows}1,{}\n", flow(1)), 1, 40);
    let lines = "2024-05-01T12:00:00.000Z INFO request 7 done ok\n".repeat(3000);
    check("lines", format!("{lines}2024-05-01T12:00:00.000Z {}\n", flow(1)), 1, 3000);
    let mut wide = event(1);
    wide["requestParameters"] = json!({ "a": "x".repeat(100_000) });
    let rows = format!("1,{}\n2,{}\n", quoted(&wide.to_string()), quoted(&text(2)));
    check("wide row", format!("timestamp,message\n{rows}"), 2, 0);
}

#[test]
fn named_values_are_the_text_that_was_named() {
    let s3 = json!({ "bucket_name": "img", "bucket_owner_id": "79a5", "request_time": "2026-09-01T10:00:01.000Z", "remote_ip": "203.0.113.113", "requester": "a", "request_id": "RID1", "operation": "REST.GET.OBJECT", "object_key": "a b+c%20d\t.jpg", "request_uri": "GET /a \"b\" HTTP/1.1", "http_status": 200.0, "bytes_sent": 1000.0, "user_agent": "M \"q\"" });
    let case = check("s3", s3.to_string(), 1, 0);
    let found = sql(&case, "SELECT \"key\", request_uri, http_status, bytes_sent, user_agent FROM s3_access");
    assert_eq!(
        found,
        json!([{ "key": "a b+c%20d\t.jpg", "request_uri": "GET /a \"b\" HTTP/1.1", "http_status": 200, "bytes_sent": 1000, "user_agent": "M \"q\"" }])
    );
    let found = case.sawq(&["find", "--key", "a b+c%20d\t.jpg", "-c", "-q"]);
    assert_eq!(found.text().trim(), "1", "{}", found.err);
    let floats = "version,srcaddr,dstaddr,srcport,dstport,protocol,packets,bytes,start,end,action\n2.0,203.0.113.12,10.0.0.5,51000.0,22.0,6.0,3.0,180.0,1714564800.0,1714564860.0,REJECT\n";
    let case = check("floats", floats, 1, 0);
    let found = sql(&case, "SELECT srcport, dstport, protocol, packets, bytes, \"start\" FROM vpc_flow");
    assert_eq!(
        found,
        json!([{ "srcport": 51000, "dstport": 22, "protocol": 6, "packets": 3, "bytes": 180, "start": "2024-05-01T12:00:00Z" }])
    );
}

#[test]
fn a_header_among_rows_says_what_follows() {
    let table = |names: &str, first: &str, second: &str| {
        format!("version,{names},srcport,dstport,start,end\n2,{first},{second},51000,22,1714564800,1714564860\n")
    };
    let (a, b) = ("203.0.113.12", "10.0.0.5");
    let case = check("flows", table("srcaddr,dstaddr", a, b) + &table("dstaddr,srcaddr", b, a), 2, 0);
    let found = sql(&case, "SELECT DISTINCT srcaddr, dstaddr FROM vpc_flow");
    assert_eq!(found, json!([{ "srcaddr": a, "dstaddr": b }]));
    let messages = format!("timestamp,message\n1,{}\nmessage,timestamp\n{},2\n", flow(1), flow(2));
    check("messages", messages, 2, 0);
}

#[test]
fn the_event_history_names_resources() {
    let history = "Event name,Event time,User name,Event source,Resource type,Resource name,AWS region\nDeleteTrail,2024-05-01T12:00:02Z,bob,cloudtrail.amazonaws.com,AWS::CloudTrail::Trail,my-trail,us-east-1\nListTrails,2024-05-01T12:00:03Z,bob,cloudtrail.amazonaws.com,,,us-east-1\n";
    let case = check("history", history, 2, 0);
    let found = case.sawq(&["find", "--resource", "my-trail", "-c", "-q"]);
    assert_eq!(found.text().trim(), "1", "{}", found.err);
}

#[test]
fn an_object_without_its_end_costs_no_other() {
    let torn = |mut all: Vec<String>, least: usize| {
        let line = &mut all[1];
        line.truncate(line.len() - least);
        all.join("\n")
    };
    let records: Vec<String> = (0..5).map(text).collect();
    check("records", torn(records.clone(), 1), 4, 1);
    check("records with carriage returns", torn(records.clone(), 1).replace('\n', "\r\n"), 4, 1);
    let documents = |document: fn(u64) -> Value| (0..5).map(|number| document(number).to_string()).collect::<Vec<_>>();
    check("messages", torn(documents(|number| json!({ "message": text(number) })), 1), 5, 0);
    check("details", torn(documents(|number| json!({ "detail": event(number) })), 2), 4, 1);
    // Objects that begin lines in others are whole.
    let nested =
        text(1).replace("\"requestParameters\":null", "\"requestParameters\":\n{\"a\":[\n{\"b\":1},\n{\"c\":2}\n]}");
    check("nested", format!("{nested}\n{}", text(2)), 2, 0);
}

#[test]
fn quotes_behind_backslashes_end_no_user_agent() {
    let alb = |agent: &str| {
        format!(
            "https 2024-05-01T12:00:00.186641Z app/web/50dc 192.0.2.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 5 57 \"GET https://www.example.com:443/a HTTP/1.1\" \"{agent}\" ECDHE TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/my/73e2 \"Root=1-58337281\" \"www.example.com\" \"-\" 1 2024-05-01T12:00:00.000000Z \"forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\""
        )
    };
    let agent = "x \\\" ".repeat(70);
    let case = check("alb", format!("{}\n{}\n{}\n", alb("curl"), alb(&agent), alb("a\\")), 3, 0);
    let found = sql(&case, "SELECT user_agent FROM alb_access ORDER BY source_line");
    assert_eq!(found, json!([{ "user_agent": "curl" }, { "user_agent": agent }, { "user_agent": "a\\" }]));
}

#[test]
fn values_of_records_beside_whole_ones_are_counted() {
    let values = |number: u64| json!({ "eventversion": "1.09", "eventtime": format!("2024-05-01T12:00:{number:02}Z"), "eventsource": "ec2.amazonaws.com", "eventname": "DescribeInstances", "errorcode": null });
    let reason = "only values of a record, unlike the file's other records";
    let check = |what: &str, documents: &[Value], records: u64, rejects: u64| {
        let case = check(what, lines(documents), records, rejects);
        let found = sql(&case, "SELECT DISTINCT reason FROM rejects");
        assert_eq!(found, if rejects > 0 { json!([{ "reason": reason }]) } else { json!([]) }, "{what}");
    };
    let raw = |number| json!({ "_raw": text(number) });
    check("between", &[raw(1), values(2), raw(3)], 2, 1);
    check("first", &[values(1), raw(2)], 1, 1);
    check("in a list", &[raw(1), json!({ "hits": { "hits": [{ "_source": values(2) }, raw(3)] } })], 2, 1);
    check("where others are", &[raw(1), json!({ "detail": values(2) }), json!({ "message": values(3) })], 1, 2);
    check("below names", &[json!({ "detail": values(2) }), json!({ "message": text(1) })], 1, 1);
    check("in its list", &[json!({ "a": [{ "b": text(1) }, values(2), { "b": text(3), "c": values(3) }] })], 2, 1);
    check("in a text", &[raw(1), json!({ "message": values(2).to_string() })], 1, 1);
    let flow_values = |number: u64| json!({ "srcaddr": "203.0.113.12", "dstaddr": "10.0.0.5", "start": 1_714_564_800 + number, "bytes": 7 });
    check("flows", &[json!({ "message": flow(1) }), flow_values(2)], 1, 1);
    let lookup = |record: Value| json!({ "EventId": "e", "EventName": "n", "EventTime": 1.5, "EventSource": "s", "Username": "alice", "CloudTrailEvent": record });
    check("lookup-events", &[lookup(json!(text(1))), lookup(json!(null)), lookup(json!(text(2)))], 2, 1);
    let row = |number: u64, event: Value| json!([{ "eventID": "e" }, { "eventTime": format!("2024-05-01 12:00:{number:02}.000") }, { "eventName": "x" }, { "eventJson": event }]);
    check("rows", &[json!({ "QueryResultRows": [row(1, json!(text(1))), row(2, json!(null))] })], 1, 1);
    // A record that also has values taken out beside it is one.
    let beside = |number| json!({ "_source": { "event": { "original": text(number) }, "eventTime": "t", "eventName": "n", "eventSource": "s" } });
    check("beside", &[beside(1), beside(2)], 2, 0);
    // So are whole records in a file of values.
    let case = self::check("whole", lines(&[values(1), values(2), json!({ "odd": { "name": text(3) } })]), 2, 1);
    assert_eq!(sql(&case, "SELECT count(*) AS n FROM rejects WHERE raw IS NOT NULL"), json!([{ "n": 1 }]));
}

/// Lines of each log that comes in lines.
fn of_each_log() -> [(&'static str, String); 3] {
    let owner = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";
    let s3 = "web [01/May/2024:12:00:01 +0000] 203.0.113.1 - RID1 REST.GET.OBJECT a \"GET /a HTTP/1.1\" 200 - 1 1 20 10 \"-\" \"curl/8\" - H= SigV4 ECDHE AuthHeader web.s3.amazonaws.com TLSv1.2 - -";
    let alb = "https 2024-05-01T12:00:01.186641Z app/web/50dc 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 1 57 \"GET https://www.example.com:443/1 HTTP/1.1\" \"curl/7\" ECDHE TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/my/73e2 \"Root=1\"";
    [("s3_access", format!("{owner} {s3}")), ("alb_access", alb.to_owned()), ("vpc_flow", flow(1))]
}

#[test]
fn text_before_a_line_is_no_part_of_its_first_field() {
    let wanted = json!([{ "reason": "a record with other text before it" }]);
    for (table, line) in of_each_log() {
        for before in
            ["a.log:", "12:", "x/y-1.log:12:", "13-", "2024-05-01T12:00:00Z,", "\"", "a;", "May  1 12:00:00 host aws: "]
        {
            let what = format!("{before} {table}");
            let case = check(&what, format!("{line}\n{before}{line}\n"), 1, 1);
            assert_eq!(sql(&case, "SELECT reason FROM rejects"), wanted, "{what}");
        }
        // A file of nothing else is named, unless the text is what grep prints.
        let case = Case::new();
        case.write("in/csv", format!("2024-05-01T12:00:00Z,{line}\n").repeat(2));
        case.write("in/syslog", format!("May  1 12:00:00 host aws: {line}\n").repeat(2));
        assert_eq!(case.sawlog(&["convert", "in"]).code, 3);
        let mut unread = json!([{ "path": "csv" }, { "path": "syslog" }]);
        if table == "vpc_flow" {
            // A field without quotes in it is one without quotes around it.
            unread.as_array_mut().unwrap().remove(0);
            assert_eq!(sql(&case, "SELECT count(*) AS n FROM vpc_flow"), json!([{ "n": 2 }]));
        }
        let named = "SELECT path FROM sources WHERE looks_like = 'log lines with other text before them' ORDER BY 1";
        assert_eq!(sql(&case, named), unread, "{table}");
    }
    // Owners that were made unreadable, and none.
    let [(_, line), ..] = of_each_log();
    let rest = &line[64..];
    for owner in ["79a5", "-", "REDACTED-owner_1", "<owner>", "ann@example.com"] {
        let case = check(owner, format!("{owner}{rest}\n"), 1, 0);
        let found = json!([{ "owner": owner }]);
        assert_eq!(sql(&case, "SELECT coalesce(bucket_owner, '-') AS owner FROM s3_access"), found);
    }
}

#[test]
fn events_behind_other_text_are_named() {
    let case = Case::new();
    let event = event(1);
    case.write("in/csv", format!("7,{event}\n"));
    case.write("in/syslog", format!("May  1 12:00:00 host aws: {event}\n").repeat(2));
    case.write("in/web", format!("May  1 12:00:00 host web: {{\"ua\": {event}}}\n"));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 3);
    let named = "SELECT path FROM sources WHERE looks_like = 'log lines with other text before them' ORDER BY 1";
    assert_eq!(sql(&case, named), json!([{ "path": "csv" }, { "path": "syslog" }]));
}

#[test]
fn text_before_flows_of_other_fields_is_no_part_of_them() {
    let fields = "srcaddr dstaddr account-id start end action";
    let line = |from: &str| format!("{from} 10.0.0.5 111122223333 1714564800 1714564860 REJECT\n");
    let converted = |content: String| {
        let case = Case::new();
        case.write("in/log", content);
        let summary = case.sawlog(&["convert", "in", "--json", "--vpc-fields", fields]).json();
        assert_eq!(case.sawlog(&["verify"]).code, 0);
        let found = sql(
            &case,
            "SELECT srcaddr, reason FROM vpc_flow FULL JOIN rejects USING (source_line) ORDER BY source_line",
        );
        (summary["records"].clone(), summary["rejects"].clone(), found)
    };
    let from = |address: &str| json!({ "srcaddr": address });
    let reason = json!({ "reason": "a record with other text before it" });
    for (content, records, rejects, rows) in [
        (format!("{fields}\n{}{}", line("10.0.0.1"), line("a.log:10.0.0.1")), 1, 1, json!([from("10.0.0.1"), reason])),
        (
            format!("{}{}", line("a.log:10.0.0.1"), line("b.log:7:10.0.0.2")),
            2,
            0,
            json!([from("10.0.0.1"), from("10.0.0.2")]),
        ),
        (
            format!("{}{}", line("2001:db8::1"), line("2001:db8::2")),
            2,
            0,
            json!([from("2001:db8::1"), from("2001:db8::2")]),
        ),
    ] {
        assert_eq!(converted(content.clone()), (json!(records), json!(rejects), rows), "{content}");
    }
}

#[test]
fn what_callers_send_makes_no_lines_with_a_tag() {
    let message = |name: &str| json!({ (name): forged(), "status": 200 });
    for name in ["ua", "user_agent", "query", "requestParameters"] {
        let lines = [
            format!("2024-05-01T12:00:00+00:00\tweb\t{}\n", message(name)),
            format!("web: [1714567890.123000, {}]\n", message(name)),
            format!("web.json:{}\n", message(name)),
            format!("2024-05-01T12:00:00 {}\n", message(name)),
        ];
        for line in lines {
            let case = Case::new();
            case.write("in/log", line.repeat(3));
            let summary = case.sawlog(&["convert", "in", "--json"]).json();
            assert_eq!(summary["records"], json!(0), "{line}");
        }
    }
}

#[test]
fn reasons_are_in_words() {
    let reason = |what: &str, content: Vec<u8>, wanted: &str| {
        let case = check(what, content, 1, 1);
        assert_eq!(sql(&case, "SELECT reason FROM rejects"), json!([{ "reason": wanted }]), "{what}");
    };
    let with = |parameters: &str| {
        let text = text(1).replace("\"requestParameters\":null", &format!("\"requestParameters\":{parameters}"));
        format!("{}\n{text}\n", self::text(2)).into_bytes()
    };
    // The record itself is a level.
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    check("as deep as may be", with(&nested(128)), 2, 0);
    reason("too deep", with(&nested(129)), "nested more than 128 levels deep");
    for (parameters, wanted) in [
        ("{a:1}", "not valid JSON: a name is not in quotes"),
        ("{\"a\" 1}", "not valid JSON: no colon follows a name"),
        ("[1 2]", "not valid JSON: no comma between the items of a list"),
        ("{\"a\":1 \"b\":2}", "not valid JSON: no comma between the members of an object"),
        ("[maybe]", "not valid JSON: a character that can't stand where it does"),
        ("[1,]", "not valid JSON: a character that can't stand where it does"),
        ("{\"a\":1,}", "not valid JSON: a character that can't stand where it does"),
        ("{\"a\":1,b:2}", "not valid JSON: a name is not in quotes"),
        ("\"\t\"", "not valid JSON: a string has a control character in it, or does not end"),
        ("[nul]", "not valid JSON: a word that is not true, false or null"),
        ("\"\\x\"", "not valid JSON: a malformed escape in a string"),
        ("[1.2.3]", "not valid JSON: a malformed number"),
    ] {
        reason(parameters, with(parameters), wanted);
    }
    let half = |text: &str| -> Vec<u8> {
        let units = utf16(text);
        units.chunks(2).flat_map(|unit| if unit == [b'@', 0] { [0, 0xd8] } else { [unit[0], unit[1]] }).collect()
    };
    let wanted = "has half of a UTF-16 pair, which is no character";
    reason("half", half(&format!("{}\n{}\n", event_of(1, "a@b"), text(2))), wanted);
    let records = json!({ "Records": [event_of(1, "a@b"), event(2)] }).to_string();
    reason("half among records", half(&records), wanted);
    reason("half in a line", half(&format!("{}\n{}@\n", flow(1), flow(2))), wanted);
    let bytes = [text(2).as_bytes(), b"\n", text(1).replace("aws-cli", "@").as_bytes()].concat();
    let bytes = bytes.iter().map(|byte| if *byte == b'@' { 0xff } else { *byte }).collect();
    reason("bytes", bytes, "not UTF-8");
}

#[test]
fn what_begins_like_an_archive_is_one_only_with_its_header() {
    let case = Case::new();
    for digits in ["070701", "070702", "070707"] {
        case.write(&format!("in/{digits}"), format!("{digits} is no part of a flow\n{}\n", flow(1)));
    }
    case.write("in/cpio", format!("070701{}TRAILER!!!", "0".repeat(104)));
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend_from_slice(&[0; 40]);
    zip.extend_from_slice(b"PK\x05\x06");
    zip.extend_from_slice(&[0; 18]);
    case.write("in/setup.exe", [b"MZ".as_slice(), &[0; 98], &zip].concat());
    let summary = case.sawlog(&["convert", "in", "--json"]).json();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(3), &json!(3)), "{summary}");
    let looks = &summary["looks_like"];
    assert_eq!(looks["cpio archive"]["files"], json!(["cpio"]), "{looks}");
    assert!(looks.as_object().unwrap().keys().any(|name| name.starts_with("zip archive behind")), "{looks}");
}
