//! Keeps only the first record of an event that a log has more than once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{ColumnarValue, Expr, Volatility, create_udf, ident};
use sawlog_formats::{EventId, TextColumn};

/// The events of some records, which are added in evidence order.
pub(crate) struct Events<'a> {
    event_id: &'a EventId,
    seen: HashSet<String>,
    /// The records of events that were seen before: for each file, their numbers in it.
    later: HashMap<String, HashSet<i64>>,
}

impl<'a> Events<'a> {
    pub(crate) fn new(event_id: &'a EventId) -> Self {
        Self { event_id, seen: HashSet::new(), later: HashMap::new() }
    }

    /// The columns that [`Events::add`] takes.
    pub(crate) fn columns(&self) -> Vec<Expr> {
        self.event_id.columns.iter().copied().chain(["source_file", "source_line"]).map(ident).collect()
    }

    /// Adds the next records.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let text =
            |name: &str| TextColumn::new(&batch[name]).map_err(|found| anyhow::anyhow!("{name} has the type {found}"));
        let parts = self.event_id.columns.iter().map(|name| text(name)).collect::<Result<Vec<_>>>()?;
        let files = text("source_file")?;
        let lines =
            batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?;
        for row in 0..batch.num_rows() {
            let texts: Vec<Option<&str>> = parts.iter().map(|part| part.get(row)).collect();
            let Some(id) = (self.event_id.tell)(&texts) else { continue };
            if self.seen.contains(id) {
                let file = files.get(row).unwrap_or_default().to_owned();
                self.later.entry(file).or_default().insert(lines.value(row));
            } else {
                self.seen.insert(id.to_owned());
            }
        }
        Ok(())
    }

    /// Whether a record is the first one of its event. Every record without an id counts as first.
    pub(crate) fn first_only(self) -> Expr {
        let later = self.later;
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
        function.call(vec![file, ident("source_line")])
    }
}
