//! VPC flow logs in the Parquet files that AWS delivers, read as the equivalent lines of text.
//!
//! See the Amazon VPC user guide, "Flow log files": the columns are the fields, named with `_` where the text has
//! `-`.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use sawlog_formats::vpc_flow;

use super::content::FileBytes;
use crate::evidence;
use crate::found::Found;

/// Rows to a block of lines.
const ROWS: usize = 1024;

/// A Parquet file of flow logs.
pub(crate) struct FlowParquet {
    /// The header line for its columns.
    pub(crate) header: String,
    reader: ParquetRecordBatchReader,
}

impl FlowParquet {
    /// Opens the file; `None` if it is not a flow log.
    pub(crate) fn open(found: &Found) -> Result<Option<Self>> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(own_file(found)?)?;
        let names: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
        let header = names.join(" ");
        if !vpc_flow::is_header(header.as_bytes()) {
            return Ok(None);
        }
        Ok(Some(Self { header, reader: builder.with_batch_size(ROWS).build()? }))
    }

    /// Reads the next lines into `text`. Returns whether there were any.
    pub(crate) fn next_lines(&mut self, text: &mut Vec<u8>) -> Result<bool> {
        text.clear();
        let Some(batch) = self.reader.next() else { return Ok(false) };
        print(&batch.context("the Parquet file is damaged")?, text)?;
        Ok(true)
    }
}

/// The file itself, or a temporary file with the bytes of an archive's member.
fn own_file(found: &Found) -> Result<File> {
    if found.member.is_none() {
        return Ok(evidence::open(&found.path())?);
    }
    let bytes = FileBytes::part(&*found.open()?, found.offset(), found.size)?;
    let mut file = tempfile::tempfile().context("can't make a temporary file")?;
    file.write_all(bytes.bytes()).context("can't write to a temporary file")?;
    Ok(file)
}

fn print(batch: &RecordBatch, text: &mut Vec<u8>) -> Result<()> {
    let options = FormatOptions::default().with_null("-");
    let columns: Vec<ArrayFormatter<'_>> =
        batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options)).collect::<Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        for (place, column) in columns.iter().enumerate() {
            if place > 0 {
                text.push(b' ');
            }
            text.extend_from_slice(column.value(row).to_string().as_bytes());
        }
        text.push(b'\n');
    }
    Ok(())
}
