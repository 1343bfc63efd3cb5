//! A data file: row groups are appended, then it is closed and made durable.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::Result;
use parquet::file::metadata::{ParquetMetaData, SortingColumn};
use parquet::file::properties::{BloomFilterPosition, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use sawlog_formats::Table;

use super::column::EncodedRowGroup;
use crate::folders::make_folder;
use crate::tail_checksum::Tail;

/// An open data file of a table.
#[derive(Debug)]
pub struct DataFile {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
    rows: usize,
    size: usize,
}

impl DataFile {
    /// Creates the file at `path`, and its parent folders.
    ///
    /// # Errors
    ///
    /// If the file exists or can't be created.
    pub fn create(path: PathBuf, table: &Table) -> Result<Self> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let schema = ArrowSchemaConverter::new().convert(&table.schema())?;
        let leaf = |name: &str| schema.columns().iter().position(|leaf| leaf.path().parts() == [name]);
        let order = ["source_file", "source_line"]
            .into_iter()
            .filter_map(leaf)
            .filter_map(|column| i32::try_from(column).ok())
            .map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false })
            .collect();
        let properties = WriterProperties::builder()
            .set_created_by(concat!("sawlog ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_sorting_columns(Some(order))
            // Kept with the other parts that decide what is read: see `tail_checksum`.
            .set_bloom_filter_position(BloomFilterPosition::End)
            .build();
        let writer =
            SerializedFileWriter::new(File::create_new(&path)?, schema.root_schema_ptr(), Arc::new(properties))?;
        Ok(Self { path, writer, rows: 0, size: 0 })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of its row groups.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many rows it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a row group.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn append(&mut self, row_group: EncodedRowGroup) -> Result<()> {
        self.rows += row_group.rows;
        self.size += row_group.size();
        let mut writer = self.writer.next_row_group()?;
        for column in row_group.columns {
            writer.append_column(&column.bytes, column.close)?;
        }
        writer.close()?;
        Ok(())
    }

    /// Writes the footer and waits until the file is on the disk. Returns its metadata, its size in bytes, and the
    /// checksum of its tail.
    ///
    /// # Errors
    ///
    /// If it can't be written.
    pub fn close(mut self) -> Result<(ParquetMetaData, u64, Tail)> {
        let metadata = self.writer.finish()?;
        self.writer.inner().sync_all()?;
        let file = File::open(&self.path)?;
        let tail = Tail::of(&file, &metadata)?;
        Ok((metadata, file.metadata()?.len(), tail))
    }
}
