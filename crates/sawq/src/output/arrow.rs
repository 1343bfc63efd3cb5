//! Arrow IPC: its file format and its stream format.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::ipc::writer::{FileWriter, StreamWriter};

use super::batches::{Writer, plain};
use super::target::{Out, Target};

/// The file format.
pub(super) struct File(FileWriter<Out>);

impl File {
    pub(super) fn new(target: &Target, first: &RecordBatch) -> Result<Self> {
        Ok(Self(FileWriter::try_new(target.open()?, &first.schema()).map_err(plain)?))
    }
}

impl Writer for File {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(plain)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.finish().map_err(plain)?;
        Ok(self.0.into_inner().map_err(plain)?.flush()?)
    }
}

/// The stream format.
pub(super) struct Stream(StreamWriter<Out>);

impl Stream {
    pub(super) fn new(target: &Target, first: &RecordBatch) -> Result<Self> {
        Ok(Self(StreamWriter::try_new(target.open()?, &first.schema()).map_err(plain)?))
    }
}

impl Writer for Stream {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0.write(batch).map_err(plain)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.0.finish().map_err(plain)?;
        Ok(self.0.into_inner().map_err(plain)?.flush()?)
    }
}
