//! Error messages. Errors of the command line have types of their own, because their exit status differs. Errors of
//! the library get advice on what to do.

use std::error::Error;
use std::fmt;

use sawlog_query::{DamagedIndex, Parameter, Reason, UnknownColumn, UnknownFunction, WrongValue, is_out_of_memory};

/// A wrong value for an option: the command line is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    /// The option, `--ip`, or the name of an argument, `COLUMN`.
    pub(crate) option: String,
    /// The value that was given.
    pub(crate) value: String,
    /// What is wrong with it, and what to give instead.
    pub(crate) reason: String,
}

impl BadValue {
    /// `value` is wrong for `option`; `reason` says why, and what is right.
    pub(crate) fn new(option: &str, value: &str, reason: impl fmt::Display) -> Self {
        Self { option: option.to_owned(), value: value.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for BadValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invalid value '{}' for '{}': {}", self.value, self.option, self.reason)
    }
}

impl Error for BadValue {}

/// A wrong command line whose values would each be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadCommand(pub(crate) String);

impl fmt::Display for BadCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for BadCommand {}

/// The option for a filter.
pub(crate) fn option(filter: &str) -> String {
    format!("--{}", filter.replace('_', "-"))
}

/// A value that the library refuses, with the option that it was given for.
fn bad_value(wrong: &WrongValue) -> BadValue {
    let option = match wrong.parameter {
        Parameter::Filter(name) => option(name),
        Parameter::Column => "COLUMN".to_owned(),
        Parameter::Table => "[TABLE]".to_owned(),
    };
    let advice = match &wrong.reason {
        Reason::Unknown { near, .. } if near.is_empty() => "; 'sawq tables' lists what there is",
        _ => "",
    };
    BadValue::new(&option, &wrong.value, format!("{}{advice}", wrong.reason))
}

/// What is wrong with the command line, if the error is about that.
pub(crate) fn wrong_usage(error: &anyhow::Error) -> Option<String> {
    let usage = |error: &(dyn Error + 'static)| {
        let value = error.downcast_ref::<BadValue>().map(ToString::to_string);
        let wrong = || error.downcast_ref::<WrongValue>().map(|wrong| bad_value(wrong).to_string());
        value.or_else(wrong).or_else(|| error.downcast_ref::<BadCommand>().map(ToString::to_string))
    };
    error.chain().find_map(usage)
}

/// The message of an error, and what to do about it.
fn told(error: &(dyn Error + 'static)) -> String {
    if let Some(UnknownColumn(name)) = error.downcast_ref() {
        return format!("has a column {name}, which this version of sawq does not know");
    }
    let advice = if error.is::<DamagedIndex>() {
        "; 'sawlog reindex' rebuilds it"
    } else if error.is::<UnknownFunction>() {
        "; 'sawq sql --help' lists functions"
    } else {
        ""
    };
    format!("{error}{advice}")
}

/// The message when the memory limit is too low.
fn out_of_memory(error: &anyhow::Error) -> Option<String> {
    let text = "this takes more memory than --memory allows; give it more, or ask for less at a time";
    is_out_of_memory(error).then(|| text.to_owned())
}

/// The messages of an error and its causes.
pub(crate) fn whole(error: &anyhow::Error) -> String {
    out_of_memory(error).unwrap_or_else(|| error.chain().map(told).collect::<Vec<_>>().join(": "))
}

/// The same, without repetitions.
pub(crate) fn said_once(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for part in error.chain().map(told).filter(|_| !is_out_of_memory(error)) {
        if !said.contains(&part) {
            said += if said.is_empty() { "" } else { ": " };
            said += &part;
        }
    }
    out_of_memory(error).unwrap_or(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_added_to_what_the_library_says() {
        let unknown = |near: &[&str]| WrongValue {
            parameter: Parameter::Column,
            value: "zzzz".to_owned(),
            reason: Reason::Unknown {
                what: "column",
                name: "zzzz".to_owned(),
                near: near.iter().map(ToString::to_string).collect(),
            },
        };
        let said = wrong_usage(&unknown(&[]).into());
        let expected =
            "invalid value 'zzzz' for 'COLUMN': there is no column 'zzzz'; 'sawq tables' lists what there is";
        assert_eq!(said.as_deref(), Some(expected));
        let said = wrong_usage(&unknown(&["zzz"]).into()).unwrap_or_default();
        assert!(said.ends_with("there is no column 'zzzz'; did you mean 'zzz'?"), "{said}");
        let damaged = anyhow::Error::from(DamagedIndex::NotInOrder).context("store");
        assert_eq!(said_once(&damaged), "store: the index is not in order; 'sawlog reindex' rebuilds it");
    }
}
