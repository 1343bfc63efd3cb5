//! Prints records as the lines they were read from.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::layout::LineLayout;
use super::value::{Request, print_seconds};
use super::{LineLog, Shape, time};
use crate::columns::{BytesColumn, NumberColumn, text_column};
use crate::field::print_number;
use crate::text::TextColumn;

/// Prints rows of a log's table as the lines they were read from.
#[derive(Debug)]
pub struct LinePrinter {
    layout: LineLayout,
    texts: Vec<TextColumn>,
    numbers: Vec<NumberColumn>,
    field_count: NumberColumn,
    extra: TextColumn,
    raw: BytesColumn,
}

impl LinePrinter {
    /// A printer of the rows in `batch`. Columns that the table lacks are ignored.
    ///
    /// # Errors
    ///
    /// Names the column that is missing or of another type.
    pub fn new(log: &'static LineLog, batch: &RecordBatch) -> Result<Self, ArrowError> {
        let layout = LineLayout::new(log);
        let texts = layout.texts.iter().map(|column| text_column(batch, layout.name(*column)));
        let numbers = layout.numbers.iter().map(|column| NumberColumn::new(batch, layout.name(*column)));
        Ok(Self {
            texts: texts.collect::<Result<_, _>>()?,
            numbers: numbers.collect::<Result<_, _>>()?,
            field_count: NumberColumn::new(batch, layout.name(layout.field_count()))?,
            extra: text_column(batch, layout.name(layout.extra()))?,
            raw: BytesColumn::new(batch, layout.name(layout.raw()))?,
            layout,
        })
    }

    fn print_fields(&self, row: usize, out: &mut Vec<u8>) {
        let (mut texts, mut numbers) = (self.texts.iter(), self.numbers.iter());
        let mut text = || texts.next().and_then(|text| text.get(row)).map(str::as_bytes);
        let mut number = || numbers.next().and_then(|numbers| numbers.get(row));
        let count = self.field_count.get(row).and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        for (place, slot) in self.layout.slots.iter().take(count).enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            let quotes: &[u8] = if slot.is_quoted { b"\"" } else { b"" };
            out.extend_from_slice(quotes);
            match slot.shape {
                Shape::Text | Shape::Label => out.extend_from_slice(text().unwrap_or(b"-")),
                Shape::Number { .. } => match number() {
                    None => out.push(b'-'),
                    Some(number) => print_number(number, out),
                },
                Shape::Seconds { decimals } => match number() {
                    None => out.extend_from_slice(b"-1"),
                    Some(bits) => print_seconds(f64::from_bits(bits.cast_unsigned()), decimals, out),
                },
                Shape::Time => match number() {
                    None => out.push(b'-'),
                    Some(micros) => time::print(micros, out),
                },
                Shape::Endpoint => {
                    out.extend_from_slice(text().unwrap_or(b"-"));
                    if let Some(port) = number() {
                        out.push(b':');
                        print_number(port, out);
                    }
                }
                Shape::Request => {
                    let (method, url, version) = (text(), text(), text());
                    Request { method, url, version, is_plain: true }.print(out);
                }
            }
            out.extend_from_slice(quotes);
        }
        if let Some(extra) = self.extra.get(row) {
            out.push(b' ');
            out.extend_from_slice(extra.as_bytes());
        }
    }
}

impl crate::Printer for LinePrinter {
    fn print(&self, row: usize, out: &mut Vec<u8>) {
        match self.raw.get(row) {
            Some(raw) => out.extend_from_slice(raw),
            None => self.print_fields(row, out),
        }
    }

    fn as_it_was(&self, row: usize) -> bool {
        self.raw.get(row).is_some()
    }
}
