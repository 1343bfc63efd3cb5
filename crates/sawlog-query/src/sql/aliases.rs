//! Names of results that the same `SELECT` uses again: `SELECT bytes / 1000 AS kb, kb / 1000 AS mb … WHERE kb > 1`. The
//! engine knows them in `GROUP BY`, `HAVING` and `ORDER BY` only.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use anyhow::{Result, ensure};
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Query, Select, SelectItem, VisitorMut};

use super::rewrite::{all, normal};
use super::selects::Tables;
use super::tree::walk;

/// An expression with names in it may become this large, in parts: each name can double the one before.
const MOST_PARTS: usize = 10_000;

/// Whether the engine refused a query because of a name that is not a column.
pub(crate) fn is_about_columns(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => matches!(**error, SchemaError::FieldNotFound { .. }),
        _ => false,
    }
}

/// Puts expressions in the place of their names. A column of a table goes before a name.
pub(crate) fn known(select: &mut Select, tables: &Tables<'_>) -> Result<()> {
    let has_name = |item: &SelectItem| matches!(item, SelectItem::ExprWithAlias { .. });
    if !select.projection.iter().any(has_name) {
        return Ok(());
    }
    let columns = if select.from.is_empty() { Vec::new() } else { tables.columns(all(), &select.from)? };
    let columns: HashSet<String> = columns.into_iter().map(|(name, _)| name).collect();
    let mut meanings = Meanings { of_names: HashMap::new(), depth: 0, parts: 0 };
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => meanings.put_into(expr)?,
            SelectItem::ExprWithAlias { expr, alias } => {
                meanings.put_into(expr)?;
                let name = normal(alias);
                if !columns.contains(&name) {
                    meanings.of_names.insert(name, (expr.clone(), meanings.parts));
                }
            }
            _ => {}
        }
    }
    let mut conditions = [&mut select.selection, &mut select.having, &mut select.qualify].into_iter().flatten();
    conditions.try_for_each(|condition| meanings.put_into(condition))?;
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        keys.iter_mut().try_for_each(|key| meanings.put_into(key))?;
    }
    Ok(())
}

/// What names stand for.
struct Meanings {
    /// The expressions, and how many parts each has.
    of_names: HashMap<String, (Expr, usize)>,
    /// How many queries we are in: names within them are their own.
    depth: usize,
    /// The parts of the last expression.
    parts: usize,
}

impl Meanings {
    fn put_into(&mut self, expr: &mut Expr) -> Result<()> {
        self.parts = 0;
        let _ = walk(expr, self);
        ensure!(
            self.parts <= MOST_PARTS,
            "the names of results stand for an expression of more than {MOST_PARTS} parts"
        );
        Ok(())
    }
}

impl VisitorMut for Meanings {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    // After its parts were visited: what is put in is not looked at again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.parts += 1;
        if self.depth == 0
            && let Expr::Identifier(name) = expr
            && let Some((meaning, parts)) = self.of_names.get(&normal(name))
        {
            self.parts += parts;
            if self.parts > MOST_PARTS {
                return ControlFlow::Break(());
            }
            *expr = Expr::Nested(Box::new(meaning.clone()));
        }
        ControlFlow::Continue(())
    }
}
