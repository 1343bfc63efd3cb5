//! How the code is built: a log is named where it is described, and nowhere else; and modules have no import cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sawlog_tests::repository;

/// What logs are called in code: their tables, and their modules.
const LOGS: [&str; 4] = ["s3_access", "cloudtrail", "vpc_flow", "alb_access"];

/// Files outside of a log's own module that name one, and why.
const EXCEPTIONS: [(&str, &str); 19] = [
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
    ("sawlog-query/src/s3logparse.rs", "is the tool for S3 logs"),
    ("sawlog-query/src/sql/functions.rs", "has a function of SQL that is named after S3 logs"),
    ("sawq/src/cli.rs", "has examples of logs"),
    ("sawq/src/commands/ctsummarize.rs", "is the command about CloudTrail"),
    ("sawq/src/commands/find.rs", "has examples of logs"),
    ("sawq/src/commands/s3logparse.rs", "is the command about S3 logs"),
    ("sawq/src/commands/tables.rs", "has examples of logs"),
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

/// The names of modules that code names behind `crate::`, one or several of them in braces.
fn used(code: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let mut found = BTreeSet::new();
    for (at, word) in code.match_indices("crate::") {
        let rest = &code[at + word.len()..];
        if code[..at].ends_with(|char| is_part(char) || char == ':') {
            continue;
        }
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(rest.split(|char| !is_part(char)).next().unwrap_or_default().to_owned());
            continue;
        };
        let (mut depth, mut name) = (0, String::new());
        for char in list.chars() {
            match char {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => drop(found.insert(std::mem::take(&mut name))),
                _ if depth == 0 && !char.is_whitespace() => name.push(char),
                _ => {}
            }
        }
        found.insert(name);
        let whole: Vec<String> = found.iter().filter(|name| name.contains(':')).cloned().collect();
        for name in whole {
            found.remove(&name);
            found.insert(name.split(':').next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// For each name that the front page of a crate gives out the module that it is of.
fn given_out(front_page: &str) -> BTreeMap<String, String> {
    let lists = front_page.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()?.split_once("::"));
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let names =
        lists.flat_map(|(module, names)| names.split(move |char| !is_part(char)).map(move |name| (name, module)));
    names.map(|(name, module)| (name.to_owned(), module.to_owned())).collect()
}

/// Which top-level modules of a crate each of them uses.
fn uses(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    rust_files(source, &mut files);
    files.retain(|file| !file.ends_with("tests.rs"));
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix(source).unwrap().with_extension("");
        let module = path.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        if !["lib", "main"].contains(&module.as_str()) {
            uses.entry(module).or_default().extend(used(&code(&fs::read_to_string(&file).unwrap())));
        }
    }
    let modules: BTreeSet<String> = uses.keys().cloned().collect();
    let given = given_out(&fs::read_to_string(source.join("lib.rs")).unwrap());
    for (module, used) in &mut uses {
        let is_item = |name: &&String| !modules.contains(*name);
        let of_items: Vec<String> = used.iter().filter(is_item).filter_map(|name| given.get(name).cloned()).collect();
        used.extend(of_items);
        used.retain(|name| name != module && modules.contains(name));
    }
    uses
}

/// The modules that use each other, round about: for each such ring its modules.
fn cycles(uses: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &str| {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = vec![from];
        while let Some(module) = next.pop() {
            for used in uses.get(module).into_iter().flatten() {
                if reached.insert(used.as_str()) {
                    next.push(used);
                }
            }
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = uses.keys().map(|module| (module.as_str(), reached(module))).collect();
    let ring = |module: &&str| {
        let ring = all[module].iter().filter(|other| all.get(*other).is_some_and(|back| back.contains(module)));
        ring.map(|other| (*other).to_owned()).collect::<BTreeSet<String>>()
    };
    all.keys().map(ring).filter(|ring| ring.len() > 1).collect()
}

#[test]
fn no_modules_use_each_other_round_about() {
    let crates = repository().join("crates");
    for entry in fs::read_dir(&crates).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let uses = uses(&crates.join(&name).join("src"));
        if let Some(cycle) = cycles(&uses).pop_first() {
            let among = uses.iter().filter(|(module, _)| cycle.contains(*module));
            let among: Vec<String> = among.map(|(module, used)| format!("{module} uses {:?}", used & &cycle)).collect();
            panic!("{name}: a cycle of imports: {}", among.join("; "));
        }
    }
}

#[test]
fn cycles_are_found_whatever_imports_look_like() {
    let code =
        "use crate::{a, b::{self, c}, d};\nuse crate::e::f;\nlet x = crate::g::h(); other_crate::i(); use super::j;";
    assert_eq!(used(code).into_iter().collect::<Vec<_>>(), ["a", "b", "d", "e", "g"]);
    let uses = |all: &[(&str, &[&str])]| -> BTreeMap<String, BTreeSet<String>> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        all.iter().map(|(module, used)| ((*module).to_owned(), owned(used))).collect()
    };
    assert!(cycles(&uses(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])).is_empty());
    let found = cycles(&uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [BTreeSet::from(["a", "b", "c"].map(str::to_owned))]);
}
