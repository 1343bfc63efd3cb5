//! What could not be parsed: it is kept as it is, with the reason.

use std::borrow::Cow;
use std::fmt;

use arrow_array::RecordBatch;

use crate::builder::ColumnSet;
use crate::origin::Origin;
use crate::table::{Column, Layout, Table};

/// The table of lines, or pieces of JSON, that are not records.
pub const REJECTS: Table = Table {
    name: "rejects",
    doc: "Lines that could not be parsed, as they are, with the reason",
    columns: &[
        Column::text("log", "The table that the line would have gone to"),
        Column::SOURCE_FILE,
        Column::SOURCE_LINE,
        Column::int64("byte_offset", "Where the line begins in its (decompressed) file").layout(Layout::Delta),
        Column::text("reason", "Why it is not a record"),
        Column::text("gap", "The text before it in its file, if that is not the usual separator"),
        Column::bytes("raw", "The line or record itself, without its line feed"),
    ],
    times: &[],
};

/// Why a line, or a piece of a document, is not a record. The table has its text, which must not change: people count
/// rejects by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason<'a> {
    /// It is something else, such as a record of another log, or a line of a file that sawlog does not read.
    Is(&'a str),
    /// It is longer than [`crate::MAX_LINE`].
    TooLong,
    /// It is in the place of a record, or between records.
    NoRecord,
    /// It looks like a record, but is not in the place where the document has its records.
    Elsewhere,
    /// Its first field has other text before it, as in what grep or syslog write.
    BehindText,
    /// Text between records, of the greatest length that is kept in one piece.
    WideText,
    /// The same, for text that opens and closes JSON.
    WideBrackets,
    /// Text after the last record that is too long to be kept with it.
    WideEnd,
    /// Bytes that are not text.
    NotUtf8,
    /// The same, between the records of a document.
    NotText,
    /// Half of a surrogate pair in UTF-16 text.
    HalfCharacter,
    /// The document ends before the record does.
    EndsWithin,
    /// The content ends while brackets around records are open.
    EndsOpen,
    /// An object in the place of a record has a line break within a string, which JSON does not allow.
    LineInString,
    /// The same, in a string that holds a record.
    LineWithin,
    /// What is wrong with JSON.
    InvalidJson(&'a str),
    /// JSON that is nested deeper than this many levels.
    TooDeep(usize),
    /// Named values, in a file whose records have another form.
    OnlyValues,
    /// Named values that lack some that a record must have.
    LacksValues,
    /// A row with fewer fields than the header of its table.
    ShortRow,
    /// A blank line that ends differently from the others.
    OddBlank,
    /// Nothing but white space.
    OnlyBlanks,
    /// Fewer fields than a record has; the least number.
    Few(usize),
    /// A number of fields that differs from the number of names.
    OtherCount {
        /// How many there are.
        found: usize,
        /// How many are named.
        named: usize,
    },
    /// Most of the fields have values that such fields can't have.
    Implausible,
    /// The record's time is missing or malformed.
    NoTime,
    /// The same, for a line of an S3 access log.
    NoTimeInBrackets,
    /// The same, for an object whose time has this key.
    NoTimeOf(&'static str),
    /// The time is one that no store can hold.
    Never,
    /// The same, for an object whose time has this key.
    NeverOf(&'static str),
    /// Nothing follows the time.
    CutOff,
    /// A line of an S3 access log without the name of an operation.
    NoOperation,
    /// The field of this name is not a number.
    NoNumber(&'static str),
    /// The same, for a line of an S3 access log.
    NotANumber(&'static str),
    /// The field of this name is not a request line.
    NoRequest(&'static str),
    /// The field of this name has no quotes around it.
    NoQuotes(&'static str),
    /// The field of this name begins with a quote, which is not allowed.
    Quotes(&'static str),
    /// The quote of a field of this name does not close.
    Unclosed(&'static str),
    /// The content breaks off; the message of its decompressor.
    BrokenOff(&'a str),
    /// The message of a log that another program added.
    Other(&'a str),
}

impl<'a> RejectReason<'a> {
    /// The text in the table.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        let text: &'a str = match self {
            Self::Is(text) | Self::BrokenOff(text) | Self::Other(text) => text,
            Self::TooLong => "longer than 8 MiB",
            Self::NoRecord => "text that is no record",
            Self::Elsewhere => "like a record, but not where the file has its records",
            Self::BehindText => "a record with other text before it",
            Self::WideText => "64 KiB without a record",
            Self::WideBrackets => "64 KiB of white space or brackets",
            Self::WideEnd => "more than 64 KiB of white space or brackets",
            Self::NotUtf8 => "not UTF-8",
            Self::HalfCharacter => "has half of a UTF-16 pair, which is no character",
            Self::NotText => "not UTF-8, and no record",
            Self::EndsWithin => "the JSON ends within it",
            Self::EndsOpen => "the JSON ends before all its brackets are closed",
            Self::LineInString => "a line ends within a string",
            Self::LineWithin => "a line ends within it",
            Self::OnlyValues => "only values of a record, unlike the file's other records",
            Self::LacksValues => "has no values that a record must have",
            Self::ShortRow => "has fewer fields than the header names",
            Self::OddBlank => "blank, but ends unlike the first line",
            Self::OnlyBlanks => "only white space",
            Self::Implausible => "most of its fields are not what they are named",
            Self::NoTime => "the record's time is missing or malformed",
            Self::NoTimeInBrackets => "no time in brackets after two fields",
            Self::Never => "the time is not of the years 1 to 9999",
            Self::CutOff => "cut off after the time",
            Self::NoOperation => "no operation, such as REST.GET.OBJECT, as the seventh field",
            Self::InvalidJson(what) => return Cow::Owned(format!("not valid JSON: {what}")),
            Self::TooDeep(most) => return Cow::Owned(format!("nested more than {most} levels deep")),
            Self::Few(least) => return Cow::Owned(format!("fewer than {least} fields")),
            Self::OtherCount { found, named } => {
                return Cow::Owned(format!("has {found} fields where {named} are named"));
            }
            Self::NoTimeOf(key) => return Cow::Owned(format!("has no {key} that is a time")),
            Self::NeverOf(key) => return Cow::Owned(format!("has an {key} that is not of the years 1 to 9999")),
            Self::NoNumber(name) => return Cow::Owned(format!("{name} is no number")),
            Self::NotANumber(name) => return Cow::Owned(format!("{name} is not a number")),
            Self::NoRequest(name) => return Cow::Owned(format!("{name} does not begin a request")),
            Self::NoQuotes(name) => return Cow::Owned(format!("{name} is not in quotes")),
            Self::Quotes(name) => return Cow::Owned(format!("{name} begins with a quote")),
            Self::Unclosed(name) => return Cow::Owned(format!("the quote of {name} does not close")),
        };
        Cow::Borrowed(text)
    }
}

/// Why bytes are not text. Text that was converted from UTF-16 can have halves of characters.
pub(crate) fn not_text(bytes: &[u8]) -> RejectReason<'static> {
    let broken = std::str::from_utf8(bytes).map_err(|error| &bytes[error.valid_up_to()..]);
    match broken {
        Err([0xed, 0xa0..=0xbf, 0x80..=0xbf, ..]) => RejectReason::HalfCharacter,
        _ => RejectReason::NotUtf8,
    }
}

impl fmt::Display for RejectReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Identifies a line or object that is not a record of a table, if possible.
pub(crate) type Recognise = fn(&[u8], &Table) -> Option<RejectReason<'static>>;

/// Collects rejects into a record batch of the table [`REJECTS`].
#[derive(Debug)]
pub struct RejectBuilder {
    table: &'static Table,
    recognise: Recognise,
    columns: ColumnSet,
    /// The text before the next rejects in their file, and the text in place of them.
    stand_in: Option<(String, Vec<u8>)>,
}

impl RejectBuilder {
    /// No rejects yet, of a log with this table.
    pub(crate) fn new(table: &'static Table, recognise: Recognise) -> Self {
        Self { table, recognise, columns: ColumnSet::new(&REJECTS), stand_in: None }
    }

    /// What a line or object is that is not a record of the log, if that can be identified; else why it is not a
    /// record.
    pub(crate) fn recognised(&self, raw: &[u8], reason: RejectReason<'static>) -> RejectReason<'static> {
        (self.recognise)(raw, self.table).unwrap_or(reason)
    }

    /// Adds a line. Its place is `origin`, whose `first_line` and `byte_offset` are the line's own.
    pub fn push(&mut self, origin: &Origin<'_>, reason: RejectReason<'_>, raw: &[u8]) {
        self.push_after(None, origin, reason, raw);
    }

    /// Adds a line or record, with `gap` as the text before it if that is not the usual separator.
    pub fn push_after(&mut self, gap: Option<&str>, origin: &Origin<'_>, reason: RejectReason<'_>, raw: &[u8]) {
        let (gap, raw) = match &self.stand_in {
            Some((gap, raw)) => (Some(gap.as_str()), raw.as_slice()),
            None => (gap, raw),
        };
        self.columns.texts(0, std::iter::once(Some(self.table.name.as_bytes())));
        self.columns.texts(1, std::iter::once(Some(origin.source_file.as_bytes())));
        self.columns.numbers(2, std::iter::once(Some(origin.first_line)));
        self.columns.numbers(3, std::iter::once(Some(origin.byte_offset)));
        self.columns.texts(4, std::iter::once(Some(reason.text().as_bytes())));
        self.columns.texts(5, std::iter::once(gap.map(str::as_bytes)));
        self.columns.texts(6, std::iter::once(Some(raw)));
        self.columns.rows_appended(1);
    }

    /// Sets the text in the file before and in place of the next rejects, if a decoder is given something else.
    pub(crate) fn stand_in(&mut self, for_next: Option<(&str, &[u8])>) {
        self.stand_in = for_next.map(|(gap, raw)| (gap.to_owned(), raw.to_owned()));
    }

    /// How many rejects there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    /// The memory that they hold, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.columns.memory()
    }

    /// The rejects so far, if any; the builder is empty after it.
    pub fn finish(&mut self) -> Option<RecordBatch> {
        let columns = std::mem::replace(&mut self.columns, ColumnSet::new(&REJECTS));
        (columns.rows() > 0).then(|| columns.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores of earlier versions have these texts, and people count rejects by them.
    #[test]
    fn reasons_are_told_as_ever() {
        use RejectReason as Why;
        for (why, text) in [
            (Why::Is("line of an S3 access log"), "line of an S3 access log"),
            (Why::TooLong, "longer than 8 MiB"),
            (Why::NoRecord, "text that is no record"),
            (Why::Elsewhere, "like a record, but not where the file has its records"),
            (Why::BehindText, "a record with other text before it"),
            (Why::WideText, "64 KiB without a record"),
            (Why::WideBrackets, "64 KiB of white space or brackets"),
            (Why::WideEnd, "more than 64 KiB of white space or brackets"),
            (Why::NotUtf8, "not UTF-8"),
            (Why::HalfCharacter, "has half of a UTF-16 pair, which is no character"),
            (Why::TooDeep(128), "nested more than 128 levels deep"),
            (Why::NotText, "not UTF-8, and no record"),
            (Why::EndsWithin, "the JSON ends within it"),
            (Why::EndsOpen, "the JSON ends before all its brackets are closed"),
            (Why::LineInString, "a line ends within a string"),
            (Why::LineWithin, "a line ends within it"),
            (Why::InvalidJson("a malformed number"), "not valid JSON: a malformed number"),
            (Why::OnlyValues, "only values of a record, unlike the file's other records"),
            (Why::LacksValues, "has no values that a record must have"),
            (Why::ShortRow, "has fewer fields than the header names"),
            (Why::OddBlank, "blank, but ends unlike the first line"),
            (Why::OnlyBlanks, "only white space"),
            (Why::Few(18), "fewer than 18 fields"),
            (Why::OtherCount { found: 3, named: 14 }, "has 3 fields where 14 are named"),
            (Why::Implausible, "most of its fields are not what they are named"),
            (Why::NoTime, "the record's time is missing or malformed"),
            (Why::NoTimeInBrackets, "no time in brackets after two fields"),
            (Why::NoTimeOf("eventTime"), "has no eventTime that is a time"),
            (Why::Never, "the time is not of the years 1 to 9999"),
            (Why::NeverOf("eventTime"), "has an eventTime that is not of the years 1 to 9999"),
            (Why::CutOff, "cut off after the time"),
            (Why::NoOperation, "no operation, such as REST.GET.OBJECT, as the seventh field"),
            (Why::NoNumber("client_port"), "client_port is no number"),
            (Why::NotANumber("http_status"), "http_status is not a number"),
            (Why::NoRequest("request"), "request does not begin a request"),
            (Why::NoQuotes("referer"), "referer is not in quotes"),
            (Why::Quotes("domain_name"), "domain_name begins with a quote"),
            (Why::Unclosed("user_agent"), "the quote of user_agent does not close"),
            (Why::BrokenOff("corrupt deflate stream"), "corrupt deflate stream"),
            (Why::Other("the gate was shut"), "the gate was shut"),
        ] {
            assert_eq!(why.to_string(), text);
        }
    }
}
