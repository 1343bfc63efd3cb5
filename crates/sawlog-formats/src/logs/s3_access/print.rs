//! Prints records as the lines they were read from.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::column::{EXTRA, FIELD_COUNT, FIELDS, NUMBERS, OPERATION, RAW, REFERER, REQUEST_URI, TIME, USER_AGENT};
use super::line::{Line, has_bare_dashes};
use super::{TABLE, time};
use crate::columns::{BytesColumn, NumberColumn, text_column};
use crate::field::print_number;
use crate::text::TextColumn;

/// The columns that a canonical line is printed from.
struct Printed<'a> {
    fields: [Option<&'a [u8]>; FIELDS],
    time: i64,
    numbers: [Option<i64>; 5],
    field_count: i64,
    extra: Option<&'a [u8]>,
}

impl Printed<'_> {
    fn print(&self, out: &mut Vec<u8>) {
        let bare = has_bare_dashes(self.fields[OPERATION]);
        let count = usize::try_from(self.field_count).unwrap_or(FIELDS).min(FIELDS);
        for field in 0..count {
            if field > 0 {
                out.push(b' ');
            }
            match field {
                TIME => time::print(self.time, out),
                REQUEST_URI | REFERER | USER_AGENT => match self.fields[field] {
                    None if bare => out.push(b'-'),
                    value => {
                        out.push(b'"');
                        out.extend_from_slice(value.unwrap_or(b"-"));
                        out.push(b'"');
                    }
                },
                _ => match NUMBERS.iter().position(|number| *number == field) {
                    None => out.extend_from_slice(self.fields[field].unwrap_or(b"-")),
                    Some(slot) => match self.numbers[slot] {
                        None => out.push(b'-'),
                        Some(value) => print_number(value, out),
                    },
                },
            }
        }
        if let Some(extra) = self.extra {
            out.push(b' ');
            out.extend_from_slice(extra);
        }
    }
}

/// Prints a line from its fields.
pub(super) fn print_line(line: &Line, text: &[u8], out: &mut Vec<u8>) {
    let printed = Printed {
        fields: line.fields.map(|field| field.of(text)),
        time: line.time,
        numbers: line.numbers,
        field_count: line.field_count,
        extra: line.extra.of(text),
    };
    printed.print(out);
}

/// Prints rows of the table as the lines they were read from.
#[derive(Debug)]
pub(super) struct LinePrinter {
    fields: Vec<Option<TextColumn>>,
    time: NumberColumn,
    numbers: Vec<NumberColumn>,
    field_count: NumberColumn,
    extra: TextColumn,
    raw: BytesColumn,
}

impl LinePrinter {
    /// A printer of the rows in `batch`. Columns that the table lacks are ignored.
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let name = |column: usize| TABLE.columns[column].name;
        let is_text = |field: &usize| *field != TIME && !NUMBERS.contains(field);
        let fields = (0..FIELDS).map(|field| is_text(&field).then(|| text_column(batch, name(field))).transpose());
        Ok(Self {
            fields: fields.collect::<Result<_, _>>()?,
            time: NumberColumn::new(batch, name(TIME))?,
            numbers: NUMBERS.iter().map(|field| NumberColumn::new(batch, name(*field))).collect::<Result<_, _>>()?,
            field_count: NumberColumn::new(batch, name(FIELD_COUNT))?,
            extra: text_column(batch, name(EXTRA))?,
            raw: BytesColumn::new(batch, name(RAW))?,
        })
    }
}

impl crate::Printer for LinePrinter {
    fn as_it_was(&self, row: usize) -> bool {
        self.raw.get(row).is_some()
    }

    fn print(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(raw) = self.raw.get(row) {
            return out.extend_from_slice(raw);
        }
        let mut fields = [None; FIELDS];
        for (field, column) in fields.iter_mut().zip(&self.fields) {
            *field = column.as_ref().and_then(|column| column.get(row)).map(str::as_bytes);
        }
        let printed = Printed {
            fields,
            time: self.time.get(row).unwrap_or_default(),
            numbers: [0, 1, 2, 3, 4].map(|slot| self.numbers[slot].get(row)),
            field_count: self.field_count.get(row).unwrap_or_default(),
            extra: self.extra.get(row).map(str::as_bytes),
        };
        printed.print(out);
    }
}
