//! What holds of every log: each role that it has can be asked for by every command, and all of them give the same counts.

use serde_json::Value;

use sawlog_tests::{Case, evidence};

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

/// A store of the whole fixture, and the tables of logs that it has.
fn store() -> (Case, Vec<String>) {
    let case = Case::new();
    let ran = case.sawlog(&["convert", evidence().to_str().unwrap(), "-q"]);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.err);
    let logs = ask(&case, &["sql", "SELECT DISTINCT log FROM events ORDER BY log"]);
    let logs = logs.as_array().unwrap().iter().map(|row| row["log"].as_str().unwrap().to_owned()).collect();
    (case, logs)
}

#[test]
fn filters_leave_what_top_counts_and_their_negations_the_rest() {
    let (case, logs) = store();
    assert!(logs.len() >= 3, "{logs:?}");
    for log in &logs {
        let all = count(&case, log, &[]);
        let mut asked = 0;
        for (name, option, is_wider) in FILTERS {
            let ran = case.sawq(&["top", name, "--log", log, "--format", "json", "--quiet"]);
            if ran.code == 2 {
                // The log has no such role: then the filter leaves nothing.
                assert_eq!(count(&case, log, &[option, "192.0.2.1"]), 0, "{log} {option}");
                continue;
            }
            let top = ran.json();
            let Some(row) =
                top.as_array().unwrap().iter().find(|row| row[name].as_str().is_some_and(|v| !v.is_empty()))
            else {
                continue;
            };
            let (value, counted) = (row[name].as_str().unwrap(), row["count"].as_u64().unwrap());
            let left = count(&case, log, &[option, value]);
            if is_wider {
                assert!(left >= counted, "{log} {option} {value}: {left} of {counted}");
            } else {
                assert_eq!(left, counted, "{log} {option} {value}");
            }
            let not = count(&case, log, &[option, &format!("!{value}")]);
            assert_eq!(left + not, all, "{log} {option} !{value}");
            asked += 1;
        }
        assert!(asked >= 3, "{log} has few roles");
    }
}

#[test]
fn every_log_is_in_every_view_of_all() {
    let (case, logs) = store();
    let page = case.path("page.html");
    assert_eq!(case.sawq(&["report", "-o", page.to_str().unwrap(), "--quiet"]).code, 0);
    let page = std::fs::read_to_string(page).unwrap();
    let counted = ask(
        &case,
        &[
            "sql",
            "SELECT log, count(*) AS n, sum(CASE WHEN outcome = 'failure' THEN 1 ELSE 0 END) AS failed FROM events GROUP BY log",
        ],
    );
    for log in &logs {
        let row = counted.as_array().unwrap().iter().find(|row| row["log"] == log.as_str()).unwrap();
        let all = count(&case, log, &[]);
        assert_eq!(row["n"].as_u64(), Some(all), "{log}");
        assert_eq!(row["failed"].as_u64(), Some(count(&case, log, &["--failed"])), "{log}");
        let timeline = ask(&case, &["timeline", "--log", log, "--expand", "-n", "0"]);
        assert_eq!(timeline.as_array().unwrap().len() as u64, all, "{log}");
        let top = ask(&case, &["top", "ip", "--log", log, "-n", "1"]);
        let profile = ask(&case, &["who", top[0]["ip"].as_str().unwrap(), "--log", log]);
        assert_eq!(profile["logs"][0]["log"], log.as_str(), "{profile}");
        assert_eq!(profile["logs"][0]["records"], top[0]["count"], "{log}");
        assert!(page.contains(log.as_str()), "{log} is not in the report");
        let status = case.sawlog(&["status"]);
        assert!(status.text().contains(log.as_str()), "{}", status.text());
    }
}
