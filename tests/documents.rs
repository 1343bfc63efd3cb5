//! README and GUIDE say what the commands print: each is run in an empty folder beside a copy of the evidence, and compared.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use sawlog_tests::{Case, binary, repository};

/// A command of a document, with the lines that it is said to print.
struct Shown {
    command: String,
    lines: Vec<String>,
}

/// The commands of the indented blocks of a document: those after `$ `, with the lines that follow.
fn shown(document: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut is_open = false;
    for line in document.lines() {
        let Some(text) = line.strip_prefix("    ") else {
            is_open = false;
            continue;
        };
        if let Some(command) = text.strip_prefix("$ ") {
            found.push(Shown { command: command.to_owned(), lines: Vec::new() });
            is_open = true;
        } else if is_open && let Some(last) = found.last_mut() {
            last.lines.push(text.trim_end().to_owned());
        }
    }
    found
}

/// The commands of a document that shows no output: lines of indented blocks, with the lines that go on, and code in the last
/// column of tables.
fn commands(document: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in document.lines() {
        let code =
            |cell: &str| cell.trim().strip_prefix('`').and_then(|code| code.split('`').next()).map(str::to_owned);
        let is_ours = |command: &str| command.starts_with("sawlog ") || command.starts_with("sawq ");
        if let Some(text) = line.strip_prefix("    ") {
            match found.last_mut() {
                Some(last) if last.matches('"').count() % 2 == 1 => *last = format!("{last} {}", text.trim()),
                _ if is_ours(text) => found.push(text.to_owned()),
                _ => {}
            }
        } else if line.starts_with('|') {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let command = cells.last().and_then(|cell| code(&cell.replace("\\|", "|")));
            found.extend(command.filter(|command| is_ours(command)));
        }
    }
    // Some stand in the text and in a table.
    let mut seen = HashSet::new();
    found.retain(|command| seen.insert(command.clone()));
    found
}

/// A folder with the evidence as `awslogs`.
fn with_evidence() -> Case {
    let case = Case::new();
    let evidence = repository().join("fixtures/falsimentis");
    assert!(Command::new("cp").arg("-r").arg(evidence).arg(case.path("awslogs")).status().unwrap().success());
    case
}

/// Runs a command in the shell, with the binaries on the path; gives its exit status and what it printed.
fn run(case: &Case, command: &str) -> (i32, String) {
    let bin = binary("sawq");
    let folder = bin.parent().unwrap_or(Path::new("/")).display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let output = case.command("sawq", &[]).get_current_dir().map(|current| {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(current)
            .env("PATH", path)
            .env_remove("SAWLOG_STORE");
        shell.output().expect("there is a shell")
    });
    let output = output.expect("a case has a folder");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A line without the figures that differ from run to run: seconds and what follows them.
fn steady(line: &str) -> String {
    let at = line.find(" in 0.").filter(|_| line.starts_with("sawlog: ")).unwrap_or(line.len());
    let line = &line[..at];
    // Sizes of data files differ by some bytes from run to run, since ids are compressed.
    line.split(" to ").next().unwrap_or(line).trim_end().to_owned()
}

/// Whether output is what is shown, where `…` stands for any lines.
fn fits(shown: &[String], printed: &[String]) -> bool {
    match shown {
        [] => printed.is_empty(),
        [first, rest @ ..] if first.trim() == "…" => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        [first, rest @ ..] => {
            printed.split_first().is_some_and(|(line, others)| steady(line) == steady(first) && fits(rest, others))
        }
    }
}

#[test]
fn the_readme_shows_what_is_printed() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let case = with_evidence();
    let all = shown(&readme);
    assert!(all.len() > 12, "{} commands were found", all.len());
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    for Shown { command, lines } in all.iter().filter(|shown| has_jq || !shown.command.contains("jq ")) {
        let (code, printed) = run(&case, command);
        assert_eq!(code, 0, "{command}: {printed}");
        let printed: Vec<String> = printed.lines().map(|line| line.trim_end().to_owned()).collect();
        let lines: Vec<String> = lines.iter().filter(|line| !line.is_empty()).cloned().collect();
        let without_blanks: Vec<String> = printed.iter().filter(|line| !line.is_empty()).cloned().collect();
        assert!(lines.is_empty() || fits(&lines, &without_blanks), "{command} prints\n{}", printed.join("\n"));
    }
}

#[test]
fn every_command_of_the_guide_works() {
    let guide = fs::read_to_string(repository().join("GUIDE.md")).unwrap();
    let case = with_evidence();
    case.write("iocs.txt", "3.238.12.183\n");
    let all = commands(&guide);
    assert!(all.len() > 30, "{} commands were found", all.len());
    for command in all {
        // The evidence has no digests.
        if command.contains("--cloudtrail-digests") {
            continue;
        }
        let (code, printed) = run(&case, &command);
        assert_eq!(code, 0, "{command}: {printed}");
    }
}
