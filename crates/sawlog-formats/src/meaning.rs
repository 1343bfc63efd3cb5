//! What records mean beyond their single fields: functions of a log over the texts of some columns.

/// What a record is about, if no column says it.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// The columns that it depends on, with dots for groups.
    pub columns: &'static [&'static str],
    /// Computes it from their texts, in order; empty if they don't say what the record is about. `zlj9i0k83o on
    /// jmerckle`.
    pub tell: fn(&[Option<&str>]) -> String,
    /// The column that is true in records that only read. These may be folded whatever they are about.
    pub alike: &'static str,
    /// The columns that distinguish records in addition to the subject: parts of a call's parameters that the subject
    /// leaves out, and where the call was made.
    pub differ: &'static [&'static str],
}

/// What distinguishes an event from others, if a log can have the record of one event more than once.
#[derive(Clone, Copy, Debug)]
pub struct EventId {
    /// The columns that it is made of.
    pub columns: &'static [&'static str],
    /// Computes it from the texts of the columns, in order; `None` for a record that can't be distinguished from
    /// others.
    pub tell: for<'a> fn(&[Option<&'a str>]) -> Option<&'a str>,
}

/// The records of access keys that were issued.
#[derive(Clone, Copy, Debug)]
pub struct Issuing {
    /// The operations that issue keys.
    pub operations: &'static [&'static str],
    /// The column whose JSON has the key.
    pub response: &'static str,
    /// For whom a key was issued, from the call's parameters.
    pub holder: fn(&str) -> Option<String>,
}
