//! Pivots: values that were seen only with the entity that was looked up.

use std::collections::HashMap;

use anyhow::Result;

use super::facet::Facet;
use super::profile::Profile;
use crate::query::Query;
use crate::tally::{Wanted, totals};

/// The most values of a facet to look at, the most frequent ones first.
const MAX_VALUES: usize = 2000;

/// Marks the values in the profile's facets that only this entity's records have. `queries` are all records.
pub(crate) fn mark(queries: &[Query], profile: &mut Profile) -> Result<()> {
    let own_kind = profile.kind;
    let unfiltered: Vec<Query> = queries.iter().map(Query::unfiltered).collect();
    let pivots = profile.facets.iter().filter(|(facet, _)| facet.is_pivot() && facet.kind() != own_kind);
    let mut wanted = Vec::new();
    let mut facets = Vec::new();
    for (facet, values) in pivots {
        let values = values.get(..MAX_VALUES).unwrap_or(values);
        let enough: Vec<u64> = values.iter().map(|value| value.records).collect();
        let values: Vec<&str> = values.iter().map(|value| value.value.as_str()).collect();
        if values.is_empty() {
            continue;
        }
        for query in &unfiltered {
            // If a kind has several fields, the first one has all values: who acted, which addresses there are.
            let mut fields = query.format.entities.iter().filter(|entity| entity.kind.name() == facet.kind().name());
            if let Some(entity) = fields.next() {
                wanted.push(Wanted { query, entity, values: values.clone(), enough: enough.clone() });
                facets.push(facet);
            }
        }
    }
    let mut totals: HashMap<Facet, Vec<u64>> = HashMap::new();
    for (facet, found) in facets.into_iter().zip(self::totals(&wanted)?) {
        let totals = totals.entry(facet).or_insert_with(|| vec![0; found.len()]);
        totals.iter_mut().zip(found).for_each(|(total, records)| *total += records);
    }
    for (facet, totals) in totals {
        for (value, total) in profile.facets[facet].iter_mut().zip(totals) {
            value.only_here = value.records == total;
        }
    }
    Ok(())
}
