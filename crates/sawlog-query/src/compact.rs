//! Wide rows in sorts. A text that was read shares the memory of its page, which a sort would count, and keep, with
//! each batch. So texts are copied out of their pages.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

/// The plan, with copies of texts for its sorts.
pub(crate) fn compacted(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_up(|node| {
        let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(Transformed::no(node)) };
        let input = copies(sort.input())?;
        Ok(Transformed::yes(replace_children_if_necessary(node, vec![input])?))
    })?;
    Ok(plan.data)
}

/// The same rows with copies of their texts.
fn copies(input: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = input.schema();
    let copied = |(place, field): (usize, &Arc<arrow::datatypes::Field>)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), place));
        let expr = match field.data_type() {
            data_type @ (DataType::Utf8View | DataType::BinaryView) => {
                let (copy, options) = (Arc::new(copy(data_type)), Arc::new(ConfigOptions::default()));
                Arc::new(ScalarFunctionExpr::try_new(copy, vec![column], &schema, options)?)
            }
            _ => column,
        };
        Ok(ProjectionExpr::new(expr, field.name().clone()))
    };
    let columns = schema.fields().iter().enumerate().map(copied).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(ProjectionExec::try_new(columns, Arc::clone(input))?))
}

/// A function that copies views into memory of their own.
fn copy(data_type: &DataType) -> ScalarUDF {
    let function = |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let copied: ArrayRef = match array.data_type() {
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
            _ => Arc::new(array.as_string_view().gc()),
        };
        Ok(ColumnarValue::Array(copied))
    };
    create_udf("copy", vec![data_type.clone()], data_type.clone(), Volatility::Immutable, Arc::new(function))
}
