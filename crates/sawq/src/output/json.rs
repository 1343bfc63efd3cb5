//! JSON: an array of objects, or one object per line.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::json::writer::{JsonArray, JsonFormat, LineDelimited};

use super::batches::{Writer, plain};
use super::target::{Out, Target};

/// Objects in one of the forms.
pub(super) struct Objects<F: JsonFormat> {
    writer: arrow::json::Writer<Out, F>,
    /// What follows the last object.
    end: &'static str,
}

/// An array of objects.
pub(super) fn array(target: &Target) -> Result<Objects<JsonArray>> {
    Ok(Objects { writer: arrow::json::Writer::new(target.open()?), end: "\n" })
}

/// An object a line.
pub(super) fn lines(target: &Target) -> Result<Objects<LineDelimited>> {
    Ok(Objects { writer: arrow::json::Writer::new(target.open()?), end: "" })
}

impl<F: JsonFormat> Writer for Objects<F> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(plain)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.finish().map_err(plain)?;
        let mut out = self.writer.into_inner();
        out.write_all(self.end.as_bytes())?;
        Ok(out.flush()?)
    }
}
