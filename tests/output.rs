//! How sawq prints: forms and files, screens and pipes, colours and pagers, exit status and help.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use sawlog_tests::{Case, Numbers, Ran, binary, evidence, fixture, has_terminal, random_log};

const ATTACKER: &str = "3.238.12.183";

/// Characters that could steer a terminal, but for line ends and the tabs of TSV.
fn steers(text: &str) -> Option<char> {
    let steers = |char: &char| {
        (char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
            || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
    };
    text.chars().find(steers)
}

/// Runs a line of bash on a terminal of a size; gives what the terminal shows, and the exit status.
fn on_terminal_of(case: &Case, rows: usize, columns: usize, line: &str) -> (String, i32) {
    let line = line.replace("sawq ", &format!("{} ", binary("sawq").display()));
    let ran = Command::new("script")
        .env("SHELL", "/bin/bash")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("SAWLOG_STORE")
        .env_remove("SAWLOG_PAGER")
        .env_remove("PAGER")
        .args(["-qec", &format!("stty rows {rows} cols {columns}; {line}"), "/dev/null"])
        .current_dir(case.path(""))
        .output()
        .unwrap();
    (String::from_utf8_lossy(&ran.stdout).replace("\r\n", "\n"), ran.status.code().unwrap_or(-1))
}

/// The same on a large screen, without colours and pager.
fn on_terminal(case: &Case, columns: usize, line: &str) -> String {
    let (shown, code) = on_terminal_of(case, 500, columns, &format!("export PAGER=cat NO_COLOR=1; {line}"));
    assert_eq!(code, 0, "{line}: {shown}");
    shown
}

fn names(case: &Case) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(case.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "sawlog-store" && name != "logs")
        .collect();
    names.sort();
    names
}

fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

fn good(ran: Ran, what: &[&str]) -> Ran {
    assert_eq!(ran.code, 0, "{what:?}: {}", ran.err);
    ran
}

#[test]
fn the_ending_of_a_file_says_its_form() {
    let case = Case::with(&fixture());
    let read = |name: &str| fs::read(case.path(name)).unwrap();
    let questions: [&[&str]; 4] = [
        &["top", "operation", "-n", "0"],
        &["find", "--columns", "time,operation,key"],
        &["sql", "SELECT operation, count(*) AS n, min(time) AS first FROM s3_access GROUP BY 1 ORDER BY 1"],
        &["timeline", "--expand"],
    ];
    for (number, question) in questions.into_iter().enumerate() {
        for (ending, form) in [
            ("csv", "csv"),
            ("TSV", "tsv"),
            ("json", "json"),
            ("jsonl", "ndjson"),
            ("ndjson", "ndjson"),
            ("arrows", "arrows"),
        ] {
            let expected = good(case.sawq(&[question, &["--format", form]].concat()), question).out;
            assert!(expected.len() > 100);
            let (plain, packed) = (format!("{number}.{ending}"), format!("{number}.{ending}.gz"));
            good(case.sawq(&[question, &["-o", &plain]].concat()), question);
            assert!(read(&plain) == expected, "{plain}");
            good(case.sawq(&[question, &["-o", &packed]].concat()), question);
            assert!(read(&packed).starts_with(&[0x1f, 0x8b]) && inflated(&read(&packed)) == expected, "{packed}");
        }
        let (parquet, arrow, stream) =
            (format!("{number}.parquet"), format!("{number}.arrow"), format!("{number}.arrows"));
        good(case.sawq(&[question, &["-o", &parquet]].concat()), question);
        assert!(read(&parquet).starts_with(b"PAR1") && read(&parquet).ends_with(b"PAR1"));
        good(case.sawq(&[question, &["-o", &arrow]].concat()), question);
        let rows = |batches: Vec<arrow::array::RecordBatch>| -> usize {
            batches.iter().map(arrow::array::RecordBatch::num_rows).sum()
        };
        let file = arrow::ipc::reader::FileReader::try_new(fs::File::open(case.path(&arrow)).unwrap(), None).unwrap();
        let streamed =
            arrow::ipc::reader::StreamReader::try_new(fs::File::open(case.path(&stream)).unwrap(), None).unwrap();
        let in_csv = String::from_utf8(read(&format!("{number}.csv"))).unwrap().lines().count() - 1;
        assert_eq!(rows(file.map(Result::unwrap).collect()), in_csv);
        assert_eq!(rows(streamed.map(Result::unwrap).collect()), in_csv);
    }
    // The text form, where a command has one; else a table.
    for (name, question) in [
        ("lines.txt", &["find", "--key", "*.gpg"][..]),
        ("lines.log", &["find", "--key", "*.gpg"]),
        ("time.txt", &["timeline"]),
        ("who.txt", &["who", ATTACKER]),
        ("s3.txt", &["s3logparse", "toptalkers"]),
    ] {
        let expected = case.sawq(question).out;
        good(case.sawq(&[question, &["-o", name]].concat()), question);
        assert!(!expected.is_empty() && read(name) == expected, "{name}");
    }
    let table = good(case.sawq(&["top", "bucket", "--format", "table"]), &[]).out;
    good(case.sawq(&["top", "bucket", "-o", "top.txt"]), &[]);
    assert_eq!(read("top.txt"), table);
    // Any ending with --format, which wins.
    good(case.sawq(&["top", "bucket", "-o", "odd.xlsx", "--format", "csv"]), &[]);
    good(case.sawq(&["top", "bucket", "-o", "odd.json", "--format", "csv"]), &[]);
    assert_eq!(read("odd.xlsx"), read("odd.json"));
    assert!(read("odd.json").starts_with(b"bucket,count,"));
}

#[test]
fn an_ending_that_says_no_form_is_an_error_that_names_those_that_do() {
    let case = Case::with(&fixture());
    for question in [&["top", "ip"][..], &["find"], &["find", "-c"], &["timeline"], &["who", ATTACKER], &["tables"]] {
        for name in ["x.xlsx", "x", "x.gz", "x.csv.bz2", "x.html", ".hidden", "csv"] {
            let ran = case.sawq(&[question, &["-o", name]].concat());
            assert_eq!(ran.code, 2, "{question:?} {name}: {}", ran.err);
            for ending in [".csv", ".jsonl", ".parquet", ".gz"] {
                assert!(ran.err.contains(ending), "{}", ran.err);
            }
        }
    }
    assert!(names(&case).is_empty(), "{:?}", names(&case));
}

#[test]
fn a_form_that_a_command_has_not_is_an_error() {
    let case = Case::with(&evidence());
    for arguments in [
        &["report", "-o", "r.html", "--format", "csv"][..],
        &["report", "-o", "r.html", "--json"],
        &["report", "-o", "r.csv"],
        &["ctsummarize", ATTACKER, "-o", "ct", "--format", "csv"],
        &["ctsummarize", ATTACKER, "-o", "ct", "--json"],
        &["ctsummarize", ATTACKER, "-o", "ct.csv"],
        &["man", "--json"],
        &["completions", "bash", "--format", "csv"],
    ] {
        let ran = case.sawq(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(names(&case).is_empty(), "{arguments:?}: {:?}", names(&case));
    }
}

#[test]
fn summaries_and_counts_have_rows() {
    let case = Case::with(&fixture());
    let csv = case.sawq(&["s3logparse", "toptalkers", "--format", "csv"]);
    assert_eq!(csv.text(), "remote_ip,bytes_sent\n3.238.12.183,6459228\n96.253.26.224,35389\n");
    let json = case.sawq(&["s3logparse", "topfiles", "--json", "-n", "2"]).json();
    assert_eq!(json, serde_json::json!([{"key": "gse_multipart10686.jpg", "count": 4}, {"key": "PHOTOS", "count": 3}]));
    let text = case.sawq(&["s3logparse", "toptalkers", "-n", "1"]);
    assert_eq!(text.text(), "6.16 MiB - 3.238.12.183\n");
    assert_eq!(case.sawq(&["find", "-c", "--json"]).json(), serde_json::json!([{ "count": 154 }]));
    good(case.sawq(&["find", "-c", "-o", "n.csv"]), &[]);
    assert_eq!(fs::read_to_string(case.path("n.csv")).unwrap(), "count\n154\n");
    good(case.sawq(&["find", "-c", "-o", "n.txt"]), &[]);
    assert_eq!(fs::read_to_string(case.path("n.txt")).unwrap(), "154\n");
}

#[test]
fn a_file_is_there_once_it_is_complete() {
    let case = Case::with(&fixture());
    // Fails after rows were written.
    let query = "SELECT source_line, 1 / (CASE WHEN source_file = (SELECT max(source_file) FROM s3_access) THEN 0 ELSE 1 END) AS x FROM s3_access";
    for name in ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet", "a.arrow", "a.txt"] {
        let ran = case.sawq(&["sql", query, "-o", name]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.err);
        assert!(names(&case).is_empty(), "{name}: {:?}", names(&case));
    }
    // What is there stays.
    case.write("there.csv", "mine");
    std::os::unix::fs::symlink("nowhere", case.path("link.csv")).unwrap();
    for name in ["there.csv", "link.csv"] {
        let ran = case.sawq(&["top", "ip", "-o", name]);
        assert!(ran.code == 1 && ran.err.contains("exists"), "{}", ran.err);
    }
    assert_eq!(names(&case), ["link.csv", "there.csv"]);
    assert_eq!(fs::read(case.path("there.csv")).unwrap(), b"mine");
    let ran = case.sawq(&["top", "ip", "-o", "no/folder.csv"]);
    assert!(ran.code == 1 && ran.err.contains("can't write no/folder.csv: No such file"), "{}", ran.err);
    assert!(!ran.err.contains(".part"), "a name that nobody gave: {}", ran.err);
    // A new file is as readable as any other.
    good(case.sawq(&["top", "ip", "-o", "new.csv"]), &[]);
    let mode =
        |name: &str| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(case.path(name)).unwrap().permissions());
    assert_eq!(mode("new.csv"), mode("there.csv"));
}

#[test]
fn tsv_is_never_quoted_and_csv_is_as_the_standard_says() {
    let case = Case::with(&fixture());
    let query = "SELECT concat('a', chr(9), 'b', chr(10), 'c', chr(13), '\\', '\"') AS x, CAST(NULL AS VARCHAR) AS y, '{\"a\":1}' AS z";
    let tsv = case.sawq(&["sql", query]);
    assert_eq!(tsv.text(), "x\ty\tz\na\\tb\\nc\\r\\\\\"\t\t{\"a\":1}\n");
    let csv = case.sawq(&["sql", query, "--format", "csv"]);
    assert_eq!(csv.text(), "x,y,z\n\"a\tb\nc\r\\\"\"\",,\"{\"\"a\"\":1}\"\n");
    for (form, expected) in [("csv", "1,a\n"), ("tsv", "1\ta\n"), ("table", "1  a\n")] {
        let bare = case.sawq(&["sql", "SELECT 1 AS n, 'a' AS t", "--no-header", "--format", form]);
        assert_eq!(bare.text(), expected);
    }
    let time = case.sawq(&["find", "-n", "1", "--columns", "time", "--no-header"]);
    assert_eq!(time.text().lines().count(), 1);
}

#[test]
fn fractions_of_seconds_are_shown_where_there_are_any() {
    let case = Case::new();
    let event = |time: &str| {
        format!(
            r#"{{"eventTime":"2021-07-29T10:00:00Z","eventName":"x","eventSource":"y","requestParameters":{{"t":"{time}"}}}}"#
        )
    };
    case.write("logs/t.json", event("x"));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let query = "SELECT arrow_cast(1627560000000000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS a, \
                 arrow_cast(1627560000123000, 'Timestamp(Microsecond, Some(\"UTC\"))') AS b, \
                 arrow_cast(1627560000000001, 'Timestamp(Microsecond, None)') AS c FROM cloudtrail";
    for (form, expected) in [
        ("csv", "a,b,c\n2021-07-29T12:00:00Z,2021-07-29T12:00:00.123Z,2021-07-29T12:00:00.000001\n"),
        ("tsv", "a\tb\tc\n2021-07-29T12:00:00Z\t2021-07-29T12:00:00.123Z\t2021-07-29T12:00:00.000001\n"),
        ("line", "a = 2021-07-29T12:00:00Z\nb = 2021-07-29T12:00:00.123Z\nc = 2021-07-29T12:00:00.000001\n"),
    ] {
        assert_eq!(case.sawq(&["sql", query, "--format", form]).text(), expected);
    }
    assert!(case.sawq(&["sql", query, "--format", "table"]).text().contains("  2021-07-29T12:00:00.123Z  "));
}

/// A store whose texts would steer a terminal.
fn hostile() -> Case {
    let case = Case::new();
    let texts =
        ["\u{1b}]0;owned\u{7}", "\u{9b}2J\u{85}\u{7f}", "\u{202e}gpj.exe\u{2066}", "a\nb\tc\\d", "\u{2028}\u{200f}"];
    let records: Vec<serde_json::Value> = texts
        .iter()
        .map(|text| {
            serde_json::json!({"eventTime": "2021-07-29T10:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": text,
                "sourceIPAddress": "192.0.2.9", "userAgent": text, "errorMessage": text, "requestParameters": {"a": text}})
        })
        .collect();
    case.write("logs/trail.json", serde_json::json!({ "Records": records }).to_string());
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    case
}

#[test]
fn a_terminal_gets_no_raw_control_characters_in_any_form() {
    if !has_terminal() {
        return;
    }
    let case = hostile();
    for form in ["table", "line", "text", "csv", "tsv", "json", "ndjson"] {
        for question in [
            "find",
            "find --columns error_message,agent,request_parameters",
            "sql 'SELECT error_message, request_parameters FROM cloudtrail'",
            "top agent",
            "who 192.0.2.9 -n 0",
            "timeline",
        ] {
            let shown = on_terminal(&case, 200, &format!("sawq {question} --format {form}"));
            assert!(shown.len() > 40, "{question} {form}: {shown}");
            assert_eq!(steers(&shown), None, "{question} {form}: {shown:?}");
        }
    }
    // JSON stays the same JSON; in a pipe all is as it is.
    let columns = ["find", "--columns", "error_message", "--json"];
    let piped = case.sawq(&columns);
    let shown = on_terminal(&case, 200, &format!("sawq {}", columns.join(" ")));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), piped.json());
    assert!(piped.text().contains('\u{202e}') && piped.text().contains('\u{9b}'));
    let csv = case.sawq(&["find", "--columns", "error_message", "--format", "csv"]);
    assert!(csv.text().contains('\u{1b}') && csv.text().contains('\u{202e}'));
}

#[test]
fn what_is_echoed_of_a_command_line_steers_nothing() {
    if !has_terminal() {
        return;
    }
    let case = hostile();
    let evil = "$'\\e]0;x\\a\\u202e\\u9b2J'";
    for line in [
        format!("sawq find --key {evil}"),
        format!("sawq find --port {evil}"),
        format!("sawq find --ip {evil}"),
        format!("sawq find --since {evil}"),
        format!("sawq find --columns {evil}"),
        format!("sawq find --log {evil}"),
        format!("sawq find --match \"(\"{evil}"),
        format!("sawq find {evil}"),
        format!("sawq find --{evil} x"),
        format!("sawq {evil}"),
        format!("sawq top {evil}"),
        format!("sawq top ip --by {evil}"),
        format!("sawq top ip -o {evil}"),
        format!("sawq tables {evil}"),
        format!("sawq man {evil}"),
        format!("sawq who {evil}"),
        format!("sawq sql \"SELECT \"{evil}"),
        format!("sawq --store {evil} tables"),
        format!("sawq ctsummarize 192.0.2.9 -o {evil}/x --user {evil}"),
        format!("sawq report -o {evil}.csv"),
    ] {
        let (shown, _) = on_terminal_of(&case, 500, 200, &format!("export PAGER=cat NO_COLOR=1; {line}"));
        assert!(shown.len() > 5, "{line}: {shown}");
        assert_eq!(steers(&shown), None, "{line}: {shown:?}");
    }
}

#[test]
fn no_cell_is_a_formula_if_that_is_asked_for() {
    let case = Case::new();
    let texts = ["=1+1", " =1+1", "\u{a0}@SUM(1)", "\u{ff1d}1", "\t=1", "\u{ff0b}1", "-1", "\u{ff20}x", "plain = 1"];
    let records: Vec<serde_json::Value> = texts
        .iter()
        .map(|text| {
            serde_json::json!({"eventTime": "2021-07-29T10:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": text,
                "sourceIPAddress": "192.0.2.9", "userAgent": text, "errorMessage": text, "userIdentity": {"userName": text, "accessKeyId": text}})
        })
        .collect();
    case.write("logs/trail.json", serde_json::json!({ "Records": records }).to_string());
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let is_formula = |cell: &str| {
        let cell = cell.trim_matches('"');
        let first = cell.chars().find(|char| !char.is_whitespace());
        first.is_some_and(|first| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(first))
    };
    good(case.sawq(&["ctsummarize", "192.0.2.9", "-o", "safe", "--no-formulas"]), &[]);
    good(case.sawq(&["ctsummarize", "192.0.2.9", "-o", "plain"]), &[]);
    let cells =
        |text: &str| text.lines().skip(1).flat_map(|line| line.split(',')).filter(|cell| is_formula(cell)).count();
    let read = |name: &str| fs::read_to_string(case.path(name)).unwrap();
    assert_eq!(cells(&read("safe/eventsummary.csv")), 0, "{}", read("safe/eventsummary.csv"));
    assert_eq!(cells(&read("plain/eventsummary.csv")), 8 * 5);
    let found = |more: &[&str]| {
        let ran = case.sawq(&[&["find", "--columns", "event_name,error_message", "--format", "csv"], more].concat());
        cells(ran.text())
    };
    assert_eq!((found(&["--no-formulas"]), found(&[])), (0, 16));
}

#[test]
fn records_of_several_logs_have_the_columns_of_events() {
    let case = Case::with(&evidence());
    let all: usize = case.sawq(&["find", "-c"]).text().trim().parse().unwrap();
    assert_eq!(all, 544);
    good(case.sawq(&["find", "-o", "all.csv"]), &[]);
    let text = fs::read_to_string(case.path("all.csv")).unwrap();
    assert_eq!(text.lines().count(), all + 1);
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    for name in [
        "time",
        "log",
        "actor",
        "src_ip",
        "operation",
        "target",
        "outcome",
        "error",
        "bytes",
        "source_file",
        "source_line",
    ] {
        assert!(header.contains(&name), "{header:?}");
    }
    // The same as the view has, in the order of the evidence, whatever the filters.
    for filter in [&["--ip", ATTACKER][..], &["--error", "*"], &["--log", "vpc"], &["--sort", "time", "--ip", ATTACKER]]
    {
        let columns = "time,log,actor,src_ip,operation,target,outcome,error,changes,bytes,source_file,source_line";
        let order = if filter[0] == "--sort" { "time, source_file, source_line" } else { "source_file, source_line" };
        let query = format!("SELECT {columns} FROM events ORDER BY {order}");
        let filters = if filter[0] == "--sort" { &filter[2..] } else { filter };
        let expected = case.sawq(&[&["sql", &query, "--format", "csv"], filters].concat());
        let found = case.sawq(&[&["find", "--columns", columns, "--format", "csv"], filter].concat());
        assert!(expected.text().lines().count() > 2, "{}", expected.err);
        assert_eq!(found.text(), expected.text(), "{filter:?} {}", found.err);
    }
    let some = case.sawq(&["find", "--columns", "user, target ,outcome", "--ip", ATTACKER, "--json"]);
    let rows = some.json();
    assert_eq!(rows.as_array().unwrap().len(), 156, "{}", some.err);
    assert!(rows.as_array().unwrap().iter().all(|row| row["target"].is_string()));
    // With --match and a limit, too.
    let matched =
        case.sawq(&["find", "--match", "README-RANSOM", "-n", "1", "--columns", "target,operation", "--format", "csv"]);
    assert_eq!(
        matched.text().lines().nth(1),
        Some("falsimentis-eng/README-RANSOM.txt,REST.PUT.OBJECT"),
        "{}",
        matched.err
    );
    // One log has its own columns.
    good(case.sawq(&["find", "--log", "cloudtrail", "-o", "ct.csv"]), &[]);
    assert!(
        fs::read_to_string(case.path("ct.csv")).unwrap().starts_with("event_version,")
            || fs::read_to_string(case.path("ct.csv")).unwrap().contains("request_parameters")
    );
    assert_eq!(case.sawq(&["find", "-n", "0"]).text().lines().count(), all);
}

#[test]
fn what_is_too_wide_for_the_screen_is_shown_as_records_or_cut() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&evidence());
    let wide = on_terminal(&case, 120, "sawq sql 'select * from cloudtrail limit 2'");
    assert!(wide.lines().count() < 120, "{} lines", wide.lines().count());
    assert!(wide.contains("event_name = "), "{wide}");
    for columns in [40, 60, 80, 120, 200] {
        for question in
            ["top ip", "top user_agent", "top bucket/key", "find --columns time,ip,operation,target", "tables"]
        {
            let shown = on_terminal(&case, columns, &format!("sawq {question} -q"));
            let is_table = !shown.lines().any(|line| line.contains(" = "));
            assert!(
                !is_table || shown.lines().all(|line| line.chars().count() <= columns),
                "{columns} {question}: {shown}"
            );
            if question == "top ip" {
                assert!(shown.contains(ATTACKER), "{shown}");
            }
            assert!(
                shown.lines().filter(|line| !line.is_empty()).all(|line| line.trim().chars().count() > 3),
                "{shown}"
            );
        }
    }
    // The type of a group is long, and each of its fields is needed.
    let described = on_terminal(&case, 100, "sawq sql 'DESCRIBE cloudtrail'");
    assert!(
        described.contains("STRUCT(type VARCHAR,") && described.split_whitespace().any(|word| word == "credential_id"),
        "{described}"
    );
    assert!(!described.contains('…') && described.lines().all(|line| line.chars().count() <= 100), "{described}");
    let cut = on_terminal(&case, 150, "sawq top user_agent");
    assert!(cut.contains('…') && cut.contains("--format line"), "{cut}");
    assert!(!case.sawq(&["top", "user_agent", "--format", "table"]).text().contains('…'));
    let records = case.sawq(&["top", "bucket", "--log", "s3", "-n", "1", "--format", "line"]);
    assert!(
        records.text().starts_with("        bucket = falsimentis-eng\n         count = 154\n"),
        "{}",
        records.text()
    );
}

#[test]
fn lines_of_who_and_the_timeline_are_broken_between_words() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&evidence());
    for question in ["who jmerckle", "who 3.238.12.183 -n 0", "timeline", "timeline --user jmerckle"] {
        let arguments: Vec<&str> = question.split(' ').chain(["-q"]).collect();
        let piped = good(case.sawq(&arguments), &arguments);
        let words: HashSet<&str> = piped.text().split_whitespace().collect();
        assert!(piped.text().lines().any(|line| line.chars().count() > 80), "{question}: {}", piped.text());
        for columns in [80, 100, 140] {
            let shown = on_terminal(&case, columns, &format!("sawq {question} -q"));
            for line in shown.lines() {
                assert!(line.chars().count() <= columns, "{columns} {question}: {line}");
                // Only a word that no line has room for is broken; what is cut has a …, which is not ASCII.
                let is_piece = |word: &str| words.iter().any(|of| of.len() > columns / 2 && of.contains(word));
                let long = line.split_whitespace().filter(|word| word.len() > 12 && word.is_ascii());
                long.for_each(|word| {
                    assert!(words.contains(word) || is_piece(word), "{columns} {question}: {word} in {line}");
                });
            }
        }
    }
}

#[test]
fn counts_have_commas_on_a_terminal_only() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&fixture());
    let shown = on_terminal(&case, 200, "sawq top ip");
    assert!(shown.contains("6,459,228"), "{shown}");
    for form in ["csv", "tsv", "json", "table", "line"] {
        assert!(case.sawq(&["top", "ip", "--format", form]).text().contains("6459228"), "{form}");
    }
    let shown = on_terminal(&case, 200, "sawq find --columns http_status,total_time,source_line -n 3");
    assert!(!shown.contains(','), "{shown}");
    // All columns that count something are alike, whatever their log calls them.
    let query = "SELECT 1234567 AS flow_bytes, 1234567 AS bytes_sent, 1234567 AS packets, 1234567 AS received_bytes, 1234567 AS \
                 request_count, 7654321 AS source_line, 7654321 AS src_port, 7654321 AS error_code";
    let shown = on_terminal(&case, 300, &format!("sawq sql \"{query}\""));
    assert_eq!((shown.matches("1,234,567").count(), shown.matches("7654321").count()), (5, 3), "{shown}");
    let shown = on_terminal(&case, 300, "sawq top operation --format line -n 3");
    let bytes = |name: &str| shown.lines().any(|line| line.contains(name) && line.contains(','));
    assert!(bytes("bytes_sent"), "{shown}");
    let many = Case::new();
    many.write("logs/many", random_log(&mut Numbers::new(5), 5000));
    assert_eq!(many.sawlog(&["convert", "logs", "-q"]).code, 0);
    let records = many.sawq(&["find", "-c", "-q", "--bucket", "bucket-a"]).text().trim().to_owned();
    let (thousands, rest) = records.split_at(records.len() - 3);
    let shown = on_terminal(&many, 100, "sawq who bucket-a --kind bucket");
    assert!(shown.contains(&format!("{thousands},{rest}")) && !shown.contains(&records), "{records}: {shown}");
    let piped = many.sawq(&["who", "bucket-a", "--kind", "bucket"]);
    assert!(piped.text().contains(&records), "{records}: {}", piped.text());
    // Sizes have the same unit everywhere.
    let who = case.sawq(&["who", ATTACKER]);
    assert!(who.text().contains("6.16 MiB"), "{}", who.text());
    let explained = case.sawq(&["find", "-c", "--explain", "--match", "x"]);
    assert!(explained.err.contains("iB, ") && !explained.err.contains(" kB"), "{}", explained.err);
}

#[test]
fn colours_are_for_terminals_unless_asked_otherwise() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&evidence());
    let question = ["find", "--columns", "time,operation,target,outcome", "--error", "*", "-n", "3"];
    let line = format!("sawq {} --format table", question.join(" ").replace('*', "'*'"));
    let shown = |before: &str, after: &str| on_terminal_of(&case, 500, 200, &format!("{before} {line} {after}")).0;
    let is_coloured = |text: &str| text.contains("\u{1b}[");
    assert!(is_coloured(&shown("", "")) && shown("", "").contains("\u{1b}[31mfailure"));
    assert!(!is_coloured(&shown("NO_COLOR=1", "")));
    assert!(!is_coloured(&shown("TERM=dumb", "")));
    assert!(!is_coloured(&shown("", "--color never")));
    assert!(is_coloured(&shown("NO_COLOR=1", "--color always")));
    let piped = |name: &str, value: &str, more: &[&str]| {
        let mut command = case.command("sawq", &[&question[..], &["--format", "table"], more].concat());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env(name, value);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(!is_coloured(&piped("X", "1", &[])));
    assert!(is_coloured(&piped("CLICOLOR_FORCE", "1", &[])));
    assert!(!is_coloured(&piped("CLICOLOR_FORCE", "0", &[])));
    assert!(is_coloured(&piped("X", "1", &["--color", "always"])));
    // Data have no colours, and files have none.
    for form in ["csv", "tsv", "json", "ndjson"] {
        let shown = on_terminal_of(&case, 500, 200, &format!("{} --color always", line.replace("table", form))).0;
        assert!(!is_coloured(&shown), "{form}");
    }
    // So has the text of other commands: what failed, what changed something, headings.
    for (command, styles) in [
        ("sawq timeline --user jmerckle", &["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[1m2021-07-29"][..]),
        ("sawq who jmerckle", &["\u{1b}[31m5 failed", "\u{1b}[1mjmerckle", "\u{1b}[1moperations"]),
    ] {
        let shown = on_terminal_of(&case, 500, 200, command).0;
        assert!(styles.iter().all(|style| shown.contains(style)), "{command}: {shown}");
        let plain = on_terminal_of(&case, 500, 1000, &format!("NO_COLOR=1 {command}")).0;
        assert!(!is_coloured(&plain), "{command}: {plain}");
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        assert_eq!(case.sawq(&arguments).text(), plain, "{command}");
    }
    good(case.sawq(&[&question[..], &["--color", "always", "-o", "x.txt", "--format", "table"]].concat()), &[]);
    assert!(!is_coloured(&fs::read_to_string(case.path("x.txt")).unwrap()));
}

#[test]
fn long_output_goes_to_a_pager_on_a_terminal_only() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&fixture());
    let long = "sawq find --log s3";
    let shown = |rows: usize, line: &str| on_terminal_of(&case, rows, 100, line);
    let paged = |text: &str| text.lines().filter(|line| line.starts_with("PAGED:")).count();
    for variable in ["SAWLOG_PAGER", "PAGER"] {
        let (text, code) = shown(24, &format!("export {variable}='sed s/^/PAGED:/'; {long}"));
        assert_eq!((paged(&text), code), (154, 0), "{variable}");
    }
    let both = "export SAWLOG_PAGER='sed s/^/PAGED:/' PAGER=false;";
    assert_eq!(paged(&shown(24, &format!("{both} {long}")).0), 154);
    // As much as the screen holds needs none.
    assert_eq!(paged(&shown(24, &format!("{both} {long} -n 2")).0), 0);
    assert_eq!(paged(&shown(24, &format!("{both} sawq sql 'SELECT * FROM generate_series(1, 22)'")).0), 0);
    assert_eq!(paged(&shown(24, &format!("{both} sawq sql 'SELECT * FROM generate_series(1, 23)'")).0), 24);
    for (before, after) in [
        ("", "--no-pager"),
        ("PAGER=cat SAWLOG_PAGER=cat", ""),
        ("SAWLOG_PAGER=", ""),
        ("TERM=dumb", ""),
        ("", "| cat"),
    ] {
        let (text, _) = shown(24, &format!("{both} {before} {long} {after}"));
        assert_eq!((paged(&text), text.lines().count()), (0, 154), "{before} {after}");
    }
    // A pager that is left early ends all quietly.
    let (text, code) = shown(24, &format!("export PAGER='head -3'; {long}; echo status $?"));
    assert!(code == 0 && text.ends_with("status 0\n") && text.lines().count() == 4, "{text}");
    // git's pager, where it is installed.
    let (text, code) = shown(24, &format!("export LESS=EX; less --version > /dev/null && {long} | head -1"));
    assert_eq!((code, text.lines().count()), (0, 1), "{text}");
}

/// Every command, and what it needs.
const COMMANDS: [&[&str]; 20] = [
    &["find"],
    &["find", "-c"],
    &["find", "--format", "table"],
    &["find", "--format", "line"],
    &["find", "--format", "csv"],
    &["find", "--format", "parquet"],
    &["find", "--format", "arrows"],
    &["find", "--json"],
    &["top", "request_id", "-n", "0"],
    &["who", ATTACKER],
    &["who", ATTACKER, "--json"],
    &["timeline", "--expand"],
    &["s3logparse", "topfiles"],
    &["sql", "SELECT * FROM events"],
    &["tables"],
    &["tables", "cloudtrail"],
    &["man"],
    &["man", "find"],
    &["completions", "bash"],
    &["completions", "zsh"],
];

#[test]
fn whoever_reads_may_stop_and_a_full_disk_is_an_error() {
    let case = Case::with(&evidence());
    for arguments in COMMANDS {
        let mut command = case.command("sawq", arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{arguments:?}: {said}");
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = case.command("sawq", arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("can't write to standard output: No space left"), "{arguments:?}: {said}");
    }
    // Notes that nobody can read don't cost the result.
    for arguments in
        [&["top", "ip"][..], &["top", "user", "--explain"], &["find", "--columns", "user"], &["sql", "SELECT 1"]]
    {
        let answer = case.command("sawq", arguments).output().unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = case.command("sawq", arguments).stdout(Stdio::piped()).stderr(full).output().unwrap();
        assert!(output.status.success() && !answer.stdout.is_empty(), "{arguments:?}");
        assert_eq!(output.stdout, answer.stdout, "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["find", "--help"], &["-h"], &["--version"], &["help", "sql"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = case.command("sawq", arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("can't write to standard output: No space left"), "{arguments:?}: {said}");
    }
    for arguments in [&["--help"][..], &["find", "--help"], &["--version"], &["find", "--nonsense"]] {
        let mut command = case.command("sawq", arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stderr.take());
        let code = child.wait().unwrap().code();
        assert!(code == Some(0) || code == Some(2), "{arguments:?}: {code:?}");
    }
}

#[test]
fn a_bad_value_of_any_option_is_status_2() {
    let case = Case::with(&evidence());
    for (arguments, said) in [
        (&["find", "--port", "abc"][..], "abc"),
        (&["find", "--ip", "999.1.1.1"], "999.1.1.1"),
        (&["top", "user", "--ip", "10.0.0.0/99"], "10.0.0.0/99"),
        (&["find", "--since", "2021-13-45"], "2021-13-45"),
        (&["timeline", "--until", "yesterday"], "yesterday"),
        (&["find", "--match", "("], "("),
        (&["find", "--columns", "user_agnet"], "did you mean 'user_agent'?"),
        (&["top", "user_agnet"], "did you mean 'user_agent'?"),
        (&["top", "no_such_thing_at_all"], "no_such_thing_at_all"),
        (&["find", "--log", "cloud"], "cloud"),
        (&["s3logparse", "topfiles", "--log", "cloudtrail"], "cloudtrail"),
        (&["tables", "s4"], "s4"),
        (&["tables", "--log", "s4"], "s4"),
        (&["who", "x", "--kind", "alien"], "alien"),
        (&["top", "ip", "--by", "size"], "size"),
        (&["find", "--sort", "name"], "name"),
        (&["find", "-n", "many"], "many"),
        (&["find", "--format", "xlsx"], "xlsx"),
        (&["find", "--color", "red"], "red"),
        (&["man", "nothing"], "nothing"),
        (&["ctsummarize", "-o", "x"], "whose events?"),
    ] {
        let ran = case.sawq(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.starts_with("error: ") && ran.err.contains(said), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("--help"), "{}", ran.err);
        assert!(ran.out.is_empty());
    }
    // A few names, not all of them.
    let wrong = case.sawq(&["find", "--columns", "username"]);
    assert!(wrong.err.contains("user_identity.user_name") && wrong.err.len() < 600, "{}", wrong.err);
    // What is no fault of the command line is status 1.
    assert_eq!(case.sawq(&["find", "--store", "nowhere"]).code, 1);
    assert_eq!(case.sawq(&["sql", "SELEC 1"]).code, 1);
}

#[test]
fn each_command_has_a_page_and_examples() {
    let case = Case::new();
    let commands =
        ["s3logparse", "ctsummarize", "top", "who", "report", "timeline", "find", "tables", "completions", "man"];
    for command in commands.iter().chain(&["sql"]) {
        let page = good(case.sawq(&["man", command]), &[command]);
        assert!(page.text().contains(".TH sawq-") && page.text().contains(".SH OPTIONS"), "{command}");
        let help = good(case.sawq(&[command, "--help"]), &[command]);
        assert!(*command == "sql" || help.text().contains(&format!("Examples:\n  sawq {command}")), "{}", help.text());
        let lists_filters = help.text().contains("--access-key");
        assert_eq!(lists_filters, !["man", "completions", "tables"].contains(command), "{command}: {}", help.text());
    }
    assert!(case.sawq(&["tables", "--help"]).text().contains("--log"));
    // The root's page names pages that exist.
    let page = good(case.sawq(&["man"]), &[]);
    let named: Vec<&str> =
        page.text().lines().filter_map(|line| line.strip_prefix("sawq\\-")?.strip_suffix("(1)")).collect();
    assert!(named.len() >= 11, "{named:?}");
    for name in named {
        assert!(name == "help" || case.sawq(&["man", name]).code == 0, "{name}");
    }
    let find = case.sawq(&["find", "--help"]);
    for word in ["--columns takes", "target", "user_identity.type"] {
        assert!(find.text().contains(word), "{}", find.text());
    }
    let all = case.sawq(&["--help"]);
    for word in ["A leading ! excludes", "to match either value", "glob"] {
        assert!(all.text().contains(word), "{}", all.text());
    }
}

#[test]
fn words_that_are_no_option_get_a_hint() {
    let case = Case::with(&fixture());
    for (arguments, hint) in [
        (&["find", ATTACKER][..], "--ip 3.238.12.183"),
        (&["find", "10.0.0.0/8"], "--ip 10.0.0.0/8"),
        (&["timeline", "PutUserPolicy"], "--operation PutUserPolicy"),
        (&["find", "Put*"], "--operation 'Put*'"),
        (&["find", "AKIAIOSFODNN7EXAMPLE"], "--access-key AKIAIOSFODNN7EXAMPLE"),
        (&["top", "ip", "us-west-1"], "--region us-west-1"),
        (&["find", "2021-07-29"], "--since 2021-07-29"),
        (&["find", "--not-ip", "10.0.0.1"], "'--ip=!10.0.0.1'"),
        (&["find", "--no-user=ann"], "'--user=!"),
        (&["find", "--file", "x.csv"], "-o FILE"),
        (&["find", "--limit", "3"], "-n N"),
        (&["find", "--grep", "x"], "--match"),
        (&["find", "--errors"], "--failed"),
        (&["timeline", "--tz", "Europe/Berlin"], "times are in UTC; --since and --until take an offset"),
        (&["top", "ip", "user"], "columns are joined: top ip/user"),
        (&["top", "ip", "3.238.12.183"], "filters are options: --ip 3.238.12.183"),
        (&[ATTACKER], "sawq who 3.238.12.183"),
        (&["s3logparse"], "topuploaders"),
    ] {
        let ran = case.sawq(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(hint), "{arguments:?} said {}", ran.err);
    }
    let functions = case.sawq(&["s3logparse"]);
    for name in ["useragent", "toptalkers", "topuploaders", "topdownloaders", "topfiles"] {
        assert!(functions.err.contains(name), "{}", functions.err);
    }
}

#[test]
fn tables_show_tables_or_the_columns_of_one() {
    if !has_terminal() {
        return;
    }
    let case = Case::with(&evidence());
    let shown = on_terminal(&case, 160, "sawq tables");
    assert!(
        shown.lines().count() < 20 && shown.contains("cloudtrail") && shown.contains("sawq tables TABLE"),
        "{shown}"
    );
    // As 'sawlog status' has them; other programs get numbers.
    assert!(shown.contains(" KiB") && shown.contains("size"), "{shown}");
    let csv = good(case.sawq(&["tables", "--format", "csv"]), &[]);
    assert!(csv.text().contains(",bytes,") && !csv.text().contains("iB"), "{}", csv.text());
    for (name, table) in [("cloudtrail", "cloudtrail"), ("s3", "s3_access"), ("VPC", "vpc_flow"), ("events", "events")]
    {
        let ran = good(case.sawq(&["tables", name, "--format", "csv", "--no-header"]), &[name]);
        assert!(
            ran.text().lines().count() > 10 && ran.text().lines().all(|line| line.starts_with(&format!("{table},")))
        );
    }
    let only = good(case.sawq(&["tables", "--log", "s3", "--json"]), &[]).json();
    assert_eq!((only.as_array().unwrap().len(), &only[0]["rows"]), (1, &serde_json::json!(199)), "{only}");
    let both = good(case.sawq(&["tables", "--log", "s3"]), &[]);
    assert!(both.text().contains("\nkey\t") || both.text().contains("s3_access\tkey\t"), "{}", both.text());
    assert!(!both.text().contains("cloudtrail\t"), "{}", both.text());
}

#[test]
fn one_word_names_what_is_written() {
    let case = Case::with(&evidence());
    for (option, folder) in [("-o", "a"), ("--output", "b"), ("--out", "c")] {
        good(case.sawq(&["ctsummarize", ATTACKER, option, folder]), &[option]);
        assert_eq!(fs::read_dir(case.path(folder)).unwrap().count(), 5);
        let page = format!("{folder}.html");
        good(case.sawq(&["report", option, &page]), &[option]);
        assert!(fs::read_to_string(case.path(&page)).unwrap().contains("<html"));
        good(case.sawq(&["top", "ip", option, &format!("{folder}.csv")]), &[option]);
    }
    let again = case.sawq(&["ctsummarize", ATTACKER, "-o", "a"]);
    assert!(again.code == 1 && again.err.contains("--force"), "{}", again.err);
    good(case.sawq(&["ctsummarize", ATTACKER, "-o", "a", "--force"]), &[]);
    assert_eq!(fs::read_dir(case.path("a")).unwrap().count(), 5);
    for command in ["report", "ctsummarize"] {
        let help = case.sawq(&[command, "--help"]);
        assert!(help.text().contains("-o, --output") && !help.text().contains("--out "), "{}", help.text());
    }
}
