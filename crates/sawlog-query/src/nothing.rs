//! Why an answer is empty, and what may have been meant.

use std::collections::HashSet;

use anyhow::Result;
use datafusion::logical_expr::lit;
use sawlog_formats::TextColumn;

use crate::filter::Probe;
use crate::index;
use crate::nearest::nearest;
use crate::query::Query;
use crate::records::Records;

/// Why there is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// The logs have no record within the time asked for.
    InThatTime,
    /// The time asked for ends before it begins.
    InNoTime,
    /// The store has no record of the logs asked for.
    OfTheseLogs,
    /// A filter matches no record at all.
    Filter {
        /// Its name, as in [`Parameter::Filter`](crate::Parameter::Filter).
        name: &'static str,
        /// The value that was given for it.
        value: String,
        /// An existing value that may have been meant.
        near: Option<String>,
    },
    /// Each filter matches some record, but none matches all of them.
    OfAllFilters,
    /// The store has no records.
    InTheStore,
    /// No record has such a value.
    WithThat,
}

impl Records {
    /// Why no record matches, and what may have been meant. Call this when there is none.
    ///
    /// # Errors
    ///
    /// If data files can't be read.
    pub fn why_none(&self) -> Result<Nothing> {
        let queries = self.queries();
        // Every log has the same filters, in the same order.
        let span = queries.first().and_then(|query| query.filters.since.zip(query.filters.until));
        let ends_first = span.is_some_and(|(since, until)| until <= since);
        if queries.iter().all(|query| query.snapshot.files.is_empty()) {
            let timed = queries.iter().any(|query| query.filters.since.is_some() || query.filters.until.is_some());
            return Ok(if ends_first {
                Nothing::InNoTime
            } else if timed {
                Nothing::InThatTime
            } else {
                Nothing::OfTheseLogs
            });
        }
        for (place, filter) in queries.iter().flat_map(|query| query.filters.fields.iter().enumerate()) {
            let mut any = false;
            for query in queries {
                any |= query.only(query.filters.fields[place].clone()).records()? > 0;
            }
            if !any {
                let near = nearest_value(queries, place)?;
                return Ok(Nothing::Filter { name: filter.name, value: filter.value.clone(), near });
            }
        }
        Ok(if self.are_filtered() {
            Nothing::OfAllFilters
        } else if queries.iter().all(|query| query.snapshot.rows() == 0) {
            Nothing::InTheStore
        } else {
            Nothing::WithThat
        })
    }
}

/// The value in any log's column that is most like the value of filter number `place`.
fn nearest_value(queries: &[Query], place: usize) -> Result<Option<String>> {
    let mut values: HashSet<String> = HashSet::new();
    let mut wanted = None;
    for query in queries {
        let filter = &query.filters.fields[place];
        wanted = wanted.or(Some(filter.value.as_str()));
        let all = query.unfiltered();
        let any_value = filter.probe.as_ref().map(|probe| Probe { test: lit(true), ..probe.clone() });
        if let Some(indexed) = any_value.map(|probe| index::values(all.index(), &probe)).transpose()?.flatten() {
            values.extend(indexed.into_keys());
            continue;
        }
        let Some(column) = &filter.column else { continue };
        let frame = all.frame(&[])?.select(vec![column.clone()])?.distinct()?;
        all.for_each(all.execute(frame)?, |batch| {
            if let Ok(text) = TextColumn::new(batch.column(0)) {
                values.extend((0..batch.num_rows()).filter_map(|row| text.get(row).map(str::to_owned)));
            }
            Ok(true)
        })?;
    }
    Ok(wanted.and_then(|wanted| nearest(wanted, values.iter().map(String::as_str))).map(str::to_owned))
}
