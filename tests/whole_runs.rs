//! Readers see all of a run or nothing, whatever runs or was killed; a run with an unreadable commit is undone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use sawlog_tests::{Case, Numbers, cases, in_parallel, random_flows, random_log, random_trail, repository};

/// Writes as many records of each log, as files of a name.
fn write_logs(case: &Case, name: &str, records: usize, seed: u64) {
    let mut numbers = Numbers::new(seed);
    case.write(&format!("logs/{name}"), random_log(&mut numbers, records));
    case.write(&format!("logs/{name}-trail.json"), random_trail(&mut numbers, records));
    case.write(&format!("logs/{name}-flows"), random_flows(&mut numbers, records));
}

/// How many records of each log a reader sees.
fn seen(case: &Case) -> Vec<u64> {
    let ran = case.sawq(&["top", "log", "--format", "ndjson", "-n", "0"]);
    assert_eq!(ran.code, 0, "a reader failed: {}", ran.err);
    let rows = ran.text().lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    rows.map(|row| row["count"].as_u64().unwrap()).collect()
}

#[test]
fn readers_beside_runs_see_whole_ones() {
    let case = Case::new();
    write_logs(&case, "first", 10, 1);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    let done = AtomicBool::new(false);
    let runs = cases(200, 16).count();
    let seen_in_all = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0;
                    while !done.load(Ordering::Relaxed) {
                        let seen = seen(&case);
                        assert!(
                            seen.len() == 3 && seen.iter().all(|count| *count == seen[0]),
                            "a part of a run: {seen:?}"
                        );
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for run in 0..runs {
            let arguments: &[&str] = match run % 5 {
                3 => &["compact", "-q"],
                4 => {
                    write_logs(&case, "first", 10 + run, run as u64);
                    &["convert", "logs", "-q", "--replace"]
                }
                _ => {
                    write_logs(&case, &format!("run-{run}"), 5 + run % 3, run as u64);
                    &["convert", "logs", "-q"]
                }
            };
            let ran = case.sawlog(arguments);
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>()
    });
    assert!(seen_in_all > 4, "readers had {seen_in_all} looks only");
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn the_ledger_says_which_versions_belong_together() {
    let case = Case::new();
    write_logs(&case, "a", 5, 1);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    write_logs(&case, "b", 5, 2);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    // As if the second run had been killed before the ledger's commit: the other tables' commits are there.
    let newest = newest_commit(&case.path("sawlog-store/sources"));
    fs::remove_file(&newest).unwrap();
    assert_eq!(seen(&case), [5, 5, 5]);
    // As if somebody had deleted the newest commit of another table.
    let case = Case::new();
    write_logs(&case, "a", 5, 1);
    assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
    fs::remove_file(newest_commit(&case.path("sawlog-store/vpc_flow"))).unwrap();
    let ran = case.sawq(&["find", "-c"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("vpc_flow") && ran.err.contains("which the ledger names"), "{}", ran.err);
}

fn newest_commit(table: &Path) -> PathBuf {
    let entries = fs::read_dir(table.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|name| name == "json")).max().unwrap()
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// A store of the first version, with what the run left in it that converted a record of the year 10000: a commit of
/// its table that no reader takes, and the intent.
fn poisoned() -> Case {
    let case = Case::new();
    let store = case.path("sawlog-store");
    copy(&repository().join("fixtures/stores/v1/store"), &store);
    let path = "date=10000-01-01/part-0123-00000.parquet";
    let stats = r#"{"numRecords":1,"minValues":{},"maxValues":{},"nullCount":{}}"#;
    let newest = newest_commit(&store.join("vpc_flow"));
    let version: u64 = newest.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let actions = [
        serde_json::json!({ "add": { "path": path, "partitionValues": { "date": "10000-01-01" }, "size": 10,
            "modificationTime": 0, "dataChange": true, "stats": stats } }),
        serde_json::json!({ "txn": { "appId": "sawlog", "version": 1000 } }),
        serde_json::json!({ "commitInfo": { "timestamp": 0, "operation": "WRITE", "run": "0123", "sawlog.files": "1:00000000" } }),
    ];
    let text: String = actions.iter().map(|action| format!("{action}\n")).collect();
    fs::write(newest.with_file_name(format!("{:020}.json", version + 1)), text).unwrap();
    let add =
        serde_json::json!({ "path": path, "size": 10, "rows": 1, "date": "10000-01-01", "stats": stats, "written": 0 });
    let changes = serde_json::json!([
        { "table": "vpc_flow", "adds": [add], "removes": [] },
        { "table": "sources", "adds": [], "removes": [] },
    ]);
    let intent = serde_json::json!({ "run": "0123", "number": 1000, "changes": changes });
    case.write("sawlog-store/_staging/0123/intent.json", intent.to_string());
    case.write(&format!("sawlog-store/vpc_flow/{path}"), "PAR1PAR1PA");
    case
}

#[test]
fn a_store_with_a_commit_that_nobody_can_read_is_read_and_recovers() {
    let case = poisoned();
    let expected = fs::read_to_string(repository().join("fixtures/stores/v1/expected/count.txt")).unwrap();
    assert_eq!(case.sawq(&["find", "-c"]).text(), expected, "readers pass over it");
    assert_eq!(case.sawlog(&["verify"]).code, 0);
    write_logs(&case, "a", 5, 1);
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    // What was undone is said, once.
    let said = |err: &str| err.lines().filter(|line| line.contains("undone") && line.contains("vpc_flow")).count();
    assert_eq!(said(&ran.err), 1, "{}", ran.err);
    assert!(ran.err.contains("convert the files of that run again"), "{}", ran.err);
    assert_eq!(said(&case.sawlog(&["convert", "logs"]).err), 0);
    let count: usize = expected.trim().parse().unwrap();
    assert_eq!(case.sawq(&["find", "-c"]).text(), format!("{}\n", count + 15));
    assert_eq!(case.sawlog(&["verify"]).code, 0);
    assert!(!case.path("sawlog-store/vpc_flow/date=10000-01-01/part-0123-00000.parquet").exists());
}

#[test]
fn no_date_in_a_log_makes_a_store_unreadable() {
    let flow = |time: &str| format!("2 111122223333 eni-0f 192.0.2.1 10.0.0.2 1 2 6 1 1 {time} {time} ACCEPT OK\n");
    let s3 =
        |time: &str| format!("o b [{time}] 192.0.2.3 - ID REST.GET.OBJECT k \"GET /k\" 200 - 1 - 7 - \"-\" \"-\" -\n");
    let trail = |time: &str| format!("{{\"eventTime\":\"{time}\",\"eventName\":\"A\",\"eventSource\":\"b\"}}\n");
    let logs = [
        flow("253402300799"),
        flow("253402300800000"),
        flow("99999999999999"),
        flow("9223372036854775807"),
        flow("-1"),
        flow("-62135596801"),
        flow("-9223372036854775808"),
        s3("31/Dec/9999:23:30:00 +0000"),
        s3("31/Dec/9999:23:30:00 -0100"),
        s3("01/Jan/0001:00:30:00 +0100"),
        s3("01/Jan/0000:00:30:00 +0000"),
        trail("9999-12-31T23:59:59Z"),
        trail("0001-01-01T00:00:00Z"),
        trail("0000-01-01T00:00:00Z"),
    ];
    for (number, log) in logs.iter().enumerate() {
        let case = Case::new();
        write_logs(&case, "a", 3, 1);
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
        case.write(&format!("odd/{number}"), format!("{log}{log}"));
        let format = ["vpc-flow", "s3-access", "cloudtrail"][usize::from(number > 6) + usize::from(number > 10)];
        let ran = case.sawlog(&["convert", "odd", "-q", "--format", format]);
        assert!(ran.code == 0 || ran.code == 3, "{log}: {}", ran.err);
        for arguments in [
            &["find", "-c"][..],
            &["top", "log"],
            &["s3logparse", "toptalkers"],
            &["sql", "select count(*) from events"],
        ] {
            let ran = case.sawq(arguments);
            assert_eq!(ran.code, 0, "{log}{arguments:?}: {}", ran.err);
        }
        let ran = case.sawlog(&["verify"]);
        assert_eq!(ran.code, 0, "{log}{}", ran.err);
    }
}

#[test]
fn a_store_may_lie_wherever_a_folder_may() {
    let names = [
        "plain",
        "p%20x",
        "%41",
        "100%",
        "a b",
        "[1]*?",
        "#x",
        "\u{e4}\u{4e2d}",
        "back\\slash",
        "quo'te\"",
        "new\nline",
        "~",
    ];
    let case = Case::new();
    write_logs(&case, "a", 4, 3);
    fs::create_dir_all(case.path("some/where")).unwrap();
    let below = names.iter().map(|name| format!("{name}/store"));
    let ways = ["some/../up", "./dot/./store", "some//twice//store", "some/where/../../back"].map(str::to_owned);
    let absolute = [case.path("some/../absolute").to_str().unwrap().to_owned()];
    in_parallel(below.chain(ways).chain(absolute), |store| {
        check_store(&case, &store, |command, store| {
            command.args(["--store", store]);
        });
        check_store(&case, &format!("{store}-env"), |command, store| {
            command.env("SAWLOG_STORE", store);
        });
    });
}

/// Every command opens what `convert` made.
fn check_store(case: &Case, store: &str, give: fn(&mut Command, &str)) {
    let run = |name: &str, arguments: &[&str]| {
        let mut command = case.command(name, arguments);
        give(&mut command, store);
        let output = command.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{store:?} {name} {arguments:?}: {err}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run("sawlog", &["convert", "logs", "-q"]);
    assert_eq!(run("sawq", &["find", "-c"]), "12\n", "{store:?}");
    for command in [
        &["find"][..],
        &["find", "--sort", "time"],
        &["find", "--ip", "192.0.2.1", "-c"],
        &["top", "ip"],
        &["top", "http_status"],
        &["who", "192.0.2.1"],
        &["timeline"],
        &["tables"],
        &["s3logparse", "toptalkers"],
        &["sql", "select count(*) from events, sources"],
    ] {
        run("sawq", command);
    }
    for command in [&["status"][..], &["verify"], &["manifest"], &["compact", "-q"], &["reindex", "-q"]] {
        run("sawlog", command);
    }
    assert_eq!(run("sawq", &["find", "-c"]), "12\n", "{store:?}");
}
