//! The `SELECT`s of a query, inner ones first, each with the tables that it sees.

use anyhow::Result;
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, With,
    helpers::attached_token::AttachedToken,
};

use super::rewrite::{query, quoted};

/// Changes a `SELECT`.
pub(crate) type Change = fn(&mut Select, &Tables<'_>) -> Result<()>;

/// Changes each `SELECT` of a query; `plan` returns the columns of a query.
pub(crate) fn each_select(
    query: &mut Query,
    plan: &dyn Fn(Query) -> Result<DFSchemaRef>,
    change: Change,
) -> Result<()> {
    in_query(query, &Tables { plan, seen: Vec::new(), recursive: false }, change)
}

/// The tables that a `SELECT` can name.
pub(crate) struct Tables<'a> {
    plan: &'a dyn Fn(Query) -> Result<DFSchemaRef>,
    /// Those of `WITH`, and whether they can name themselves.
    seen: Vec<Cte>,
    recursive: bool,
}

fn in_query(query: &mut Query, tables: &Tables<'_>, change: Change) -> Result<()> {
    let mut tables = Tables { plan: tables.plan, seen: tables.seen.clone(), recursive: tables.recursive };
    if let Some(with) = &mut query.with {
        tables.recursive |= with.recursive;
        for cte in &mut with.cte_tables {
            // A query that names itself has no columns before it has been planned.
            if !with.recursive {
                in_query(&mut cte.query, &tables, change)?;
            }
            tables.seen.retain(|other| other.alias.name != cte.alias.name);
            tables.seen.push(cte.clone());
        }
    }
    in_body(&mut query.body, &tables, change)
}

fn in_body(body: &mut SetExpr, tables: &Tables<'_>, change: Change) -> Result<()> {
    match body {
        SetExpr::Select(select) => {
            select.from.iter_mut().try_for_each(|from| in_from(from, tables, change))?;
            change(select, tables)
        }
        SetExpr::Query(query) => in_query(query, tables, change),
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left, tables, change)?;
            in_body(right, tables, change)
        }
        _ => Ok(()),
    }
}

fn in_from(from: &mut TableWithJoins, tables: &Tables<'_>, change: Change) -> Result<()> {
    let factors = std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation));
    for factor in factors {
        match factor {
            TableFactor::Derived { subquery, .. } => in_query(subquery, tables, change)?,
            TableFactor::NestedJoin { table_with_joins, .. } => in_from(table_with_joins, tables, change)?,
            _ => {}
        }
    }
    Ok(())
}

impl Tables<'_> {
    /// The columns that a wildcard stands for: the name of each, and how a query names it.
    pub(crate) fn columns(&self, wildcard: SelectItem, from: &[TableWithJoins]) -> Result<Vec<(String, Expr)>> {
        let mut query = query(vec![wildcard], from.to_vec());
        if !self.seen.is_empty() {
            let with_token = AttachedToken::empty();
            query.with = Some(With { with_token, recursive: self.recursive, cte_tables: self.seen.clone() });
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
            (name, expr)
        });
        Ok(columns.collect())
    }
}
