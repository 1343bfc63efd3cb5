//! `sawq timeline`: what happened, by time, over all logs; bursts of the same kind as one line.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use futures::StreamExt;
use jiff::Timestamp;
use sawlog_formats::{TextColumn, visible};

use crate::cli::TimelineArgs;
use crate::events;
use crate::output::{Output, Target};
use crate::query::Query;

/// Records of the same kind that follow within so many seconds belong to one burst.
const BURST_SECONDS: i64 = 60;
/// Without records for so many seconds, the timeline says so.
const GAP_SECONDS: i64 = 3600;
/// So many bursts may wait for an earlier one to end.
const MAX_WAITING: usize = 10_000;
/// The columns that are read of the view of events.
const FIELDS: &str =
    "time, log, actor, src_ip, operation, target, outcome, error, changes, bytes, source_file, source_line";

/// Records of one kind in a burst.
#[derive(Clone, Debug)]
pub(crate) struct Burst {
    /// `None` of records without a time, which come last.
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) count: u64,
    pub(crate) kind: Kind,
    /// What the first record is about; of several the place that they have in common.
    pub(crate) target: String,
    pub(crate) changes: bool,
    pub(crate) bytes: i64,
    pub(crate) source_file: String,
    pub(crate) source_line: i64,
}

/// What records of a burst have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) log: String,
    pub(crate) actor: String,
    pub(crate) src_ip: String,
    pub(crate) operation: String,
    /// The bucket, the resource, or the address.
    pub(crate) place: String,
    pub(crate) outcome: String,
    pub(crate) error: String,
}

/// Prints the timeline; says whether there was anything on it.
pub(crate) fn print(queries: &[Query], args: &TimelineArgs, target: &Target) -> Result<bool> {
    let mut printer: Box<dyn Printer> = match target.format {
        None => Box::new(Lines { out: Box::new(target.open()?), day: String::new(), last: None }),
        Some(_) => Box::new(Rows { output: Output::new(target)?, bursts: Vec::new() }),
    };
    fold(queries, args.expand, printer.as_mut())
}

/// Gives the bursts of all logs to a printer, by time; says whether there were any.
pub(crate) fn fold(queries: &[Query], expand: bool, printer: &mut dyn Printer) -> Result<bool> {
    let Some(query) = queries.first() else { return Ok(false) };
    let context = crate::sql::context(queries, events::NAME)?;
    let sorted = format!("SELECT {FIELDS} FROM {} ORDER BY time, source_file, source_line", events::NAME);
    let mut folding = Folding { expand, ..Folding::default() };
    query.store.block_on(async {
        let frame = context.sql(&sorted).await?;
        let mut stream = crate::query::execute(frame, events::NAME, &query.explain).await?;
        while let Some(batch) = stream.next().await {
            for burst in bursts(&batch?)? {
                folding.add(burst, printer)?;
            }
        }
        anyhow::Ok(())
    })?;
    let any = folding.any;
    let late = folding.finish(printer)?;
    printer.finish(&late)?;
    Ok(any)
}

/// Each record of a batch as a burst of one.
fn bursts(batch: &RecordBatch) -> Result<Vec<Burst>> {
    let column = |name: &str| batch.column_by_name(name).with_context(|| format!("no column {name}"));
    let text = |name: &str| -> Result<TextColumn> {
        TextColumn::new(column(name)?).map_err(|found| anyhow::anyhow!("{name} is {found}"))
    };
    let number = |name: &str| column(name)?.as_primitive_opt::<Int64Type>().cloned().context("no numbers");
    let times = column("time")?.as_primitive_opt::<TimestampMicrosecondType>().context("no times")?;
    let changes = column("changes")?.as_boolean_opt().context("no truth")?;
    let (bytes, lines, files, targets) =
        (number("bytes")?, number("source_line")?, text("source_file")?, text("target")?);
    let names = ["log", "actor", "src_ip", "operation", "outcome", "error"];
    let [log, actor, src_ip, operation, outcome, error] = names.map(text);
    let (log, actor, src_ip, operation, outcome, error) = (log?, actor?, src_ip?, operation?, outcome?, error?);
    let get = |column: &TextColumn, row: usize| column.get(row).unwrap_or_default().to_owned();
    let rows = (0..batch.num_rows()).map(|row| {
        let (log, target) = (get(&log, row), get(&targets, row));
        let place = match log.as_str() {
            "s3_access" => target.split('/').next().unwrap_or_default(),
            "vpc_flow" => target.rsplit_once(':').map_or(target.as_str(), |(address, _)| address),
            _ => target.as_str(),
        };
        let time = times.is_valid(row).then(|| times.value(row));
        Burst {
            first: time,
            last: time,
            count: 1,
            kind: Kind {
                place: place.to_owned(),
                log,
                actor: get(&actor, row),
                src_ip: get(&src_ip, row),
                operation: get(&operation, row),
                outcome: get(&outcome, row),
                error: get(&error, row),
            },
            target,
            changes: changes.is_valid(row) && changes.value(row),
            bytes: if bytes.is_valid(row) { bytes.value(row) } else { 0 },
            source_file: get(&files, row),
            source_line: lines.value(row),
        }
    });
    Ok(rows.collect())
}

/// The microseconds from one time to a later one. Records without a time are together, after all others.
fn between(earlier: Option<i64>, later: Option<i64>) -> i64 {
    match (earlier, later) {
        (Some(earlier), Some(later)) => later.saturating_sub(earlier),
        (None, None) => 0,
        _ => i64::MAX,
    }
}

/// Folds records into bursts, and gives these out in the order of their first records.
#[derive(Default)]
struct Folding {
    expand: bool,
    any: bool,
    waiting: VecDeque<Burst>,
    /// How many bursts were given out: the number of the first one that waits.
    given: usize,
    /// The numbers of the bursts that may go on, by kind.
    open: HashMap<Kind, usize>,
    /// For each log the place of the last record so far in the evidence, and how many records stand before one that is
    /// earlier by time.
    order: HashMap<String, ((String, i64), u64)>,
}

impl Folding {
    fn add(&mut self, record: Burst, printer: &mut dyn Printer) -> Result<()> {
        self.any = true;
        let here = (record.source_file.clone(), record.source_line);
        let (furthest, late) = self.order.entry(record.kind.log.clone()).or_default();
        if here < *furthest {
            *late += 1;
        } else {
            *furthest = here;
        }
        let now = record.first;
        let number = self.open.get(&record.kind).copied().filter(|_| !self.expand);
        let burst = number.and_then(|number| self.waiting.get_mut(number.checked_sub(self.given)?));
        if let Some(burst) = burst.filter(|burst| between(burst.last, now) <= BURST_SECONDS * 1_000_000) {
            burst.last = now;
            burst.count += 1;
            burst.bytes += record.bytes;
            if burst.target != record.target {
                burst.target.clone_from(&burst.kind.place);
            }
        } else {
            self.open.insert(record.kind.clone(), self.given + self.waiting.len());
            self.waiting.push_back(record);
        }
        while let Some(burst) = self.waiting.front() {
            let over = self.expand || between(burst.last, now) > BURST_SECONDS * 1_000_000;
            if !over && self.waiting.len() <= MAX_WAITING {
                break;
            }
            self.give(printer)?;
        }
        Ok(())
    }

    fn give(&mut self, printer: &mut dyn Printer) -> Result<()> {
        let Some(burst) = self.waiting.pop_front() else { return Ok(()) };
        if self.open.get(&burst.kind) == Some(&self.given) {
            self.open.remove(&burst.kind);
        }
        self.given += 1;
        printer.burst(burst)
    }

    /// Gives out what waits; for each log how many records stand out of time's order in the evidence.
    fn finish(mut self, printer: &mut dyn Printer) -> Result<Vec<(String, u64)>> {
        while !self.waiting.is_empty() {
            self.give(printer)?;
        }
        let mut late: Vec<(String, u64)> = self.order.into_iter().map(|(log, (_, late))| (log, late)).collect();
        late.retain(|(_, late)| *late > 0);
        late.sort();
        Ok(late)
    }
}

/// Where bursts go.
pub(crate) trait Printer {
    fn burst(&mut self, burst: Burst) -> Result<()>;

    /// Prints what is left, and how many records of which log stand out of order.
    fn finish(&mut self, late: &[(String, u64)]) -> Result<()>;
}

/// Lines for people: days and gaps are marked, so are failures (!) and changes (+).
struct Lines {
    out: Box<dyn Write>,
    day: String,
    last: Option<i64>,
}

impl Lines {
    /// The clock of a burst that begins at a time, after marks of the gap before it and of its day.
    fn clock(&mut self, first: Option<i64>) -> Result<String> {
        const TIMELESS: &str = "no time";
        let Some(micros) = first else {
            if self.day != TIMELESS {
                writeln!(self.out, "{}{TIMELESS}", if self.day.is_empty() { "" } else { "\n" })?;
                TIMELESS.clone_into(&mut self.day);
            }
            return Ok("--:--:--".to_owned());
        };
        let time = Timestamp::from_microsecond(micros)?;
        let first = time.to_string();
        let (day, clock) = first.split_once('T').context("a time has a day")?;
        if let Some(seconds) = self.last.map(|last| (micros - last) / 1_000_000).filter(|gap| *gap >= GAP_SECONDS) {
            writeln!(self.out, "          … {} h {:02} min without a record", seconds / 3600, seconds / 60 % 60)?;
        }
        if day != self.day {
            let weekday = time.strftime("%A").to_string();
            writeln!(self.out, "{}{day} {weekday}, UTC", if self.day.is_empty() { "" } else { "\n" })?;
            day.clone_into(&mut self.day);
        }
        Ok(clock[..8].to_owned())
    }
}

impl Printer for Lines {
    fn burst(&mut self, burst: Burst) -> Result<()> {
        let clock = self.clock(burst.first)?;
        let kind = &burst.kind;
        let marks = [if kind.outcome == "failure" { '!' } else { ' ' }, if burst.changes { '+' } else { ' ' }];
        let log = kind.log.split('_').next().unwrap_or_default();
        let who = kind.actor.rsplit([':', '/']).next().unwrap_or_default();
        let mut line = format!("{clock} {}{} {log:<10} {who:<14} {:<15} ", marks[0], marks[1], kind.src_ip);
        if burst.count > 1 {
            line += &format!("{} × ", burst.count);
        }
        let of_many = burst.count > 1 && burst.target == kind.place;
        line += &format!("{} {}{}", kind.operation, if of_many { "in " } else { "" }, burst.target);
        if !kind.error.is_empty() {
            line += &format!(": {}", kind.error);
        }
        let seconds = between(burst.first, burst.last) / 1_000_000;
        if seconds > 0 {
            line += &format!(" (in {seconds} s)");
        }
        self.last = self.last.max(burst.last);
        writeln!(self.out, "{}", visible(line.trim_end()))?;
        Ok(())
    }

    fn finish(&mut self, late: &[(String, u64)]) -> Result<()> {
        self.out.flush()?;
        for (log, late) in late {
            eprintln!(
                "sawq: {late} records of {log} stand in the evidence after one that is later by time; 'sawq find' shows that order"
            );
        }
        Ok(())
    }
}

/// Rows of a table, for other tools.
struct Rows {
    output: Output,
    bursts: Vec<Burst>,
}

impl Rows {
    fn flush(&mut self) -> Result<()> {
        let bursts = std::mem::take(&mut self.bursts);
        let text = |get: &dyn Fn(&Burst) -> &String| -> ArrayRef {
            let values = bursts.iter().map(|burst| Some(get(burst).as_str()).filter(|text| !text.is_empty()));
            Arc::new(values.collect::<StringArray>())
        };
        let time = |get: fn(&Burst) -> Option<i64>| -> ArrayRef {
            let times: TimestampMicrosecondArray = bursts.iter().map(get).collect();
            Arc::new(times.with_timezone("UTC"))
        };
        let number = |get: fn(&Burst) -> i64| -> ArrayRef {
            Arc::new(bursts.iter().map(|burst| Some(get(burst))).collect::<Int64Array>())
        };
        self.output.batch(&RecordBatch::try_from_iter_with_nullable([
            ("time", time(|burst| burst.first), true),
            ("until", time(|burst| burst.last), true),
            ("count", Arc::new(bursts.iter().map(|burst| burst.count).collect::<UInt64Array>()) as ArrayRef, false),
            ("log", text(&|burst| &burst.kind.log), false),
            ("actor", text(&|burst| &burst.kind.actor), true),
            ("src_ip", text(&|burst| &burst.kind.src_ip), true),
            ("operation", text(&|burst| &burst.kind.operation), true),
            ("target", text(&|burst| &burst.target), true),
            ("outcome", text(&|burst| &burst.kind.outcome), true),
            ("error", text(&|burst| &burst.kind.error), true),
            ("changes", Arc::new(bursts.iter().map(|burst| Some(burst.changes)).collect::<BooleanArray>()), false),
            ("bytes", number(|burst| burst.bytes), false),
            ("source_file", text(&|burst| &burst.source_file), false),
            ("source_line", number(|burst| burst.source_line), false),
        ])?)
    }
}

impl Printer for Rows {
    fn burst(&mut self, burst: Burst) -> Result<()> {
        self.bursts.push(burst);
        if self.bursts.len() == 8192 { self.flush() } else { Ok(()) }
    }

    fn finish(&mut self, _late: &[(String, u64)]) -> Result<()> {
        if !self.bursts.is_empty() {
            self.flush()?;
        }
        self.output.end()
    }
}
