//! The facts of a report, except for single entities.

use anyhow::Result;
use sawlog_formats::{Role, Table};

use super::chosen::{Chooser, Chosen};
use super::counts::Counts;
use super::sources::Sources;
use crate::groups::{Group, Sums};
use crate::largest::RankedGroup;
use crate::logs;
use crate::query::Query;
use crate::records::Records;
use crate::tally::{Details, Measures, largest};
use crate::timeline::Folds;

/// Lists of top values are this long.
const TOP: usize = 10;

/// What a report tells.
pub struct Facts {
    /// The logs that have records.
    pub logs: Vec<Log>,
    /// Records by time.
    pub counts: Counts,
    /// The lines of the timeline that were chosen.
    pub timeline: Chosen,
    /// Lists of top values.
    pub tops: Vec<Top>,
    /// What the store was made of.
    pub sources: Sources,
    /// The store's folder.
    pub store: String,
}

/// One log's share.
pub struct Log {
    /// The table's name.
    pub name: &'static str,
    /// The name in words.
    pub title: &'static str,
    /// How many records there are.
    pub records: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The first and the last record's time, in microseconds since 1970.
    pub times: Option<(i64, i64)>,
}

/// The largest groups by one dimension.
pub struct Top {
    /// What the list is of.
    pub title: String,
    /// What the values are.
    pub heading: &'static str,
    /// The bytes listed beside records and failures; different kinds of bytes must not be added up.
    pub bytes: Option<Bytes>,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
}

/// A sum of bytes, and its name.
#[derive(Clone, Copy)]
pub struct Bytes {
    /// What it is called.
    pub heading: &'static str,
    /// The sum.
    pub of: fn(&Sums) -> u128,
}

impl Facts {
    /// Collects the facts of some records: up to `most` lines of their timeline, or all if it is 0, and the sources
    /// of all records of the store.
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    pub fn collect(records: &Records, all: &Records, most: usize) -> Result<Self> {
        let (queries, store) = (records.queries(), all.store()?);
        let logs = queries.iter().map(log).collect::<Result<Vec<_>>>()?;
        let logs: Vec<Log> = logs.into_iter().filter(|log| log.records > 0).collect();
        let counts = Counts::of(queries, times(&logs))?;
        let mut chooser = Chooser::new(most);
        records.timeline(Folds::default(), |burst| {
            chooser.add(burst);
            Ok(())
        })?;
        let timeline = chooser.finish();
        let root = std::path::absolute(store.root())?.display().to_string();
        Ok(Self { logs, counts, timeline, tops: tops(queries)?, sources: Sources::of(store)?, store: root })
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.logs.iter().map(|log| log.records).sum()
    }

    /// The first and the last record's time.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        times(&self.logs)
    }
}

fn times(logs: &[Log]) -> Option<(i64, i64)> {
    let times = logs.iter().filter_map(|log| log.times);
    times.reduce(|(first, last), (begin, end)| (first.min(begin), last.max(end)))
}

fn log(query: &Query) -> Result<Log> {
    let measures = Measures { details: Details::Sums, ..Measures::default() };
    let all = largest(&[query], &["log".to_owned()], measures, 1, |sums| sums.count.into())?;
    let all = all.iter().next().map(|group| *group.sums()).unwrap_or_default();
    let table = query.format.table;
    Ok(Log { name: table.name, title: title(table), records: all.count, failed: all.errors, times: all.times() })
}

/// A list of top values: its title, what the values are, the dimension, the measure that they are sorted by, and the
/// bytes listed beside.
type List = (String, &'static str, &'static str, fn(&Sums) -> u128, Option<Bytes>);

fn tops(queries: &[Query]) -> Result<Vec<Top>> {
    let mut tops = Vec::new();
    // Bytes of different logs are different things.
    for query in queries {
        for list in by_bytes(query) {
            tops.extend(top(std::slice::from_ref(query), list)?);
        }
    }
    let count: fn(&Sums) -> u128 = |sums| sums.count.into();
    let failures: fn(&Sums) -> u128 = |sums| sums.errors.into();
    for (title, heading, dimension, key) in [
        ("Addresses by failures", "Address", "ip", failures),
        ("Users", "User", "user", count),
        ("User agents", "User agent", "user_agent", count),
        ("Operations", "Operation", "operation", count),
        ("Errors", "Error", "error", count),
        ("Hosts", "Host", "host", count),
        ("URLs by failures", "URL", "url", failures),
    ] {
        tops.extend(top(queries, (title.to_owned(), heading, dimension, key, None))?);
    }
    Ok(tops)
}

/// The lists of the addresses that a log's bytes came from or went to.
fn by_bytes(query: &Query) -> Vec<List> {
    const SENT: Bytes = Bytes { heading: "Sent", of: |sums| sums.bytes_sent.unwrap_or_default() };
    const RECEIVED: Bytes = Bytes { heading: "Received", of: |sums| sums.bytes_received };
    const FLOWS: Bytes = Bytes { heading: "Bytes", of: |sums| sums.flow_bytes.unwrap_or_default() };
    let table = query.format.table;
    let Some(source) = logs::field(table, Role::Source) else { return Vec::new() };
    let list =
        |what: &str, bytes: Bytes| (format!("{}: {what}", title(table)), "Address", source, bytes.of, Some(bytes));
    let measures = &query.format.measures;
    let main = measures.bytes.map(|bytes| match bytes {
        sawlog_formats::Bytes::Sent(_) => list("addresses by bytes sent to them", SENT),
        sawlog_formats::Bytes::Flow(_) => list("source addresses by bytes", FLOWS),
    });
    let received = measures.received.map(|_| list("addresses by bytes received from them", RECEIVED));
    main.into_iter().chain(received).collect()
}

/// The largest groups of a list; nothing if no log has the dimension.
fn top(queries: &[Query], (title, heading, dimension, key, bytes): List) -> Result<Option<Top>> {
    let columns = [dimension.to_owned()];
    let Ok(with) = crate::query::with_columns(queries, &columns) else { return Ok(None) };
    let measures = Measures { bytes_sent: true, details: Details::Sums, ..Measures::default() };
    // One more, since the records without a value also form a group.
    let largest = largest(&with, &columns, measures, TOP + 1, key)?;
    let shown = largest.iter().filter(|group| key(group.sums()) > 0 && group.value(0).is_some());
    let groups: Vec<Group> = shown.take(TOP).map(RankedGroup::to_group).collect();
    Ok(Some(Top { title, heading, bytes, groups }).filter(|top| !top.groups.is_empty()))
}

/// A log's name in words.
fn title(table: &'static Table) -> &'static str {
    table.doc.split(':').next().unwrap_or(table.name)
}
