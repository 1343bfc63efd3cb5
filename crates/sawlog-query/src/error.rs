//! What can be wrong with a question or a store, as types. The caller says what to do about it.

use std::fmt;

use thiserror::Error;

use crate::nearest::nearest_few;

/// The parameter of a question that has a wrong value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// A filter, by the name of its field in [`Filters`](crate::Filters), but `where` for a condition and `match` for
    /// a pattern.
    Filter(&'static str),
    /// The column that records are grouped by, or that was asked for.
    Column,
    /// A table.
    Table,
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Filter(name) => name,
            Self::Column => "column",
            Self::Table => "table",
        })
    }
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The value does not fit: why, and what would.
    Misfit(String),
    /// There is nothing of that name.
    Unknown {
        /// What was looked for: a column, a table.
        what: &'static str,
        /// The name.
        name: String,
        /// The most similar names, the best first.
        near: Vec<String>,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misfit(text) => formatter.write_str(text),
            Self::Unknown { what, name, near } => {
                write!(formatter, "there is no {what} '{name}'")?;
                match &near[..] {
                    [] => Ok(()),
                    [one] => write!(formatter, "; did you mean '{one}'?"),
                    [first, others @ ..] => {
                        write!(formatter, "; did you mean '{first}'? Also similar: {}", others.join(", "))
                    }
                }
            }
        }
    }
}

/// A value that does not fit a question.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid value '{value}' for '{parameter}': {reason}")]
pub struct WrongValue {
    /// What it was given for.
    pub parameter: Parameter,
    /// The value.
    pub value: String,
    /// What is wrong with it.
    pub reason: Reason,
}

impl WrongValue {
    /// `value` is wrong there; `reason` says why, and what is right.
    pub(crate) fn new(parameter: Parameter, value: &str, reason: impl fmt::Display) -> Self {
        Self { parameter, value: value.to_owned(), reason: Reason::Misfit(reason.to_string()) }
    }

    /// There is no `what` (a column, a log, a table) called `value`. The nearest few of `names` are suggested.
    pub(crate) fn unknown<'a>(
        parameter: Parameter,
        what: &'static str,
        value: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Self {
        let near = nearest_few(value, names).into_iter().map(str::to_owned).collect();
        let reason = Reason::Unknown { what, name: value.to_owned(), near };
        Self { parameter, value: value.to_owned(), reason }
    }

    /// The same for a value of a filter that names the column or log.
    pub(crate) fn of_filter(name: &'static str, value: &str, error: &anyhow::Error) -> Self {
        // An error about a wrong name says so itself.
        let reason = match error.downcast_ref::<Self>() {
            Some(wrong) => wrong.reason.clone(),
            None => Reason::Misfit(format!("{error:#}")),
        };
        Self { parameter: Parameter::Filter(name), value: value.to_owned(), reason }
    }
}

/// The answer takes more memory than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this takes more memory than the limit allows")]
pub struct OutOfMemory;

/// The entity index is damaged; it can be rebuilt from the data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DamagedIndex {
    /// Its rows are not sorted.
    #[error("the index is not in order")]
    NotInOrder,
    /// Its sums can't be read.
    #[error("the index is damaged")]
    Sums,
}

/// A query calls a function that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no function {0}")]
pub struct UnknownFunction(pub String);

/// A data file has a column that this version does not know: a newer one wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("has a column {0}, which this version does not know")]
pub struct UnknownColumn(pub String);
