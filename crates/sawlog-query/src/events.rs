//! The view `events`: all logs in one schema, for questions about what happened rather than about one log.

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::cast;

pub(crate) use crate::logs::COLUMNS;
use crate::logs::{self, Roles};
use crate::query::Query;

/// The view's name.
pub(crate) const NAME: &str = "events";

/// The view over the records of some queries.
pub(crate) fn view(queries: &[Query]) -> Result<DataFrame> {
    view_with(queries, &[], |_| Ok(Vec::new()))
}

/// The same with more columns, which `more` returns for each log: the same names and types for all. Columns of the
/// logs that `dictionaries` names are read as dictionaries.
pub(crate) fn view_with(
    queries: &[Query],
    dictionaries: &[&str],
    more: impl Fn(&Query) -> Result<Vec<Expr>>,
) -> Result<DataFrame> {
    let mut view: Option<DataFrame> = None;
    for query in queries {
        let mut all = columns(query)?;
        all.extend(more(query)?);
        let of_log = query.matched(dictionaries)?.select(all)?;
        view = Some(match view {
            None => of_log,
            Some(view) => view.union(of_log)?,
        });
    }
    view.context("there are no logs to query")
}

/// The columns of the view, as expressions over a log.
pub(crate) fn columns(query: &Query) -> Result<Vec<Expr>> {
    let roles = query.roles()?;
    let columns = COLUMNS.iter().map(|(name, data_type, _)| {
        let nothing = || of_type(lit(ScalarValue::Null), data_type);
        Ok(column(query, name, &roles)?.unwrap_or_else(nothing).alias(*name))
    });
    columns.collect()
}

/// A column of the view, as an expression over a log; `None` if the log has nothing for it.
pub(crate) fn column(query: &Query, name: &str, roles: &Roles) -> Result<Option<Expr>> {
    let Some((_, data_type, _)) = COLUMNS.iter().find(|(column, ..)| *column == name) else { return Ok(None) };
    let expr = match name {
        "time" => Some(query.time()?),
        "error" => logs::error(query.format.table, |sources| query.useful(sources)),
        name => logs::of_view(query.format.table, name, roles)?,
    };
    let is_null = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if value.is_null());
    Ok(expr.filter(|expr| !is_null(expr)).map(|expr| of_type(expr, data_type)))
}

fn of_type(expr: Expr, data_type: &str) -> Expr {
    match data_type {
        "Utf8" => cast(expr, DataType::Utf8View),
        "Int64" => cast(expr, DataType::Int64),
        "Boolean" => cast(expr, DataType::Boolean),
        _ => expr,
    }
}
