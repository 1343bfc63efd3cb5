//! The prompt, and text from a pipe or file in its place.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use sawlog_tests::{Case, binary, has_terminal};

use super::*;

/// What a pipe into `sawq sql` gives.
fn piped(case: &Case, text: &str) -> (String, String, i32) {
    let mut command = case.command("sawq", &["sql"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

#[test]
fn a_pipe_and_a_file_take_the_commands_of_the_prompt() {
    let case = trail_case();
    for (script, expected) in [
        (".tables\n", "cloudtrail"),
        ("\\dt;\n", "vpc_flow"),
        ("\\d cloudtrail\n", "event_name"),
        ("SELECT 40 +\n2 AS n;\n\\d\n", "42"),
        ("SELECT 1;\n.schema events", "actor"),
        ("SELECT '\nexit\n' || 'still' AS a;", "still"),
    ] {
        let (out, err, code) = piped(&case, script);
        assert_eq!((code, err.as_str()), (0, ""), "{script:?}");
        assert!(out.contains(expected), "{script:?}: {out}");
        case.write("script.sql", script);
        assert_eq!(case.sawq(&["sql", "--file", "script.sql"]).text(), out, "{script:?}");
    }
    let (out, err, code) = piped(&case, "help\n");
    assert!(code == 0 && out.is_empty() && err.contains("\\timing") && err.contains("in_cidr"), "{err}");
    let (out, _, code) = piped(&case, "SELECT 1 AS a;\nexit\nSELECT 2 AS b;\n");
    assert_eq!((out.as_str(), code), ("a\n1\n", 0));
    let (out, _, code) = piped(&case, ".mode csv\nSELECT 1 AS a, 'b,c' AS d;\n");
    assert_eq!((out.as_str(), code), ("a,d\n1,\"b,c\"\n", 0));
    let (_, err, code) = piped(&case, "\\nonsense\n");
    assert!(code == 1 && err.contains("there is no command \\nonsense"), "{err}");
}

#[test]
fn forms_that_hold_one_result_take_no_second_one() {
    let case = trail_case();
    let two = "SELECT 1 AS a; SELECT 2 AS b";
    for form in ["json", "parquet", "arrow", "arrows"] {
        let ran = case.sawq(&["sql", "--format", form, two]);
        assert_eq!((ran.code, ran.out.len()), (2, 0), "{form}: {}", ran.err);
        assert!(ran.err.contains("can hold the results of one query, not of 2"), "{form}: {}", ran.err);
        let one = case.sawq(&["sql", "--format", form, "CREATE VIEW v AS SELECT 1 AS a; SELECT * FROM v"]);
        assert!(one.code == 0 && !one.out.is_empty(), "{form}: {}", one.err);
    }
    for form in ["csv", "tsv", "ndjson", "table", "line"] {
        let ran = case.sawq(&["sql", "--format", form, two]);
        assert!(ran.code == 0 && ran.text().contains('1') && ran.text().contains('2'), "{form}: {}", ran.err);
    }
    case.write("script.sql", ".tables\nSELECT 1;\n");
    let ran = case.sawq(&["sql", "--json", "--file", "script.sql"]);
    assert_eq!((ran.code, ran.out.len()), (2, 0), "{}", ran.err);
}

/// Types lines into the prompt, on a terminal of its own without a pager; what it shows.
fn prompt(case: &Case, typed: &[(&str, u64)]) -> Option<String> {
    prompt_with(case, "cat", typed)
}

/// The same with a pager.
fn prompt_with(case: &Case, pager: &str, typed: &[(&str, u64)]) -> Option<String> {
    if !has_terminal() {
        return None;
    }
    let mut command = Command::new("script");
    let sawq = format!("stty cols 160 rows 40; exec {} sql", binary("sawq").display());
    command.args(["--quiet", "--return", "--command", &sawq, "/dev/null"]).current_dir(case.path("."));
    command.env("XDG_STATE_HOME", case.path("state")).env("TERM", "xterm").env("NO_COLOR", "1");
    command.env_remove("SAWLOG_STORE").env("SAWLOG_PAGER", pager);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    // What is long would wait for a reader, and with it what is typed.
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        output.read_to_end(&mut shown).unwrap();
        shown
    });
    std::thread::sleep(Duration::from_millis(1500));
    for (line, wait) in typed {
        // It may have ended already.
        let _ = input.write_all(line.as_bytes());
        let _ = input.flush();
        std::thread::sleep(Duration::from_millis(*wait));
    }
    drop(input);
    child.wait().unwrap();
    Some(String::from_utf8_lossy(&reader.join().unwrap()).into_owned())
}

#[test]
fn the_prompt_does_what_people_expect() {
    let case = trail_case();
    let endless = "SELECT count(*) FROM cloudtrail a, cloudtrail b, generate_series(1, 100000000000);\r";
    let Some(shown) = prompt(
        &case,
        &[
            ("SELECT 40 +\r", 300),
            ("\\dt\r", 800),
            ("help\r", 500),
            ("2 AS answer;\r", 1000),
            ("CREATE VIEW mine AS SELECT count(*) AS n FROM cloudtrail; SELECT n + 100 FROM mine;\r", 1500),
            (endless, 2000),
            ("\u{3}", 1500),
            (".mode line\r", 300),
            ("SELECT 'still here' AS it, event_name FROM cloudtrail WHERE event_name = 'CreateUser';\r", 1500),
            ("SELECT nothing\r", 300),
            ("exit\r", 500),
        ],
    ) else {
        return;
    };
    for expected in
        ["cloudtrail", "in_cidr(", "42", "106", "the query was stopped", "it = still here", "event_name = CreateUser"]
    {
        assert!(shown.contains(expected), "{expected:?} is not in {shown}");
    }
    let history = fs::read_to_string(case.path("state/sawlog/sql_history")).unwrap();
    assert!(history.contains("2 AS answer") && history.contains("generate_series"), "{history}");
    // Only what was typed, not the query that a command stands for.
    assert!(history.contains("dt\n") && !history.contains("SHOW TABLES"), "{history}");
}

#[test]
fn a_result_that_is_printed_can_be_stopped() {
    let case = trail_case();
    let again = "SELECT 'still ' || 'here' AS it;\r";
    let long = [("SELECT * FROM range(1, 40000000);\r", 4000), ("\u{3}", 3000), (again, 1000), ("exit\r", 500)];
    let Some(shown) = prompt(&case, &long) else { return };
    let (_, after) = shown.split_once("the query was stopped").expect("it is stopped");
    assert!(after.contains("still here"), "{after}");
    assert!(!shown.contains("39999999"), "{} bytes were printed", shown.len());
}

/// A result that is longer than the screen goes to a pager, and the prompt comes back when it is left.
#[test]
fn the_prompt_has_a_pager() {
    let case = trail_case();
    let long = "SELECT * FROM range(100);\r";
    let (short, exit) = ("SELECT 'still ' || 'here' AS it;\r", ("exit\r", 500));
    let shown = prompt_with(&case, "sed 's/^/paged /'", &[(long, 1500), (short, 1000), (long, 1500), exit]);
    let Some(shown) = shown else { return };
    let lines = |shown: &str, text: &str| {
        shown.lines().filter(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == text).count()
    };
    let counts = ["paged 0", "paged 99", "still here", "paged still here"].map(|text| lines(&shown, text));
    assert_eq!(counts, [2, 2, 1, 0], "{shown}");
    // One that is left before the end is not an error.
    let left = "SELECT * FROM range(3000000);\r";
    let shown = prompt_with(&case, "head -n 3", &[(left, 2500), (short, 1000), exit]).unwrap();
    let counts = ["0", "1", "2", "still here"].map(|text| lines(&shown, text));
    assert!(counts == [1, 1, 0, 1] && !shown.contains("sawq: "), "{shown}");
}

#[test]
fn the_history_is_kept_when_the_prompt_is_killed() {
    let case = trail_case();
    let Some(_) = prompt(&case, &[("SELECT 'kept' AS a;\r", 1500), ("\\q\r", 300)]) else { return };
    let history = case.path("state/sawlog/sql_history");
    assert!(fs::read_to_string(&history).unwrap().contains("'kept'"));
    // Killed in the middle of a query.
    let endless = "SELECT count(*) FROM generate_series(1, 100000000000);\r";
    let killer = std::thread::spawn({
        let folder = case.path(".");
        move || {
            std::thread::sleep(Duration::from_millis(3500));
            // Only those that this test started, by the folder that they work in.
            for process in fs::read_dir("/proc").unwrap().flatten() {
                let works_here =
                    fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder.canonicalize().unwrap());
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                if works_here && name.trim() == "sawq" {
                    let _ = Command::new("kill").args(["-KILL", &process.file_name().to_string_lossy()]).status();
                }
            }
        }
    });
    let _ = prompt(&case, &[(endless, 4000)]);
    killer.join().unwrap();
    assert!(fs::read_to_string(&history).unwrap().contains("generate_series"));
}
