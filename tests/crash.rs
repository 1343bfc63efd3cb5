//! Kills, failing disks and power cuts at every operation on files: nothing is lost, doubled or seen in part.
//!
//! The commands run above the fault layer, which counts the operations by which they change the store. With
//! `SAWLOG_TESTS=full` every operation is tried, else some.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use sawlog_tests::disk::{PowerCut, read_journal, replay};
use sawlog_tests::{Case, Fault, Numbers, Ran, cases, random_flows, random_log, random_trail, with_layer};

/// What is done to a store, and how many records it holds after it.
struct Step {
    arguments: &'static [&'static str],
    /// What is written before: a file of each log, and how many records each gets.
    log: Option<(&'static str, usize)>,
    records: usize,
}

const fn step(arguments: &'static [&'static str], log: Option<(&'static str, usize)>, records: usize) -> Step {
    Step { arguments, log, records }
}

const CONVERT: &[&str] = &["convert", "logs", "--threads", "1", "-q"];

/// A store's life. The file that is replaced is there from the first step.
const STEPS: [Step; 5] = [
    step(CONVERT, Some(("a", 120)), 360),
    step(CONVERT, Some(("b", 80)), 600),
    step(&["convert", "logs", "--threads", "1", "-q", "--replace"], Some(("a", 90)), 510),
    step(&["compact", "-q"], None, 510),
    step(&["reindex", "-q"], None, 510),
];

/// The case's folder, in which the store lies below `disk`.
struct Life {
    case: Case,
}

impl Life {
    fn new() -> Self {
        let case = Case::new();
        fs::create_dir(case.path("disk")).unwrap();
        Self { case }
    }

    fn write_log(&self, step: &Step, seed: u64) {
        if let Some((name, lines)) = step.log {
            // A file that changes must differ in its time or size.
            let mut numbers = Numbers::new(seed + lines as u64);
            self.case.write(&format!("logs/{name}"), random_log(&mut numbers, lines));
            self.case.write(&format!("logs/{name}-trail.json"), random_trail(&mut numbers, lines));
            self.case.write(&format!("logs/{name}-flows"), random_flows(&mut numbers, lines));
        }
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.case.command(name, arguments);
        command.args(["--store", "disk/store"]);
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Ran {
        self.command(name, arguments).output().expect("it starts").into()
    }

    /// Runs a step above the fault layer.
    fn run_with(&self, step: &Step, journal: &Path, fault: Fault) -> Ran {
        let command = self.command("sawlog", step.arguments);
        let mut command = with_layer(command, &self.case.path("disk").canonicalize().unwrap(), journal, fault);
        command.stdin(Stdio::null()).output().expect("it starts").into()
    }

    /// How many records a reader sees; `None` if there is no store.
    fn records(&self) -> Option<usize> {
        let ran = self.run("sawq", &["find", "-c"]);
        let missing = ran.err.contains("there is no store") || ran.err.contains("is not a sawlog store");
        assert!(ran.code == 0 || ran.code == 1 || missing, "{}", ran.err);
        ran.text().trim().parse().ok().or_else(|| {
            assert!(missing, "a reader failed: {}", ran.err);
            None
        })
    }

    /// Checks what a reader sees after a step that something happened to, and that running it again makes all good.
    fn check(&self, before: usize, step: &Step, what: &str) {
        let seen = self.records();
        let whole = seen.map_or(before == 0, |seen| seen == before || seen == step.records);
        assert!(whole, "{what}: a reader sees {seen:?} records, not {before} or {}", step.records);
        let again = self.run("sawlog", step.arguments);
        assert_eq!(again.code, 0, "{what}, then run again: {}", again.err);
        assert_eq!(self.records(), Some(step.records), "{what}, then run again");
        let verified = self.run("sawlog", &["verify"]);
        assert_eq!(verified.code, 0, "{what}, then run again: {}{}", verified.text(), verified.err);
    }

    /// Keeps the store for [`Life::restore`].
    fn keep(&self) {
        copy(&self.case.path("disk"), &self.case.path("kept"));
    }

    fn restore(&self) {
        copy(&self.case.path("kept"), &self.case.path("disk"));
    }
}

fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// Lets a fault of every kind happen at operations of every step; gives how many were tried.
fn inject(short: usize, faults: &[fn(usize) -> Fault], check_error: impl Fn(&Ran, &str)) -> usize {
    let life = Life::new();
    let mut before = 0;
    let mut tried = 0;
    for (number, step) in STEPS.iter().enumerate() {
        life.write_log(step, number as u64);
        life.keep();
        let journal = life.case.path(&format!("journal-{number}"));
        let clean = life.run_with(step, &journal, Fault::None);
        assert_eq!(clean.code, 0, "{}", clean.err);
        let operations = read_journal(&journal).len();
        assert!(operations > 10, "the layer saw {operations} operations of {:?}", step.arguments);
        for at in cases(operations, short) {
            for fault in faults {
                let fault = fault(at + 1);
                let what = format!("{:?} with {fault:?} of {operations}", step.arguments);
                life.restore();
                let ran = life.run_with(step, Path::new("/dev/null"), fault);
                check_error(&ran, &what);
                life.check(before, step, &what);
                tried += 1;
            }
        }
        before = step.records;
    }
    tried
}

#[test]
fn a_kill_at_any_operation_loses_and_doubles_nothing() {
    let tried = inject(6, &[Fault::Kill], |ran, what| {
        assert!(ran.code == -1 || ran.code == 0, "{what}: status {} and {}", ran.code, ran.err);
    });
    println!("{tried} kills");
}

#[test]
fn a_failing_disk_is_an_error_and_leaves_the_store_as_it_was() {
    let faults: [fn(usize) -> Fault; 3] =
        [|at| Fault::From(at, libc::ENOSPC), |at| Fault::Once(at, libc::EIO), |at| Fault::From(at, libc::EDQUOT)];
    let tried = inject(3, &faults, |ran, what| {
        // What is not needed may fail in silence: to remove what was staged, or to write a checkpoint.
        if ran.code == 0 {
            return;
        }
        assert_eq!(ran.code, 1, "{what}: {}", ran.err);
        let says = ["No space left on device", "Input/output error", "Disk quota exceeded"];
        assert!(says.iter().any(|error| ran.err.contains(error)), "{what}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{what}: {}", ran.err);
    });
    println!("{tried} failures");
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_committed() {
    let life = Life::new();
    let root = life.case.path("disk").canonicalize().unwrap();
    let journal = life.case.path("journal");
    let mut before = 0;
    let mut done = 0;
    let mut tried = 0;
    for (number, step) in STEPS.iter().enumerate() {
        life.write_log(step, number as u64);
        let clean = life.run_with(step, &journal, Fault::None);
        assert_eq!(clean.code, 0, "{}", clean.err);
        life.keep();
        let operations = read_journal(&journal);
        let last = operations.len() - done;
        // The last moment, when the step has said that it is done, is always tried.
        for at in cases(last, 4).chain([last]) {
            let random = PowerCut::Random(at as u64 * 7 + number as u64);
            for cut in [PowerCut::LosesAll, PowerCut::KeepsEntries, random] {
                let what = format!("{:?} with {cut:?} before operation {} of {last}", step.arguments, at + 1);
                fs::remove_dir_all(life.case.path("disk")).unwrap();
                replay(&root, &operations[..done + at], cut).write_what_is_left(cut, &root);
                if at == last {
                    assert_eq!(life.records(), Some(step.records), "{what}: what was committed is lost");
                }
                life.check(before, step, &what);
                tried += 1;
            }
        }
        life.restore();
        before = step.records;
        done = operations.len();
    }
    println!("{tried} power cuts");
}
