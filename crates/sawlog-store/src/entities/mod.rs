//! The entity index: for each data file the addresses, principals, keys and so on that it holds, and what is added up of
//! the records that have each.
//!
//! A row of [`ENTITIES`] says of one data file, one field and one value how many records have it, and more. A field of a
//! data file is indexed if there is a row without a value: it counts the records in which the field is null, be they none.
//! Without that row the field is unbounded ([`Entity::unbounded`]) and it has too many values there, a value is longer
//! than any that a service takes, sums do not fit into 64 bits, or the file was written without an index; whoever asks then looks
//! at the records. Rows of data files that are no longer part of the store mean nothing. Rows of the same
//! data file, field and value add up.
//!
//! What a field means can change: which records are failures, whom a record names. A row has the version of the meaning with
//! which it was added up; one of an older version than its log's ([`Format::index_version`]) is not believed.
//!
//! Fields of which standing summaries are made ([`Standing`](sawlog_formats::Standing)) have rows that add up all data files
//! of a run, too, so that a summary reads one row for a value. Such a row has a run and no data file. For each data file that
//! they cover there is one without a value, which counts the records of that file; they hold only as long as all of these
//! files are part of the store.
//!
//! The rows of a run are in order of kind, log, field and value, over all of its files: first those about one data file, then
//! those about several.

mod build;
mod collect;
mod distinct;
mod positions;
mod row;
mod rows;
mod spill;
mod standing;
mod totals;
mod varint;
mod waiting;

use std::sync::LazyLock;

use sawlog_formats::{Column, Entity, Format, Layout, Table, formats};

pub(crate) use build::{FileIndex, IndexBuilder};
pub use build::{INDEX_FILE_ROWS, IndexRow};
pub(crate) use collect::{RowGroupEntities, columns as indexed_columns};
pub use positions::positions;
pub use standing::{PackedFirst, PackedSum, Said, StandingSum, StandingSums, packed_sums, standing_sums};

/// The table of entities.
pub const ENTITIES: Table = Table {
    name: "entities",
    doc: "The entity index: a row for each value of an indexed field in a data file",
    columns: &[
        Column::text("kind", "What the value is: ip, principal, access_key, object and more"),
        Column::text("value", "The value; null counts the records without, and says that the file's field is indexed")
            .lookup(),
        Column::text("log", "The table of the records"),
        Column::text("field", "Their column"),
        Column::text("data_file", "Their data file, relative to the table's folder"),
        Column::int64("records", "How many records have the value"),
        Column::int64("bytes_sent", "Bytes sent in all; null if no record says"),
        Column::int64("bytes_received", "Bytes stored in all"),
        Column::int64("errors", "How many of the records are failures"),
        Column::time("first_time", "The earliest of the records; null if none has a time").layout(Layout::Delta),
        Column::time("last_time", "The latest of the records").layout(Layout::Delta),
        Column::text("first_file", "The source file of the first record in evidence order"),
        Column::int64("first_line", "Its line there").layout(Layout::Delta),
        Column::bytes(
            "positions",
            "Of a value with few records their row numbers in the data file, from 0, as differences",
        ),
        Column::int32("version", "Which meaning of the log's fields the row was added up with; null for the first, 1"),
        Column::bytes(
            "standing",
            "What standing summaries add up: bytes sent, and the first record that gives a number of them, packed",
        ),
        Column::text("run", "Where a row adds up several data files of a run: the run; null where it is about one"),
        Column::text("covers", "Where such a row has no value: one of these data files, to which it applies"),
    ],
    times: &[],
};

/// An indexed field.
#[derive(Clone, Copy, Debug)]
pub struct IndexedField {
    /// The log that it is a field of.
    pub format: &'static Format,
    /// Which field it is.
    pub entity: &'static Entity,
}

/// All indexed fields, by kind, log and field.
pub static FIELDS: LazyLock<Vec<IndexedField>> = LazyLock::new(|| {
    let all = formats().iter().flat_map(|format| format.entities.iter().map(|entity| IndexedField { format, entity }));
    let mut fields: Vec<IndexedField> = all.collect();
    fields.sort_by_key(|field| (field.entity.kind.name(), field.format.table.name, field.entity.field));
    fields
});

/// The position in [`FIELDS`] of a field of a log.
#[must_use]
pub(crate) fn field(log: &str, name: &str) -> Option<usize> {
    FIELDS.iter().position(|field| field.format.table.name == log && field.entity.field == name)
}
