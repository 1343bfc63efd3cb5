//! What a report tells: collected from the store before the page is made.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use sawlog_formats::{REJECTS, TextColumn};
use sawlog_store::{Source, read_file};
use sha2::{Digest, Sha256};

use crate::events;
use crate::groups::{Group, Sums};
use crate::query::{Query, collect};
use crate::tally::{Details, Measures, largest};
use crate::timeline::{Burst, Printer, fold};

/// So many lines of the timeline are kept that fail or change something, and so many others.
const MAX_MARKED: usize = 3000;
const MAX_OTHERS: usize = 1000;
/// Rejects are shown so far.
const MAX_REJECTS: usize = 50;
/// Lists of top values are so long.
const TOP: usize = 10;

/// What a report tells.
pub(crate) struct Facts {
    pub(crate) logs: Vec<Log>,
    /// Records by hour (hours since 1970) and log.
    pub(crate) hours: BTreeMap<i64, BTreeMap<String, i64>>,
    pub(crate) bursts: Vec<Burst>,
    /// Lines of the timeline that were left out.
    pub(crate) bursts_left_out: usize,
    /// For each log how many records stand in the evidence after a later one.
    pub(crate) late: Vec<(String, u64)>,
    pub(crate) tops: Vec<Top>,
    pub(crate) sources: Vec<Source>,
    /// SHA-256 over the ledger: of the lines `sha256␣␣path`, sorted by path, as `sha256sum` prints them.
    pub(crate) ledger_sha256: String,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) rejects_in_all: i64,
}

/// One log's share.
pub(crate) struct Log {
    pub(crate) name: &'static str,
    pub(crate) records: u64,
    pub(crate) failed: u64,
    pub(crate) times: Option<(i64, i64)>,
}

/// The largest groups by one dimension.
pub(crate) struct Top {
    pub(crate) title: &'static str,
    pub(crate) dimension: &'static str,
    pub(crate) groups: Vec<Group>,
}

/// A line that is no record.
pub(crate) struct Reject {
    pub(crate) file: String,
    pub(crate) line: i64,
    pub(crate) reason: String,
    pub(crate) raw: String,
}

impl Facts {
    /// Collects the facts of the queries' records, and of the sources of `all`.
    pub(crate) fn collect(queries: &[Query], all: &[Query]) -> Result<Self> {
        let mut facts = Self {
            logs: Vec::new(),
            hours: BTreeMap::new(),
            bursts: Vec::new(),
            bursts_left_out: 0,
            late: Vec::new(),
            tops: Vec::new(),
            sources: Vec::new(),
            ledger_sha256: String::new(),
            rejects: Vec::new(),
            rejects_in_all: 0,
        };
        for query in queries {
            let measures = Measures { details: Details::Sums, ..Measures::default() };
            let all = largest(&[query], &["log".to_owned()], measures, 1, |sums| sums.count.into())?;
            let all = all.first().map(|group| group.sums).unwrap_or_default();
            let (records, failed, times) = (all.count, all.errors, all.times());
            facts.logs.push(Log { name: query.format.table.name, records, failed, times });
        }
        facts.add_hours(queries)?;
        let mut kept = Kept::default();
        fold(queries, false, &mut kept)?;
        (facts.bursts, facts.bursts_left_out, facts.late) = (kept.bursts, kept.left_out, kept.late);
        facts.add_tops(queries)?;
        facts.add_sources(all)?;
        Ok(facts)
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.logs.iter().map(|log| log.records).sum()
    }

    /// The first and the last record's time.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        let times = self.logs.iter().filter_map(|log| log.times);
        times.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
    }

    fn add_hours(&mut self, queries: &[Query]) -> Result<()> {
        let Some(query) = queries.first() else { return Ok(()) };
        let context = crate::sql::context(queries, events::NAME)?;
        let text =
            format!("SELECT date_trunc('hour', time) AS hour, log, count(*) AS n FROM {} GROUP BY 1, 2", events::NAME);
        let batches =
            query.store.block_on(async { collect(context.sql(&text).await?, events::NAME, &query.explain).await })?;
        for batch in batches {
            let hours = batch.column(0).as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
            let logs = TextColumn::new(batch.column(1)).map_err(|found| anyhow::anyhow!("log is {found}"))?;
            let counts = batch.column(2).as_primitive_opt::<Int64Type>().context("no counts")?;
            for row in (0..batch.num_rows()).filter(|row| hours.is_valid(*row)) {
                let log = logs.get(row).unwrap_or_default().to_owned();
                *self.hours.entry(hours.value(row) / 3_600_000_000).or_default().entry(log).or_default() +=
                    counts.value(row);
            }
        }
        Ok(())
    }

    fn add_tops(&mut self, queries: &[Query]) -> Result<()> {
        type Key = fn(&Sums) -> u128;
        let count: Key = |sums| u128::from(sums.count);
        let sent: Key = |sums| sums.bytes_sent.unwrap_or_default();
        let lists: [(&str, &str, Key); 8] = [
            ("Addresses by bytes that S3 sent to them", "remote_ip", sent),
            ("Addresses by bytes that they stored in S3", "remote_ip", |sums| sums.bytes_received),
            ("Flows: source addresses by bytes", "srcaddr", |sums| sums.flow_bytes.unwrap_or_default()),
            ("Addresses by failures", "ip", |sums| u128::from(sums.errors)),
            ("Users", "user", count),
            ("User agents", "user_agent", count),
            ("Operations", "operation", count),
            ("Errors", "error", count),
        ];
        for (title, dimension, key) in lists {
            let columns = [dimension.to_owned()];
            let Ok(with) = crate::query::with_columns(queries, &columns) else { continue };
            let measures = Measures { bytes_sent: true, details: Details::Sums, ..Measures::default() };
            // One more, since the records without a value are a group, too.
            let mut groups = largest(&with, &columns, measures, TOP + 1, key)?;
            groups.retain(|group| key(&group.sums) > 0 && group.values[0].is_some());
            groups.truncate(TOP);
            self.tops.push(Top { title, dimension, groups });
        }
        Ok(())
    }

    fn add_sources(&mut self, queries: &[Query]) -> Result<()> {
        let Some(query) = queries.first() else { return Ok(()) };
        self.sources = Source::load_all(&query.store)?;
        let mut hasher = Sha256::new();
        for source in &self.sources {
            hasher.update(format!("{}  {}\n", source.sha256, source.path));
            self.rejects_in_all += source.rejects;
        }
        self.ledger_sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let snapshot = query.store.snapshot(&REJECTS)?;
        for entry in &snapshot.files {
            for batch in read_file(&REJECTS, &snapshot.folder, entry, None)? {
                let batch = batch?;
                let text =
                    |name: &str| TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} is {found}"));
                let (files, reasons) = (text("source_file")?, text("reason")?);
                let lines = batch["source_line"].as_primitive_opt::<Int64Type>().context("no lines")?;
                let raws = batch["raw"].as_binary_opt::<i32>().context("no bytes")?;
                for row in 0..batch.num_rows().min(MAX_REJECTS - self.rejects.len()) {
                    let raw = String::from_utf8_lossy(raws.value(row));
                    self.rejects.push(Reject {
                        file: files.get(row).unwrap_or_default().to_owned(),
                        line: lines.value(row),
                        reason: reasons.get(row).unwrap_or_default().to_owned(),
                        raw: raw.chars().take(200).collect(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// The lines of the timeline that are kept: those that fail or change something before others.
#[derive(Default)]
struct Kept {
    bursts: Vec<Burst>,
    marked: usize,
    others: usize,
    left_out: usize,
    late: Vec<(String, u64)>,
}

impl Printer for Kept {
    fn burst(&mut self, burst: Burst) -> Result<()> {
        let marked = burst.changes || burst.kind.outcome == "failure";
        let (count, most) = if marked { (&mut self.marked, MAX_MARKED) } else { (&mut self.others, MAX_OTHERS) };
        if *count < most {
            *count += 1;
            self.bursts.push(burst);
        } else {
            self.left_out += 1;
        }
        Ok(())
    }

    fn finish(&mut self, late: &[(String, u64)]) -> Result<()> {
        self.late = late.to_vec();
        Ok(())
    }
}
