//! `--distinct`: of an event that CloudTrail delivered more than once, the first record only.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident};
use sawlog_formats::TextColumn;
use sawlog_store::{Snapshot, read_file};

/// Records: for each file their numbers in it.
type Places = HashMap<String, HashSet<i64>>;

/// Whether a record is the first one of its event, as evidence stands. Records without an id all are.
pub(crate) fn first_only(snapshot: &Snapshot) -> Result<Expr> {
    let later = later(snapshot)?;
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

/// The records of an event that an earlier one is of: one with the same event id, or, in accounts that share it, with the same
/// shared id. Of Insights events the beginning and the end have the same shared id, so it tells nothing.
fn later(snapshot: &Snapshot) -> Result<Places> {
    const COLUMNS: [&str; 5] = ["event_id", "shared_event_id", "event_type", "source_file", "source_line"];
    let mut firsts: HashMap<String, (String, i64)> = HashMap::new();
    let mut later = Places::new();
    for entry in &snapshot.files {
        for batch in read_file(snapshot.table, &snapshot.folder, entry, Some(&COLUMNS))? {
            let batch = batch?;
            let text = |name: &str| TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} is {found}"));
            let [ids, shared, types, files] = ["event_id", "shared_event_id", "event_type", "source_file"].map(text);
            let (ids, shared, types, files) = (ids?, shared?, types?, files?);
            let lines = batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line is no number")?;
            for row in 0..batch.num_rows() {
                let is_shared = types.get(row) != Some("AwsCloudTrailInsight");
                let shared = shared.get(row).filter(|id| is_shared && !id.is_empty());
                let Some(id) = shared.or_else(|| ids.get(row)) else { continue };
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
