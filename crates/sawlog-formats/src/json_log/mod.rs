//! JSON logs: records that are JSON objects. Such a log is a table of paths, which say which key goes to which
//! column. Finding records, walking the parser's tape, filling columns and printing records are the same for all.
//!
//! A record is kept once: its values in columns, and the text between them as its skeleton. Only if these two don't
//! give its bytes back, the column `raw` has the record itself.

mod athena;
mod decode;
mod keys;
mod named;
mod print;
mod scan;
mod skeleton;
#[cfg(test)]
mod tests;
mod write;

pub use named::write_named;
pub(crate) use scan::Open;
pub use scan::Scanner;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::decoder::{Decoder, Printer};
use crate::partitions::Partitions;
use crate::table::{Column, Kind, Layout, Table};

/// A log whose records are JSON objects.
#[derive(Debug)]
pub struct JsonLog {
    /// Its table, whose columns are [`columns`] of the fields.
    pub table: &'static Table,
    /// The fields of a record.
    pub fields: &'static [Field],
    /// The key of a record's time, one of the fields.
    pub time: &'static str,
    /// Keys of objects that have a time but are not records, and what these objects are.
    pub others: &'static [(&'static str, &'static str)],
    /// How nearly all records begin. It only speeds up recognising them.
    pub beginning: &'static [u8],
}

/// A key of a JSON object and its column.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub(crate) key: &'static str,
    /// Another name of the key. A record has one of them.
    pub(crate) other_key: Option<&'static str>,
    pub(crate) column: Column,
    pub(crate) content: Content,
}

/// What a field's value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// Text; the column holds a number or a boolean as it is written.
    Text,
    /// Any value; the column holds its JSON text as it is.
    Json,
    Bool,
    /// A whole number of 64 bits.
    Number,
    /// Text that is a time.
    Time,
    Object(&'static [Field]),
    Array(&'static [Field]),
}

impl Field {
    /// A key whose value goes to a column of text, JSON text, booleans, 64-bit numbers or times. A value of another
    /// type counts as unknown.
    ///
    /// # Panics
    ///
    /// If the column is of another kind: see [`Field::object`] and [`Field::list`].
    #[must_use]
    pub const fn new(key: &'static str, column: Column) -> Self {
        let content = match column.kind {
            Kind::Text if column.json => Content::Json,
            Kind::Text => Content::Text,
            Kind::Bool => Content::Bool,
            Kind::Int64 => Content::Number,
            Kind::Time => Content::Time,
            _ => panic!("no single value of JSON fills such a column"),
        };
        Self { key, other_key: None, column, content }
    }

    /// An object, whose fields are a group of columns: [`group`] of them.
    #[must_use]
    pub const fn object(
        key: &'static str,
        name: &'static str,
        doc: &'static str,
        columns: &'static [Column],
        fields: &'static [Self],
    ) -> Self {
        Self { key, other_key: None, column: Column::group(name, doc, columns), content: Content::Object(fields) }
    }

    /// A list of objects, which becomes a list of groups. Only at the top level of a record.
    #[must_use]
    pub const fn list(
        key: &'static str,
        name: &'static str,
        doc: &'static str,
        columns: &'static [Column],
        fields: &'static [Self],
    ) -> Self {
        let column = Column::text(name, doc).kind(Kind::List(columns));
        Self { key, other_key: None, column, content: Content::Array(fields) }
    }

    /// The same field, with another name for its key in some records.
    #[must_use]
    pub const fn or(self, key: &'static str) -> Self {
        Self { other_key: Some(key), ..self }
    }
}

/// The columns of an object's fields.
///
/// # Panics
///
/// If there are not `N` fields.
#[must_use]
pub const fn group<const N: usize>(fields: &[Field]) -> [Column; N] {
    assert!(fields.len() == N, "a column for each field");
    let mut columns = [fields[0].column; N];
    let mut place = 0;
    while place < N {
        columns[place] = fields[place].column;
        place += 1;
    }
    columns
}

/// The columns after those of the fields.
const OTHERS: [Column; 8] = [
    Column::text("gap", "The text before the record in its file, if that is not a comma"),
    Column::text("raw", "The record's own JSON text, if skeleton and values don't give it back byte for byte").plain(),
    Column::SOURCE_FILE,
    Column::int64("source_line", "The number of the record in its file, from 1").layout(Layout::Delta),
    Column::text("extra", "Fields without a column, as JSON; nested ones by path: tlsDetails.group").json(),
    Column::text("skeleton", "The text between the record's values; the name of a value's column marks its place"),
    Column::WRAPPING,
    Column::WRAPPED,
];

/// The places of these columns among [`OTHERS`].
const GAP: usize = 0;
const RAW: usize = 1;
const SOURCE_FILE: usize = 2;
const SOURCE_LINE: usize = 3;
const EXTRA: usize = 4;
const SKELETON: usize = 5;
const WRAPPING: usize = 6;
const WRAPPED: usize = 7;

/// How many columns the table of a log with these fields has.
#[must_use]
pub const fn count(fields: &[Field]) -> usize {
    fields.len() + OTHERS.len()
}

/// The columns of the table of a log with these fields: as many as [`count`] says.
#[must_use]
pub const fn columns<const N: usize>(fields: &[Field]) -> [Column; N] {
    let mut columns = [OTHERS[0]; N];
    let mut place = 0;
    while place < N {
        columns[place] = if place < fields.len() { fields[place].column } else { OTHERS[place - fields.len()] };
        place += 1;
    }
    columns
}

/// A decoder of a log, which fills these columns.
#[must_use]
pub fn decoder(log: &'static JsonLog, partitions: Partitions) -> Box<dyn Decoder> {
    Box::new(decode::JsonDecoder::new(log, partitions))
}

/// The columns that a printer of a log needs.
#[must_use]
pub fn printed(log: &JsonLog) -> Vec<&'static str> {
    let names = log.table.columns.iter().map(|column| column.name);
    names.filter(|name| !["source_file", "source_line", "wrapping", "wrapped"].contains(name)).collect()
}

/// A printer of the records in a batch.
///
/// # Errors
///
/// Names the column that the batch lacks, or that has a wrong type.
pub fn printer(batch: &RecordBatch) -> Result<Box<dyn Printer>, ArrowError> {
    Ok(Box::new(print::RecordPrinter::new(batch)?))
}

/// Whether a key belongs to a field of a log's records.
#[must_use]
pub fn has_field(log: &JsonLog, key: &[u8]) -> bool {
    log.fields.iter().any(|field| field.key.as_bytes() == key)
}
