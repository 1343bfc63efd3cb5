//! What records mean beyond what single fields say: functions of a log over the texts of some of its columns.

/// What a record is about, where no column has it.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The columns that tell it, in groups with dots.
    pub columns: &'static [&'static str],
    /// Tells it from their texts, in their order; empty where they say nothing of it. `zlj9i0k83o on jmerckle`.
    pub tell: fn(&[Option<&str>]) -> String,
    /// The column that is true in records of which many may be told as one, whatever they are about: those that only read.
    pub alike: &'static str,
    /// The columns that, beside the subject, tell other records from each other: what a subject leaves out of a call's parameters,
    /// and where the call was made.
    pub differ: &'static [&'static str],
}

/// What tells an event from others, where a log can have the record of one event more than once.
#[derive(Clone, Copy, Debug)]
pub struct EventId {
    /// The columns that it is made of.
    pub columns: &'static [&'static str],
    /// Gives it from their texts, in their order; nothing of a record that can't be told from others.
    pub tell: for<'a> fn(&[Option<&'a str>]) -> Option<&'a str>,
}

/// Records of access keys that were issued.
#[derive(Clone, Copy, Debug)]
pub struct Issuing {
    /// The operations that issue keys.
    pub operations: &'static [&'static str],
    /// The column in whose JSON the key stands.
    pub response: &'static str,
    /// For whom a key was issued, from what the call was given.
    pub holder: fn(&str) -> Option<String>,
}
