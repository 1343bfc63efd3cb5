//! The command line as clap sees it: which options a command shows, and hints on words that it does not know.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use ipnet::IpNet;
use sawlog_formats::{steers, visible};

use crate::cli::Cli;
use crate::commands::SUMMARIES;
use crate::output::say;

/// Whether help lists an option among the filters.
fn is_filter(arg: &clap::Arg) -> bool {
    arg.get_help_heading().is_some_and(|heading| heading.starts_with("Filters"))
}

/// The command line. Options without a meaning for a command are hidden: `man`, `completions` and `tables` have few.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    // An empty variable is one that is not set.
    let is_empty = std::env::var_os("SAWLOG_STORE").is_some_and(|store| store.is_empty());
    let command = if is_empty { command.mut_arg("store", |store| store.env(Resettable::Reset)) } else { command };
    let globals: Vec<clap::Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let hidden = |is_hidden: &dyn Fn(&clap::Arg) -> bool| -> Vec<clap::Arg> {
        // A command's own option takes precedence over the global one of the same name.
        globals.iter().filter(|arg| is_hidden(arg)).map(|arg| arg.clone().global(false).hide(true)).collect()
    };
    let all = hidden(&|_| true);
    let filters = hidden(&|arg| is_filter(arg) && arg.get_id() != "log");
    ["man", "completions"]
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |command| command.args(&all)))
        .mut_subcommand("tables", |command| command.args(&filters))
}

/// The parsed command line of the process. Otherwise prints what is wrong with it, or the help that was asked for.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let parsed = command().try_get_matches().and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| {
        let error = with_tips(error, &arguments);
        let text = error.render().to_string();
        if error.use_stderr() && text.contains(|char| char != '\n' && steers(char)) {
            // The message shows what was typed or pasted.
            text.lines().for_each(|line| say(&visible(line)));
        } else {
            let printed = error.print().and_then(|()| std::io::stdout().flush());
            // The reader of the help may stop reading.
            if let Err(cause) = printed
                .or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
            {
                crate::output::error("sawq:", &format!("can't write to standard output: {cause}"));
                return ExitCode::FAILURE;
            }
        }
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// An error of clap, with our hints.
fn with_tips(mut error: clap::Error, arguments: &[String]) -> clap::Error {
    let invalid = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let tips = match error.kind() {
        ErrorKind::UnknownArgument => invalid(&error, ContextKind::InvalidArg)
            .and_then(|word| argument_tip(&word, arguments))
            .into_iter()
            .collect(),
        ErrorKind::InvalidSubcommand => {
            // A similar command's name is a better guess.
            let is_similar = error.get(ContextKind::SuggestedSubcommand).is_some();
            let word = invalid(&error, ContextKind::InvalidSubcommand).filter(|_| !is_similar);
            word.map(|word| format!("to see what the logs know about it: 'sawq who {}'", quoted(&word)))
                .into_iter()
                .collect()
        }
        ErrorKind::MissingRequiredArgument if arguments.iter().any(|argument| argument == "s3logparse") => functions(),
        _ => Vec::new(),
    };
    if !tips.is_empty() {
        // Names with a similar spelling only mislead.
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips.into_iter().map(Into::into).collect()));
    }
    error
}

/// The functions of `s3logparse`, as the tool lists them when it gets none.
fn functions() -> Vec<String> {
    let lines = SUMMARIES.iter().map(|(names, _, help)| format!("{:<15} {help}", names[0]));
    std::iter::once("the functions are".to_owned()).chain(lines).collect()
}

/// What the user may have meant by an argument that the command does not take.
fn argument_tip(word: &str, arguments: &[String]) -> Option<String> {
    // clap names an option without its value.
    let after = || {
        let place = arguments.iter().position(|argument| argument == word)?;
        arguments.get(place + 1).filter(|value| !value.starts_with('-')).cloned()
    };
    if let Some(option) = word.strip_prefix("--") {
        let option = option.split('=').next().unwrap_or(option);
        let negated = ["not-", "no-", "exclude-", "without-", "ex-"].iter().find_map(|not| option.strip_prefix(not));
        if let Some(filter) = negated.filter(|filter| names_filter(filter)) {
            let value = after().unwrap_or_else(|| "VALUE".to_owned());
            return Some(format!("a leading ! excludes: '--{filter}=!{value}'"));
        }
        return meant(option);
    }
    if word.starts_with('-') {
        return None;
    }
    let option = option_for(word);
    // It may also be another column.
    if let (Some(place), TEXT) = (arguments.iter().position(|argument| argument == "top"), option)
        && let Some(column) = arguments.get(place + 1).filter(|column| !column.starts_with('-') && *column != word)
    {
        let word = quoted(word);
        return Some(format!("filters are options: {option} {word}; columns are joined: top {column}/{word}"));
    }
    Some(format!("filters are options: {option} {}", quoted(word)))
}

/// Our equivalents of other tools' options.
fn meant(option: &str) -> Option<String> {
    let ours = match option {
        "file" | "out-file" | "outfile" | "save" | "write" => "-o FILE writes to a file",
        "order" | "order-by" | "sort-by" => "'find' has --sort time, 'top' has --by",
        "limit" | "head" | "max" | "top" | "first" => "-n N sets how many are shown",
        "filter" | "query" => {
            "filters are options such as --ip, --user and --where FIELD=VALUE; 'sawq sql' takes any SQL"
        }
        "grep" | "regex" | "regexp" | "pattern" | "search" | "contains" => {
            "--match REGEX searches the original text of records"
        }
        "from" | "start" | "after" | "begin" => "--since TIME",
        "to" | "end" | "before" => "--until TIME",
        "address" | "source-ip" | "source-ip-address" | "remote-ip" | "src-ip" => "--ip IP",
        "requester" | "username" | "user-name" | "arn" | "role" => "--user NAME",
        "event-name" | "event" | "api" => "--operation GLOB",
        "useragent" => "--agent GLOB",
        "event-source" => "--service GLOB",
        "status" | "error-code" => "--error GLOB; '*' for any error",
        "object" | "path" => "--key GLOB",
        "errors" | "failures" | "only-errors" => "--failed leaves failures only",
        "tz" | "timezone" | "time-zone" | "utc" => {
            "times are in UTC; --since and --until take an offset: --since 2021-07-29T13:10+02:00"
        }
        "fields" | "select" | "cols" | "column" => "'find' has --columns",
        _ => return None,
    };
    Some(ours.to_owned())
}

/// Whether there is a filter of this name.
fn names_filter(name: &str) -> bool {
    Cli::command().get_arguments().any(|arg| is_filter(arg) && arg.get_long() == Some(name))
}

/// The filter for any text.
const TEXT: &str = "-F --match";

/// The filter that most likely takes a word.
fn option_for(word: &str) -> &'static str {
    let value = word.trim_start_matches('!');
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_upper_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let region = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() >= 3 && parts[0].len() == 2 && parts.last().is_some_and(|last| is_digits(last))
    };
    let is_day = value.len() >= 10 && value.is_char_boundary(10) && value[..10].parse::<jiff::civil::Date>().is_ok();
    let is_operation = value.starts_with("REST.")
        || value.starts_with("BATCH.")
        || value.starts_with("S3.")
        || value.chars().next().is_some_and(|first| first.is_ascii_uppercase())
            && value.chars().all(|char| char.is_ascii_alphanumeric() || "*?".contains(char))
            && value.chars().any(|char| char.is_ascii_lowercase());
    if value.parse::<IpAddr>().is_ok() || value.parse::<IpNet>().is_ok() {
        "--ip"
    } else if value.len() >= 16 && is_upper_digits(value) && (value.starts_with("AKIA") || value.starts_with("ASIA")) {
        "--access-key"
    } else if value.starts_with("arn:") {
        "--user"
    } else if value.ends_with(".amazonaws.com") {
        "--service"
    } else if value.len() == 12 && is_digits(value) {
        "--account"
    } else if is_digits(value) {
        "--port"
    } else if region(value) {
        "--region"
    } else if is_day {
        "--since"
    } else if is_operation {
        "--operation"
    } else if value.contains('.') || value.contains('/') {
        "--key"
    } else {
        TEXT
    }
}

/// A word, quoted for a shell if necessary.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+,".contains(char);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_word_is_for_the_filter_that_takes_it() {
        for (word, option) in [
            ("3.238.12.183", "--ip"),
            ("10.0.0.0/8", "--ip"),
            ("2001:db8::1", "--ip"),
            ("AKIAIOSFODNN7EXAMPLE", "--access-key"),
            ("arn:aws:iam::111122223333:user/ann", "--user"),
            ("PutUserPolicy", "--operation"),
            ("Put*", "--operation"),
            ("REST.GET.OBJECT", "--operation"),
            ("us-west-1", "--region"),
            ("us-gov-west-1", "--region"),
            ("111122223333", "--account"),
            ("443", "--port"),
            ("2021-07-29", "--since"),
            ("iam.amazonaws.com", "--service"),
            ("a/b.jpg", "--key"),
            ("jmerckle", "-F --match"),
        ] {
            assert_eq!(option_for(word), option, "{word}");
        }
    }
}
