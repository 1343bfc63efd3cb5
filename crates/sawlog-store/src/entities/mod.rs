//! The entity index: for each data file, the addresses, principals, keys and other values that it holds, with sums over
//! the records that have each value.
//!
//! A row of [`ENTITIES`] is about one data file, one field and one value. It has the number of records with the value,
//! and their sums. Several rows of the same data file, field and value add up. A row without a value counts the records
//! in which the field is null, even if there are none: this row marks the field as indexed in the data file.
//!
//! A field is not indexed if it is unbounded ([`Entity::unbounded`]) and its cardinality is too high, if a value is
//! longer than any service accepts, if a sum does not fit into 64 bits, or if the data file was written without an
//! index. Queries then scan the data file. They ignore rows of data files that are no longer part of the store.
//!
//! A newer version of sawlog can change what a field means: which records are failures, whom a record names. So each
//! row has the version of the meaning that its sums were computed with. Queries ignore rows with an older version than
//! their log's ([`Format::index_version`]).
//!
//! A field with standing summaries ([`Standing`](sawlog_formats::Standing)) also has *totals*: rows that add up all
//! data files of a run, so that a summary reads one row per value. A total has a run and no data file. For each data
//! file that the totals cover, there is one without a value, which counts the records of that file. Totals are valid
//! only while all data files that they cover are part of the store.
//!
//! The rows of a run are sorted by kind, log, field and value across all of its index files: the rows about one data
//! file in one sequence, the totals in another.

mod build;
mod collect;
mod decode;
mod distinct;
mod field;
mod keys;
mod measures;
mod order;
mod packed;
mod positions;
mod row;
mod rows;
mod spill;
mod standing;
mod totals;
mod varint;
mod waiting;

use sawlog_formats::{Column, Layout, Table};

pub use build::INDEX_FILE_ROWS;
pub(crate) use build::{FileIndex, IndexBuilder};
pub(crate) use collect::{RowGroupEntities, columns as indexed_columns};
pub use field::FieldId;
pub(crate) use order::beginning;
pub use positions::positions;
pub use row::{IndexRow, ValueSums};
pub(crate) use rows::Rows;
pub(crate) use standing::count as standing_count;
pub use standing::{PackedFirst, PackedSum, packed_sums};

/// The table of entities.
pub const ENTITIES: Table = Table {
    name: "entities",
    doc: "The entity index: a row for each value of an indexed field in a data file",
    columns: &[
        Column::text("kind", "What the value is: ip, principal, access_key, object and more"),
        Column::text("value", "The value; null counts the records without one, and marks the field as indexed")
            .lookup(),
        Column::text("log", "The table of the records"),
        Column::text("field", "The indexed field of that table"),
        Column::text("data_file", "The data file, relative to the folder of that table; null in totals of a run"),
        Column::int64("records", "How many records have the value"),
        Column::int64("bytes_sent", "Total bytes sent; null if no record has a number"),
        Column::int64("bytes_received", "Total bytes stored"),
        Column::int64("errors", "How many of the records are failures"),
        Column::time("first_time", "Time of the earliest record; null if no record has a time").layout(Layout::Delta),
        Column::time("last_time", "Time of the latest record").layout(Layout::Delta),
        Column::text("first_file", "The source file of the first record in evidence order"),
        Column::int64("first_line", "The line of that record").layout(Layout::Delta),
        Column::bytes(
            "positions",
            "For a value with few records: their row numbers in the data file, from 0, as differences in varints",
        ),
        Column::int32("version", "Version of the field meanings that the sums were computed with; null is version 1"),
        Column::bytes(
            "standing",
            "Sums for standing summaries, packed: bytes sent, and the first record that has a number of bytes",
        ),
        Column::text("run", "In totals of a run over several data files: the run; else null"),
        Column::text("covers", "In totals without a value: the data file whose records the row counts"),
    ],
    times: &[],
};
