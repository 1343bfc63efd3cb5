//! What a file is, and reading it again: archives and wrappers are named, encodings make no difference, misread files
//! can be read again or removed, rejects say what they are.

use std::io::Write;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Ran, binary};
use serde_json::{Value, json};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const S3: &str = "79a5 web [01/May/2024:12:00:01 +0000] 203.0.113.1 - RID1 REST.GET.OBJECT a,b \"GET /a HTTP/1.1\" 200 - 1 1 20 10 \"-\" \"curl/8\" - HOST= SigV4 ECDHE AuthHeader web.s3.amazonaws.com TLSv1.2 - -";
const FLOW: &str = "2 111122223333 eni-0a1b 203.0.113.12 10.0.0.5 51000 22 6 3 180 1714564800 1714564860 REJECT OK";

fn event(number: usize) -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": { "type": "IAMUser", "userName": "alice", "accountId": "111122223333" },
        "eventTime": format!("2024-05-01T12:00:{:02}Z", number % 60),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "sourceIPAddress": "198.51.100.7",
        "eventID": format!("id-{number}"),
    })
}

fn sql(case: &Case, query: &str) -> Value {
    let ran = case.sawq(&["sql", query, "--json", "-q"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

fn count(case: &Case, table: &str) -> u64 {
    sql(case, &format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_u64().unwrap()
}

fn verified(case: &Case) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

fn converted(case: &Case, arguments: &[&str], code: i32) -> Ran {
    let ran = case.sawlog(&[&["convert"], arguments].concat());
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

#[test]
fn archives_and_compressions_that_are_not_read_are_named_and_never_read_as_logs() {
    let case = Case::new();
    let lines = format!("{S3}\n").repeat(50);
    case.write("in/a.lz4", [b"\x04\x22\x4d\x18\x64", lines.as_bytes()].concat());
    case.write("in/a.7z", [b"7z\xbc\xaf\x27\x1c\0\x04", lines.as_bytes()].concat());
    case.write("in/a.rar", [b"Rar!\x1a\x07\x01\0", lines.as_bytes()].concat());
    let wide: Vec<u8> = lines.chars().flat_map(|char| u32::from(char).to_le_bytes()).collect();
    case.write("in/wide.log", wide);
    case.write("in/db.sqlite", [b"SQLite format 3\0".as_slice(), &[7; 100]].concat());
    case.write("in/good.log", &lines);
    let wanted = [
        ("7z archive", vec!["a.7z"]),
        ("UTF-32 text", vec!["wide.log"]),
        ("lz4-compressed file", vec!["a.lz4"]),
        ("rar archive", vec!["a.rar"]),
    ];
    // Each time, and in words with what to do.
    for _ in 0..2 {
        let summary = converted(&case, &["in", "--json"], 3).json();
        let kinds: Vec<(&str, Vec<&str>)> = summary["looks_like"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, unread)| {
                assert!(!unread["remedy"].as_str().unwrap().is_empty(), "{name}");
                let files = unread["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
                (name.as_str(), files)
            })
            .collect();
        assert_eq!(kinds, wanted);
        assert_eq!(summary["unknown"].as_array().unwrap().len(), 5);
        assert_eq!(summary["rejects"], 0);
    }
    let told = converted(&case, &["in"], 3).err;
    for (name, files) in &wanted {
        assert!(told.contains(name) && files.iter().all(|file| told.contains(file)), "{name}: {told}");
    }
    assert!(told.contains("7z x FILE") && told.contains("lz4 -d FILE") && told.contains("db.sqlite"), "{told}");
    assert_eq!(count(&case, "s3_access"), 50);
    let status = case.sawlog(&["status"]);
    assert!(status.text().contains("1 × 7z archive; unpack it first"), "{}", status.text());
    // Nor does it help to say that it is a log.
    converted(&case, &["in/a.7z", "in/a.lz4", "in/a.rar", "--format", "s3-access", "--store", "other"], 3);
    let ran = case.sawq(&["find", "-c", "--store", "other", "-q"]);
    assert_eq!(ran.text(), "0\n");
    verified(&case);
}

#[test]
fn the_same_archive_twice_is_named_twice() {
    let case = Case::new();
    case.write("in/a.7z", b"7z\xbc\xaf\x27\x1c\0\x04 and more");
    case.write("in/b.7z", b"7z\xbc\xaf\x27\x1c\0\x04 and more");
    let summary = converted(&case, &["in", "--json"], 3).json();
    assert_eq!(summary["looks_like"]["7z archive"]["files"], json!(["a.7z", "b.7z"]));
    assert_eq!(summary["duplicates"], json!([]));
    verified(&case);
}

#[test]
fn logs_in_a_wrapper_that_is_not_opened_are_named_for_what_they_are() {
    let case = Case::new();
    let escaped = |text: &str| Value::from(text).to_string();
    let other = "111122223333 ACCEPT eni-1 10.0.0.1 192.0.2.1 1714564800 x";
    let files = [
        (
            "athena.csv",
            "\"eventversion\",\"useridentity\",\"eventtime\",\"eventsource\"\n\"1.09\",\"{a=b}\",\"2024\",\"x\"\n"
                .to_owned(),
            "CloudTrail events in CSV",
        ),
        ("query.csv", "\"eventname\",\"n\"\n\"GetUser\",\"3\"\n".to_owned(), "CSV table of other columns"),
        (
            "envelope.gz",
            format!("{{\"logEvents\":[{{\"message\":{}}}]}}", escaped(other)),
            "CloudWatch Logs subscription",
        ),
        (
            "bus.jsonl",
            "{\"version\":\"0\",\"detail-type\":\"x\",\"detail\":{\"state\":\"running\"}}\n".to_owned(),
            "EventBridge",
        ),
        ("export.gz", format!("2024-05-01T12:00:00.000Z {other}\n"), "CloudWatch Logs export"),
        ("firehose", format!("{{\"message\":{0}}}{{\"message\":{0}}}", escaped(other)), "Firehose"),
    ];
    for (name, content, _) in &files {
        let content = content.as_bytes();
        case.write(&format!("in/{name}"), if name.ends_with(".gz") { gzip(content) } else { content.to_vec() });
    }
    let ran = converted(&case, &["in"], 3);
    for (name, _, what) in &files {
        let lines: Vec<&str> = ran.err.lines().collect();
        let at = lines.iter().position(|line| line.trim() == *name).unwrap_or_else(|| panic!("{name}: {}", ran.err));
        let title = lines[..at].iter().rev().find(|line| line.starts_with("sawlog: ")).unwrap();
        assert!(title.contains(what), "{name}: {title}");
    }
    assert_eq!(count(&case, "rejects"), 0);
    // What is told to be CloudTrail all the same: a reject each, which says what it is.
    let all = ["in/bus.jsonl", "in/firehose", "--format", "cloudtrail", "--replace"];
    converted(&case, &all, 3);
    let reasons = sql(&case, "SELECT reason FROM rejects ORDER BY source_file");
    let reasons: Vec<&str> = reasons.as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("EventBridge") && reasons[1].contains("Firehose"), "{reasons:?}");
    verified(&case);
}

/// Logs in base64, in what AWS puts around them.
fn wrapped() -> [(&'static str, Vec<u8>); 3] {
    let record = event(1).to_string();
    let base64 = |bytes: &[u8]| {
        let child = Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let log_events = json!({ "logEvents": [{ "id": "1", "message": record }, { "id": "2", "message": record }] });
    let lambda = json!({ "awslogs": { "data": base64(&gzip(log_events.to_string().as_bytes())) } });
    let kinesis = json!({ "kinesis": { "data": base64(record.as_bytes()) }, "eventSource": "aws:kinesis" });
    let sent = [json!({ "data": base64(record.as_bytes()) }), json!({ "data": base64(&gzip(record.as_bytes())) })];
    let request = json!({ "requestId": "ed4acda5", "timestamp": 1_578_090_901_599_u64, "records": sent });
    let text = |value: &Value| value.to_string().into_bytes();
    [("firehose", text(&request)), ("lambda", text(&lambda)), ("kinesis", [text(&kinesis), text(&kinesis)].concat())]
}

#[test]
fn wrappers_with_data_in_base64_are_read() {
    for (name, content) in wrapped() {
        let case = Case::new();
        case.write(&format!("in/{name}"), content);
        let summary = converted(&case, &["in", "--json"], 0).json();
        assert!(summary["records"].as_u64() > Some(0), "{name}: {summary}");
        verified(&case);
    }
}

#[test]
fn a_format_that_a_file_is_not_of_is_said_once() {
    let case = Case::new();
    let pretty = serde_json::to_string_pretty(&json!({ "Records": [event(1)] })).unwrap();
    case.write("in/trail.json", &pretty);
    case.write("in/notes.txt", "some\nnotes\n");
    case.write("in/web.log", format!("{S3}\nno record\n"));
    let ran = converted(&case, &["in", "--format", "s3-access"], 3);
    let said = |name: &str| ran.err.lines().filter(|line| line.contains(name)).collect::<Vec<_>>();
    assert_eq!((said("trail.json").len(), said("notes.txt").len(), said("web.log").len()), (1, 1, 0), "{}", ran.err);
    assert!(said("trail.json")[0].contains("looks like: log of the table cloudtrail"), "{}", ran.err);
    assert!(said("notes.txt")[0].contains("sawlog remove"), "{}", ran.err);
    verified(&case);
    // What it says to do.
    assert_eq!(case.sawlog(&["remove", "trail.json"]).code, 0);
    let ran = converted(&case, &["in/trail.json"], 0);
    assert!(ran.err.contains("sawlog: 1 file, 1 record; "), "{}", ran.err);
    assert_eq!(count(&case, "cloudtrail"), 1);
}

#[test]
fn a_large_file_of_unknown_format_has_no_duplicates() {
    let case = Case::new();
    let notes = "some notes, and no log\n".repeat(250_000);
    ["a.txt", "b.txt", "c/d.txt"].iter().for_each(|name| case.write(&format!("in/{name}"), &notes));
    case.write("in/e.log", format!("{S3}\n"));
    for _ in 0..2 {
        let summary = converted(&case, &["in", "--json", "--threads", "2"], 3).json();
        assert_eq!(summary["unknown"], json!(["a.txt", "b.txt", "c/d.txt"]), "{summary}");
        assert_eq!(summary["duplicates"], json!([]));
    }
    verified(&case);
    // Once their format is said, there is one that the others repeat.
    let summary = converted(&case, &["in", "--json", "--format", "s3-access"], 3).json();
    assert_eq!(summary["duplicates"], json!([["b.txt", "a.txt"], ["c/d.txt", "a.txt"]]), "{summary}");
    verified(&case);
}

#[test]
fn records_beside_a_wrapper_are_read() {
    let case = Case::new();
    case.write("in/mixed.json", format!("{{\"detail-type\":\"x\",\"detail\":{}}}\n{}\n", event(1), event(2)));
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(2), &json!(0)));
    verified(&case);
}

fn utf16(text: &str, little: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

#[test]
fn encodings_make_no_difference() {
    let case = Case::new();
    let swapped = "version account-id interface-id dstaddr srcaddr dstport srcport protocol packets bytes start end action log-status\n2 111122223333 eni-0a1b 10.0.0.5 203.0.113.12 22 51000 6 3 180 1714564800 1714564860 REJECT OK\n".to_owned();
    let trail = serde_json::to_string_pretty(&json!({ "Records": [event(1), event(2)] })).unwrap();
    let s3 = format!("{S3}\r\n{}\r\n", S3.replace("curl", "c\u{fc}rl \u{1f600}"));
    for (name, text) in [("flow", &swapped), ("trail", &trail), ("s3", &s3), ("v2", &format!("{FLOW}\n{FLOW}\n"))] {
        case.write(&format!("in/{name}-plain"), text);
        case.write(&format!("in/{name}-mark"), format!("\u{feff}{text}"));
        case.write(&format!("in/{name}-mark.gz"), gzip(format!("\u{feff}{text}").as_bytes()));
        case.write(&format!("in/{name}-le"), utf16(text, true));
        case.write(&format!("in/{name}-le-mark"), utf16(&format!("\u{feff}{text}"), true));
        case.write(&format!("in/{name}-be"), utf16(text, false));
        case.write(&format!("in/{name}-be-mark"), utf16(&format!("\u{feff}{text}"), false));
        case.write(&format!("in/{name}-le.gz"), gzip(&utf16(text, true)));
        case.write(&format!("in/{name}-be-mark.gz"), gzip(&utf16(&format!("\u{feff}{text}"), false)));
    }
    // Half of a pair leaves its bytes in a reject, and all else is read.
    let mut half = utf16(&s3, true);
    half[40..42].copy_from_slice(&[0, 0xd8]);
    case.write("in/half.gz", gzip(&half));
    case.write("in/half", half);
    let summary = converted(&case, &["in", "--json"], 3).json();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(9 * (1 + 2 + 2 + 2) + 2), &json!(2)));
    let flows = sql(&case, "SELECT DISTINCT srcaddr, srcport, dstaddr, dstport FROM vpc_flow");
    assert_eq!(flows, json!([{ "srcaddr": "203.0.113.12", "srcport": 51000, "dstaddr": "10.0.0.5", "dstport": 22 }]));
    let owners = sql(&case, "SELECT DISTINCT bucket_owner FROM s3_access");
    assert_eq!(owners, json!([{ "bucket_owner": "79a5" }]));
    let encodings = sql(&case, "SELECT encoding, count(*) AS n FROM sources GROUP BY 1 ORDER BY 1");
    assert_eq!(
        encodings,
        json!([{ "encoding": "utf-16be", "n": 12 }, { "encoding": "utf-16le", "n": 14 }, { "n": 12 }])
    );
    // Byte for byte: the hash of the content is that of the text in UTF-8.
    verified(&case);
    let hash = sql(&case, "SELECT content_sha256 FROM sources WHERE path = 's3-le-mark'");
    let marked = sql(&case, "SELECT sha256 FROM sources WHERE path = 's3-mark'");
    assert_eq!(hash[0]["content_sha256"], marked[0]["sha256"]);
}

#[test]
fn a_large_file_in_utf_16_is_read_whole_and_one_with_a_mark_in_parts() {
    let case = Case::new();
    let lines: String = (0..60_000)
        .map(|n| format!("{}\n", FLOW.replace("51000", &(n % 65_536).to_string()).replace("180", &n.to_string())))
        .collect();
    case.write("in/wide.log", utf16(&lines, true));
    case.write("in/mark.log", format!("\u{feff}{lines}"));
    // Characters of two units, so that some are torn wherever the stream is cut.
    let odd: String = (0..40_000).map(|n| format!("{}\n", S3.replace("RID1", &format!("\u{1f600}{n}")))).collect();
    case.write("in/odd.gz", gzip(&utf16(&format!("{odd}x"), false)));
    case.write("in/odd.log", format!("{odd}x"));
    let records: Vec<String> = (0..30_000).map(|number| event(number).to_string()).collect();
    case.write("in/trail.json", format!("{{\"a\":[1],\"Records\":[{}],\"b\":{{}}}}", records.join(",")));
    let ran = converted(&case, &["in", "--memory", "128MiB", "--threads", "2", "--json"], 3).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(230_000), &json!(2)));
    verified(&case);
    let odd = sql(&case, "SELECT sha256, content_sha256 FROM sources WHERE path LIKE 'odd%' ORDER BY path");
    assert_eq!(odd[0]["content_sha256"], odd[1]["sha256"]);
    let sums = sql(&case, "SELECT count(*) AS n, sum(bytes) AS b FROM vpc_flow GROUP BY source_file");
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn a_headerless_flow_log_is_told_what_to_give_and_read_then() {
    let case = Case::new();
    let line = |action: &str| {
        format!("111122223333 {action} apne1-az1 568 10.0.0.62 5001 1714564860 eni-03a OK 203.0.113.42 1714564800 5")
    };
    case.write("in/flow.log", format!("{}\n{}\n", line("ACCEPT"), line("REJECT")));
    case.write("in/other.log", "some\nlines\n");
    let ran = converted(&case, &["in"], 3);
    assert!(
        ran.err.contains("VPC flow log without a header line, 12 fields") && ran.err.contains("--vpc-fields"),
        "{}",
        ran.err
    );
    let fields = "account-id action az-id bytes dstaddr dstport end interface-id log-status srcaddr start version";
    let ran = converted(&case, &["in", "--vpc-fields", fields, "--json"], 3).json();
    assert_eq!((&ran["records"], &ran["unknown"]), (&json!(2), &json!(["other.log"])));
    let rows = sql(&case, "SELECT srcaddr, dstport, action FROM vpc_flow ORDER BY source_line");
    assert_eq!(rows[1], json!({ "srcaddr": "203.0.113.42", "dstport": 5001, "action": "REJECT" }));
    let options = sql(&case, "SELECT options FROM sources WHERE path = 'flow.log'");
    assert_eq!(options[0]["options"], format!("--vpc-fields '{fields}'"));
    // Without options it is left as it is, with the same ones too.
    converted(&case, &["in/flow.log"], 0);
    converted(&case, &["in/flow.log", "--vpc-fields", fields], 0);
    verified(&case);
}

#[test]
fn a_misread_file_is_read_again_with_other_options() {
    let case = Case::new();
    // Read as version 2 the two ends are swapped.
    let line = |port: u16| {
        format!("2 111122223333 eni-0a1b 10.0.0.5 203.0.113.12 22 {port} 6 3 180 1714564800 1714564860 REJECT OK\n")
    };
    case.write("in/flow.log", line(51000) + &line(51001));
    case.write("in/headed.log", "version srcaddr start\n5 192.0.2.1 1714564800\n");
    case.write("in/copy.log", line(51000) + &line(51001));
    converted(&case, &["in"], 0);
    let fields = "version account-id interface-id dstaddr srcaddr dstport srcport protocol packets bytes start end action log-status";
    let sources = || sql(&case, "SELECT DISTINCT srcaddr FROM vpc_flow WHERE dstaddr IS NOT NULL");
    assert_eq!(sources(), json!([{ "srcaddr": "10.0.0.5" }]));
    let ran = converted(&case, &["in", "--vpc-fields", fields], 3);
    assert!(ran.err.contains("was read without --vpc-fields") && ran.err.contains("--replace"), "{}", ran.err);
    assert!(!ran.err.contains("headed.log"), "{}", ran.err);
    assert_eq!(sources(), json!([{ "srcaddr": "10.0.0.5" }]));
    let strict = case.sawlog(&["convert", "in", "--vpc-fields", fields, "--strict"]);
    assert_eq!(strict.code, 1, "{}", strict.err);
    let ran = converted(&case, &["in", "--vpc-fields", fields, "--replace", "--json"], 0).json();
    assert_eq!((&ran["replaced"], &ran["records"]), (&json!(1), &json!(2)));
    assert_eq!(sources(), json!([{ "srcaddr": "203.0.113.12" }]));
    // Nothing else was touched, and the copy is still one.
    assert_eq!(count(&case, "vpc_flow"), 3);
    assert_eq!(count(&case, "sources WHERE state = 'duplicate'"), 1);
    verified(&case);
    // Replacing what changed leaves alone what was read with options.
    converted(&case, &["in", "--replace"], 0);
    assert_eq!(sources(), json!([{ "srcaddr": "203.0.113.12" }]));
    let other = fields.replacen("dstaddr srcaddr", "srcaddr dstaddr", 1);
    let ran = converted(&case, &["in", "--vpc-fields", &other], 3);
    assert!(ran.err.contains("was read with --vpc-fields 'version"), "{}", ran.err);
}

#[test]
fn a_wrong_format_is_undone() {
    let case = Case::new();
    let trail = json!({ "Records": [event(1), event(2)] }).to_string();
    case.write("in/trail.json", &trail);
    case.write("in/s3.log", format!("{S3}\n{}\n", S3.replace("RID1", "RID2")));
    converted(&case, &["in", "--format", "cloudtrail"], 3);
    assert_eq!((count(&case, "cloudtrail"), count(&case, "rejects")), (2, 2));
    let reasons = sql(&case, "SELECT DISTINCT reason FROM rejects");
    assert_eq!(reasons, json!([{ "reason": "line of an S3 access log" }]));
    let ran = converted(&case, &["in", "--format", "auto"], 3);
    assert!(ran.err.contains("s3.log: was read with --format cloudtrail"), "{}", ran.err);
    assert!(!ran.err.contains("trail.json: was"), "{}", ran.err);
    converted(&case, &["in", "--format", "auto", "--replace"], 0);
    assert_eq!((count(&case, "s3_access"), count(&case, "rejects")), (2, 0));
    // Without a word on the format nothing is compared.
    converted(&case, &["in"], 0);
    verified(&case);
}

#[test]
fn a_file_that_broke_a_limit_is_read_again_when_it_is_wider() {
    let case = Case::new();
    case.write("in/a.gz", gzip(format!("{S3}\n").repeat(10_000).as_bytes()));
    let ran = converted(&case, &["in", "--max-inflate", "300KiB"], 3);
    assert!(ran.err.contains("--max-inflate"), "{}", ran.err);
    let first = count(&case, "s3_access");
    assert!(first < 10_000);
    // The same limit changes nothing; a wider one does.
    converted(&case, &["in", "--max-inflate", "300KiB"], 0);
    assert_eq!(count(&case, "s3_access"), first);
    converted(&case, &["in", "--max-inflate", "10MiB"], 0);
    assert_eq!((count(&case, "s3_access"), count(&case, "rejects")), (10_000, 0));
    assert_eq!(sql(&case, "SELECT options FROM sources")[0]["options"], Value::Null);
    verified(&case);
}

#[test]
fn remove_undoes_a_conversion() {
    let case = Case::new();
    case.write("in/a/s3.log", format!("{S3}\nbroken\n"));
    case.write("in/a/flow.log", format!("{FLOW}\n"));
    case.write("in/b/trail.json", json!({ "Records": [event(1)] }).to_string());
    case.write("in/b/empty", "");
    case.write("in/b/notes.txt", "some notes\n");
    converted(&case, &["in"], 3);
    let ran = case.sawlog(&["remove", "a/*", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.text().contains("a/s3.log") && ran.text().contains("a/flow.log"), "{}", ran.text());
    assert_eq!((count(&case, "s3_access"), count(&case, "vpc_flow")), (1, 1));
    let ran = case.sawlog(&["remove", "a/*", "--reason", "not of this case", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!((&ran.json()["records"], &ran.json()["rejects"]), (&json!(2), &json!(1)));
    for table in ["s3_access", "vpc_flow", "rejects"] {
        assert_eq!(count(&case, table), 0, "{table}");
    }
    assert_eq!(count(&case, "cloudtrail"), 1);
    // The index knows of it as well, and so does the ledger.
    assert_eq!(case.sawq(&["find", "-c", "-q", "--ip", "203.0.113.0/24"]).text(), "0\n");
    let top = case.sawq(&["top", "ip", "--json", "-n", "0"]).json();
    assert_eq!(top.as_array().unwrap().len(), 1, "{top}");
    let gone = sql(
        &case,
        "SELECT path, remove_reason, removed_at IS NOT NULL AS dated, records FROM sources WHERE state = 'removed' ORDER BY path",
    );
    let row = |path: &str| json!({ "path": path, "remove_reason": "not of this case", "dated": true, "records": 0 });
    assert_eq!(gone, json!([row("a/flow.log"), row("a/s3.log")]));
    verified(&case);
    assert!(case.sawlog(&["status"]).text().contains("2 removed"));
    for (name, hint) in [("a/s3.log", "already been removed"), ("nothing", "matches no file")] {
        let ran = case.sawlog(&["remove", name]);
        assert!(ran.code == 1 && ran.err.contains(hint), "{}", ran.err);
    }
    // It is new to a conversion, changed or not.
    case.write("in/a/flow.log", format!("{FLOW}\n{FLOW}\n"));
    converted(&case, &["in"], 3);
    assert_eq!((count(&case, "s3_access"), count(&case, "vpc_flow"), count(&case, "rejects")), (1, 2, 1));
    assert_eq!(count(&case, "sources WHERE state = 'removed'"), 0);
    verified(&case);
    // By the path on disk, and all that is there.
    let folder = case.path("in/b");
    assert_eq!(case.sawlog(&["remove", folder.to_str().unwrap()]).code, 0);
    assert_eq!(count(&case, "sources WHERE state = 'removed'"), 3);
    assert_eq!(case.sawlog(&["remove", "*", "-q"]).code, 0);
    verified(&case);
}

#[test]
fn copies_of_what_is_removed_keep_their_records() {
    let case = Case::new();
    case.write("in/a.log", format!("{S3}\n{S3}\n"));
    case.write("in/b.log", format!("{S3}\n{S3}\n"));
    case.write("in/c.log", format!("{S3}\n{S3}\n"));
    converted(&case, &["in"], 0);
    assert_eq!(count(&case, "s3_access"), 2);
    assert_eq!(case.sawlog(&["remove", "a.log"]).code, 0);
    assert_eq!(sql(&case, "SELECT DISTINCT source_file FROM s3_access"), json!([{ "source_file": "b.log" }]));
    assert_eq!(count(&case, "s3_access"), 2);
    assert_eq!(
        sql(&case, "SELECT duplicate_of FROM sources WHERE path = 'c.log'"),
        json!([{ "duplicate_of": "b.log" }])
    );
    verified(&case);
    assert_eq!(case.sawlog(&["remove", "*"]).code, 0);
    assert_eq!(count(&case, "s3_access"), 0);
    verified(&case);
}

#[test]
fn records_are_found_whatever_stands_beside_them() {
    let case = Case::new();
    let (one, two) = (event(1), event(2));
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    case.write("in/leading.json", format!("{{\"logGroup\":\"x\",\"Records\":[{one},{two}]}}"));
    case.write("in/trailing.json", format!("{{\"Records\":[{one}],\"nextToken\":\"abc\"}}"));
    case.write("in/both.json", pretty(&json!({ "a": { "b": [1, "]}"] }, "Records": [one, two], "z": [{}] })));
    case.write("in/stream.json", format!("{}\n{}\n", pretty(&one), pretty(&two)));
    case.write("in/arrays.json", format!("[{one}][{two}]\n"));
    case.write(
        "in/after.json",
        format!("{{\"Records\":[{one}]}}\n{{\"x\":null,\"Records\":[{two}]}}{{\"Records\":[]}}\n"),
    );
    let ran = converted(&case, &["in", "--json"], 0).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(2 + 1 + 2 + 2 + 2 + 2), &json!(0)));
    verified(&case);
}

#[test]
fn rejects_count_records_and_are_listed_by_file_and_line() {
    let case = Case::new();
    case.write("in/s3.log", format!("{S3}\n").repeat(20));
    let notification = json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2024-05-01T12:00:00.000Z",
        "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": "b" } } });
    case.write("in/trail.json", json!({ "Records": [event(1), notification, event(2)] }).to_string());
    case.write(
        "in/pretty.json",
        serde_json::to_string_pretty(&json!([event(3), { "a": { "b": [1, 2] }, "c": "d" }])).unwrap(),
    );
    let ran = converted(&case, &["in", "--format", "cloudtrail", "--json"], 3).json();
    assert_eq!((&ran["records"], &ran["rejects"]), (&json!(3), &json!(22)));
    let listed = case.sawlog(&["status", "--rejects", "--json", "-n", "0"]).json();
    assert_eq!((&listed["total"], listed["rejects"].as_array().unwrap().len()), (&json!(22), 22));
    assert_eq!(listed["rejects"][1]["source_file"], "s3.log");
    assert_eq!((&listed["rejects"][1]["source_line"], &listed["rejects"][1]["text"]), (&json!(1), &json!(S3)));
    assert_eq!(listed["rejects"][21]["reason"], "S3 event notification");
    let text = case.sawlog(&["status", "--rejects", "-n", "2"]);
    assert!(text.text().starts_with("pretty.json:2: "), "{}", text.text());
    assert!(text.text().contains("s3.log:1: line of an S3 access log\n  79a5 web ["), "{}", text.text());
    assert!(text.text().contains("and 20 more"), "{}", text.text());
    verified(&case);
}

#[test]
fn rejects_are_shown_as_text_that_can_not_steer_a_terminal() {
    let case = Case::new();
    let long = "x".repeat(9 << 20);
    case.write(
        "in/a.log",
        [S3.as_bytes(), b"\nbad \x1b[31m \xff line\n", long.as_bytes(), b"\n", S3.as_bytes()].concat(),
    );
    converted(&case, &["in"], 3);
    let ran = case.sawlog(&["status", "--rejects"]);
    assert!(ran.text().contains("a.log:2: ") && ran.text().contains("bad \\u{1b}[31m \\xff line"), "{}", ran.text());
    assert_eq!(ran.text().matches("a.log:3: ").count(), 1);
    let json = case.sawlog(&["status", "--rejects", "--json"]).json();
    assert_eq!((&json["total"], &json["rejects"][1]["is_cut"]), (&json!(2), &json!(true)));
    assert_eq!(case.sawlog(&["status", "--json"]).json()["reject_reasons"].as_array().unwrap().len(), 2);
}

#[test]
fn every_command_has_examples_and_a_page() {
    let case = Case::new();
    for command in ["convert", "status", "remove", "verify", "manifest", "compact"] {
        let help = case.sawlog(&[command, "--help"]);
        assert!(help.text().contains("Examples:\n"), "{command}: {}", help.text());
        assert!(help.text().contains(&format!("sawlog {command}")), "{command}");
        let page = case.sawlog(&["man", command]);
        assert!(page.code == 0 && page.text().contains(&format!("sawlog\\-{command}")), "{command}: {}", page.text());
    }
    for command in ["reindex", "completions", "man"] {
        assert_eq!(case.sawlog(&["man", command]).code, 0, "{command}");
    }
    assert!(case.sawlog(&["man"]).text().contains(".TH sawlog 1"));
    assert_eq!(case.sawlog(&["man", "nothing"]).code, 2);
    assert!(binary("sawlog").exists());
}
