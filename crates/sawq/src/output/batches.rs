//! Batches of one schema, on their way to the output form.

use std::borrow::Cow;
use std::io::Write;

use anyhow::{Error, Result, bail};
use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::cells::with_texts;
use super::delimited::{Delimited, Delimiter};
use super::lines::Lines;
use super::parquet::Parquet;
use super::table::Table;
use super::target::Target;
use super::{arrow as ipc, json};
use crate::options::Format;
use crate::usage::BadCommand;

/// The writer of a form; it is made with the first batch.
pub(super) trait Writer {
    /// Writes a batch, or keeps it.
    fn batch(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes the remaining output.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// An error without the library's name for its kind.
pub(super) fn plain(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, error) => error.into(),
        other => other.into(),
    }
}

/// Where batches of one schema go.
pub(crate) struct Output {
    target: Target,
    format: Format,
    writer: Option<Box<dyn Writer>>,
}

impl Output {
    /// Without a form: a table on a terminal or as text, lines of tab-separated values in a pipe.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let format = target.form();
        if target.is_terminal() && matches!(format, Format::Parquet | Format::Arrow | Format::Arrows) {
            bail!(BadCommand(
                "Parquet and Arrow are not for a terminal; send the output to a file: -o FILE.parquet".to_owned()
            ));
        }
        Ok(Self { target: target.clone(), format, writer: None })
    }

    /// Prints a batch.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let has_bytes = matches!(self.format, Format::Parquet | Format::Arrow | Format::Arrows);
        let batch = if has_bytes { Cow::Borrowed(batch) } else { with_texts(batch)? };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(writer(self.format, &self.target, &batch)?),
        };
        writer.batch(&batch)
    }

    /// Prints the remaining output.
    pub(crate) fn finish(self) -> Result<()> {
        if let Some(writer) = self.writer {
            return writer.finish();
        }
        let mut out = self.target.open()?;
        out.write_all(if self.format == Format::Json { b"[]\n" } else { b"" })?;
        Ok(out.flush()?)
    }
}

/// A writer of batches like the first one.
fn writer(format: Format, target: &Target, first: &RecordBatch) -> Result<Box<dyn Writer>> {
    Ok(match format {
        // The widths depend on all rows, so it is opened at the end.
        Format::Table | Format::Text => Box::new(Table::new(target)),
        Format::Line => Box::new(Lines::new(target)?),
        Format::Csv => Box::new(Delimited::new(target, Delimiter::Comma)?),
        Format::Tsv => Box::new(Delimited::new(target, Delimiter::Tab)?),
        Format::Json => Box::new(json::array(target)?),
        Format::Ndjson => Box::new(json::lines(target)?),
        Format::Parquet => Box::new(Parquet::new(target, first)?),
        Format::Arrow => Box::new(ipc::File::new(target, first)?),
        Format::Arrows => Box::new(ipc::Stream::new(target, first)?),
    })
}
