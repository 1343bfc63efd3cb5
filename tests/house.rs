//! How the house is built: a log is named where it is described, and nowhere else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sawlog_tests::repository;

/// What logs are called in code: their tables, and their modules.
const LOGS: [&str; 4] = ["s3_access", "cloudtrail", "vpc_flow", "alb_access"];

/// Files outside of a log's own module that name one, and why.
const EXCEPTIONS: [(&str, &str); 16] = [
    ("sawlog-formats/src/lib.rs", "names the modules"),
    ("sawlog-formats/src/registry.rs", "is the list of logs"),
    ("sawlog-formats/src/logs/mod.rs", "is their folder"),
    ("sawlog-formats/src/reader.rs", "takes digests for no log"),
    ("sawlog-formats/src/envelope/tell.rs", "knows flow logs whose fields are given, or have no header"),
    ("sawlog-formats/src/identify.rs", "tells files that are not read from those that are"),
    ("sawlog-convert/src/digests.rs", "validates CloudTrail's digest files"),
    ("sawlog-convert/src/convert/flow_parquet.rs", "reads the Parquet files that AWS delivers of flow logs only"),
    ("sawlog-convert/src/convert/worker.rs", "reads those, too"),
    ("sawlog-convert/src/convert/options.rs", "keeps --vpc-fields"),
    ("sawlog-convert/src/convert/tell.rs", "tells files by --vpc-fields, and digests"),
    ("sawlog/src/cli.rs", "has --vpc-fields and --cloudtrail-digests"),
    ("sawq/src/lib.rs", "runs the commands about one log: s3logparse and ctsummarize"),
    ("sawq/src/s3logparse.rs", "is the tool for S3 logs"),
    ("sawq/src/cli.rs", "has examples of logs"),
    ("sawq/src/functions.rs", "has a function of SQL that is named after S3 logs"),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Code without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The logs that a file names, as whole words.
fn named(code: &str) -> Vec<&'static str> {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let words = |log: &str| {
        code.match_indices(log).any(|(at, _)| {
            let (before, after) = (&code[..at], &code[at + log.len()..]);
            !before.ends_with(is_part) && !after.starts_with(is_part)
        })
    };
    LOGS.into_iter().filter(|log| words(log)).collect()
}

#[test]
fn logs_are_named_where_they_are_described() {
    let crates = repository().join("crates");
    let mut files = Vec::new();
    rust_files(&crates, &mut files);
    assert!(files.len() > 150, "only {} files", files.len());
    let mut naming = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix(&crates).unwrap().to_str().unwrap().to_owned();
        let is_of_a_log = LOGS.iter().any(|log| path.contains(&format!("/{log}/")));
        let is_code = path.contains("/src/") && !path.ends_with("/tests.rs");
        let logs = named(&code(&fs::read_to_string(&file).unwrap()));
        if is_code && !is_of_a_log && !logs.is_empty() {
            naming.insert(path, logs);
        }
    }
    let excepted: BTreeMap<&str, &str> = EXCEPTIONS.into_iter().collect();
    for (path, logs) in &naming {
        assert!(excepted.contains_key(path.as_str()), "{path} names {logs:?}: say it by a role of the format");
    }
    for (path, why) in excepted {
        assert!(naming.contains_key(path), "{path} ({why}) names no log any more: take it off the list");
    }
}

#[test]
fn names_are_found_as_words() {
    let text = "//! cloudtrail\nuse a::cloudtrail;\nlet x = s3_access_key();\n#[cfg(test)]\nmod t { vpc_flow }\n";
    assert_eq!(named(&code(text)), ["cloudtrail"]);
}
