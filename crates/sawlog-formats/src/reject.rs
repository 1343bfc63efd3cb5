//! What could not be parsed: kept as it is, with the reason.

use arrow_array::RecordBatch;

use crate::builder::ColumnSet;
use crate::origin::Origin;
use crate::table::{Column, Kind, Layout, Table};

/// The table of lines, or pieces of JSON, that are no records.
pub const REJECTS: Table = Table {
    name: "rejects",
    doc: "Lines that could not be parsed, as they are, with the reason",
    columns: &[
        Column::text("log", "The table that the line would have gone to"),
        Column::SOURCE_FILE,
        Column::SOURCE_LINE,
        Column::int64("byte_offset", "Where the line begins in its (decompressed) file").layout(Layout::Delta),
        Column::text("reason", "Why it is not a record"),
        Column::text("gap", "What stands before it in its file, where that is not the usual separator"),
        Column::text("raw", "The line or record itself, without its line feed").kind(Kind::Bytes).layout(Layout::Plain),
    ],
    times: &[],
};

/// Collects rejects into a record batch of the table [`REJECTS`].
#[derive(Debug)]
pub struct RejectBuilder {
    log: &'static str,
    columns: ColumnSet,
    /// What stands before and in place of the next rejects in their file.
    stand_in: Option<(String, Vec<u8>)>,
}

impl RejectBuilder {
    /// No rejects yet, of the table named `log`.
    #[must_use]
    pub fn new(log: &'static str) -> Self {
        Self { log, columns: ColumnSet::new(&REJECTS), stand_in: None }
    }

    /// Adds a line. It stands at `origin`, whose `first_line` and `byte_offset` are the line's own.
    pub fn push(&mut self, origin: &Origin<'_>, reason: &str, raw: &[u8]) {
        self.push_after(None, origin, reason, raw);
    }

    /// Adds a line or record, before which `gap` stands where that is not the usual separator.
    pub fn push_after(&mut self, gap: Option<&str>, origin: &Origin<'_>, reason: &str, raw: &[u8]) {
        let (gap, raw) = match &self.stand_in {
            Some((gap, raw)) => (Some(gap.as_str()), raw.as_slice()),
            None => (gap, raw),
        };
        self.columns.texts(0, std::iter::once(Some(self.log.as_bytes())));
        self.columns.texts(1, std::iter::once(Some(origin.source_file.as_bytes())));
        self.columns.numbers(2, std::iter::once(Some(origin.first_line)));
        self.columns.numbers(3, std::iter::once(Some(origin.byte_offset)));
        self.columns.texts(4, std::iter::once(Some(reason.as_bytes())));
        self.columns.texts(5, std::iter::once(gap.map(str::as_bytes)));
        self.columns.texts(6, std::iter::once(Some(raw)));
        self.columns.rows_appended(1);
    }

    /// Says what stands in the file before and in place of what is rejected next, if a decoder is given something else.
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
