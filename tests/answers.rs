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
