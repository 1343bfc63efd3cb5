//! Result columns with the same name, such as in `SELECT time AS timestamp, *`: the engine wants distinct names.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use datafusion::common::{DFSchemaRef, SchemaError, TableReference};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, WildcardAdditionalOptions, With,
    helpers::attached_token::AttachedToken,
};

use super::rewrite::{SEPARATOR, query, quoted};

/// Whether the engine refused a query because results have the same name.
pub(crate) fn is_about_names(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => !matches!(**error, SchemaError::FieldNotFound { .. }),
        DataFusionError::Plan(text) => text.contains("unique expression names"),
        _ => false,
    }
}

/// Expands the wildcards of a query, and gives each result column a name of its own; `plan` returns the columns of a
/// query.
pub(crate) fn expand(query: &mut Query, plan: &dyn Fn(Query) -> Result<DFSchemaRef>) -> Result<()> {
    Expansion { plan }.query(query, &[])
}

struct Expansion<'a> {
    plan: &'a dyn Fn(Query) -> Result<DFSchemaRef>,
}

impl Expansion<'_> {
    /// Expands a query that sees the tables of some `WITH`.
    fn query(&self, query: &mut Query, seen: &[Cte]) -> Result<()> {
        let mut seen = seen.to_vec();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.query(&mut cte.query, &seen)?;
            seen.retain(|other| other.alias.name != cte.alias.name);
            seen.push(cte.clone());
        }
        self.body(&mut query.body, &seen)
    }

    fn body(&self, body: &mut SetExpr, seen: &[Cte]) -> Result<()> {
        match body {
            SetExpr::Select(select) => self.select(select, seen),
            SetExpr::Query(query) => self.query(query, seen),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, seen)?;
                self.body(right, seen)
            }
            _ => Ok(()),
        }
    }

    fn tables(&self, from: &mut TableWithJoins, seen: &[Cte]) -> Result<()> {
        let factors = std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation));
        for factor in factors {
            match factor {
                TableFactor::Derived { subquery, .. } => self.query(subquery, seen)?,
                TableFactor::NestedJoin { table_with_joins, .. } => self.tables(table_with_joins, seen)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn select(&self, select: &mut Select, seen: &[Cte]) -> Result<()> {
        for from in &mut select.from {
            self.tables(from, seen)?;
        }
        let mut results: Vec<Named> = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
                    let name = parts.last().map_or_else(String::new, |part| part.value.clone());
                    results.push(Named { expr: Expr::CompoundIdentifier(parts.clone()), name, is_written: true });
                }
                SelectItem::UnnamedExpr(expr) => {
                    let name = match expr {
                        Expr::Identifier(name) => name.value.clone(),
                        other => other.to_string(),
                    };
                    results.push(Named { expr: expr.clone(), name, is_written: true });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    results.push(Named { expr: expr.clone(), name: alias.value.clone(), is_written: true });
                }
                SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) if is_plain(options) => {
                    results.extend(self.columns(item.clone(), &select.from, seen)?);
                }
                // Wildcards that replace or rename columns are left to the engine.
                _ => return Ok(()),
            }
        }
        select.projection = with_own_names(results);
        Ok(())
    }

    /// The columns that a wildcard stands for.
    fn columns(&self, wildcard: SelectItem, from: &[TableWithJoins], seen: &[Cte]) -> Result<Vec<Named>> {
        let mut query = query(vec![wildcard], from.to_vec());
        if !seen.is_empty() {
            let with_token = AttachedToken::empty();
            query.with = Some(With { with_token, recursive: false, cte_tables: seen.to_vec() });
        }
        let schema = (self.plan)(query)?;
        let columns = schema.iter().map(|(table, field)| {
            let name = field.name().clone();
            let expr = match table.map(TableReference::to_vec) {
                Some(table) => {
                    let parts = table.iter().map(String::as_str).chain([name.as_str()]);
                    Expr::CompoundIdentifier(parts.map(quoted).collect())
                }
                None => Expr::Identifier(quoted(&name)),
            };
            Named { expr, name, is_written: false }
        });
        Ok(columns.collect())
    }
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_replace.is_none() && options.opt_rename.is_none()
}

/// A result and its name.
struct Named {
    expr: Expr,
    name: String,
    /// Whether it is written in the query rather than from a wildcard: it keeps the name if two have it.
    is_written: bool,
}

fn with_own_names(results: Vec<Named>) -> Vec<SelectItem> {
    let written: HashSet<String> =
        results.iter().filter(|result| result.is_written).map(|result| result.name.clone()).collect();
    let mut taken = HashSet::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let named = results.into_iter().map(|Named { expr, name, is_written }| {
        let own = if (is_written || !written.contains(&name)) && taken.insert(name.clone()) {
            name
        } else {
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            format!("{name}{SEPARATOR}{count}")
        };
        SelectItem::ExprWithAlias { expr, alias: quoted(&own) }
    });
    named.collect()
}
