//! Compaction: the same answers from few files, whatever the runs before were.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sawlog_tests::{Case, Numbers, binary, random_log};
use serde_json::Value;

/// An event and a flow, in files of their own.
fn write_small_files(case: &Case, folder: &str, run: usize) {
    let mut numbers = Numbers::new(run as u64);
    case.write(&format!("{folder}/s3-{run:03}"), random_log(&mut numbers, 20));
    let time = format!("2021-07-{:02}T00:00:{:02}Z", 29 + run % 3, run % 60);
    let event = format!(
        r#"{{"eventTime":"{time}","eventName":"Get{run}","sourceIPAddress":"192.0.2.{}","resources":[{{"ARN":"arn:{run}"}}],"userIdentity":{{"arn":"arn:{run}"}}}}"#,
        run % 5
    );
    case.write(&format!("{folder}/trail-{run:03}.json"), format!("{{\"Records\":[{event},{{\"no\":\"record\"}}]}}"));
    let flow = format!("start srcaddr dstaddr\n{} 192.0.2.1 192.0.2.{}\n", 1_627_560_000 + run * 3600, run % 9);
    case.write(&format!("{folder}/flow-{run:03}"), flow);
}

/// Data files on the disk.
fn data_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let of_logs = entries.filter(|entry| entry.file_name() != "_delta_log");
    of_logs
        .map(|entry| match entry.path() {
            path if path.is_dir() => data_files(&path),
            path => usize::from(path.extension().is_some_and(|extension| extension == "parquet")),
        })
        .sum()
}

fn answers(case: &Case, store: &str) -> Vec<String> {
    let questions: [&[&str]; 9] = [
        &["find"],
        &["find", "--sort", "time", "--columns", "time,log,ip,source_file,source_line"],
        &["find", "--log", "cloudtrail", "--format", "ndjson"],
        &["s3logparse", "useragent"],
        &["s3logparse", "toptalkers"],
        &["top", "ip", "--json", "-n", "0"],
        &["find", "-c", "--ip", "192.0.2.3"],
        &["sql", "SELECT * FROM rejects ORDER BY source_file, source_line"],
        &["sql", "SELECT path, sha256, records, rejects FROM sources ORDER BY path"],
    ];
    questions
        .iter()
        .map(|question| {
            let ran = case.sawq(&[*question, &["--store", store]].concat());
            assert_eq!(ran.code, 0, "{question:?}: {}", ran.err);
            ran.text().to_owned()
        })
        .collect()
}

#[test]
fn many_small_runs_become_few_files_with_the_same_answers() {
    let case = Case::new();
    let mut hint = String::new();
    for run in 0..25 {
        write_small_files(&case, "logs", run);
        let ran = case.sawlog(&["convert", "logs"]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        hint = ran.err;
    }
    assert!(hint.contains("'sawlog compact' would reduce "), "{hint}");
    let before = answers(&case, "sawlog-store");
    let (store, files_before) = (case.path("sawlog-store"), data_files(&case.path("sawlog-store")));
    let ran = case.sawlog(&["compact", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let compaction: Value = ran.json();
    assert_eq!(compaction["tables"].as_array().unwrap().len(), 6);
    assert!(compaction["tables"].as_array().unwrap().iter().all(|table| table["files_after"].as_u64() <= Some(5)));
    assert_eq!(answers(&case, "sawlog-store"), before);
    assert_eq!(case.sawlog(&["verify"]).code, 0);
    // Whoever reads an older version still can, until the files have been out of use for long enough.
    assert!(data_files(&store) > files_before);
    let again = case.sawlog(&["compact", "--retain", "0"]);
    assert!(again.err.contains("nothing to merge") && again.err.contains("no longer in use"), "{}", again.err);
    assert!(data_files(&store) < 20, "{}", data_files(&store));
    assert_eq!(answers(&case, "sawlog-store"), before);
    // One large run gives the same, and what comes after a compaction is added as ever.
    assert_eq!(case.sawlog(&["convert", "logs", "--store", "whole"]).code, 3);
    assert_eq!(answers(&case, "whole"), before);
    write_small_files(&case, "logs", 25);
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 3);
    assert_eq!(case.sawlog(&["convert", "logs", "--store", "whole"]).code, 3);
    assert_eq!(answers(&case, "sawlog-store"), answers(&case, "whole"));
    assert_eq!(case.sawlog(&["verify"]).code, 0);
    assert_eq!(case.sawlog(&["compact", "--retain", "soon"]).code, 2);
}

#[test]
fn logs_do_not_grow_without_end() {
    let case = Case::new();
    let log_files = |case: &Case| {
        let logs =
            ["s3_access", "sources", "entities"].map(|table| case.path(&format!("sawlog-store/{table}/_delta_log")));
        logs.map(|log| fs::read_dir(log).unwrap().count())
    };
    for round in 0..45 {
        case.write(&format!("logs/{round:02}"), random_log(&mut Numbers::new(round), 5));
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
        if round % 15 == 14 {
            let before = case.sawq(&["find"]).out;
            assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
            if round == 14 {
                assert!(log_files(&case).iter().all(|files| *files > 15), "for a week all is kept");
            }
            assert_eq!(case.sawlog(&["compact", "--retain", "0", "-q"]).code, 0);
            assert!(log_files(&case).iter().all(|files| *files <= 14), "{:?}", log_files(&case));
            assert_eq!(case.sawq(&["find"]).out, before);
            assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
        }
    }
    assert_eq!(case.sawq(&["find", "-c"]).text(), "225\n");
}

/// The last checkpoint of a table's log names nothing that was removed longer ago than files are kept: else each run
/// would make the log longer for a week.
#[test]
fn logs_forget_what_was_deleted() {
    let case = Case::new();
    let log = case.path("sawlog-store/s3_access/_delta_log");
    let removed = || {
        let checkpoints =
            all_files(&log).into_iter().filter(|path| path.to_string_lossy().ends_with("checkpoint.parquet"));
        let last = fs::File::open(checkpoints.max().unwrap()).unwrap();
        let rows = ParquetRecordBatchReaderBuilder::try_new(last).unwrap().build().unwrap();
        rows.map(|batch| batch.unwrap()["remove"].clone())
            .map(|removed| removed.len() - removed.null_count())
            .sum::<usize>()
    };
    let convert = |runs: std::ops::Range<u64>| {
        for run in runs {
            case.write(&format!("logs/{run:02}"), random_log(&mut Numbers::new(run), 5));
            assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
        }
    };
    convert(0..8);
    assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
    convert(8..12);
    assert!(removed() >= 8, "for a week they are named");
    assert_eq!(case.sawlog(&["compact", "--retain", "0", "-q"]).code, 0);
    convert(12..24);
    assert_eq!(removed(), 0);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "120\n");
    assert_eq!(case.sawlog(&["verify", "-q"]).code, 0);
    // What is kept for longer again is named again.
    assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
    convert(24..36);
    assert!(removed() >= 8);
}

/// All files in a folder and in those in it.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

/// All folders in a folder.
fn all_folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).flat_map(|path| [vec![path.clone()], all_folders(&path)].concat()).collect()
}

/// A reader may have opened the store just before a compaction: what that replaces stays for `--retain` from then on,
/// however long ago it was written.
#[test]
fn what_is_replaced_stays_for_so_long_however_old_it_is() {
    let case = Case::new();
    let store = case.path("sawlog-store");
    let ten_days_ago = SystemTime::now() - Duration::from_hours(240);
    for run in 0..12 {
        write_small_files(&case, "logs", run);
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 3);
        // The checkpoint after the ninth run, from which readers start since, is new.
        for path in all_files(&store).into_iter().filter(|_| run < 8) {
            fs::File::options().append(true).open(path).unwrap().set_modified(ten_days_ago).unwrap();
        }
    }
    let of_tables = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "s3_access");
    let before: Vec<PathBuf> = all_files(&store).into_iter().filter(of_tables).collect();
    let ran = case.sawlog(&["compact"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lost: Vec<&PathBuf> = before.iter().filter(|path| !path.exists()).collect();
    assert!(before.len() > 24 && lost.is_empty(), "{lost:?}");
    let ran = case.sawlog(&["compact", "--retain", "0"]);
    assert!(ran.err.contains("no longer in use"), "{}", ran.err);
}

/// A store that a team shares: who may write to a file of another user may compact, too. Only root can try that out.
#[test]
fn files_of_another_user_are_compacted() {
    let case = Case::new();
    let store = case.path("sawlog-store");
    for run in 0..3 {
        write_small_files(&case, "logs", run);
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 3);
    }
    let is_root = fs::metadata(&store).unwrap().uid() == 0;
    for path in [case.path(""), store.clone()].into_iter().chain(all_folders(&store)).chain(all_files(&store)) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    // The other user need not reach the folder that the binary is in. Another process copies it: this one may be
    // starting processes for other tests, which would hold the copy open and make it busy.
    assert!(Command::new("cp").args([&binary("sawlog"), &case.path("sawlog")]).status().unwrap().success());
    fs::set_permissions(case.path("sawlog"), fs::Permissions::from_mode(0o777)).unwrap();
    let mut compact = Command::new(case.path("sawlog"));
    compact.arg("compact").current_dir(case.path(""));
    let ran = if is_root { compact.uid(65_534) } else { &mut compact }.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn replaced_records_are_gone_for_every_reader_after_a_vacuum() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(1), 100));
    case.write("logs/b", random_log(&mut Numbers::new(2), 100));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    case.write("logs/a", random_log(&mut Numbers::new(3), 50));
    assert_eq!(case.sawlog(&["convert", "logs", "--replace"]).code, 0);
    let before = answers(&case, "sawlog-store");
    assert_eq!(case.sawlog(&["compact", "--retain", "0"]).code, 0);
    assert_eq!(answers(&case, "sawlog-store"), before);
    let rows = |folder: std::path::PathBuf| -> i64 {
        let mut rows = 0;
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() && entry.file_name() != "_delta_log" {
                    folders.push(entry.path());
                } else if entry.path().extension().is_some_and(|extension| extension == "parquet") {
                    let file = std::fs::File::open(entry.path()).unwrap();
                    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
                    rows += parquet::file::reader::FileReader::metadata(&reader).file_metadata().num_rows();
                }
            }
        }
        rows
    };
    // A plain reader of all Parquet files sees what is there.
    assert_eq!(rows(case.path("sawlog-store/s3_access")), 150);
}

#[test]
fn a_compaction_that_is_killed_changes_nothing_or_all() {
    let case = Case::new();
    for run in 0..6 {
        write_small_files(&case, "logs", run);
        assert_eq!(case.sawlog(&["convert", "logs"]).code, 3);
    }
    let before = answers(&case, "sawlog-store");
    for wait in [5, 10, 15, 20, 30, 45, 60] {
        let mut process = case.command("sawlog", &["compact", "-q", "--retain", "0"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        let _ = process.kill();
        process.wait().unwrap();
        assert_eq!(answers(&case, "sawlog-store"), before, "killed after {wait} ms");
    }
    assert_eq!(case.sawlog(&["compact", "--retain", "0"]).code, 0);
    assert_eq!(answers(&case, "sawlog-store"), before);
    assert_eq!(case.sawlog(&["verify"]).code, 0);
}

#[test]
fn an_index_of_many_values_is_not_written_anew_each_time() {
    let case = Case::new();
    // Of two addresses in each record none comes again: the index has several files as soon as it is made.
    let address = |number: u32| format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
    let flow = |number: u32| format!("1627560000 {} {}\n", address(2 * number), address(2 * number + 1));
    let flows: String = (0..150_000).map(flow).collect();
    case.write("in/flows", format!("start srcaddr dstaddr\n{flows}"));
    assert_eq!(case.sawlog(&["convert", "in", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
    let index = case.path("sawlog-store/entities");
    let before = data_files(&index);
    assert!(before > 4, "{before}");
    for _ in 0..2 {
        assert_eq!(case.sawlog(&["compact"]).code, 0);
        assert_eq!(data_files(&index), before, "what is full stays");
    }
}
