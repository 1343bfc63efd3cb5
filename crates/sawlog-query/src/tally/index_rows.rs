//! Rows of the index as they are read: columns in which data files and source files are numbers.

use anyhow::{Context, Result};
use arrow::array::{
    Array, AsArray, BinaryViewArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::execution::SendableRecordBatchStream;
use sawlog_store::{PackedFirst, PackedSum, packed_sums};

use super::asked::AskedSums;
use crate::error::DamagedIndex;
use crate::numbers::{self, Numbers, Translated};

/// The numbers of what rows of a log name.
#[derive(Default)]
pub(super) struct Names {
    /// The data files that are there come first; rows can be about others, which are gone.
    pub(super) data_files: Numbers,
    /// The source files in which first records stand.
    pub(super) sources: Numbers,
    /// The runs whose data files are added up.
    runs: Numbers,
}

/// The batches of one file of the index, and which numbers the texts of their dictionaries have.
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

/// Rows of the index.
pub(super) struct Rows {
    pub(super) values: StringViewArray,
    /// The numbers of their data files.
    pub(super) data_files: Vec<u32>,
    /// What they are about, if it is several data files.
    pub(super) runs: Option<OfRuns>,
    /// The first record in evidence order, of those that count: the number of its source file, and its line.
    pub(super) firsts: Vec<Option<(u32, i64)>>,
    pub(super) sums: IndexedSums,
    /// Those that have what is asked for, if not all do: what an earlier version wrote has no sums for standing summaries.
    pub(super) known: Option<NullBuffer>,
}

/// What rows about several data files are about.
pub(super) struct OfRuns {
    /// The numbers of the runs.
    pub(super) runs: Vec<u32>,
    /// The number of a data file that is covered, in rows without a value.
    pub(super) covers: Vec<u32>,
}

/// What rows of the index add up.
pub(super) enum IndexedSums {
    /// The number of records.
    Nothing(Int64Array),
    All(Box<AllSums>),
    /// The bytes of a standing summary, if any record gives a number.
    Standing(Vec<Option<i64>>),
}

/// All that is added up of records.
pub(super) struct AllSums {
    pub(super) records: Int64Array,
    pub(super) sent: Int64Array,
    pub(super) received: Int64Array,
    pub(super) errors: Int64Array,
    pub(super) first_times: TimestampMicrosecondArray,
    pub(super) last_times: TimestampMicrosecondArray,
}

impl Names {
    /// The rows of a batch, with the sums that are asked for.
    pub(super) fn rows(&mut self, batch: &RecordBatch, batches: &mut Batches, asked: AskedSums) -> Result<Rows> {
        let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
        let number = |name: &str| {
            let array = column(name)?.as_primitive_opt::<Int64Type>();
            array.cloned().with_context(|| format!("no numbers in {name}"))
        };
        let time = |name: &str| {
            let array = column(name)?.as_primitive_opt::<TimestampMicrosecondType>();
            array.cloned().with_context(|| format!("no times in {name}"))
        };
        let values = column("value")?.as_string_view_opt().cloned().context("no texts in value")?;
        let data_files = self.data_files.of(column("data_file")?, &mut batches.data_files, numbers::Part::Whole)?;
        let sources = self.sources.of(column("first_file")?, &mut batches.sources, numbers::Part::Whole)?;
        let lines = number("first_line")?;
        let firsts = sources.iter().zip(lines.values());
        let firsts = firsts.map(|(source, line)| (*source != numbers::NULL).then_some((*source, *line))).collect();
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
                let packed = column("standing")?.as_binary_view_opt().cloned().context("no bytes in standing")?;
                rows.known = packed.nulls().cloned();
                IndexedSums::Standing(self.unpack(&mut rows.firsts, &packed, &number("bytes_sent")?, (place, of))?)
            }
        };
        Ok(rows)
    }

    /// Unpacks the sums at a place, of so many, and puts the first records that they are of in place of the rows' own; an error
    /// if the bytes of a row are no sums.
    fn unpack(
        &mut self,
        firsts: &mut [Option<(u32, i64)>],
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
            if let PackedFirst::Elsewhere(file, line) = first {
                firsts[row] = Some((self.sources.number(file), line));
            } else if let PackedFirst::Line(line) = first {
                firsts[row].as_mut().ok_or(DamagedIndex::Sums)?.1 = line;
            }
        }
        Ok(bytes)
    }
}

impl Rows {
    /// The number of the data file that a row about several covers.
    pub(super) fn covers(&self, row: usize) -> u32 {
        self.runs.as_ref().map_or(numbers::NULL, |runs| runs.covers[row])
    }

    /// Whether a row has what is asked for.
    pub(super) fn has_sums(&self, row: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known.is_valid(row))
    }
}
