//! Nothing is left out of an answer, and what it names is what the logs have: columns of several logs, addresses with ports,
//! both ends of a request, sums beyond 64 bits, names of files, answers without rows.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
