//! Reads data files as they were written, without a query engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::file::metadata::ParquetMetaData;
use ::parquet::schema::types::SchemaDescriptor;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use sawlog_formats::{Table, counted};

use crate::data_file::{DataFileEntry, open_checked};
use crate::error::{Result, StoreError};
use crate::lacking::{stored_fields, with_fields};
use crate::panics::reading;

/// The record batches of a data file. Columns that the file lacks, because it was written before the table had them,
/// are null.
#[derive(Debug)]
pub struct TableReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        next_batch(&self.path, &mut self.reader, &self.schema)
    }
}

/// The next batch of a data file, with the fields of its table.
pub(crate) fn next_batch(
    path: &Path,
    reader: &mut ParquetRecordBatchReader,
    schema: &SchemaRef,
) -> Option<Result<RecordBatch>> {
    let batch = match reading(path, || reader.next()) {
        Ok(None) => return None,
        Ok(Some(Ok(batch))) if batch.schema_ref().fields() == schema.fields() => Ok(batch),
        Ok(Some(batch)) => batch.and_then(|batch| with_fields(&batch, schema)).map_err(StoreError::decode(path)),
        Err(error) => Err(error),
    };
    Some(batch)
}

/// The rows of a batch.
const BATCH_ROWS: usize = 8192;

/// The record batches of a data file of `table` in `folder`; only the columns named, if any are.
///
/// # Errors
///
/// If the file can't be read, or differs from what the log says.
pub fn read_file(table: &Table, folder: &Path, entry: &DataFileEntry, columns: Option<&[&str]>) -> Result<TableReader> {
    read_file_by(table, folder, entry, columns, BATCH_ROWS)
}

/// The same, in batches of up to so many rows.
pub(crate) fn read_file_by(
    table: &Table,
    folder: &Path,
    entry: &DataFileEntry,
    columns: Option<&[&str]>,
    rows: usize,
) -> Result<TableReader> {
    let file = open_checked(folder, entry)?;
    let path = folder.join(&entry.path);
    let builder = reading(&path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
    let builder = builder.map_err(StoreError::parquet(&path))?;
    check_columns(table, &path, builder.parquet_schema())?;
    check_rows(&path, entry, builder.metadata())?;
    let mut schema = table.schema();
    let mut mask = ProjectionMask::all();
    if let Some(names) = columns {
        let named = schema.fields().iter().filter(|field| names.contains(&field.name().as_str()));
        schema = Arc::new(Schema::new(named.cloned().collect::<Vec<_>>()));
        mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    }
    let reader = builder.with_projection(mask).with_batch_size(rows).build().map_err(StoreError::parquet(&path))?;
    Ok(TableReader { path, reader, schema })
}

/// Makes sure that a data file has as many rows as the log says.
pub(crate) fn check_rows(path: &Path, entry: &DataFileEntry, metadata: &ParquetMetaData) -> Result<()> {
    let rows = metadata.file_metadata().num_rows();
    if u64::try_from(rows) == Ok(entry.rows) {
        return Ok(());
    }
    Err(StoreError::damaged(
        path,
        format!("has {} by its footer; the table log says {}", counted(rows, "row"), entry.rows),
    ))
}

/// Makes sure that a data file has only columns of its table.
pub(crate) fn check_columns(table: &Table, path: &Path, file: &SchemaDescriptor) -> Result<()> {
    let stored = stored_fields(&table.schema(), file).map_err(|unknown| {
        let what = format!("has a column {unknown}, which {} does not have in this version of sawlog", table.name);
        StoreError::damaged(path, what)
    })?;
    // A file of another table could have some columns of the same names, but every table has these.
    let is_there = |name: &str| stored.field_with_name(name).is_ok();
    let must_have = table.columns.iter().filter(|column| MUST_HAVE.contains(&column.name));
    match must_have.map(|column| column.name).find(|name| !is_there(name)) {
        None => Ok(()),
        Some(missing) => {
            Err(StoreError::damaged(path, format!("has no column {missing}: it is not a file of {}", table.name)))
        }
    }
}

/// Columns that every data file has if its table has them.
const MUST_HAVE: [&str; 4] = ["source_file", "source_line", "path", "data_file"];
