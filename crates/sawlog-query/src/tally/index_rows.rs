//! Decodes batches of the index into columns in which data files and source files are numbers.

use anyhow::{Context, Result};
use arrow::array::{
    Array, AsArray, BinaryViewArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::execution::SendableRecordBatchStream;
use sawlog_formats::EvidencePlace;
use sawlog_store::{PackedFirst, PackedSum, packed_sums};

use super::asked::AskedSums;
use crate::error::DamagedIndex;
use crate::numbers::{self, Numbers, Translated};

/// Numbers for the files and runs that a log's index rows name.
#[derive(Default)]
pub(super) struct Names {
    /// The data files of the snapshot come first. Rows can also name others, which are no longer part of the store.
    pub(super) data_files: Numbers,
    /// The source files of first records.
    pub(super) sources: Numbers,
    /// The runs that have totals.
    runs: Numbers,
}

/// The batches of one index file, with a translation of each column's dictionary to the numbers of [`Names`].
pub(super) struct Batches {
    pub(super) stream: SendableRecordBatchStream,
    pub(super) data_files: Translated,
    pub(super) covers: Translated,
    pub(super) runs: Translated,
    pub(super) sources: Translated,
}

impl Batches {
    pub(super) fn of(stream: SendableRecordBatchStream) -> Self {
        let [data_files, covers, runs, sources] = Default::default();
        Self { stream, data_files, covers, runs, sources }
    }
}

/// A decoded batch of the index.
pub(super) struct Rows {
    pub(super) values: StringViewArray,
    /// The numbers of their data files.
    pub(super) data_files: Vec<u32>,
    /// The runs, if the rows are totals.
    pub(super) runs: Option<OfRuns>,
    /// The first record, in evidence order, of those that count: the number of its source file, and its line.
    pub(super) firsts: Vec<Option<EvidencePlace<u32>>>,
    pub(super) sums: IndexedSums,
    /// Which rows have the sums, `None` if all do: rows of earlier versions lack those for standing summaries.
    pub(super) known: Option<NullBuffer>,
}

/// The runs of totals.
pub(super) struct OfRuns {
    /// The number of each row's run.
    pub(super) runs: Vec<u32>,
    /// In rows without a value, the number of the data file that the totals cover.
    pub(super) covers: Vec<u32>,
}

/// The sums of each row.
pub(super) enum IndexedSums {
    /// Only the number of records.
    Nothing(Int64Array),
    All(Box<AllSums>),
    /// The bytes for one standing summary; `None` if no record has a number.
    Standing(Vec<Option<i64>>),
}

/// All sums of the index that any log has.
pub(super) struct AllSums {
    pub(super) records: Int64Array,
    pub(super) sent: Int64Array,
    pub(super) received: Int64Array,
    pub(super) errors: Int64Array,
    pub(super) first_times: TimestampMicrosecondArray,
    pub(super) last_times: TimestampMicrosecondArray,
}

impl Names {
    /// Decodes a batch, with the sums that are asked for.
    ///
    /// # Errors
    ///
    /// If a column is missing or has the wrong type, or the packed sums of a row can't be read.
    pub(super) fn rows(&mut self, batch: &RecordBatch, batches: &mut Batches, asked: AskedSums) -> Result<Rows> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let number = |name: &str| {
            let array = column(name)?.as_primitive_opt::<Int64Type>();
            array.cloned().with_context(|| format!("{name} does not hold numbers"))
        };
        let time = |name: &str| {
            let array = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            array.cloned().with_context(|| format!("{name} does not hold times"))
        };
        let values = column("value")?.as_string_view_opt().cloned().context("value does not hold text")?;
        let data_files = self.data_files.of(column("data_file")?, &mut batches.data_files, numbers::Part::Whole)?;
        let sources = self.sources.of(column("first_file")?, &mut batches.sources, numbers::Part::Whole)?;
        let lines = number("first_line")?;
        let firsts = sources.iter().zip(lines.values()).map(|(file, line)| EvidencePlace { file: *file, line: *line });
        let firsts = firsts.map(|first| (first.file != numbers::NULL).then_some(first)).collect();
        let runs = batch.column_by_name("run").map(|runs| -> Result<OfRuns> {
            let runs = self.runs.of(runs, &mut batches.runs, numbers::Part::Whole)?;
            let covers = self.data_files.of(column("covers")?, &mut batches.covers, numbers::Part::Whole)?;
            Ok(OfRuns { runs, covers })
        });
        let sums = IndexedSums::Standing(Vec::new());
        let mut rows = Rows { values, data_files, runs: runs.transpose()?, firsts, sums, known: None };
        rows.sums = match asked {
            AskedSums::Nothing => IndexedSums::Nothing(number("records")?),
            AskedSums::All => IndexedSums::All(Box::new(AllSums {
                records: number("records")?,
                sent: number("bytes_sent")?,
                received: number("bytes_received")?,
                errors: number("errors")?,
                first_times: time("first_time")?,
                last_times: time("last_time")?,
            })),
            AskedSums::Standing { place, of } => {
                let packed =
                    column("standing")?.as_binary_view_opt().cloned().context("standing does not hold bytes")?;
                rows.known = packed.nulls().cloned();
                IndexedSums::Standing(self.unpack(&mut rows.firsts, &packed, &number("bytes_sent")?, (place, of))?)
            }
        };
        Ok(rows)
    }

    /// Unpacks the sum at `place` of each row, which has `of` sums, and replaces the first records of rows by those of
    /// the sum. An error if the bytes of a row can't be unpacked.
    fn unpack(
        &mut self,
        firsts: &mut [Option<EvidencePlace<u32>>],
        packed: &BinaryViewArray,
        sent: &Int64Array,
        (place, of): (usize, usize),
    ) -> Result<Vec<Option<i64>>> {
        let mut bytes = vec![None; packed.len()];
        for row in (0..packed.len()).filter(|row| packed.is_valid(*row)) {
            let sums = packed_sums(packed.value(row), of).ok_or(DamagedIndex::Sums)?;
            let Some(PackedSum { bytes: number, first }) = sums[place] else { continue };
            let all = sent.is_valid(row).then(|| sent.value(row));
            bytes[row] = Some(number.or(all).ok_or(DamagedIndex::Sums)?);
            if let PackedFirst::Elsewhere(first) = first {
                firsts[row] = Some(first.map(|file| self.sources.number(file)));
            } else if let PackedFirst::Line(line) = first {
                firsts[row].as_mut().ok_or(DamagedIndex::Sums)?.line = line;
            }
        }
        Ok(bytes)
    }
}

impl Rows {
    /// For a total without a value, the number of the data file that it covers.
    pub(super) fn covers(&self, row: usize) -> u32 {
        self.runs.as_ref().map_or(numbers::NULL, |runs| runs.covers[row])
    }

    /// Whether a row has the sums that are asked for.
    pub(super) fn has_sums(&self, row: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known.is_valid(row))
    }
}
