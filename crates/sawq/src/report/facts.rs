//! What a report tells: collected from the store before the page is made.

use anyhow::{Context, Result};

use super::chosen::{Chooser, Chosen};
use super::counts::Counts;
use super::sources::Sources;
use crate::groups::{Group, Sums};
use crate::query::Query;
use crate::tally::{Details, Measures, largest};
use crate::timeline::{Folds, fold};

/// Lists of top values are this long.
const TOP: usize = 10;

/// What a report tells.
pub(crate) struct Facts {
    pub(crate) logs: Vec<Log>,
    pub(crate) counts: Counts,
    pub(crate) timeline: Chosen,
    pub(crate) tops: Vec<Top>,
    pub(crate) sources: Sources,
    /// The store's folder.
    pub(crate) store: String,
}

/// One log's share.
pub(crate) struct Log {
    pub(crate) name: &'static str,
    /// The name in words.
    pub(crate) title: &'static str,
    pub(crate) records: u64,
    pub(crate) failed: u64,
    pub(crate) times: Option<(i64, i64)>,
}

/// The largest groups by one dimension.
pub(crate) struct Top {
    pub(crate) title: &'static str,
    /// What the values are.
    pub(crate) heading: &'static str,
    /// What is listed beside records and failures: bytes of one kind, which others must not be added to.
    pub(crate) bytes: Option<Bytes>,
    pub(crate) groups: Vec<Group>,
}

/// A sum of bytes, and what it is called.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) heading: &'static str,
    pub(crate) of: fn(&Sums) -> u128,
}

impl Facts {
    /// Collects the facts of the queries' records, of whose timeline up to `most` lines are chosen, and of the sources of
    /// `all`.
    pub(crate) fn collect(queries: &[Query], all: &[Query], most: usize) -> Result<Self> {
        let store = &all.first().context("the store has no log")?.store;
        let logs = queries.iter().map(log).collect::<Result<Vec<_>>>()?;
        let logs: Vec<Log> = logs.into_iter().filter(|log| log.records > 0).collect();
        let counts = Counts::of(queries, times(&logs))?;
        let mut chooser = Chooser::new(most);
        fold(queries, Folds::default(), &mut chooser)?;
        let timeline = chooser.finish();
        let root = std::path::absolute(store.root())?.display().to_string();
        Ok(Self { logs, counts, timeline, tops: tops(queries)?, sources: Sources::of(store)?, store: root })
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.logs.iter().map(|log| log.records).sum()
    }

    /// The first and the last record's time.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
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
    let all = all.first().map(|group| group.sums).unwrap_or_default();
    let table = query.format.table;
    let title = table.doc.split(':').next().unwrap_or(table.name);
    Ok(Log { name: table.name, title, records: all.count, failed: all.errors, times: all.times() })
}

fn tops(queries: &[Query]) -> Result<Vec<Top>> {
    const SENT: Bytes = Bytes { heading: "Sent", of: |sums| sums.bytes_sent.unwrap_or_default() };
    const STORED: Bytes = Bytes { heading: "Stored", of: |sums| sums.bytes_received };
    const FLOWS: Bytes = Bytes { heading: "Bytes", of: |sums| sums.flow_bytes.unwrap_or_default() };
    let count: fn(&Sums) -> u128 = |sums| sums.count.into();
    let failures: fn(&Sums) -> u128 = |sums| sums.errors.into();
    let lists = [
        ("Addresses by bytes that S3 sent to them", "Address", "remote_ip", SENT.of, Some(SENT)),
        ("Addresses by bytes that they stored in S3", "Address", "remote_ip", STORED.of, Some(STORED)),
        ("Addresses by bytes that load balancers sent to them", "Address", "client_ip", SENT.of, Some(SENT)),
        ("Flows: source addresses by bytes", "Source address", "srcaddr", FLOWS.of, Some(FLOWS)),
        ("Addresses by failures", "Address", "ip", failures, None),
        ("Users", "User", "user", count, None),
        ("User agents", "User agent", "user_agent", count, None),
        ("Operations", "Operation", "operation", count, None),
        ("Errors", "Error", "error", count, None),
        ("Hosts", "Host", "host", count, None),
        ("URLs by failures", "URL", "url", failures, None),
    ];
    let mut tops = Vec::new();
    for (title, heading, dimension, key, bytes) in lists {
        let columns = [dimension.to_owned()];
        let Ok(with) = crate::query::with_columns(queries, &columns) else { continue };
        let measures = Measures { bytes_sent: true, details: Details::Sums, ..Measures::default() };
        // One more, since the records without a value are a group, too.
        let mut groups = largest(&with, &columns, measures, TOP + 1, key)?;
        groups.retain(|group| key(&group.sums) > 0 && group.values[0].is_some());
        groups.truncate(TOP);
        if !groups.is_empty() {
            tops.push(Top { title, heading, bytes, groups });
        }
    }
    Ok(tops)
}
