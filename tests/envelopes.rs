//! Logs in other documents: what AWS and other tools wrap records in is read like the log, and rebuilt byte for byte.

use std::fmt::Write as _;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Numbers, Ran, in_parallel};
use serde_json::{Map, Value, json};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn converted(case: &Case, arguments: &[&str], code: i32) -> Ran {
    let ran = case.sawlog(&[&["convert"], arguments].concat());
    assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.text(), ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

fn verified(case: &Case, what: &str) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{what}: {}{}", ran.text(), ran.err);
}

fn sql(case: &Case, query: &str) -> Value {
    let ran = case.sawq(&["sql", query, "--json", "-q"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

fn printed(case: &Case, arguments: &[&str]) -> String {
    let ran = case.sawq(&[arguments, &["-q"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.text().to_owned()
}

fn event(number: u64) -> String {
    let mut event = json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "alice",
        },
        "eventTime": format!("2024-05-{:02}T12:{:02}:{:02}Z", 1 + number % 3, number / 60 % 60, number % 60),
        "eventSource": "ec2.amazonaws.com",
        "eventName": if number.is_multiple_of(4) { "TerminateInstances" } else { "DescribeInstances" },
        "awsRegion": "us-east-1",
        "sourceIPAddress": format!("198.51.100.{}", number % 200),
        "userAgent": "aws-cli/2.15.0 \"x\" \\ \u{e9}\u{1f600} \t",
        "requestParameters": { "path": "/a\n\"b\"", "n": [1, { "message": "a { b" }] },
        "responseElements": null,
        "eventID": format!("00000000-0000-4000-8000-{number:012}"),
        "readOnly": !number.is_multiple_of(4),
    });
    if number.is_multiple_of(5) {
        event["errorCode"] = json!("AccessDenied");
    }
    event.to_string()
}

/// A bucket's owner, who has so long an id that text before it shows.
const OWNER: &str = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";

fn s3(number: u64) -> String {
    format!(
        "{OWNER} web [{:02}/May/2024:12:00:{:02} +0000] 203.0.113.{} arn:aws:iam::111122223333:user/ann RID{number} REST.GET.OBJECT a/{number}.jpg \"GET /a/{number}.jpg?x=\\y HTTP/1.1\" {} - {} 1 20 10 \"-\" \"curl/8, \u{e9}\" - HOST= SigV4 ECDHE AuthHeader web.s3.amazonaws.com TLSv1.2 - -",
        1 + number % 3,
        number % 60,
        number % 250,
        if number.is_multiple_of(3) { 403 } else { 200 },
        number * 7,
    )
}

fn flow(number: u64) -> String {
    if number % 7 == 6 {
        return "2 111122223333 eni-0a1b - - - - - - - 1714564900 1714564960 - NODATA".to_owned();
    }
    let start = 1_714_564_800 + number * 40_000;
    let (port, action) = (50_000 + number, if number.is_multiple_of(2) { "REJECT" } else { "ACCEPT" });
    format!("2 111122223333 eni-0a1b 203.0.113.12 10.0.0.5 {port} 22 6 3 {number} {start} {} {action} OK", start + 60)
}

fn alb(number: u64) -> String {
    format!(
        "https 2024-05-{:02}T12:00:{:02}.186641Z app/web/50dc 192.0.2.{}:2817 10.0.0.1:80 0.086 0.048 0.037 {} 200 {number} 57 \"GET https://www.example.com:443/{number} HTTP/1.1\" \"curl/7.46.0 (a, b)\" ECDHE TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/my/73e2 \"Root=1-58337281\" \"www.example.com\" \"arn:aws:acm:us-east-2:111122223333:certificate/1\" 1 2024-05-01T12:00:00.000000Z \"authenticate,forward\" \"-\" \"-\" \"10.0.0.1:80\" \"200\" \"-\" \"-\" TID_1",
        1 + number % 3,
        number % 60,
        number % 250,
        if number.is_multiple_of(3) { 503 } else { 200 },
    )
}

/// A log: its table, its records, and how a file of its own has them.
struct Log {
    table: &'static str,
    record: fn(u64) -> String,
}

const LOGS: [Log; 4] = [
    Log { table: "cloudtrail", record: event },
    Log { table: "s3_access", record: s3 },
    Log { table: "vpc_flow", record: flow },
    Log { table: "alb_access", record: alb },
];

/// Writes JSON as anybody may: the numbers say the white space, the order of names and the escapes.
struct Writer<'n> {
    numbers: &'n mut Numbers,
    /// Whether strings are escaped in odd ways.
    is_odd: bool,
    /// Whether there is white space, and names are in any order.
    is_loose: bool,
}

impl Writer<'_> {
    fn blank(&mut self, out: &mut String) {
        if self.is_loose {
            out.push_str(self.numbers.pick(&["", "", " ", "\n", "\n    ", "\t", "\r\n"]));
        }
    }

    fn string(&mut self, text: &str, out: &mut String) {
        if !self.is_odd {
            return out.push_str(&Value::from(text).to_string());
        }
        out.push('"');
        for char in text.chars() {
            match char {
                '/' if self.numbers.below(2) == 0 => out.push_str("\\/"),
                '"' | '\\' => write!(out, "\\{char}").unwrap(),
                '\n' => out.push_str("\\n"),
                char if char < ' ' || !char.is_ascii() || self.numbers.below(20) == 0 => {
                    let mut units = [0; 2];
                    char.encode_utf16(&mut units).iter().for_each(|unit| write!(out, "\\u{unit:04X}").unwrap());
                }
                char => out.push(char),
            }
        }
        out.push('"');
    }

    fn write(&mut self, value: &Value, out: &mut String) {
        self.blank(out);
        match value {
            Value::String(text) => self.string(text, out),
            Value::Array(values) => {
                out.push('[');
                for (place, value) in values.iter().enumerate() {
                    out.push_str(if place > 0 { "," } else { "" });
                    self.write(value, out);
                }
                self.blank(out);
                out.push(']');
            }
            Value::Object(members) => {
                let mut names: Vec<&String> = members.keys().collect();
                for place in (1..names.len()).rev().filter(|_| self.is_loose) {
                    names.swap(place, usize::try_from(self.numbers.below(place as u64 + 1)).unwrap());
                }
                out.push('{');
                for (place, name) in names.into_iter().enumerate() {
                    out.push_str(if place > 0 { "," } else { "" });
                    self.blank(out);
                    out.push_str(&Value::from(name.as_str()).to_string());
                    self.blank(out);
                    out.push(':');
                    self.write(&members[name], out);
                }
                self.blank(out);
                out.push('}');
            }
            other => out.push_str(&other.to_string()),
        }
        self.blank(out);
    }
}

/// A kind of document: its name, what the ledger calls it, and the documents of some records.
type Kind = (&'static str, &'static str, fn(&[String]) -> Vec<Value>);

/// Documents whose records are in strings, of any log.
const STRINGS: [Kind; 15] = [
    ("subscription", "CloudWatch Logs subscription", |records| {
        let events = |messages: Vec<Value>, kind: &str| {
            let events = messages.into_iter().enumerate();
            let event = |(place, message)| json!({ "id": format!("3{place}"), "timestamp": 1_714_564_800_000_u64, "message": message });
            json!({ "messageType": kind, "owner": "111122223333", "logGroup": "g", "logStream": "s { \"message\"", "subscriptionFilters": ["f"], "logEvents": events.map(event).collect::<Vec<_>>() })
        };
        let control =
            || events(vec![json!("CWL CONTROL MESSAGE: Checking health of destination Firehose.")], "CONTROL_MESSAGE");
        let data =
            records.chunks(3).map(|some| events(some.iter().map(|record| json!(record)).collect(), "DATA_MESSAGE"));
        std::iter::once(control()).chain(data).chain([control()]).collect()
    }),
    ("filter-log-events", "CloudWatch Logs events", |records| {
        let event = |record| json!({ "logStreamName": "s", "timestamp": 1, "message": record, "ingestionTime": 2, "eventId": "3" });
        vec![
            json!({ "events": records.iter().map(event).collect::<Vec<_>>(), "searchedLogStreams": [], "nextToken": "n" }),
        ]
    }),
    ("insights", "CloudWatch Logs Insights", |records| {
        let row = |record| json!([{ "field": "@timestamp", "value": "2024-05-01 12:00:00.000" }, { "field": "@message", "value": record }, { "field": "@ptr", "value": "CmAK" }]);
        vec![
            json!({ "results": records.iter().map(row).collect::<Vec<_>>(), "statistics": { "recordsMatched": 5.0 }, "status": "Complete" }),
        ]
    }),
    ("insights-objects", "CloudWatch Logs Insights", |records| {
        vec![Value::from(
            records.iter().map(|record| json!({ "@timestamp": "t", "@message": record })).collect::<Vec<_>>(),
        )]
    }),
    ("firehose", "JSON with messages", |records| records.iter().map(|record| json!({ "message": record })).collect()),
    ("logstash", "JSON with messages", |records| {
        let document = |record| json!({ "@timestamp": "2024-05-01T12:00:00.000Z", "host": { "name": "h", "message": "no record" }, "message": record, "tags": ["a", "b"] });
        records.iter().map(document).collect()
    }),
    ("trailing-feed", "JSON with messages", |records| {
        records.iter().map(|record| json!({ "message": format!("{record}\n") })).collect()
    }),
    ("sns", "SNS notification", |records| {
        records.iter().map(|record| json!({ "Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:111122223333:t", "Message": record })).collect()
    }),
    ("sqs", "SQS message", |records| {
        let message = |record| json!({ "MessageId": "m", "ReceiptHandle": "r", "Body": record });
        vec![json!({ "Messages": records.iter().map(message).collect::<Vec<_>>() })]
    }),
    ("sns-in-sqs", "SQS message", |records| {
        let inner = |record| json!({ "Type": "Notification", "Message": record, "MessageId": "m" }).to_string();
        records.iter().map(|record| json!({ "Messages": [{ "MessageId": "m", "Body": inner(record) }] })).collect()
    }),
    ("lambda-sns", "SNS notification", |records| {
        let record = |record| json!({ "EventSource": "aws:sns", "EventVersion": "1.0", "Sns": { "Type": "Notification", "Message": record } });
        vec![json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })]
    }),
    ("splunk", "Splunk export", |records| {
        records
            .iter()
            .map(|record| json!({ "preview": false, "result": { "_raw": record, "host": "h", "_time": "t" } }))
            .collect()
    }),
    ("lake-column", "CloudTrail Lake results", |records| {
        let row = |record| json!([{ "eventID": "e" }, { "eventJson": record }, { "errorCode": null }]);
        vec![
            json!({ "QueryStatus": "FINISHED", "QueryStatistics": { "ResultsCount": 5 }, "QueryResultRows": records.iter().map(row).collect::<Vec<_>>() }),
        ]
    }),
    ("athena-column", "Athena results", |records| {
        let row =
            |cells: [&str; 2]| json!({ "Data": [{ "VarCharValue": cells[0] }, {}, { "VarCharValue": cells[1] }] });
        let rows = records.iter().map(|record| row(["2024-05-01 12:00:00.000", record]));
        let header = json!({ "Data": [{ "VarCharValue": "t" }, { "VarCharValue": "n" }, { "VarCharValue": "line" }] });
        let columns = json!([{ "Name": "t", "Type": "varchar" }, { "Name": "n" }, { "Name": "line", "Label": "x" }]);
        vec![
            json!({ "UpdateCount": 0, "ResultSet": { "Rows": std::iter::once(header).chain(rows).collect::<Vec<_>>(), "ResultSetMetadata": { "ColumnInfo": columns } } }),
        ]
    }),
    ("elasticsearch", "Elasticsearch export", |records| {
        let hit = |record| json!({ "_index": "i", "_id": "1", "_source": { "@timestamp": "t", "event": { "original": record } } });
        vec![json!({ "took": 1, "hits": { "hits": records.iter().map(hit).collect::<Vec<_>>() } })]
    }),
];

fn parsed(record: &str) -> Value {
    serde_json::from_str(record).unwrap()
}

/// Documents of CloudTrail records.
const TRAIL: [Kind; 9] = [
    ("lookup", "lookup-events", |records| {
        let event = |record| json!({ "EventId": "e", "EventName": "n", "ReadOnly": "true", "EventTime": "2024-05-01T14:00:01+02:00", "EventSource": "s", "Username": "alice", "Resources": [{ "ResourceType": "t", "ResourceName": "n" }], "CloudTrailEvent": record });
        records
            .chunks(4)
            .map(|some| json!({ "Events": some.iter().map(event).collect::<Vec<_>>(), "NextToken": "x" }))
            .collect()
    }),
    ("lookup-stream", "lookup-events", |records| {
        records.iter().map(|record| json!({ "EventId": "e", "EventName": "n", "EventTime": 1_714_564_803.0, "EventSource": "s", "Username": "alice", "CloudTrailEvent": record })).collect()
    }),
    ("lookup-array", "lookup-events", |records| {
        vec![Value::from(
            records.iter().map(|record| json!({ "EventName": "n", "CloudTrailEvent": record })).collect::<Vec<_>>(),
        )]
    }),
    ("event-bridge", "EventBridge event", |records| {
        records.iter().map(|record| json!({ "version": "0", "id": "i", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "resources": [], "detail": parsed(record) })).collect()
    }),
    ("event-bridge-in-sqs", "SQS message", |records| {
        let body =
            |record: &str| json!({ "version": "0", "detail-type": "x", "detail": parsed(record), "z": 1 }).to_string();
        records.iter().map(|record| json!({ "MessageId": "m", "Body": body(record), "Attributes": {} })).collect()
    }),
    ("source", "Elasticsearch export", |records| {
        records.iter().map(|record| json!({ "_index": "i", "_source": parsed(record), "sort": [1] })).collect()
    }),
    ("records-below", "JSON with records", |records| {
        vec![
            json!({ "payload": { "a": [1], "Records": records.iter().map(|record| parsed(record)).collect::<Vec<_>>(), "b": null } }),
        ]
    }),
    ("records-in-string", "JSON with messages", |records| {
        let body = |some: &[String]| {
            json!({ "Records": some.iter().map(|record| parsed(record)).collect::<Vec<_>>() }).to_string()
        };
        records.chunks(3).map(|some| json!({ "message": body(some) })).collect()
    }),
    ("raw", "Splunk export", |records| records.iter().map(|record| json!({ "_raw": record })).collect()),
];

/// The records of a table, but for how they stand in their file.
fn rows(case: &Case, table: &str, with_raw: bool) -> Value {
    // Of an object that was written anew the text is another one.
    let others = if with_raw { "" } else { ", raw, request_parameters" };
    sql(
        case,
        &format!(
            "SELECT * EXCLUDE (gap, wrapping, wrapped, source_file, source_line{others}) FROM {table} ORDER BY source_file, source_line"
        ),
    )
}

/// A store of the records as a log of their own.
fn plain_store(records: &[String]) -> Case {
    let case = Case::new();
    case.write("in/log", format!("{}\n", records.join("\n")));
    converted(&case, &["in"], 0);
    case
}

/// Converts files of the same records, and checks the records and that the files come back; then again, with no news.
fn check(name: &str, files: &[Vec<u8>], envelope: &str, log: &Log, wanted: &Value, with_raw: bool) {
    let case = Case::new();
    files.iter().enumerate().for_each(|(place, content)| case.write(&format!("in/{place}"), content));
    let summary = converted(&case, &["in", "--json"], 0).json();
    let wanted = wanted.as_array().unwrap();
    let count = wanted.len() * files.len();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(count), &json!(0)), "{name}: {summary}");
    let found = rows(&case, log.table, with_raw);
    for (place, found) in found.as_array().unwrap().chunks(wanted.len()).enumerate() {
        assert_eq!(found, wanted.as_slice(), "{name} {place}");
    }
    let ledger = sql(&case, "SELECT DISTINCT envelope, format, lines FROM sources");
    assert_eq!(ledger, json!([{ "envelope": envelope, "format": log.table, "lines": wanted.len() }]), "{name}");
    verified(&case, name);
    let again = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&again["records"], &again["unchanged"]), (&json!(0), &json!(files.len())), "{name}: {again}");
}

#[test]
fn records_in_documents_are_those_of_the_log() {
    let mut jobs = Vec::new();
    for (seed, log) in (0..).zip(&LOGS) {
        let kinds = STRINGS.iter().chain(TRAIL.iter().filter(|_| log.table == "cloudtrail"));
        jobs.extend(kinds.enumerate().map(move |(place, kind)| (log, kind, seed * 100 + place as u64)));
    }
    in_parallel(jobs, |(log, (name, envelope, documents), seed)| {
        let mut numbers = Numbers::new(seed);
        let count = 4 + numbers.below(12);
        let records: Vec<String> = (0..count).map(log.record).collect();
        let plain = plain_store(&records);
        // An object is written anew, so that its text is another one.
        let is_string =
            STRINGS.iter().any(|(string, ..)| string == name) || name.starts_with("lookup") || *name == "raw";
        let wanted = rows(&plain, log.table, is_string);
        let styles = [(false, false, ""), (true, false, "\n"), (true, true, ""), (false, true, "\n")];
        let files = styles.into_iter().enumerate().map(|(style, (is_loose, is_odd, between))| {
            let mut text = String::new();
            let mut writer = Writer { numbers: &mut numbers, is_odd, is_loose };
            for document in documents(&records) {
                writer.write(&document, &mut text);
                text.push_str(between);
            }
            if style % 2 == 1 { gzip(text.as_bytes()) } else { text.into_bytes() }
        });
        let files: Vec<Vec<u8>> = files.collect();
        check(&format!("{} {name}", log.table), &files, envelope, log, &wanted, is_string);
    });
}

/// What `grep -n -A 1` prints, if every third line matches.
fn in_context(records: &[String]) -> String {
    let lines = records.iter().enumerate().map(|(number, record)| match number % 3 {
        1 => format!("{number}-{record}\n--\n"),
        _ => format!("{number}:{record}\n"),
    });
    lines.collect()
}

#[test]
fn messages_that_are_printed_below_their_times_are_read() {
    let log = &LOGS[0];
    let records: Vec<String> = (0..7).map(log.record).collect();
    let wanted = rows(&plain_store(&records), log.table, false);
    let heading = "2024-05-01T12:00:00.123000+00:00 111122223333_CloudTrail_us-east-1 \n";
    let pretty = |record: &String| format!("{heading}{:#}\n", parsed(record));
    let events = records.iter().map(|record| format!("{heading}{:#}\n", json!({ "detail": parsed(record) })));
    for text in [records.iter().map(pretty).collect(), events.collect::<String>()] {
        let files = [text.clone().into_bytes(), gzip(text.as_bytes())];
        check("below times", &files, "CloudWatch Logs export", log, &wanted, false);
    }
    // Other messages are on the line of their time.
    let case = Case::new();
    case.write("in/log", format!("{}{} hello\n{}", pretty(&records[0]), heading.trim_end(), pretty(&records[1])));
    let summary = converted(&case, &["in", "--json"], 3).json();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(2), &json!(1)), "{summary}");
    verified(&case, "others");
}

#[test]
fn records_in_lines_and_tables_are_those_of_the_log() {
    let csv = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    in_parallel(&LOGS, |log| {
        let records: Vec<String> = (0..17).map(log.record).collect();
        let wanted = rows(&plain_store(&records), log.table, true);
        let lines = |line: &dyn Fn(&String) -> String| records.iter().map(line).collect::<String>();
        let export = "CloudWatch Logs export";
        let messages = "CSV of messages";
        let files = [
            (export, lines(&|record| format!("2024-05-01T12:00:00.000Z {record}\n"))),
            (export, lines(&|record| format!("2024-05-01T12:00:00.123Z {record}\r\n\r\n"))),
            (messages, format!("timestamp,message\n{}", lines(&|record| format!("1714564800000,{}\n", csv(record))))),
            (
                messages,
                format!(
                    "\"@timestamp\",\"@message\",\"@ptr\"\r\n{}",
                    lines(&|record| format!("\"2024-05-01, 12:00\",{},\"x\"\r\n", csv(record)))
                ),
            ),
            (
                messages,
                format!("\u{feff}_raw;n\n{}", lines(&|record| format!("{};\"a\n;b\"\n", csv(&format!("{record}\n"))))),
            ),
            (export, lines(&|record| format!("2024-05-01T12:00:00.000000+00:00 a-stream_us-east-1 {record}\n"))),
            (messages, format!("@message\n{}", lines(&|record| csv(record) + "\n"))),
            (
                messages,
                format!(
                    "a\tmessage\n{}",
                    lines(&|record| format!("1\t{}\n", csv(&json!({ "Message": record }).to_string())))
                ),
            ),
            (export, lines(&|record| format!("2024-05-01T12:00:00 {record}\n"))),
            // As Kibana writes them.
            (
                messages,
                format!(
                    "\"@timestamp\",\"_source\",message\n{}",
                    lines(&|record| format!("\"Nov 26, 2026 @ 10:11:12.123\",\"-\",{}\n", csv(record)))
                ),
            ),
            // Rows that nothing names.
            (messages, lines(&|record| format!("\"Nov 26, 2026 @ 10:11:12.123\",{}\r\n", csv(record)))),
            (messages, lines(&|record| format!("2024-05-01T12:00:00.000Z,a stream,{},x\n", csv(record)))),
            (messages, lines(&|record| format!("7;{}\n\n", csv(&format!("{record}\n"))))),
            (messages, lines(&|record| format!("\"a\tb\"\t{}\n", csv(&json!({ "message": record }).to_string())))),
            ("grep output", lines(&|record| format!("logs/web-1.log:{record}\n"))),
            ("grep output", in_context(&records)),
            ("grep output", lines(&|record| format!("2024-05-01-12-00-00-0123ABCD-7-{record}\r\n"))),
            ("grep output", lines(&|record| format!("x.log:12:{}\n", json!({ "message": record })))),
            (
                "Fluentd output",
                lines(&|record| {
                    format!("2024-05-01T12:00:00+00:00\taws.x\t{}\n", json!({ "message": record, "n": 1 }))
                }),
            ),
            ("Fluentd output", lines(&|record| format!("2024-05-01T12:00:00+00:00,aws.x,{record}\n"))),
            (
                "Fluent Bit output",
                lines(&|record| format!("aws.x: [1714567890.123000, {}]\n", json!({ "log": format!("{record}\n") }))),
            ),
        ];
        for (place, (envelope, text)) in files.iter().enumerate() {
            let files = [text.clone().into_bytes(), gzip(text.trim_end().as_bytes())];
            check(&format!("{} {place}", log.table), &files, envelope, log, &wanted, true);
        }
        let text = lines(&|record| csv(record) + "\n");
        if log.table != "vpc_flow" {
            return check("only records", &[text.into_bytes()], messages, log, &wanted, true);
        }
        // Where nothing needs quotes.
        let rows = lines(&|record| format!("1714564800000,{record}\n"));
        for text in [rows.clone(), format!("timestamp,message\n{rows}")] {
            check("console", &[text.into_bytes()], messages, log, &wanted, true);
        }
    });
}

#[test]
fn commands_work_on_records_in_documents() {
    let case = Case::new();
    let messages =
        |record: fn(u64) -> String| (0..20).map(|n| json!({ "message": record(n) }).to_string()).collect::<String>();
    case.write("in/flow", messages(flow));
    case.write("in/s3.gz", gzip(messages(s3).as_bytes()));
    let events: Vec<Value> = (0..20).map(|n| json!({ "CloudTrailEvent": event(n) })).collect();
    case.write("in/lookup.json", serde_json::to_string_pretty(&json!({ "Events": events })).unwrap());
    let summary = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(60), &json!(0)));
    // A record is printed as the log has it.
    assert_eq!(
        printed(&case, &["find", "--log", "vpc-flow", "--dport", "22", "--action", "REJECT"]).lines().next(),
        Some(flow(0).as_str())
    );
    let terminated = printed(&case, &["find", "--operation", "TerminateInstances"]);
    assert_eq!(terminated, [0, 4, 8, 12, 16].map(|n| event(n) + "\n").concat());
    assert_eq!(printed(&case, &["find", "--match", "RID7 ", "-c"]), "1\n");
    assert_eq!(printed(&case, &["find", "--error", "*", "--log", "s3-access", "-c"]), "7\n");
    assert_eq!(printed(&case, &["find", "--ip", "198.51.100.3", "-c"]), "1\n");
    let raw = sql(&case, "SELECT raw, wrapping FROM cloudtrail WHERE source_line = 3");
    assert_eq!(raw, json!([{ "raw": event(2), "wrapping": "json" }]));
    let sum = sql(&case, "SELECT sum(bytes_sent) AS sent, count(wrapped) AS odd FROM s3_access");
    assert_eq!(sum, json!([{ "sent": 7 * 190, "odd": 0 }]));
    let status = case.sawlog(&["status"]);
    assert!(
        status.text().contains("2 × JSON with messages") && status.text().contains("1 × lookup-events"),
        "{}",
        status.text()
    );
    verified(&case, "before");
    assert_eq!(case.sawlog(&["compact"]).code, 0);
    verified(&case, "after compact");
    assert_eq!(case.sawlog(&["remove", "flow"]).code, 0);
    verified(&case, "after remove");
}

/// Whoever makes a request chooses its user agent, which may look like CSV with a record.
#[test]
fn a_log_is_no_csv_because_of_what_a_caller_sent() {
    let case = Case::new();
    let forged = s3(3).replace("curl/8, \u{e9}", &format!("a,{},b", flow(1)));
    // The first line lacks its beginning.
    case.write("in/log", format!("{}\n{}\n{forged}\n", &forged[OWNER.len() + 20..], s3(1)));
    let ran = converted(&case, &["in", "--json"], 3).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(2), &json!(1)), "{ran}");
    assert_eq!(sql(&case, "SELECT count(*) AS n FROM s3_access"), json!([{ "n": 2 }]));
    verified(&case, "forged");
    // So may a field of another program's log.
    let case = Case::new();
    let agents = [flow(1), "curl/8".to_owned(), "curl/8".to_owned()];
    case.write("in/web.csv", agents.map(|agent| format!("192.0.2.1,\"GET /\",200,\"{agent}\"\n")).concat());
    assert_eq!(converted(&case, &["in", "--json"], 3).json()["records"], json!(0));
}

/// Columns of `sql` by which named values are compared.
fn named(case: &Case, table: &str, columns: &str) -> Value {
    sql(case, &format!("SELECT {columns} FROM {table} ORDER BY source_file, source_line"))
}

#[test]
fn named_values_are_read_by_their_names() {
    let case = Case::new();
    let flow = json!({ "version": 2, "account-id": "111122223333", "interface_id": "eni-1", "srcAddr": "203.0.113.12", "DSTADDR": "10.0.0.5", "srcport": 51000, "dstport": "22", "protocol": 6, "packets": 3, "bytes": 180, "start": 1_714_564_800, "end": 1_714_564_860, "action": "REJECT", "log-status": "OK", "other": { "x": 1 } });
    let no_data = json!({ "version": 2, "account-id": "111122223333", "interface_id": "eni-1", "srcAddr": "-", "DSTADDR": null, "start": 1_714_564_800, "end": 1_714_564_860, "log-status": "NODATA" });
    case.write("in/a.jsonl", format!("{flow}\n{no_data}\n"));
    case.write("in/b.json", serde_json::to_string_pretty(&json!([flow, no_data])).unwrap());
    case.write(
        "in/c.json",
        json!({ "logEvents": [{ "message": flow.to_string() }, { "message": no_data.to_string() }] }).to_string(),
    );
    case.write("in/d.csv", "\"version\",\"account\",\"interfaceid\",\"sourceaddress\",\"destinationaddress\",\"sourceport\",\"destinationport\",\"protocol\",\"numpackets\",\"numbytes\",\"starttime\",\"endtime\",\"action\",\"logstatus\"\n\"2\",\"111122223333\",\"eni-1\",\"203.0.113.12\",\"10.0.0.5\",\"51000\",\"22\",\"6\",\"3\",\"180\",\"2024-05-01 12:00:00.000\",\"1714564860\",\"REJECT\",\"OK\"\n\"2\",\"111122223333\",\"eni-1\",,,,,,,,\"1714564800\",\"1714564860\",,\"NODATA\"\n");
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(8), &json!(0)), "{ran}");
    let rows = named(
        &case,
        "vpc_flow",
        "account_id, interface_id, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes, \"start\", action, log_status",
    );
    let full = json!({ "account_id": "111122223333", "interface_id": "eni-1", "srcaddr": "203.0.113.12", "dstaddr": "10.0.0.5", "srcport": 51000, "dstport": 22, "protocol": 6, "packets": 3, "bytes": 180, "start": "2024-05-01T12:00:00Z", "action": "REJECT", "log_status": "OK" });
    let empty = json!({ "account_id": "111122223333", "interface_id": "eni-1", "start": "2024-05-01T12:00:00Z", "log_status": "NODATA" });
    assert_eq!(rows, json!([full, empty, full, empty, full, empty, full, empty]));
    assert_eq!(printed(&case, &["find", "--dport", "22", "--source-file", "a.jsonl"]), format!("{flow}\n"));
    verified(&case, "flows");

    let case = Case::new();
    let s3 = |status: Value| json!({ "schema_version_id": "V_1_0", "bucket_name": "img", "bucket_owner_id": "79a5", "request_time": "2026-09-01T10:00:01.000Z", "remote_ip": "203.0.113.113", "requester": "arn:aws:iam::111122223333:user/cleaner", "request_id": "RID1", "operation": "REST.DELETE.OBJECT", "key_name": "a b.jpg", "request_uri": "DELETE /img/a%20b.jpg HTTP/1.1", "http_status": status, "error_code": null, "bytes_sent": 1000, "object_size": "1000", "total_time": 10, "turn_around_time": 9, "referer": null, "user_agent": "aws \"cli\"/2" });
    case.write("in/a.jsonl", format!("{}\n{}", s3(json!(204)), s3(json!("204"))));
    case.write(
        "in/b.gz",
        gzip(json!({ "logEvents": [{ "message": s3(json!(204)).to_string() + "\n" }] }).to_string().as_bytes()),
    );
    case.write("in/c.csv", "bucketowner,bucket_name,requestdatetime,remoteip,requester,requestid,operation,key,request_uri,httpstatus,errorcode,bytessent,objectsize,totaltime,turnaroundtime,referrer,useragent\r\n79a5,img,01/Sep/2026:10:00:01 +0000,203.0.113.113,arn:aws:iam::111122223333:user/cleaner,RID1,REST.DELETE.OBJECT,a%20b.jpg,DELETE /img/a%20b.jpg HTTP/1.1,204,-,1000,1000,10,9,-,\"aws %22cli%22/2\"\r\n");
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(4), &json!(0)), "{ran}");
    let rows = named(
        &case,
        "s3_access",
        "bucket_owner, bucket, \"time\", remote_ip, requester, request_id, operation, \"key\", request_uri, http_status, error_code, bytes_sent, object_size, total_time, turn_around_time, referer, user_agent",
    );
    let row = json!({ "bucket_owner": "79a5", "bucket": "img", "time": "2026-09-01T10:00:01Z", "remote_ip": "203.0.113.113", "requester": "arn:aws:iam::111122223333:user/cleaner", "request_id": "RID1", "operation": "REST.DELETE.OBJECT", "key": "a%20b.jpg", "request_uri": "DELETE /img/a%20b.jpg HTTP/1.1", "http_status": 204, "bytes_sent": 1000, "object_size": 1000, "total_time": 10, "turn_around_time": 9, "user_agent": "aws %22cli%22/2" });
    // Values are as they were named.
    let mut as_named = row.clone();
    (as_named["key"], as_named["user_agent"]) = (json!("a b.jpg"), json!("aws \"cli\"/2"));
    assert_eq!(rows, json!([as_named, as_named, as_named, row]));
    verified(&case, "s3");

    let case = Case::new();
    let alb = json!({ "type": "https", "time": "2024-05-01T12:00:01.186641Z", "elb": "app/web/50dc", "client_ip": "192.0.2.7", "client_port": 2817, "target_ip": "10.0.0.1", "target_port": 80, "request_processing_time": 0.086, "target_processing_time": -1, "response_processing_time": "0.037", "elb_status_code": 503, "target_status_code": "-", "received_bytes": 5, "sent_bytes": 57, "request_verb": "GET", "request_url": "https://www.example.com:443/a", "request_proto": "HTTP/1.1", "user_agent": "curl/7 (a)" });
    case.write("in/a.jsonl", format!("{alb}\n{alb}\n"));
    case.write("in/b.csv", "type,time,elb,client_ip,client_port,target_ip,target_port,request_processing_time,target_processing_time,response_processing_time,elb_status_code,target_status_code,received_bytes,sent_bytes,request_verb,request_url,request_proto,user_agent\nhttps,2024-05-01T12:00:01.186641Z,app/web/50dc,192.0.2.7,2817,10.0.0.1,80,0.086,-1,0.037,503,-,5,57,GET,https://www.example.com:443/a,HTTP/1.1,curl/7 (a)\n");
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(3), &json!(0)), "{ran}");
    let rows = named(
        &case,
        "alb_access",
        "type, \"time\", client_ip, client_port, target_ip, target_port, request_processing_time, elb_status_code, sent_bytes, request_verb, request_url, request_proto, user_agent",
    );
    let row = json!({ "type": "https", "time": "2024-05-01T12:00:01.186641Z", "client_ip": "192.0.2.7", "client_port": 2817, "target_ip": "10.0.0.1", "target_port": 80, "request_processing_time": 0.086, "elb_status_code": 503, "sent_bytes": 57, "request_verb": "GET", "request_url": "https://www.example.com:443/a", "request_proto": "HTTP/1.1", "user_agent": "curl/7 (a)" });
    assert_eq!(rows, json!([row, row, row]));
    verified(&case, "alb");
}

/// Kibana writes numbers as people read them, and times without an offset in the zone of whoever exported them.
#[test]
fn values_as_kibana_exports_them_are_read_if_they_are_certain() {
    let time = "\"Nov 26, 2026 @ 10:11:12.123\"";
    let flow = "\"@timestamp\",srcaddr,dstaddr,srcport,dstport,packets,bytes,start,action\n";
    let case = Case::new();
    case.write(
        "in/flow.csv",
        format!("{flow}{time},203.0.113.12,10.0.0.5,\"51,000\",22,3,\"1,234,567\",\"1,714,564,800\",REJECT\n"),
    );
    converted(&case, &["in"], 0);
    let row = json!([{ "srcport": 51000, "dstport": 22, "bytes": 1_234_567, "start": "2024-05-01T12:00:00Z" }]);
    assert_eq!(sql(&case, "SELECT srcport, dstport, bytes, \"start\" FROM vpc_flow"), row);
    verified(&case, "numbers");

    let case = Case::new();
    case.write(
        "in/s3.csv",
        format!("bucket_name,requestdatetime,remoteip,operation,key\nb,{time},-,REST.GET.OBJECT,k\n"),
    );
    case.write(
        "in/alb.csv",
        format!("type,time,elb,client_ip,elb_status_code,request_url\nhttp,{time},a,192.0.2.1,200,u\n"),
    );
    let ran = converted(&case, &["in", "--json"], 3).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(0), &json!(2)), "{ran}");
    let reason = json!([{ "reason": "the record's time is missing or malformed" }]);
    assert_eq!(sql(&case, "SELECT DISTINCT reason FROM rejects"), reason);
    verified(&case, "times");
}

#[test]
fn cloudtrail_in_results_of_queries_is_read() {
    let case = Case::new();
    case.write("in/athena.csv", "\"eventversion\",\"useridentity\",\"eventtime\",\"eventsource\",\"eventname\",\"awsregion\",\"sourceipaddress\",\"useragent\",\"errorcode\",\"requestparameters\",\"readonly\",\"eventid\",\"resources\"\n\"1.09\",\"{type=AssumedRole, principalid=AROA:ann, arn=arn:aws:sts::111122223333:assumed-role/admin/ann, accountid=111122223333, accesskeyid=ASIAEXAMPLE, username=null, sessioncontext={attributes={mfaauthenticated=false, creationdate=2024-05-01T11:00:00Z}, sessionissuer={type=Role, username=admin}}}\",\"2024-05-01T12:00:01Z\",\"ec2.amazonaws.com\",\"DescribeInstances\",\"us-east-1\",\"198.51.100.7\",\"aws-cli/2.15.0\",,\"{\"\"a\"\":[1]}\",\"true\",\"id-1\",\"[{arn=arn:aws:s3:::b, accountid=1, type=AWS::S3::Bucket}]\"\n");
    case.write("in/athena.json", "{\"eventversion\":\"1.09\",\"useridentity\":{\"type\":\"AssumedRole\",\"principalid\":\"AROA:ann\",\"arn\":\"arn:aws:sts::111122223333:assumed-role/admin/ann\",\"accountid\":\"111122223333\",\"accesskeyid\":\"ASIAEXAMPLE\",\"username\":null,\"sessioncontext\":{\"sessionissuer\":{\"username\":\"admin\"}}},\"eventtime\":\"2024-05-01 12:00:01.000\",\"eventsource\":\"ec2.amazonaws.com\",\"eventname\":\"DescribeInstances\",\"awsregion\":\"us-east-1\",\"sourceipaddress\":\"198.51.100.7\",\"useragent\":\"aws-cli/2.15.0\",\"requestparameters\":\"{\\\"a\\\":[1]}\",\"readonly\":\"true\",\"eventid\":\"id-1\"}\n");
    case.write("in/lake.csv", "eventVersion,userIdentity,eventTime,eventSource,eventName,awsRegion,sourceIPAddress,userAgent,requestParameters,readOnly,eventID\n1.09,\"{type=AssumedRole, principalid=AROA:ann, arn=arn:aws:sts::111122223333:assumed-role/admin/ann, accountid=111122223333, accesskeyid=ASIAEXAMPLE, username=, sessioncontext={attributes={}, sessionissuer={username=admin}}}\",2024-05-01 12:00:01.000,ec2.amazonaws.com,DescribeInstances,us-east-1,198.51.100.7,aws-cli/2.15.0,\"{\"\"a\"\":[1]}\",true,id-1\n");
    case.write("in/lake.jsonl", event(0).replace("2024-05-01T12:00:00Z", "2024-05-01 12:00:01.000") + "\n");
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(4), &json!(0)), "{ran}");
    let columns = "event_time, event_source, event_name, aws_region, source_ip_address, user_agent, read_only, event_id, request_parameters, user_identity.arn AS arn, user_identity.access_key_id AS access_key, user_identity.session_context.session_issuer.user_name AS issuer";
    let rows = sql(
        &case,
        &format!("SELECT {columns} FROM cloudtrail WHERE source_file NOT LIKE '%jsonl' ORDER BY source_file"),
    );
    let row = json!({ "event_time": "2024-05-01T12:00:01Z", "event_source": "ec2.amazonaws.com", "event_name": "DescribeInstances", "aws_region": "us-east-1", "source_ip_address": "198.51.100.7", "user_agent": "aws-cli/2.15.0", "read_only": true, "event_id": "id-1", "request_parameters": rows[0]["request_parameters"], "arn": "arn:aws:sts::111122223333:assumed-role/admin/ann", "access_key": "ASIAEXAMPLE", "issuer": "admin" });
    assert_eq!(rows, json!([row, row, row]));
    assert_eq!(
        printed(&case, &["find", "--user", "admin", "-c"]),
        printed(&case, &["find", "--key", "x", "-c"]).replace('0', "3")
    );
    verified(&case, "queries");
}

/// CloudTrail Lake writes maps without quotes. They mean what JSON means.
#[test]
fn maps_in_results_of_lake_are_objects() {
    let case = Case::new();
    let maps = "{bucketName=b1, Host=b1.s3.amazonaws.com, x-amz-acl=a, tags={\"k\":[\"a=b, c=d\"]}, none=null}";
    let response = "{ConsoleLogin=Failure}";
    let names = "eventVersion,userIdentity,eventTime,eventSource,eventName,requestParameters,responseElements,eventID";
    let identity = "{type=IAMUser, accountid=111122223333, username=ann}";
    case.write(
        "in/lake.csv",
        format!(
            "{names}\n1.09,\"{identity}\",2024-05-01 12:00:01.000,signin.amazonaws.com,ConsoleLogin,\"{}\",{response},id-1\n",
            maps.replace('"', "\"\"")
        ),
    );
    let cells = [
        ("eventVersion", "1.09"),
        ("userIdentity", identity),
        ("eventTime", "2024-05-01 12:00:01.000"),
        ("eventSource", "signin.amazonaws.com"),
        ("eventName", "ConsoleLogin"),
        ("requestParameters", maps),
        ("responseElements", response),
        ("eventID", "id-2"),
    ];
    let pairs: Vec<Value> = cells.iter().map(|(name, value)| json!({ *name: value })).collect();
    case.write("in/results.json", json!({ "QueryStatus": "FINISHED", "QueryResultRows": [pairs] }).to_string());
    let row: Map<String, Value> = cells.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
    case.write("in/rows.jsonl", json!(row).to_string() + "\n");
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(3), &json!(0)), "{ran}");
    let json = sql(&case, "SELECT DISTINCT request_parameters AS asked, response_elements AS got FROM cloudtrail");
    let asked =
        r#"{"bucketName":"b1","Host":"b1.s3.amazonaws.com","x-amz-acl":"a","tags":{"k":["a=b, c=d"]},"none":null}"#;
    assert_eq!(json, json!([{ "asked": asked, "got": r#"{"ConsoleLogin":"Failure"}"# }]));
    for filter in [
        &["--failed"][..],
        &["--error", "Failure"],
        &["--where", "request_parameters.bucketName=b1"],
        &["--where", "request_parameters.tags.k=*d"],
        &["--where", "user_identity.user_name=ann"],
    ] {
        assert_eq!(printed(&case, &[&["find", "-c"], filter].concat()), "3\n", "{filter:?}");
    }
    verified(&case, "maps");
}

#[test]
fn the_event_history_is_read_as_csv_and_json() {
    let case = Case::new();
    case.write("in/history.csv", "\u{feff}Event name,Event time,User name,Event source,Resource type,Resource name,AWS access key,AWS region,Error code,Source IP address,Read-only,Event ID,Request ID,Event type,Recipient Account Id\r\nConsoleLogin,\"May 01, 2024, 14:00:01 (UTC+02:00)\",alice,signin.amazonaws.com,,,,us-east-1,,198.51.100.7,false,id-1,,AwsConsoleSignIn,111122223333\r\nGetUser,2024-05-01T12:00:02Z,bob,iam.amazonaws.com,,,AKIAIOSFODNN7EXAMPLE,us-east-1,AccessDenied,198.51.100.8,true,id-2,r,AwsApiCall,111122223333\r\n");
    case.write("in/history.json", json!({ "Records": [parsed(&event(3))] }).to_string());
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(3), &json!(0)), "{ran}");
    let rows = sql(
        &case,
        "SELECT event_time, event_name, user_identity.user_name AS who, user_identity.access_key_id AS k, error_code, read_only FROM cloudtrail WHERE source_file = 'history.csv' ORDER BY source_line",
    );
    assert_eq!(
        rows,
        json!([
            { "event_time": "2024-05-01T12:00:01Z", "event_name": "ConsoleLogin", "who": "alice", "read_only": false },
            { "event_time": "2024-05-01T12:00:02Z", "event_name": "GetUser", "who": "bob", "k": "AKIAIOSFODNN7EXAMPLE", "error_code": "AccessDenied", "read_only": true },
        ])
    );
    assert_eq!(printed(&case, &["find", "--user", "bob", "--error", "*", "-c"]), "1\n");
    verified(&case, "history");
}

#[test]
fn what_is_no_record_in_a_document_is_a_reject_with_its_bytes() {
    let case = Case::new();
    let message = |text: &str| json!({ "id": "1", "message": text });
    let events = json!({ "logEvents": [message(&flow(0)), message("START \"RequestId\""), message(""), message("a\n\tb"), message(&flow(1)), { "message": 7 }, { "message": null }] });
    case.write("in/mixed.json", events.to_string());
    let bus = |detail: Value| json!({ "detail-type": "t", "detail": detail }).to_string();
    case.write(
        "in/bus.jsonl",
        format!("{}\n{}\n{}\n", bus(parsed(&event(1))), bus(json!({ "state": "running" })), bus(parsed(&event(2)))),
    );
    case.write("in/rows.csv", format!("timestamp,message\n1,{}\n2\n3,hello\n4,\n\n5,\"{}\n", flow(0), flow(1)));
    let ran = converted(&case, &["in", "--json"], 3).json();
    assert_eq!((&ran["records"], &ran["unknown"]), (&json!(5), &json!([])), "{ran}");
    let rejects = sql(&case, "SELECT source_file AS f, source_line AS n, raw FROM rejects ORDER BY 1, 2");
    let raws: Vec<(&str, u64, String)> = rejects
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let raw = row["raw"].as_str().unwrap().to_owned();
            (row["f"].as_str().unwrap(), row["n"].as_u64().unwrap(), raw)
        })
        .collect();
    let wanted = [
        ("bus.jsonl", 2, "{\"state\":\"running\"}"),
        ("mixed.json", 2, "START \\\"RequestId\\\""),
        ("mixed.json", 3, "a\\n\\tb"),
        ("rows.csv", 2, "2"),
        ("rows.csv", 3, "hello"),
    ];
    assert_eq!(raws[..5], wanted.map(|(file, number, raw)| (file, number, raw.to_owned())));
    assert!(raws[5].2.starts_with("5,\""), "{raws:?}");
    verified(&case, "rejects");
}

#[test]
fn damaged_documents_lose_nothing() {
    let line = json!({ "message": flow(0) }).to_string();
    let subscription = |records: &[String]| {
        json!({ "messageType": "DATA_MESSAGE", "logEvents": records.iter().map(|record| json!({ "message": record })).collect::<Vec<_>>() }).to_string()
    };
    let some = subscription(&[flow(0), flow(1), flow(2)]);
    let mut files: Vec<(String, Vec<u8>, u64)> = Vec::new();
    let mut add = |name: &str, content: Vec<u8>, least: u64| files.push((name.to_owned(), content, least));
    // A log beside documents.
    add("beside", format!("{line}\n{}\r\n{line}{}", flow(1), flow(2)).into_bytes(), 4);
    let lookup = json!({ "CloudTrailEvent": event(0) });
    add("beside events", format!("{lookup}\n{}\n{lookup}{}", event(1), event(2)).into_bytes(), 4);
    // Cut anywhere.
    for cut in (20..some.len()).step_by(23) {
        add(&format!("cut {cut}"), some.as_bytes()[..cut].to_vec(), 0);
        add(&format!("cut {cut} and on"), format!("{some}\n{}\n{some}\n", &some[..cut]).into_bytes(), 6);
    }
    add("deep", format!("{line}{}{line}{}{line}", "{\"a\":[".repeat(100_000), "]}".repeat(100_000)).into_bytes(), 2);
    add("unclosed", format!("{line}{}", "[{\"message\":".repeat(50_000)).into_bytes(), 1);
    add(
        "no array",
        format!("{line}{{\"logEvents\":\"x\",\"message\":{{\"message\":[1,{{}}]}}}}{line}").into_bytes(),
        2,
    );
    add("text", format!("{line}\nsome text {{ \"{{\" }} of no kind\n{line}\n\0\0\0\n{line}").into_bytes(), 3);
    add(
        "gap",
        [line.as_bytes(), b"{\"x\":\"\xff\xfe\"}", line.as_bytes(), &[0xc3; 9], b"\n", line.as_bytes()].concat(),
        3,
    );
    add(
        "wide",
        format!("{line}{{\"x\":\"{}\"}}{line}{}{line}", "y".repeat(200_000), " ".repeat(300_000)).into_bytes(),
        3,
    );
    add("wide name", format!("{line}{{\"{}\":1}}{line}", "n".repeat(300_000)).into_bytes(), 1);
    add("bytes", [line.as_bytes(), b"{\"message\":\"2 1\xff \\ud800 x y z\"}", line.as_bytes()].concat(), 2);
    add("escapes", format!("{line}{{\"message\":\"{}\"}}{line}", "\\".repeat(99_998)).into_bytes(), 2);
    add(
        "long",
        format!("{line}{{\"message\":\"{}\"}}{line}", "long \\\\ \\\" line ".repeat(1_200_000)).into_bytes(),
        2,
    );
    add("long end", format!("{line}{{\"message\":\"{}", "long \\\\".repeat(2_500_000)).into_bytes(), 1);
    add(
        "long csv",
        format!("t,message\n1,{}\n2,{}\n3,{}\n", flow(0), "long ".repeat(4_000_000), flow(1)).into_bytes(),
        2,
    );
    add(
        "long export",
        format!(
            "2024-05-01T12:00:00.000Z {}\n{}\n2024-05-01T12:00:00.000Z {}",
            flow(0),
            "long ".repeat(4_000_000),
            flow(1)
        )
        .into_bytes(),
        2,
    );
    let detail = |text: &str| format!("{{\"detail\":{text}}}");
    let (first, filler) = (detail(&event(0)), format!("{{\"eventTime\":\"{}\"}}", "x".repeat(20 << 20)));
    add("long detail", format!("{first}{}{first}", detail(&filler)).into_bytes(), 2);
    add("broken detail", format!("{first}\n{{\"detail\":{{\"a\":\"b\n{first}\n{first}").into_bytes(), 2);
    in_parallel(&files, |(name, content, least)| {
        for is_gzip in [false, true] {
            let case = Case::new();
            case.write("in/file", if is_gzip { gzip(content) } else { content.clone() });
            let ran = case.sawlog(&["convert", "in", "--json", "--memory", "128MiB"]);
            assert!(ran.code == 0 || ran.code == 3, "{name}: {}", ran.err);
            assert!(ran.json()["records"].as_u64() >= Some(*least), "{name}: {}", ran.text());
            verified(&case, name);
        }
    });
}

#[test]
fn a_large_document_is_read_as_a_stream() {
    let case = Case::new();
    let events = |count: u64| {
        let all: Vec<Value> = (0..count).map(|n| json!({ "EventName": "x", "CloudTrailEvent": event(n) })).collect();
        serde_json::to_string_pretty(&json!({ "Events": all })).unwrap()
    };
    let large = events(100_000);
    assert!(large.len() > 70 << 20);
    case.write("in/large.json", &large);
    case.write("in/large.gz", gzip(format!("{}\n{}", events(20_000), events(1)).as_bytes()));
    let ran = converted(&case, &["in", "--json", "--memory", "128MiB", "--threads", "2"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(120_001), &json!(0)));
    let days = sql(
        &case,
        "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM cloudtrail WHERE source_file = 'large.json'",
    );
    assert_eq!(days, json!([{ "n": 100_000, "ids": 100_000 }]));
    verified(&case, "large");
}

#[test]
fn records_of_many_days_come_back() {
    let case = Case::new();
    let record = |n: u64| {
        format!(
            "2 111122223333 eni-0a1b 203.0.113.12 10.0.0.5 51000 22 6 3 {n} {0} {0} ACCEPT OK",
            1_500_000_000 + n * 86_400
        )
    };
    case.write("in/many", (0..300).map(|n| json!({ "message": record(n) }).to_string()).collect::<String>());
    case.write("in/plain", (0..300).map(|n| record(n + 1000) + "\n").collect::<String>());
    case.write("in/named", (0..300).map(|n| json!({ "srcaddr": "192.0.2.1", "dstaddr": "192.0.2.2", "start": 1_500_000_000 + n * 86_400, "bytes": n }).to_string() + "\n").collect::<String>());
    converted(&case, &["in"], 0);
    assert_eq!(
        sql(&case, "SELECT count(*) AS n, sum(bytes) AS b FROM vpc_flow"),
        json!([{ "n": 900, "b": 44_850 * 3 + 300_000 }])
    );
    verified(&case, "days");
}

#[test]
fn flows_of_other_fields_are_read_in_documents_too() {
    let case = Case::new();
    let line = |n: u64| {
        format!("111122223333 REJECT apne1-az1 {n} 10.0.0.62 5001 1714564860 eni-03a OK 203.0.113.42 1714564800 5")
    };
    case.write("in/flows.json", (0..4).map(|n| json!({ "message": line(n) }).to_string()).collect::<String>());
    let ran = converted(&case, &["in"], 3);
    assert!(ran.err.contains("--vpc-fields"), "{}", ran.err);
    let fields = "account-id action az-id bytes dstaddr dstport end interface-id log-status srcaddr start version";
    let ran = converted(&case, &["in", "--vpc-fields", fields, "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(4), &json!(0)), "{ran}");
    let rows = sql(&case, "SELECT srcaddr, sum(bytes) AS b FROM vpc_flow GROUP BY 1");
    assert_eq!(rows, json!([{ "srcaddr": "203.0.113.42", "b": 6 }]));
    // Header lines among messages say what follows.
    case.write(
        "more/raw.json",
        [
            "version srcaddr dstaddr bytes start",
            "5 192.0.2.1 192.0.2.2 7 1714564800",
            "version dstaddr srcaddr bytes start",
            "5 192.0.2.1 192.0.2.2 8 1714564800",
        ]
        .map(|line| json!({ "_raw": line }).to_string() + "\n")
        .concat(),
    );
    let ran = converted(&case, &["more", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(2), &json!(0)), "{ran}");
    let rows = sql(&case, "SELECT srcaddr, bytes FROM vpc_flow WHERE source_file = 'raw.json' ORDER BY 2");
    assert_eq!(rows, json!([{ "srcaddr": "192.0.2.1", "bytes": 7 }, { "srcaddr": "192.0.2.2", "bytes": 8 }]));
    verified(&case, "fields");
}

/// Lines of few fields are as short as other texts, so each field must be what its name says.
#[test]
fn flows_of_few_fields_are_read_in_documents_too() {
    for (fields, lines) in [
        ("srcaddr dstaddr bytes action", ["10.0.0.1 10.0.0.2 5 ACCEPT", "10.0.0.3 10.0.0.4 6 REJECT"]),
        (
            "srcaddr dstaddr start action",
            ["10.0.0.1 10.0.0.2 1741082400 ACCEPT", "10.0.0.3 10.0.0.4 1741082401 REJECT"],
        ),
        ("dstaddr srcaddr", ["10.0.0.2 10.0.0.1", "10.0.0.4 10.0.0.3"]),
    ] {
        let case = Case::new();
        let message = |line: &str| json!({ "message": line });
        case.write("in/fh.json", lines.map(|line| message(line).to_string()).concat());
        let events: Vec<Value> =
            lines.iter().map(|line| json!({ "id": "1", "timestamp": 1, "message": line })).collect();
        let group = json!({ "messageType": "DATA_MESSAGE", "logGroup": "all of the flows", "logEvents": events });
        case.write("in/cw.gz", gzip(group.to_string().as_bytes()));
        let exported = lines.map(|line| format!("2025-03-04T10:00:00.000Z {line}\n")).concat();
        case.write("in/export.gz", gzip(exported.as_bytes()));
        let rows = lines.map(|line| format!("1741082400000,{line}\n")).concat();
        case.write("in/rows.csv", format!("timestamp,message\n{rows}"));
        // As many words, but of something else.
        case.write("in/words.json", message("to be or not").to_string() + &message("to be").to_string());
        let ran = converted(&case, &["in", "--vpc-fields", fields, "--json"], 3).json();
        assert_eq!((&ran["records"], &ran["rejects"]), (&json!(8), &json!(0)), "{ran}");
        let rows = sql(&case, "SELECT srcaddr, dstaddr, count(*) AS n FROM vpc_flow GROUP BY 1, 2 ORDER BY 1");
        let wanted = json!([
            { "srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "n": 4 },
            { "srcaddr": "10.0.0.3", "dstaddr": "10.0.0.4", "n": 4 },
        ]);
        assert_eq!(rows, wanted, "{fields}");
        verified(&case, fields);
    }
}

#[test]
fn other_documents_are_no_logs() {
    let case = Case::new();
    let files: Vec<(&str, Value)> = vec![
        (
            "bus.json",
            json!({ "version": "0", "detail-type": "EC2 Instance State-change Notification", "detail": { "instance-id": "i-1", "state": "running" } }),
        ),
        (
            "group.json",
            json!({ "messageType": "DATA_MESSAGE", "logEvents": [{ "message": "START RequestId: 1 Version: 2 of this and that" }] }),
        ),
        (
            "app.json",
            json!({ "time": "2024-05-01T12:00:00Z", "operation": "x", "key": "y", "message": "a line of text, in words" }),
        ),
        (
            "s3-event.json",
            json!({ "Records": [{ "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2024-05-01T12:00:00Z", "eventName": "ObjectCreated:Put", "s3": {} }] }),
        ),
    ];
    for (name, document) in &files {
        case.write(&format!("in/{name}"), document.to_string());
    }
    case.write("in/notes.csv", "name,text\na,\"some words, and more of them here\"\n");
    case.write("in/notes.txt", "2024-05-01T12:00:00Z a line of some other log\n");
    let ran = converted(&case, &["in", "--json"], 3).json();
    assert_eq!(ran["records"], json!(0), "{ran}");
    let named: Map<String, Value> = ran["looks_like"].as_object().unwrap().clone();
    assert!(
        named.keys().any(|name| name.contains("EventBridge")) && named.keys().any(|name| name.contains("subscription")),
        "{named:?}"
    );
    assert!(named.values().all(|unread| !unread["remedy"].as_str().unwrap().is_empty()));
    verified(&case, "others");
}
