//! Near misses: what somebody may have meant who got nothing.

use std::collections::HashSet;

use anyhow::Result;
use sawlog_formats::TextColumn;

use crate::filter::Filters;
use crate::query::Query;
use crate::scan::ReadAs;

/// A name is near if so much of it is the same.
const NEAR: f64 = 0.75;

/// The name most like `wanted`, if one is.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|name| (strsim::normalized_damerau_levenshtein(wanted, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
    best.filter(|(score, _)| *score >= NEAR).map(|(_, name)| name)
}

/// Says on standard error which filter matches no record at all, and what may have been meant.
pub(crate) fn explain_nothing(query: &Query) -> Result<()> {
    if query.snapshot.files.is_empty() {
        eprintln!("sawq: there is no record in the time asked for");
        return Ok(());
    }
    for filter in &query.filters.fields {
        let alone = Query {
            store: sawlog_store::Store::open(query.store.root())?,
            snapshot: query.snapshot.clone(),
            filters: Filters { fields: vec![filter.clone()], ..Filters::default() },
        };
        let mut any = false;
        alone.for_each(alone.frame(&ReadAs::default())?.limit(0, Some(1))?, |_| {
            any = true;
            Ok(false)
        })?;
        if any {
            continue;
        }
        let what = format!("{} {} matches no record", filter.option, filter.value);
        match filter.column.map(|column| nearest_value(query, column, &filter.value)).transpose()?.flatten() {
            Some(near) => eprintln!("sawq: {what}; did you mean '{near}'?"),
            None => eprintln!("sawq: {what}"),
        }
        return Ok(());
    }
    if query.filters.any() {
        eprintln!("sawq: no record matches all filters");
    } else if query.snapshot.rows() == 0 {
        eprintln!("sawq: the store has no records");
    } else {
        eprintln!("sawq: no record has what is asked for");
    }
    Ok(())
}

fn nearest_value(query: &Query, column: &str, wanted: &str) -> Result<Option<String>> {
    let all = Query {
        store: sawlog_store::Store::open(query.store.root())?,
        snapshot: query.snapshot.clone(),
        filters: Filters::default(),
    };
    let frame = all.frame(&ReadAs::default())?.select_columns(&[column])?.distinct()?;
    let mut values: HashSet<String> = HashSet::new();
    all.for_each(frame, |batch| {
        if let Ok(text) = TextColumn::new(batch.column(0)) {
            values.extend((0..batch.num_rows()).filter_map(|row| text.get(row).map(str::to_owned)));
        }
        Ok(true)
    })?;
    Ok(nearest(wanted, values.iter().map(String::as_str)).map(str::to_owned))
}
