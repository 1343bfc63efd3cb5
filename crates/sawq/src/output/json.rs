//! JSON: an array of objects, or one object per line.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::json::{ArrayWriter, LineDelimitedWriter};

use super::batches::{Writer, plain};
use super::target::{Out, Target};

/// An array of objects.
pub(super) struct Array(ArrayWriter<Out>);

impl Array {
    pub(super) fn new(target: &Target) -> Result<Self> {
        Ok(Self(ArrayWriter::new(target.open()?)))
    }
}

impl Writer for Array {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(plain)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.finish().map_err(plain)?;
        let mut out = self.0.into_inner();
        out.write_all(b"\n")?;
        Ok(out.flush()?)
    }
}

/// An object a line.
pub(super) struct Lines(LineDelimitedWriter<Out>);

impl Lines {
    pub(super) fn new(target: &Target) -> Result<Self> {
        Ok(Self(LineDelimitedWriter::new(target.open()?)))
    }
}

impl Writer for Lines {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(plain)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.finish().map_err(plain)?;
        Ok(self.0.into_inner().flush()?)
    }
}
