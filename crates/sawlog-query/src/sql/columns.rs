//! `COLUMNS('pattern')`: an expression for each column whose name matches.

use anyhow::{Context, Result, ensure};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select, SelectItem,
};
use regex::Regex;

use super::rewrite::{all, name_of, quoted, text};
use super::selects::Tables;
use super::tree::each_expr;

/// The name of the function.
const COLUMNS: &str = "columns";

/// Whether the engine refused a query because of `COLUMNS`.
pub(crate) fn is_about_patterns(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::Plan(text) if text.contains(&format!("Invalid function '{COLUMNS}'")))
}

/// Puts the columns in the place of their pattern.
pub(crate) fn spread(select: &mut Select, tables: &Tables<'_>) -> Result<()> {
    let mut spread = Vec::new();
    for mut item in std::mem::take(&mut select.projection) {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = &mut item else {
            spread.push(item);
            continue;
        };
        let Some(pattern) = pattern_in(expr)? else {
            spread.push(item);
            continue;
        };
        let before = spread.len();
        let columns = tables.columns(all(), &select.from)?.into_iter();
        spread.extend(columns.filter(|(name, _)| pattern.is_match(name)).map(|(name, column)| {
            let mut expr = expr.clone();
            each_expr(&mut expr, |expr| {
                if matches!(expr, Expr::Function(function) if name_of(function) == COLUMNS) {
                    *expr = column.clone();
                }
            });
            SelectItem::ExprWithAlias { expr, alias: quoted(&name) }
        }));
        ensure!(spread.len() > before, "no column has a name that matches '{pattern}'");
    }
    select.projection = spread;
    Ok(())
}

/// The pattern in an expression.
fn pattern_in(expr: &mut Expr) -> Result<Option<Regex>> {
    let mut pattern = Ok(None);
    each_expr(expr, |expr| {
        if let Expr::Function(function) = expr
            && name_of(function) == COLUMNS
            && pattern.is_ok()
        {
            pattern = pattern_of(function).map(Some);
        }
    });
    pattern
}

fn pattern_of(function: &Function) -> Result<Regex> {
    let argument = match &function.args {
        FunctionArguments::List(list) => list.args.first(),
        _ => None,
    };
    let pattern = match argument {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Wildcard)) => Some(""),
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) => text(expr),
        _ => None,
    };
    let pattern = pattern.context("COLUMNS takes a pattern for names: COLUMNS('^src_')")?;
    Regex::new(pattern).with_context(|| format!("'{pattern}' is not a regular expression"))
}
