//! Comparisons with the values of a subquery, where the engine's answer is not SQL's.
//!
//! In `x > ANY (SELECT x …)` it takes one `x` for the other. Among the conditions of an `OR`, `x NOT IN (SELECT …)` is
//! true for it where `x` is null, or where the subquery has a null; SQL says that this is not known.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr,
    TableAlias, TableFactor, TableWithJoins, UnaryOperator,
};

use super::rewrite::{SEPARATOR, all, normal, query, quoted, tables_of, take};
use super::tree::{each_expr, each_own_expr};
use super::words::filled;

/// Changes the conditions of a `SELECT`.
pub(super) fn plain(select: &mut Select) {
    let tables: HashSet<String> = select.from.iter().flat_map(tables_of).collect();
    for condition in [&mut select.selection, &mut select.having].into_iter().flatten() {
        each_own_expr(condition, compared);
        known_within(condition, &tables, true);
    }
    for condition in select.from.iter_mut().flat_map(|from| &mut from.joins).filter_map(condition_of) {
        each_own_expr(condition, compared);
        known_within(condition, &tables, false);
    }
}

/// The condition after `ON`.
fn condition_of(join: &mut Join) -> Option<&mut Expr> {
    use JoinOperator::{FullOuter, Inner, Join as Plain, Left, LeftOuter, Right, RightOuter};
    match &mut join.join_operator {
        Plain(JoinConstraint::On(condition))
        | Inner(JoinConstraint::On(condition))
        | Left(JoinConstraint::On(condition))
        | LeftOuter(JoinConstraint::On(condition))
        | Right(JoinConstraint::On(condition))
        | RightOuter(JoinConstraint::On(condition))
        | FullOuter(JoinConstraint::On(condition)) => Some(condition),
        _ => None,
    }
}

/// Changes subqueries that are not themselves a condition which must hold: the engine knows nulls in these, unless they
/// may name columns of the outer tables.
fn known_within(expr: &mut Expr, tables: &HashSet<String>, must_hold: bool) {
    match expr {
        Expr::Nested(inner) => known_within(inner, tables, must_hold),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            known_within(left, tables, must_hold);
            known_within(right, tables, must_hold);
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            known_within(left, tables, false);
            known_within(right, tables, false);
        }
        // Where a condition is unknown, it does not hold.
        Expr::InSubquery { negated: false, .. } => {}
        Expr::InSubquery { subquery, .. } if must_hold && !may_name_outer(subquery, tables) => {}
        Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } if must_hold && is_known(inner, tables) => {}
        _ => each_own_expr(expr, |expr| {
            if let Some(known) = in_three_values(expr) {
                *expr = known;
            }
        }),
    }
}

fn is_known(expr: &Expr, tables: &HashSet<String>) -> bool {
    match expr {
        Expr::Nested(inner) => is_known(inner, tables),
        Expr::InSubquery { subquery, .. } => !may_name_outer(subquery, tables),
        _ => false,
    }
}

/// Whether a subquery may name columns of the outer tables. Without the tables' columns, a plain name in a condition
/// can be either's.
fn may_name_outer(subquery: &Query, tables: &HashSet<String>) -> bool {
    let mut names = has_condition(&subquery.body);
    each_expr(&mut subquery.clone(), |expr| {
        names |= matches!(expr, Expr::CompoundIdentifier(parts) if tables.contains(&normal(&parts[0])));
    });
    names
}

fn has_condition(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => {
            let is_joined = select.from.iter().any(|from| !from.joins.is_empty());
            select.selection.is_some() || select.having.is_some() || is_joined
        }
        SetExpr::Query(query) => has_condition(&query.body),
        SetExpr::SetOperation { left, right, .. } => has_condition(left) || has_condition(right),
        _ => false,
    }
}

/// `x IN (SELECT …)` as true, false or null.
fn in_three_values(expr: &Expr) -> Option<Expr> {
    let Expr::InSubquery { expr: value, subquery, negated } = expr else { return None };
    let exists = |subquery: Query| Expr::Exists { subquery: Box::new(subquery), negated: false };
    let template = if *negated {
        "CASE WHEN #2 THEN false WHEN #1 IS NULL AND #3 THEN NULL WHEN #4 THEN NULL ELSE true END"
    } else {
        "CASE WHEN #2 THEN true WHEN #1 IS NULL AND #3 THEN NULL WHEN #4 THEN NULL ELSE false END"
    };
    let has_any = exists((**subquery).clone());
    let has_null = exists(nulls_of(subquery)?);
    let mut is_in = expr.clone();
    if let Expr::InSubquery { negated, .. } = &mut is_in {
        *negated = false;
    }
    filled(template, &[(**value).clone(), is_in, has_any, has_null])
}

/// The rows of a subquery whose value is null. A plain `SELECT` gets a condition more, so that it can still name
/// columns of the outer query.
fn nulls_of(subquery: &Query) -> Option<Query> {
    let mut inner = subquery.clone();
    if let SetExpr::Select(select) = &mut *inner.body
        && let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = &*select.projection
        && matches!(value, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
        && inner.limit_clause.is_none()
    {
        let is_null = filled("#1 IS NULL", std::slice::from_ref(value))?;
        select.selection = Some(match select.selection.take() {
            Some(condition) => filled("#1 AND #2", &[condition, is_null])?,
            None => is_null,
        });
        return Some(inner);
    }
    rename_value(&mut inner.body);
    let is_null = filled("#1 IS NULL", &[Expr::Identifier(own_name())])?;
    let alias = Some(TableAlias { explicit: true, name: own_name(), columns: Vec::new(), at: None });
    let relation = TableFactor::Derived { lateral: false, subquery: Box::new(inner), alias, sample: None };
    let mut query = query(vec![all()], vec![TableWithJoins { relation, joins: Vec::new() }]);
    if let SetExpr::Select(select) = &mut *query.body {
        select.selection = Some(is_null);
    }
    Some(query)
}

/// `x = ANY (SELECT …)` and `x <> ALL (SELECT …)` are `IN` and `NOT IN`. For other comparisons, the subquery's value
/// gets a name that no column has.
fn compared(expr: &mut Expr) {
    let (left, op, right, is_all) = match expr {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, false),
        Expr::AllOp { left, compare_op, right } => (left, compare_op, right, true),
        _ => return,
    };
    let Expr::Subquery(subquery) = &mut **right else { return };
    match (op, is_all) {
        (BinaryOperator::Eq, false) | (BinaryOperator::NotEq, true) => {
            *expr = Expr::InSubquery { expr: Box::new(take(left)), subquery: subquery.clone(), negated: is_all };
        }
        _ => rename_value(&mut subquery.body),
    }
}

fn rename_value(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            let [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] = &mut *select.projection
            else {
                return;
            };
            let expr = take(expr);
            select.projection = vec![SelectItem::ExprWithAlias { expr, alias: own_name() }];
        }
        SetExpr::Query(query) => rename_value(&mut query.body),
        SetExpr::SetOperation { left, .. } => rename_value(left),
        _ => {}
    }
}

/// A name that no column has.
fn own_name() -> Ident {
    quoted(&SEPARATOR.to_string())
}
