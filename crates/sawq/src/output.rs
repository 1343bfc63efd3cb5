//! Prints tables of results in the form asked for.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::DataType;
use arrow::ipc::writer::StreamWriter;
use arrow::json::{ArrayWriter, LineDelimitedWriter};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use clap::ValueEnum;
use sawlog_formats::{TextColumn, visible};

use crate::cli::{Format, Global};

/// Where results are written to.
type Out = BufWriter<Box<dyn Write + Send>>;

/// Where results go, and in what form.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The form asked for, or told by the file's name.
    pub(crate) format: Option<Format>,
    file: Option<PathBuf>,
    /// Whether text that a spreadsheet would take for a formula is made plain in CSV and TSV.
    no_formulas: bool,
}

impl Target {
    /// The target that the command line names.
    pub(crate) fn new(global: &Global) -> Self {
        let by_name = global.output.as_deref().and_then(Path::extension).and_then(OsStr::to_str);
        let by_name = by_name.and_then(|extension| Format::from_str(extension, true).ok());
        let format = global.format.or(global.json.then_some(Format::Json)).or(by_name);
        Self { format, file: global.output.clone(), no_formulas: global.no_formulas }
    }

    /// Whether it is a file.
    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether people will read it as it comes.
    pub(crate) fn is_terminal(&self) -> bool {
        self.file.is_none() && std::io::stdout().is_terminal()
    }

    /// Opens it. A file that is there is not overwritten.
    pub(crate) fn open(&self) -> Result<Out> {
        let out: Box<dyn Write + Send> = match &self.file {
            None => Box::new(std::io::stdout()),
            Some(path) => match File::create_new(path) {
                Ok(file) => Box::new(file),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    bail!("{} exists; remove it, or name another file", path.display())
                }
                Err(error) => return Err(error).with_context(|| format!("can't write {}", path.display())),
            },
        };
        Ok(BufWriter::with_capacity(256 << 10, out))
    }
}

/// Times as AWS's own tools print them.
const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%SZ";

/// Where batches of one schema go.
pub(crate) struct Output {
    target: Target,
    format: Format,
    writer: Option<Writer>,
    /// Rows kept back for a table, whose widths depend on all of them.
    rows: Vec<RecordBatch>,
}

enum Writer {
    Csv(Box<csv::Writer<Out>>),
    Json(ArrayWriter<Out>),
    Ndjson(LineDelimitedWriter<Out>),
    Parquet(Box<ArrowWriter<Out>>),
    Arrow(Box<StreamWriter<Out>>),
}

impl Output {
    /// A table on a terminal, lines of tab-separated values in a pipe, unless a format was asked for.
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let terminal = target.is_terminal();
        let format = target.format.unwrap_or(if terminal { Format::Table } else { Format::Tsv });
        if terminal && matches!(format, Format::Parquet | Format::Arrow) {
            bail!("Parquet and Arrow are not for a terminal; send the output to a file");
        }
        Ok(Self { target: target.clone(), format, writer: None, rows: Vec::new() })
    }

    /// Prints a batch.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.format == Format::Table {
            self.rows.push(batch.clone());
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(Writer::new(self.format, self.target.open()?, batch)?),
        };
        match writer {
            Writer::Csv(writer) if self.target.no_formulas => writer.write(&without_formulas(&flat(batch)?)?)?,
            Writer::Csv(writer) => writer.write(&flat(batch)?)?,
            Writer::Json(writer) => writer.write(batch)?,
            Writer::Ndjson(writer) => writer.write(batch)?,
            Writer::Parquet(writer) => writer.write(batch)?,
            Writer::Arrow(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Prints what is left.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.end()
    }

    /// Prints what is left; nothing can be printed after it.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.writer.take() {
            None if self.format == Format::Table => print_table(&self.rows, &mut self.target.open()?)?,
            None => {
                let mut out = self.target.open()?;
                out.write_all(if self.format == Format::Json { b"[]\n" } else { b"" })?;
                out.flush()?;
            }
            Some(Writer::Csv(writer)) => writer.into_inner().flush()?,
            Some(Writer::Json(mut writer)) => {
                writer.finish()?;
                let mut out = writer.into_inner();
                out.write_all(b"\n")?;
                out.flush()?;
            }
            Some(Writer::Ndjson(mut writer)) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Some(Writer::Parquet(writer)) => writer.into_inner()?.flush()?,
            Some(Writer::Arrow(mut writer)) => {
                writer.finish()?;
                writer.into_inner()?.flush()?;
            }
        }
        Ok(())
    }
}

impl Writer {
    fn new(format: Format, out: Out, batch: &RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        Ok(match format {
            Format::Table | Format::Csv => Self::Csv(Box::new(csv_writer(b',', out))),
            Format::Tsv => Self::Csv(Box::new(csv_writer(b'\t', out))),
            Format::Json => Self::Json(ArrayWriter::new(out)),
            Format::Ndjson => Self::Ndjson(LineDelimitedWriter::new(out)),
            Format::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                Self::Parquet(Box::new(ArrowWriter::try_new(out, schema, Some(properties))?))
            }
            Format::Arrow => Self::Arrow(Box::new(StreamWriter::try_new(out, &schema)?)),
        })
    }
}

/// The batch with groups and lists as JSON text, for formats that have none.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
        let array = if array.data_type().is_nested() { json_text(array)? } else { array.clone() };
        anyhow::Ok((field.name().clone(), array, true))
    });
    Ok(RecordBatch::try_from_iter_with_nullable(columns.collect::<Result<Vec<_>>>()?)?)
}

/// The batch with ' before text that a spreadsheet would take for a formula. See OWASP, "CSV Injection".
fn without_formulas(batch: &RecordBatch) -> Result<RecordBatch> {
    let is_formula = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let plain = |text: &str| if is_formula(text) { format!("'{text}") } else { text.to_owned() };
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
        let array = match TextColumn::new(array) {
            Ok(text) => Arc::new((0..array.len()).map(|row| text.get(row).map(plain)).collect::<StringArray>()),
            Err(_) => array.clone(),
        };
        (field.name().clone(), array, true)
    });
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn json_text(array: &ArrayRef) -> Result<ArrayRef> {
    let one = RecordBatch::try_from_iter([("v", array.clone())])?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(&one)?;
    writer.finish()?;
    let lines = String::from_utf8(writer.into_inner())?;
    let texts = lines.lines().map(|line| line.strip_prefix("{\"v\":").and_then(|line| line.strip_suffix('}')));
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn csv_writer(delimiter: u8, out: Out) -> csv::Writer<Out> {
    let builder = csv::WriterBuilder::new().with_header(true).with_delimiter(delimiter);
    builder.with_timestamp_tz_format(TIME_FORMAT.to_owned()).with_timestamp_format(TIME_FORMAT.to_owned()).build(out)
}

fn print_table(batches: &[RecordBatch], out: &mut Out) -> Result<()> {
    let Some(first) = batches.first() else { return Ok(()) };
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let schema = first.schema();
    grid.set_header(schema.fields().iter().map(|field| field.name().clone()));
    let options = FormatOptions::default()
        .with_null("-")
        .with_timestamp_tz_format(Some(TIME_FORMAT))
        .with_timestamp_format(Some(TIME_FORMAT));
    for batch in batches {
        let columns = batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            grid.add_row(columns.iter().map(|column| visible(&column.value(row).to_string()).into_owned()));
        }
    }
    for (place, field) in schema.fields().iter().enumerate() {
        if let (true, Some(column)) = (is_number(field.data_type()), grid.column_mut(place)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // Unlike println!, this may fail: whoever reads a long table in a pipe may have seen enough.
    writeln!(out, "{grid}")?;
    Ok(out.flush()?)
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
