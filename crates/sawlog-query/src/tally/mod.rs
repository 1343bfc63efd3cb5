//! Groups records by columns and adds up each group, from the index if it has the columns and sums, else with a scan.

mod asked;
mod bounded;
mod index_rows;
mod indexed;
mod runs;
mod scanned;
mod totals;

use std::borrow::Cow;
use std::collections::BTreeSet;

use anyhow::Result;

use crate::groups::Sums;
use crate::largest::{Largest, Ranked};
use crate::parallel::each;
use crate::query::Query;
use bounded::BoundedGroups;
use indexed::Indexed;

pub(crate) use totals::{Wanted, totals};

/// What is added up for each group, beside the number of records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measures {
    /// Bytes sent, or the bytes of flows.
    pub(crate) bytes_sent: bool,
    /// Break ties by the first record with a number of bytes sent, instead of the first record.
    pub(crate) first_number: bool,
    pub(crate) details: Details,
    /// Count only records in which this column begins with this prefix.
    pub(crate) only: Option<(&'static str, &'static str)>,
}

/// Further sums. Each variant includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
pub(crate) enum Details {
    #[default]
    Nothing,
    /// Bytes received, errors and times.
    Sums,
    /// Also the number of distinct addresses.
    WithIps,
}

/// Groups the queries' records by `columns`, and returns the `number` largest groups, or all if it is 0. The largest
/// comes first, by the `size` of its sums; ties are in evidence order of their first records.
///
/// # Errors
///
/// If a log lacks a column, the store can't be read, or groups can't be written to disk.
pub(crate) fn largest(
    queries: &[&Query],
    columns: &[String],
    measures: Measures,
    number: usize,
    size: impl Fn(&Sums) -> u128,
) -> Result<Ranked> {
    let mut known = BTreeSet::new();
    loop {
        let mut passed = BTreeSet::new();
        let largest =
            add_up(queries, columns, measures, Largest::new(number, columns.len(), &size), &known, &mut passed)?;
        if passed.is_empty() {
            return Ok(largest.into_ranked());
        }
        known.extend(passed);
    }
}

/// Adds up all groups and offers them to `largest`.
///
/// The index sorts addresses as logs spell them. If another spelling of an address comes after its canonical one, the
/// group was already offered, without the records of that spelling. Such addresses are added to `passed`, and the
/// caller repeats the pass with them in `known`: these groups are kept in memory until all spellings were read.
fn add_up<S: Fn(&Sums) -> u128>(
    queries: &[&Query],
    columns: &[String],
    measures: Measures,
    mut largest: Largest<S>,
    known: &BTreeSet<String>,
    passed: &mut BTreeSet<String>,
) -> Result<Largest<S>> {
    let possible = queries.iter().copied().filter(|query| !query.is_ruled_out());
    let (indexed, scanned): (Vec<&Query>, Vec<&Query>) =
        possible.partition(|query| asked::answers(query, columns, measures));
    let indexed = Indexed::new(&indexed, columns, measures)?;
    let others = scanned.into_iter().cloned().chain(indexed.others());
    let of_logs = each(others, |query| scanned::of_log(&query, columns, measures))?;
    let mut groups = BoundedGroups::merged(of_logs.into_iter().flatten(), columns.len())?;
    for value in known {
        groups.in_memory.add_records([Some(Cow::Borrowed(value.as_str()))].into_iter(), &Sums::default(), None);
    }
    indexed.each(|group, first| {
        let other_spelling = group.other_spelling();
        if group.is_whole && other_spelling.is_none() && !groups.may_have(|| group.values()) {
            largest.offer((&group.sums, 0), || first, group.values());
            return Ok(());
        }
        if let Some((value, usual)) = other_spelling
            && *usual < *value
            && !known.contains(&usual)
        {
            passed.insert(usual);
        }
        groups.in_memory.add_records(group.values(), &group.sums, first);
        groups.fit().map(drop)
    })?;
    if let Some(query) = queries.first() {
        groups.offer_to(&query.store, &mut largest)?;
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use sawlog_formats::Item;
    use sawlog_formats::{Block, Carry, LineEnding, Origin, cloudtrail};
    use sawlog_store::parquet::Codec;
    use sawlog_store::{ENTITIES, IndexRow, Run, Store, ValueSums, each_index_row};

    use super::*;
    use crate::filter::Filters;

    /// A store with a failed sign-in, whose index rows have the first version of the meaning: it counted as a success.
    fn store(root: &std::path::Path) -> Result<Store> {
        let record = br#"{"eventTime":"2021-07-29T13:00:00Z","eventName":"ConsoleLogin","errorMessage":"Failed authentication"}"#;
        let item = Item { gap: 0, start: 0, end: record.len(), problem: None, continues: false, wrapped: None };
        let origin =
            Origin { source_file: "log", first_line: 1, byte_offset: 0, ending: LineEnding::Lf, file_time: None };
        let mut decoder = cloudtrail::FORMAT.new_decoder();
        decoder.decode(Block::Json(record, &[item]), &origin, &mut Carry::default());
        let (days, _) = decoder.waiting_mut().finish();
        let store = Store::open_or_create(root)?;
        let mut run = Run::begin(&store, Codec::default(), || {})?;
        run.add_batch(&cloudtrail::TABLE, Some("2021-07-29".to_owned()), &days[0].1)?;
        run.commit()?;
        let mut rows = Vec::new();
        each_index_row(&store, |row| {
            rows.push(row);
            Ok(())
        })?;
        let mut run = Run::begin(&store, Codec::default(), || {})?;
        for row in rows {
            assert!(row.is_current());
            let sums = ValueSums { errors: 0, ..row.sums };
            run.keep_index_row(&IndexRow { sums, version: 1, ..row })?;
        }
        for file in store.snapshot(&ENTITIES)?.files {
            run.remove_file(&ENTITIES, file);
        }
        run.commit()?;
        Ok(store)
    }

    /// The number of records that `top` counts, and how many of them failed.
    fn sums(store: Store) -> Result<(u64, u64)> {
        let queries = Query::open(store, &Filters { log: vec!["cloudtrail".to_owned()], ..Filters::default() })?;
        let measures = Measures { details: Details::Sums, ..Measures::default() };
        let queries: Vec<&Query> = queries.iter().collect();
        let groups = largest(&queries, &["operation".to_owned()], measures, 0, |sums| sums.count.into())?;
        Ok(groups
            .iter()
            .fold((0, 0), |(count, errors), group| (count + group.sums().count, errors + group.sums().errors)))
    }

    #[test]
    fn rows_of_an_older_meaning_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        assert_eq!(sums(store(&root).unwrap()).unwrap(), (1, 1));
        let store = Store::open(&root).unwrap();
        let files = store.snapshot(&cloudtrail::TABLE).unwrap().files;
        let differences = sawlog_store::index_differences(&store, &cloudtrail::FORMAT, &files).unwrap();
        assert_eq!(differences, Vec::<String>::new());
        // Filters must scan the data file, too.
        let args = Filters { error: vec!["*".to_owned()], log: vec!["cloudtrail".to_owned()], ..Filters::default() };
        let queries = Query::open(Store::open(&root).unwrap(), &args).unwrap();
        assert!(queries[0].leaves_any().unwrap());
        // A new index has current rows, which are used.
        let mut run = Run::begin(&store, Codec::default(), || {}).unwrap();
        sawlog_store::reindex(&mut run).unwrap();
        run.commit().unwrap();
        let mut current = 0;
        each_index_row(&store, |row| {
            current += i32::from(row.is_current());
            Ok(())
        })
        .unwrap();
        assert!(current > 10);
        assert_eq!(sums(store).unwrap(), (1, 1));
    }
}
