//! Stores that earlier builds wrote: read, verified, added to and compacted like new ones.
//!
//! `fixtures/stores/vN/store` is a store of version N of the format, `logs` a file that it does not have yet, and
//! `expected` what the build that wrote it answered, but for what was wrong then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sawlog_tests::{Case, Ran, repository};

fn stores() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("fixtures/stores")).unwrap();
    let mut stores: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    stores.sort();
    stores
}

/// The case with a copy of a store.
fn copied(version: &Path) -> Case {
    let case = Case::new();
    let copied = Command::new("cp").arg("-a").arg(version.join("store")).arg(case.path("sawlog-store")).status();
    assert!(copied.unwrap().success());
    case
}

fn good(ran: &Ran, what: &str) {
    assert_eq!(ran.code, 0, "{what}: {}", ran.err);
}

/// The questions whose answers are in `expected`, by the name of the file.
const QUESTIONS: [(&str, &[&str]); 9] = [
    ("count.txt", &["find", "-c"]),
    ("s3.log", &["find", "--log", "s3"]),
    ("trail.ndjson", &["find", "--log", "cloudtrail"]),
    ("flows.log", &["find", "--log", "vpc"]),
    ("toptalkers.txt", &["s3logparse", "toptalkers"]),
    ("topfiles.txt", &["s3logparse", "topfiles"]),
    ("useragent.txt", &["s3logparse", "useragent"]),
    ("address.txt", &["find", "--ip", "3.238.12.183"]),
    (
        "status.csv",
        &["sql", "select http_status, count(*) as n from s3_access group by 1 order by 1", "--format", "csv"],
    ),
];

fn check_answers(case: &Case, version: &Path) {
    for (file, question) in QUESTIONS {
        let ran = case.sawq(question);
        good(&ran, file);
        let expected = fs::read_to_string(version.join("expected").join(file)).unwrap();
        assert!(ran.text() == expected, "{file} of {}: {}", version.display(), ran.text());
    }
}

#[test]
fn they_answer_as_they_did() {
    for version in stores() {
        let case = copied(&version);
        check_answers(&case, &version);
        good(&case.sawlog(&["verify"]), "verify");
        good(&case.sawlog(&["status"]), "status");
        for question in
            [&["top", "ip"][..], &["top", "user"], &["who", "3.238.12.183"], &["timeline"], &["top", "error"]]
        {
            good(&case.sawq(question), question[0]);
        }
    }
}

#[test]
fn the_index_of_old_files_is_a_shortcut_to_the_same_answers() {
    for version in stores() {
        let case = copied(&version);
        let ask = |case: &Case| -> Vec<String> {
            let tops = ["ip", "user", "operation", "error", "access_key", "region", "user_agent", "bucket", "account"];
            let answers = tops.map(|column| {
                let ran = case.sawq(&["top", column, "-n", "0", "--format", "csv"]);
                good(&ran, column);
                ran.text().to_owned()
            });
            answers.to_vec()
        };
        let before = ask(&case);
        good(&case.sawlog(&["reindex", "-q"]), "reindex");
        assert_eq!(before, ask(&case), "{}", version.display());
        good(&case.sawlog(&["verify"]), "verify");
    }
}

#[test]
fn they_are_added_to_and_compacted() {
    for version in stores() {
        let case = copied(&version);
        let logs = version.join("logs");
        good(&case.sawlog(&["convert", logs.to_str().unwrap(), "-q"]), "convert");
        let all = case.sawq(&["find", "-c"]);
        let before: u64 = fs::read_to_string(version.join("expected/count.txt")).unwrap().trim().parse().unwrap();
        let lines =
            fs::read_dir(&logs).unwrap().map(|log| fs::read_to_string(log.unwrap().path()).unwrap().lines().count());
        assert_eq!(all.text(), format!("{}\n", before + lines.sum::<usize>() as u64));
        good(&case.sawlog(&["verify"]), "verify after convert");
        good(&case.sawlog(&["compact", "-q"]), "compact");
        assert_eq!(case.sawq(&["find", "-c"]).text(), all.text());
        good(&case.sawlog(&["verify"]), "verify after compact");
        good(&case.sawlog(&["compact", "-q", "--retain", "0"]), "compact");
        assert_eq!(case.sawq(&["find", "-c"]).text(), all.text());
    }
}

#[test]
fn a_table_that_is_lost_is_told() {
    for version in stores() {
        for table in ["s3_access", "cloudtrail", "vpc_flow", "sources"] {
            for lost in [table.to_owned(), format!("{table}/_delta_log")] {
                let case = copied(&version);
                fs::remove_dir_all(case.path("sawlog-store").join(&lost)).unwrap();
                let ran = case.sawq(&["top", "log"]);
                assert!(ran.code == 1 && ran.text().is_empty(), "without {lost}: {} {}", ran.text(), ran.err);
            }
        }
    }
}

/// The newest commit of a store's ledger, and the line of it that says what the commit is.
fn newest_commit(case: &Case) -> (PathBuf, String) {
    let commits =
        fs::read_dir(case.path("sawlog-store/sources/_delta_log")).unwrap().map(|entry| entry.unwrap().path());
    let newest = commits.filter(|path| path.extension().is_some_and(|end| end == "json")).max().unwrap();
    let text = fs::read_to_string(&newest).unwrap();
    (newest, text)
}

#[test]
fn an_upgrade_changes_no_answer_and_is_done_once() {
    for version in stores() {
        let case = copied(&version);
        let ran = case.sawlog(&["upgrade"]);
        good(&ran, "upgrade");
        let is_old = version.ends_with("v1");
        assert!(ran.err.contains(if is_old { "indexed again" } else { "nothing to do" }), "{}", ran.err);
        assert!(newest_commit(&case).1.contains("\"sawlog.format\":2"));
        check_answers(&case, &version);
        good(&case.sawlog(&["verify"]), "verify");
        let ran = case.sawlog(&["upgrade"]);
        good(&ran, "upgrade again");
        assert!(ran.err.contains("nothing to do"), "{}", ran.err);
        good(&case.sawlog(&["convert", version.join("logs").to_str().unwrap()]), "convert");
        good(&case.sawlog(&["verify"]), "verify");
    }
}

#[test]
fn a_newer_store_is_refused_by_its_format() {
    let case = Case::new();
    case.write("log", "2 111122223333 eni-1 192.0.2.1 192.0.2.2 1 2 6 1 40 1714564800 1714564860 ACCEPT OK\n");
    good(&case.sawlog(&["convert", "log"]), "convert");
    let (path, text) = newest_commit(&case);
    fs::write(&path, text.replace("\"sawlog.format\":2", "\"sawlog.format\":3000")).unwrap();
    for program in ["sawlog", "sawq"] {
        let questions: &[&[&str]] = match program {
            "sawlog" => &[
                &["status"],
                &["verify"],
                &["convert", "log"],
                &["compact"],
                &["reindex"],
                &["upgrade"],
                &["manifest"],
            ],
            _ => &[&["find", "-c"], &["top", "ip"], &["timeline"], &["sql", "select count(*) from events"]],
        };
        for question in questions {
            let ran: Ran = case.command(program, question).output().unwrap().into();
            assert_eq!(ran.code, 1, "{question:?}: {}", ran.err);
            assert!(ran.err.contains("format 3000") && ran.err.contains("newer sawlog"), "{question:?}: {}", ran.err);
        }
    }
    // Nothing was changed by those who do not know it.
    assert_eq!(newest_commit(&case).0, path);
}
