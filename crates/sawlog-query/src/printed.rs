//! A record's text, printed from its columns; in the engine, the meaning of `raw` in queries.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Signature, Volatility, ident};
use sawlog_formats::{Format, Printer, Table, without_mark};

/// The column that has the text of a record.
pub(crate) const RAW: &str = "raw";
/// The column that only serves to print records.
pub(crate) const SKELETON: &str = "skeleton";

/// The text of a JSON record, which no single column has.
pub(crate) fn text(table: &Table) -> Option<Expr> {
    let format = sawlog_formats::format(table.name).filter(|format| format.framing.is_json())?;
    let names = (format.printed)();
    let print = move |arguments: &[ColumnarValue]| {
        let (printer, rows) = printer(format, arguments)?;
        let mut texts = StringViewBuilder::with_capacity(rows);
        let mut text = Vec::new();
        for row in 0..rows {
            text.clear();
            add(printer.as_ref(), row, &mut text);
            let wrong = |error| DataFusionError::Execution(format!("a record is not text: {error}"));
            texts.append_value(std::str::from_utf8(&text).map_err(wrong)?);
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish()) as ArrayRef))
    };
    let signature = Signature::any(names.len(), Volatility::Immutable);
    let name = format!("text_of_{}", table.name);
    let function = SimpleScalarUDF::new_with_signature(&name, signature, DataType::Utf8View, Arc::new(print));
    Some(ScalarUDF::new_from_impl(function).call(names.into_iter().map(ident).collect()))
}

/// Adds the text of a record, without a byte order mark before it: the mark is about the record's file, and stands in
/// the way of `^` in patterns and of what reads the output.
pub(crate) fn add(printer: &dyn Printer, row: usize, text: &mut Vec<u8>) {
    let start = text.len();
    printer.print(row, text);
    let mark = text[start..].len() - without_mark(&text[start..]).len();
    text.drain(start..start + mark);
}

/// A printer of records whose columns are the arguments of a function, and the number of records.
pub(crate) fn printer(
    format: &Format,
    arguments: &[ColumnarValue],
) -> datafusion::error::Result<(Box<dyn Printer>, usize)> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let columns = (format.printed)().into_iter().zip(arrays).map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
    Ok(((format.printer)(&batch)?, batch.num_rows()))
}
