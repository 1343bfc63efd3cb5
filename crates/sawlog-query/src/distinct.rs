//! Keeps only the first record of an event that a log has more than once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident};
use sawlog_formats::{EventId, TextColumn};
use sawlog_store::{Snapshot, read_file};

/// Records: for each file, their numbers in it.
type Places = HashMap<String, HashSet<i64>>;

/// Whether a record is the first one of its event in evidence order. Every record without an id counts as first.
pub(crate) fn first_only(snapshot: &Snapshot, event_id: &EventId) -> Result<Expr> {
    let later = later(snapshot, event_id)?;
    let is_first = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let files: ArrayRef = cast(&arrays[0], &DataType::Utf8View)?;
        let lines = arrays[1].as_primitive::<Int64Type>();
        let rows = files.as_string_view().iter().zip(lines.values());
        let first: BooleanArray =
            rows.map(|(file, line)| Some(!later.get(file?).is_some_and(|lines| lines.contains(line)))).collect();
        Ok(ColumnarValue::Array(Arc::new(first)))
    };
    let types = vec![DataType::Utf8View, DataType::Int64];
    let function = create_udf("is_first", types, DataType::Boolean, Volatility::Immutable, Arc::new(is_first));
    let file = datafusion::prelude::cast(ident("source_file"), DataType::Utf8View);
    Ok(function.call(vec![file, ident("source_line")]))
}

/// The records that repeat an event of an earlier record.
fn later(snapshot: &Snapshot, event_id: &EventId) -> Result<Places> {
    let columns: Vec<&str> = event_id.columns.iter().copied().chain(["source_file", "source_line"]).collect();
    let mut firsts: HashMap<String, (String, i64)> = HashMap::new();
    let mut later = Places::new();
    for entry in &snapshot.files {
        for batch in read_file(snapshot.table, &snapshot.folder, entry, Some(&columns))? {
            let batch = batch?;
            let text = |name: &str| {
                TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} has the type {found}"))
            };
            let parts = event_id.columns.iter().map(|name| text(name)).collect::<Result<Vec<_>>>()?;
            let files = text("source_file")?;
            let lines =
                batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?;
            for row in 0..batch.num_rows() {
                let texts: Vec<Option<&str>> = parts.iter().map(|part| part.get(row)).collect();
                let Some(id) = (event_id.tell)(&texts) else { continue };
                let here = (files.get(row).unwrap_or_default().to_owned(), lines.value(row));
                let mut add = |(file, line): &(String, i64)| later.entry(file.clone()).or_default().insert(*line);
                match firsts.get_mut(id) {
                    None => {
                        firsts.insert(id.to_owned(), here);
                    }
                    Some(first) if here < *first => {
                        add(first);
                        *first = here;
                    }
                    Some(_) => {
                        add(&here);
                    }
                }
            }
        }
    }
    Ok(later)
}
