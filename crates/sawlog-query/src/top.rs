//! The largest groups of records by any column.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use sawlog_formats::Bytes;

use crate::error::{Parameter, WrongValue};
use crate::find::with_records;
use crate::groups::Sums;
use crate::largest::Ranked;
use crate::logs;
use crate::query::with_columns;
use crate::records::Records;
use crate::tally::{Details, Measures, largest};

/// What groups are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Records.
    #[default]
    Count,
    /// Bytes that the service sent; bytes of flows if there are only flow logs.
    BytesSent,
    /// Bytes of flows.
    FlowBytes,
    /// Size of uploaded objects and parts.
    BytesReceived,
    /// Failed records, including rejected flows.
    Errors,
}

/// How records are grouped, and which groups are wanted.
#[derive(Clone, Debug, Default)]
pub struct Grouping {
    /// The columns: columns of a table, or general names such as `ip` and `user`, which mean the same in every log.
    /// Logs without one of them are left out.
    pub columns: Vec<String>,
    /// The measure that groups are sorted by.
    pub by: Measure,
    /// How many groups; 0 for all.
    pub number: usize,
    /// Also count distinct addresses, which needs the records.
    pub ips: bool,
}

/// The largest groups.
#[derive(Clone, Debug)]
pub struct Top {
    /// A row for each group: its values, sums and times.
    pub table: RecordBatch,
    /// Whether bytes of flows are among the sums: a flow counts once for each interface that logged it.
    pub has_flows: bool,
}

impl Records {
    /// The largest groups of the records, the largest first; ties in order of first appearance.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if no log has all of the columns. Also if data files can't be read.
    pub fn top(&self, grouping: &Grouping) -> Result<Top> {
        let Grouping { columns, by, number, ips } = grouping;
        let queries = with_columns(self.queries(), columns)?;
        for (query, name) in queries.iter().flat_map(|query| columns.iter().map(move |name| (query, name))) {
            if let Some(reason) = logs::not_one_value(query.format.table, name) {
                return Err(WrongValue::new(Parameter::Column, name, reason).into());
            }
        }
        let are = |flows: bool| {
            let bytes = queries.iter().map(|query| query.format.measures.bytes);
            bytes.clone().any(|bytes| matches!(bytes, Some(Bytes::Flow(_))) == flows)
        };
        let shown = Shown { flows: are(true), others: are(false), ips: *ips };
        let details = if *ips { Details::WithIps } else { Details::Sums };
        let measures = Measures { bytes_sent: true, details, ..Measures::default() };
        let groups = largest(&queries, columns, measures, *number, |sums| match by {
            Measure::Count => u128::from(sums.count),
            // If there are only flows, their bytes are all the bytes there are.
            Measure::BytesSent if shown.others => sums.bytes_sent.unwrap_or_default(),
            Measure::BytesSent | Measure::FlowBytes => sums.flow_bytes.unwrap_or_default(),
            Measure::BytesReceived => sums.bytes_received,
            Measure::Errors => u128::from(sums.errors),
        })?;
        let has_flows = groups.iter().any(|group| group.sums().flow_bytes > Some(0));
        Ok(Top { table: table(columns, &groups, shown)?, has_flows })
    }
}

impl Records {
    /// The logs that have records, but not all of these columns, if each is a general name, such as `ip`, that one may
    /// expect of every log: [`Records::top`] leaves them out.
    ///
    /// # Errors
    ///
    /// A [`WrongValue`](crate::WrongValue) if no log has all of the columns. Also if data files can't be read.
    pub fn without_columns(&self, columns: &[String]) -> Result<Vec<&'static str>> {
        let is_own = |name: &str| self.queries().iter().any(|query| query.format.table.position(name).is_some());
        if !columns.iter().all(|name| logs::is_general(name) && !is_own(name)) {
            return Ok(Vec::new());
        }
        let with: Vec<&str> =
            with_columns(self.queries(), columns)?.iter().map(|query| query.format.table.name).collect();
        with_records(self.queries().iter().filter(|query| !with.contains(&query.format.table.name)))
    }
}

/// Which sums are shown.
#[derive(Clone, Copy)]
struct Shown {
    /// The bytes of flows.
    flows: bool,
    /// The bytes of requests.
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

fn table(columns: &[String], groups: &Ranked, shown: Shown) -> Result<RecordBatch> {
    let number = |get: &dyn Fn(&Sums) -> u128| -> Result<ArrayRef> {
        numbers(&groups.iter().map(|group| get(group.sums())).collect::<Vec<_>>())
    };
    let time = |get: fn((i64, i64)) -> i64| -> ArrayRef {
        let times: TimestampMicrosecondArray = groups.iter().map(|group| group.sums().times().map(get)).collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let mut table: Vec<(&str, ArrayRef)> = Vec::new();
    for (place, name) in columns.iter().enumerate() {
        let values: StringArray = groups.iter().map(|group| group.value(place)).collect();
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
        let ips: UInt64Array = groups.iter().map(|group| Some(group.ips() as u64)).collect();
        table.push(("ips", Arc::new(ips)));
    }
    table.push(("first_seen", time(|(first, _)| first)));
    table.push(("last_seen", time(|(_, last)| last)));
    // A name that occurs twice would be ambiguous: sawq top bytes_sent.
    let mut seen = std::collections::HashSet::new();
    table.retain(|(name, _)| seen.insert(*name));
    Ok(RecordBatch::try_from_iter_with_nullable(table.into_iter().map(|(name, array)| (name, array, true)))?)
}
