//! `SUMMARIZE`: describes the columns of a result, one row each.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt64Type};
use datafusion::common::{Column, ScalarValue, exec_datafusion_err};
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, avg, count, max, min};
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::cast as cast_expr;
use futures::{StreamExt, stream};

use super::rewrite::SEPARATOR;
use super::types;

/// What is reported about a column. Numbers of values are whole; the smallest and largest value are text.
const SCHEMA: [(&str, DataType); 8] = [
    ("column_name", DataType::Utf8),
    ("column_type", DataType::Utf8),
    ("min", DataType::Utf8),
    ("max", DataType::Utf8),
    ("approx_unique", DataType::Int64),
    ("avg", DataType::Float64),
    ("count", DataType::Int64),
    ("null_percentage", DataType::Float64),
];

/// How many aggregates each column has.
const ASKED: usize = 5;

/// The summary of a query, which is run once it is asked for.
pub(super) fn summary(frame: DataFrame) -> Result<SendableRecordBatchStream> {
    let columns: Vec<(Column, Field)> = frame
        .schema()
        .iter()
        .map(|(table, field)| (Column::new(table.cloned(), field.name()), field.as_ref().clone()))
        .collect();
    let asked = columns.iter().enumerate().flat_map(|(place, (column, field))| {
        asked(&Expr::Column(column.clone()), field.data_type())
            .into_iter()
            .enumerate()
            .map(move |(number, expr)| expr.alias(format!("{place}_{number}")))
    });
    let asked: Vec<Expr> = std::iter::once(count(lit(1)).alias("rows")).chain(asked).collect();
    let frame = frame.aggregate(Vec::new(), asked)?;
    let schema = Arc::new(Schema::new(SCHEMA.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()));
    let fields: Vec<Field> = columns.into_iter().map(|(_, field)| field).collect();
    let told = Arc::clone(&schema);
    let rows = stream::once(async move {
        let found = frame.collect().await?;
        let one = found.iter().find(|batch| batch.num_rows() == 1);
        table(one.ok_or_else(|| exec_datafusion_err!("there is nothing to summarize"))?, &fields, told)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows.boxed())))
}

/// The aggregates of a column: its count, its smallest and largest value, how many distinct values it has, their
/// mean. Groups and lists are only counted; bytes have no smallest or largest value.
fn asked(column: &Expr, data_type: &DataType) -> [Expr; ASKED] {
    let none = || min(lit(ScalarValue::Int64(None)));
    let text = |expr: Expr| cast_expr(expr, DataType::Utf8);
    let is_simple = !data_type.is_nested() && *data_type != DataType::Null;
    let [least, largest, unique] = if is_simple && data_type.is_binary() {
        // Bytes need not be text.
        [text(none()), text(none()), approx_distinct(column.clone())]
    } else if is_simple {
        // The engine has no estimate for booleans and floating-point numbers.
        let is_estimated =
            data_type.is_integer() || data_type.is_string() || matches!(data_type, DataType::Timestamp(..));
        let value = if is_estimated { column.clone() } else { text(column.clone()) };
        [text(min(column.clone())), text(max(column.clone())), approx_distinct(value)]
    } else {
        [text(none()), text(none()), none()]
    };
    let mean = if data_type.is_numeric() { avg(cast_expr(column.clone(), DataType::Float64)) } else { none() };
    [count(column.clone()), least, largest, unique, mean]
}

/// The single row of aggregates, as a row for each column.
fn table(found: &RecordBatch, fields: &[Field], schema: SchemaRef) -> Result<RecordBatch> {
    let rows = found.column(0).as_primitive::<Int64Type>().value(0);
    let of = |number: usize, data_type: &DataType| -> Result<Vec<ArrayRef>> {
        let columns = (0..fields.len()).map(|place| found.column(1 + place * ASKED + number));
        columns.map(|column| Ok(cast(column, data_type)?)).collect()
    };
    let texts = |number: usize| -> Result<StringArray> {
        let values = of(number, &DataType::Utf8)?;
        let text = |array: &ArrayRef| array.is_valid(0).then(|| array.as_string::<i32>().value(0).to_owned());
        Ok(values.iter().map(text).collect())
    };
    let counts: Vec<i64> =
        of(0, &DataType::Int64)?.iter().map(|array| array.as_primitive::<Int64Type>().value(0)).collect();
    let unique = |array: &ArrayRef| array.is_valid(0).then(|| array.as_primitive::<UInt64Type>().value(0));
    let unique: Int64Array = of(3, &DataType::UInt64)?
        .iter()
        .zip(&counts)
        // An estimate may exceed the number of values.
        .map(|(array, count)| {
            unique(array).and_then(|unique| i64::try_from(unique).ok()).map(|unique| unique.min(*count))
        })
        .collect();
    let mean = |array: &ArrayRef| array.is_valid(0).then(|| array.as_primitive::<Float64Type>().value(0));
    let means: Float64Array = of(4, &DataType::Float64)?.iter().map(mean).collect();
    let absent = |count: &i64| (rows > 0).then(|| percent(rows - count, rows));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(fields.iter().map(|field| field.name().split(SEPARATOR).next()).collect::<StringArray>()),
        Arc::new(fields.iter().map(|field| Some(types::name(field.data_type()))).collect::<StringArray>()),
        Arc::new(texts(1)?),
        Arc::new(texts(2)?),
        Arc::new(unique),
        Arc::new(means),
        Arc::new(Int64Array::from(vec![rows; fields.len()])),
        Arc::new(counts.iter().map(absent).collect::<Float64Array>()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// A part of a whole in percent, with two decimals.
#[expect(clippy::cast_precision_loss, reason = "so many rows are not told apart to two decimals")]
fn percent(part: i64, whole: i64) -> f64 {
    (part as f64 * 10_000.0 / whole as f64).round() / 100.0
}
