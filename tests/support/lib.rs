//! Runs the binaries in a folder of their own, and makes logs to run them on.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

mod binaries;
pub mod disk;
pub mod meaning;
mod tools;

pub use binaries::binary;
pub use tools::{has_browser, has_terminal, has_tools, is_full, skipped};

/// The repository.
///
/// # Panics
///
/// Never: this package lies in it.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a folder").to_owned()
}

/// The fixture's S3 logs.
#[must_use]
pub fn fixture() -> PathBuf {
    repository().join("fixtures/falsimentis/s3-eng")
}

/// The fixture's whole evidence folder: CloudTrail, S3 access logs of four buckets, VPC flow logs.
#[must_use]
pub fn evidence() -> PathBuf {
    repository().join("fixtures/falsimentis")
}

/// A folder to work in, with a store in it once something was converted.
#[derive(Debug)]
pub struct Case {
    folder: TempDir,
    /// What the names of the programs begin with.
    programs: &'static str,
}

/// What a command printed, and its exit status.
#[derive(Debug)]
pub struct Ran {
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
    /// The exit status; -1 if it was killed.
    pub code: i32,
}

impl Ran {
    /// Standard output as text.
    ///
    /// # Panics
    ///
    /// If it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("text")
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.text(), self.err))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { out: output.stdout, err, code: output.status.code().unwrap_or(-1) }
    }
}

impl Default for Case {
    fn default() -> Self {
        Self::new()
    }
}

impl Case {
    /// An empty folder.
    ///
    /// # Panics
    ///
    /// If there is no room for one.
    #[must_use]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), programs: "" }
    }

    /// An empty folder, in which the programs also know logs that nobody has.
    #[must_use]
    pub fn with_made_up_logs() -> Self {
        Self { programs: "made-up-", ..Self::new() }
    }

    /// A folder whose store holds the logs at `path`.
    ///
    /// # Panics
    ///
    /// If they can't be converted.
    #[must_use]
    pub fn with(path: &Path) -> Self {
        let case = Self::new();
        let ran = case.sawlog(&["convert", path.to_str().expect("a path of text")]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        case
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders that lead to it.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a new folder");
        fs::write(path, content).expect("a new file");
    }

    /// A command that runs in the folder.
    #[must_use]
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(&format!("{}{name}", self.programs)));
        command.args(arguments).current_dir(self.folder.path()).env_remove("SAWLOG_STORE").env_remove("RUST_BACKTRACE");
        command
    }

    /// Runs sawlog.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    #[must_use]
    pub fn sawlog(&self, arguments: &[&str]) -> Ran {
        self.command("sawlog", arguments).output().expect("sawlog starts").into()
    }

    /// Runs sawq.
    ///
    /// # Panics
    ///
    /// If it can't be started.
    #[must_use]
    pub fn sawq(&self, arguments: &[&str]) -> Ran {
        self.command("sawq", arguments).output().expect("sawq starts").into()
    }
}

/// How much of a long test is run: all if `SAWLOG_TESTS` is `full`, else about `short` of `all` cases, spread evenly.
///
/// # Panics
///
/// Never: `short` is not zero.
pub fn cases(all: usize, short: usize) -> impl Iterator<Item = usize> {
    (0..all).step_by(if is_full() { 1 } else { all.div_ceil(short.max(1)).max(1) })
}

/// Checks each of many things, as many at a time as there are processors.
///
/// # Panics
///
/// If a check does.
pub fn in_parallel<T>(things: impl IntoIterator<Item = T, IntoIter: Send>, check: impl Fn(T) + Sync) {
    let things = Mutex::new(things.into_iter());
    let next = || things.lock().expect("nobody panics while holding it").next();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| std::iter::from_fn(next).for_each(&check));
        }
    });
}

/// What the fault layer does to a command.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Kills it before an operation on files, counted from 1.
    Kill(usize),
    /// Lets an operation fail with an error number.
    Once(usize, i32),
    /// Lets an operation and all after it fail, but for deletions.
    From(usize, i32),
    /// Nothing.
    None,
}

/// Runs a command of the case above the fault layer, which records in `journal` what happens below `root`.
#[must_use]
pub fn with_layer(mut command: Command, root: &Path, journal: &Path, fault: Fault) -> Command {
    command.env("LD_PRELOAD", binary("libsawlog_fault_layer.so")).env("LAYER_ROOT", root).env("LAYER_JOURNAL", journal);
    let (at, what) = match fault {
        Fault::Kill(at) => (at, "kill".to_owned()),
        Fault::Once(at, error) | Fault::From(at, error) => (at, error.to_string()),
        Fault::None => return command,
    };
    command.env("LAYER_AT", at.to_string()).env("LAYER_DO", what);
    if matches!(fault, Fault::From(..)) {
        command.env("LAYER_STAYS", "1");
    }
    command
}

/// A small generator of numbers, the same ones for the same seed.
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The multiplier of Knuth's MMIX; the upper half is the better one.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// One of `values`.
    pub fn pick<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[usize::try_from(self.below(values.len() as u64)).unwrap_or_default()]
    }
}

/// Starts a command of sawlog whose output is kept.
///
/// # Panics
///
/// If it can't be started.
#[must_use]
pub fn start(case: &Case, arguments: &[&str]) -> Child {
    let mut command = case.command("sawlog", arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sawlog starts")
}

/// Sends a signal, such as `-INT`.
///
/// # Panics
///
/// If the process is gone.
pub fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// Waits until the run of a case has staged something.
///
/// # Panics
///
/// If it does not begin.
pub fn wait_for_staging(case: &Case) {
    let begun = Instant::now();
    while fs::read_dir(case.path("sawlog-store/_staging")).map_or(0, Iterator::count) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the run does not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for a process, and gives its peak of memory in MiB.
///
/// # Panics
///
/// If it can't be seen.
pub fn peak_of(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or_default() / 1024);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(peak > 20, "the peak was not seen: {peak} MiB");
    peak
}

/// A folder whose store holds these files: names and contents.
///
/// # Panics
///
/// If they can't be converted whole.
#[must_use]
pub fn stored(files: &[(&str, String)]) -> Case {
    let case = Case::new();
    for (name, content) in files {
        case.write(&format!("logs/{name}"), content);
    }
    let ran = case.sawlog(&["convert", "logs", "-q"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    case
}

/// An event of CloudTrail in that second of 2024-05-01T12:00, with this user agent.
#[must_use]
pub fn event_of(second: u64, agent: &str) -> serde_json::Value {
    serde_json::json!({
        "eventVersion": "1.09",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "userName": "alice" },
        "eventTime": format!("2024-05-01T12:00:{second:02}Z"),
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": agent,
        "requestParameters": null,
        "eventID": format!("e{second}"),
    })
}

/// So many events of a trail, as CloudTrail delivers them.
#[must_use]
pub fn random_trail(numbers: &mut Numbers, events: usize) -> String {
    let event = |number: usize, numbers: &mut Numbers| {
        serde_json::json!({
            "eventVersion": "1.08",
            "userIdentity": { "type": "IAMUser", "userName": numbers.pick(&["ann", "bob"]), "accountId": "111122223333" },
            "eventTime": format!("2021-07-{:02}T{:02}:00:00Z", 29 + numbers.below(3), numbers.below(24)),
            "eventSource": "iam.amazonaws.com",
            "eventName": numbers.pick(&["GetUser", "PutUserPolicy", "ListUsers"]),
            "sourceIPAddress": numbers.pick(&["192.0.2.1", "198.51.100.7"]),
            "eventID": format!("{number}-{}", numbers.below(1 << 31)),
        })
    };
    let events: Vec<serde_json::Value> = (0..events).map(|number| event(number, numbers)).collect();
    serde_json::json!({ "Records": events }).to_string()
}

/// So many lines of a flow log.
///
/// # Panics
///
/// Never: a string takes every write.
#[must_use]
pub fn random_flows(numbers: &mut Numbers, flows: usize) -> String {
    let mut log = String::new();
    for _ in 0..flows {
        let (source, port) = (numbers.pick(&["192.0.2.1", "198.51.100.7", "203.0.113.9"]), numbers.below(65_536));
        let (bytes, start) = (numbers.below(100_000), 1_627_516_800 + numbers.below(3 * 86_400));
        let action = numbers.pick(&["ACCEPT", "REJECT"]);
        let end = start + 60;
        writeln!(log, "2 111122223333 eni-0a1b {source} 10.0.0.5 {port} 443 6 10 {bytes} {start} {end} {action} OK")
            .expect("a string takes every write");
    }
    log
}

/// So many lines of an S3 log, with few distinct values, so that ties occur.
///
/// # Panics
///
/// Never: a string takes every write.
#[must_use]
pub fn random_log(numbers: &mut Numbers, lines: usize) -> String {
    let mut log = String::new();
    for _ in 0..lines {
        let ip = numbers.pick(&["192.0.2.1", "192.0.2.2", "198.51.100.7", "2001:db8::1", "-"]);
        let key = numbers.pick(&["-", "a.jpg", "b/c.jpg", "d%20e.txt", "x.gpg"]);
        let (operation, request) = match numbers.below(6) {
            0 => ("BATCH.DELETE.OBJECT", "-".to_owned()),
            1 => ("REST.PUT.OBJECT", format!("\"PUT /{key} HTTP/1.1\"")),
            2 => ("REST.POST.OBJECT", "\"POST / HTTP/1.1\"".to_owned()),
            3 => ("S3.EXPIRE.OBJECT", "\"-\"".to_owned()),
            _ => ("REST.GET.OBJECT", format!("\"GET /{key} HTTP/1.1\"")),
        };
        let bare = operation == "BATCH.DELETE.OBJECT";
        let agent = match numbers.below(5) {
            _ if bare => "-",
            0 => "\"-\"",
            1 => "\"curl/8.0\"",
            2 => "\"a \"quoted\"-agent\"",
            3 => "\"aws-cli/2.2 (x)\"",
            _ => "\"curl/7.0\"",
        };
        let sent = match numbers.below(4) {
            0 => "-".to_owned(),
            1 => "100".to_owned(),
            _ => numbers.below(3_000_000_000).to_string(),
        };
        writeln!(
            log,
            "owner {} [{:02}/Jul/2021:{:02}:{:02}:{:02} +0000] {ip} {} R{:08X} {operation} {key} {request} {} {} {sent} {} {} - {} {agent} - host= SigV4 c AuthHeader h TLSv1.2 -",
            numbers.pick(&["bucket-a", "bucket-b"]),
            29 + numbers.below(3),
            numbers.below(24),
            numbers.below(60),
            numbers.below(60),
            numbers.pick(&["-", "arn:aws:iam::1:user/ann", "arn:aws:sts::2:assumed-role/Admin/bob"]),
            numbers.below(1 << 31),
            numbers.pick(&["200", "404", "-"]),
            numbers.pick(&["-", "NoSuchKey"]),
            numbers.below(5000),
            numbers.below(500),
            if bare { "-" } else { "\"-\"" },
        )
        .expect("a string takes every write");
    }
    log
}
