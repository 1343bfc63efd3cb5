//! What only stores of many records do: the index is asked before the records, and every command has to cope with that.

use std::fmt::Write;
use std::process::Command;

use serde_json::json;

use sawlog_tests::{Case, Numbers, binary};

/// More records than are looked at sooner than the index is.
const EVENTS: usize = 60_000;

/// Every so many events fail: by a code, and a sign-in by its response alone.
const DENIED: usize = 1_000;
const SIGN_IN: usize = 1_500;

/// A store of many events of 29 July 2021, one a second.
fn large() -> Case {
    let event = |number: usize| {
        let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
        let mut event = json!({
            "eventTime": format!("2021-07-29T{hour:02}:{minute:02}:{second:02}Z"),
            "eventSource": "iam.amazonaws.com",
            "eventName": "GetUser",
            "awsRegion": "us-east-1",
            "sourceIPAddress": format!("192.0.2.{}", number % 7),
            "userIdentity": { "type": "IAMUser", "userName": "ann", "accountId": "111122223333" },
            "readOnly": true,
        });
        if number.is_multiple_of(DENIED) {
            event["errorCode"] = json!("AccessDenied");
        }
        if number % SIGN_IN == 1 {
            event["eventSource"] = json!("signin.amazonaws.com");
            event["eventName"] = json!("ConsoleLogin");
            event["responseElements"] = json!({ "ConsoleLogin": "Failure" });
        }
        event
    };
    let case = Case::new();
    let events: Vec<_> = (0..EVENTS).map(event).collect();
    case.write("logs/trail.json", json!({ "Records": events }).to_string());
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    case
}

#[test]
fn every_command_tells_the_same_failures() {
    let case = large();
    let failed = EVENTS / DENIED + EVENTS / SIGN_IN;
    let answer = |arguments: &[&str]| {
        let ran = case.sawq(arguments);
        assert_eq!((ran.code, ran.err.contains("panicked")), (0, false), "{arguments:?}: {}", ran.err);
        ran.text().to_owned()
    };
    assert_eq!(answer(&["find", "--failed", "--count"]).trim(), failed.to_string());
    let counted = ["timeline", "--failed", "--expand", "--format", "csv", "--number", "0"];
    assert_eq!(answer(&counted).lines().count() - 1, failed);
    let outcomes = "SELECT count(*) FROM events WHERE outcome = 'failure'";
    assert_eq!(answer(&["sql", outcomes, "--format", "csv"]).lines().nth(1), Some(failed.to_string().as_str()));
    let all = answer(&["timeline", "--expand", "--format", "csv", "--number", "0"]);
    assert_eq!(all.lines().count() - 1, EVENTS);
    assert_eq!(all.lines().filter(|line| line.contains(",failure,")).count(), failed);
    let profile: serde_json::Value = serde_json::from_str(&answer(&["who", "ann", "--format", "json"])).unwrap();
    assert_eq!(profile["logs"][0]["errors"], json!(failed), "{}", profile["logs"]);
    let top: serde_json::Value = serde_json::from_str(&answer(&["top", "user", "--format", "json"])).unwrap();
    assert_eq!((&top[0]["count"], &top[0]["errors"]), (&json!(EVENTS), &json!(failed)));
    answer(&["report", "-o", "report.html"]);
    assert!(std::fs::read_to_string(case.path("report.html")).unwrap().contains("Access<wbr>Denied"));
}

/// A data file of over 10 MB in several row groups is cut for the threads that there are, not into billions of pieces.
#[test]
fn one_thread_reads_a_large_file() {
    const LINES: usize = 300_000;
    let case = Case::new();
    let (mut log, mut numbers) = (String::new(), Numbers::new(3));
    for line in 0..LINES {
        let id: String = (0..10).map(|_| format!("{:08X}", numbers.below(u64::MAX))).collect();
        let (minute, ip) = (line / 60 % 60, line % 200);
        writeln!(
            log,
            "o bucket-a [29/Jul/2021:12:{minute:02}:{:02} +0000] 192.0.2.{ip} - {id} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 5 - 7 - \"-\" \"a\" -",
            line % 60
        )
        .unwrap();
    }
    case.write("logs/a", log);
    // Less memory than this leaves one thread only, as a single processor does.
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    for memory in ["64MiB", "256MiB", "2GiB"] {
        let sawq = binary("sawq");
        let limited = format!("ulimit -v 6000000 && exec \"{}\" \"$@\"", sawq.display());
        let asked = ["top", "request_id", "-n", "1", "--format", "csv", "--memory", memory, "-q"];
        let mut command = Command::new("sh");
        let ran = command.args(["-c", &limited, "sawq"]).args(asked).current_dir(case.path("")).output().unwrap();
        let text = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{memory}: {}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(text.lines().nth(1).and_then(|line| line.split(',').nth(1)), Some("1"), "{memory}: {text}");
    }
}

/// More groups than fit into memory go to disk; the largest and their order are the same.
#[test]
fn groups_that_do_not_fit_go_to_disk() {
    const LINES: u64 = 700_000;
    // Not in order, and each only once, but for the last line.
    let id = |line: u64| format!("{:040X}", line.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let case = Case::new();
    let mut log = String::new();
    for line in 0..LINES {
        let (minute, ip, id) = (line / 60 % 60, line % 200, id(if line == LINES - 1 { 5 } else { line }));
        let second = line % 60;
        writeln!(
            log,
            "o bucket-a [29/Jul/2021:12:{minute:02}:{second:02} +0000] 192.0.2.{ip} - {id} REST.GET.OBJECT k \"GET /k HTTP/1.1\" 200 - 5 - 7 - \"-\" \"a\" -"
        )
        .unwrap();
    }
    case.write("logs/a", log);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let top = |arguments: &[&str]| {
        let ran = case.sawq(&[&["top", "request_id", "--format", "csv", "-q"], arguments].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran.text().to_owned()
    };
    let first = top(&["-n", "3", "--ips", "--memory", "64MiB"]);
    // Ties are in order of the first record: the twice seen one, then lines 0 and 1.
    let expected = [(5, 2, 10, 2), (0, 1, 5, 1), (1, 1, 5, 1)]
        .map(|(line, count, bytes, ips)| format!("{},{count},{bytes},0,0,{ips},", id(line)));
    let lines: Vec<&str> = first.lines().skip(1).collect();
    assert!(lines.len() == 3 && lines.iter().zip(&expected).all(|(line, start)| line.starts_with(start)), "{first}");
    assert!(lines[0].ends_with(",2021-07-29T12:00:05Z,2021-07-29T12:26:39Z"), "{first}");
    assert!(top(&["-n", "0", "--memory", "64MiB"]) == top(&["-n", "0", "--memory", "4GiB"]));
}

/// Records of 6 MB are sorted in less memory than a dozen of them take.
#[test]
fn wide_records_are_sorted_on_disk() {
    const RECORDS: u64 = 24;
    const WORDS: usize = 375_000;
    let (case, mut numbers) = (Case::new(), Numbers::new(7));
    let mut times = Vec::new();
    for file in 0..3 {
        let event = |number: u64, numbers: &mut Numbers| {
            let (minute, second) = (number * 7 % 60, number * 31 % 60);
            let code: String = (0..WORDS).map(|_| format!("{:016x}", numbers.below(u64::MAX))).collect();
            json!({
                "eventTime": format!("2021-07-29T10:{minute:02}:{second:02}Z"),
                "eventSource": "lambda.amazonaws.com",
                "eventName": "UpdateFunctionCode",
                "eventID": number.to_string(),
                "userIdentity": { "type": "IAMUser", "userName": "ann" },
                "requestParameters": { "zipFile": code },
            })
        };
        let events = (0..RECORDS / 3).map(|number| event(file * RECORDS / 3 + number, &mut numbers));
        let events: Vec<_> = events.collect();
        times.extend(events.iter().map(|event| event["eventTime"].as_str().unwrap().to_owned()));
        case.write(&format!("logs/{file}.json"), json!({ "Records": events }).to_string());
    }
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    times.sort();
    for arguments in [
        &["find", "--sort", "time"][..],
        &["sql", "SELECT raw FROM cloudtrail ORDER BY event_time", "--no-header", "--format", "tsv"],
    ] {
        let ran = case.sawq(&[arguments, &["--memory", "64MiB"]].concat());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        let time = |line: &str| line.split_once("\"eventTime\":\"").unwrap().1[..20].to_owned();
        assert_eq!(ran.text().lines().map(time).collect::<Vec<_>>(), times, "{arguments:?}");
        assert!(ran.text().lines().all(|line| line.len() > 16 * WORDS), "{arguments:?}");
    }
}
