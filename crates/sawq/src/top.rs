//! `sawq top`: the largest groups of records by any column.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use sawlog_formats::Bytes;

use crate::cli::{Measure, TopArgs};
use crate::groups::{Group, Sums};
use crate::query::{Query, with_columns};
use crate::tally::{Details, Measures, largest};

/// The groups as a table, the largest first; ties in order of first appearance.
pub(crate) fn top(queries: &[Query], args: &TopArgs, quiet: bool) -> Result<RecordBatch> {
    let columns: Vec<String> = args.dimension.split('/').map(str::to_owned).collect();
    let queries = with_columns(queries, &columns)?;
    let are = |flows: bool| {
        let bytes = queries.iter().map(|query| query.format.measures.bytes);
        bytes.clone().any(|bytes| matches!(bytes, Some(Bytes::Flow(_))) == flows)
    };
    let shown = Shown { flows: are(true), others: are(false), ips: args.ips };
    let details = if args.ips { Details::WithIps } else { Details::Sums };
    let measures = Measures { bytes_sent: true, details, ..Measures::default() };
    let groups = largest(&queries, &columns, measures, args.number, |sums| match args.by {
        Measure::Count => u128::from(sums.count),
        // Where there are only flows, theirs are all the bytes that there are.
        Measure::BytesSent if shown.others => sums.bytes_sent.unwrap_or_default(),
        Measure::BytesSent | Measure::FlowBytes => sums.flow_bytes.unwrap_or_default(),
        Measure::BytesReceived => sums.bytes_received,
        Measure::Errors => u128::from(sums.errors),
    })?;
    if !quiet && groups.iter().any(|group| group.sums.flow_bytes > Some(0)) {
        eprintln!(
            "sawq: flow_bytes and count have a flow once for each interface that logged it: where both ends did, both are counted"
        );
    }
    table(&columns, &groups, shown)
}

/// Which sums are shown.
#[derive(Clone, Copy)]
struct Shown {
    /// Those of flows.
    flows: bool,
    /// Those of requests.
    others: bool,
    /// How many addresses there are.
    ips: bool,
}

/// Numbers of any size: as decimals if one does not fit into 64 bits.
pub(crate) fn numbers(numbers: &[u128]) -> Result<ArrayRef> {
    let small: Option<Vec<u64>> = numbers.iter().map(|number| u64::try_from(*number).ok()).collect();
    if let Some(small) = small {
        return Ok(Arc::new(UInt64Array::from(small)));
    }
    let large = numbers.iter().map(|number| i128::try_from(*number).context("a sum has more than 38 digits"));
    let large = Decimal128Array::from(large.collect::<Result<Vec<i128>>>()?);
    Ok(Arc::new(large.with_precision_and_scale(38, 0)?))
}

fn table(columns: &[String], groups: &[Group], shown: Shown) -> Result<RecordBatch> {
    let number = |get: &dyn Fn(&Sums) -> u128| -> Result<ArrayRef> {
        numbers(&groups.iter().map(|group| get(&group.sums)).collect::<Vec<_>>())
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
    if shown.others {
        table.push(("bytes_sent", number(&|sums| sums.bytes_sent.unwrap_or_default())?));
        table.push(("bytes_received", number(&|sums| sums.bytes_received)?));
    }
    if shown.flows {
        table.push(("flow_bytes", number(&|sums| sums.flow_bytes.unwrap_or_default())?));
    }
    table.push(("errors", number(&|sums| u128::from(sums.errors))?));
    if shown.ips {
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
