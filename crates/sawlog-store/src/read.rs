//! Reads data files as they were written, without a query engine.

use std::path::Path;

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use ::parquet::schema::types::SchemaDescriptor;
use sawlog_formats::Table;

use crate::delta::DataFileEntry;
use crate::error::{Result, StoreError};
use crate::tail::open_checked;

/// The record batches of a data file of `table`, which lies in `folder`; only the columns named, if any are.
///
/// # Errors
///
/// If the file can't be read, or is not what the log says.
pub fn read_file(
    table: &Table,
    folder: &Path,
    entry: &DataFileEntry,
    columns: Option<&[&str]>,
) -> Result<ParquetRecordBatchReader> {
    let file = open_checked(folder, entry)?;
    let path = &folder.join(&entry.path);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(StoreError::parquet(path))?;
    let expected = ArrowSchemaConverter::new().convert(&table.schema()).map_err(StoreError::parquet(path))?;
    let paths =
        |schema: &SchemaDescriptor| schema.columns().iter().map(|leaf| leaf.path().string()).collect::<Vec<_>>();
    if paths(builder.parquet_schema()) != paths(&expected) {
        return Err(StoreError::damaged(path, format!("does not have the columns of {}", table.name)));
    }
    let mask = match columns {
        None => ProjectionMask::all(),
        Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
    };
    builder.with_projection(mask).with_batch_size(8192).build().map_err(StoreError::parquet(path))
}
