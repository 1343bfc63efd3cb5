//! The prompt of `sawq sql`: queries one after another, with history and completion.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ValueEnum;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use sawlog_formats::visible;
use sawlog_query::Records;
use sawlog_query::sql::{Session, is_ended};
use sawlog_query::tables;

use super::FUNCTIONS;
use super::interrupts::Interrupts;
use super::results::{Show, results, run};
use crate::options::Format;
use crate::output::{hint, say};
use crate::usage::whole;

const WORDS: [&str; 27] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "COUNT(*)",
    "DISTINCT",
    "DESC",
    "AND",
    "OR",
    "NOT",
    "LIKE",
    "BETWEEN",
    "IN",
    "IS NULL",
    "SUM(",
    "MIN(",
    "MAX(",
    "json_extract_string(",
    "in_cidr(",
    "glob(",
    "s3_access_key(",
    "DESCRIBE",
    "SHOW TABLES",
    "CREATE VIEW",
    "EXPLAIN",
];

const HELP: &str = "\
End a query with a semicolon, on the same line or a later one. Ctrl-C stops a query, or clears what you typed.
  \\d, .tables              the tables and views
  \\d TABLE, .schema TABLE  the columns of a table
  .mode FORMAT             how to print results: table, line (one line per value), csv, tsv, json, ndjson
  \\timing                  turn on or off printing how long each query takes
  exit, \\q, Ctrl-D         leave";

/// Reads queries, each ended by a semicolon, and runs them. An error is printed, and the prompt goes on.
pub(crate) fn prompt(records: &Records, mut session: Session<'_>, mut show: Show) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        let text = std::io::read_to_string(std::io::stdin().lock())?;
        return script(records, &mut session, &text, show);
    }
    let config = Config::builder().auto_add_history(false).completion_type(CompletionType::List).build();
    let mut editor: Editor<Names, DefaultHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Names::new()));
    let history = history();
    if let Some(history) = &history {
        // There is no history the first time.
        let _ = editor.load_history(history);
    }
    let mut interrupts = Interrupts::new()?;
    show.target = show.target.for_a_prompt().until(interrupts.stopped().clone());
    session.let_stop();
    say("End a query with a semicolon. 'help' lists functions and commands; 'exit' or Ctrl-D leaves.");
    let mut query = String::new();
    loop {
        let line = match editor.readline(if query.is_empty() { "sawq> " } else { "   -> " }) {
            Ok(line) => line,
            // Ctrl-C clears what was typed.
            Err(ReadlineError::Interrupted) => {
                query.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // The history has what was typed, not the query that a command stands for.
        let asked = match Command::of(&line, query.is_empty()) {
            Some(Command::End) => return Ok(()),
            Some(command) => {
                remember(&mut editor, line.trim(), history.as_deref());
                command.query(&mut show)
            }
            None => ended(&mut query, &line).inspect(|query| remember(&mut editor, query.trim(), history.as_deref())),
        };
        let Some(asked) = asked else { continue };
        interrupts.clear();
        if let Err(error) = run(records, &mut session, &asked, &show, Some(&mut interrupts)) {
            say(&format!("sawq: {}", visible(&whole(&error))));
        }
    }
}

/// Adds a line to what was typed so far. Returns it once a semicolon ends it, unless there is nothing else in it.
fn ended(query: &mut String, line: &str) -> Option<String> {
    query.push_str(line);
    query.push('\n');
    if query.trim().is_empty() {
        query.clear();
    }
    let is_blank = |text: &String| text.trim_matches(|char: char| char == ';' || char.is_whitespace()).is_empty();
    is_ended(query).then(|| std::mem::take(query)).filter(|query| !is_blank(query))
}

/// A piece of a script.
enum Piece {
    Queries(String),
    Command(Command),
}

/// The queries of a script, and the commands between them. A line is a command only if no query has begun.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut queries = String::new();
    for line in text.lines() {
        match Command::of(line, true).filter(|_| queries.trim().is_empty() || is_ended(&queries)) {
            Some(command) => pieces.extend([Piece::Queries(std::mem::take(&mut queries)), Piece::Command(command)]),
            None => queries.extend([line, "\n"]),
        }
    }
    pieces.push(Piece::Queries(queries));
    pieces.retain(|piece| !matches!(piece, Piece::Queries(text) if text.trim().is_empty()));
    pieces
}

/// Runs the contents of a file or a pipe: queries, and commands of the prompt.
pub(crate) fn script(records: &Records, session: &mut Session<'_>, text: &str, mut show: Show) -> Result<()> {
    let pieces = pieces(text);
    if pieces.is_empty() {
        bail!("there is no query to run");
    }
    let results = pieces.iter().map(|piece| match piece {
        Piece::Queries(text) => results(session, text),
        Piece::Command(Command::Tables | Command::Columns(_)) => Ok(1),
        Piece::Command(_) => Ok(0),
    });
    show.takes(results.sum::<Result<usize>>()?)?;
    for piece in pieces {
        let asked = match piece {
            Piece::Queries(text) => Some(text),
            Piece::Command(Command::End) => return Ok(()),
            Piece::Command(Command::Unknown(word)) => {
                bail!("there is no command {}; 'help' lists them", visible(&word))
            }
            Piece::Command(command) => command.query(&mut show),
        };
        if let Some(asked) = asked {
            run(records, session, &asked, &show, None)?;
        }
    }
    Ok(())
}

/// Adds to the history, which is saved whatever happens next.
fn remember(editor: &mut Editor<Names, DefaultHistory>, entry: &str, history: Option<&Path>) {
    let is_new = editor.add_history_entry(entry).unwrap_or(false);
    if let (true, Some(history)) = (is_new, history) {
        // Without a place to keep it, there is no history.
        let _ = history.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(history);
    }
}

/// Input that is a command, not SQL.
#[derive(Debug, PartialEq)]
enum Command {
    End,
    Help,
    Tables,
    /// The columns of a table.
    Columns(String),
    /// How results are printed.
    Mode(String),
    Timing,
    Unknown(String),
}

impl Command {
    /// The command in a line, if it is one. Some words are commands only where a query could begin, others only
    /// alone.
    fn of(line: &str, is_first: bool) -> Option<Self> {
        let line = line.trim().trim_end_matches(';').trim_end();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let is_marked = word.starts_with('\\') || (word.starts_with('.') && is_first);
        Some(match (word.to_lowercase().as_str(), rest) {
            ("exit" | "quit", "") | ("\\q" | ".exit" | ".quit" | ".q", _) => Self::End,
            ("help", "") | ("\\?" | "\\h" | ".help", _) => Self::Help,
            ("\\d" | "\\dt" | "\\d+" | "\\dt+" | "\\dv" | "\\l" | ".tables" | ".schema", "") => Self::Tables,
            ("\\d" | "\\dt" | "\\d+" | "\\dt+" | "\\dv" | ".schema" | ".tables", table) => {
                Self::Columns(table.to_owned())
            }
            (".mode" | "\\mode", form) => Self::Mode(form.to_owned()),
            ("\\x", _) => Self::Mode("line".to_owned()),
            ("\\timing" | ".timer" | ".timing", _) => Self::Timing,
            _ if is_marked => Self::Unknown(word.to_owned()),
            _ => return None,
        })
    }

    /// The query that a command stands for, or `None` if the command was carried out.
    fn query(self, show: &mut Show) -> Option<String> {
        match self {
            Self::Tables => return Some("SHOW TABLES".to_owned()),
            Self::Columns(table) => return Some(format!("DESCRIBE {table}")),
            Self::Help => say(&format!("{HELP}\n{FUNCTIONS}")),
            Self::Timing => {
                show.timed = !show.timed;
                say(if show.timed { "Timing is on." } else { "Timing is off." });
            }
            Self::Mode(form) => match Format::from_str(if form == "lines" { "line" } else { &form }, true) {
                Ok(format) => show.target.format = Some(format),
                Err(_) => hint("the formats are table, line, csv, tsv, json, ndjson"),
            },
            Self::Unknown(word) => hint(&format!("there is no command {word}; 'help' lists them")),
            Self::End => {}
        }
        None
    }
}

/// The path of the history, according to the XDG base directory specification.
fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("sawlog/sql_history"))
}

/// Completes names of tables and columns, and words of SQL.
struct Names(Vec<String>);

impl Names {
    fn new() -> Self {
        let columns = tables::names();
        let within = columns.iter().flat_map(|(table, columns)| {
            columns.iter().flat_map(move |name| [name.clone(), format!("{table}.{name}")])
        });
        let tables = columns.iter().map(|(table, _)| (*table).to_owned());
        let mut names: Vec<String> = within.chain(tables).chain(WORDS.map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        Self(names)
    }

    /// The names with this beginning. The part after a dot is offered only after a dot was typed.
    fn fitting(&self, begun: &str) -> Vec<String> {
        let begun = begun.to_lowercase();
        let dots = |name: &str| name.matches('.').count();
        let fits = |name: &&String| name.to_lowercase().starts_with(&begun) && dots(name) == dots(&begun);
        let mut found: Vec<String> = self.0.iter().filter(fits).cloned().collect();
        // Groups of columns, such as user_identity, have no name of their own among them.
        let cut = |name: &String| {
            let within = name.match_indices('.').nth(dots(&begun))?.0;
            name.to_lowercase().starts_with(&begun).then(|| name[..within].to_owned())
        };
        found.extend(self.0.iter().filter_map(cut));
        found.sort();
        found.dedup();
        found
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, end: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let is_name = |char: char| char.is_alphanumeric() || char == '_' || char == '.';
        let start = line[..end].rfind(|char| !is_name(char)).map_or(0, |at| at + 1);
        let begun = &line[start..end];
        Ok((start, if begun.is_empty() { Vec::new() } else { self.fitting(begun) }))
    }
}

impl Helper for Names {}
impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}

#[cfg(test)]
mod tests {
    use super::{Command, Names, Piece, pieces};

    #[test]
    fn commands_do_what_people_expect_whatever_was_typed_before() {
        for is_first in [true, false] {
            assert_eq!(Command::of("exit;", is_first), Some(Command::End));
            assert_eq!(Command::of("\\q", is_first), Some(Command::End));
            assert_eq!(Command::of("help", is_first), Some(Command::Help));
            assert_eq!(Command::of("\\dt", is_first), Some(Command::Tables));
            assert_eq!(Command::of("  .tables ", is_first), Some(Command::Tables));
            assert_eq!(Command::of("\\d events;", is_first), Some(Command::Columns("events".to_owned())));
            assert_eq!(Command::of("\\nonsense", is_first), Some(Command::Unknown("\\nonsense".to_owned())));
            assert_eq!(Command::of("SELECT 1;", is_first), None);
            assert_eq!(Command::of("help me", is_first), None);
        }
        assert_eq!(Command::of(".5 AS half", false), None);
        assert_eq!(Command::of(".mode line", true), Some(Command::Mode("line".to_owned())));
    }

    #[test]
    fn lines_of_a_script_are_commands_where_no_query_has_begun() {
        let script = ".tables\nSELECT '\nexit\n' AS a;\n\\d events\nSELECT 1\n.5 AS half;\nhelp;\n\nexit";
        let found: Vec<String> = pieces(script)
            .iter()
            .map(|piece| match piece {
                Piece::Queries(text) => text.trim().replace('\n', " "),
                Piece::Command(command) => format!("{command:?}"),
            })
            .collect();
        let expected =
            ["Tables", "SELECT ' exit ' AS a;", "Columns(\"events\")", "SELECT 1 .5 AS half;", "Help", "End"];
        assert_eq!(found, expected);
        assert!(pieces(" \n\n").is_empty());
    }

    #[test]
    fn completion_lists_names_up_to_the_next_dot() {
        let names = Names::new();
        let eve = names.fitting("eve");
        assert!(eve.contains(&"events".to_owned()) && eve.contains(&"event_name".to_owned()), "{eve:?}");
        assert!(eve.iter().all(|name| !name.contains('.')), "{eve:?}");
        assert!(names.fitting("user_i").contains(&"user_identity".to_owned()));
        assert!(names.fitting("user_identity.ar").contains(&"user_identity.arn".to_owned()));
        assert!(names.fitting("events.").contains(&"events.actor".to_owned()));
    }
}
