//! The prompt of `sawq sql`: queries one after the other, with history and completion.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};
use sawlog_store::TABLES;

const WORDS: [&str; 24] = [
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
    "json_get(",
    "in_cidr(",
    "glob(",
    "s3_access_key(",
    "DESCRIBE",
];

/// Reads queries, which a semicolon ends, and runs each; an error is printed, and the next query is asked for.
pub(crate) fn queries(mut run: impl FnMut(&str) -> Result<()>) -> Result<()> {
    if !std::io::stdin().is_terminal() {
        let text = std::io::read_to_string(std::io::stdin().lock())?;
        return statements(&text).into_iter().try_for_each(|query| run(&query));
    }
    let mut editor: Editor<Names, DefaultHistory> =
        Editor::with_config(Config::builder().auto_add_history(false).build())?;
    editor.set_helper(Some(Names::new()));
    let history = history();
    if let Some(history) = &history {
        // There is none the first time.
        let _ = editor.load_history(history);
    }
    eprintln!("A query ends with a semicolon. 'help' says what can be asked, 'exit' or Ctrl-D ends.");
    let mut query = String::new();
    loop {
        match editor.readline(if query.is_empty() { "sawq> " } else { "   -> " }) {
            Ok(line) => {
                query.push_str(&line);
                query.push('\n');
            }
            // Ctrl-C drops what was typed.
            Err(ReadlineError::Interrupted) => {
                query.clear();
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
        match query.trim().trim_end_matches(';') {
            "" => query.clear(),
            "exit" | "quit" | "\\q" => break,
            "help" | "\\?" => {
                eprintln!(
                    "{}\n'sawq tables' shows the tables and their columns; so does DESCRIBE events;",
                    crate::functions::HELP
                );
                query.clear();
            }
            _ if query.trim_end().ends_with(';') => {
                let _ = editor.add_history_entry(query.trim());
                for statement in statements(&query) {
                    if let Err(error) = run(&statement) {
                        eprintln!("sawq: {error:#}");
                    }
                }
                query.clear();
            }
            _ => {}
        }
    }
    if let Some(history) = &history {
        // Without a place for it there is no history.
        let _ = history.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(history);
    }
    Ok(())
}

/// The statements of a text, which semicolons part that stand outside of quotes.
fn statements(text: &str) -> Vec<String> {
    let mut quote = None;
    let parts = text.split(|char| {
        match quote {
            None if char == '\'' || char == '"' => quote = Some(char),
            Some(open) if open == char => quote = None,
            _ => {}
        }
        char == ';' && quote.is_none()
    });
    parts.map(str::trim).filter(|query| !query.is_empty()).map(str::to_owned).collect()
}

/// Where the history is kept, by the XDG base directory specification.
fn history() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("sawlog/sql_history"))
}

/// Completes names of tables and columns, and words of SQL.
struct Names(Vec<String>);

impl Names {
    fn new() -> Self {
        let columns = TABLES().into_iter().flat_map(crate::logs::columns).map(|(name, _)| name);
        let of_view = crate::events::COLUMNS.iter().map(|(name, ..)| (*name).to_owned());
        let tables = TABLES().into_iter().map(|table| table.name).chain([crate::events::NAME]).map(str::to_owned);
        let mut names: Vec<String> = columns.chain(of_view).chain(tables).chain(WORDS.map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        Self(names)
    }
}

impl Completer for Names {
    type Candidate = String;

    fn complete(&self, line: &str, end: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let is_name = |char: char| char.is_alphanumeric() || char == '_' || char == '.';
        let start = line[..end].rfind(|char| !is_name(char)).map_or(0, |at| at + 1);
        let begun = line[start..end].to_lowercase();
        let fit = self.0.iter().filter(|name| !begun.is_empty() && name.to_lowercase().starts_with(&begun));
        Ok((start, fit.cloned().collect()))
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
    use super::statements;

    #[test]
    fn semicolons_part_statements_outside_of_quotes() {
        assert_eq!(statements("SELECT ';' ; SELECT 2;\n"), ["SELECT ';'", "SELECT 2"]);
        assert_eq!(statements("SELECT \"a;b\""), ["SELECT \"a;b\""]);
        assert!(statements(" ; ").is_empty());
    }
}
