//! What sawq answers, against a naive reading of the same lines; its filters, formats and hints.

#![allow(clippy::cast_precision_loss, reason = "two decimals are shown")]

use std::collections::HashMap;

use proptest::prelude::*;
use sawlog_tests::{Case, Numbers, fixture, random_flows, random_log};

/// Splits a line in its own way: piece by piece, each of which ends as its first character says.
fn naive_fields(line: &str) -> Vec<String> {
    let (mut fields, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        let (open, end) = match rest.as_bytes()[0] {
            b'[' => (1, "] "),
            b'"' => (1, "\" "),
            _ => (0, " "),
        };
        let body = &rest[open..];
        let len = body.find(end).unwrap_or(body.len());
        fields.push(body[..len].to_owned());
        rest = body.get(len + end.len()..).unwrap_or("");
    }
    fields
}

fn naive_size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            return format!("{value:.2} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.2} PiB")
}

/// What s3logparse would print.
fn naive_summary(log: &str, function: &str) -> String {
    let mut order: Vec<String> = Vec::new();
    let mut sums: HashMap<String, u64> = HashMap::new();
    for line in log.lines() {
        let fields = naive_fields(line);
        let (ip, key, request, sent, agent) = (&fields[3], &fields[7], &fields[8], &fields[11], &fields[16]);
        let entry = match function {
            "useragent" if agent != "-" => Some((agent, 1)),
            "topfiles" if key != "-" => Some((key, 1)),
            "toptalkers" => sent.parse().ok().map(|bytes| (ip, bytes)),
            "topdownloaders" if request.starts_with("GET") => sent.parse().ok().map(|bytes| (ip, bytes)),
            "topuploaders" if request.starts_with("POST") => sent.parse().ok().map(|bytes| (ip, bytes)),
            _ => None,
        };
        if let Some((name, value)) = entry {
            if !sums.contains_key(name) {
                order.push(name.clone());
            }
            *sums.entry(name.clone()).or_default() += value;
        }
    }
    order.sort_by_key(|name| std::cmp::Reverse(sums[name]));
    let counts = matches!(function, "useragent" | "topfiles");
    let lines = order.iter().map(|name| {
        let value = if counts { sums[name].to_string() } else { naive_size(sums[name]) };
        format!("{value} - {name}\n")
    });
    lines.collect()
}

const FUNCTIONS: [&str; 5] = ["useragent", "toptalkers", "topuploaders", "topdownloaders", "topfiles"];

fn assert_summaries(case: &Case, log: &str) {
    for function in FUNCTIONS {
        let ran = case.sawq(&["s3logparse", function]);
        assert_eq!(ran.text(), naive_summary(log, function), "{function}: {}", ran.err);
    }
}

#[test]
fn summaries_of_the_fixture_are_those_of_a_naive_reading() {
    let case = Case::with(&fixture());
    let mut files: Vec<_> = std::fs::read_dir(fixture()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let log: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert_summaries(&case, &log);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn summaries_of_random_logs_are_those_of_a_naive_reading(seed in any::<u64>(), sizes in prop::collection::vec(1..300usize, 1..5)) {
        let mut numbers = Numbers::new(seed);
        let case = Case::new();
        let mut log = String::new();
        for (number, lines) in sizes.into_iter().enumerate() {
            let text = random_log(&mut numbers, lines);
            case.write(&format!("logs/{number}.log"), &text);
            log += &text;
            // Each file in a run of its own, so that the store has many data files.
            prop_assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
        }
        assert_summaries(&case, &log);
        let found = case.sawq(&["find"]);
        prop_assert_eq!(found.text(), log);
    }
}

/// Every filter, against the same condition on naively split fields.
#[test]
fn filters_leave_what_the_same_condition_leaves() {
    let log = random_log(&mut Numbers::new(7), 2000);
    let case = Case::new();
    case.write("logs/a", &log);
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let is = |place: usize, value: &'static str| move |fields: &[String]| fields[place] == value;
    type Condition = Box<dyn Fn(&[String]) -> bool>;
    let conditions: Vec<(Vec<&str>, Condition)> = vec![
        (vec!["--ip", "192.0.2.1"], Box::new(is(3, "192.0.2.1"))),
        (vec!["--ip", "2001:DB8:0::1"], Box::new(is(3, "2001:db8::1"))),
        (vec!["--ip", "192.0.2.0/24"], Box::new(|f| f[3].starts_with("192.0.2."))),
        (vec!["--ip=!192.0.2.0/24"], Box::new(|f| !f[3].starts_with("192.0.2."))),
        (vec!["--user", "ann"], Box::new(|f| f[4].ends_with("/ann"))),
        (vec!["--user", "Admin"], Box::new(|f| f[4].contains("role/Admin/"))),
        (vec!["--user", "arn:aws:iam::*"], Box::new(|f| f[4].starts_with("arn:aws:iam::"))),
        (vec!["--account", "2"], Box::new(|f| f[4].contains("::2:"))),
        (
            vec!["--bucket", "bucket-a", "--bucket", "bucket-b", "--key", "a.jpg", "--key", "x.gpg"],
            Box::new(|f| f[7] == "a.jpg" || f[7] == "x.gpg"),
        ),
        (vec!["--key", "d e.txt"], Box::new(is(7, "d%20e.txt"))),
        (vec!["--failed"], Box::new(|f| f[9] == "404" || f[10] != "-")),
        (vec!["--changes"], Box::new(|f| !f[6].contains(".GET.") && f[9] != "404" && f[10] == "-")),
        (vec!["--bucket", "bucket-?", "--bucket=!*-a"], Box::new(is(1, "bucket-b"))),
        (vec!["--key", "*.jpg"], Box::new(|f| f[7].ends_with(".jpg"))),
        (vec!["--key", "[ab]*"], Box::new(|f| f[7].starts_with(['a', 'b']))),
        (vec!["--key", "d%20e.txt"], Box::new(is(7, "d%20e.txt"))),
        (vec!["--key=!*"], Box::new(is(7, "-"))),
        (
            vec!["--operation", "REST.*", "--error", "*"],
            Box::new(|f| f[6].starts_with("REST.") && (f[9] == "404" || f[10] != "-")),
        ),
        (vec!["--agent", "a \"quoted\"-agent"], Box::new(is(16, "a \"quoted\"-agent"))),
        (vec!["--since", "2021-07-30", "--until", "2021-07-30"], Box::new(|f| f[2].starts_with("30/Jul"))),
        (vec!["--since", "2021-07-31T20:00"], Box::new(|f| f[2].starts_with("31/Jul") && f[2][12..14] >= *"20")),
        (vec!["--until", "2021-07-29T00:59"], Box::new(|f| f[2].starts_with("29/Jul/2021:00"))),
        (vec!["--match", "arn:.*PUT"], Box::new(|f| f[4].starts_with("arn") && f[8].starts_with("PUT"))),
        (vec!["-F", "-i", "--match", "QUOTED"], Box::new(|f| f[16].contains("quoted"))),
        (vec!["--match", "!quoted"], Box::new(|f| !f[16].contains("quoted"))),
    ];
    for (arguments, condition) in conditions {
        let expected: String =
            log.lines().filter(|line| condition(&naive_fields(line))).map(|line| format!("{line}\n")).collect();
        assert!(!expected.is_empty(), "{arguments:?} is no test");
        let found = case.sawq(&[&["find"], &*arguments].concat());
        assert_eq!(found.text(), expected, "{arguments:?} {}", found.err);
        let counted = case.sawq(&[&["find", "-c"], &*arguments].concat());
        assert_eq!(counted.text().trim(), expected.lines().count().to_string(), "{arguments:?}");
        assert_eq!(
            case.sawq(&[&["s3logparse", "useragent"], &*arguments].concat()).text(),
            naive_summary(&expected, "useragent")
        );
    }
}

/// Each day is a data file, whatever sources its records come from, so evidence order goes back and forth between them.
#[test]
fn the_first_records_are_the_first_of_all() {
    let case = Case::new();
    for file in 0..20 {
        let line = |day: u32| {
            let requester = if (file + day).is_multiple_of(3) { "ann" } else { "bob" };
            let time = format!("{:02}/Jul/2021:00:00:{file:02} +0000", 28 - day);
            format!(
                "owner bucket [{time}] 192.0.2.1 {requester} R{file}D{day} REST.GET.OBJECT k \"GET /k\" 200 - 1 - 7 - \"-\" \"-\" -\n"
            )
        };
        case.write(&format!("logs/{file:02}"), (0..28).map(line).collect::<String>());
    }
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    for filter in [&[][..], &["--user", "ann"], &["--user", "b*"], &["--sort", "time"]] {
        let all = case.sawq(&[&["find"], filter].concat());
        assert!(all.text().lines().count() > 180, "{filter:?}");
        for _ in 0..5 {
            for number in [1, 30, 200] {
                let first = case.sawq(&[&["find", "-n", &number.to_string()], filter].concat());
                let expected: String = all.text().split_inclusive('\n').take(number).collect();
                assert_eq!(first.text(), expected, "{number} {filter:?}");
            }
        }
    }
}

/// Data files of several runs have records of the same sources' neighbours, so their turns alternate. The statistics of
/// long names are cut, even within a letter.
#[test]
fn records_of_many_data_files_come_in_the_order_of_the_evidence() {
    let case = Case::new();
    let mut numbers = Numbers::new(41);
    let mut sources = std::collections::BTreeMap::new();
    for run in 0..4 {
        for _ in 0..12 {
            let folder = "a-long-name-".repeat(usize::try_from(numbers.below(9)).unwrap());
            let name =
                format!("{folder}{}{}", "é".repeat(usize::try_from(numbers.below(40)).unwrap()), numbers.below(1000));
            let lines = if numbers.below(8) == 0 { 4000 } else { 40 };
            let is_flows = numbers.below(2) == 0;
            let log = if is_flows { random_flows(&mut numbers, lines) } else { random_log(&mut numbers, lines) };
            case.write(&format!("logs/{name}"), &log);
            sources.entry(name).or_insert(log);
        }
        // A name may have come before, with other lines: then the first ones stay.
        for (name, log) in &sources {
            case.write(&format!("logs/{name}"), log);
        }
        assert_eq!(case.sawlog(&["convert", "logs"]).code, 0, "{run}");
    }
    let all: String = sources.values().map(String::as_str).collect();
    assert_eq!(case.sawq(&["find"]).text(), all);
    let lines: Vec<&str> = all.split_inclusive('\n').collect();
    for number in [1, 39, 5000] {
        assert_eq!(case.sawq(&["find", "-n", &number.to_string()]).text(), lines[..number].concat(), "{number}");
    }
    let refused: String = lines.iter().filter(|line| line.contains(" REJECT ")).copied().collect();
    assert_eq!(case.sawq(&["find", "--match", " REJECT "]).text(), refused);
    assert_eq!(case.sawq(&["find", "--action", "REJECT"]).text(), refused);
}

#[test]
fn top_adds_up_what_the_lines_say() {
    let log = random_log(&mut Numbers::new(3), 3000);
    let case = Case::new();
    case.write("logs/a", &log);
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let rows = case.sawq(&["top", "bucket/key", "--json", "-n", "0", "--ips"]).json();
    // Without addresses the index answers.
    let mut without = rows.clone();
    without.as_array_mut().unwrap().iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("ips")));
    assert_eq!(case.sawq(&["top", "bucket/key", "--json", "-n", "0"]).json(), without);
    assert_eq!(case.sawq(&["top", "bucket,key", "--json", "-n", "0"]).json(), without);
    let mut total = 0;
    for row in rows.as_array().unwrap() {
        let (bucket, key) = (row["bucket"].as_str().unwrap(), row["key"].as_str().unwrap_or("-"));
        let lines: Vec<Vec<String>> =
            log.lines().map(naive_fields).filter(|fields| fields[1] == bucket && fields[7] == key).collect();
        let sum = |of: &dyn Fn(&Vec<String>) -> u64| lines.iter().map(of).sum::<u64>();
        assert_eq!(row["count"], lines.len());
        assert_eq!(row["bytes_sent"], sum(&|f| f[11].parse().unwrap_or(0)));
        let received = |f: &Vec<String>| f[6] == "REST.PUT.OBJECT" || f[6] == "REST.POST.OBJECT";
        assert_eq!(row["bytes_received"], sum(&|f| if received(f) { f[12].parse().unwrap_or(0) } else { 0 }));
        assert_eq!(row["errors"], sum(&|f| u64::from(f[9] == "404" || f[10] != "-")));
        let ips: std::collections::HashSet<&String> = lines.iter().map(|f| &f[3]).filter(|ip| *ip != "-").collect();
        assert_eq!(row["ips"], ips.len());
        total += lines.len();
    }
    assert_eq!(total, 3000);
    let by_bytes = case.sawq(&["top", "ip", "--by", "bytes-sent", "-n", "1", "--json"]).json();
    let all = case.sawq(&["top", "ip", "-n", "0", "--json"]).json();
    let most = all.as_array().unwrap().iter().map(|row| row["bytes_sent"].as_u64().unwrap()).max();
    assert_eq!(by_bytes[0]["bytes_sent"].as_u64(), most);
}

/// Logs in which some columns, of text and of numbers, are empty in all records.
#[test]
fn columns_in_which_nobody_has_anything_add_up_to_nothing() {
    let case = Case::new();
    let line = "owner bucket [29/Jul/2021:10:00:00 +0000] 192.0.2.1 - R1 REST.HEAD.BUCKET - \"HEAD / HTTP/1.1\" 200 - - - 1 1 - \"-\" -\n";
    // Footers are looked at only in large files.
    case.write("logs/a", line.repeat(70_000));
    case.write("logs/flows", "start srcaddr dstaddr\n1627560000 192.0.2.1 -\n");
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    for (dimension, expected) in
        [("referer", ",70000,0,0,0,"), ("key/user_agent", ",,70000,0,0,0,"), ("host_id", ",70000,0,0,0,")]
    {
        let ran = case.sawq(&["top", dimension, "--log", "s3", "--format", "csv"]);
        assert_eq!(ran.code, 0, "{dimension}: {}", ran.err);
        assert!(ran.text().lines().nth(1).is_some_and(|row| row.starts_with(expected)), "{dimension}: {}", ran.text());
    }
    for (log, records) in [("s3", 70_000), ("vpc", 1)] {
        let ran = case.sawq(&["who", "192.0.2.1", "--log", log, "--json"]);
        assert_eq!(ran.code, 0, "{log}: {}", ran.err);
        assert!(ran.text().contains(&format!("\"records\": {records}")), "{}", ran.text());
    }
}

#[test]
fn sql_and_formats_agree() {
    let case = Case::with(&fixture());
    let query = "SELECT operation, count(*) AS n FROM s3_access GROUP BY operation ORDER BY n DESC, operation LIMIT 2";
    assert_eq!(
        case.sawq(&["sql", query, "--format", "csv"]).text(),
        "operation,n\nREST.GET.OBJECT,37\nREST.PUT.OBJECT,36\n"
    );
    let filtered = case.sawq(&["sql", "SELECT count(*) AS n FROM s3_access", "--ip", "3.238.12.183", "--json"]).json();
    assert_eq!(filtered[0]["n"], 116);
    let sources = case.sawq(&["sql", "SELECT count(*) AS n, sum(records) AS r FROM sources", "--format", "ndjson"]);
    assert_eq!(sources.text(), "{\"n\":49,\"r\":154}\n");
    assert_eq!(case.sawq(&["sql", "DROP TABLE s3_access"]).code, 1);
    let parquet = case.sawq(&["find", "--format", "parquet", "--columns", "time,key", "--key", "*.gpg"]);
    assert_eq!(&parquet.out[..4], b"PAR1");
    let columns =
        case.sawq(&["find", "--columns", "time,key", "--key", "README-RANSOM.txt", "-n", "1", "--format", "tsv"]);
    assert_eq!(columns.text(), "time\tkey\n2021-07-29T19:59:36Z\tREADME-RANSOM.txt\n");
    let sorted = case.sawq(&["find", "--sort", "time", "--columns", "time", "--format", "ndjson"]);
    let times: Vec<&str> = sorted.text().lines().collect();
    assert_eq!(times.len(), 154);
    assert!(times.is_sorted());
}

#[test]
fn nothing_found_says_which_filter_was_wrong() {
    let case = Case::with(&fixture());
    for (arguments, hint) in [
        (
            vec!["find", "--bucket", "falsimentis-en"],
            "--bucket falsimentis-en matches no record; did you mean 'falsimentis-eng'?",
        ),
        (
            vec!["top", "key", "--ip", "3.238.12.183", "--operation", "REST.GET.OBJEKT"],
            "--operation REST.GET.OBJEKT matches no record; did you mean 'REST.GET.OBJECT'?",
        ),
        (vec!["find", "--ip", "96.253.26.224", "--key", "PHOTOS"], "no record matches all filters"),
        (vec!["s3logparse", "useragent", "--since", "2022-01-01"], "no record is from this time"),
    ] {
        let ran = case.sawq(&arguments);
        assert_eq!(ran.code, 0);
        assert!(ran.err.contains(hint), "{arguments:?} said {}", ran.err);
        assert!(case.sawq(&[&*arguments, &["--quiet"]].concat()).err.is_empty());
    }
}

#[test]
fn wrong_questions_are_answered_with_what_to_do() {
    let case = Case::with(&fixture());
    for (arguments, code, hint) in [
        (vec!["top", "user_agnet"], 2, "did you mean 'user_agent'?"),
        (vec!["find", "--ip", "300.1.1.1"], 2, "is neither an address"),
        (vec!["find", "--since", "yesterday"], 2, "write 2021-07-29"),
        (vec!["find", "--log", "s4"], 2, "the logs are s3_access, cloudtrail, vpc_flow"),
        (vec!["s3logparse", "topfiles", "--log", "cloudtrail"], 2, "this summary is about s3_access"),
        (vec!["find", "--match", "("], 2, "invalid value '(' for '--match'"),
        (
            vec!["sql", "SELECT * FROM s3"],
            1,
            "the tables are s3_access, cloudtrail, vpc_flow, alb_access, rejects, entities, sources, events",
        ),
        (vec!["find", "--nonsense"], 2, "--nonsense"),
        (vec!["s3logparse", "useragents"], 2, "useragent"),
        (vec!["tables", "--store", "nowhere"], 1, "there is no store at nowhere"),
    ] {
        let ran = case.sawq(&arguments);
        assert_eq!(ran.code, code, "{arguments:?}");
        assert!(ran.err.contains(hint), "{arguments:?} said {}", ran.err);
    }
}

#[test]
fn a_file_is_no_store() {
    let case = Case::with(&fixture());
    case.write("file", "no store");
    for store in ["file", "file/below", "./file"] {
        for ran in [
            case.sawq(&["tables", "--store", store]),
            case.sawlog(&["status", "--store", store]),
            case.sawlog(&["verify", "--store", store]),
            case.sawlog(&["convert", "file", "--store", store]),
        ] {
            assert_eq!(ran.code, 1, "{store}: {}", ran.err);
            assert!(ran.err.contains("file is a file, but a store is a folder"), "{store}: {}", ran.err);
        }
    }
    assert!(case.sawq(&["tables", "--store", "none/below"]).err.contains("there is no store at none/below"));
}

/// The last hours of the year 9999 are beyond what a clock's library has.
#[test]
fn times_of_every_year_are_printed() {
    let case = Case::new();
    let event = |time: &str| {
        serde_json::json!({
            "eventVersion": "1.08", "eventTime": time, "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
            "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.10", "eventID": time, "readOnly": false,
            "userIdentity": { "type": "IAMUser", "userName": "eve", "arn": "arn:aws:iam::111122223333:user/eve" }
        })
    };
    let events = ["0001-01-01T00:30:00Z", "9999-12-31T23:59:59Z"].map(event);
    case.write("logs/trail.json", serde_json::json!({ "Records": events }).to_string());
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let ran = case.sawq(&["who", "eve"]);
    let shown = ran.text();
    assert!(shown.contains("seen 0001-01-01 00:30:00 to 9999-12-31 23:59:59 UTC"), "{shown}");
    let json = case.sawq(&["who", "eve", "--json"]).json();
    assert_eq!(
        (&json["first_seen"], &json["last_seen"]),
        (&"0001-01-01T00:30:00Z".into(), &"9999-12-31T23:59:59Z".into())
    );
    assert_eq!(json["logs"][0]["last_seen"], "9999-12-31T23:59:59Z");
    let made = case.sawq(&["ctsummarize", "192.0.2.10", "-o", "case"]);
    assert_eq!(made.code, 0, "{}", made.err);
    // So long before the last record.
    let found = case.sawq(&["find", "--since", "1h", "-c"]);
    assert!(found.text().contains('1') && !found.text().contains('2'), "{}", found.text());
}

#[test]
fn results_go_to_files() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(7), 300));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    let read = |name: &str| std::fs::read(case.path(name)).unwrap();
    for (name, arguments) in [
        ("a.csv", vec!["top", "ip", "--format", "csv"]),
        ("a.json", vec!["sql", "SELECT count(*) AS n FROM s3_access", "--format", "json"]),
        ("a.ndjson", vec!["find", "--columns", "time,key", "--format", "ndjson"]),
        ("a.log", vec!["find"]),
        ("a.txt", vec!["s3logparse", "useragent"]),
        ("none.json", vec!["find", "--ip", "9.9.9.9", "--format", "json", "-q"]),
        ("timeline.txt", vec!["timeline"]),
    ] {
        // The file's name says the format, where one was given.
        let by_name = arguments
            .iter()
            .filter(|argument| **argument != "--format" && !["csv", "json", "ndjson"].contains(argument));
        let by_name: Vec<&str> = by_name.copied().chain(["--output", name]).collect();
        let ran = case.sawq(&by_name);
        assert_eq!((ran.code, ran.text()), (0, ""), "{by_name:?}: {}", ran.err);
        assert_eq!(read(name), case.sawq(&arguments).out, "{by_name:?}");
        let again = case.sawq(&by_name);
        assert_eq!(again.code, 1);
        assert!(again.err.contains("exists; remove it"), "{}", again.err);
    }
    assert_eq!(case.sawq(&["find", "-o", "a.parquet"]).code, 0);
    assert!(read("a.parquet").starts_with(b"PAR1"));
}

#[test]
fn whoever_reads_may_stop_reading() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(2), 5000));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    for arguments in [
        vec!["find"],
        vec!["find", "--format", "table"],
        vec!["find", "--format", "csv"],
        vec!["top", "request_id", "-n", "0", "--format", "table"],
    ] {
        let mut command = case.command("sawq", &arguments);
        let mut child =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
    }
}

#[test]
fn the_store_is_given_before_or_after_the_command_or_by_the_environment() {
    let case = Case::with(&fixture());
    std::fs::rename(case.path("sawlog-store"), case.path("elsewhere")).unwrap();
    for arguments in [["--store", "elsewhere", "find", "-c"], ["find", "-c", "--store", "elsewhere"]] {
        assert_eq!(case.sawq(&arguments).text(), "154\n");
    }
    let output = case.command("sawq", &["find", "-c"]).env("SAWLOG_STORE", "elsewhere").output().unwrap();
    assert_eq!(output.stdout, b"154\n");
    // An empty variable says nothing.
    std::fs::rename(case.path("elsewhere"), case.path("sawlog-store")).unwrap();
    for (program, arguments) in [("sawq", ["find", "-c"]), ("sawlog", ["status", "--json"])] {
        let output = case.command(program, &arguments).env("SAWLOG_STORE", "").output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
