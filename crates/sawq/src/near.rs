//! Near misses: what somebody may have meant who got nothing.

use std::collections::HashSet;

use anyhow::Result;
use datafusion::logical_expr::lit;
use sawlog_formats::TextColumn;

use crate::filter::{Filters, Probe};
use crate::index;
use crate::query::Query;
use crate::render::style::hint;

/// A name is near if so much of it is the same.
const NEAR: f64 = 0.75;

/// The name most like `wanted`, if one is.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // What differs in length by more than a quarter can't be near, which is told sooner.
    let len = wanted.chars().count();
    let can_be_near = |name: &&str| {
        let other = name.chars().count();
        len.min(other) * 4 >= len.max(other) * 3
    };
    let scored = names.filter(can_be_near).map(|name| (strsim::normalized_damerau_levenshtein(wanted, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    best.filter(|(score, _)| *score >= NEAR).map(|(_, name)| name)
}

/// Says on standard error which filter matches no record at all, and what may have been meant.
pub(crate) fn explain_nothing(queries: &[Query]) -> Result<()> {
    if queries.iter().all(|query| query.snapshot.files.is_empty()) {
        let timed = queries.iter().any(|query| query.filters.since.is_some() || query.filters.until.is_some());
        let what = if timed { "no record in the time asked for" } else { "no record of this log in the store" };
        hint(&format!("there is {what}"));
        return Ok(());
    }
    // Every log has the same filters, in the same order.
    for (place, filter) in queries.iter().flat_map(|query| query.filters.fields.iter().enumerate()) {
        let mut any = false;
        for query in queries {
            let fields = vec![query.filters.fields[place].clone()];
            let alone = Query { filters: Filters { fields, ..Filters::default() }, ..query.unfiltered() };
            any |= index::records(&alone)? > 0;
        }
        if any {
            continue;
        }
        let asked = format!("{} {}", filter.option, filter.value);
        let what = format!("{} matches no record", asked.trim_end());
        match nearest_value(queries, place)? {
            Some(near) => hint(&format!("{what}; did you mean '{near}'?")),
            None => hint(&what),
        }
        return Ok(());
    }
    if queries.iter().any(|query| query.filters.any()) {
        hint("no record matches all filters");
    } else if queries.iter().all(|query| query.snapshot.rows() == 0) {
        hint("the store has no records");
    } else {
        hint("no record has what is asked for");
    }
    Ok(())
}

/// The value in any log's column that is most like the one that filter `place` asked for.
fn nearest_value(queries: &[Query], place: usize) -> Result<Option<String>> {
    let mut values: HashSet<String> = HashSet::new();
    let mut wanted = None;
    for query in queries {
        let filter = &query.filters.fields[place];
        wanted = wanted.or(Some(filter.value.as_str()));
        let all = query.unfiltered();
        let any_value = filter.probe.as_ref().map(|probe| Probe { test: lit(true), ..probe.clone() });
        if let Some(indexed) = any_value.map(|probe| index::values(&all, &probe)).transpose()?.flatten() {
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
