//! Nothing is left out of an answer, and what it names is what the logs have: columns of several logs, addresses with
//! ports, both ends of a request, sums beyond 64 bits, names of files, answers without rows.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sawlog_tests::{Case, Ran, binary, evidence, has_terminal, repository, send};
use serde_json::{Value, json};

/// An address of the fixture: it has 116 records in S3 logs, 37 in CloudTrail, and 3 flows.
const ATTACKER: [&str; 2] = ["--ip", "3.238.12.183"];

/// A successful run.
fn good(ran: Ran) -> Ran {
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// The objects of an answer in lines of JSON.
fn objects(case: &Case, arguments: &[&str]) -> Vec<Value> {
    let ran = good(case.sawq(&[arguments, &["--format", "ndjson"]].concat()));
    ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many rows an answer has in a form of output.
fn rows_in(case: &Case, form: &str, arguments: &[&str]) -> usize {
    let name = format!("rows.{form}");
    let _ = fs::remove_file(case.path(&name));
    good(case.sawq(&[arguments, &["-o", &name, "-q"]].concat()));
    let file = fs::File::open(case.path(&name)).unwrap();
    let text = || fs::read_to_string(case.path(&name)).unwrap();
    match form {
        "parquet" => {
            let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            batches.map(|batch| batch.unwrap().num_rows()).sum()
        }
        "arrow" => FileReader::try_new(file, None).unwrap().map(|batch| batch.unwrap().num_rows()).sum(),
        "arrows" => StreamReader::try_new(file, None).unwrap().map(|batch| batch.unwrap().num_rows()).sum(),
        "json" => serde_json::from_str::<Vec<Value>>(&text()).unwrap().len(),
        "ndjson" => text().lines().count(),
        // A line has the names.
        _ => text().lines().count() - 1,
    }
}

const FORMS: [&str; 7] = ["csv", "tsv", "json", "ndjson", "parquet", "arrow", "arrows"];

#[test]
fn columns_leave_no_log_out() {
    let case = Case::with(&evidence());
    let all = [
        "time,operation,target,outcome",
        "time,log,user",
        "time,log,operation",
        "time,log,bytes",
        "time,log,bytes,outcome",
        "time,log,actor",
        "access_key",
        "user,dstport",
        "time,bucket,key",
        "user,http_status,dstport",
        "log",
    ];
    for columns in all {
        let find = ["find", ATTACKER[0], ATTACKER[1], "--columns", columns];
        for form in FORMS {
            assert_eq!(rows_in(&case, form, &find), 156, "{columns} as {form}");
        }
        for sort in ["evidence", "time"] {
            let found = objects(&case, &[&find[..], &["--sort", sort]].concat());
            assert_eq!(found.len(), 156, "{columns} by {sort}");
        }
        assert_eq!(good(case.sawq(&find)).err, "", "{columns}");
    }
    // Each log has what it has, and nothing else.
    let find = ["find", ATTACKER[0], ATTACKER[1], "--columns", "log,user,dstport,http_status,bytes,operation"];
    let found = objects(&case, &find);
    let of = |log: &str, name: &str| found.iter().filter(|row| row["log"] == log && !row[name].is_null()).count();
    for (log, user, dstport, http_status, bytes, records) in
        [("s3_access", 116, 0, 116, 42, 116), ("cloudtrail", 37, 0, 0, 0, 37), ("vpc_flow", 0, 3, 0, 3, 3)]
    {
        let by_sql = |what: &str| {
            let query = format!("SELECT count({what}) AS n FROM {log}");
            case.sawq(&["sql", &query, ATTACKER[0], ATTACKER[1], "--json"]).json()[0]["n"].as_u64().unwrap()
        };
        let bytes = if log == "s3_access" { usize::try_from(by_sql("bytes_sent")).unwrap() } else { bytes };
        let found = ["user", "dstport", "http_status", "bytes", "operation"].map(|name| of(log, name));
        assert_eq!(found, [user, dstport, http_status, bytes, records], "{log}");
    }
    assert!(found.iter().all(|row| row["bytes"].is_null() || row["bytes"].is_u64()), "numbers are numbers");
}

#[test]
fn a_log_without_any_of_the_columns_is_named() {
    let case = Case::with(&evidence());
    let find = |columns: &str, more: &[&str]| {
        let ran = good(case.sawq(&[&["find", ATTACKER[0], ATTACKER[1], "--columns", columns], more].concat()));
        (ran.text().lines().count() - 1, ran.err)
    };
    let (rows, note) = find("http_status,dstport", &[]);
    assert_eq!(rows, 119);
    assert_eq!(note, "sawq: cloudtrail has none of these columns; its records are left out\n");
    let (rows, note) = find("time,log,http_status", &[]);
    assert_eq!(rows, 116);
    assert_eq!(note, "sawq: cloudtrail and vpc_flow have none of these columns; their records are left out\n");
    assert_eq!(find("http_status", &["-q"]), (116, String::new()));
    // Nothing is left out of a log that has no such records.
    assert_eq!(find("time,http_status", &["--log", "s3,alb"]).1, "");
    let wrong = case.sawq(&["find", "--columns", "time,http_statuz"]);
    assert!(wrong.code == 2 && wrong.err.contains("did you mean 'http_status'?"), "{}", wrong.err);
    let wrong = case.sawq(&["find", "--log", "vpc", "--columns", "http_status"]);
    assert!(wrong.code == 2 && wrong.err.contains("s3_access has"), "{}", wrong.err);
}

/// A column has its own type, whatever stands beside it.
#[test]
fn columns_have_their_own_types() {
    let case = Case::with(&evidence());
    let number = |log: &str, columns: &str, name: &str| {
        let row =
            &objects(&case, &["find", "--log", log, "--columns", columns, "--where", &format!("{name}!="), "-n", "1"])
                [0];
        assert!(row[name].is_u64(), "{columns}: {row}");
    };
    number("s3", "bytes,bytes_sent", "bytes_sent");
    number("s3", "outcome,user,bytes_sent", "bytes_sent");
    number("vpc", "bytes,actor,dstport", "dstport");
    number("vpc", "bytes_received,bytes,source_line", "bytes");
    let rows =
        objects(&case, &["find", ATTACKER[0], ATTACKER[1], "--columns", "http_status,dstport,changes,time,user"]);
    let of = |name: &str, is: fn(&Value) -> bool| rows.iter().filter(|row| is(&row[name])).count();
    assert_eq!([of("http_status", Value::is_u64), of("dstport", Value::is_u64)], [116, 3]);
    assert_eq!([of("changes", Value::is_boolean), of("user", Value::is_string)], [156, 153]);
}

#[test]
fn an_answer_without_rows_is_a_whole_file() {
    let case = Case::with(&evidence());
    let nothing = ["--ip", "192.0.2.77"];
    for command in [
        &["find"] as &[&str],
        &["find", "--columns", "time,log,bytes"],
        &["find", "--log", "s3"],
        &["find", "--log", "cloudtrail", "--sort", "time"],
        &["timeline"],
        &["timeline", "--expand"],
        &["top", "user"],
        &["who", "192.0.2.77"],
        &["sql", "SELECT time, log FROM events"],
    ] {
        let command = if command[0] == "who" { command.to_vec() } else { [command, &nothing].concat() };
        // A profile is one object.
        for form in FORMS.into_iter().filter(|form| *form != "json" || command[0] != "who") {
            assert_eq!(rows_in(&case, form, &command), 0, "{command:?} as {form}");
        }
    }
    let csv = good(case.sawq(&["find", "--columns", "time,log,bytes", "--format", "csv", nothing[0], nothing[1]]));
    assert_eq!(csv.text(), "time,log,bytes\n");
    // The columns and types are those of an answer with rows.
    for command in
        [&["find"] as &[&str], &["find", "--columns", "log,bytes,user"], &["timeline"], &["find", "--log", "vpc"]]
    {
        let schema = |more: &[&str]| {
            let _ = fs::remove_file(case.path("s.parquet"));
            good(case.sawq(&[command, more, &["-o", "s.parquet", "-q"]].concat()));
            let file = fs::File::open(case.path("s.parquet")).unwrap();
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().fields().clone()
        };
        assert_eq!(schema(&nothing), schema(&["--ip", "3.238.12.183"]), "{command:?}");
    }
}

/// Flows of version 2: source and destination with ports, their bytes, and what became of them.
fn flows(flows: &[(&str, &str, &str, &str, u64, &str)]) -> String {
    let line = |(from, from_port, to, to_port, bytes, action): &(&str, &str, &str, &str, u64, &str)| {
        format!(
            "2 111122223333 eni-1 {from} {to} {from_port} {to_port} 6 1 {bytes} 1627560000 1627560060 {action} OK\n"
        )
    };
    flows.iter().map(line).collect()
}

/// A request to a load balancer.
fn request(client: &str, target: &str, status: u16) -> String {
    format!(
        "https 2021-07-29T12:00:30.186641Z app/web/50dc {client} {target} 0.086 0.048 0.037 {status} {status} 5 57 \
         \"GET https://www.example.com:443/a HTTP/1.1\" \"curl/7\" ECDHE TLSv1.2 \
         arn:aws:elasticloadbalancing:us-east-2:111122223333:targetgroup/my/73e2 \"Root=1\" \"www.example.com\" \
         \"arn:aws:acm:us-east-2:111122223333:certificate/1\" 1 2021-07-29T12:00:00.000000Z \"forward\" \"-\" \"-\" \
         \"{target}\" \"{status}\" \"-\" \"-\"\n"
    )
}

/// The values of a facet, and their records.
fn facet(case: &Case, entity: &str, name: &str) -> Vec<(String, u64)> {
    let profile = case.sawq(&["who", entity, "--json"]).json();
    let values = profile["facets"][name].as_array().unwrap_or_else(|| panic!("{entity} has no {name}"));
    values
        .iter()
        .map(|value| (value["value"].as_str().unwrap().to_owned(), value["records"].as_u64().unwrap()))
        .collect()
}

#[test]
fn a_port_is_no_part_of_an_address() {
    let case = Case::new();
    case.write(
        "logs/flows",
        flows(&[
            ("2001:db8::1", "50000", "2001:db8::a", "22", 100, "ACCEPT"),
            // An address that ends like the port above.
            ("2001:db8::1", "50001", "2001:db8::a:22", "443", 100, "ACCEPT"),
            ("2001:db8::1", "50001", "2001:DB8:0::c", "443", 100, "REJECT"),
            ("192.0.2.1", "50002", "192.0.2.2", "80", 100, "ACCEPT"),
            ("2001:db8::1", "-", "2001:db8::b", "-", 100, "ACCEPT"),
        ]),
    );
    case.write(
        "logs/requests",
        request("[2001:db8::1]:40000", "[2001:db8::9]:80", 200) + &request("192.0.2.7:1", "-", 503),
    );
    good(case.sawlog(&["convert", "logs"]));
    let right = ["192.0.2.2:80", "2001:db8::b", "[2001:DB8:0::c]:443", "[2001:db8::a:22]:443", "[2001:db8::a]:22"];
    let of_flows = |rows: Vec<Value>| {
        let mut targets: Vec<String> = rows.iter().map(|row| row["target"].as_str().unwrap().to_owned()).collect();
        targets.sort();
        targets
    };
    assert_eq!(of_flows(objects(&case, &["sql", "SELECT target FROM events WHERE log = 'vpc_flow'"])), right);
    assert_eq!(of_flows(objects(&case, &["find", "--log", "vpc", "--columns", "target"])), right);
    assert_eq!(of_flows(objects(&case, &["find", "--columns", "target", "--match", "eni-1"])), right);
    assert_eq!(of_flows(objects(&case, &["timeline", "--expand", "--log", "vpc"])), right);
    let lines = good(case.sawq(&["timeline", "--expand"]));
    let top = good(case.sawq(&["top", "target", "--log", "vpc", "--format", "csv"]));
    good(case.sawq(&["report", "-o", "r.html", "--entity", "2001:db8::1"]));
    let page = fs::read_to_string(case.path("r.html")).unwrap().replace("<wbr>", "");
    for text in [lines.text(), top.text(), &page] {
        assert!(text.contains("[2001:db8::a]:22"), "{text}");
        assert!(text.contains("192.0.2.2:80"), "{text}");
        assert!(!text.contains("2001:db8::9:80"), "{text}");
    }
    // Peers are addresses.
    let peers = [("2001:db8::9", 1), ("2001:db8::a", 1), ("2001:db8::a:22", 1), ("2001:db8::b", 1), ("2001:db8::c", 1)];
    assert_eq!(
        facet(&case, "2001:db8::1", "peers_on_the_network"),
        peers.map(|(peer, count)| (peer.to_owned(), count))
    );
    let ports = [("443", 2), ("22", 1), ("80", 1)].map(|(port, records)| (port.to_owned(), records));
    assert_eq!(facet(&case, "2001:db8::1", "destination_ports"), ports);
    // What is printed can be looked up.
    let records = |entity: &str| case.sawq(&["who", entity, "--json"]).json()["records"].as_u64().unwrap();
    for (entity, count) in [
        ("2001:db8::a", 1),
        ("[2001:db8::a]:22", 1),
        ("2001:db8::a:22", 1),
        ("[2001:db8::a:22]:443", 1),
        ("[2001:db8::a]:443", 0),
        ("[2001:db8::1]:50001", 2),
        ("[2001:db8::1]:443", 0),
        ("[2001:db8::9]:80", 0),
        ("192.0.2.2:80", 1),
        ("192.0.2.2:50002", 0),
        ("192.0.2.1:50002", 1),
        ("2001:db8::1", 5),
    ] {
        assert_eq!(records(entity), count, "{entity}");
    }
    let target = case.sawq(&["who", "[2001:db8::9]:80", "--json"]).json();
    assert_eq!(target["as_target"], json!([{ "log": "alb_access", "records": 1 }]));
    let screen = good(case.sawq(&["who", "[2001:db8::a]:22"]));
    assert!(screen.text().starts_with("[2001:db8::a]:22 (ip)\nseen "), "{}", screen.text());
}

#[test]
fn a_peer_is_one_address() {
    let case = Case::with(&evidence());
    assert_eq!(facet(&case, "3.238.12.183", "peers_on_the_network"), [("10.20.4.17".to_owned(), 3)]);
    let flows = |filter: &str| {
        let query = format!("SELECT count(*) AS n FROM vpc_flow WHERE {filter}");
        case.sawq(&["sql", &query, "--json"]).json()[0]["n"].as_u64().unwrap()
    };
    let at = "(srcaddr = '10.20.4.17' AND srcport = 22) OR (dstaddr = '10.20.4.17' AND dstport = 22)";
    let profile = case.sawq(&["who", "10.20.4.17:22", "--json"]).json();
    assert_eq!(profile["records"].as_u64(), Some(flows(at)));
    assert_eq!(
        (&profile["entity"], &profile["port"], &profile["kind"]),
        (&json!("10.20.4.17"), &json!(22), &json!("ip"))
    );
}

#[test]
fn both_ends_of_a_request_are_seen() {
    let case = Case::with(&repository().join("fixtures/alb"));
    let by_filter = |filter: &[&str]| {
        let ran = good(case.sawq(&[&["find", "-c"], filter].concat()));
        ran.text().trim().parse::<u64>().unwrap()
    };
    let records = |arguments: &[&str]| {
        case.sawq(&[&["who"], arguments, &["--json"]].concat()).json()["records"].as_u64().unwrap()
    };
    let as_target = |arguments: &[&str]| {
        let profile = case.sawq(&[&["who"], arguments, &["--json"]].concat()).json();
        profile["as_target"][0]["records"].as_u64().unwrap()
    };
    let target = by_filter(&["--dst", "10.0.2.11"]);
    assert_eq!(target, 428);
    assert_eq!((records(&["10.0.2.11"]), as_target(&["10.0.2.11"])), (0, target));
    assert_eq!(as_target(&["10.0.2.11", "--failed"]), by_filter(&["--dst", "10.0.2.11", "--failed"]));
    // Both ends have to match, if a filter names the other one.
    let both = by_filter(&["--dst", "10.0.2.11", "--ip", "203.0.113.99"]);
    assert_eq!((both, as_target(&["10.0.2.11", "--ip", "203.0.113.99"])), (99, 99));
    let (network, other) = (by_filter(&["--dst", "10.0.2.0/24"]), by_filter(&["--ip", "10.0.2.0/24"]));
    assert_eq!((as_target(&["10.0.2.0/24"]), records(&["10.0.2.0/24"]), other), (network, 0, 0));
    let client = by_filter(&["--ip", "203.0.113.99"]);
    assert_eq!(records(&["203.0.113.99"]), client);
    good(case.sawq(&["report", "-o", "r.html", "--entity", "10.0.2.11"]));
    assert!(!fs::read_to_string(case.path("r.html")).unwrap().contains("Not seen"));
    // A number that is no port is what the records have it as.
    let errors = by_filter(&["--error", "404"]);
    let profile = case.sawq(&["who", "404", "--json"]).json();
    assert_eq!((&profile["kind"], profile["records"].as_u64()), (&json!("error"), Some(errors)));
    assert_eq!(case.sawq(&["who", "8080", "--json"]).json()["kind"], "port");
    let nothing = case.sawq(&["who", "9"]);
    assert!(nothing.text().starts_with("9 (port)\nnot seen"), "{}", nothing.text());
}

/// A number or a name that looks like something else is found as what it is.
#[test]
fn what_a_form_suggests_need_not_be_so() {
    let case = Case::new();
    let s3 = |bucket: &str, status: &str, error: &str| {
        format!(
            "o {bucket} [29/Jul/2021:12:00:00 +0000] 192.0.2.1 - R REST.GET.OBJECT k \"GET /k HTTP/1.1\" {status} {error} 1 1 1 1 \"-\" \"a\" -\n"
        )
    };
    case.write(
        "logs/s3",
        s3("111122223333", "200", "-") + &s3("eni-bucket", "200", "-") + &s3("b", "403", "AccessDenied"),
    );
    // A port with the number of a status.
    case.write("logs/flow", flows(&[("192.0.2.1", "1", "192.0.2.2", "500", 1, "ACCEPT")]));
    case.write("logs/alb", request("192.0.2.1:2", "192.0.2.3:80", 500));
    good(case.sawlog(&["convert", "logs"]));
    for (entity, kind) in [("111122223333", "account"), ("eni-bucket", "bucket"), ("500", "port"), ("403", "port")] {
        let profile = case.sawq(&["who", entity, "--json"]).json();
        assert_eq!(profile["kind"], kind, "{entity}");
    }
    assert!(good(case.sawq(&["who", "500"])).text().contains("also seen as error"));
}

#[test]
fn errors_and_operations_of_flows_are_counted() {
    let case = Case::with(&evidence());
    let sum = |arguments: &[&str]| {
        let rows = objects(&case, &[arguments, &["-n", "0"]].concat());
        rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>()
    };
    let count =
        |filter: &[&str]| good(case.sawq(&[&["find", "-c"], filter].concat())).text().trim().parse::<u64>().unwrap();
    assert_eq!((count(&["--failed"]), sum(&["top", "error", "--failed"])), (25, 25));
    assert_eq!(sum(&["top", "error"]), count(&[]));
    assert_eq!(sum(&["top", "operation"]), count(&[]));
    let group = |dimension: &str, value: &str, more: &[&str]| {
        let rows = objects(&case, &[&["top", dimension, "-n", "0"], more].concat());
        let row = rows.into_iter().find(|row| row[dimension] == value).unwrap_or_else(|| panic!("no {value}"));
        [row["count"].as_u64().unwrap(), row["errors"].as_u64().unwrap(), row["flow_bytes"].as_u64().unwrap()]
    };
    let by_sql = |filter: &str| {
        let query = format!(
            "SELECT count(*) AS n, sum(CASE WHEN action = 'REJECT' THEN 1 ELSE 0 END) AS failed, sum(bytes) AS bytes FROM vpc_flow WHERE {filter}"
        );
        let row = case.sawq(&["sql", &query, "--json"]).json();
        ["n", "failed", "bytes"].map(|name| row[0][name].as_u64().unwrap())
    };
    for more in [&[] as &[&str], &["--log", "vpc"]] {
        assert_eq!(group("error", "REJECT", more), by_sql("action = 'REJECT'"));
        assert_eq!(group("operation", "FLOW", more), by_sql("true"));
    }
    assert_eq!(group("operation", "FLOW", &["--failed"]), by_sql("action = 'REJECT'"));
    assert_eq!(
        group("error", "REJECT", &["--since", "2021-07-29T13:30"])[0],
        count(&["--error", "REJECT", "--since", "2021-07-29T13:30"])
    );
    assert_eq!(count(&["--where", "error=REJECT"]), 20);
    good(case.sawq(&["report", "-o", "r.html"]));
    let page = fs::read_to_string(case.path("r.html")).unwrap();
    let errors = page.split("<h3>Errors").nth(1).expect("a list of errors").split("</table>").next().unwrap();
    assert!(errors.contains("REJECT"), "{errors}");
    // What is the same in all flows is none of an address's operations.
    let profile = case.sawq(&["who", "10.20.4.17", "--json"]).json();
    assert!(!profile["facets"]["operations"].to_string().contains("FLOW"), "{profile}");
}

#[test]
fn sums_are_whole_numbers_of_any_size() {
    const LARGEST: &str = "9223372036854775807";
    const SUM: &str = "27670116110564327421";
    let case = Case::new();
    let s3 = |ip: &str, sent: &str| {
        format!(
            "o b [29/Jul/2021:12:00:00 +0000] {ip} - R REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - {sent} 1 1 1 \"-\" \"a\" -\n"
        )
    };
    case.write("logs/s3", s3("192.0.2.1", LARGEST).repeat(3) + &s3("192.0.2.2", "7"));
    good(case.sawlog(&["convert", "logs"]));
    for form in ["ndjson", "csv", "tsv", "json"] {
        let ran = good(case.sawq(&["timeline", "--format", form]));
        assert!(ran.text().contains(SUM) && !ran.text().contains(LARGEST), "{}", ran.text());
    }
    for form in ["parquet", "arrow", "arrows"] {
        assert_eq!(rows_in(&case, form, &["timeline"]), 2);
    }
    for arguments in [&["top", "ip", "--format", "csv"] as &[&str], &["who", "192.0.2.1", "--json"]] {
        assert!(good(case.sawq(arguments)).text().contains(SUM), "{arguments:?}");
    }
    good(case.sawq(&["report", "-o", "r.html"]));
    // 24 EiB.
    assert!(fs::read_to_string(case.path("r.html")).unwrap().contains("24576.00 PiB"));
}

/// Two names that would look alike as text, and what they hold.
#[test]
fn two_files_never_have_one_name() {
    let line = |number: usize| {
        format!(
            "o b [29/Jul/2021:12:00:0{number} +0000] 192.0.2.1 - R{number} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"a\" -\n"
        )
    };
    let case = Case::new();
    let names: [&[u8]; 5] = [b"a\xff", br"a\xff", b"a\n", br"a\x0a", br"a\x5cx0a"];
    let path = |name: &[u8]| case.path("logs").join(PathBuf::from(OsStr::from_bytes(name)));
    fs::create_dir(case.path("logs")).unwrap();
    for (number, name) in names.iter().enumerate() {
        fs::write(path(name), line(number)).unwrap();
    }
    let stored = || -> Vec<String> {
        let rows = objects(&case, &["sql", "SELECT path FROM sources WHERE records > 0 ORDER BY path"]);
        rows.iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
    };
    let count = || good(case.sawq(&["find", "-c"])).text().trim().to_owned();
    let right = [r"a\x0a", r"a\x5cx0a", r"a\x5cx5cx0a", r"a\x5cxff", r"a\xff"];
    for arguments in [&["convert", "logs"] as &[&str], &["convert", "logs"], &["convert", "logs", "--replace"]] {
        good(case.sawlog(arguments));
        assert_eq!((stored(), count()), (right.map(str::to_owned).to_vec(), "5".to_owned()), "{arguments:?}");
    }
    good(case.sawlog(&["verify"]));
    let manifest = good(case.sawlog(&["manifest"]));
    assert_eq!(manifest.json()["sources"].as_array().unwrap().len(), 5);
    fs::write(case.path("m.json"), &manifest.out).unwrap();
    good(case.sawlog(&["verify", "--manifest", "m.json"]));
    // Each file alone is changed, found and removed.
    fs::write(path(names[1]), line(7)).unwrap();
    good(case.sawlog(&["convert", "logs", "--replace"]));
    assert_eq!(count(), "5");
    good(case.sawlog(&["remove", r"a\xff", "--reason", "test"]));
    assert_eq!(stored(), [r"a\x0a", r"a\x5cx0a", r"a\x5cx5cx0a", r"a\x5cxff"]);
    good(case.sawlog(&["verify"]));
    // By the name that the file has on disk, if the store has no such name.
    good(case.sawlog(&["remove", r"logs/a\xff", "--reason", "test"]));
    assert_eq!(stored(), [r"a\x0a", r"a\x5cx0a", r"a\x5cx5cx0a"]);
    good(case.sawlog(&["verify"]));
    // Other backslashes stay as they are.
    case.write(r"more/b\x41\c", line(8));
    good(case.sawlog(&["convert", "more"]));
    assert!(stored().contains(&r"b\x41\c".to_owned()));
}

#[test]
fn the_list_of_sources_has_no_formulas() {
    let case = Case::new();
    let line = |number: usize| {
        format!(
            "o b [29/Jul/2021:12:00:00 +0000] 192.0.2.1 - R{number} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"a\" -\n"
        )
    };
    for number in 0..300 {
        case.write(&format!("logs/{number}"), line(number));
    }
    for (number, name) in ["=cmd|' C'!A0", "@SUM(1)", "\u{202e}gol", "+1"].into_iter().enumerate() {
        case.write(&format!("logs/{name}"), line(1000 + number));
    }
    case.write("logs/copy", line(1000));
    good(case.sawlog(&["convert", "logs"]));
    good(case.sawq(&["report", "-o", "raw.html"]));
    good(case.sawq(&["report", "-o", "safe.html", "--no-formulas"]));
    let cells = |name: &str| -> Vec<String> {
        let mut rows = csv(&fs::read_to_string(case.path(name)).unwrap());
        rows.remove(0);
        rows.into_iter().flatten().collect()
    };
    let (raw, safe) = (cells("raw.sources.csv"), cells("safe.sources.csv"));
    assert!(["=cmd|' C'!A0", "@SUM(1)", "\u{202e}gol", "+1"].iter().all(|name| raw.iter().any(|cell| cell == name)));
    assert!(
        ["'=cmd|' C'!A0", "'@SUM(1)", "\\u{202e}gol", "'+1"].iter().all(|name| safe.iter().any(|cell| cell == name))
    );
    assert!(!safe.iter().any(|cell| cell.starts_with(['=', '@', '+', '-']) || cell.contains('\u{202e}')), "{safe:?}");
    assert_eq!(raw.len(), safe.len());
}

/// The rows of a CSV without line ends in its values.
fn csv(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        for char in line.chars() {
            match char {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                char => cell.push(char),
            }
        }
        cells.push(cell);
        cells
    };
    text.lines().map(row).collect()
}

#[test]
fn a_removed_source_is_not_called_altered() {
    let case = Case::with(&evidence().join("s3-eng"));
    let manifest = good(case.sawlog(&["manifest"]));
    fs::write(case.path("m.json"), &manifest.out).unwrap();
    let first = manifest.json()["sources"][0]["path"].as_str().unwrap().to_owned();
    good(case.sawlog(&["remove", &first, "--reason", "not in the warrant"]));
    let ran = case.sawlog(&["verify", "--manifest", "m.json"]);
    assert_eq!(ran.code, 1);
    let said = format!("{}{}", ran.text(), ran.err);
    assert!(said.contains(&format!("the source {first} was removed at 2")), "{said}");
    assert!(said.contains("Z: not in the warrant"), "{said}");
    assert!(!said.contains(&format!("the source {first} was altered")), "{said}");
    // A manifest that knows of the removal has no difference.
    fs::write(case.path("m.json"), good(case.sawlog(&["manifest"])).out).unwrap();
    good(case.sawlog(&["verify", "--manifest", "m.json"]));
}

#[test]
fn groups_and_lists_are_told_from_columns() {
    let case = Case::with(&evidence().join("CloudTrail"));
    for (column, told) in [
        ("user_identity", "user_identity.type"),
        ("tls_details", "tls_details.tls_version"),
        ("resources", "resources[0].arn"),
        ("user_identity.session_context", "user_identity.session_context."),
        ("resources.arn", "resources[0].arn"),
        ("user/tls_details", "tls_details.cipher_suite"),
    ] {
        let ran = case.sawq(&["top", column]);
        assert!(ran.code == 2 && ran.err.contains(told) && ran.err.len() < 1500, "{column}: {}", ran.err);
        assert!(!ran.err.contains("Cast error"), "{}", ran.err);
    }
    let ran = case.sawq(&["find", "--columns", "resources.arn"]);
    assert!(ran.code == 2 && ran.err.contains("resources[0].arn"), "{}", ran.err);
    for column in ["user_identity.type", "resources.0.arn"] {
        good(case.sawq(&["top", column]));
    }
}

#[test]
fn a_count_can_have_a_limit() {
    let case = Case::with(&evidence());
    let count = |more: &[&str]| good(case.sawq(&[&["find", "-c", ATTACKER[0], ATTACKER[1]], more].concat()));
    assert_eq!(["5", "0", "1000"].map(|most| count(&["-n", most]).text().to_owned()), ["5\n", "156\n", "156\n"]);
    assert_eq!(count(&["-n", "5", "--json"]).json()[0]["count"], 5);
}

#[test]
fn small_things_do_what_they_say() {
    let case = Case::with(&evidence());
    // A file called -.
    for arguments in [&["top", "log", "-o", "-", "--format", "csv"] as &[&str], &["find", "-o", "-", "-n", "1"]] {
        assert!(!good(case.sawq(arguments)).out.is_empty(), "{arguments:?}");
    }
    assert!(!case.path("-").exists());
    // A list of addresses.
    case.write("iocs", "# seen\n3.238.12.183\n\n192.0.2.77\n");
    good(case.sawq(&["ctsummarize", "@iocs", "-o", "a"]));
    good(case.sawq(&["ctsummarize", "3.238.12.183", "-o", "b"]));
    for name in ["eventsummary.csv", "useragent.txt"] {
        assert_eq!(fs::read(case.path("a").join(name)).unwrap(), fs::read(case.path("b").join(name)).unwrap());
    }
    let wrong = case.sawq(&["ctsummarize", "@nothing", "-o", "c"]);
    assert!(wrong.code == 2 && wrong.err.contains("@nothing"), "{}", wrong.err);
}

#[test]
fn a_pager_that_is_missing_hides_nothing() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&evidence());
    for (pager, is_there) in [("no-such-pager", false), ("LESS=x no-such-pager -R", false), ("sed s/^/~/", true)] {
        let line = format!("stty rows 5 cols 80; {} find --ip 3.238.12.183", binary("sawq").display());
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).current_dir(case.path("")).env_remove("SAWLOG_STORE");
        script.env("TERM", "xterm").env("PAGER", pager).env_remove("SAWLOG_PAGER");
        let shown = String::from_utf8_lossy(&script.output().unwrap().stdout).into_owned();
        assert!(shown.matches("3.238.12.183").count() >= 156, "{pager}: {shown}");
        assert_eq!(shown.contains("is not installed"), !is_there, "{pager}: {shown}");
        assert_eq!(shown.contains('~'), is_there, "{pager}: {shown}");
    }
}

#[test]
fn an_interrupted_command_leaves_nothing_behind() {
    let case = Case::with(&evidence());
    // It does not end by itself.
    let query = "SELECT count(*) FROM s3_access a, s3_access b, s3_access c, s3_access d, s3_access e";
    let many = "SELECT a.* FROM s3_access a, s3_access b, s3_access c, s3_access d";
    for signal in ["-INT", "-TERM"] {
        for query in [query, many] {
            let mut command = case.command("sawq", &["sql", query, "-o", "x.csv"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let begun = Instant::now();
            let parts = || {
                let names = fs::read_dir(case.path("")).unwrap().map(|entry| entry.unwrap().file_name());
                names.filter(|name| name.to_string_lossy().ends_with(".part")).count()
            };
            while parts() == 0 && begun.elapsed() < Duration::from_secs(5) {
                std::thread::sleep(Duration::from_millis(5));
            }
            send(&child, signal);
            assert!(!child.wait().unwrap().success());
            assert_eq!((parts(), case.path("x.csv").exists()), (0, false), "{signal}");
        }
    }
}

/// The bytes of a record are the bytes of its log, beside records of any other log.
#[test]
fn bytes_that_are_no_text_are_kept_beside_other_logs() {
    let case = Case::new();
    let line = b"o b [29/Jul/2021:12:00:00 +0000] 192.0.2.1 - R REST.GET.OBJECT k\xff \"GET /k HTTP/1.1\" 200 - 1 1 1 1 \"-\" \"a\" -";
    let event =
        r#"{"Records":[{"eventTime":"2021-07-29T12:00:01Z","eventName":"ListUsers","sourceIPAddress":"192.0.2.1"}]}"#;
    case.write("logs/s3", [line as &[u8], b"\n"].concat());
    case.write("logs/trail.json", event);
    good(case.sawlog(&["convert", "logs"]));
    for columns in ["log,raw", "raw"] {
        for sort in ["evidence", "time"] {
            let _ = fs::remove_file(case.path("raw.parquet"));
            good(case.sawq(&["find", "--columns", columns, "--sort", sort, "-o", "raw.parquet"]));
            let file = fs::File::open(case.path("raw.parquet")).unwrap();
            let mut found = Vec::new();
            for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
                let batch = batch.unwrap();
                let raw = cast(batch.column_by_name("raw").unwrap(), &DataType::Binary).unwrap();
                found.extend(raw.as_binary::<i32>().iter().map(|value| value.map(<[u8]>::to_vec)));
            }
            assert_eq!(found.len(), 2, "{columns} {sort}");
            assert_eq!(found[0].as_deref(), Some(line as &[u8]), "{columns} {sort}");
        }
    }
    // Forms of text have no bytes.
    let text = String::from_utf8_lossy(line).replace('\u{fffd}', r"\xff");
    for columns in [&["--columns", "log,raw"] as &[&str], &["--columns", "raw", "--log", "s3"]] {
        assert_eq!(objects(&case, &[&["find"], columns].concat())[0]["raw"], text.as_str(), "{columns:?}");
        let csv = good(case.sawq(&[&["find", "--format", "csv"], columns].concat()));
        assert!(csv.text().contains(&text.replace('"', "\"\"")), "{}", csv.text());
    }
}
