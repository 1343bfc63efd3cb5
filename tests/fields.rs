//! What AWS and its exporters allow in a field, from the log to every answer: times that no calendar has and records
//! without one, numbers that are none, flows of transit gateways, times and truths in other spellings, header lines.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Ran};
use serde_json::{Value, json};

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Runs sawlog, which must end well: all became records.
fn sawlog(case: &Case, arguments: &[&str]) -> Ran {
    let ran = case.sawlog(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.text(), ran.err);
    ran
}

/// Runs sawq, which must find something.
fn sawq(case: &Case, arguments: &[&str]) -> Ran {
    let ran = case.sawq(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}{}", ran.text(), ran.err);
    ran
}

fn count(case: &Case, arguments: &[&str]) -> String {
    case.sawq(&[&["find", "-c", "-q"], arguments].concat()).text().trim().to_owned()
}

/// The rows that a query gives.
fn sql(case: &Case, query: &str) -> Value {
    sawq(case, &["sql", query, "--json"]).json()
}

/// Everything that an investigator asks; none of it may fail, whatever the store holds.
fn ask_everything(case: &Case, ip: &str) {
    for question in [
        &["find", "--sort", "time"][..],
        &["find", "--columns", "time,log,ip"],
        &["top", "ip", "--json"],
        &["top", "log", "--ips", "--json"],
        &["who", ip],
        &["who", ip, "--json"],
        &["timeline"],
        &["timeline", "--expand", "--json"],
        &["sql", "SELECT date_trunc('day', time), count(*) FROM events GROUP BY 1 ORDER BY 1"],
        &["sql", "SELECT log, min(time), max(time), count(*) FROM events GROUP BY 1"],
        &["report", "--out", "report.html", "--force", "--entity", ip],
    ] {
        let ran = case.sawq(question);
        assert_eq!(ran.code, 0, "{question:?}: {}{}", ran.text(), ran.err);
        assert!(!ran.err.contains("panicked"), "{question:?}: {}", ran.err);
    }
    sawlog(case, &["verify"]);
    sawlog(case, &["status"]);
}

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";

fn flow(number: usize, start: &str, end: &str) -> String {
    format!("2 111122223333 eni-0f 192.0.2.1 198.51.100.7 {number} 443 6 10 {} {start} {end} ACCEPT OK", number * 100)
}

fn s3(time: &str, rest: &str) -> String {
    let user = "arn:aws:iam::111122223333:user/x";
    format!(
        "owner bucket [{time}] 192.0.2.1 {user} T7X3D7QX7X6GZ0NN REST.GET.OBJECT k \"GET /k HTTP/1.1\" {rest} \"-\" \"agent\" -"
    )
}

fn event(time: &str) -> Value {
    json!({
        "eventVersion": "1.09", "userIdentity": { "type": "IAMUser", "userName": "alice", "accountId": "111122223333" },
        "eventTime": time, "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1", "eventID": format!("id of {time}"), "readOnly": true,
    })
}

/// The name of a file of flow logs that AWS has delivered on 2024-05-01 at 12:05.
const DELIVERED: &str = "111122223333_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20240501T1205Z_abcdef12.log";

/// The partitions of a table, by the names of their folders.
fn partitions(case: &Case, table: &str) -> Vec<String> {
    let folder = case.path("sawlog-store").join(table);
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("date=")).collect();
    names.sort();
    names
}

#[test]
fn no_time_makes_a_store_unreadable() {
    let case = Case::new();
    case.write("in/good", s3("29/Jul/2021:13:09:55 +0000", "200 - 113 - 7 -"));
    let odd = [
        ("31/Dec/9999:23:30:00 -0100", false),
        ("01/Jan/0001:00:30:00 +0100", false),
        ("31/Dec/0000:12:00:00 +0000", false),
        ("31/Dec/9999:23:30:00 +0000", true),
        ("01/Jan/0001:00:30:00 +0000", true),
    ];
    for (number, (time, _)) in odd.iter().enumerate() {
        case.write(&format!("in/s3-{number}"), s3(time, "200 - 113 - 7 -"));
    }
    let times = ["9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z"];
    let events: Vec<Value> = times.into_iter().chain(["9999-12-31T23:59:59.999999Z"]).map(event).collect();
    case.write("in/trail.json", json!({ "Records": events }).to_string());
    // The first millisecond of the year 10000, the largest number of milliseconds, and one that is none.
    let never = ["253402300800000", "9223372036854775", "99999999999999999999999"];
    let flows = never.map(|time| format!("{}\n{}\n", flow(1, time, time), flow(2, time, "1714564860")));
    case.write("in/flows.log", format!("{HEADER}\n{}{}\n", flows.concat(), flow(3, "253402300799999", "0")));
    let ran = case.sawlog(&["convert", "in", "--json"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let summary = ran.json();
    assert_eq!((&summary["records"], &summary["rejects"]), (&json!(1 + 2 + 1 + 7), &json!(3 + 3)));
    let reasons = sql(&case, "SELECT reason, count(*) AS n FROM rejects GROUP BY 1 ORDER BY 1");
    assert_eq!(
        reasons,
        json!([
            { "reason": "has an eventTime that is not of the years 1 to 9999", "n": 3 },
            { "reason": "the time is not of the years 1 to 9999", "n": 3 },
        ])
    );
    sawlog(&case, &["verify"]);
    assert_eq!(count(&case, &[]), "11");
    assert_eq!(partitions(&case, "s3_access"), ["date=0001-01-01", "date=2021-07-29", "date=9999-12-31"]);
    assert_eq!(partitions(&case, "cloudtrail"), ["date=9999-12-31"]);
    let nowhere = "date=__HIVE_DEFAULT_PARTITION__";
    assert_eq!(partitions(&case, "vpc_flow"), ["date=2024-05-01", "date=9999-12-31", nowhere]);
    // What comes after is added as ever, and read.
    case.write("more/log", s3("30/Jul/2021:13:09:55 +0000", "200 - 113 - 7 -"));
    sawlog(&case, &["convert", "more"]);
    assert_eq!(count(&case, &[]), "12");
    assert_eq!(count(&case, &["--since", "2021-07-29", "--until", "2021-07-31"]), "2");
    for question in [&["top", "ip"][..], &["who", "192.0.2.1"], &["find", "--sort", "time"]] {
        sawq(&case, question);
    }
}

const CUSTOM: &str = "bytes az-id flow-direction interface-id srcaddr dstaddr pkt-srcaddr log-status";

/// Flows without a time: two from 192.0.2.10, one without addresses.
fn timeless() -> String {
    let flows = [
        "100 use1-az1 egress eni-0a 192.0.2.10 198.51.100.11 - OK",
        "90 use1-az2 ingress eni-0b 192.0.2.10 198.51.100.11 - OK",
        "- use1-az2 ingress eni-0b - - - NODATA",
    ];
    format!("{CUSTOM}\n{}\n", flows.join("\n"))
}

#[test]
fn flows_without_a_time_have_that_of_their_file() {
    let case = Case::new();
    case.write(&format!("in/{DELIVERED}"), timeless());
    case.write(
        &format!("in/{}.gz", DELIVERED.replace("1205Z", "1210Z")),
        gzip(&timeless().replace("192.0.2.10", "192.0.2.20")),
    );
    sawlog(&case, &["convert", "in"]);
    assert_eq!(partitions(&case, "vpc_flow"), ["date=2024-05-01"]);
    let rows = sql(&case, "SELECT date, file_time, start, count(*) AS n FROM vpc_flow GROUP BY 1, 2, 3 ORDER BY 2");
    assert_eq!(
        rows,
        json!([
            { "date": "2024-05-01", "file_time": "2024-05-01T12:05:00Z", "n": 3 },
            { "date": "2024-05-01", "file_time": "2024-05-01T12:10:00Z", "n": 3 },
        ])
    );
    assert_eq!(count(&case, &["--since", "2024-05-01T12:06"]), "3");
    assert_eq!(count(&case, &["--until", "2024-05-01T12:06"]), "3");
    assert_eq!(count(&case, &["--since", "1m"]), "3");
    let top = sawq(&case, &["top", "srcaddr", "--json"]).json();
    let found = top.as_array().unwrap().iter().find(|row| row["srcaddr"] == "192.0.2.20").unwrap();
    assert_eq!((&found["count"], &found["first_seen"]), (&json!(2), &json!("2024-05-01T12:10:00Z")));
    let timeline = sawq(&case, &["timeline", "--json"]).json();
    assert_eq!(timeline[0]["time"], "2024-05-01T12:05:00Z");
    assert_eq!(sawq(&case, &["find", "--ip", "192.0.2.20"]).text().lines().count(), 2);
    ask_everything(&case, "192.0.2.20");
}

/// A store of three flows without a time and two that have one.
fn with_timeless() -> Case {
    let case = Case::new();
    case.write("in/a-timeless", timeless());
    case.write(
        "in/b-flows",
        format!("{HEADER}\n{}\n{}\n", flow(1, "1714564800", "1714564860"), flow(2, "1714651200", "-")),
    );
    sawlog(&case, &["convert", "in"]);
    case
}

/// What every question says of [`with_timeless`], however the store came about.
fn check_timeless(case: &Case, what: &str) {
    let nowhere = "date=__HIVE_DEFAULT_PARTITION__".to_owned();
    assert!(partitions(case, "vpc_flow").contains(&nowhere), "{what}");
    assert_eq!(count(case, &[]), "5", "{what}");
    assert_eq!(count(case, &["--ip", "192.0.2.10"]), "2", "{what}");
    for (filter, expected) in [
        (&["--since", "0001-01-01"][..], "2"),
        (&["--until", "9998-12-31"], "2"),
        (&["--since", "2024-05-02"], "1"),
        (&["--until", "2024-05-02", "--ip", "192.0.2.10"], "0"),
    ] {
        assert_eq!(count(case, filter), expected, "{what}: {filter:?}");
    }
    let rows =
        sql(case, "SELECT date, count(*) AS n, sum(bytes) AS bytes FROM vpc_flow GROUP BY 1 ORDER BY 1 NULLS FIRST");
    let expected = [json!({ "n": 3, "bytes": 190 }), json!({ "date": "2024-05-01", "n": 1, "bytes": 100 })];
    assert_eq!((&rows[0], &rows[1]), (&expected[0], &expected[1]), "{what}");
    assert_eq!(sql(case, "SELECT count(*) AS n FROM vpc_flow WHERE date IS NULL")[0]["n"], 3, "{what}");
    // By the index, by a scan, and with a filter of time.
    for arguments in [
        &["top", "srcaddr", "--json"][..],
        &["top", "srcaddr", "--ips", "--json"],
        &["top", "srcaddr/dstaddr", "--json"],
    ] {
        let top = sawq(case, arguments).json();
        let of =
            |address: &str| top.as_array().unwrap().iter().find(|row| row["srcaddr"] == *address).cloned().unwrap();
        let (without, with) = (of("192.0.2.10"), of("192.0.2.1"));
        assert_eq!((&without["count"], &without["flow_bytes"]), (&json!(2), &json!(190)), "{what}: {arguments:?}");
        assert!(without["first_seen"].is_null() && without["last_seen"].is_null(), "{what}: {arguments:?}: {without}");
        assert_eq!(with["first_seen"], "2024-05-01T12:00:00Z", "{what}: {arguments:?}");
    }
    let of_days = sawq(case, &["top", "log", "--json", "--since", "2024-05-01", "--until", "2024-05-03"]).json();
    assert_eq!(of_days[0]["count"], 2, "{what}");
    let of_ip = sawq(case, &["top", "ip", "--json", "--since", "2024-05-01"]).json();
    assert_eq!((of_ip.as_array().unwrap().len(), &of_ip[0]["count"]), (2, &json!(2)), "{what}: {of_ip}");
    // By time they come last, in whichever form.
    let by_time = sawq(case, &["find", "--sort", "time"]);
    let last: Vec<&str> = by_time.text().lines().skip(2).collect();
    assert_eq!(last, timeless().lines().skip(1).collect::<Vec<_>>(), "{what}");
    let lines = sawq(case, &["timeline"]);
    let (with, without) = lines.text().split_once("\nno time\n").expect("a headline for records without a time");
    assert!(with.contains("192.0.2.1 ") && !with.contains("192.0.2.10"), "{what}: {}", lines.text());
    assert!(without.contains("2 × FLOW in 198.51.100.11"), "{what}: {}", lines.text());
    let rows = sawq(case, &["timeline", "--json"]).json();
    assert!(rows.as_array().unwrap().last().unwrap()["time"].is_null(), "{what}: {rows}");
    let who = sawq(case, &["who", "192.0.2.10", "--json"]).json();
    assert_eq!((&who["records"], &who["first_seen"]), (&json!(2), &Value::Null), "{what}");
    assert!(sawq(case, &["who", "192.0.2.10"]).text().contains("without a time"), "{what}");
    assert!(sawq(case, &["who", "192.0.2.1"]).text().contains("seen 2024-05-01 12:00:00 to"), "{what}");
    ask_everything(case, "192.0.2.10");
    let page = std::fs::read_to_string(case.path("report.html")).unwrap();
    assert!(page.contains("192.0.2.10"), "{what}");
}

#[test]
fn flows_without_any_time_are_kept_and_answered_like_others() {
    let case = with_timeless();
    check_timeless(&case, "as converted");
    sawlog(&case, &["reindex"]);
    check_timeless(&case, "with the index made anew");
    // More of them, and all in one file again.
    case.write("in/c-timeless", timeless().replace("192.0.2.10", "192.0.2.99"));
    sawlog(&case, &["convert", "in"]);
    assert_eq!(count(&case, &[]), "8");
    sawlog(&case, &["compact", "--retain", "0s"]);
    let files = std::fs::read_dir(case.path("sawlog-store/vpc_flow/date=__HIVE_DEFAULT_PARTITION__")).unwrap().count();
    assert_eq!(files, 1);
    assert_eq!(count(&case, &[]), "8");
    ask_everything(&case, "192.0.2.99");
    // A file in its place, with times: what it was is gone.
    case.write("in/c-timeless", format!("{HEADER}\n{}\n", flow(9, "1714651201", "-")));
    sawlog(&case, &["convert", "in", "--replace"]);
    assert_eq!((count(&case, &[]), count(&case, &["--ip", "192.0.2.99"])), ("6".to_owned(), "0".to_owned()));
    sawlog(&case, &["verify"]);
}

#[test]
fn a_unit_of_very_many_days_keeps_records_without_one() {
    let case = Case::new();
    let dated: Vec<String> = (0..100).map(|day| flow(day, &(1_700_000_000 + day * 86_400).to_string(), "-")).collect();
    let without = flow(500, "-", "-");
    case.write("in/a", format!("{HEADER}\n{}\n{without}\n", dated.join("\n")));
    case.write(&format!("in/{DELIVERED}"), format!("{HEADER}\n{}\n{without}\n", dated[..90].join("\n")));
    case.write("in/z", timeless());
    sawlog(&case, &["convert", "in"]);
    assert_eq!((count(&case, &[]), count(&case, &["--since", "2000-01-01"])), ("195".to_owned(), "191".to_owned()));
    let of_file = sql(&case, "SELECT file_time, date FROM vpc_flow WHERE file_time IS NOT NULL");
    assert_eq!(of_file, json!([{ "file_time": "2024-05-01T12:05:00Z", "date": "2024-05-01" }]));
    assert!(partitions(&case, "vpc_flow").len() > 100);
    ask_everything(&case, "192.0.2.10");
}

#[test]
fn a_number_that_is_none_costs_no_line() {
    let case = Case::new();
    let many = "9".repeat(30);
    let line = s3("29/Jul/2021:13:09:55 +0000", &format!("OK - {many} 12 7 -"));
    case.write("in/s3", format!("{}\n{line}\n", s3("29/Jul/2021:13:09:54 +0000", "200 - 113 - 7 -")));
    let flows = [
        flow(1, "1714564800", "1714564860").replace(" 443 ", " https "),
        flow(2, "1714564800", "1714564860").replace(" 443 ", " 4294967296 "),
        flow(3, "1714564800", "1714564860").replace(" 300 ", &format!(" {many} ")),
    ];
    case.write("in/flows", format!("{HEADER}\n{}\n", flows.join("\n")));
    case.write("bad/flows", format!("{HEADER}\n{}\n", vec!["word"; 14].join(" ")));
    sawlog(&case, &["convert", "in"]);
    let status = sawlog(&case, &["status", "--json"]).json();
    let mut odd: Vec<&Value> = status["other_types"].as_array().unwrap().iter().collect();
    odd.sort_by_key(|name| name[0].as_str());
    assert_eq!(json!(odd), json!([["bytes", 1], ["bytes_sent", 1], ["dstport", 2], ["http_status", 1]]));
    let found = sql(&case, "SELECT dstport, bytes FROM vpc_flow ORDER BY srcport");
    assert_eq!(found, json!([{ "bytes": 100 }, { "bytes": 200 }, { "dstport": 443 }]));
    let found = sql(&case, "SELECT http_status, bytes_sent, object_size FROM s3_access WHERE source_line = 2");
    assert_eq!(found, json!([{ "object_size": 12 }]));
    assert_eq!(sawq(&case, &["find", "--log", "vpc"]).text(), flows.join("\n") + "\n");
    assert_eq!(sawq(&case, &["find", "--log", "s3"]).text().lines().nth(1), Some(&*line));
    ask_everything(&case, "192.0.2.1");
    // What is no record at all is none.
    let ran = case.sawlog(&["convert", "bad", "--json"]);
    assert_eq!((ran.code, &ran.json()["rejects"]), (3, &json!(1)));
}

/// A flow of a transit gateway, as AWS writes it where nobody chose the fields.
const TRANSIT: &str = "6 TransitGateway 111122223333 tgw-0aaa tgw-attach-0bbb 111122223333 444455556666 vpc-0ccc vpc-0ddd subnet-0eee subnet-0fff eni-0111 eni-0222 use1-az4 use1-az6 tgw-attach-0333 192.0.2.164 198.51.100.164 45678 443 6 10 8400 1714564800 1714564860 OK IPv4 0 1 2 3 2 us-east-1 egress - S3";
const TRANSIT_FIELDS: [&str; 36] = [
    "version",
    "resource_type",
    "account_id",
    "tgw_id",
    "tgw_attachment_id",
    "tgw_src_vpc_account_id",
    "tgw_dst_vpc_account_id",
    "tgw_src_vpc_id",
    "tgw_dst_vpc_id",
    "tgw_src_subnet_id",
    "tgw_dst_subnet_id",
    "tgw_src_eni",
    "tgw_dst_eni",
    "tgw_src_az_id",
    "tgw_dst_az_id",
    "tgw_pair_attachment_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "log_status",
    "type",
    "packets_lost_no_route",
    "packets_lost_blackhole",
    "packets_lost_mtu_exceeded",
    "packets_lost_ttl_expired",
    "tcp_flags",
    "region",
    "flow_direction",
    "pkt_src_aws_service",
    "pkt_dst_aws_service",
];

/// A transit gateway's flow as a Parquet file with the types that AWS gives the columns.
fn transit_parquet(path: &PathBuf) {
    let narrow = ["version", "srcport", "dstport", "protocol", "tcp_flags"];
    let columns = TRANSIT_FIELDS.iter().zip(TRANSIT.split(' ')).map(|(name, value)| {
        let number = value.parse::<i64>();
        let array: ArrayRef = match number {
            _ if name.ends_with("account_id") => Arc::new(StringArray::from(vec![value])),
            Ok(number) if narrow.contains(name) => Arc::new(Int32Array::from(vec![i32::try_from(number).unwrap()])),
            Ok(number) => Arc::new(Int64Array::from(vec![number])),
            Err(_) => Arc::new(StringArray::from(vec![Some(value).filter(|value| *value != "-")])),
        };
        (*name, array, true)
    });
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn flows_of_transit_gateways_have_all_their_columns() {
    let case = Case::new();
    let header = TRANSIT_FIELDS.map(|name| name.replace('_', "-")).join(" ");
    case.write("in/a-header.log", format!("{header}\n{TRANSIT}\n"));
    case.write("in/b-none.log", format!("{TRANSIT}\n"));
    case.write(
        "in/c-none.log.gz",
        gzip(&format!("{}\n", TRANSIT.replace("TransitGateway ", "TransitGatewayAttachment "))),
    );
    case.write("in/d-mixed.log", format!("{TRANSIT}\n{}\n{TRANSIT}\n", flow(1, "1714564800", "1714564860")));
    transit_parquet(&case.path("in/e.parquet"));
    sawlog(&case, &["convert", "in"]);
    assert_eq!(
        (count(&case, &["--ip", "198.51.100.164"]), count(&case, &["--port", "443"])),
        ("6".to_owned(), "7".to_owned())
    );
    let status = sawlog(&case, &["status", "--json"]).json();
    assert_eq!((&status["other_types"], &status["unknown_fields"]), (&json!([]), &json!([])));
    let quoted = TRANSIT_FIELDS.map(|name| format!("\"{name}\"")).join(", ");
    let rows =
        sql(&case, &format!("SELECT {quoted} FROM vpc_flow WHERE resource_type IS NOT NULL ORDER BY source_file"));
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 6);
    for (place, row) in rows.iter().enumerate() {
        for (name, value) in TRANSIT_FIELDS.iter().zip(TRANSIT.split(' ')) {
            let expected = match (*name, value) {
                ("resource_type", _) if place == 2 => json!("TransitGatewayAttachment"),
                ("start", _) => json!("2024-05-01T12:00:00Z"),
                ("end", _) => json!("2024-05-01T12:01:00Z"),
                (_, "-") => Value::Null,
                (name, value) if name.ends_with("_id") => json!(value),
                (_, value) => value.parse::<i64>().map_or_else(|_| json!(value), |number| json!(number)),
            };
            assert_eq!(row[name], expected, "{name} of row {place}");
        }
    }
    let extra = sql(&case, "SELECT count(extra) AS extra, count(raw) AS raw FROM vpc_flow");
    assert_eq!(extra, json!([{ "extra": 0, "raw": 0 }]));
    let peers = sawq(&case, &["who", "192.0.2.164", "--json"]).json();
    assert_eq!(peers["facets"]["peers_on_the_network"][0]["value"], "198.51.100.164");
    ask_everything(&case, "192.0.2.164");
}

#[test]
fn fields_of_the_newest_version_have_columns() {
    let fields = "instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type \
                  next-hop-interface-id next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type";
    let values = "web%20shop - - - group - nat_gateway eni-01 subnet-02 use1-az1 vpc-03 transit_gateway";
    let case = Case::new();
    case.write(&format!("in/{DELIVERED}"), format!("{fields}\n{values}\n"));
    sawlog(&case, &["convert", "in"]);
    let columns = fields.replace('-', "_").split_whitespace().collect::<Vec<_>>().join(", ");
    let row = sql(&case, &format!("SELECT {columns} FROM vpc_flow"));
    for (name, value) in fields.split_whitespace().zip(values.split(' ')) {
        let expected = if value == "-" { Value::Null } else { json!(value) };
        assert_eq!(row[0][name.replace('-', "_")], expected, "{name}");
    }
    sawlog(&case, &["verify"]);
}

#[test]
fn times_and_truths_of_cloudtrail_in_other_spellings() {
    let case = Case::new();
    let times = [
        ("2024-05-01 12:00:01.000", "2024-05-01T12:00:01Z"),
        ("2024-05-01T12:00:02.000+00:00", "2024-05-01T12:00:02Z"),
        ("2024-05-01T14:00:03+0200", "2024-05-01T12:00:03Z"),
        ("2024-05-01t12:00:04.250z", "2024-05-01T12:00:04.250Z"),
        ("2024-05-01T06:30:05.000006-05:30", "2024-05-01T12:00:05.000006Z"),
        ("20240501T120006Z", "2024-05-01T12:00:06Z"),
        ("2024-05-01 12:00:07 +00:00", "2024-05-01T12:00:07Z"),
        ("2024-05-01 14:00:08 +0200", "2024-05-01T12:00:08Z"),
        ("2024-05-01 12:00:09 Z", "2024-05-01T12:00:09Z"),
        (" 2024-05-01T12:00:10Z ", "2024-05-01T12:00:10Z"),
    ];
    let mut records: Vec<Value> = times.iter().map(|(time, _)| event(time)).collect();
    records[0]["readOnly"] = json!("true");
    records[1]["readOnly"] = json!("FALSE");
    records[2]["readOnly"] = json!("perhaps");
    records[3]["managementEvent"] = json!("false");
    records[4]["userIdentity"]["sessionContext"] =
        json!({ "attributes": { "mfaAuthenticated": false, "creationDate": "20240501T110628Z" } });
    records[5]["resources"] = json!(["arn:aws:s3:::b", { "ARN": [7] }, { "ARN": "arn:aws:s3:::c" }]);
    case.write("in/lake.jsonl", records.iter().map(|record| format!("{record}\n")).collect::<String>());
    sawlog(&case, &["convert", "in"]);
    let rows = sql(
        &case,
        "SELECT event_time AS time, read_only, management_event, \
         user_identity['session_context']['attributes']['creation_date'] AS created, \
         user_identity['session_context']['attributes']['mfa_authenticated'] AS mfa FROM cloudtrail ORDER BY 1",
    );
    for (row, (given, expected)) in rows.as_array().unwrap().iter().zip(times) {
        let (found, expected) = (row["time"].as_str().unwrap(), expected.trim_end_matches('Z'));
        assert!(found.starts_with(expected), "{given}: {found}");
    }
    let truths: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["read_only"]).collect();
    assert_eq!(json!(truths), json!([true, false, null, true, true, true, true, true, true, true]));
    assert_eq!(rows[3]["management_event"], false);
    assert_eq!((&rows[4]["created"], &rows[4]["mfa"]), (&json!("2024-05-01T11:06:28Z"), &json!("false")));
    let status = sawlog(&case, &["status", "--json"]).json();
    let mut odd: Vec<&Value> = status["other_types"].as_array().unwrap().iter().collect();
    odd.sort_by_key(|name| name[0].as_str());
    assert_eq!(json!(odd), json!([["readOnly", 1], ["resources", 1], ["resources.ARN", 1]]));
    ask_everything(&case, "192.0.2.1");
    // What may be one time or another is none.
    case.write("bad/trail.json", json!({ "Records": [event("01/05/2024 12:00:00"), event("1714564800")] }).to_string());
    let ran = case.sawlog(&["convert", "bad", "--json"]);
    assert_eq!((ran.code, &ran.json()["rejects"]), (3, &json!(2)));
    sawlog(&case, &["verify"]);
}

#[test]
fn header_lines_in_other_spellings() {
    let case = Case::new();
    let line = "192.0.2.1 198.51.100.7 443 1714564800 OK";
    for (number, (header, line)) in [
        ("srcaddr dstaddr dstport start log-status ", line.to_owned()),
        ("SrcAddr DstAddr DstPort Start Log_Status", line.to_owned()),
        ("SRCADDR\tDSTADDR\tDSTPORT\tSTART\tLOG_STATUS", line.replace(' ', "\t")),
        ("srcaddr  dstaddr   dstport start\tlog-status", line.replace(' ', "  ") + " "),
        ("srcaddr dstaddr dstport start log_status", line.to_owned() + "\t"),
    ]
    .into_iter()
    .enumerate()
    {
        for (ending, text) in [("lf", "\n"), ("crlf", "\r\n")] {
            let content = [header, &line, "", &line, header, &line].join(text) + text;
            case.write(&format!("in/{number}-{ending}"), &content);
            case.write(&format!("in/{number}-{ending}.gz"), gzip(&(content + header)));
        }
    }
    sawlog(&case, &["convert", "in"]);
    let rows = sql(
        &case,
        "SELECT srcaddr, dstaddr, dstport, start, log_status, count(*) AS n FROM vpc_flow GROUP BY 1, 2, 3, 4, 5",
    );
    let expected = json!([{
        "srcaddr": "192.0.2.1", "dstaddr": "198.51.100.7", "dstport": 443, "start": "2024-05-01T12:00:00Z",
        "log_status": "OK", "n": 5 * 4 * 3,
    }]);
    assert_eq!(rows, expected);
    ask_everything(&case, "192.0.2.1");
}
