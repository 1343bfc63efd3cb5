//! Joined tables: names for those that have none, `SEMI` and `ANTI`, and the columns of `USING`.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ReplaceSelectElement, ReplaceSelectItem, Select,
    SelectItem, TableAlias, TableFactor, TableWithJoins,
};

use super::rewrite::{call, normal, quoted};
use super::series;
use super::tree::each_own_expr;

/// The name of a joined query that has none, as in `DuckDB`; others have a number, too.
const UNNAMED: &str = "unnamed_subquery";

/// Puts the joins of a `SELECT` in the engine's terms.
pub(super) fn plain(select: &mut Select) {
    select.from.iter_mut().for_each(semi_and_anti);
    factors(&mut select.from).into_iter().for_each(series::named);
    if factors(&mut select.from).len() > 1 {
        name_queries(&mut select.from);
        let shared = select.from.iter().flat_map(shared_by).collect::<HashMap<_, _>>();
        if !shared.is_empty() {
            put(select, &shared);
        }
    }
}

/// `SEMI JOIN` and `ANTI JOIN` are `LEFT SEMI JOIN` and `LEFT ANTI JOIN`.
fn semi_and_anti(from: &mut TableWithJoins) {
    if let TableFactor::NestedJoin { table_with_joins, .. } = &mut from.relation {
        semi_and_anti(table_with_joins);
    }
    for join in &mut from.joins {
        if let TableFactor::NestedJoin { table_with_joins, .. } = &mut join.relation {
            semi_and_anti(table_with_joins);
        }
        let none = JoinOperator::CrossJoin(JoinConstraint::None);
        join.join_operator = match std::mem::replace(&mut join.join_operator, none) {
            JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint),
            JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint),
            other => other,
        };
    }
}

/// The tables of a `FROM`, also those in brackets.
fn factors(from: &mut [TableWithJoins]) -> Vec<&mut TableFactor> {
    let mut all = Vec::new();
    for TableWithJoins { relation, joins } in from {
        for factor in std::iter::once(relation).chain(joins.iter_mut().map(|join| &mut join.relation)) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => {
                    all.extend(factors(std::slice::from_mut(table_with_joins)));
                }
                factor => all.push(factor),
            }
        }
    }
    all
}

/// Names joined queries: the engine can't tell apart the columns of two that have no name.
fn name_queries(from: &mut [TableWithJoins]) {
    let mut number = 0;
    for factor in factors(from) {
        if let TableFactor::Derived { alias: alias @ None, .. } = factor {
            number += 1;
            let name = if number == 1 { UNNAMED.to_owned() } else { format!("{UNNAMED}{number}") };
            *alias = Some(TableAlias { explicit: true, name: quoted(&name), columns: Vec::new(), at: None });
        }
    }
}

/// What a column of `USING` stands for.
struct Shared {
    value: Expr,
    /// Whether it is the first table's column, which the wildcard has.
    is_first: bool,
}

/// The columns of `USING`. Between results the engine takes the left table's, which is null where only the right table
/// has a row; in conditions it takes neither.
fn shared_by(from: &TableWithJoins) -> HashMap<String, Shared> {
    let mut shared = match &from.relation {
        TableFactor::NestedJoin { table_with_joins, alias: None } => shared_by(table_with_joins),
        _ => HashMap::new(),
    };
    for (at, join) in from.joins.iter().enumerate() {
        let (Some(columns), Some(right)) = (using(join), name_of(&join.relation)) else { continue };
        for column in columns.iter().filter_map(|name| name.0.last()?.as_ident()) {
            let of = |table: &Ident| Expr::CompoundIdentifier(vec![table.clone(), column.clone()]);
            // Of several tables on the left, it is not known here which one has the column.
            let first =
                || name_of(&from.relation).filter(|_| at == 0).map(|table| Shared { value: of(table), is_first: true });
            let left = shared.remove(&normal(column)).or_else(first);
            let value = match (&join.join_operator, left) {
                (JoinOperator::Right(_) | JoinOperator::RightOuter(_), _) => {
                    Shared { value: of(right), is_first: false }
                }
                (_, None) => continue,
                (JoinOperator::FullOuter(_), Some(left)) => {
                    Shared { value: call("coalesce", vec![left.value, of(right)]), is_first: false }
                }
                (_, Some(left)) => left,
            };
            shared.insert(normal(column), value);
        }
    }
    shared
}

/// The columns of a join's `USING`.
fn using(join: &Join) -> Option<&[ObjectName]> {
    use JoinOperator::{FullOuter, Inner, Join as Plain, Left, LeftAnti, LeftOuter, LeftSemi, Right, RightOuter};
    match &join.join_operator {
        Plain(JoinConstraint::Using(columns))
        | Inner(JoinConstraint::Using(columns))
        | Left(JoinConstraint::Using(columns))
        | LeftOuter(JoinConstraint::Using(columns))
        | LeftSemi(JoinConstraint::Using(columns))
        | LeftAnti(JoinConstraint::Using(columns))
        | Right(JoinConstraint::Using(columns))
        | RightOuter(JoinConstraint::Using(columns))
        | FullOuter(JoinConstraint::Using(columns)) => Some(columns),
        _ => None,
    }
}

fn name_of(factor: &TableFactor) -> Option<&Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(&alias.name)
        }
        TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()),
        _ => None,
    }
}

/// Puts the values of shared columns in the place of their plain names.
fn put(select: &mut Select, shared: &HashMap<String, Shared>) {
    for item in &mut select.projection {
        match item {
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                if let Some(Shared { value, .. }) = shared.get(&normal(name)) {
                    *item = SelectItem::ExprWithAlias { expr: value.clone(), alias: name.clone() };
                }
            }
            SelectItem::Wildcard(options) if options.opt_replace.is_none() => {
                let element = |(name, Shared { value, .. }): (&String, &Shared)| {
                    let (expr, column_name) = (value.clone(), quoted(name));
                    Box::new(ReplaceSelectElement { expr, column_name, as_keyword: true })
                };
                let others = shared.iter().filter(|(_, shared)| !shared.is_first);
                let items: Vec<_> = others.map(element).collect();
                options.opt_replace = (!items.is_empty()).then_some(ReplaceSelectItem { items });
            }
            _ => {}
        }
    }
    each_own_expr(select, |expr| {
        if let Expr::Identifier(name) = expr
            && let Some(Shared { value, .. }) = shared.get(&normal(name))
        {
            *expr = value.clone();
        }
    });
}
