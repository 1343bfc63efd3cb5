//! `sawq top`: the largest groups of records by any column.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};

use crate::cli::{Measure, TopArgs};
use crate::groups::{Group, Sums};
use crate::query::{Query, with_columns};
use crate::tally::{Details, Measures, largest};

/// The groups as a table, the largest first; ties in order of first appearance.
pub(crate) fn top(queries: &[Query], args: &TopArgs) -> Result<RecordBatch> {
    let columns: Vec<String> = args.dimension.split('/').map(str::to_owned).collect();
    let queries = with_columns(queries, &columns)?;
    let details = if args.ips { Details::WithIps } else { Details::Sums };
    let measures = Measures { bytes_sent: true, details, ..Measures::default() };
    let groups = largest(&queries, &columns, measures, args.number, |sums| match args.by {
        Measure::Count => u128::from(sums.count),
        Measure::BytesSent => sums.bytes_sent.unwrap_or_default(),
        Measure::BytesReceived => sums.bytes_received,
        Measure::Errors => u128::from(sums.errors),
    })?;
    table(&columns, &groups, args.ips)
}

fn table(columns: &[String], groups: &[Group], ips: bool) -> Result<RecordBatch> {
    let number = |get: &dyn Fn(&Sums) -> u128| -> Result<ArrayRef> {
        let values = groups.iter().map(|group| u64::try_from(get(&group.sums)).context("a sum is larger than 2^64"));
        Ok(Arc::new(UInt64Array::from(values.collect::<Result<Vec<u64>>>()?)))
    };
    let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
        let times: TimestampMicrosecondArray = groups.iter().map(|group| group.sums.times().map(get)).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let mut table: Vec<(&str, ArrayRef)> = Vec::new();
    for (place, name) in columns.iter().enumerate() {
        let values: StringArray = groups.iter().map(|group| group.values[place].as_deref()).collect();
        table.push((name, Arc::new(values)));
    }
    table.push(("count", number(&|sums| u128::from(sums.count))?));
    table.push(("bytes_sent", number(&|sums| sums.bytes_sent.unwrap_or_default())?));
    table.push(("bytes_received", number(&|sums| sums.bytes_received)?));
    table.push(("errors", number(&|sums| u128::from(sums.errors))?));
    if ips {
        let ips: UInt64Array = groups.iter().map(|group| Some(group.ips as u64)).collect();
        table.push(("ips", Arc::new(ips)));
    }
    table.push(("first_seen", time(|(first, _)| first)));
    table.push(("last_seen", time(|(_, last)| last)));
    // A name that occurs twice would be ambiguous: sawq top bytes_sent.
    let mut seen = std::collections::HashSet::new();
    table.retain(|(name, _)| seen.insert(*name));
    Ok(RecordBatch::try_from_iter_with_nullable(table.into_iter().map(|(name, array)| (name, array, true)))?)
}
