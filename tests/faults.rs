//! What happens when things go wrong: interruptions, kills, two writers at once, little memory.

use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use sawlog_tests::{Case, Numbers, cases, peak_of, random_log, send, start, wait_for_staging};
use serde_json::json;

/// A case with one large log, whose conversion takes a while, and how many records it has.
fn large() -> (Case, usize) {
    let case = Case::new();
    let block = random_log(&mut Numbers::new(5), 20_000);
    let copies = 40;
    case.write("logs/large", block.repeat(copies));
    (case, 20_000 * copies)
}

#[test]
fn ctrl_c_leaves_the_store_as_it_was() {
    let (case, records) = large();
    let child = start(&case, &["convert", "logs"]);
    wait_for_staging(&case);
    send(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted; the store is as it was"));
    assert_eq!(case.sawq(&["find", "-c"]).text(), "0\n");
    assert_eq!(fs::read_dir(case.path("sawlog-store/_staging")).unwrap().count(), 0);
    assert_eq!(case.sawlog(&["convert", "logs", "--json"]).json()["records"], records);
}

#[test]
fn after_a_kill_the_next_run_loses_and_doubles_nothing() {
    let mut numbers = Numbers::new(11);
    // A store for each twenty kills, of which every fifth is that of a compaction.
    for store in cases(30, 1) {
        let case = Case::new();
        let mut expected = 0;
        for round in 0..20 {
            let seed = (store * 20 + round) as u64;
            case.write(&format!("logs/{round:02}"), random_log(&mut Numbers::new(100 + seed), 4000));
            expected += 4000;
            let compacts = round % 5 == 4;
            if compacts {
                assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
            }
            let mut child = start(&case, if compacts { &["compact"] } else { &["convert", "logs"] });
            std::thread::sleep(Duration::from_millis(numbers.below(120)));
            let _ = child.kill();
            child.wait().unwrap();
            if round % 5 == 3 {
                assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
            }
            if round % 5 >= 3 {
                assert_eq!(case.sawq(&["find", "-c"]).text(), format!("{expected}\n"), "store {store}, kill {round}");
            }
        }
        assert_eq!(case.sawlog(&["convert", "logs", "-q"]).code, 0);
        let ran = case.sawlog(&["verify"]);
        assert_eq!(ran.code, 0, "store {store}: {}", ran.err);
    }
}

#[test]
fn an_intent_that_was_written_is_carried_out_by_the_next_run() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(1), 100));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    case.write("logs/b", random_log(&mut Numbers::new(2), 100));
    // A partition that is a file stops the run after its intent.
    let (table, kept) = (case.path("sawlog-store/s3_access"), case.path("kept"));
    let is_partition =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("date="));
    let entries = fs::read_dir(&table).unwrap().map(|entry| entry.unwrap().path());
    let partitions: Vec<PathBuf> = entries.filter(is_partition).collect();
    fs::create_dir(&kept).unwrap();
    for partition in &partitions {
        fs::rename(partition, kept.join(partition.file_name().unwrap())).unwrap();
        fs::write(partition, "").unwrap();
    }
    let failed = case.sawlog(&["convert", "logs"]);
    assert_eq!(failed.code, 1, "{}", failed.err);
    for partition in &partitions {
        fs::remove_file(partition).unwrap();
        fs::rename(kept.join(partition.file_name().unwrap()), partition).unwrap();
    }
    let next = case.sawlog(&["convert", "logs", "--json"]);
    assert_eq!(next.code, 0, "{}", next.err);
    assert_eq!(next.json()["unchanged"], 2);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "200\n");
    assert_eq!(case.sawlog(&["verify"]).code, 0);
}

/// A table whose log can't be written to.
#[test]
fn a_run_that_cannot_be_committed_is_undone() {
    let case = Case::new();
    case.write("logs/a", random_log(&mut Numbers::new(1), 100));
    assert_eq!(case.sawlog(&["convert", "logs"]).code, 0);
    case.write("logs/b", random_log(&mut Numbers::new(2), 100));
    let commit = case.path("sawlog-store/s3_access/_delta_log/00000000000000000002.json");
    fs::create_dir(&commit).unwrap();
    let failed = case.sawlog(&["convert", "logs"]);
    assert!(failed.code == 1 && failed.err.contains("the store is as it was"), "{}", failed.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "100\n");
    fs::remove_dir(&commit).unwrap();
    let next = case.sawlog(&["convert", "logs", "--json"]);
    assert_eq!((&next.json()["converted"], &next.json()["unchanged"]), (&json!(1), &json!(1)), "{}", next.err);
    assert_eq!(case.sawq(&["find", "-c"]).text(), "200\n");
    assert_eq!(case.sawlog(&["verify"]).code, 0);
}

#[test]
fn two_writers_wait_for_each_other() {
    let case = Case::new();
    for number in 0..8 {
        case.write(&format!("logs-{number}/{number}"), random_log(&mut Numbers::new(number), 5000));
    }
    let children: Vec<Child> = (0..8).map(|number| start(&case, &["convert", &format!("logs-{number}")])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(case.sawq(&["find", "-c"]).text(), "40000\n");
    assert_eq!(case.sawlog(&["verify"]).code, 0);
}

/// Converts what is in `logs`, and gives the peak of the memory in MiB.
fn peak_of_convert(case: &Case, memory: &str) -> u64 {
    let mut child = start(case, &["convert", "logs", "--quiet", "--format", "s3-access", "--memory", memory]);
    peak_of(&mut child)
}

#[test]
fn memory_stays_within_what_was_given() {
    let (case, records) = large();
    let peak = peak_of_convert(&case, "128MiB");
    assert!(peak <= 128 * 12 / 10, "{peak} MiB were used of 128");
    assert_eq!(case.sawq(&["find", "-c"]).text(), format!("{records}\n"));
}

#[test]
fn memory_stays_within_what_was_given_for_odd_inputs_too() {
    let endless = Case::new();
    endless.write("logs/endless", vec![b'x'; 250 << 20]);
    let peak = peak_of_convert(&endless, "160MiB");
    assert!(peak <= 160 * 12 / 10, "{peak} MiB were used of 160 for an endless line");
    let days = Case::new();
    let mut numbers = Numbers::new(4);
    let text: String = random_log(&mut Numbers::new(5), 60_000)
        .lines()
        .map(|line| {
            let (before, after) = line.split_once('[').expect("a time");
            let (day, year) = (1 + numbers.below(28), 2000 + numbers.below(60));
            format!("{before}[{day:02}/May/{year}{}\n", &after[11..])
        })
        .collect();
    days.write("logs/days", text);
    let peak = peak_of_convert(&days, "160MiB");
    assert!(peak <= 160 * 12 / 10, "{peak} MiB were used of 160 for lines of many days");
    assert_eq!(days.sawq(&["find", "-c"]).text(), "60000\n");
}

#[test]
fn a_file_that_is_cut_short_while_it_is_read_stops_the_run() {
    let (case, _) = large();
    let path = case.path("logs/large");
    let child = start(&case, &["convert", "logs", "--threads", "1"]);
    wait_for_staging(&case);
    fs::File::options().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("logs/large was cut short while it was being read"), "{said}");
    assert_eq!(case.sawq(&["find", "-c"]).text(), "0\n");
}
