//! Reads a data file within a memory limit, however large its values are: row group by row group, as many rows at a
//! time as fit. Text comes with its stored dictionaries, so that a long text of many rows is in memory once.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use sawlog_formats::{Column, Kind, Table};

use crate::data_file::{DataFileEntry, open_checked};
use crate::error::{Result, StoreError};
use crate::lacking::stored_fields;
use crate::panics::reading;
use crate::read::{check_columns, check_rows, next_batch};

/// No batch has more rows.
const MAX_ROWS: usize = 8192;
/// The bytes that a row takes in a column that is stored with a dictionary.
const KEY_BYTES: usize = 4;

/// The record batches of a data file. No batch spans two row groups. A text column is a dictionary array (keys `u32`)
/// where the row group stores it as one, else plain.
#[derive(Debug)]
pub struct Batches {
    table: &'static Table,
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    /// The columns to read. Columns that the file lacks are null.
    wanted: Vec<&'static Column>,
    mask: ProjectionMask,
    memory: usize,
    next: usize,
    reader: Option<ParquetRecordBatchReader>,
    /// The schema of the batches.
    schema: SchemaRef,
}

impl Batches {
    /// Opens a data file of `table` in `folder`, to read the columns named, or all. A batch takes at most about
    /// `memory` bytes besides its dictionaries, unless it has only one row.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or differs from what the log says.
    pub fn open(
        table: &'static Table,
        folder: &Path,
        entry: &DataFileEntry,
        columns: Option<&[&str]>,
        memory: usize,
    ) -> Result<Self> {
        let file = open_checked(folder, entry)?;
        let path = folder.join(&entry.path);
        let wrong = || StoreError::parquet(&path);
        let metadata =
            reading(&path, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?.map_err(wrong())?;
        check_columns(table, &path, metadata.parquet_schema())?;
        check_rows(&path, entry, metadata.metadata())?;
        let mut wanted: Vec<&'static Column> = table.columns.iter().collect();
        if let Some(names) = columns {
            wanted.retain(|column| names.contains(&column.name));
        }
        let schema = metadata.parquet_schema();
        let mask = match columns {
            None => ProjectionMask::all(),
            Some(names) => ProjectionMask::columns(schema, names.iter().copied()),
        };
        let schema = Arc::new(Schema::empty());
        Ok(Self { table, path, file, metadata, wanted, mask, memory, next: 0, reader: None, schema })
    }

    /// Opens the next row group, if there is one.
    fn next_row_group(&mut self) -> Result<bool> {
        let Some(row_group) = self.metadata.metadata().row_groups().get(self.next) else { return Ok(false) };
        let wrong = || StoreError::parquet(&self.path);
        let dictionaries = dictionaries(row_group);
        let all = Schema::new(fields_as_stored(self.table.columns, "", &dictionaries));
        let stored = stored_fields(&all, self.metadata.parquet_schema());
        let stored = stored.map_err(|unknown| StoreError::damaged(&self.path, format!("has a column {unknown}")))?;
        self.schema = Arc::new(Schema::new(fields_as_stored(self.wanted.iter().copied(), "", &dictionaries)));
        let options = ArrowReaderOptions::new().with_schema(Arc::new(stored));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(self.metadata.metadata()), options).map_err(wrong())?;
        let file = self.file.try_clone().map_err(StoreError::io(&self.path))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(self.mask.clone())
            .with_row_groups(vec![self.next])
            .with_batch_size(rows_within(self.memory, row_group, &self.mask))
            .build()
            .map_err(wrong())?;
        self.reader = Some(reader);
        self.next += 1;
        Ok(true)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let reader = self.reader.as_mut();
            if let Some(batch) = reader.and_then(|reader| next_batch(&self.path, reader, &self.schema)) {
                return Some(batch);
            }
            self.reader = None;
            match self.next_row_group() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn has_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    chunk.dictionary_page_offset().is_some()
}

/// The leaves that a row group stores with dictionaries.
fn dictionaries(row_group: &RowGroupMetaData) -> HashSet<String> {
    let stored = row_group.columns().iter().filter(|chunk| has_dictionary(chunk));
    stored.map(|chunk| chunk.column_path().string()).collect()
}

/// How many rows of a row group take this many bytes.
fn rows_within(memory: usize, row_group: &RowGroupMetaData, mask: &ProjectionMask) -> usize {
    let rows = usize::try_from(row_group.num_rows()).unwrap_or(usize::MAX).max(1);
    let chunks = row_group.columns().iter().enumerate().filter(|(leaf, _)| mask.leaf_included(*leaf));
    let bytes: usize = chunks
        .map(|(_, chunk)| match chunk {
            chunk if has_dictionary(chunk) => rows.saturating_mul(KEY_BYTES),
            chunk => usize::try_from(chunk.uncompressed_size()).unwrap_or(usize::MAX),
        })
        .fold(0, usize::saturating_add);
    (memory / (bytes / rows).max(1)).clamp(1, MAX_ROWS)
}

/// Columns in the layout in which a row group stores them; `dictionaries` has the paths of leaves with a dictionary.
fn fields_as_stored<'a>(
    columns: impl IntoIterator<Item = &'a Column>,
    above: &str,
    dictionaries: &HashSet<String>,
) -> Fields {
    let field = |column: &Column| {
        let path = format!("{above}{}", column.name);
        let stored = match column.kind {
            Kind::Text if dictionaries.contains(&path) => {
                DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
            }
            Kind::Struct(columns) => DataType::Struct(fields_as_stored(columns, &format!("{path}."), dictionaries)),
            Kind::List(columns) => {
                let items = fields_as_stored(columns, &format!("{path}.list.element."), dictionaries);
                DataType::List(Arc::new(Field::new("element", DataType::Struct(items), true)))
            }
            _ => column.data_type(),
        };
        Field::new(column.name, stored, true)
    };
    columns.into_iter().map(field).collect()
}
