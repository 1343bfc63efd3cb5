//! Records of units that have a few records of very many days each. They are set aside as text, and decoded day by
//! day at the end.
//!
//! As row groups they would have a handful of rows each, in tens of thousands of data files. Logs as AWS delivers
//! them have few days in a unit; this is for logs that were shuffled or merged.

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use sawlog_formats::{Block, Carry, Decoder, Format, Framing, Item, LineEnding, Origin, TextColumn};

/// A unit with more days than this sets the small ones aside.
pub(crate) const MANY_DAYS: usize = 64;
/// A day with fewer rows than this in a unit is small.
pub(crate) const FEW_ROWS: usize = 4096;

/// Whether rows can be set aside as text. Rows from documents of another kind can't: their text is not everything.
pub(crate) fn can_set_aside(batch: &RecordBatch) -> bool {
    batch.column_by_name("wrapping").is_none_or(|column| column.logical_null_count() == column.len())
}

/// The rows of `batch` as text, each with its file, its line and the text before it.
pub(crate) fn encode(format: &Format, batch: &RecordBatch) -> Result<Vec<u8>> {
    let printer = (format.printer)(batch)?;
    let files =
        TextColumn::new(&batch["source_file"]).map_err(|found| anyhow::anyhow!("source_file has the type {found}"))?;
    let lines = batch["source_line"].as_primitive_opt::<Int64Type>().context("source_line does not hold numbers")?;
    let file_times = batch.column_by_name("file_time");
    let file_times = file_times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let mut scraps = Vec::with_capacity(batch.num_rows() * 512);
    let mut text = Vec::new();
    for row in 0..batch.num_rows() {
        text.clear();
        printer.print(row, &mut text);
        // A line that has `raw` must be recognised again as ending differently from its source, so that it keeps it.
        let unlike = !format.framing.is_json() && printer.as_it_was(row);
        if !format.framing.is_json() {
            text.push(b'\n');
        }
        put(files.get(row).unwrap_or_default().as_bytes(), &mut scraps);
        scraps.extend_from_slice(&lines.value(row).to_le_bytes());
        scraps.push(u8::from(unlike && !text.ends_with(b"\r\n")));
        let file_time = file_times.filter(|times| times.is_valid(row)).map(|times| times.value(row));
        scraps.push(u8::from(file_time.is_some()));
        scraps.extend_from_slice(&file_time.unwrap_or_default().to_le_bytes());
        put_option(printer.gap(row), &mut scraps);
        put_option(printer.fields(row), &mut scraps);
        put(&text, &mut scraps);
    }
    Ok(scraps)
}

/// Decodes rows that [`encode`] set aside.
pub(crate) fn decode(format: &Format, mut scraps: &[u8], decoder: &mut dyn Decoder) -> Result<()> {
    while !scraps.is_empty() {
        let source_file = std::str::from_utf8(take(&mut scraps)?)?;
        let (line, rest) = scraps.split_first_chunk::<8>().context("scraps are cut off")?;
        let (crlf, rest) = rest.split_first().context("scraps are cut off")?;
        let (has_time, rest) = rest.split_first().context("scraps are cut off")?;
        let (file_time, rest) = rest.split_first_chunk::<8>().context("scraps are cut off")?;
        scraps = rest;
        let file_time = (*has_time == 1).then_some(i64::from_le_bytes(*file_time));
        let ending = if *crlf == 1 { LineEnding::CrLf } else { LineEnding::Lf };
        let first_line = i64::from_le_bytes(*line);
        let origin = Origin { source_file, first_line, byte_offset: 0, ending, file_time };
        let gap = take_option(&mut scraps)?;
        let fields = take_option(&mut scraps)?.map(Into::into);
        let text = take(&mut scraps)?;
        let decoded = match format.framing {
            Framing::Lines => {
                let mut carry = Carry { fields, gap: gap.unwrap_or_default().to_owned() };
                decoder.decode(Block::Lines(text), &origin, &mut carry)
            }
            Framing::Json(_) => {
                let gap = gap.unwrap_or(",");
                let bytes = [gap.as_bytes(), text].concat();
                let (start, end) = (gap.len(), bytes.len());
                let item = Item { gap: 0, start, end, problem: None, continues: false, wrapped: None };
                decoder.decode(Block::Json(&bytes, &[item]), &origin, &mut Carry::default())
            }
        };
        anyhow::ensure!(decoded.records == 1, "a record that was set aside can't be decoded any more");
    }
    Ok(())
}

fn put(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_option(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(text.is_some()));
    put(text.unwrap_or_default().as_bytes(), out);
}

fn take<'a>(scraps: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (len, rest) = scraps.split_first_chunk::<8>().context("scraps are cut off")?;
    let len = usize::try_from(u64::from_le_bytes(*len))?;
    let (bytes, rest) = rest.split_at_checked(len).context("scraps are cut off")?;
    *scraps = rest;
    Ok(bytes)
}

fn take_option<'a>(scraps: &mut &'a [u8]) -> Result<Option<&'a str>> {
    let (is_there, rest) = scraps.split_first().context("scraps are cut off")?;
    *scraps = rest;
    let text = std::str::from_utf8(take(scraps)?)?;
    Ok((*is_there == 1).then_some(text))
}
