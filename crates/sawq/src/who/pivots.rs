//! Pivots: values that were seen with no other entity than the one that was looked up.

use std::collections::HashMap;

use anyhow::Result;

use super::profile::Profile;
use crate::query::Query;

/// So many values of a facet are looked at, the most frequent ones first.
const MAX_VALUES: usize = 2000;

/// Marks the values of the profile's facets all of whose records are the entity's. `queries` are all records.
pub(crate) fn mark(queries: &[Query], profile: &mut Profile) -> Result<()> {
    let own_kind = profile.kind;
    for facet in profile.facets.iter_mut().filter(|facet| facet.is_pivot && facet.kind != own_kind) {
        let values: Vec<&str> = facet.values.iter().take(MAX_VALUES).map(|value| value.value.as_str()).collect();
        if values.is_empty() {
            continue;
        }
        let mut totals: HashMap<String, u64> = HashMap::new();
        for query in queries.iter().map(Query::unfiltered) {
            // A principal is known by several fields, of which the first one is the actor's.
            let mut fields: Vec<_> =
                query.format.entities.iter().filter(|entity| entity.kind == facet.kind.name()).collect();
            if facet.kind == super::Kind::Principal {
                fields.truncate(1);
            }
            for entity in fields {
                let found = crate::index::totals(&query, entity, &values)?;
                found.into_iter().for_each(|(value, records)| *totals.entry(value).or_default() += records);
            }
        }
        for value in facet.values.iter_mut().take(MAX_VALUES) {
            value.only_here = totals.get(&value.value) == Some(&value.records);
        }
    }
    Ok(())
}
