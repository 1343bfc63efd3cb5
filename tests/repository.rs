//! The repository itself: the workflows and the local check take the same steps, every crate can be published, a
//! missing program skips a test, and documents name files that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sawlog_tests::{has_browser, repository};

fn read(path: &str) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(repository().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn workflows_and_the_local_check_take_the_same_steps() {
    let mut steps = names("scripts/ci");
    // These are parts of steps.
    for part in ["setup", "skip"] {
        assert!(steps.remove(part));
    }
    let workflows: BTreeSet<String> = steps.iter().map(|step| format!("{step}.yml")).collect();
    assert_eq!(names(".github/workflows"), workflows, "each step has a workflow");
    let local = format!("{}{}", read(".ci/run"), read("scripts/test"));
    let minimum = read("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    let minimum = minimum.expect("Cargo.toml says it").replace('"', "");
    for step in &steps {
        let script = format!("scripts/ci/{step}");
        // The oldest Rust compiles everything once more, for which a change has no time.
        let is_local = local.lines().any(|line| line == script);
        assert_eq!(is_local, step != "minimum-rust", ".ci/run and {script}");
        let workflow = read(&format!(".github/workflows/{step}.yml"));
        let runs: Vec<&str> =
            workflow.lines().filter_map(|line| line.split_once("run: ")).map(|(_, run)| run).collect();
        assert!(runs.contains(&script.as_str()), "{step}.yml does not call {script}");
        assert!(runs.iter().all(|run| run.starts_with("scripts/ci/")), "{step}.yml has a step of its own: {runs:?}");
        assert!(!workflow.contains(&minimum) && !read(&script).contains(&minimum), "{step} repeats the minimum Rust");
    }
}

#[test]
fn every_crate_can_be_published() {
    for name in names("crates") {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        for key in ["description = ", "readme = \"README.md\"", "keywords = ", "categories = ", "license.workspace"] {
            assert!(manifest.lines().any(|line| line.starts_with(key)), "{name} has no {key}");
        }
        assert_eq!(read(&format!("crates/{name}/LICENSE")), read("LICENSE"));
        assert!(read(&format!("crates/{name}/README.md")).starts_with(&format!("# {name}\n")));
    }
}

#[test]
#[ignore = "the test below runs it, where there are no programs"]
fn needs_a_browser() {
    assert!(!has_browser(), "there is one");
}

#[test]
fn a_missing_program_skips_a_test_and_fails_a_full_run() {
    let run = |tests: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "needs_a_browser", "--ignored"]).env("PATH", "/nowhere").env("SAWLOG_TESTS", tests);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.success(), text)
    };
    let (passed, [_, err]) = run("");
    let expected =
        "needs_a_browser: skipped, since there is no chromedriver, which Debian has in its package chromium-driver";
    assert!(passed && err.contains(expected), "{err}");
    let (passed, [out, err]) = run("full");
    assert!(!passed && format!("{out}{err}").contains("with SAWLOG_TESTS=full no test is left out"), "{out}{err}");
}

/// All documents.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in [".", "docs", "docs/design", "fixtures"] {
        let Ok(entries) = fs::read_dir(repository().join(folder)) else { continue };
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    found.extend(names("crates").iter().map(|name| repository().join("crates").join(name).join("README.md")));
    found
}

#[test]
fn links_of_documents_lead_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split([')', '#', ' ']).next().unwrap_or_default();
            if !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:") {
                let target = document.parent().unwrap_or(Path::new("")).join(link);
                assert!(target.exists(), "{}: there is no {link}", document.display());
            }
        }
    }
}

#[test]
fn recipes_name_files_that_are_there() {
    let text = read("CONTRIBUTING.md");
    let mut found = 0;
    for code in text.split('`').skip(1).step_by(2) {
        let path = code.split(['#', ' ', ':']).next().unwrap_or_default();
        let is_path = ["crates/", "tests/", "fuzz/", "benches/", "scripts/", "docs/", "fixtures/", ".ci/", ".github/"]
            .iter()
            .any(|start| path.starts_with(start));
        // Capitals stand for names of the reader's own.
        if is_path && !path.contains("NAME") {
            assert!(repository().join(path).exists(), "CONTRIBUTING.md: there is no {path}");
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}
