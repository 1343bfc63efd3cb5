//! Requests that others sent to an address, in logs whose addresses are the callers', and in flow logs.

use anyhow::Result;
use sawlog_formats::{Role, Table};

use super::kind::{Guess, Kind};
use crate::filter::Filters;
use crate::logs::fields;
use crate::query::Query;
use crate::records::Records;

/// Records in which an address is not the caller's, but the target's, as in the logs of load balancers. They are not
/// among the address's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsTarget {
    /// The log's table.
    pub log: &'static str,
    /// How many there are.
    pub records: u64,
}

/// The records with an address as the target, by log, among those that match the filters.
pub(super) fn of(queries: &[Query], filters: &Filters, guess: &Guess) -> Result<Vec<AsTarget>> {
    // Filters on targets of their own say which ones are meant.
    if guess.kind != Kind::Ip || !filters.dst.is_empty() || !filters.dport.is_empty() {
        return Ok(Vec::new());
    }
    let queries: Vec<Query> = queries.iter().filter(|query| has_targets(query.format.table)).cloned().collect();
    let (dst, dport) = (vec![guess.value.clone()], guess.port.iter().map(u16::to_string).collect());
    let targets = Query::narrowed(&queries, &Filters { dst, dport, ..filters.clone() })?.into_iter().map(|query| {
        let log = query.format.table.name;
        Ok(AsTarget { log, records: Records::from(vec![query]).count()? })
    });
    let targets = targets.collect::<Result<Vec<_>>>()?;
    Ok(targets.into_iter().filter(|target| target.records > 0).collect())
}

/// Whether a log has targets whose addresses are not among those that its records have.
fn has_targets(table: &Table) -> bool {
    let addresses = fields(table, Role::Address);
    fields(table, Role::Destination).iter().any(|column| !addresses.contains(column))
}
