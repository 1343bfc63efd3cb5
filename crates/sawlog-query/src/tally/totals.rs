//! Counts the records that have given values of indexed fields.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{AsArray, BooleanArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident, in_list, lit};
use datafusion::prelude::cast;
use foldhash::quality::RandomState;
use sawlog_formats::{Entity, EntityKind, Part, canonical_address};
use sawlog_store::DataFileEntry;

use super::{Measures, largest};
use crate::filter::{FieldFilter, is_at};
use crate::index::{is_one_of, read, rows, text};
use crate::logs::{first, resolve};
use crate::numbers::Numbers;
use crate::query::Query;
use crate::texts;

/// Up to this many values, the engine prunes by statistics and Bloom filters. For more, reading is faster.
const FEW: usize = 16;

/// Whether a row of the index has one of some values; of many, pages between the smallest and the largest are read.
fn one_of(values: &[&str]) -> Expr {
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

/// An indexed field of a log, and the values to count.
pub(crate) struct Wanted<'a> {
    pub(crate) query: &'a Query,
    pub(crate) entity: &'static Entity,
    pub(crate) values: Vec<&'a str>,
    /// For each value, a number of records. A total beyond it is only a lower bound: the value is not counted further.
    pub(crate) enough: Vec<u64>,
}

/// What the index has for a field.
#[derive(Default)]
struct Found {
    /// Numbers for the wanted values.
    values: Numbers,
    /// Data file, value, and the number of records there that have it.
    records: Vec<(u32, u32, u64)>,
    /// Numbers for the data files.
    files: Numbers,
    /// The data files in which the field is indexed.
    indexed: HashSet<u32>,
}

/// For each field, how many records have each of the wanted values, or at least enough of them. One read of the index
/// serves all fields. Data files in which a field is not indexed are scanned.
///
/// # Errors
///
/// If the store can't be read.
pub(crate) fn totals(wanted: &[Wanted<'_>]) -> Result<Vec<Vec<u64>>> {
    let about = |wanted: &Wanted<'_>| {
        let any =
            if wanted.is_spelled() { is_at(&ident("value"), &wanted.values, true) } else { one_of(&wanted.values) };
        rows(wanted.query.format, &[wanted.entity.field], Some(ident("value").is_null().or(any)))
    };
    let Some(condition) = wanted.iter().map(about).reduce(Expr::or) else { return Ok(Vec::new()) };
    let mut fields: HashMap<(&str, &str), usize> = HashMap::new();
    let mut found: Vec<Found> = Vec::new();
    for Wanted { query, entity, values, .. } in wanted {
        fields.insert((query.format.table.name, entity.field), found.len());
        let mut numbers = Numbers::default();
        for value in values {
            numbers.number(value);
        }
        found.push(Found { values: numbers, ..Found::default() });
    }
    let is_spelled: Vec<bool> = wanted.iter().map(Wanted::is_spelled).collect();
    for batch in read(wanted[0].query.index(), condition, &["log", "field", "value", "data_file", "records"])? {
        let (values, files) = (text(&batch, "value")?, text(&batch, "data_file")?);
        let (logs, names) = (text(&batch, "log")?, text(&batch, "field")?);
        let records = batch["records"].as_primitive_opt::<Int64Type>().context("records does not hold numbers")?;
        for row in 0..batch.num_rows() {
            let field = (logs.get(row).unwrap_or_default(), names.get(row).unwrap_or_default());
            let Some(place) = fields.get(&field) else { continue };
            let found = &mut found[*place];
            let file = found.files.number(files.get(row).unwrap_or_default());
            match values.get(row) {
                Some(value) => {
                    let value = if is_spelled[*place] {
                        found.values.find(&canonical_address(value))
                    } else {
                        found.values.find(value)
                    };
                    found.records.extend(value.map(|value| (file, value, records.value(row).unsigned_abs())));
                }
                None => drop(found.indexed.insert(file)),
            }
        }
    }
    wanted.iter().zip(&found).map(|(wanted, found)| wanted.total(found)).collect()
}

impl Wanted<'_> {
    /// Whether the index has the values as logs spell them, so that each must be brought to its canonical spelling.
    fn is_spelled(&self) -> bool {
        self.entity.kind == EntityKind::Ip && matches!(self.entity.part, Part::Whole)
    }

    /// Adds up the index over the data files in which the field is indexed, and scans the others.
    fn total(&self, found: &Found) -> Result<Vec<u64>> {
        let number = |file: &DataFileEntry| found.files.find(&file.path).filter(|file| found.indexed.contains(file));
        let here: HashSet<u32> = self.query.snapshot.files.iter().filter_map(number).collect();
        let mut totals = vec![0; found.values.len()];
        for (_, value, records) in found.records.iter().filter(|(file, ..)| here.contains(file)) {
            totals[*value as usize] += records;
        }
        let rest: Vec<DataFileEntry> =
            self.query.snapshot.files.iter().filter(|file| number(file).is_none()).cloned().collect();
        // A few data files tell enough of most values.
        let (few, others) = rest.split_at(rest.len().div_ceil(8));
        for files in [few, others].into_iter().filter(|files| !files.is_empty()) {
            let left = (0..).zip(&totals).filter(|(value, total)| **total <= self.enough[*value as usize]);
            let left: Vec<&str> = left.filter_map(|(value, _)| found.values.text(value)).collect();
            if !left.is_empty() {
                self.scan(&self.query.with_files(files.to_vec()), &left, &found.values, &mut totals)?;
            }
        }
        Ok(totals)
    }

    /// Adds the records that have some of the values to the totals. `numbers` has the places of the values there.
    fn scan(&self, query: &Query, values: &[&str], numbers: &Numbers, totals: &mut [u64]) -> Result<()> {
        let columns = match self.entity.part {
            Part::Joined(first, second) => vec![first.to_owned(), second.to_owned()],
            _ => vec![name_of(self.entity)?.to_owned()],
        };
        let expr = self.has_any(query, values)?;
        let of_values = FieldFilter { name: "", value: String::new(), column: None, expr, probe: None };
        let groups = largest(&[&query.only(of_values)], &columns, Measures::default(), 0, |_| 0)?;
        for group in groups.iter() {
            let value = match self.entity.part {
                Part::Joined(..) => {
                    let (first, second) = (group.value(0), group.value(1));
                    Some(Cow::Owned(format!("{}/{}", first.unwrap_or("-"), second.unwrap_or_default())))
                }
                _ => group.value(0).map(Cow::Borrowed),
            };
            if let Some(value) = value.and_then(|value| numbers.find(&value)) {
                totals[value as usize] += group.sums().count;
            }
        }
        Ok(())
    }

    /// Whether a record has any of some values.
    fn has_any(&self, query: &Query, values: &[&str]) -> Result<Expr> {
        let column = |name: &str| resolve(query.format.table, name).with_context(|| format!("no column {name}"));
        let at = |name: &str| Ok(is_at(&column(name)?, values, false));
        let value = match self.entity.part {
            Part::Whole if self.is_spelled() => return at(self.entity.field),
            Part::Addresses(columns) => {
                let any = columns.iter().map(|name| at(name)).collect::<Result<Vec<_>>>()?;
                return any.into_iter().reduce(Expr::or).context("an entity of addresses has no columns");
            }
            Part::Joined(_, second) => return Ok(has_any_second(&column(second)?, values)),
            Part::Whole => column(self.entity.field)?,
            Part::First(sources) => first(query.format.table, sources).context("an entity has no columns")?,
            Part::Within(_) => column(name_of(self.entity)?)?,
        };
        let value = cast(value, DataType::Utf8View);
        Ok(in_list(value, values.iter().map(|value| lit(*value)).collect(), false))
    }
}

/// Whether the second half of a joined value can be that of one of some values. The first half may have a `/` of its
/// own, so all that follows any `/` counts.
fn has_any_second(second: &Expr, values: &[&str]) -> Expr {
    let seconds = values.iter().flat_map(|value| value.match_indices('/').map(|(at, _)| &value[at + 1..]));
    let seconds: BTreeSet<&str> = seconds.collect();
    let can_be_null = seconds.contains("");
    let is_one = if values.len() <= FEW {
        in_list(second.clone(), seconds.into_iter().map(lit).collect(), false)
    } else {
        let seconds: HashSet<String, RandomState> = seconds.into_iter().map(str::to_owned).collect();
        texts::test(second, "is_wanted_second", move |text| seconds.contains(text))
    };
    if can_be_null { is_one.or(second.clone().is_null()) } else { is_one }
}

/// The name of the column by which records are grouped to get an entity's values.
fn name_of(entity: &'static Entity) -> Result<&'static str> {
    Ok(match entity.part {
        // Access keys are the only entity that is part of a column with another meaning.
        Part::Within(_) => Some("access_key").filter(|_| entity.kind == EntityKind::AccessKey).context("no column")?,
        _ => entity.field,
    })
}
