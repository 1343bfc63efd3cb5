//! `a IS DISTINCT FROM b AND c`: the parser takes everything that follows, `b AND c`, for its right side.
//!
//! Brackets are nested in the tree. So an AND or OR that is not nested, in a place for operators that bind closer,
//! shows where the parser went too far.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Statement, UnaryOperator};

use super::rewrite::take;
use super::tree::each_expr;

/// Puts the operators of a statement where they bind in SQL.
pub(super) fn mend(statement: &mut Statement) {
    each_expr(statement, lift);
}

/// How closely AND and OR bind; `None` for operators that bind closer.
fn binds(op: &BinaryOperator) -> Option<u8> {
    match op {
        BinaryOperator::Or => Some(0),
        BinaryOperator::Xor => Some(1),
        BinaryOperator::And => Some(2),
        _ => None,
    }
}

/// The last operand of an operator, and how closely the operator binds.
fn last(expr: &mut Expr) -> Option<(&mut Box<Expr>, u8)> {
    match expr {
        Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) => Some((right, u8::MAX)),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Some((expr, u8::MAX)),
        Expr::BinaryOp { op, right, .. } => Some((right, binds(op)?)),
        _ => None,
    }
}

/// Turns an AND or OR that is the last operand of a closer operator into the outer one of the two.
fn lift(expr: &mut Expr) {
    let Some((operand, closeness)) = last(expr) else { return };
    lift(operand);
    let Expr::BinaryOp { left, op, right } = &mut **operand else { return };
    if binds(op).is_none_or(|inner| inner >= closeness) {
        return;
    }
    let (first, op, rest) = (take(left), op.clone(), take(right));
    **operand = first;
    let mut inner = take(expr);
    lift(&mut inner);
    *expr = Expr::BinaryOp { left: Box::new(inner), op, right: Box::new(rest) };
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::DuckDbDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    /// The same expression with brackets around each operator's operands.
    fn brackets(expr: &Expr) -> String {
        match expr {
            Expr::BinaryOp { left, op, right } => format!("({} {op} {})", brackets(left), brackets(right)),
            Expr::IsDistinctFrom(left, right) => format!("({} <> {})", brackets(left), brackets(right)),
            Expr::UnaryOp { op, expr } => format!("({op} {})", brackets(expr)),
            Expr::Nested(expr) => brackets(expr),
            other => other.to_string(),
        }
    }

    #[test]
    fn distinct_binds_closer_than_and() {
        for (text, wanted) in [
            ("a IS DISTINCT FROM b AND c", "((a <> b) AND c)"),
            ("a IS DISTINCT FROM b OR c AND d", "((a <> b) OR (c AND d))"),
            ("a IS DISTINCT FROM b AND c OR d", "(((a <> b) AND c) OR d)"),
            ("p AND a IS DISTINCT FROM b OR c", "((p AND (a <> b)) OR c)"),
            ("p OR a IS DISTINCT FROM b AND c", "(p OR ((a <> b) AND c))"),
            ("NOT a IS DISTINCT FROM b AND c", "((NOT (a <> b)) AND c)"),
            ("a IS DISTINCT FROM (b AND c)", "(a <> (b AND c))"),
            ("a IS DISTINCT FROM b + 1 AND c IS DISTINCT FROM d", "((a <> (b + 1)) AND (c <> d))"),
            ("p AND (a OR b)", "(p AND (a OR b))"),
            ("NOT (a AND b)", "(NOT (a AND b))"),
            ("a AND b AND c", "((a AND b) AND c)"),
        ] {
            let mut statements = Parser::parse_sql(&DuckDbDialect {}, &format!("SELECT {text}")).unwrap();
            mend(&mut statements[0]);
            let mut found = None;
            each_expr(&mut statements[0], |expr| found = Some(expr.clone()));
            assert_eq!(brackets(&found.unwrap()), wanted, "{text}");
        }
    }
}
