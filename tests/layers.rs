//! How the libraries are built up: no module needs one that needs it, and errors are known by their types.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sawlog_tests::{Case, Numbers, random_log};

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// For each module at the top of a crate, the others that it names.
fn named_modules(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let is_code = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs");
    let files = walk(source).into_iter().filter(is_code);
    let top = |path: &Path| {
        let first = path.strip_prefix(source).unwrap().components().next().unwrap().as_os_str().to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    };
    let files: Vec<(String, String)> =
        files.map(|path| (top(&path), fs::read_to_string(path).unwrap())).filter(|(top, _)| top != "lib").collect();
    let all: BTreeSet<&String> = files.iter().map(|(top, _)| top).collect();
    let given = given_out(&fs::read_to_string(source.join("lib.rs")).unwrap());
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (top, text) in &files {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        let code = code.join("\n");
        let one =
            code.split("crate::").skip(1).map(|rest| rest.split(|char| !is_word(char)).next().unwrap_or_default());
        let several = code.split("use crate::{").skip(1).filter_map(|rest| rest.split(';').next());
        let several = several.flat_map(|list| list.split(|char| !is_word(char)));
        let module = |name: &str| match given.get(name) {
            Some(module) if !all.contains(&name.to_owned()) => module.clone(),
            _ => name.to_owned(),
        };
        let others = one.chain(several).map(module).filter(|other| other != top && all.contains(other));
        named.entry(top.clone()).or_default().extend(others);
    }
    named
}

/// For each name that the front page of a crate gives out the module that it is of.
fn given_out(front_page: &str) -> BTreeMap<String, String> {
    let lists = front_page.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()?.split_once("::"));
    let names = lists.flat_map(|(module, names)| names.split(|char| !is_word(char)).map(move |name| (name, module)));
    let names = names.filter(|(name, _)| !name.is_empty());
    names.map(|(name, module)| (name.to_owned(), module.to_owned())).collect()
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[test]
fn modules_of_a_library_do_not_need_each_other() {
    for library in ["sawlog-formats", "sawlog-store"] {
        let mut left =
            named_modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(library).join("src"));
        assert!(left.len() > 20, "{library}");
        // Whoever needs nothing that is left goes, until nobody is left.
        while !left.is_empty() {
            let lowest = |(_, needs): &(&String, &BTreeSet<String>)| needs.iter().all(|need| !left.contains_key(need));
            let gone: Vec<String> = left.iter().filter(lowest).map(|(name, _)| name.clone()).collect();
            assert!(!gone.is_empty(), "{library} has a cycle among {left:#?}");
            left.retain(|name, _| !gone.contains(name));
        }
    }
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
    let end = bytes.len() / 2;
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
