//! Parquet, compressed by zstd.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::batches::Writer;
use super::target::{Out, Target};

/// A Parquet file.
pub(super) struct Parquet(ArrowWriter<Out>);

impl Parquet {
    pub(super) fn new(target: &Target, first: &RecordBatch) -> Result<Self> {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(zstd).build();
        Ok(Self(ArrowWriter::try_new(target.open()?, first.schema(), Some(properties))?))
    }
}

impl Writer for Parquet {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(self.0.into_inner()?.flush()?)
    }
}
