//! CloudTrail, VPC flow and S3 logs in one store: how they are told apart, kept byte for byte, and asked together.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Numbers, cases, evidence, random_log, repository, skipped};
use serde_json::{Value, json};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A CloudTrail event with a number in it.
fn event(number: usize) -> Value {
    json!({
        "eventVersion": "1.08",
        "userIdentity": { "type": "IAMUser", "userName": format!("user-{}", number % 7), "accountId": "1" },
        "eventTime": format!("2021-07-29T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60),
        "eventSource": "iam.amazonaws.com",
        "eventName": if number.is_multiple_of(2) { "GetUser" } else { "PutUserPolicy" },
        "sourceIPAddress": "192.0.2.1",
        "eventID": format!("id-{number}"),
        "requestParameters": { "number": number, "text": "a \"quoted\" {brace} \\ and more of it" },
    })
}

fn delivered(numbers: std::ops::Range<usize>) -> String {
    json!({ "Records": numbers.map(event).collect::<Vec<_>>() }).to_string()
}

fn count(case: &Case, arguments: &[&str]) -> String {
    let ran = case.sawq(&[&["find", "-c", "-q"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.text().trim().to_owned()
}

fn verified(case: &Case) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

const FLOW: &str = "2 123456789010 eni-1 10.0.0.1 192.0.2.1 443 49152 6 10 840 1627560000 1627560060 ACCEPT OK";

#[test]
fn every_way_in_which_files_come() {
    let case = Case::new();
    let pretty = serde_json::to_string_pretty(&json!([event(1), event(2)])).unwrap();
    case.write("in/delivered.json.gz", gzip(delivered(3..5).as_bytes()));
    case.write("in/members.json.gz", [gzip(delivered(5..7).as_bytes()), gzip(delivered(7..8).as_bytes())].concat());
    case.write("in/pretty.json", &pretty);
    case.write("in/lines.ndjson", format!("{}\n{}\n", event(8), event(9)));
    case.write("in/one.json", event(10).to_string());
    case.write("in/none.json", "{\"Records\":[]}");
    case.write("in/no-array.json", "[]\n");
    case.write("in/flow", format!("{FLOW}\n{FLOW}\n"));
    let header = "srcaddr dstaddr start end version new-field";
    case.write(
        "in/flow.gz",
        gzip(format!("{header}\n10.0.0.1 ::1 1627560000 - 5 x\n{header}\n10.0.0.2 ::2 1627560001 - 5 -\n").as_bytes()),
    );
    let digest = json!({ "awsAccountId": "1", "digestStartTime": "2021-07-29T12:00:00Z", "digestS3Bucket": "b",
        "logFiles": [{ "s3Object": "x", "hashValue": "00" }] });
    case.write("in/digest.json.gz", gzip(digest.to_string().as_bytes()));
    case.write("in/digest.json", digest.to_string());
    let ran = case.sawlog(&["convert", "in", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary = ran.json();
    assert_eq!((&summary["records"], &summary["digests"]), (&json!(14), &json!(2)));
    assert_eq!(count(&case, &["--log", "cloudtrail"]), "10");
    assert_eq!(count(&case, &["--log", "vpc"]), "4");
    verified(&case);
    let printed = case.sawq(&["find", "--log", "cloudtrail"]);
    assert!(printed.text().contains(&event(6).to_string()));
    let ledger =
        case.sawq(&["sql", "SELECT path, state, content FROM sources WHERE state = 'digest' ORDER BY 1", "--json"]);
    assert_eq!(ledger.json()[0]["content"], digest.to_string());
    // What is in the ledger is not read again.
    assert!(case.sawlog(&["convert", "in"]).err.contains("11 already in the store"));
}

#[test]
fn a_broken_file_gives_all_before_the_break() {
    let case = Case::new();
    let whole = delivered(0..100);
    let gz = gzip(whole.as_bytes());
    case.write("in/cut.json.gz", &gz[..gz.len() / 2]);
    case.write("in/cut.json", &whole[..whole.len() / 2]);
    case.write("in/unclosed.json", &whole[..whole.len() - 1]);
    case.write("in/damaged.json", whole.replacen("\"eventVersion\":", "\"eventVersion\"", 1));
    case.write("in/flow", format!("{FLOW}\n{} \n", &FLOW[..40]));
    let ran = case.sawlog(&["convert", "in"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(ran.err.contains("cut.json.gz: gzip stream is broken after"), "{}", ran.err);
    verified(&case);
    let records = |file: &str| -> usize {
        let ran = case.sawq(&["sql", &format!("SELECT records, rejects FROM sources WHERE path = '{file}'"), "--json"]);
        assert_eq!(ran.json()[0]["rejects"], 1, "{file}");
        usize::try_from(ran.json()[0]["records"].as_u64().unwrap()).unwrap()
    };
    let mut end = "{\"Records\":[".len();
    let whole_records = (0..100).take_while(|number| {
        end += event(*number).to_string().len() + 1;
        end - 1 <= whole.len() / 2
    });
    assert_eq!(records("cut.json"), whole_records.count());
    assert_eq!((records("unclosed.json"), records("damaged.json"), records("flow")), (100, 99, 1));
    assert!(records("cut.json.gz") > 10);
    let reasons = case.sawq(&["sql", "SELECT reason FROM rejects ORDER BY 1"]);
    for reason in [
        "gzip stream is broken after",
        "not valid JSON",
        "the JSON ends before",
        "the JSON ends within",
        "fields where 14 are named",
    ] {
        assert!(reasons.text().contains(reason), "{reason}: {}", reasons.text());
    }
}

#[test]
fn a_broken_file_of_no_known_format_is_unknown() {
    let case = Case::new();
    let gz = gzip("some lines\nof text\n".repeat(1000).as_bytes());
    case.write("in/text.gz", &gz[..gz.len() - 20]);
    case.write("in/other.gz", &gz[..11]);
    let ran = case.sawlog(&["convert", "in", "--json"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert_eq!((&ran.json()["rejects"], &ran.json()["unknown"]), (&json!(0), &json!(["other.gz", "text.gz"])));
    assert_eq!(ran.json()["unreadable"].as_array().unwrap().len(), 2);
    verified(&case);
}

/// Damages content in one of the ways in which files are damaged.
fn damage(numbers: &mut Numbers, content: &mut Vec<u8>) {
    let mut below = |limit: usize| usize::try_from(numbers.below(limit.max(1) as u64)).unwrap();
    let at = below(content.len());
    match below(5) {
        0 => content.truncate(at),
        1 => drop(content.drain(at..content.len().min(at + 1 + at % 300))),
        2 => content.insert(at, b"{}[]\",:\\\n \r\xff-0ae"[below(16)]),
        3 => content.extend_from_within(at..),
        _ => {
            if let Some(byte) = content.get_mut(at) {
                *byte = u8::try_from(below(256)).unwrap();
            }
        }
    }
}

/// What files can be called.
const NAMES: [&[u8]; 12] = [
    b"",
    b"a b",
    b"\xff\xfe",
    b"..",
    b"...",
    b"-",
    b"@",
    b"new\nline\t",
    b"\x1b[31m",
    "date=2021\u{202e}%2F..%2F".as_bytes(),
    b"x/y/../z\\",
    b"*?[a]",
];

/// Whatever is done to files, and whatever they are said to be: the run ends, and the store gives back what it took.
#[test]
fn damaged_files_are_rebuilt() {
    let flows = format!("version srcaddr dstaddr start odd end\n3 10.0.0.1 - 1627560000 x 1627560060\n{FLOW}\n");
    let pretty = serde_json::to_string_pretty(&json!({ "Records": [event(1), event(2), event(3)] })).unwrap();
    let seeds = [delivered(0..4), pretty, flows, random_log(&mut Numbers::new(5), 4)];
    for round in cases(1200, 24) {
        let mut numbers = Numbers::new(1000 + round as u64);
        let case = Case::new();
        for file in 0..30 {
            let seed = usize::try_from(numbers.below(seeds.len() as u64)).unwrap();
            let mut content = seeds[seed].clone().into_bytes();
            for _ in 0..numbers.below(6) {
                damage(&mut numbers, &mut content);
            }
            if numbers.below(3) == 0 {
                content = gzip(&content);
                content.truncate(
                    content.len() - usize::try_from(numbers.below(3) * numbers.below(40)).unwrap().min(content.len()),
                );
                if numbers.below(2) == 0 {
                    damage(&mut numbers, &mut content);
                }
            }
            let name = [b"in/".as_slice(), NAMES[file % NAMES.len()], format!("{file:02}").as_bytes()].concat();
            let path = case.path("").join(OsStr::from_bytes(&name));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let format = numbers.pick(&["auto", "auto", "s3-access", "cloudtrail", "vpc-flow"]);
        let ran = case.sawlog(&["convert", "in", "--format", format]);
        assert!([0, 3].contains(&ran.code) && !ran.err.contains("panicked"), "round {round}: {}", ran.err);
        let verified = case.sawlog(&["verify"]);
        assert_eq!(verified.code, 0, "round {round}, {format}: {}", verified.err);
        assert_eq!(case.sawq(&["timeline", "-q", "--json"]).code, 0, "round {round}");
    }
}

#[test]
fn one_large_file_is_read_in_parts() {
    let case = Case::new();
    let mut events: Vec<String> = (0..60_000).map(|number| event(number).to_string()).collect();
    // One record that no part can hold, where a part would end.
    events[20_000] = format!("{{\"eventTime\":\"2021-07-29T00:00:00Z\",\"long\":\"{}\"}}", "{x}\\\"".repeat(1_800_000));
    case.write("in/all.json", format!("{{\"Records\":[{}]}}\n", events.join(",\n ")));
    case.write("in/lines.json", events[..20_000].join("\n"));
    let header = "start srcaddr dstaddr bytes version\n";
    let lines: String = (0..200_000)
        .map(|n| {
            format!(
                "{} 10.0.0.{} 192.0.2.1 {n} 3\n{}",
                1_627_560_000 + n,
                n % 256,
                if n % 50_000 == 3 { header } else { "" }
            )
        })
        .collect();
    case.write("in/flow.log", format!("{header}{lines}"));
    for threads in ["1", "4"] {
        let store = format!("store-{threads}");
        let ran =
            case.sawlog(&["convert", "in", "--store", &store, "--threads", threads, "--memory", "128MiB", "--json"]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert_eq!((&ran.json()["records"], &ran.json()["rejects"]), (&json!(279_999), &json!(1)));
        let ran = case.sawlog(&["verify", "--store", &store]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let printed =
        |store: &str| case.sawq(&["find", "--store", store, "--log", "cloudtrail", "--operation", "PutUserPolicy"]).out;
    assert!(printed("store-1") == printed("store-4"));
}

#[test]
fn parts_of_a_file_end_with_what_is_no_record_too() {
    let case = Case::new();
    let text = format!("[{},{}]", event(1), format!("\"{}\",", "x".repeat(1000)).repeat(12_000));
    case.write("in/text.json", text);
    case.write("in/blank.json", format!("[{},{}{}]", event(1), "\n".repeat(12_000_000), event(2)));
    let ran =
        case.sawlog(&["convert", "in", "--memory", "128MiB", "--threads", "2", "--format", "cloudtrail", "--json"]);
    assert_eq!((ran.code, &ran.json()["records"]), (3, &json!(3)), "{}", ran.err);
    verified(&case);
}

#[test]
fn repeated_events_are_counted_once_where_that_is_asked_for() {
    let case = Case::new();
    case.write("in/a.json", delivered(0..10));
    case.write("in/b.json", delivered(5..12));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    assert_eq!((count(&case, &[]), count(&case, &["--distinct"])), ("17".to_owned(), "12".to_owned()));
    assert_eq!(case.sawlog(&["status", "--json"]).json()["repeated_events"], 5);
    let files = case.sawq(&["top", "source_file", "--distinct", "--json"]).json();
    assert_eq!((&files[0]["count"], &files[1]["count"]), (&json!(10), &json!(2)));
    let sql = case.sawq(&["sql", "SELECT count(*) AS n FROM cloudtrail", "--distinct", "--json"]).json();
    assert_eq!(sql[0]["n"], 12);
    assert_eq!(case.sawq(&["ctsummarize", "192.0.2.1", "--out", "all"]).code, 0);
    assert_eq!(case.sawq(&["ctsummarize", "192.0.2.1", "--out", "once", "--distinct"]).code, 0);
    let lines =
        |folder: &str| std::fs::read_to_string(case.path(folder).join("eventsummary.txt")).unwrap().lines().count();
    assert_eq!((lines("all"), lines("once")), (18, 13));
}

#[test]
fn unknown_fields_and_other_types_are_listed() {
    let case = Case::new();
    let mut odd = event(1);
    odd["newField"] = json!(1);
    odd["readOnly"] = json!("yes");
    case.write("in/a.json", json!({ "Records": [odd, event(2)] }).to_string());
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    let status = case.sawlog(&["status", "--json"]).json();
    assert_eq!(status["unknown_fields"], json!([["newField", 1]]));
    assert_eq!(status["other_types"], json!([["readOnly", 1]]));
    assert!(case.sawlog(&["status"]).text().contains("no column 1 × newField"));
}

#[test]
fn flow_fields_can_be_named() {
    let case = Case::new();
    case.write("in/flow", "10.0.0.1 192.0.2.1 1627560000 5\n10.0.0.2 192.0.2.1 1627560001 5\n");
    assert_eq!(case.sawlog(&["convert", "in"]).code, 3);
    let fields = "${srcaddr} ${dstaddr} ${start} ${version}";
    let ran = case.sawlog(&["convert", "in", "--format", "vpc-flow", "--vpc-fields", fields]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(count(&case, &["--ip", "10.0.0.2"]), "1");
    verified(&case);
    let wrong = case.sawlog(&["convert", "in", "--vpc-fields", "some words"]);
    assert_eq!(wrong.code, 2);
}

#[test]
fn flow_logs_in_parquet_are_read_as_lines() {
    let case = Case::new();
    let columns: [(&str, ArrayRef); 6] = [
        ("version", Arc::new(Int32Array::from(vec![5; 3]))),
        ("srcaddr", Arc::new(StringArray::from(vec![Some("10.0.0.1"), None, Some("::1")]))),
        ("dstport", Arc::new(Int32Array::from(vec![Some(443), None, Some(22)]))),
        ("bytes", Arc::new(Int64Array::from(vec![Some(1 << 40), None, Some(7)]))),
        ("start", Arc::new(Int64Array::from(vec![1_627_560_000, 1_627_560_001, 1_627_646_400]))),
        ("log_status", Arc::new(StringArray::from(vec!["OK", "NODATA", "OK"]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    std::fs::create_dir(case.path("in")).unwrap();
    let file = std::fs::File::create(case.path("in/flows.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    assert_eq!(count(&case, &["--log", "vpc", "--ip", "::1"]), "1");
    let lines = case.sawq(&["find", "--log", "vpc"]);
    assert_eq!(
        lines.text(),
        "5 10.0.0.1 443 1099511627776 1627560000 OK\n5 - - - 1627560001 NODATA\n5 ::1 22 7 1627646400 OK\n"
    );
    verified(&case);
    // A Parquet file of something else is no log, and a damaged one can't be read.
    let other = RecordBatch::try_from_iter([("a", batch.column(0).clone())]).unwrap();
    let file = std::fs::File::create(case.path("in/other.parquet")).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, other.schema(), None).unwrap();
    writer.write(&other).unwrap();
    writer.close().unwrap();
    case.write("in/damaged.parquet", "PAR1 and no more");
    let ran = case.sawlog(&["convert", "in"]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("other.parquet") && ran.err.contains("damaged.parquet: "), "{}", ran.err);
}

#[test]
fn many_days_and_replaced_files() {
    let case = Case::new();
    let day = |number: usize| format!("{}-{:02}-{:02}", 2015 + number % 5, 1 + number / 5 % 12, 1 + number / 60 % 28);
    let events = |numbers: std::ops::Range<usize>| -> String {
        let event = |number: usize| event(number).to_string().replace("2021-07-29", &day(number));
        numbers.map(event).collect::<Vec<_>>().join("\n") + "\n"
    };
    let header = "start version srcaddr odd-field";
    let flow = |n: i64| format!("{} 3 10.0.0.{} {n}\n", 1_427_560_000 + n * 86_400, n % 250);
    case.write("in/events", events(0..300));
    case.write("in/flows", format!("{header}\n{}", (0..300).map(flow).collect::<String>()));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 0);
    verified(&case);
    assert!(case.sawq(&["find", "--log", "cloudtrail"]).text() == events(0..300));
    assert!(case.sawq(&["find", "--log", "vpc"]).text() == (0..300).map(flow).collect::<String>());
    case.write("in/events", events(200..400));
    assert_eq!(case.sawlog(&["convert", "in"]).code, 1);
    assert_eq!(case.sawlog(&["convert", "in", "--replace"]).code, 0);
    verified(&case);
    assert!(case.sawq(&["find", "--log", "cloudtrail"]).text() == events(200..400));
    assert_eq!(
        count(&case, &["--user", "user-3", "--log", "cloudtrail"]),
        (200..400).filter(|n| n % 7 == 3).count().to_string()
    );
}

#[test]
fn filters_and_tops_are_for_all_logs() {
    let case = Case::with(&evidence());
    let ip = ["--ip", "3.238.12.183"];
    let logs =
        ["s3", "cloudtrail", "vpc"].map(|log| count(&case, &["--log", log, ip[0], ip[1]]).parse::<usize>().unwrap());
    assert_eq!(logs[..2], [116, 37]);
    assert!(logs[2] > 0);
    assert_eq!(count(&case, &ip), logs.iter().sum::<usize>().to_string());
    assert_eq!(count(&case, &["--user", "jmerckle"]), (116 + 37).to_string());
    assert_eq!(
        count(&case, &["--user", "eng-build", "--log", "s3", "--bucket", "falsimentis-ai"]),
        count(&case, &["--bucket", "falsimentis-ai", "--log", "s3"])
    );
    assert_ne!(count(&case, &["--user", "eng-build", "--log", "cloudtrail"]), "0");
    assert_eq!(count(&case, &["--access-key", "AKIAU7JNXC7K7XNL3F6J"]), "37");
    assert_eq!(count(&case, &["--bucket", "falsimentis-eng", "--log", "cloudtrail"]), "1");
    assert_eq!(count(&case, &["--error", "AccessDenied", "--user", "jmerckle"]), "4");
    assert_eq!(
        count(&case, &["--ip", "3.238.12.0/24", "--since", "2021-07-29T13:06:30", "--until", "2021-07-29T13:06:49"]),
        "13"
    );
    let top = case.sawq(&["top", "ip", "--json", "--ip", "3.238.12.183", "--log", "cloudtrail"]).json();
    assert_eq!((&top[0]["count"], &top[0]["errors"]), (&json!(37), &json!(5)));
    let top = case.sawq(&["top", "user", "--json", "-n", "0"]).json();
    let jmerckle = top.as_array().unwrap().iter().find(|row| row["user"] == "jmerckle").unwrap();
    assert_eq!(jmerckle["count"], 153);
    // Evidence order is that of files, whichever log they are of; by time they are mixed.
    let files = case.sawq(&["find", "--columns", "source_file,source_line", "--format", "csv", ip[0], ip[1]]);
    let files: Vec<&str> = files.text().lines().skip(1).collect();
    assert!(files.windows(2).all(|pair| pair[0].split(',').next() <= pair[1].split(',').next()));
    let times = case.sawq(&[
        "find",
        "--columns",
        "time,log,operation",
        "--sort",
        "time",
        "--format",
        "csv",
        "--user",
        "jmerckle",
    ]);
    let times: Vec<&str> = times.text().lines().skip(1).collect();
    assert!(times.windows(2).all(|pair| pair[0][..20] <= pair[1][..20]));
    assert_eq!(times[0], "2021-07-29T13:02:53Z,cloudtrail,GetCallerIdentity");
    assert!(times.contains(&"2021-07-29T14:01:48Z,s3_access,REST.GET.VERSIONING"));
    let nested = case.sawq(&[
        "find",
        "--log",
        "cloudtrail",
        "--columns",
        "user_identity.user_name,resources",
        "-n",
        "1",
        "--format",
        "ndjson",
        "--user",
        "jmerckle",
    ]);
    assert_eq!(nested.json()["user_identity.user_name"], "jmerckle");
    let near = case.sawq(&["find", "--user", "jmerkle"]);
    assert!(near.err.contains("--user jmerkle matches no record"), "{}", near.err);
    let accounts = case.sawq(&[
        "sql",
        "SELECT DISTINCT account_id, count(DISTINCT region) AS n FROM sources WHERE account_id IS NOT NULL GROUP BY 1",
        "--json",
    ]);
    assert_eq!(accounts.json(), json!([{ "account_id": "342082656213", "n": 13 }]));
}

#[test]
fn one_view_of_all_logs() {
    let case = Case::with(&evidence());
    let sql = |query: &str| -> Value {
        let ran = case.sawq(&["sql", query, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()
    };
    let counts = sql("SELECT log, count(*) AS n, count(time) AS times FROM events GROUP BY log ORDER BY log");
    for (row, log) in counts.as_array().unwrap().iter().zip(["cloudtrail", "s3_access", "vpc_flow"]) {
        assert_eq!((row["log"].as_str(), &row["n"]), (Some(log), &row["times"]));
        assert_eq!(row["n"].to_string(), count(&case, &["--log", log]));
    }
    // The attacker's way, by time, as the three logs tell it.
    let steps = sql(
        "SELECT log, actor_type, access_key, operation, target, outcome, error FROM events WHERE src_ip = '3.238.12.183'
         ORDER BY time, source_file, source_line",
    );
    let step = |operation: &str| steps.as_array().unwrap().iter().find(|step| step["operation"] == operation).unwrap();
    let key = json!("AKIAU7JNXC7K7XNL3F6J");
    assert_eq!(
        *step("ListBuckets"),
        json!({ "log": "cloudtrail", "actor_type": "IAMUser", "access_key": key, "operation": "ListBuckets",
            "target": "s3.amazonaws.com", "outcome": "failure", "error": "AccessDenied" })
    );
    assert_eq!(step("GetBucketVersioning")["target"], "arn:aws:s3:::falsimentis-eng");
    assert_eq!(
        *step("BATCH.DELETE.OBJECT"),
        json!({ "log": "s3_access", "actor_type": "IAMUser", "operation": "BATCH.DELETE.OBJECT",
            "target": "falsimentis-eng/gse_multipart10686.jpg", "outcome": "success" })
    );
    assert_eq!((step("FLOW")["outcome"].as_str(), step("FLOW")["error"].as_str()), (Some("failure"), Some("REJECT")));
    // The filters hold for it, and only the logs asked for are in it.
    let filtered =
        case.sawq(&["sql", "SELECT count(*) AS n FROM events", "--json", "--user", "jmerckle", "--log", "s3"]);
    assert_eq!(filtered.json()[0]["n"], 116);
    assert!(case.sawq(&["tables"]).text().contains("events\tactor_type"));
}

#[test]
fn the_timeline_tells_the_incident() {
    let case = Case::with(&evidence());
    let ran = case.sawq(&["timeline", "--user", "jmerckle"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // What happened, in the order of the records' own times, from the identity check to the ransom note's upload.
    let mut rest = ran.text();
    for step in [
        "2021-07-29 Thursday, UTC\n13:02:53    cloudtrail jmerckle       3.238.12.183    GetCallerIdentity",
        "13:03:25 !  cloudtrail jmerckle       3.238.12.183    ListBuckets s3.amazonaws.com: AccessDenied",
        "3 × ListRoles",
        "13:06:49  + cloudtrail jmerckle       3.238.12.183    PutUserPolicy zlj9i0k83o on jmerckle\n",
        "13:09:41    cloudtrail jmerckle       3.238.12.183    ListBuckets",
        "13:10:06    s3         jmerckle       3.238.12.183    36 × REST.GET.OBJECT in falsimentis-eng (in 28 s)",
        "13:22:07  + cloudtrail jmerckle       3.238.12.183    CreateAccessKey on jmerckle → AKIAU7JNXC7KWQ3CBN5E\n",
        "14:01:48    s3         jmerckle       3.238.12.183    REST.GET.VERSIONING",
        "14:03:06  + s3         jmerckle       3.238.12.183    BATCH.DELETE.OBJECT falsimentis-eng/gse_multipart10686.jpg\n",
        "… 5 h 54 min without a record",
        "19:59:36  + s3         jmerckle       3.238.12.183    REST.PUT.OBJECT falsimentis-eng/README-RANSOM.txt\n",
    ] {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} is not in\n{rest}"));
        rest = &rest[at + step.len()..];
    }
    // Folded or not, every record is on it once, and bursts have what their records have.
    let folded = case.sawq(&["timeline", "--json"]).json();
    let expanded = case.sawq(&["timeline", "--expand", "--json"]).json();
    let sum =
        |rows: &Value, name: &str| rows.as_array().unwrap().iter().filter_map(|row| row[name].as_i64()).sum::<i64>();
    assert_eq!(sum(&folded, "count").to_string(), count(&case, &[]));
    assert_eq!(expanded.as_array().unwrap().len().to_string(), count(&case, &[]));
    assert_eq!(sum(&folded, "bytes"), sum(&expanded, "bytes"));
    assert!(folded.as_array().unwrap().len() < expanded.as_array().unwrap().len());
    let times =
        |rows: &Value| -> Vec<String> { rows.as_array().unwrap().iter().map(|row| row["time"].to_string()).collect() };
    assert!(times(&folded).is_sorted() && times(&expanded).is_sorted());
    assert!(case.sawq(&["timeline", "--user", "nobody"]).err.contains("--user nobody matches no record"));
}

/// Every file of a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

/// Real logs, which are not part of the repository: skipped, with a notice, where they are not beside it.
#[test]
fn real_logs_are_all_there() {
    let samples = repository().join("../shared/samples");
    if !samples.is_dir() {
        skipped("there is no folder of real logs beside the repository");
        return;
    }
    let case = Case::new();
    let ran = case.sawlog(&["convert", samples.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    verified(&case);
    // Counted without our parser: records of each JSON file, but for those that are copies of another.
    let mut all = Vec::new();
    files(&samples.join("cloudtrail"), &mut all);
    let (mut records, mut seen) = (0, std::collections::HashSet::new());
    for path in all {
        let mut content = std::fs::read(&path).unwrap();
        if content.starts_with(&[0x1f, 0x8b]) {
            let mut inflated = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(content.as_slice()), &mut inflated)
                .unwrap();
            content = inflated;
        }
        let Ok(value) = serde_json::from_slice::<Value>(&content) else { continue };
        if seen.insert(content) {
            records += value["Records"].as_array().or(value.as_array()).map_or(0, Vec::len);
        }
    }
    assert_eq!(count(&case, &["--log", "cloudtrail"]), records.to_string());
    assert!(records > 3000);
}
