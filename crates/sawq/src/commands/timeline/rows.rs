//! The timeline as a table, for other tools.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use sawlog_query::timeline::Burst;

use crate::options::Format;
use crate::output::{Output, Target};

/// Bursts are printed this many at a time.
const ROWS: usize = 8192;

/// Rows of a table.
pub(super) struct Rows {
    output: Output,
    bursts: Vec<Burst>,
    /// Whether there was a batch, even an empty one: a table without rows also has columns.
    is_begun: bool,
    /// Whether sums of bytes are decimals.
    has_decimals: bool,
    /// Whether all rows of the form have the same types.
    is_of_one_type: bool,
}

impl Rows {
    pub(super) fn new(target: &Target) -> Result<Self> {
        let is_of_one_type = matches!(target.format, Some(Format::Parquet | Format::Arrow | Format::Arrows));
        let output = Output::new(target)?;
        Ok(Self { output, bursts: Vec::new(), is_begun: false, has_decimals: false, is_of_one_type })
    }

    fn flush(&mut self) -> Result<()> {
        let bursts = std::mem::take(&mut self.bursts);
        let text = |get: &dyn Fn(&Burst) -> &Arc<str>| -> ArrayRef {
            let values = bursts.iter().map(|burst| Some(&**get(burst)).filter(|text| !text.is_empty()));
            Arc::new(values.collect::<StringArray>())
        };
        let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
            let times: TimestampMicrosecondArray = bursts.iter().map(|burst| burst.times.map(get)).collect();
            Arc::new(times.with_timezone("UTC"))
        };
        let number = |get: fn(&Burst) -> i64| -> ArrayRef {
            Arc::new(bursts.iter().map(|burst| Some(get(burst))).collect::<Int64Array>())
        };
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("time", time(|(first, _)| first), true),
            ("until", time(|(_, last)| last), true),
            ("count", Arc::new(bursts.iter().map(|burst| burst.count).collect::<UInt64Array>()) as ArrayRef, false),
            ("log", text(&|burst| &burst.kind.log), false),
            ("actor", text(&|burst| &burst.kind.actor), true),
            ("src_ip", text(&|burst| &burst.kind.src_ip), true),
            ("operation", text(&|burst| &burst.kind.operation), true),
            ("subject", text(&|burst| &burst.subject), true),
            ("target", text(&|burst| &burst.target), true),
            ("outcome", text(&|burst| &burst.kind.outcome), true),
            ("error", text(&|burst| &burst.kind.error), true),
            ("changes", Arc::new(bursts.iter().map(|burst| Some(burst.changes)).collect::<BooleanArray>()), false),
            ("bytes", self.bytes(&bursts)?, false),
            ("source_file", text(&|burst| &burst.source_file), false),
            ("source_line", number(|burst| burst.source_line), false),
        ])?;
        self.is_begun = true;
        self.output.batch(&batch)
    }

    /// Sums of bytes: decimals from the first one on that does not fit into 64 bits.
    fn bytes(&mut self, bursts: &[Burst]) -> Result<ArrayRef> {
        let small: Option<Int64Array> = bursts.iter().map(|burst| i64::try_from(burst.bytes).ok().map(Some)).collect();
        if let Some(small) = small.filter(|_| !self.has_decimals) {
            return Ok(Arc::new(small));
        }
        if self.is_begun && !self.has_decimals && self.is_of_one_type {
            bail!("a sum of bytes has more than 64 bits, but earlier rows have not; write CSV or JSON instead");
        }
        self.has_decimals = true;
        let large: Decimal128Array = bursts.iter().map(|burst| Some(burst.bytes)).collect();
        Ok(Arc::new(large.with_precision_and_scale(38, 0)?))
    }

    /// Prints a burst.
    pub(super) fn burst(&mut self, burst: Burst) -> Result<()> {
        self.bursts.push(burst);
        if self.bursts.len() == ROWS { self.flush() } else { Ok(()) }
    }

    /// Prints the remaining rows.
    pub(super) fn finish(mut self) -> Result<()> {
        if !self.bursts.is_empty() || !self.is_begun {
            self.flush()?;
        }
        self.output.finish()
    }
}
