//! Errors of data files are known by their types, not by their words.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sawlog_tests::{Case, Numbers, random_log};

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// A store of some days of S3 records, of whose data files one has damaged pages; and that one.
fn damaged() -> (Case, PathBuf) {
    let case = Case::new();
    for log in 0..4 {
        case.write(&format!("logs/{log}"), random_log(&mut Numbers::new(log), 400));
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    }
    let mut files = walk(&case.path("sawlog-store/s3_access"));
    files.retain(|path| path.extension().is_some_and(|ending| ending == "parquet"));
    files.sort();
    let path = files.pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // Pages are at least a quarter of the file.
    let end = bytes.len() / 4;
    bytes[4..end].iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    fs::write(&path, bytes).unwrap();
    (case, path)
}

#[test]
fn whoever_reads_a_damaged_data_file_names_it_once() {
    let (case, path) = damaged();
    let file = path.file_name().unwrap().to_str().unwrap().to_owned();
    let asked: [&[&str]; 4] = [
        &["find", "--sort", "time"],
        &["sql", "SELECT count(DISTINCT request_id) FROM s3_access"],
        &["top", "request_id"],
        &["timeline"],
    ];
    let asked = asked.iter().map(|question| (question.join(" "), case.sawq(question)));
    let done = ["reindex", "compact", "verify"].map(|command| (command.to_owned(), case.sawlog(&[command])));
    for (command, ran) in asked.chain(done) {
        assert_eq!(ran.code, 1, "{command}: {}", ran.err);
        let line = ran.err.lines().find(|line| line.contains(&file)).unwrap_or_else(|| panic!("{}", ran.err));
        assert_eq!(line.matches(&file).count(), 1, "{line}");
        assert!(line.contains("damaged"), "{line}");
    }
}

/// Words such as these once made a whole store be looked through.
#[test]
fn a_mistake_in_a_query_is_no_damage_whatever_it_says() {
    let (case, path) = damaged();
    let file = path.file_name().unwrap().to_str().unwrap();
    for query in ["SELECT CAST('Parquet error' AS INT)", "SELECT \"Arrow internal error\" FROM s3_access"] {
        let ran = case.sawq(&["sql", query]);
        assert!(ran.code == 1 && !ran.err.contains(file), "{}", ran.err);
    }
}

/// Whoever reads from us may go at any time.
#[test]
fn a_reader_that_is_gone_is_no_error() {
    let case = Case::new();
    case.write("logs/log", random_log(&mut Numbers::new(5), 5000));
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    for format in ["table", "csv", "ndjson"] {
        let mut command = case.command("sawq", &["find", "--format", format]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let ran = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() && said.is_empty(), "{format}: {:?} {said}", ran.status);
    }
}
