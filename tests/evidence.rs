//! Evidence that changes under us, that is larger than fits, and that must stay as it was; and what surrounds a run.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Numbers, binary, cases, evidence, peak_of, random_log, send, start, wait_for_staging};
use sha2::{Digest, Sha256};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// What can happen to a file while it is read.
const CHANGES: [&str; 6] = ["grow", "cut", "empty", "delete", "replace", "overwrite"];

fn change(path: &Path, how: &str, content: &[u8], other: &[u8]) {
    let open = || File::options().write(true).open(path).unwrap();
    match how {
        "grow" => File::options().append(true).open(path).unwrap().write_all(&content[..content.len() / 2]).unwrap(),
        "cut" => open().set_len(content.len() as u64 / 3).unwrap(),
        "empty" => open().set_len(0).unwrap(),
        "delete" => fs::remove_file(path).unwrap(),
        "replace" => {
            let draft = path.with_extension("new");
            fs::write(&draft, other).unwrap();
            fs::rename(draft, path).unwrap();
        }
        _ => open().write_all(&other[..content.len().min(other.len())]).unwrap(),
    }
}

#[test]
fn a_file_that_changes_is_named_and_half_of_it_never_taken_for_the_whole() {
    let text = random_log(&mut Numbers::new(5), 20_000);
    let large: Vec<u8> = text.repeat(12).into_bytes();
    let other: Vec<u8> = random_log(&mut Numbers::new(6), 20_000).repeat(12).into_bytes();
    let kinds = [(large.clone(), other.clone()), (gzip(&large), gzip(&other))];
    let (mut named, mut whole) = (0, 0);
    for seed in cases(240, 24) {
        let how = CHANGES[seed % CHANGES.len()];
        let (content, other) = &kinds[seed / CHANGES.len() % 2];
        let case = Case::new();
        case.write("logs/log", content);
        let child = start(&case, &["convert", "logs", "--threads", "1", "-q"]);
        wait_for_staging(&case);
        // Some time into the run it stands still while the file changes.
        std::thread::sleep(Duration::from_millis(Numbers::new(seed as u64).below(60)));
        send(&child, "-STOP");
        change(&case.path("logs/log"), how, content, other);
        send(&child, "-CONT");
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let what = format!("seed {seed}: {how}");
        match output.status.code() {
            Some(0) => {
                let query = "SELECT sha256 FROM sources WHERE state = 'converted'";
                let hash = case.sawq(&["sql", query]).text().lines().nth(1).unwrap_or_default().to_owned();
                let known = [content, other].map(|content| sha256(content));
                assert!(known.contains(&hash), "{what}: another content was taken: {hash}");
                whole += 1;
            }
            // A gzip file that was cut is read up to there, and said to be broken.
            Some(3) => assert!(said.contains("log"), "{what}: {said}"),
            Some(1) => {
                assert!(said.contains("logs/log") && !said.contains("panicked"), "{what}: {said}");
                named += 1;
            }
            other => panic!("{what}: status {other:?}, {said}"),
        }
        let verified = case.sawlog(&["verify"]);
        assert_eq!(verified.code, 0, "{what}: {}", verified.err);
    }
    println!("{named} named, {whole} taken as they were");
    assert!(named > 0 && whole > 0);
}

#[test]
fn evidence_is_not_touched() {
    let case = Case::new();
    let copied = Command::new("cp").arg("-r").arg(evidence()).arg(case.path("evidence")).status().unwrap();
    assert!(copied.success());
    let files: Vec<_> = list(&case.path("evidence"));
    for path in &files {
        // Last read before it was last changed: a mount with relatime would note the next reading.
        let set = Command::new("touch").args(["-a", "-d", "2001-01-01"]).arg(path).status().unwrap();
        assert!(set.success());
        let mode = if path.is_dir() { 0o555 } else { 0o444 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let state = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        let read = if metadata.is_file() { metadata.atime() } else { 0 };
        (read, metadata.mtime(), metadata.ctime(), metadata.mode(), metadata.size())
    };
    let before: Vec<_> = files.iter().map(|path| state(path)).collect();
    assert_eq!(case.sawlog(&["convert", "evidence", "-q"]).code, 0);
    assert_eq!(case.sawlog(&["verify"]).code, 0);
    let after: Vec<_> = list(&case.path("evidence")).iter().map(|path| state(path)).collect();
    assert_eq!(before, after);
    // So that the folder can be removed by others than root.
    for path in &files {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn list(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { paths.extend(list(&path)) } else { paths.push(path) }
    }
    paths.sort();
    paths
}

#[test]
fn what_surrounds_a_run_does_not_change_its_answers() {
    let layer = binary("libsawlog_fault_layer.so").display().to_string();
    let clock = |seconds: &str| format!("export LD_PRELOAD={layer} LAYER_CLOCK={seconds}");
    let surroundings = [
        "true".to_owned(),
        "export TZ=Pacific/Kiritimati".to_owned(),
        "export TZ=nowhere".to_owned(),
        "export LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8".to_owned(),
        "export LC_ALL=C".to_owned(),
        "unset HOME XDG_CONFIG_HOME XDG_CACHE_HOME USER LOGNAME".to_owned(),
        "export HOME=/nowhere TMPDIR=/nowhere".to_owned(),
        "export TERM=dumb COLUMNS=3".to_owned(),
        "umask 077".to_owned(),
        "umask 000".to_owned(),
        "renice -n 19 $$ > /dev/null".to_owned(),
        "ulimit -n 64".to_owned(),
        "exec < /dev/null".to_owned(),
        "exec <&-".to_owned(),
        clock("-1000000000"),
        clock("2000000000"),
    ];
    let asked = "sawq find && sawq top ip -n 0 && sawq who 3.238.12.183 -n 0 && sawq timeline && sawq find --since 2h -c \
                 && sawq s3logparse toptalkers && sawq find --key '*.GPG' -c -i --match I";
    let asked = asked.replace("sawq ", &format!("{} ", binary("sawq").display()));
    let sawlog = binary("sawlog").display().to_string();
    let mut expected: Option<Vec<u8>> = None;
    for surrounding in surroundings {
        let case = Case::new();
        let (one, all) = (evidence().join("s3-eng"), evidence());
        let script = format!(
            "{surrounding}\nset -e\n{sawlog} convert -q {}\n{sawlog} convert -q {}\n{sawlog} compact -q\n{sawlog} verify > /dev/null\n{asked}",
            one.display(),
            all.display()
        );
        let ran = Command::new("bash")
            .args(["-c", &script])
            .current_dir(case.path(""))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{surrounding}: {}", String::from_utf8_lossy(&ran.stderr));
        let expected = expected.get_or_insert_with(|| ran.stdout.clone());
        assert!(*expected == ran.stdout, "{surrounding}: another answer: {}", String::from_utf8_lossy(&ran.stdout));
    }
}

/// A line of an S3 log with so many fields after those that are known.
fn wide_line(fields: usize) -> String {
    format!("{}{}\n", random_log(&mut Numbers::new(1), 1).trim_end(), " f".repeat(fields))
}

#[test]
fn bombs_are_bounded() {
    let event = |inner: String| {
        format!(
            r#"{{"Records":[{{"eventVersion":"1.08","eventTime":"2021-07-29T13:00:00Z","eventSource":"s","eventName":"n","requestParameters":{inner}}}]}}"#
        )
    };
    let zeros = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let block = vec![0; 1 << 20];
        (0..1024).for_each(|_| encoder.write_all(&block).unwrap());
        encoder.finish().unwrap()
    };
    let twice = gzip(&gzip(&zeros));
    let fields = 1_000_000;
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        ("a gzip file of zeros", zeros),
        ("a gzip file in one in one", twice),
        ("deep JSON", event("[".repeat(2_000_000) + &"]".repeat(2_000_000)).into_bytes()),
        ("deep JSON without an end", format!("{{\"Records\":[{}", "{\"a\":".repeat(5_000_000)).into_bytes()),
        (
            "a JSON text without an end",
            format!("{{\"Records\":[{{\"eventName\":\"{}", "x".repeat(100 << 20)).into_bytes(),
        ),
        (
            "a record of 10⁶ fields",
            event("1".to_owned() + &(0..fields / 4).map(|n| format!(",\"f{n}\":1")).collect::<String>()).into_bytes(),
        ),
        (
            "a value of 10⁶ fields",
            event(format!("{{{}}}", (0..fields / 4).map(|n| format!("\"f{n}\":1")).collect::<Vec<_>>().join(",")))
                .into_bytes(),
        ),
        ("a line of 10⁶ fields", wide_line(fields).into_bytes()),
        (
            "a header of 10⁶ fields",
            format!(
                "version account-id start end {}\n2 1 1418530010 1418530070{}\n",
                "x ".repeat(fields),
                " y".repeat(fields)
            )
            .into_bytes(),
        ),
        ("10⁶ empty lines and an end without one", [vec![b'\n'; fields], b"x".to_vec()].concat()),
        ("10⁶ records that are none", event("1".to_owned()).replace("]}", &",[]".repeat(fields)).into_bytes()),
    ];
    for (what, content) in bombs {
        let case = Case::new();
        case.write("logs/bomb", &content);
        case.write("logs/log", random_log(&mut Numbers::new(3), 100));
        let mut child = start(&case, &["convert", "logs", "-q", "--memory", "256MiB", "--max-inflate", "64MiB"]);
        let peak = peak_of(&mut child);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 3)), "{what}: {:?} {said}", output.status);
        println!("{what}: {} bytes, {peak} MiB", content.len());
        let is_too_large = what.starts_with("a gzip file");
        assert_eq!(is_too_large, said.contains("content grows past"), "{what}: {said}");
        assert!(peak <= 256 * 12 / 10, "{what}: {peak} MiB were used of 256");
        assert_eq!(case.sawq(&["find", "-c", "--log", "s3", "--bucket", "bucket-*", "--operation", "!x"]).code, 0);
        let verified = case.sawlog(&["verify"]);
        assert_eq!(verified.code, 0, "{what}: {}", verified.err);
    }
}
