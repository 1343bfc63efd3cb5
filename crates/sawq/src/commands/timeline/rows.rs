//! The timeline as a table, for other tools.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use sawlog_query::timeline::Burst;

use crate::output::{Output, Target};

/// Bursts are printed this many at a time.
const ROWS: usize = 8192;

/// Rows of a table.
pub(super) struct Rows {
    output: Output,
    bursts: Vec<Burst>,
}

impl Rows {
    pub(super) fn new(target: &Target) -> Result<Self> {
        Ok(Self { output: Output::new(target)?, bursts: Vec::new() })
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
        self.output.batch(&RecordBatch::try_from_iter_with_nullable([
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
            ("bytes", number(|burst| burst.bytes), false),
            ("source_file", text(&|burst| &burst.source_file), false),
            ("source_line", number(|burst| burst.source_line), false),
        ])?)
    }

    /// Prints a burst.
    pub(super) fn burst(&mut self, burst: Burst) -> Result<()> {
        self.bursts.push(burst);
        if self.bursts.len() == ROWS { self.flush() } else { Ok(()) }
    }

    /// Prints the remaining rows.
    pub(super) fn finish(mut self) -> Result<()> {
        if !self.bursts.is_empty() {
            self.flush()?;
        }
        self.output.finish()
    }
}
