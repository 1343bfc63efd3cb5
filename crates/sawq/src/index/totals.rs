//! How many records have some values of indexed fields.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions_aggregate::count::count_all;
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident, in_list, lit};
use datafusion::prelude::cast;
use foldhash::quality::RandomState;
use sawlog_formats::{Entity, Format, Part, TextColumn};
use sawlog_store::{DataFileEntry, Snapshot};

use super::{is_one_of, read, rows, text};
use crate::functions::within;
use crate::logs::resolve;
use crate::numbers::Numbers;
use crate::query::Query;

/// Whether a row of the index is of one of some values. Of few values the engine looks for the pages that can have them;
/// planning with many takes longer than reading the pages between the first and the last one.
fn one_of(values: &[&str]) -> Expr {
    const FEW: usize = 16;
    if values.len() <= FEW {
        return is_one_of("value", values.iter().copied());
    }
    let bounds = values.iter().min().zip(values.iter().max());
    let (first, last) = bounds.map_or(("", ""), |(first, last)| (*first, *last));
    let set: HashSet<String, RandomState> = values.iter().map(|value| (*value).to_owned()).collect();
    let is_wanted = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let found: BooleanArray = array.as_string_view().iter().map(|value| Some(set.contains(value?))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    let (text, truth) = (vec![DataType::Utf8View], DataType::Boolean);
    let is_wanted = create_udf("is_wanted", text, truth, Volatility::Immutable, Arc::new(is_wanted));
    let between = ident("value").gt_eq(lit(first)).and(ident("value").lt_eq(lit(last)));
    between.and(is_wanted.call(vec![ident("value")]))
}

/// An indexed field of a log, and values of it.
pub(crate) struct Wanted<'a> {
    pub(crate) query: &'a Query,
    pub(crate) entity: &'static Entity,
    pub(crate) values: Vec<&'a str>,
}

/// What the index has of a field.
#[derive(Default)]
struct Found {
    /// The numbers of the values wanted, and how many records of each data file have one.
    values: Numbers,
    records: Vec<(u32, u32, u64)>,
    /// The numbers of the data files, and those in which the field is indexed.
    files: Numbers,
    indexed: HashSet<u32>,
}

/// How many records have each of the values wanted, for each field. All of the index that this takes is read at once; data
/// files whose field is not indexed are scanned.
pub(crate) fn totals(wanted: &[Wanted<'_>]) -> Result<Vec<Vec<u64>>> {
    let about = |wanted: &Wanted<'_>| {
        let any = one_of(&wanted.values);
        rows(wanted.query.format, &[wanted.entity.field], Some(ident("value").is_null().or(any)))
    };
    let Some(condition) = wanted.iter().map(about).reduce(Expr::or) else { return Ok(Vec::new()) };
    let mut fields: HashMap<(&str, &str), usize> = HashMap::new();
    let mut found: Vec<Found> = Vec::new();
    for Wanted { query, entity, values } in wanted {
        fields.insert((query.format.table.name, entity.field), found.len());
        let mut numbers = Numbers::default();
        for value in values {
            numbers.number(value);
        }
        found.push(Found { values: numbers, ..Found::default() });
    }
    for batch in read(wanted[0].query, condition, &["log", "field", "value", "data_file", "records"])? {
        let (values, files) = (text(&batch, "value")?, text(&batch, "data_file")?);
        let (logs, names) = (text(&batch, "log")?, text(&batch, "field")?);
        let records = batch["records"].as_primitive_opt::<Int64Type>().context("no numbers in records")?;
        for row in 0..batch.num_rows() {
            let field = (logs.get(row).unwrap_or_default(), names.get(row).unwrap_or_default());
            let Some(found) = fields.get(&field).map(|place| &mut found[*place]) else { continue };
            let file = found.files.number(files.get(row).unwrap_or_default());
            match values.get(row) {
                Some(value) => {
                    let value = found.values.find(value);
                    found.records.extend(value.map(|value| (file, value, records.value(row).unsigned_abs())));
                }
                None => drop(found.indexed.insert(file)),
            }
        }
    }
    wanted.iter().zip(&found).map(|(wanted, found)| wanted.total(found)).collect()
}

impl Wanted<'_> {
    /// Adds up what the index has of the data files in which the field is indexed, and counts records in the others.
    fn total(&self, found: &Found) -> Result<Vec<u64>> {
        let number = |file: &DataFileEntry| found.files.find(&file.path).filter(|file| found.indexed.contains(file));
        let here: HashSet<u32> = self.query.snapshot.files.iter().filter_map(number).collect();
        let mut totals = vec![0; found.values.len()];
        for (_, value, records) in found.records.iter().filter(|(file, ..)| here.contains(file)) {
            totals[*value as usize] += records;
        }
        let rest: Vec<DataFileEntry> =
            self.query.snapshot.files.iter().filter(|file| number(file).is_none()).cloned().collect();
        if rest.is_empty() {
            return Ok(totals);
        }
        let rest = Query { snapshot: Snapshot { files: rest, ..self.query.snapshot.clone() }, ..self.query.clone() };
        let value = value_of(rest.format, self.entity)?;
        let listed = in_list(value.clone(), self.values.iter().map(|value| lit(*value)).collect(), false);
        let counted = rest.frame()?.filter(listed)?.aggregate(vec![value], vec![count_all()])?;
        rest.for_each(rest.execute(counted)?, |batch| {
            let values = TextColumn::new(batch.column(0)).map_err(|found| anyhow::anyhow!("a value is {found}"))?;
            let counts = batch.column(1).as_primitive_opt::<Int64Type>().context("no counts")?;
            for row in 0..batch.num_rows() {
                if let Some(value) = values.get(row).and_then(|value| found.values.find(value)) {
                    totals[value as usize] += counts.value(row).unsigned_abs();
                }
            }
            Ok(true)
        })?;
        Ok(totals)
    }
}

/// An entity's value, as the index has it, as an expression over its log.
fn value_of(format: &Format, entity: &Entity) -> Result<Expr> {
    let column = |name: &str| resolve(format.table, name).with_context(|| format!("no column {name}"));
    Ok(match entity.part {
        Part::Whole => cast(column(entity.field)?, DataType::Utf8View),
        Part::Within(find) => within(find).call(vec![cast(column(entity.field)?, DataType::Utf8View)]),
        Part::Joined(first, second) => {
            let or = |name: &str, null: &str| anyhow::Ok(coalesce(vec![column(name)?, lit(null)]));
            cast(concat(vec![or(first, "-")?, lit("/"), or(second, "")?]), DataType::Utf8View)
        }
    })
}
