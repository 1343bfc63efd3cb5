//! The binaries under test. The first test that needs one has Cargo build them all, once for each run of `cargo test`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A binary of the workspace, built in the profile of the tests: a debug test runs debug binaries.
///
/// Cargo names itself to the tests that it runs, so only these build. A test binary that is started by hand takes the
/// binaries as they are.
///
/// # Panics
///
/// If it can't be built, or is missing where there is no Cargo.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("the test has a path");
        let folder = test.parent().and_then(Path::parent).expect("tests are in target/PROFILE/deps").to_owned();
        if let Some(cargo) = std::env::var_os("CARGO") {
            build_once(&cargo, &folder);
        }
        folder
    });
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: run 'cargo test --workspace', which builds it", path.display());
    path
}

/// Builds the binaries into `folder`, unless another test of the same run did. Others wait meanwhile.
fn build_once(cargo: &OsStr, folder: &Path) {
    let path = folder.join("binaries-of-tests.lock");
    let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut marker = open.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    marker.lock().expect("the file system knows locks");
    let mut last = String::new();
    marker.read_to_string(&mut last).expect("the marker is text");
    let run = this_run();
    if last == run {
        return;
    }
    let built = build(cargo, folder).status().expect("Cargo starts");
    assert!(built.success(), "'cargo build' of the binaries under test failed: see above");
    marker.set_len(0).and_then(|()| marker.seek(SeekFrom::Start(0))).expect("the marker can be written");
    marker.write_all(run.as_bytes()).expect("the marker can be written");
}

/// The command that builds them. It takes the whole workspace, as the tests do: a part of it would have other features
/// of some dependencies, and Cargo would compile these again.
fn build(cargo: &OsStr, folder: &Path) -> Command {
    let mut command = Command::new(cargo);
    command.args(["build", "--workspace", "--locked", "--profile", profile(folder)]);
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    command.current_dir(crate::repository());
    // What Cargo tells a test about its package would make some build scripts run again.
    for (name, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
        if told.iter().any(|start| name.as_encoded_bytes().starts_with(start.as_bytes())) {
            command.env_remove(name);
        }
    }
    command
}

/// The profile whose output is in a folder.
fn profile(folder: &Path) -> &str {
    match folder.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => "dev",
        Some(name) => name,
    }
}

/// What tells one run of `cargo test` from another: its process, and when that started, where the system says so.
fn this_run() -> String {
    let parent = parent_id();
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).unwrap_or_default();
    format!("{parent} {started}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_built_as_the_tests_are() {
        for (folder, expected, target) in [
            ("/r/target/debug", "dev", "/r/target"),
            ("/r/target/release", "release", "/r/target"),
            ("/elsewhere/bench", "bench", "/elsewhere"),
        ] {
            let command = build(OsStr::new("cargo"), Path::new(folder));
            let arguments: Vec<&OsStr> = command.get_args().collect();
            assert_eq!(arguments[..4], ["build", "--workspace", "--locked", "--profile"]);
            assert_eq!(arguments[4..], [expected, "--target-dir", target]);
        }
    }

    #[test]
    fn one_run_builds_once() {
        let folder = tempfile::tempdir().unwrap();
        let (log, cargo) = (folder.path().join("log"), folder.path().join("cargo"));
        fs::write(&cargo, format!("#!/bin/sh\necho built >> {}\n", log.display())).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&cargo, executable).unwrap();
        crate::in_parallel(0..4, |_| build_once(cargo.as_os_str(), folder.path()));
        assert_eq!(fs::read_to_string(&log).unwrap(), "built\n");
        fs::write(folder.path().join("binaries-of-tests.lock"), "1 another run").unwrap();
        build_once(cargo.as_os_str(), folder.path());
        assert_eq!(fs::read_to_string(&log).unwrap(), "built\nbuilt\n");
    }
}
