//! Casts of fractions to whole numbers round, as in `DuckDB`, `PostgreSQL` and Athena. The engine cuts fractions off.
//!
//! Halves go away from zero: `2.5` is 3. So it is in `DuckDB` for decimals, which numbers written in SQL are there; a
//! floating-point half becomes the even number.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::functions::math;
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, ExprSchemable};

/// Rounds the operands of such casts.
#[derive(Debug)]
pub(super) struct Rounding;

impl FunctionRewrite for Rounding {
    fn name(&self) -> &'static str {
        "rounding"
    }

    fn rewrite(&self, mut expr: Expr, schema: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        let (Expr::Cast(Cast { expr: operand, field }) | Expr::TryCast(TryCast { expr: operand, field })) = &mut expr
        else {
            return Ok(Transformed::no(expr));
        };
        if !field.data_type().is_integer() || !has_fractions(&operand.get_type(schema)?) {
            return Ok(Transformed::no(expr));
        }
        let fraction = std::mem::take(&mut **operand);
        **operand = math::round().call(vec![fraction]);
        Ok(Transformed::yes(expr))
    }
}

fn has_fractions(data_type: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    match data_type {
        Decimal32(_, scale) | Decimal64(_, scale) | Decimal128(_, scale) | Decimal256(_, scale) => *scale > 0,
        other => other.is_floating(),
    }
}
