//! Whole numbers in queries: if the result of `+`, `-` or `*` does not fit into 64 bits, that is an error. The
//! engine's operators would wrap around, and three forged sizes could produce any figure. `//` gives whole numbers,
//! and the quotient of sums has some 15 digits, not four.

use arrow::array::ArrayRef;
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use arrow::error::ArrowError;
use datafusion::common::{DFSchema, ScalarValue, exec_datafusion_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF};
use datafusion::prelude::cast;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::json::OfAny;

/// Plans `+`, `-`, `*`, `/` and `//` for whole numbers.
#[derive(Debug)]
pub(crate) struct Arithmetic;

/// The function of an operator, and how it combines two numbers.
type Checked = (fn() -> ScalarUDF, fn(i64, i64) -> Option<i64>);

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (function, together): Checked = match expr.op {
            BinaryOperator::Plus => (plus, i64::checked_add),
            BinaryOperator::Minus => (minus, i64::checked_sub),
            BinaryOperator::Multiply => (times, i64::checked_mul),
            BinaryOperator::Divide => return share(expr, schema),
            BinaryOperator::DuckIntegerDivide => return quotient(expr, schema),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if let (Some(left), Some(right)) = (number(&expr.left), number(&expr.right)) {
            // The engine accepts no function where a literal number is required, such as in LIMIT.
            return match together(left, right) {
                Some(_) => Ok(PlannerResult::Original(expr)),
                None => Err(too_large()),
            };
        }
        let is_whole = |expr: &Expr| expr.get_type(schema).is_ok_and(|data_type| data_type.is_integer());
        if !is_whole(&expr.left) || !is_whole(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        let whole = |expr: Expr| cast(expr, DataType::Int64);
        Ok(PlannerResult::Planned(function().call(vec![whole(expr.left), whole(expr.right)])))
    }
}

/// `/` of sums, which are decimals, or of a sum and a whole number, as a floating-point number: of decimals, the engine
/// gives four digits, and a share of less than 0.0001 would be none.
fn share(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
    if !has_sum(&expr, schema)? {
        return Ok(PlannerResult::Original(expr));
    }
    let float = |expr: Expr| cast(expr, DataType::Float64);
    Ok(PlannerResult::Planned(float(expr.left) / float(expr.right)))
}

/// `//`: of whole numbers, also of sums, which are decimals, the quotient without its fraction; of others the quotient.
fn quotient(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
    if !has_sum(&expr, schema)? {
        return Ok(PlannerResult::Original(RawBinaryExpr { op: BinaryOperator::Divide, ..expr }));
    }
    // Of decimals, the engine's quotient has a fraction, and would be rounded.
    let RawBinaryExpr { left, right, .. } = expr;
    let whole = DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0);
    let multiple = left.clone() - left % right.clone();
    Ok(PlannerResult::Planned(cast(multiple / right, whole)))
}

/// Whether two whole numbers are divided, one of which is a sum.
fn has_sum(expr: &RawBinaryExpr, schema: &DFSchema) -> Result<bool> {
    let types = [expr.left.get_type(schema)?, expr.right.get_type(schema)?];
    let is_sum = |data_type: &DataType| matches!(data_type, DataType::Decimal128(_, 0));
    let are_whole = types.iter().all(|data_type| data_type.is_integer() || is_sum(data_type));
    Ok(are_whole && types.iter().any(is_sum))
}

/// A number that is written in a query.
fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Int64(number), _) => *number,
        _ => None,
    }
}

/// A whole number of 64 bits, whatever the arguments are.
const WHOLE: fn(&DataType) -> Result<DataType> = |_| Ok(DataType::Int64);

fn plus() -> ScalarUDF {
    OfAny::udf("checked_add", 2, WHOLE, |numbers| checked(add(&numbers[0], &numbers[1])))
}

fn minus() -> ScalarUDF {
    OfAny::udf("checked_sub", 2, WHOLE, |numbers| checked(sub(&numbers[0], &numbers[1])))
}

fn times() -> ScalarUDF {
    OfAny::udf("checked_mul", 2, WHOLE, |numbers| checked(mul(&numbers[0], &numbers[1])))
}

fn checked(result: std::result::Result<ArrayRef, ArrowError>) -> Result<ArrayRef> {
    result.map_err(|error| match error {
        ArrowError::ArithmeticOverflow(_) => too_large(),
        other => other.into(),
    })
}

fn too_large() -> DataFusionError {
    exec_datafusion_err!(
        "a result does not fit into 64 bits; make one of the numbers a decimal: CAST(bytes AS DECIMAL(38, 0)) * 2"
    )
}
