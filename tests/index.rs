//! The entity index gives the same answers as a scan, after any sequence of changes to the store.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, Store, read_file};
use sawlog_tests::{Case, Fault, Numbers, in_parallel, is_full, random_log, repository, with_layer};

/// Columns to group by, with and without an index.
const DIMENSIONS: &[&str] = &[
    "ip",
    "user",
    "user_agent",
    "operation",
    "bucket",
    "key",
    "bucket/key",
    "account",
    "region",
    "error",
    "access_key",
    "event_source",
    "srcaddr",
    "dstaddr",
    "pkt_srcaddr",
    "srcport",
    "dstport",
    "interface_id",
    "date",
    "http_status",
    "user_identity.principal_id",
    "recipient_account_id",
    "bucket/remote_ip",
    "actor",
    "ip/action",
    "service",
    "request_parameters.userName",
    "user/operation",
];

const FILTERS: &[&[&str]] = &[
    &["--ip", "192.0.2.1"],
    &["--ip", "192.0.2.0/30"],
    &["--ip", "2001:db8::1"],
    &["--ip", "!192.0.2.1"],
    &["--user", "ann"],
    &["--user", "Admin"],
    &["--user", "arn:aws:iam::1:user/*"],
    &["--access-key", "AKIA0000000000000001"],
    &["--access-key", "AKIA*2"],
    &["--bucket", "bucket-a"],
    &["--key", "a.jpg"],
    &["--key", "*.jpg", "--bucket", "bucket-b"],
    &["--operation", "REST.GET.*"],
    &["--operation", "PutUserPolicy"],
    &["--agent", "curl/*"],
    &["--error", "*"],
    &["--account", "1"],
    &["--region", "us-east-1"],
    &["--service", "iam.amazonaws.com"],
    &["--interface", "eni-1"],
    &["--port", "443"],
    &["--ip", "192.0.2.1", "--ip", "192.0.2.3"],
    &["--ip", "192.0.2.1", "--ip", "2001:db8::/32", "--ip", "!192.0.2.2"],
    &["--ip", "::ffff:192.0.2.2"],
    &["--ip", "@addresses"],
    &["--operation", "REST.GET.*", "--operation", "*Policy", "--operation", "!*OBJECT"],
    &["--user", "ann", "--user", "bob"],
    &["--user", "@names"],
    &["--user", "lambda.amazonaws.com"],
    &["--user", "111122223333"],
    &["--user", "*"],
    &["--error", "Failure"],
    &["--error", "Access*", "--error", "NoSuchKey"],
    &["--failed"],
    &["--changes", "--failed"],
    &["--src", "192.0.2.1"],
    &["--dst", "192.0.2.0/31"],
    &["--ip", "192.0.2.1", "--peer", "192.0.2.2"],
    &["--ip", "192.0.2.1", "--peer", "!192.0.2.2"],
    &["--dport", "443", "--action", "ACCEPT"],
    &["--sport", "80", "--sport", "443"],
    &["--where", "request_parameters.userName=ann"],
    &["--where", "user_identity.user_name!=u1"],
    &["--source-file", "*trail*"],
    &["--around", "2021-07-30T12:00", "3h"],
    &["--key", "d e.txt"],
    &["--key", "s3://bucket-a/a.jpg"],
];

const TIMES: &[&[&str]] = &[
    &[],
    &["--since", "2021-07-30"],
    &["--until", "2021-07-29"],
    &["--since", "2021-07-29T12:00"],
    &["--since", "5h"],
];

/// CloudTrail records whose users have low or high cardinality.
fn random_trail(numbers: &mut Numbers, records: usize, many: bool) -> String {
    let record = |numbers: &mut Numbers| {
        let user = if many { numbers.below(1 << 30) } else { numbers.below(3) };
        let key = numbers.below(4);
        let identity = match numbers.below(5) {
            0 => r#"{"type":"AWSService","invokedBy":"lambda.amazonaws.com"}"#.to_owned(),
            1 => r#"{"type":"AWSAccount","accountId":"111122223333","accessKeyId":""}"#.to_owned(),
            2 => format!(
                r#"{{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/Admin/bob","accessKeyId":"AKIA000000000000000{key}"}}"#
            ),
            _ => format!(
                r#"{{"type":"IAMUser","arn":"arn:aws:iam::1:user/{}","principalId":"AIDA{user}","userName":"u{user}","accessKeyId":"AKIA000000000000000{key}"}}"#,
                numbers.pick(&["ann", "bob"])
            ),
        };
        format!(
            r#"{{"eventTime":"2021-07-{:02}T{:02}:00:00Z","eventName":"{}","eventSource":"{}","awsRegion":"us-east-{}","sourceIPAddress":"{}","userAgent":"agent {user}","userIdentity":{identity},"recipientAccountId":"1"{}}}"#,
            29 + numbers.below(3),
            numbers.below(24),
            numbers.pick(&["PutUserPolicy", "ListUsers", "ConsoleLogin"]),
            numbers.pick(&["iam.amazonaws.com", "s3.amazonaws.com"]),
            numbers.below(2),
            numbers.pick(&["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "2001:DB8::1", "lambda.amazonaws.com"]),
            numbers.pick(&[
                "",
                r#","errorCode":"AccessDenied""#,
                r#","errorMessage":"no","readOnly":false"#,
                r#","responseElements":{"ConsoleLogin":"Failure"}"#,
                r#","readOnly":false,"requestParameters":{"userName":"ann"}"#,
            ]),
        )
    };
    let all: Vec<String> = (0..records).map(|_| record(numbers)).collect();
    format!("{{\"Records\":[{}]}}", all.join(","))
}

fn random_flows(numbers: &mut Numbers, flows: usize) -> String {
    let mut log =
        "version interface-id srcaddr dstaddr srcport dstport bytes start end action pkt-srcaddr\n".to_owned();
    for _ in 0..flows {
        let start = 1_627_560_000 + numbers.below(3 * 86_400);
        writeln!(
            log,
            "5 eni-{} {} 192.0.2.{} {} {} {} {start} {start} {} {}",
            numbers.below(3),
            numbers.pick(&["192.0.2.0", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:0::1"]),
            numbers.below(5),
            numbers.below(65_536),
            numbers.pick(&["443", "22", "-"]),
            numbers.pick(&["-", "100", "9223372036854775807", "5"]),
            numbers.pick(&["ACCEPT", "REJECT", "-"]),
            numbers.pick(&["-", "10.0.0.1", "192.0.2.1", "::FFFF:192.0.2.1"]),
        )
        .expect("a string takes every write");
    }
    log
}

/// Lines with presigned URLs of three access keys, in which many agents are distinct.
fn presigned(numbers: &mut Numbers, lines: usize) -> String {
    let log = random_log(numbers, lines);
    let lines = log.lines().enumerate().map(|(number, line)| {
        let key = number % 3;
        let signed = format!("?X-Amz-Credential=AKIA000000000000000{key}/20210729 HTTP/1.1\"");
        line.replace(" HTTP/1.1\"", &signed).replace("curl/8.0", &format!("curl/8.{number}")) + "\n"
    });
    lines.collect()
}

/// The summaries of s3logparse.
const SUMMARIES: [&str; 5] = ["useragent", "topfiles", "toptalkers", "topdownloaders", "topuploaders"];

/// Lines of many addresses with ties in bytes sent. Some addresses have no number of bytes in their first record, or in
/// any.
fn talkers(numbers: &mut Numbers, lines: usize) -> String {
    let mut log = String::new();
    for _ in 0..lines {
        let (day, ip) = (29 + numbers.below(3), numbers.below(lines as u64 / 2 + 1));
        let ip = format!("198.51.{}.{}", ip >> 8, ip & 255);
        let verb = numbers.pick(&["GET", "POST", "PUT", "HEAD"]);
        let sent = numbers.pick(&["-", "0", "5", "10", "10"]);
        writeln!(
            log,
            "o bucket-a [{day}/Jul/2021:12:00:00 +0000] {ip} - ID REST.{verb}.OBJECT k \"{verb} /k HTTP/1.1\" 200 - {sent} - 7 - \"-\" \"a\" -"
        )
        .unwrap();
    }
    log
}

/// A store of one to three runs; then some files may be replaced, and the store compacted or its index rebuilt.
fn random_store(case: &Case, seed: u64) {
    let mut numbers = Numbers::new(seed);
    for run in 0..=numbers.below(2) {
        let many = numbers.below(3) == 0;
        let rows = if many { 5000 } else { 1 + numbers.below(300) };
        let rows = usize::try_from(rows).unwrap();
        case.write(&format!("logs/s3-{run}"), random_log(&mut numbers, rows));
        case.write(&format!("logs/signed-{run}"), presigned(&mut numbers, rows));
        case.write(&format!("logs/talkers-{run}"), talkers(&mut numbers, rows));
        case.write(&format!("logs/trail-{run}.json"), random_trail(&mut numbers, rows, many));
        case.write(&format!("logs/flows-{run}"), random_flows(&mut numbers, rows));
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    }
    if numbers.below(3) == 0 {
        case.write("logs/s3-0", random_log(&mut numbers, 40));
        assert_eq!(case.sawlog(&["convert", "logs", "--replace", "-q"]).code, 0);
    }
    match numbers.below(3) {
        0 => assert_eq!(case.sawlog(&["compact", "-q"]).code, 0),
        1 => assert_eq!(case.sawlog(&["reindex", "-q"]).code, 0),
        _ => {}
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if is_full() { 24 } else { 4 }, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_from_the_index_is_that_of_a_scan(seed in 0_u64..1 << 40) {
        let case = Case::new();
        random_store(&case, seed);
        copy(&case.path("sawlog-store"), &case.path("scanned"));
        fs::remove_dir_all(case.path("scanned/entities")).unwrap();
        prop_assert_eq!(case.sawlog(&["verify"]).code, 0);
        let same = |question: Vec<&str>| {
            let [indexed, scanned] =
                ["sawlog-store", "scanned"].map(|store| case.sawq(&[&question[..], &["--store", store, "-q"]].concat()));
            assert_eq!((indexed.code, &indexed.err), (scanned.code, &scanned.err), "{question:?}, seed {seed}");
            assert_eq!(indexed.text(), scanned.text(), "{question:?}, seed {seed}");
        };
        case.write("addresses", "# some\n192.0.2.1\n198.51.100.0/24\n");
        case.write("names", "ann\nu1\nnobody\n");
        let mut numbers = Numbers::new(seed + 1);
        let mut questions = Vec::new();
        for dimension in DIMENSIONS {
            let by = numbers.pick(&["count", "bytes-sent", "bytes-received", "errors"]);
            let time = TIMES[usize::try_from(numbers.below(5)).unwrap()];
            let number = numbers.pick(&["0", "1", "3", "20"]);
            questions.push([&["top", dimension, "--by", by, "-n", number], time].concat());
        }
        for filter in FILTERS {
            let time = TIMES[usize::try_from(numbers.below(5)).unwrap()];
            questions.push([&["find"], *filter, time].concat());
        }
        for summary in SUMMARIES {
            questions.push(vec!["s3logparse", summary]);
            questions.push(vec!["s3logparse", summary, "-n", "3", "--json"]);
            let time = TIMES[usize::try_from(numbers.below(5)).unwrap()];
            questions.push([&["s3logparse", summary], time].concat());
        }
        questions.extend(ENTITIES.iter().map(|(entity, _)| vec!["who", entity, "--json"]));
        in_parallel(questions, same);
        in_parallel(ENTITIES, |(entity, filter)| {
            assert_eq!(facets_of_who(&case, entity), facets_of_view(&case, entity, filter), "{entity}, seed {seed}");
        });
    }
}

/// Entities, and the filter that selects their records.
const ENTITIES: &[(&str, &str)] = &[
    ("192.0.2.1", "--ip"),
    ("192.0.2.0/30", "--ip"),
    ("ann", "--user"),
    ("bucket-a", "--bucket"),
    ("AKIA0000000000000001", "--access-key"),
    ("PutUserPolicy", "--operation"),
    ("eni-1", "--interface"),
    ("agent 1", "--agent"),
];

/// The facets of `who` that are columns of the view `events`, with their columns.
const FACETS: &[(&str, &str)] = &[
    ("addresses", "src_ip"),
    ("principals", "actor"),
    ("access_keys", "access_key"),
    ("user_agents", "user_agent"),
    ("operations", "operation"),
    ("errors", "error"),
    ("services", "service"),
    ("buckets", "bucket"),
    ("objects", "object"),
    ("regions", "region"),
    ("accounts", "account"),
    ("peers_on_the_network", "peer"),
];

/// Each facet, value, and its sums.
type Facets = BTreeSet<(String, String, [String; 6])>;

fn facets_of_who(case: &Case, entity: &str) -> Facets {
    // Sums with more digits than a value of JSON keeps become text.
    let ran = case.sawq(&["who", entity, "--json"]);
    let line = |line: &str| match line.split_once(": ") {
        Some((name, number)) if number.bytes().filter(u8::is_ascii_digit).count() > 18 && !number.starts_with('"') => {
            let (digits, comma) = number.strip_suffix(',').map_or((number, ""), |digits| (digits, ","));
            format!("{name}: \"{digits}\"{comma}\n")
        }
        _ => format!("{line}\n"),
    };
    let profile: serde_json::Value = serde_json::from_str(&ran.text().lines().map(line).collect::<String>())
        .unwrap_or_else(|_| panic!("{}", ran.err));
    let mut facets = Facets::new();
    for (facet, _) in FACETS {
        for value in profile["facets"][facet].as_array().unwrap() {
            let text = |name: &str| value[name].to_string().trim_matches('"').to_owned();
            let mut sums = ["records", "errors", "bytes_sent", "bytes_received", "first_seen", "last_seen"].map(text);
            // The view has bytes sent and bytes of flows in one column.
            let bytes = |name: &str| text(name).parse::<u128>().unwrap();
            sums[2] = (bytes("bytes_sent") + bytes("flow_bytes")).to_string();
            assert!(facets.insert(((*facet).to_owned(), value["value"].as_str().unwrap().to_owned(), sums)));
        }
    }
    facets
}

/// SQL for an address in its canonical spelling: the view has the spelling of the log.
fn spelled(column: &str) -> String {
    format!(
        "CASE WHEN {column} IN ('::ffff:192.0.2.1', '::FFFF:192.0.2.1') THEN '192.0.2.1' \
         WHEN {column} IN ('2001:DB8::1', '2001:db8:0:0::1') THEN '2001:db8::1' ELSE {column} END"
    )
}

/// The same facets from the view `events`, added up with SQL only.
fn facets_of_view(case: &Case, entity: &str, filter: &str) -> Facets {
    // The facet `addresses` of an address leaves out flows: their ends are the address itself and its peers.
    let is_address = filter == "--ip" && !entity.contains('/');
    // The view fills `operation` for flows, but the facet has none for them.
    // A peer is an address: the target without its port.
    let target = "CASE WHEN target LIKE '[%' THEN split_part(substr(target, 2), ']', 1) \
                  WHEN target LIKE '%:%:%' THEN target ELSE split_part(target, ':', 1) END";
    let events = format!(
        "SELECT *, CASE WHEN key IS NOT NULL THEN concat(coalesce(bucket, '-'), '/', key) END AS object, \
         CASE WHEN log = 'vpc_flow' AND src_ip = '{entity}' THEN {target} WHEN log = 'vpc_flow' THEN src_ip END AS peer \
         FROM (SELECT * EXCLUDE (src_ip, operation), {} AS src_ip, \
         CASE WHEN log <> 'vpc_flow' THEN operation END AS operation FROM events)",
        spelled("src_ip")
    );
    // A flow counts once for each of its distinct addresses.
    let ends = ["srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"];
    let of_flows = ends.iter().enumerate().map(|(place, end)| {
        let is_new =
            ends[..place].iter().map(|before| format!(" AND ({} IS DISTINCT FROM {})", spelled(end), spelled(before)));
        format!(
            "SELECT {} AS src_ip, CASE WHEN action = 'REJECT' THEN 'failure' END AS outcome, bytes, \
             CAST(NULL AS BIGINT) AS bytes_received, coalesce(\"start\", \"end\") AS time FROM vpc_flow WHERE true {}",
            spelled(end),
            is_new.collect::<String>()
        )
    });
    let addresses = format!(
        "SELECT src_ip, outcome, bytes, bytes_received, time FROM ({events}) WHERE log <> 'vpc_flow' UNION ALL {}",
        of_flows.collect::<Vec<_>>().join(" UNION ALL ")
    );
    let selects = FACETS.iter().map(|(facet, column)| {
        let (of_facet, from) = match *column {
            "src_ip" if is_address => ("log <> 'vpc_flow' AND", &events),
            "src_ip" => ("", &addresses),
            "peer" if !is_address => ("false AND", &events),
            _ => ("", &events),
        };
        format!(
            "SELECT '{facet}' AS facet, {column} AS value, CAST(count(*) AS VARCHAR) AS records, \
             CAST(count(*) FILTER (WHERE outcome = 'failure') AS VARCHAR) AS errors, \
             CAST(coalesce(sum(CAST(bytes AS DECIMAL(38, 0))), 0) AS VARCHAR) AS bytes_sent, \
             CAST(coalesce(sum(CAST(bytes_received AS DECIMAL(38, 0))), 0) AS VARCHAR) AS bytes_received, \
             min(time) AS first_seen, max(time) AS last_seen \
             FROM ({from}) WHERE {of_facet} {column} IS NOT NULL GROUP BY 2"
        )
    });
    let query = selects.collect::<Vec<_>>().join(" UNION ALL ");
    let ran = case.sawq(&["sql", &query, filter, entity, "--format", "ndjson", "-q"]);
    let of_line = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let sums = ["records", "errors", "bytes_sent", "bytes_received", "first_seen", "last_seen"].map(text);
        (text("facet"), text("value"), sums)
    };
    assert!(matches!(ran.code, 0 | 1) && ran.err.is_empty(), "{}", ran.err);
    ran.text().lines().map(of_line).collect()
}

/// The data files of a table.
fn data_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).collect()
}

#[test]
fn an_index_that_cannot_be_read_is_made_anew() {
    let case = Case::new();
    random_store(&case, 7);
    let right = case.sawq(&["top", "ip"]);
    for path in data_files(&case.path("sawlog-store/entities")) {
        fs::write(path, "no index").unwrap();
    }
    for ran in [case.sawlog(&["verify"]), case.sawq(&["top", "ip"])] {
        assert!(ran.code == 1 && ran.err.contains("sawlog-store/entities/part-"), "{}", ran.err);
    }
    assert_eq!(case.sawlog(&["reindex"]).code, 0);
    assert_eq!(case.sawlog(&["verify"]).code, 0);
    assert_eq!(case.sawq(&["top", "ip"]).text(), right.text());
}

#[test]
fn explain_says_how_an_answer_came_about() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(1), 100));
    case.write("logs/b", random_log(&mut Numbers::new(2), 100));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let by_index = case.sawq(&["top", "ip", "--explain"]).err;
    assert!(by_index.contains("s3_access: ip from the index for 3 of 3 data files"), "{by_index}");
    assert!(!by_index.contains("s3_access: read"), "{by_index}");
    let by_scan = case.sawq(&["top", "ip", "--ips", "--explain"]).err;
    assert!(by_scan.contains("s3_access: read 3 data files"), "{by_scan}");
    let nothing = case.sawq(&["find", "--ip", "203.0.113.9", "--explain"]).err;
    assert!(nothing.contains("the index leaves 0 of 3 data files to read"), "{nothing}");
    assert!(nothing.contains("--ip 203.0.113.9 matches no record"), "{nothing}");
}

/// The time of a flow without a start is its end, in the index and in a scan.
#[test]
fn flows_without_a_start_have_their_end_as_time() {
    let case = Case::new();
    let flow = "version srcaddr dstaddr start end bytes action\n\
                2 10.0.0.1 10.0.0.2 - 1627560060 5 ACCEPT\n\
                2 10.0.0.1 10.0.0.3 1627646400 1627646460 6 REJECT\n\
                2 10.0.0.1 10.0.0.4 - 1627732800 7 ACCEPT\n";
    case.write("logs/flow", flow);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    let asked: [&[&str]; 5] = [
        &["top", "ip", "--json"],
        &["top", "ip", "--json", "--since", "2021-07-29", "--until", "2021-07-29"],
        &["top", "ip", "--json", "--until", "2021-07-30"],
        &["find", "--sort", "time", "--json"],
        &["timeline", "--json"],
    ];
    let by_index: Vec<String> = asked.iter().map(|asked| case.sawq(asked).text().to_owned()).collect();
    fs::remove_dir_all(case.path("sawlog-store/entities")).unwrap();
    let by_scan: Vec<String> = asked.iter().map(|asked| case.sawq(asked).text().to_owned()).collect();
    assert_eq!(by_index, by_scan);
    assert!(by_index[0].contains(r#""count":3"#) && by_index[0].contains(r#""first_seen":"2021-07-29T12:01:00Z""#));
    assert!(by_index[0].contains(r#""last_seen":"2021-07-31T12:00:00Z""#), "{}", by_index[0]);
    assert!(by_index[1].contains(r#""count":1"#), "{}", by_index[1]);
    assert!(by_index[4].contains("2021-07-29T12:01:00Z"), "{}", by_index[4]);
}

/// A field has low cardinality in the first row groups of a data file, and only new values in the last.
#[test]
fn a_field_with_nothing_but_new_values_is_indexed() {
    let case = Case::new();
    let mut log = "srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport account-id interface-id start\n".to_owned();
    for row in 0..1_000_000_u32 {
        // Most addresses repeat, as in real logs.
        let few = if row % 4 == 0 { row / 4 % 12_000 } else { row % 100 };
        let address =
            |first: u32, number: u32| format!("{first}.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        let many = if row < 950_000 { few } else { row };
        let (from, to, way) = (address(10, many), address(11, few), address(12, few));
        writeln!(log, "{from} {to} {way} {way} {few} {few} {few} eni-{few} 1627560000").unwrap();
    }
    case.write("logs/flows", log);
    assert_eq!(case.sawlog(&["convert", "logs", "-q", "--threads", "1"]).code, 0);
    copy(&case.path("sawlog-store"), &case.path("scanned"));
    fs::remove_dir_all(case.path("scanned/entities")).unwrap();
    for dimension in ["srcaddr", "dstaddr"] {
        let question = ["top", dimension, "-n", "0", "--store"];
        let [indexed, scanned] =
            ["sawlog-store", "scanned"].map(|store| case.sawq(&[&question[..], &[store]].concat()));
        assert!(indexed.text() == scanned.text() && indexed.code == 0, "{dimension}");
        let explained = case.sawq(&["top", dimension, "--explain"]).err;
        assert!(explained.contains("from the index for 1 of 1 data files"), "{explained}");
        assert!(!explained.contains("vpc_flow: read"), "{explained}");
    }
}

/// Lines of one day with these addresses, verbs, bytes and keys.
fn lines_of<'a>(lines: impl IntoIterator<Item = (String, &'a str, Option<u64>, String)>) -> String {
    let mut log = String::new();
    for (ip, verb, sent, key) in lines {
        let sent = sent.map_or_else(|| "-".to_owned(), |sent| sent.to_string());
        writeln!(
            log,
            "o bucket-a [29/Jul/2021:12:00:00 +0000] {ip} - ID REST.{verb}.OBJECT {key} \"{verb} /{key} HTTP/1.1\" 200 - {sent} - 7 - \"-\" \"a\" -"
        )
        .unwrap();
    }
    log
}

/// With high cardinality and many ties, each summary reads only the index.
#[test]
fn summaries_are_answers_from_the_index_alone() {
    let case = Case::new();
    let mut numbers = Numbers::new(11);
    let mut sums: BTreeMap<&str, HashMap<String, (u64, usize)>> = BTreeMap::new();
    let mut lines = Vec::new();
    for line in 0..30_000 {
        let ip = numbers.below(25_000);
        let ip = format!("198.{}.{}.{}", 51 + (ip >> 16), ip >> 8 & 255, ip & 255);
        let (verb, sent) = (numbers.pick(&["GET", "GET", "POST", "PUT"]), numbers.below(40));
        let sent = Some(sent).filter(|sent| *sent > 9);
        for summary in ["toptalkers", "topdownloaders", "topuploaders"] {
            let counts =
                matches!((summary, verb), ("toptalkers", _) | ("topdownloaders", "GET") | ("topuploaders", "POST"));
            if let Some(sent) = sent.filter(|_| counts) {
                sums.entry(summary).or_default().entry(ip.clone()).or_insert((0, line)).0 += sent;
            }
        }
        lines.push((ip, verb, sent, "k".to_owned()));
    }
    case.write("logs/a", lines_of(lines));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    for (summary, sums) in sums {
        let mut expected: Vec<(String, (u64, usize))> = sums.into_iter().collect();
        expected.sort_by_key(|(_, (sum, line))| (Reverse(*sum), *line));
        let ran = case.sawq(&["s3logparse", summary, "-n", "0", "--format", "ndjson", "--explain"]);
        let found: Vec<(String, u64)> = ran
            .text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|row| (row["remote_ip"].as_str().unwrap().to_owned(), row["bytes_sent"].as_u64().unwrap()))
            .collect();
        assert!(found == expected.into_iter().map(|(ip, (sum, _))| (ip, sum)).collect::<Vec<_>>(), "{summary}");
        assert!(ran.err.contains("remote_ip from the index for 1 of 1 data files"), "{}", ran.err);
    }
    for summary in SUMMARIES {
        let explained = case.sawq(&["s3logparse", summary, "--explain"]).err;
        assert!(!explained.contains("s3_access: read"), "{summary}: {explained}");
    }
}

/// Addresses occur in the data files of several days. The totals of a run are used only as a whole, and only while all
/// of its data files are part of the store.
#[test]
fn what_a_run_adds_up_holds_as_long_as_its_files_stay() {
    let case = Case::new();
    let mut numbers = Numbers::new(12);
    for (name, lines) in [("logs/a", 300), ("logs/b", 200)] {
        case.write(name, talkers(&mut numbers, lines));
    }
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    case.write("logs/c", talkers(&mut numbers, 250));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let explained = |case: &Case, question: &[&str], of_files: &str| {
        copy(&case.path("sawlog-store"), &case.path("scanned"));
        fs::remove_dir_all(case.path("scanned/entities")).unwrap();
        let scanned = case.sawq(&[question, &["--store", "scanned"]].concat());
        fs::remove_dir_all(case.path("scanned")).unwrap();
        let ran = case.sawq(&[question, &["--explain"]].concat());
        assert!(!ran.text().is_empty() && ran.text() == scanned.text(), "{question:?}");
        let note = format!("remote_ip from the index for {of_files}\n");
        assert!(ran.err.contains(&note), "{question:?} without {note}{}", ran.err);
    };
    let summaries = |case: &Case, of_files: &str| {
        for summary in ["toptalkers", "topdownloaders", "topuploaders"] {
            explained(case, &["s3logparse", summary], of_files);
        }
        explained(case, &["top", "remote_ip", "--by", "bytes-sent"], of_files);
    };
    summaries(&case, "6 of 6 data files, 6 of them in totals of runs");
    // A filter by day selects only some data files of a run, so its totals don't apply.
    explained(&case, &["s3logparse", "toptalkers", "--since", "2021-07-30"], "4 of 4 data files");
    // This rewrites the data files of the first run; those of the second run stay.
    assert_eq!(case.sawlog(&["remove", "logs/b", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    summaries(&case, "6 of 6 data files, 6 of them in totals of runs");
    // Compaction merges the data files of each day, and writes totals over the new ones.
    let day = live_files(&case.path("sawlog-store/s3_access")).into_iter().min().unwrap();
    assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
    assert!(!live_files(&case.path("sawlog-store/s3_access")).contains(&day));
    summaries(&case, "3 of 3 data files, 3 of them in totals of runs");
}

/// More addresses than a row group of the index has rows, each of them in several data files.
#[test]
fn an_address_has_one_total_where_a_row_group_ends() {
    const ADDRESSES: u32 = 66_000;
    let case = Case::new();
    for day in [29, 30, 31] {
        let mut log = String::new();
        for ip in (0..ADDRESSES).map(|number| Ipv4Addr::from_bits(0x0a00_0000 + number)) {
            writeln!(
                log,
                "o b [{day}/Jul/2021:12:00:00 +0000] {ip} - I REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 5 - 7 - \"-\" \"a\" -"
            )
            .unwrap();
        }
        case.write(&format!("logs/{day}"), log);
    }
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["verify", "-q"]).err, "");
    let totals = "SELECT count(*) AS n FROM entities WHERE run IS NOT NULL AND field = 'remote_ip' AND records = 3";
    let totals = case.sawq(&["sql", totals, "--format", "csv"]);
    assert_eq!(totals.text(), format!("n\n{ADDRESSES}\n"));
}

/// Writes the index anew, with right checksums, after changing its rows.
fn rewrite_index(case: &Case, change: impl Fn(RecordBatch) -> RecordBatch) {
    let store = Store::open(&case.path("sawlog-store")).unwrap();
    let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
    let index = store.snapshot(&sawlog_store::ENTITIES).unwrap();
    for file in &index.files {
        let batches = read_file(&sawlog_store::ENTITIES, &index.folder, file, None).unwrap();
        let batches: Vec<RecordBatch> = batches.map(Result::unwrap).collect();
        let batch = change(concat_batches(&batches[0].schema(), &batches).unwrap());
        run.add_batch(&sawlog_store::ENTITIES, None, &batch).unwrap();
        run.remove_file(&sawlog_store::ENTITIES, file.clone());
    }
    run.commit().unwrap();
}

/// A batch with another column in place of the one of this name.
fn with_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let place = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[place] = column;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// Each number of a total of many records is changed in turn, and each of its rows is left out.
#[test]
fn wrong_totals_are_found_and_made_anew() {
    let case = Case::new();
    case.write("logs/a", talkers(&mut Numbers::new(13), 40));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    copy(&case.path("sawlog-store"), &case.path("right"));
    let summary = |case: &Case| case.sawq(&["s3logparse", "toptalkers"]).text().to_owned();
    let right = summary(&case);
    let is_total = |batch: &RecordBatch, row: usize, of_value: bool| {
        let is_valid = |name: &str| batch[name].is_valid(row);
        is_valid("run") && is_valid("value") == of_value && (!of_value || is_valid("first_time"))
    };
    let last = |batch: &RecordBatch, of_value: bool| {
        (0..batch.num_rows()).rev().find(|row| is_total(batch, *row, of_value)).expect("there are totals")
    };
    let without = |batch: RecordBatch, gone: usize| {
        let stays: BooleanArray = (0..batch.num_rows()).map(|row| Some(row != gone)).collect();
        filter_record_batch(&batch, &stays).unwrap()
    };
    let more = |batch: RecordBatch, name: &str| {
        let changed = last(&batch, true);
        let numbers = cast(&batch[name], &DataType::Int64).unwrap();
        let numbers = numbers.as_primitive::<Int64Type>().iter().enumerate();
        let numbers = numbers.map(|(row, number)| if row == changed { Some(number.unwrap_or(0) + 1) } else { number });
        let column = cast(&numbers.collect::<Int64Array>(), batch[name].data_type()).unwrap();
        with_column(&batch, name, column)
    };
    let nothing_standing = |batch: RecordBatch| {
        let changed = last(&batch, true);
        let sums = batch["standing"].as_binary::<i32>().iter().enumerate();
        let sums = sums.map(|(row, sums)| if row == changed { Some(&[0, 0, 0, 0][..]) } else { sums });
        let column: ArrayRef = Arc::new(sums.collect::<BinaryArray>());
        with_column(&batch, "standing", column)
    };
    type Change<'a> = Box<dyn Fn(RecordBatch) -> RecordBatch + 'a>;
    let numbers = ["records", "bytes_sent", "bytes_received", "errors", "first_time", "last_time", "first_line"];
    let mut changes: Vec<(String, bool, Change<'_>)> = vec![
        ("nothing".to_owned(), true, Box::new(|batch| batch)),
        ("standing".to_owned(), false, Box::new(nothing_standing)),
        ("a value".to_owned(), false, Box::new(|batch| without(batch.clone(), last(&batch, true)))),
        ("a data file".to_owned(), false, Box::new(|batch| without(batch.clone(), last(&batch, false)))),
    ];
    changes.extend(numbers.map(|name| -> (String, bool, Change<'_>) {
        (name.to_owned(), false, Box::new(move |batch| more(batch, name)))
    }));
    for (changed, is_right, change) in changes {
        fs::remove_dir_all(case.path("sawlog-store")).unwrap();
        copy(&case.path("right"), &case.path("sawlog-store"));
        rewrite_index(&case, change);
        let ran = case.sawlog(&["verify", "-q"]);
        let names_it = ran.err.contains("in the totals of run") && ran.err.contains("'sawlog reindex' rebuilds it");
        assert_eq!((ran.code, names_it), if is_right { (0, false) } else { (1, true) }, "{changed}: {}", ran.err);
        assert_eq!(case.sawlog(&["reindex", "-q"]).code, 0);
        assert_eq!(case.sawlog(&["verify", "-q"]).code, 0, "{changed}");
        assert_eq!(summary(&case), right, "{changed}");
    }
}

/// A long header does not exclude a field from the index.
#[test]
fn a_long_value_is_indexed() {
    let case = Case::new();
    let line = lines_of([("192.0.2.1".to_owned(), "GET", Some(1), "k".to_owned())]);
    let agent = "x".repeat(8000);
    case.write("logs/a", line.clone() + &line.replace("\"a\"", &format!("\"{agent}\"")));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let ran = case.sawq(&["top", "user_agent", "--json", "--explain"]);
    assert!(ran.err.contains("user_agent from the index for 1 of 1 data files"), "{}", ran.err);
    assert!(ran.text().contains(&agent));
}

/// In a large data file, a field with nearly as many values as rows is not indexed, but scanned.
#[test]
fn objects_that_never_repeat_are_scanned() {
    let case = Case::new();
    let line = |number: u32| ("192.0.2.1".to_owned(), "GET", Some(1), format!("k{}", number.min(69_990)));
    case.write("logs/a", lines_of((0..70_000).map(line)));
    case.write("logs/b", lines_of((0..100).map(line)).replace("29/Jul", "30/Jul"));
    assert_eq!(case.sawlog(&["convert", "logs", "-q", "--threads", "1"]).code, 0);
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    let ran = case.sawq(&["s3logparse", "topfiles", "-n", "3", "--explain"]);
    assert_eq!(ran.text(), "10 - k69990\n2 - k0\n2 - k1\n");
    assert!(ran.err.contains("key from the index for 1 of 2 data files"), "{}", ran.err);
    let others = case.sawq(&["top", "ip", "--explain"]).err;
    assert!(others.contains("ip from the index for 2 of 2 data files"), "{others}");
}

/// Rows of an earlier version answer all questions but those whose sums it did not write.
#[test]
fn rows_of_earlier_versions_are_no_standing_sums() {
    let case = Case::new();
    copy(&repository().join("fixtures/stores/v1/store"), &case.path("sawlog-store"));
    let before: Vec<_> =
        SUMMARIES.iter().map(|summary| case.sawq(&["s3logparse", summary]).text().to_owned()).collect();
    let explained = case.sawq(&["s3logparse", "toptalkers", "--explain"]).err;
    assert!(explained.contains("from the index for 0 of"), "{explained}");
    let explained = case.sawq(&["top", "remote_ip", "--explain"]).err;
    assert!(!explained.contains("s3_access: read"), "{explained}");
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["reindex", "-q"]).code, 0);
    for (summary, before) in SUMMARIES.iter().zip(before) {
        let ran = case.sawq(&["s3logparse", summary, "--explain"]);
        assert!(ran.text() == before && !before.is_empty() && !ran.err.contains("s3_access: read"), "{}", ran.err);
    }
}

/// The data files that a table's Delta log adds and does not remove.
fn live_files(folder: &Path) -> Vec<PathBuf> {
    let logs = fs::read_dir(folder.join("_delta_log")).unwrap().flatten().map(|entry| entry.path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let actions: String = logs.map(|path| fs::read_to_string(path).unwrap() + "\n").collect();
    let actions: Vec<serde_json::Value> =
        actions.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths = |what: &str| {
        let paths = actions.iter().filter_map(|action| action[what]["path"].as_str());
        paths.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    (&paths("add") - &paths("remove")).into_iter().map(|path| folder.join(path)).collect()
}

/// The sort key of an index row: whether it is a total of a run; kind, log, field and value.
type Key = (bool, String, String, String, Option<String>);

/// The first and the last key of each index file, sorted. It asserts that the rows of each file are sorted.
fn ranges(case: &Case) -> Vec<[Key; 2]> {
    let range = |path: PathBuf| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
        let columns = ProjectionMask::columns(reader.parquet_schema(), ["kind", "value", "log", "field", "run"]);
        let batches = reader.with_projection(columns).build().unwrap().map(Result::unwrap);
        let rows = batches.flat_map(|batch| {
            let columns: Vec<ArrayRef> =
                batch.columns().iter().map(|column| cast(column, &DataType::Utf8).unwrap()).collect();
            let text = |place: usize, row: usize| {
                let array = &columns[place];
                array.is_valid(row).then(|| array.as_string::<i32>().value(row).to_owned())
            };
            let is_of_run = |row| text(4, row).is_some();
            let key = |row| {
                (is_of_run(row), text(0, row).unwrap(), text(2, row).unwrap(), text(3, row).unwrap(), text(1, row))
            };
            (0..batch.num_rows()).map(key).collect::<Vec<_>>()
        });
        let rows: Vec<_> = rows.collect();
        assert!(rows.is_sorted());
        [rows.first().unwrap().clone(), rows.last().unwrap().clone()]
    };
    let mut ranges: Vec<_> = live_files(&case.path("sawlog-store/entities")).into_iter().map(range).collect();
    ranges.sort();
    ranges
}

/// A store of two runs whose index is so large that rows are spilled.
fn large_index() -> Case {
    let case = Case::new();
    let lines = |day: u32| {
        let mut log = String::new();
        for number in 0..3000_u32 {
            let ip = format!("10.{}.{}.{}", number % 4, number >> 8, number & 255);
            let user = format!("arn:aws:iam::1:user/{day}-{number}");
            // Some lines are repeated, so that sums differ from single records.
            for _ in 0..=number % 3 / 2 {
                writeln!(
                    log,
                    "o bucket [{day:02}/Jul/2021:12:00:00 +0000] {ip} {user} ID REST.GET.OBJECT k{number} \
                     \"GET /k HTTP/1.1\" 200 - {number} - 7 - \"-\" \"agent {day} {number}\" -"
                )
                .unwrap();
            }
        }
        log
    };
    for (run, days) in [1..=26, 27..=28].into_iter().enumerate() {
        for day in days {
            case.write(&format!("logs-{run}/{day}"), lines(day));
        }
        assert_eq!(case.sawlog(&["convert", &format!("logs-{run}"), "-q"]).code, 0);
    }
    case
}

/// An index larger than memory is sorted across all of its files, by `convert` and by `reindex`.
#[test]
fn files_of_a_large_index_follow_each_other() {
    let case = large_index();
    copy(&case.path("sawlog-store"), &case.path("scanned"));
    fs::remove_dir_all(case.path("scanned/entities")).unwrap();
    for made_by in ["convert", "reindex"] {
        if made_by == "reindex" {
            assert_eq!(case.sawlog(&["reindex", "-q"]).code, 0);
        }
        let ranges = ranges(&case);
        assert!(ranges.len() > 2, "{made_by}: {ranges:?}");
        // Each run has index files of its own, so those of two runs overlap until `reindex` merges them.
        let all_follow = ranges.windows(2).all(|files| files[0][1] <= files[1][0]);
        assert_eq!(all_follow, made_by != "convert", "{made_by}: {ranges:?}");
        assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
        for dimension in ["ip", "user", "user_agent", "bucket/key", "operation"] {
            let question = ["top", dimension, "-n", "100000", "--by", "bytes-sent", "--store"];
            let [indexed, scanned] =
                ["sawlog-store", "scanned"].map(|store| case.sawq(&[&question[..], &[store]].concat()));
            assert!(indexed.text() == scanned.text() && indexed.code == 0, "{made_by} {dimension}");
        }
        let found = case.sawq(&["find", "--agent", "agent 17 2999", "--explain"]);
        assert!(found.text().lines().count() == 2 && found.err.contains("row numbers known for 1"), "{}", found.err);
    }
}

/// Spills of a large index can fill the disk.
#[test]
fn a_full_disk_while_a_large_index_is_sorted_is_an_error() {
    let case = large_index();
    let right = case.sawq(&["top", "user"]);
    // Spills are written from the second operation on.
    for at in [2, 9, 26] {
        let command = case.command("sawlog", &["reindex"]);
        let fault = Fault::From(at, libc::ENOSPC);
        let ran = with_layer(command, &case.path("sawlog-store"), &case.path("journal"), fault).output().unwrap();
        let error = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{error}");
        assert_eq!(error.matches("No space left on device").count(), 1, "{error}");
        assert!(error.starts_with("sawlog: ./sawlog-store/_staging/"), "{error}");
        assert_eq!(fs::read_dir(case.path("sawlog-store/_staging")).unwrap().count(), 0);
        assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
        assert_eq!(case.sawq(&["top", "user"]).text(), right.text());
    }
}
