//! What a filter asks of a record, and of the index, by field names.

use datafusion::logical_expr::{Expr, ident, lit};
use sawlog_formats::{Part, Table, Value};

use super::glob::{globs, matcher};
use crate::logs::{self, path, resolve};

/// A question to the entity index: in one of the fields, a record that matches the filter has a value that passes the
/// test.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The fields, as the index names them.
    pub fields: Vec<&'static str>,
    /// Over the index's column `value`.
    pub test: Expr,
}

/// What a filter asks of a record, and of the index.
#[derive(Clone)]
pub(super) struct Condition {
    pub(super) expr: Expr,
    pub(super) probe: Option<Probe>,
}

impl Condition {
    /// A condition that holds if any of several does.
    pub(super) fn any(conditions: Vec<Self>) -> Option<Self> {
        let probes: Option<Vec<Probe>> = conditions.iter().map(|condition| condition.probe.clone()).collect();
        let probe = probes.and_then(|probes| {
            let mut fields: Vec<&str> = probes.iter().flat_map(|probe| probe.fields.clone()).collect();
            fields.sort_unstable();
            fields.dedup();
            Some(Probe { fields, test: either(probes.into_iter().map(|probe| probe.test).collect())? })
        });
        let expr = either(conditions.into_iter().map(|condition| condition.expr).collect())?;
        Some(Self { expr, probe })
    }
}

/// Expressions joined by OR as a balanced tree: the engine recurses into them, and thousands of values must not nest
/// too deep.
pub(super) fn either(mut exprs: Vec<Expr>) -> Option<Expr> {
    while exprs.len() > 1 {
        let mut halves = exprs.into_iter();
        let mut joined = Vec::with_capacity(halves.len().div_ceil(2));
        while let Some(first) = halves.next() {
            joined.push(match halves.next() {
                Some(second) => first.or(second),
                None => first,
            });
        }
        exprs = joined;
    }
    exprs.pop()
}

/// Whether any of the named columns of the table passes `test`; `None` if it has none of them. If all of them are
/// indexed, the index is asked, too.
pub(super) fn any(table: &Table, names: &[&'static str], test: impl Fn(&Expr) -> Expr) -> Option<Condition> {
    let columns = names.iter().filter_map(|name| Some((path(table, name), resolve(table, name)?)));
    let (fields, columns): (Vec<&'static str>, Vec<Expr>) = columns.unzip();
    let expr = either(columns.iter().map(&test).collect())?;
    let probe = probe(table, fields, &ident("value"), test);
    Some(Condition { expr, probe })
}

/// Whether a field, by its general name, is one of some values or matches it.
pub(super) fn field(table: &Table, name: &'static str, values: &[&str]) -> Option<Condition> {
    let test = |column: &Expr| globs(column, values);
    let own = path(table, name);
    // A value that all records have in common is in no column.
    if let Some(Value::Constant(text)) = logs::role_named(table, name).and_then(|role| logs::role(table, role)) {
        let is_it = |value: &&str| *value == text || matcher(value).is_some_and(|glob| glob.is_match(text));
        return Some(Condition { expr: lit(values.iter().any(is_it)), probe: None });
    }
    // If a field is the first of several, the first one is compared without looking at the others.
    let entity = logs::entity(table, name);
    let Some(Part::First(sources)) = entity.map(|entity| entity.part) else {
        return any(table, &[name], test);
    };
    let (first, others) = sources.split_first()?;
    let column = resolve(table, first.column)?;
    if first.find.is_some() {
        let expr = test(&logs::first(table, sources)?);
        return Some(Condition { expr, probe: probe(table, vec![own], &ident("value"), test) });
    }
    let mut expr = test(&column).and(logs::is_something(first, &column));
    if let Some(other) = logs::first(table, others) {
        expr = expr.or(logs::is_nothing(first, &column).and(test(&other)));
    }
    let probe = probe(table, vec![own], &ident("value"), test);
    Some(Condition { expr, probe })
}

/// A probe of some fields, if all of them are indexed. `value` is made from the index's column.
pub(super) fn probe(
    table: &Table,
    fields: Vec<&'static str>,
    value: &Expr,
    test: impl Fn(&Expr) -> Expr,
) -> Option<Probe> {
    let entities = sawlog_formats::format(table.name).map_or(&[][..], |format| format.entities);
    let indexed = |field: &&str| entities.iter().any(|entity| entity.field == *field);
    fields.iter().all(indexed).then(|| Probe { fields, test: test(value) })
}
