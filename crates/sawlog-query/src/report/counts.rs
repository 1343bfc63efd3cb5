//! Records by time over the whole case, as the charts draw them.

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use sawlog_formats::TextColumn;

use crate::engine::collect;
use crate::events;
use crate::query::Query;
use crate::timeline;

/// Charts have up to this many bars.
const MAX_BARS: i64 = 1500;
/// How long a bar can be, in seconds; longer ones are whole centuries.
const LENGTHS: [i64; 13] = [
    60,
    5 * 60,
    15 * 60,
    3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    86_400,
    7 * 86_400,
    30 * 86_400,
    365 * 86_400,
    10 * 365 * 86_400,
    100 * 365 * 86_400,
];

/// Records by time.
#[derive(Default)]
pub struct Counts {
    /// How long a bar is, in seconds.
    pub length: i64,
    /// The bars that have records.
    pub bars: Vec<Bar>,
    /// Records whose time is not known.
    pub without_time: u64,
}

/// The records of one log in one bar.
pub struct Bar {
    /// The log's table.
    pub log: String,
    /// Its number: bar 0 begins in 1970.
    pub place: i64,
    /// How many records there are.
    pub records: i64,
    /// How many of them failed.
    pub failed: i64,
    /// Those that changed something and did not fail.
    pub changed: i64,
}

impl Counts {
    /// Counts the records. The first and the last of them have these times.
    pub(super) fn of(queries: &[Query], times: Option<(i64, i64)>) -> Result<Self> {
        let Some(query) = queries.first() else { return Ok(Self::default()) };
        let seconds = times.map_or(0, |(first, last)| last.saturating_sub(first) / 1_000_000);
        let length = LENGTHS.into_iter().find(|length| seconds / length < MAX_BARS);
        let length =
            length.unwrap_or(LENGTHS[LENGTHS.len() - 1] * (seconds / MAX_BARS / LENGTHS[LENGTHS.len() - 1] + 1));
        let micros = length * 1_000_000;
        // Computed with whole numbers, since the engine's functions of time only cover 1677 to 2262.
        let text = format!(
            "SELECT micros / {micros} - CASE WHEN micros % {micros} < 0 THEN 1 ELSE 0 END AS place, log, count(*) AS records, \
             sum(CASE WHEN outcome = 'failure' THEN 1 ELSE 0 END) AS failed, \
             sum(CASE WHEN changes THEN 1 ELSE 0 END) AS changed \
             FROM (SELECT CAST(time AS BIGINT) AS micros, log, outcome, changes FROM lines) GROUP BY 1, 2 ORDER BY 1, 2"
        );
        let frame = timeline::frame(queries, &text)?;
        let batches = query.store.block_on(collect(frame, events::NAME, &query.explain))?;
        let mut counts = Self { length, ..Self::default() };
        for batch in batches {
            let logs = TextColumn::new(batch.column(1)).map_err(|found| anyhow::anyhow!("log has the type {found}"))?;
            let number = |place: usize| {
                batch.column(place).as_primitive_opt::<Int64Type>().context("a column does not hold numbers")
            };
            let [places, records, failed, changed] = [number(0)?, number(2)?, number(3)?, number(4)?];
            for row in 0..batch.num_rows() {
                if places.is_null(row) {
                    counts.without_time += records.value(row).unsigned_abs();
                    continue;
                }
                counts.bars.push(Bar {
                    log: logs.get(row).unwrap_or_default().to_owned(),
                    place: places.value(row),
                    records: records.value(row),
                    failed: failed.value(row),
                    changed: changed.value(row),
                });
            }
        }
        Ok(counts)
    }

    /// How many records of a log changed something.
    #[must_use]
    pub fn changed(&self, log: &str) -> i64 {
        self.bars.iter().filter(|bar| bar.log == log).map(|bar| bar.changed).sum()
    }
}
