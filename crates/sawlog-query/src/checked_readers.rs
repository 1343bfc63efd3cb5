//! Readers of data files for the query engine. They check that a footer counts as many rows as the log. Otherwise the
//! engine would count what a forged footer says, which can take for ever.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::object_store::ObjectStore;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use sawlog_formats::counted;
use sawlog_store::StoreError;

/// How many rows a data file has according to the log: an extension of the engine's files.
#[derive(Clone, Debug)]
pub(crate) struct LoggedRows {
    pub(crate) rows: u64,
    /// The path of the file, for messages about damage.
    pub(crate) path: PathBuf,
}

/// Makes the readers.
#[derive(Debug)]
pub(crate) struct CheckedReaders(DefaultParquetFileReaderFactory);

impl CheckedReaders {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self(DefaultParquetFileReaderFactory::new(store))
    }
}

impl ParquetFileReaderFactory for CheckedReaders {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::error::Result<Box<dyn AsyncFileReader + Send>> {
        let rows = file.extension::<LoggedRows>().cloned();
        let reader = self.0.create_reader(partition, file, size_hint, metrics)?;
        Ok(match rows {
            Some(logged) => Box::new(CheckedReader { reader, logged }),
            None => reader,
        })
    }
}

/// A reader of one file.
struct CheckedReader {
    reader: Box<dyn AsyncFileReader + Send>,
    logged: LoggedRows,
}

impl AsyncFileReader for CheckedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.reader.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let LoggedRows { rows, path } = self.logged.clone();
        async move {
            let metadata = self.reader.get_metadata(options).await?;
            let has = metadata.row_groups().iter().map(RowGroupMetaData::num_rows);
            let has = has.map(i128::from).sum::<i128>();
            if has == i128::from(rows) {
                return Ok(metadata);
            }
            let what = format!("has {} by its footer; the table log says {rows}", counted(has, "row"));
            Err(ParquetError::External(Box::new(StoreError::Damaged { path, what })))
        }
        .boxed()
    }
}
