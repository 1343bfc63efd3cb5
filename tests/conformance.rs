//! What holds of every log: every command can ask for each of its roles, and all of them give the same counts.

use serde_json::Value;

use sawlog_tests::{Case, Numbers, evidence};

/// What `top` groups by, the filter on it, and whether the filter looks at more than `top` shows.
const FILTERS: [(&str, &str, bool); 12] = [
    ("ip", "--ip", false),
    ("user", "--user", true),
    ("access_key", "--access-key", false),
    ("agent", "--agent", false),
    ("operation", "--operation", false),
    ("error", "--error", true),
    ("region", "--region", false),
    ("account", "--account", true),
    ("service", "--service", false),
    ("interface", "--interface", false),
    ("bucket", "--bucket", true),
    ("key", "--key", true),
];

fn ask(case: &Case, arguments: &[&str]) -> Value {
    let ran = case.sawq(&[arguments, &["--format", "json", "--quiet"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    ran.json()
}

fn count(case: &Case, log: &str, filters: &[&str]) -> u64 {
    let ran = case.sawq(&[&["find", "--count", "--quiet", "--log", log], filters].concat());
    ran.text().trim().parse().unwrap_or_else(|_| panic!("{filters:?}: {} {}", ran.text(), ran.err))
}

/// The tables of logs that a case's store has records in.
fn logs(case: &Case) -> Vec<String> {
    let logs = ask(case, &["sql", "SELECT DISTINCT log FROM events ORDER BY log"]);
    logs.as_array().unwrap().iter().map(|row| row["log"].as_str().unwrap().to_owned()).collect()
}

fn convert(case: &Case, path: &str) {
    let ran = case.sawlog(&["convert", path, "-q"]);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.err);
}

/// A store of the whole fixture.
fn fixture() -> Case {
    let case = Case::new();
    convert(&case, evidence().to_str().unwrap());
    case
}

/// A store of the whole fixture and of logs that nobody has.
fn made_up() -> Case {
    let case = Case::with_made_up_logs();
    case.write("logs/doors.log", doors(500));
    case.write("gates/gates.json", gates(400));
    convert(&case, evidence().to_str().unwrap());
    convert(&case, "logs");
    convert(&case, "gates");
    case
}

/// Records of the log of gates: in an array with other names around it, then one a line.
fn gates(records: u64) -> String {
    let mut numbers = Numbers::new(9);
    let mut record = |place: u64| {
        let fault = numbers.pick(&["", "", ",\"fault\":\"no toll\"", ",\"fault\":null"]);
        format!(
            "{{\"gateTime\":\"2026-05-02T09:{:02}:{:02}Z\",\"gate\":\"gate {}\",\"town\":\"thorp\",\"guild\":\"444455556666\",\"carter\":\"{}\",\"from\":\"198.51.100.{}\",\"act\":\"{}\"{fault},\"load\":{{ \"corn\": {place} }},\"mood\":\"\\u0041h\"}}",
            place / 60,
            place % 60,
            numbers.below(3),
            numbers.pick(&["ann", "ben \\\"the cart\\\""]),
            numbers.below(7) + 1,
            numbers.pick(&["PASS", "PASS", "OPEN", "SHUT"]),
        )
    };
    let first: Vec<String> = (0..records / 2).map(&mut record).collect();
    let second: Vec<String> = (records / 2..records).map(&mut record).collect();
    format!("{{\"sheet\":1, \"Records\" : [{}]}}\n{}\n{{\"no\":\"record\"}}\n", first.join(" ,"), second.join("\n"))
}

/// Lines of the log of doors, and one that is none.
fn doors(lines: u64) -> String {
    let mut numbers = Numbers::new(7);
    let mut text = String::new();
    for second in 0..lines {
        let badge = numbers.pick(&["alice", "bob", "-"]);
        let action = numbers.pick(&["OPEN", "OPEN", "OPEN", "LOCK", "UNLOCK"]);
        let (status, reason) = numbers.pick(&["200 -", "200 -", "403 stolen", "500 -"]).split_once(' ').unwrap();
        let (minute, second) = (second / 60, second % 60);
        let reader = numbers.pick(&["Reader/1", "Reader/2 (new)"]);
        text += &format!(
            "2026-05-01T08:{minute:02}:{second:02}.000000Z hq 111122223333 {badge} 192.0.2.{}:40000 door-{} {action} {status} {reason} 17 \"{reader}\"\n",
            numbers.below(9) + 1,
            numbers.below(4),
        );
    }
    text + "a door fell from its hinges\n"
}

#[test]
fn filters_leave_what_top_counts_and_their_negations_the_rest() {
    let case = fixture();
    let logs = logs(&case);
    assert!(logs.len() >= 3, "{logs:?}");
    filters_agree_with_top(&case, &logs);
}

#[test]
fn every_log_is_in_every_view_of_all() {
    let case = fixture();
    views_have(&case, &logs(&case));
}

#[test]
fn a_log_that_nobody_has_works_by_its_description_alone() {
    let case = made_up();
    let logs: Vec<String> = logs(&case).into_iter().filter(|log| log == "door_log").collect();
    assert_eq!(logs, ["door_log"]);
    filters_agree_with_top(&case, &logs);
    views_have(&case, &logs);

    // Its own words, its meaning and its bytes.
    assert_eq!(count(&case, "door_log", &[]), 500);
    let text = doors(500);
    let with = |part: &str| text.lines().filter(|line| line.contains(part)).count() as u64;
    assert_eq!(count(&case, "door_log", &["--failed"]), with(" 403 ") + with(" 500 "));
    assert_eq!(count(&case, "door_log", &["--error", "stolen"]), with(" stolen "));
    let changed = text.lines().filter(|line| line.contains("LOCK ") && line.contains(" 200 ")).count() as u64;
    assert_eq!(count(&case, "door_log", &["--changes"]), changed);
    assert_eq!(count(&case, "door_log", &["--service", "doors.example.com"]), 500);
    assert_eq!(count(&case, "door_log", &["--where", "door=door-1"]), with(" door-1 "));
    assert_eq!(
        case.sawq(&["find", "--log", "door_log", "--quiet"]).text(),
        text.lines().take(500).map(|line| format!("{line}\n")).collect::<String>()
    );
    let rejected = ask(&case, &["sql", "SELECT log, CAST(raw AS VARCHAR) AS raw FROM rejects WHERE log = 'door_log'"]);
    assert_eq!(rejected[0]["raw"], "a door fell from its hinges");
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["convert", "logs", "--format", "door-log", "-q"]).code, 0, "nothing is new");
    for arguments in [&["reindex"][..], &["compact", "--retain", "0"], &["verify", "-q"]] {
        let ran = case.sawlog(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    }
    filters_agree_with_top(&case, &logs);
    let columns = case.sawq(&["tables", "door_log"]);
    assert!(columns.text().contains("Which door"), "{}", columns.text());
    let shell = case.command("sawq", &["completions", "bash"]).output().unwrap();
    assert!(String::from_utf8_lossy(&shell.stdout).contains("door_log"));
    // Programs that do not know the log leave it alone.
    let other = Case::new();
    let ran = other.sawlog(&["convert", case.path("logs").to_str().unwrap()]);
    assert_eq!(ran.code, 3, "{}", ran.err);
}

#[test]
fn a_json_log_that_nobody_has_works_by_its_description_alone() {
    let case = made_up();
    let logs = ["gate_log".to_owned()];
    filters_agree_with_top(&case, &logs);
    views_have(&case, &logs);

    let text = gates(400);
    let with = |part: &str| text.matches(part).count() as u64;
    assert_eq!(count(&case, "gate_log", &[]), 400);
    assert_eq!(count(&case, "gate_log", &["--failed"]), with("no toll"));
    let changed = |act: &str| with(&format!("\"{act}\"")) - with(&format!("\"{act}\",\"fault\":\"no toll\""));
    assert_eq!(count(&case, "gate_log", &["--changes"]), changed("OPEN") + changed("SHUT"));
    assert_eq!(count(&case, "gate_log", &["--user", "ann"]), with("\"ann\""));
    assert_eq!(count(&case, "gate_log", &["--where", "load.corn=7"]), 1);
    let ran = case.sawq(&["find", "--log", "gate_log", "--quiet", "-n", "0"]);
    let found: Vec<&str> = ran.text().lines().collect();
    assert_eq!(found.len(), 400);
    assert!(found.iter().all(|record| text.contains(record)), "records come back as they are");
    // The record stands in its columns; only what is written in an unusual way is kept as it is.
    let kept = ask(&case, &["sql", "SELECT count(*) AS n FROM gate_log WHERE extra LIKE '%mood%'"]);
    assert_eq!(kept[0]["n"], 400);
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["compact", "--retain", "0"]).code, 0);
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
}

fn filters_agree_with_top(case: &Case, logs: &[String]) {
    for log in logs {
        let all = count(case, log, &[]);
        let mut asked = 0;
        for (name, option, is_wider) in FILTERS {
            let ran = case.sawq(&["top", name, "--log", log, "--format", "json", "--quiet"]);
            if ran.code == 2 {
                // The log has no such role: then the filter leaves nothing.
                assert_eq!(count(case, log, &[option, "192.0.2.1"]), 0, "{log} {option}");
                continue;
            }
            let top = ran.json();
            let Some(row) =
                top.as_array().unwrap().iter().find(|row| row[name].as_str().is_some_and(|v| !v.is_empty()))
            else {
                continue;
            };
            let (value, counted) = (row[name].as_str().unwrap(), row["count"].as_u64().unwrap());
            let left = count(case, log, &[option, value]);
            if is_wider {
                assert!(left >= counted, "{log} {option} {value}: {left} of {counted}");
            } else {
                assert_eq!(left, counted, "{log} {option} {value}");
            }
            let not = count(case, log, &[option, &format!("!{value}")]);
            assert_eq!(left + not, all, "{log} {option} !{value}");
            asked += 1;
        }
        assert!(asked >= 3, "{log} has few roles");
    }
}

fn views_have(case: &Case, logs: &[String]) {
    let page = case.path("page.html");
    assert_eq!(case.sawq(&["report", "-o", page.to_str().unwrap(), "--quiet"]).code, 0);
    let page = std::fs::read_to_string(page).unwrap();
    let counted = ask(
        case,
        &[
            "sql",
            "SELECT log, count(*) AS n, sum(CASE WHEN outcome = 'failure' THEN 1 ELSE 0 END) AS failed FROM events GROUP BY log",
        ],
    );
    for log in logs {
        let row = counted.as_array().unwrap().iter().find(|row| row["log"] == log.as_str()).unwrap();
        let all = count(case, log, &[]);
        assert_eq!(row["n"].as_u64(), Some(all), "{log}");
        assert_eq!(row["failed"].as_u64(), Some(count(case, log, &["--failed"])), "{log}");
        let timeline = ask(case, &["timeline", "--log", log, "--expand", "-n", "0"]);
        assert_eq!(timeline.as_array().unwrap().len() as u64, all, "{log}");
        let top = ask(case, &["top", "ip", "--log", log, "-n", "1"]);
        let profile = ask(case, &["who", top[0]["ip"].as_str().unwrap(), "--log", log]);
        assert_eq!(profile["logs"][0]["log"], log.as_str(), "{profile}");
        assert_eq!(profile["logs"][0]["records"], top[0]["count"], "{log}");
        assert!(page.contains(log.as_str()), "{log} is not in the report");
        let status = case.sawlog(&["status"]);
        assert!(status.text().contains(log.as_str()), "{}", status.text());
    }
}
