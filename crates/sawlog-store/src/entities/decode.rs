//! Reads rows of the index from its batches.

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use sawlog_formats::{EvidencePlace, TextColumn, TimeSpan};

use super::field::FieldId;
use super::positions::positions;
use super::row::{IndexRow, ValueSums};

impl IndexRow {
    /// The rows of a batch of the table that are about one data file, without totals of runs and without fields that
    /// this version does not index. `None` if a column is missing or has the wrong type.
    #[must_use]
    pub fn from_batch(batch: &RecordBatch) -> Option<Vec<Self>> {
        let runs = batch.column_by_name("run")?;
        let rows = Self::rows(batch, "data_file", |row| runs.is_null(row).then_some(()))?;
        Some(rows.into_iter().map(|((), row)| row).collect())
    }

    /// The totals in a batch of the table, each with its run. Their data file is the one that they cover, if they have
    /// no value. `None` if a column is missing or has the wrong type.
    pub(crate) fn totals_from_batch(batch: &RecordBatch) -> Option<Vec<(String, Self)>> {
        let runs = TextColumn::new(batch.column_by_name("run")?).ok()?;
        Self::rows(batch, "covers", |row| runs.get(row).map(str::to_owned))
    }

    /// The rows of a batch that `take` returns something for, with what it returns. `data_file` is the column of their
    /// data file.
    fn rows<T>(batch: &RecordBatch, data_file: &str, take: impl Fn(usize) -> Option<T>) -> Option<Vec<(T, Self)>> {
        let text = |name: &str| TextColumn::new(batch.column_by_name(name)?).ok();
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let time = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>();
        let (logs, fields, values, files) = (text("log")?, text("field")?, text("value")?, text(data_file)?);
        let (records, sent, received) = (number("records")?, number("bytes_sent")?, number("bytes_received")?);
        let (errors, lines, sources) = (number("errors")?, number("first_line")?, text("first_file")?);
        let (first, last) = (time("first_time")?, time("last_time")?);
        let kinds = text("kind")?;
        let lists = batch.column_by_name("positions")?.as_binary_opt::<i32>()?;
        let standing = batch.column_by_name("standing")?.as_binary_opt::<i32>()?;
        let versions = batch.column_by_name("version")?.as_primitive_opt::<Int32Type>()?;
        // Rows are sorted by field, so most have that of the row before.
        let mut before = None;
        let mut field_of = |name: (&str, &str)| {
            let known = before.filter(|field: &FieldId| (field.format().table.name, field.entity().field) == name);
            before = known.or_else(|| FieldId::of(name.0, name.1));
            before
        };
        let rows = (0..batch.num_rows()).filter_map(|row| {
            let taken = take(row)?;
            let field = field_of((logs.get(row)?, fields.get(row)?))?;
            let own = || Self {
                field,
                value: values.get(row).map(str::to_owned),
                data_file: files.get(row).unwrap_or_default().to_owned(),
                sums: ValueSums {
                    records: records.value(row),
                    sent: sent.is_valid(row).then(|| sent.value(row)),
                    received: received.value(row),
                    errors: errors.value(row),
                    times: first.is_valid(row).then(|| TimeSpan { first: first.value(row), last: last.value(row) }),
                },
                first: sources.get(row).map(|file| EvidencePlace { file: file.to_owned(), line: lines.value(row) }),
                positions: bytes(lists, row).filter(|list| positions(list).is_some()).map(<[u8]>::to_vec),
                standing: bytes(standing, row).map(<[u8]>::to_vec),
                // Earlier versions did not write it.
                version: if versions.is_valid(row) { versions.value(row) } else { 1 },
            };
            (field.entity().kind.name() == kinds.get(row)?).then(|| (taken, own()))
        });
        Some(rows.collect())
    }
}

/// The bytes of a row.
fn bytes(array: &BinaryArray, row: usize) -> Option<&[u8]> {
    array.is_valid(row).then(|| array.value(row))
}
