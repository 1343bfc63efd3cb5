//! The command line that made the page, and what the page quotes of it.

use clap::{Args, Command};

use super::Report;
use crate::options::FilterArgs;

/// The arguments of the process, without its name.
pub(super) fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The whole command line.
pub(super) fn whole(words: &[String]) -> String {
    as_typed(["sawq".to_owned()].iter().chain(words))
}

/// The command that prints the whole timeline of the same records, without the report's own options.
pub(super) fn for_timeline(words: &[String]) -> String {
    let own = Report::augment_args(Command::new("report"));
    let mut kept = vec!["sawq".to_owned(), "timeline".to_owned()];
    let mut words = words.iter();
    let mut is_named = false;
    while let Some(word) = words.next() {
        match values_behind(&own, word) {
            Some(values) => words.by_ref().take(values).for_each(drop),
            None if word == "report" && !is_named => is_named = true,
            None => kept.push(word.clone()),
        }
    }
    as_typed(&kept)
}

/// The filters; empty if there are none.
pub(super) fn filters(words: &[String]) -> String {
    let filters = FilterArgs::augment_args(Command::new("filters"));
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(values) = values_behind(&filters, word) {
            kept.push(word);
            kept.extend(words.by_ref().take(values));
        }
    }
    as_typed(kept)
}

/// How many of the words after this one are its values, if it is an option of the command.
fn values_behind(command: &Command, word: &str) -> Option<usize> {
    let values = |arg: &clap::Arg| {
        if arg.get_action().takes_values() { arg.get_num_args().map_or(1, |range| range.max_values()) } else { 0 }
    };
    if let Some(long) = word.strip_prefix("--") {
        let (name, is_joined) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        let has_name = |arg: &&clap::Arg| {
            arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        };
        let arg = command.get_arguments().find(has_name)?;
        return Some(if is_joined { 0 } else { values(arg) });
    }
    let mut shorts = word.strip_prefix('-')?.chars();
    let first = shorts.next()?;
    let arg = command.get_arguments().find(|arg| arg.get_short() == Some(first))?;
    // The rest of the word is the option's value, or further flags.
    Some(if shorts.as_str().is_empty() { values(arg) } else { 0 })
}

/// Words as a shell takes them.
fn as_typed<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    let quoted = words.into_iter().map(|word| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<String> {
        line.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_is_about_the_records_is_quoted() {
        for (line, timeline, quoted) in [
            (&["report", "-o", "a.html"] as &[&str], "sawq timeline", ""),
            (&["report", "--out=a.html", "-n5", "--title", "report", "--force"], "sawq timeline", ""),
            (
                &["--store", "s", "report", "-oa.html", "--ip", "192.0.2.1", "--case-number", "--", "-Fi"],
                "sawq timeline --store s --ip 192.0.2.1 -Fi",
                "--ip 192.0.2.1 -Fi",
            ),
            (
                &["report", "--around", "13:06", "5m", "-q", "--user=!ann's", "--output", "x.html"],
                "sawq timeline --around 13:06 5m -q '--user=!ann'\\''s'",
                "--around 13:06 5m '--user=!ann'\\''s'",
            ),
            (
                &["report", "--actor", "a b", "--failed"],
                "sawq timeline --actor 'a b' --failed",
                "--actor 'a b' --failed",
            ),
        ] {
            assert_eq!((for_timeline(&words(line)), filters(&words(line))), (timeline.to_owned(), quoted.to_owned()));
        }
    }
}
