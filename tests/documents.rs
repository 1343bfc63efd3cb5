//! README and GUIDE say what the commands print: each is run beside a copy of the evidence, and compared.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use sawlog_tests::{Case, binary, has_tools, repository};

/// Commands that need what is not here: other tools, a network, or evidence that the fixture does not have.
const NOT_HERE: [&str; 4] = ["aws ", "gpg ", "python3 ", "sawlog verify --cloudtrail-digests"];

/// A command of a document.
struct Shown {
    command: String,
    /// The lines that it is said to print; `None` in tables, which do not show them.
    lines: Option<Vec<String>>,
}

/// The commands of a document, in order: those after `$ ` in indented blocks, with the lines that go on (their quotes
/// are open) and those that are printed; and code in the last column of tables.
fn shown(document: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut is_open = false;
    for line in document.lines() {
        if let Some(text) = line.strip_prefix("    ") {
            let is_cut = |shown: &Shown| shown.lines.as_ref().is_some_and(Vec::is_empty) && is_quoted(&shown.command);
            match found.last_mut().filter(|_| is_open) {
                _ if text.starts_with("$ ") => {
                    found.push(Shown { command: text[2..].to_owned(), lines: Some(Vec::new()) });
                    is_open = true;
                }
                Some(last) if is_cut(last) => last.command = format!("{} {}", last.command, text.trim()),
                Some(last) => last.lines.as_mut().expect("it is of a block").push(text.trim_end().to_owned()),
                None => {}
            }
        } else if !line.is_empty() {
            // Blank lines stand between the lines of one output, too.
            is_open = false;
            found.extend(of_table(line).map(|command| Shown { command, lines: None }));
        }
    }
    // Some stand in the text and in a table.
    let with_output: HashSet<String> =
        found.iter().filter(|shown| shown.lines.is_some()).map(|shown| shown.command.clone()).collect();
    found.retain(|shown| shown.lines.is_some() || !with_output.contains(&shown.command));
    found
}

/// Whether a quote is open at the end.
fn is_quoted(command: &str) -> bool {
    command.replace("\\\"", "").matches('"').count() % 2 == 1
}

/// The command in the last column of a row of a table.
fn of_table(row: &str) -> Option<String> {
    let cells: Vec<&str> = row.strip_prefix('|')?.trim_end_matches('|').split(" | ").collect();
    let last = cells.last()?.replace("\\|", "|");
    let command = last.trim().strip_prefix('`')?.split('`').next()?;
    let is_ours = command.starts_with("sawlog ") || command.starts_with("sawq ") || command.contains(" case/");
    is_ours.then(|| command.to_owned())
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

/// A line without the figures that differ from run to run: seconds, and sizes of data files, which have compressed ids.
fn steady(line: &str) -> String {
    let cells: Vec<&str> = line.split('\t').collect();
    match line.find(" to ") {
        Some(at) if line.starts_with("sawlog: ") && line.contains(" records; ") => line[..at].to_owned(),
        // Of `sawq tables`: name, rows, files, size, first day, last day, meaning.
        _ if cells.len() == 7 && cells[4].len() == "2021-07-28".len() => [&cells[..3], &cells[4..]].concat().join("\t"),
        _ => line.to_owned(),
    }
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

/// Runs all commands of a document, and compares what they print with what it shows.
fn compare(name: &str, least: usize) {
    let document = fs::read_to_string(repository().join(name)).unwrap();
    let case = with_evidence();
    let all = shown(&document);
    let compared = all.iter().filter(|shown| shown.lines.is_some()).count();
    assert!(compared >= least, "{compared} commands with their output were found in {name}");
    let has_jq = has_tools(&[("jq", "jq")]);
    for Shown { command, lines } in &all {
        if NOT_HERE.iter().any(|start| command.starts_with(start)) {
            continue;
        }
        if command.contains("jq ") && !has_jq {
            continue;
        }
        let (code, printed) = run(&case, command);
        assert_eq!(code, 0, "{command}: {printed}");
        let Some(lines) = lines else { continue };
        let full = |lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
        };
        let printed: Vec<String> = printed.lines().map(str::to_owned).collect();
        assert!(fits(&full(lines), &full(&printed)), "{command} prints\n{}", printed.join("\n"));
    }
}

#[test]
fn the_readme_shows_what_is_printed() {
    compare("README.md", 13);
}

#[test]
fn the_guide_shows_what_is_printed() {
    compare("GUIDE.md", 25);
}

#[test]
fn what_is_left_out_is_marked() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let printed = lines("a to b\nc\nd");
    for (shown, expected) in [
        ("a to b\nc\nd", true),
        ("a to b\n…", true),
        ("…\nd", true),
        ("a to b\n…\nd", true),
        ("a to x\nc\nd", false),
        ("a to b", false),
        ("a to b\n…\nc", false),
        ("", false),
    ] {
        assert_eq!(fits(&lines(shown), &printed), expected, "{shown}");
    }
}
