//! What the APIs of AWS hand over: results of queries as rows in JSON, and events whose logs are in base64.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, event_of, in_parallel};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    "\u{feff}".chars().chain(text.chars()).collect::<String>().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = |three: &[u8]| {
        let number = three.iter().chain([&0; 2]).take(3).fold(0, |number, byte| number << 8 | usize::from(*byte));
        let letter = |place: usize| {
            let letter = char::from(LETTERS[number >> (18 - 6 * place) & 63]);
            if place > three.len() { '=' } else { letter }
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(letters).collect()
}

fn sql(case: &Case, query: &str) -> Value {
    let ran = case.sawq(&["sql", query, "--json", "-q"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

fn verified(case: &Case, what: &str) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{what}: {}{}", ran.text(), ran.err);
}

/// Converts a file in a folder of its own, which holds so many records and rejects and comes back.
fn check(what: &str, content: impl AsRef<[u8]>, records: u64, rejects: u64) -> Case {
    let case = Case::new();
    case.write("in/file", content);
    let ran = case.sawlog(&["convert", "in", "--json"]);
    let summary = ran.json();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(records), &json!(rejects)), "{what}: {summary}");
    assert_eq!(ran.code == 0, rejects == 0 && summary["unknown"] == json!([]), "{what}: {summary}");
    verified(&case, what);
    case
}

fn event(number: u64) -> Value {
    event_of(number, "aws-cli/2 \"x\" \u{e9}")
}

fn flow(number: u64) -> String {
    let start = 1_714_564_800 + number;
    format!("2 111122223333 eni-1 203.0.113.12 10.0.0.5 {} 22 6 3 {number} {start} {start} REJECT OK", 51_000 + number)
}

/// The columns of a result, and the values of record `number`.
type Values = fn(u64) -> Vec<(&'static str, Option<String>)>;

fn trail_values(number: u64) -> Vec<(&'static str, Option<String>)> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        ("eventID", Some(format!("e{number}"))),
        ("eventTime", Some(format!("2024-05-01 12:00:{number:02}.000"))),
        ("eventName", text("Describe\"Instances\"")),
        ("eventSource", text("ec2.amazonaws.com")),
        ("sourceIPAddress", text("198.51.100.7")),
        ("userIdentity", text("{type=IAMUser, arn=arn:aws:iam::111122223333:user/alice, username=alice}")),
        ("requestParameters", text("{\"a\":[1,\"/\u{e9}\"]}")),
        ("errorCode", None),
        ("userAgent", number.is_multiple_of(2).then(|| event(59).to_string().replace("DescribeInstances", "FORGED"))),
    ]
}

fn flow_values(number: u64) -> Vec<(&'static str, Option<String>)> {
    let names = "version account_id interface_id srcaddr dstaddr srcport dstport protocol packets bytes start end action log_status";
    names.split(' ').zip(flow(number).split(' ')).map(|(name, value)| (name, Some(value.to_owned()))).collect()
}

/// The same as a table in CSV.
fn csv(values: Values, numbers: &[u64]) -> String {
    let line = |fields: Vec<String>| {
        fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n"
    };
    let header = line(values(0).iter().map(|(name, _)| (*name).to_owned()).collect());
    let rows =
        numbers.iter().map(|number| line(values(*number).into_iter().map(|(_, v)| v.unwrap_or_default()).collect()));
    header + &rows.collect::<String>()
}

fn lake(values: Values, numbers: &[u64]) -> Value {
    let row = |number: &u64| {
        values(*number).into_iter().map(|(name, value)| Value::from(Map::from_iter([(name.to_owned(), json!(value))])))
    };
    let rows: Vec<Value> = numbers.iter().map(|number| row(number).collect()).collect();
    json!({ "QueryStatus": "FINISHED", "QueryStatistics": { "ResultsCount": rows.len(), "TotalResultsCount": 9 }, "QueryResultRows": rows, "NextToken": null })
}

fn insights(values: Values, numbers: &[u64]) -> Value {
    let row = |number: &u64| {
        values(*number)
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| json!({ "field": name, "value": value })))
    };
    let rows: Vec<Value> = numbers.iter().map(|number| row(number).collect()).collect();
    json!({ "queryLanguage": "CWLI", "results": rows, "statistics": { "recordsMatched": 3.0 }, "status": "Complete" })
}

/// A result of Athena, with or without a row that names the columns, and a list that does.
fn athena(values: Values, numbers: &[u64], has_header: bool, has_list: bool) -> Value {
    let row = |cells: Vec<Option<String>>| {
        let cell = |cell: &Option<String>| cell.as_ref().map_or(json!({}), |cell| json!({ "VarCharValue": cell }));
        json!({ "Data": cells.iter().map(cell).collect::<Vec<_>>() })
    };
    let names: Vec<&str> = values(0).iter().map(|(name, _)| *name).collect();
    let header = has_header.then(|| row(names.iter().map(|name| Some((*name).to_owned())).collect()));
    let rows = numbers.iter().map(|number| row(values(*number).into_iter().map(|(_, value)| value).collect()));
    let rows: Vec<Value> = header.into_iter().chain(rows).collect();
    let column = |name: &&str| json!({ "CatalogName": "hive", "Name": name, "Label": name, "Type": "varchar" });
    let list = has_list.then(|| json!({ "ColumnInfo": names.iter().map(column).collect::<Vec<_>>() }));
    json!({ "UpdateCount": 0, "ResultSet": { "Rows": rows, "ResultSetMetadata": list } })
}

/// Files with the documents, in many ways.
fn styles(documents: &[Value]) -> Vec<Vec<u8>> {
    let compact: String = documents.iter().map(Value::to_string).collect();
    let lines: String = documents.iter().map(|document| format!("{document}\n")).collect();
    let wide: String = documents.iter().map(|document| format!("{document:#}\n")).collect();
    let around = json!({ "meta": { "a": null, "l": [], "s": "x" }, "payload": documents, "after": [null, 1.5] });
    vec![
        compact.clone().into_bytes(),
        wide.clone().into_bytes(),
        wide.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}{lines}").into_bytes(),
        lines.replace('/', "\\/").into_bytes(),
        gzip(wide.as_bytes()),
        gzip(&gzip(compact.as_bytes())),
        utf16(&wide),
        json!(documents).to_string().into_bytes(),
        around.to_string().into_bytes(),
    ]
}

#[test]
fn rows_in_json_are_those_in_csv() {
    let mut jobs: Vec<(&str, &str, Values, Vec<Value>)> = Vec::new();
    for (table, values) in [("cloudtrail", trail_values as Values), ("vpc_flow", flow_values)] {
        let three = |document: &dyn Fn(&[u64]) -> Value| vec![document(&[1, 2]), document(&[]), document(&[3])];
        jobs.push((table, "CloudTrail Lake results", values, three(&|numbers| lake(values, numbers))));
        jobs.push((table, "CloudWatch Logs Insights", values, three(&|numbers| insights(values, numbers))));
        for (has_header, has_list) in [(true, true), (true, false), (false, true)] {
            let documents = three(&|numbers| athena(values, numbers, has_header, has_list));
            jobs.push((table, "Athena results", values, documents));
        }
    }
    in_parallel(jobs, |(table, envelope, values, documents)| {
        let rows = |case: &Case| {
            sql(
                case,
                &format!(
                    "SELECT * EXCLUDE (gap, wrapping, wrapped, source_file, source_line, raw) FROM {table} ORDER BY source_line"
                ),
            )
        };
        let wanted = rows(&check("csv", csv(values, &[1, 2, 3]), 3, 0));
        for (place, content) in styles(&documents).into_iter().enumerate() {
            let what = format!("{table}, {envelope}, {place}");
            let case = check(&what, content, 3, 0);
            assert_eq!(rows(&case), wanted, "{what}");
            assert_eq!(
                sql(&case, "SELECT DISTINCT envelope FROM sources"),
                json!([{ "envelope": envelope }]),
                "{what}"
            );
        }
    });
    let found = sql(
        &check("values", lake(trail_values, &[7]).to_string(), 1, 0),
        "SELECT event_time, event_name, event_id, source_ip_address, user_identity.user_name AS who, error_code, request_parameters FROM cloudtrail",
    );
    assert_eq!(
        found,
        json!([{ "event_time": "2024-05-01T12:00:07Z", "event_name": "Describe\"Instances\"", "event_id": "e7", "source_ip_address": "198.51.100.7", "who": "alice", "request_parameters": "{\"a\":[1,\"/\u{e9}\"]}" }])
    );
}

#[test]
fn rows_that_are_no_records_are_rejects_or_named() {
    let mut result = lake(trail_values, &[1, 2]);
    let rows = result["QueryResultRows"].as_array_mut().unwrap();
    rows.push(json!([{ "eventID": "e3" }, { "eventTime": null }, { "eventName": "x" }]));
    rows.push(json!([]));
    rows.push(json!(null));
    let case = check("no time", result.to_string(), 2, 1);
    let reason = json!([{ "reason": "has no values that a record must have" }]);
    assert_eq!(sql(&case, "SELECT reason FROM rejects"), reason);
    let mut result = athena(trail_values, &[1, 2], true, true);
    result["ResultSet"]["Rows"].as_array_mut().unwrap().push(json!({ "Data": [{ "VarCharValue": "e3" }] }));
    assert_eq!(sql(&check("short", result.to_string(), 2, 1), "SELECT reason FROM rejects"), reason);
    // What is cut off is kept.
    let text = lake(trail_values, &[1, 2, 3]).to_string();
    for part in 5..10 {
        let rest = &text[..text.len() * part / 10];
        let case = check("cut", rest, rest.matches("}]").count() as u64, 1);
        assert_eq!(sql(&case, "SELECT reason FROM rejects"), json!([{ "reason": "the JSON ends within it" }]));
    }
    // Another table that follows has names of its own.
    let tables = [
        athena(flow_values, &[1], true, true),
        athena(|number| flow_values(number).into_iter().rev().collect(), &[1], true, true),
    ];
    let case = check("two tables", tables.map(|table| table.to_string()).concat(), 2, 0);
    assert_eq!(
        sql(&case, "SELECT DISTINCT srcaddr, dstport FROM vpc_flow"),
        json!([{ "srcaddr": "203.0.113.12", "dstport": 22 }])
    );
    let count = |name: &str| json!({ "QueryStatus": "FINISHED", "QueryResultRows": [[{ name: "x" }, { "n": "3" }]] });
    let athena = json!({ "ResultSet": { "Rows": [{ "Data": [{ "VarCharValue": "eventname" }, { "VarCharValue": "n" }] }, { "Data": [{ "VarCharValue": "x" }, { "VarCharValue": "3" }] }] } });
    let case = Case::new();
    case.write("in/lake", count("eventName").to_string());
    case.write("in/athena", athena.to_string());
    let ran = case.sawlog(&["convert", "in", "--json"]);
    let looks = ran.json()["looks_like"].as_object().unwrap().clone();
    assert_eq!((ran.code, looks.len()), (3, 2), "{looks:?}");
    for (name, files) in [("CloudTrail Lake results", "lake"), ("Athena results", "athena")] {
        let kind = &looks[&format!("{name} without rows that are records")];
        assert_eq!(kind["files"], json!([files]), "{looks:?}");
        assert!(kind["remedy"].as_str().unwrap().contains("ask for more columns"), "{looks:?}");
    }
}

fn subscription(messages: &[String]) -> Value {
    let event = |message| json!({ "id": "1", "timestamp": 1_714_564_800_000_u64, "message": message });
    json!({ "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "g", "logStream": "s", "subscriptionFilters": ["f"], "logEvents": messages.iter().map(event).collect::<Vec<_>>() })
}

/// The text of record `number`.
type Record = fn(u64) -> String;

/// A document around data, and where in it each text of data is.
type Around = (fn(&[String]) -> Value, fn(usize) -> String);

const AROUND: [Around; 7] = [
    (|data| json!({ "awslogs": { "data": data[0] } }), |_| "awslogs.data".to_owned()),
    (
        |data| {
            let record = |data| json!({ "eventVersion": "1.0", "eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "eventID": "shardId-0:1", "awsRegion": "us-east-1", "kinesis": { "kinesisSchemaVersion": "1.0", "partitionKey": "p", "sequenceNumber": "4", "data": data, "approximateArrivalTimestamp": 1.5 } });
            json!({ "Records": data.iter().map(record).collect::<Vec<_>>() })
        },
        |place| format!("Records[{place}].kinesis.data"),
    ),
    (
        |data| {
            let record = |data| json!({ "recordId": "4", "approximateArrivalTimestamp": 7, "data": data });
            json!({ "invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:us-east-1:111122223333:deliverystream/d", "records": data.iter().map(record).collect::<Vec<_>>() })
        },
        |place| format!("records[{place}].data"),
    ),
    (
        |data| {
            let record = |data| json!({ "SequenceNumber": "4", "Data": data, "PartitionKey": "p" });
            json!({ "Records": data.iter().map(record).collect::<Vec<_>>(), "MillisBehindLatest": 0 })
        },
        |place| format!("Records[{place}].Data"),
    ),
    (
        |data| json!({ "attemptsMade": 4, "arrivalTimestamp": 1_714_564_800_000_u64, "errorCode": "Lambda.FunctionError", "errorMessage": "the function failed", "attemptEndingTimestamp": 1_714_564_900_000_u64, "rawData": data[0], "lambdaArn": "arn:aws:lambda:us-east-1:111122223333:function:f" }),
        |_| "rawData".to_owned(),
    ),
    (
        |data| data.iter().map(|data| json!({ "kinesis": { "data": data } })).collect(),
        |place| format!("[{place}].kinesis.data"),
    ),
    (
        |data| json!({ "a": null, "event": { "b": [], "awslogs": { "data": data[0] } }, "c": { "date": "Wed, 01 May 2024 12:00:00 GMT" } }),
        |_| "event.awslogs.data".to_owned(),
    ),
];

#[test]
fn data_in_base64_is_read_as_members_of_an_archive() {
    let logs: [(&str, Record); 2] = [("cloudtrail", |number| event(number).to_string()), ("vpc_flow", flow)];
    let jobs = logs.iter().flat_map(|log| AROUND.iter().map(move |around| (log, around)));
    in_parallel(jobs.collect::<Vec<_>>(), |((table, record), (around, name))| {
        let contents = [
            gzip(subscription(&[record(1), record(2)]).to_string().as_bytes()),
            format!("{}\n{}\n", record(3), record(4)).into_bytes(),
            gzip(record(5).as_bytes()),
        ];
        let texts = contents.each_ref().map(|content| base64(content));
        let document = around(&texts);
        let members = if document.to_string().matches("ata\":\"").count() > 1 { 3 } else { 1 };
        let records = if members == 3 { 5 } else { 2 };
        let broken =
            around(&texts.each_ref().map(|text| text[..20].to_owned() + "\r\n" + text[20..].trim_end_matches('=')));
        let files = [
            document.to_string().into_bytes(),
            format!("{document:#}\n").into_bytes(),
            format!("\u{feff}{document:#}").replace('\n', "\r\n").into_bytes(),
            document.to_string().replace('/', "\\/").into_bytes(),
            document.to_string().replace('+', "-").replace('/', "_").into_bytes(),
            broken.to_string().into_bytes(),
            gzip(document.to_string().as_bytes()),
            utf16(&document.to_string()),
            gzip(&utf16(&format!("{document:#}"))),
        ];
        for (place, content) in files.iter().enumerate() {
            let what = format!("{table}, {}, {place}", name(1));
            let case = check(&what, content, records, 0);
            let found =
                sql(&case, "SELECT path, archive, sha256, format FROM sources WHERE archive IS NOT NULL ORDER BY path");
            let wanted = (0..members).map(|place| {
                let sha256: String =
                    Sha256::digest(&contents[place]).iter().map(|byte| format!("{byte:02x}")).collect();
                json!({ "path": format!("file!{}", name(place)), "archive": "file", "sha256": sha256, "format": table })
            });
            assert_eq!(found, Value::from(wanted.collect::<Vec<_>>()), "{what}");
            let again = case.sawlog(&["convert", "in", "--json"]).json();
            assert_eq!((&again["records"], &again["unchanged"]), (&json!(0), &json!(members)), "{what}: {again}");
        }
        // One after the other.
        let others = contents.each_ref().map(|content| base64(&[content.as_slice(), b"\n"].concat()));
        let two = format!("{document}\n{}\n", around(&others));
        if contents.iter().all(|content| !content.starts_with(&[0x1f])) {
            check("two", two, records * 2, 0);
        }
    });
}

#[test]
fn what_is_beside_data_in_base64_is_told() {
    let data = |number| json!({ "awslogs": { "data": base64(event(number).to_string().as_bytes()) } });
    let problem = |what: &str, content: String, records: u64, wanted: &str| {
        let case = Case::new();
        case.write("in/file", &content);
        let ran = case.sawlog(&["convert", "in", "--json"]);
        assert_eq!((ran.code, &ran.json()["records"]), (3, &json!(records)), "{what}: {}", ran.text());
        let found = sql(&case, "SELECT string_agg(problem, '; ') AS p FROM sources");
        assert!(found[0]["p"].as_str().is_some_and(|problem| problem.contains(wanted)), "{what}: {found}");
        verified(&case, what);
    };
    problem("record", format!("{}\n{}\n", data(1), event(2)), 1, "is not in base64");
    problem("records", format!("{}\n{}\n", data(1), json!({ "Records": [event(2)] })), 1, "is not in base64");
    problem("message", format!("{}\n{}\n", data(1), json!({ "message": flow(2) })), 1, "is not in base64");
    problem("line", format!("{}\n{}\n", data(1), flow(2)), 1, "is not JSON");
    let text = data(1).to_string();
    problem("cut", text[..text.len() - 60].to_owned(), 0, "its document ends within it");
    problem("no brackets", text[..text.len() - 2].to_owned(), 1, "ends before all its brackets");
    let other = json!({ "awslogs": { "data": "*no base64*" } });
    problem("other letters", format!("{}{other}", data(1)), 1, "byte 0 of its text is not base64");
    check("nothing", format!("{}{}\n{{}}", data(1), json!({ "Records": [], "NextShardIterator": "x" })), 1, 0);
    // A request that names such data is a record.
    let mut asked = event(3);
    asked["requestParameters"] = data(4);
    check("asked", json!({ "Records": [asked.clone(), event(5)] }).to_string(), 2, 0);
    check("asked first", format!("{asked}\n{}", event(6)), 2, 0);
    // Among documents that are read it is a reject.
    let case = check("beside", format!("{}\n{}\n", json!({ "message": flow(1) }), data(2)), 1, 1);
    assert!(sql(&case, "SELECT reason FROM rejects")[0]["reason"].as_str().unwrap().contains("awslogs"));
}

#[test]
fn data_in_base64_in_archives_and_archives_in_base64_are_read() {
    let inner = base64(&gzip(subscription(&[flow(1), flow(2)]).to_string().as_bytes()));
    let document = json!({ "awslogs": { "data": inner } }).to_string();
    let tar = |name: &str, content: &[u8]| {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let padding = vec![0; content.len().wrapping_neg() % 512 + 1024];
        [&header[..], content, &padding].concat()
    };
    let paths = |case: &Case| sql(case, "SELECT path FROM sources WHERE format IS NOT NULL");
    let case = check("in a tar", tar("a.json", document.as_bytes()), 2, 0);
    assert_eq!(paths(&case), json!([{ "path": "file!a.json!awslogs.data" }]));
    check("in a tar in gzip", gzip(&tar("a.json.gz", &gzip(document.as_bytes()))), 2, 0);
    let packed = base64(&gzip(&tar("flows.log", format!("{}\n", flow(3)).as_bytes())));
    let case = check("tar", json!({ "awslogs": { "data": packed } }).to_string(), 1, 0);
    assert_eq!(paths(&case), json!([{ "path": "file!awslogs.data!flows.log" }]));
    // Where it begins far behind other members, an archive's member is named.
    let far = json!({ "a": "x".repeat(9000), "awslogs": { "data": inner } }).to_string();
    check("far", &far, 2, 0);
    let case = Case::new();
    case.write("in/file", tar("a.json", far.as_bytes()));
    let ran = case.sawlog(&["convert", "in", "--json"]);
    assert_eq!((ran.code, &ran.json()["unknown"]), (3, &json!(["file!a.json"])), "{}", ran.text());
    assert_eq!(ran.json()["looks_like"].as_object().unwrap().len(), 1, "{}", ran.text());
}
