//! Rebuilds a source from its rows, to the bytes that they were read from.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::ArrowError;

use crate::columns::{BytesColumn, text_column};
use crate::decoder::Printer;
use crate::origin::LineEnding;
use crate::reject::REJECTS;
use crate::table::Table;
use crate::text::TextColumn;

/// What a source has in addition to its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainder {
    /// Whether it comes in lines. If not, all text between records is in their gaps.
    pub in_lines: bool,
    /// How its lines end.
    pub ending: LineEnding,
    /// How many lines or JSON objects it has, including blank lines.
    pub lines: i64,
    /// The text after the last record.
    pub after: String,
    /// The size of the (decompressed) content, in bytes.
    pub size: i64,
}

/// A row, as text.
#[derive(Clone, Copy, Debug)]
pub struct RowText<'a> {
    /// The number of its line or object.
    pub line: i64,
    /// The text before it, if it is not the usual separator.
    pub gap: Option<&'a str>,
    /// The record or reject itself.
    pub text: &'a [u8],
    /// Whether a bare line feed follows, whatever the source's line endings are.
    pub as_it_was: bool,
    /// Whether it is a reject.
    pub is_reject: bool,
}

/// Rebuilds a source from its rows, which come in order of line. The result goes to a function, piece by piece.
#[derive(Clone, Debug)]
pub struct Rebuilder {
    in_lines: bool,
    usual: LineEnding,
    /// The number of the last line.
    line: i64,
    /// The ending of the last line, if something follows it.
    ending: &'static [u8],
    last_was_reject: bool,
    size: i64,
}

impl Rebuilder {
    /// A source without rows yet.
    #[must_use]
    pub fn new(in_lines: bool, ending: LineEnding) -> Self {
        Self { in_lines, usual: ending, line: 0, ending: b"", last_was_reject: false, size: 0 }
    }

    /// Takes the next row. Returns whether it begins a record or reject: one that is too long comes in several rows.
    pub fn add(&mut self, row: &RowText<'_>, put: &mut impl FnMut(&[u8])) -> bool {
        let continues = row.line == self.line && row.is_reject && self.last_was_reject;
        if continues {
            self.put(row.text, put);
            return false;
        }
        if self.in_lines {
            let gap = row.gap.unwrap_or_default();
            let in_gap = gap.bytes().filter(|byte| *byte == b'\n').count();
            self.blank_lines_until(row.line - i64::try_from(in_gap).unwrap_or(i64::MAX), put);
            self.end_line(put);
            self.put(gap.as_bytes(), put);
        } else {
            self.put(row.gap.unwrap_or(",").as_bytes(), put);
        }
        self.put(row.text, put);
        self.line = row.line;
        self.ending = match (self.in_lines, row.as_it_was) {
            (true, false) => self.usual.bytes(),
            (true, true) => b"\n",
            (false, _) => b"",
        };
        self.last_was_reject = row.is_reject;
        true
    }

    /// Adds the text after the last row. Returns the size of the whole.
    pub fn finish(mut self, remainder: &Remainder, put: &mut impl FnMut(&[u8])) -> i64 {
        let after = remainder.after.as_str();
        if self.in_lines {
            let in_after = i64::try_from(after.lines().count()).unwrap_or(i64::MAX);
            self.blank_lines_until(remainder.lines + 1 - in_after, put);
            // Only the size tells whether the last line was ended.
            let size = self.size.saturating_add(i64::try_from(after.len()).unwrap_or(i64::MAX));
            if size < remainder.size {
                self.end_line(put);
            }
        }
        self.put(after.as_bytes(), put);
        self.size
    }

    fn blank_lines_until(&mut self, line: i64, put: &mut impl FnMut(&[u8])) {
        while self.line + 1 < line {
            self.end_line(put);
            self.line += 1;
            self.ending = self.usual.bytes();
        }
    }

    fn end_line(&mut self, put: &mut impl FnMut(&[u8])) {
        let ending = std::mem::take(&mut self.ending);
        self.put(ending, put);
    }

    fn put(&mut self, bytes: &[u8], put: &mut impl FnMut(&[u8])) {
        put(bytes);
        self.size += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    }
}

/// Rebuilds one source from its record batches, in any order: batches of records and of rejects.
///
/// # Errors
///
/// If a batch lacks columns of its table.
pub fn rebuild<'a>(
    batches: impl IntoIterator<Item = (&'a Table, &'a RecordBatch)>,
    remainder: &Remainder,
) -> Result<Vec<u8>, ArrowError> {
    let (mut printed, mut places) = (Vec::new(), Vec::new());
    for (table, batch) in batches {
        let lines = batch.column_by_name("source_line").and_then(|lines| lines.as_primitive_opt::<Int64Type>());
        let lines = lines.ok_or_else(|| ArrowError::SchemaError("the column source_line is missing".to_owned()))?;
        places.extend((0..batch.num_rows()).map(|row| (lines.value(row), printed.len(), row)));
        printed.push(Printed::new(table, batch)?);
    }
    // Sorted last by batch and row: the parts of a line that is too long share a number.
    places.sort_unstable();
    let (mut out, mut text) = (Vec::new(), Vec::new());
    let mut rebuilder = Rebuilder::new(remainder.in_lines, remainder.ending);
    for (line, batch, row) in places {
        text.clear();
        rebuilder.add(&printed[batch].row(line, row, &mut text), &mut |bytes| out.extend_from_slice(bytes));
    }
    rebuilder.finish(remainder, &mut |bytes| out.extend_from_slice(bytes));
    Ok(out)
}

/// A batch whose rows are printed.
enum Printed {
    Records(Box<dyn Printer>),
    /// The text before each row, and the row itself.
    Rejects(Box<(TextColumn, BytesColumn)>),
}

impl Printed {
    fn new(table: &Table, batch: &RecordBatch) -> Result<Self, ArrowError> {
        if table.name == REJECTS.name {
            return Ok(Self::Rejects(Box::new((text_column(batch, "gap")?, BytesColumn::new(batch, "raw")?))));
        }
        let format = crate::format(table.name);
        let format =
            format.ok_or_else(|| ArrowError::SchemaError(format!("{} is not the table of a log", table.name)))?;
        (format.printer)(batch).map(Self::Records)
    }

    fn row<'a>(&'a self, line: i64, row: usize, text: &'a mut Vec<u8>) -> RowText<'a> {
        match self {
            Self::Records(printer) => {
                printer.print(row, text);
                let (gap, as_it_was) = (printer.gap(row), printer.as_it_was(row));
                RowText { line, gap, text, as_it_was, is_reject: false }
            }
            Self::Rejects(columns) => {
                let (gap, raw) = columns.as_ref();
                let (gap, text) = (gap.get(row), raw.get(row).unwrap_or_default());
                RowText { line, gap, text, as_it_was: true, is_reject: true }
            }
        }
    }
}
