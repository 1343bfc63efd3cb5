//! Prints records as the lines they were read from.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::TABLE;
use super::column::{EXTRA, FIELDS, GAP, NAMES, RAW};
use super::layout::{Layout, Slot};
use crate::columns::{BytesColumn, NumberColumn, text_column};
use crate::field::print_number;
use crate::table::Kind;
use crate::text::TextColumn;

/// Prints rows of the table as the lines they were read from.
#[derive(Debug)]
pub(super) struct LinePrinter {
    texts: Vec<Option<TextColumn>>,
    numbers: Vec<Option<NumberColumn>>,
    extra: TextColumn,
    names: TextColumn,
    gap: TextColumn,
    raw: BytesColumn,
    /// The layouts of the names seen.
    layouts: RefCell<HashMap<String, Rc<Layout>>>,
    /// That of the last row: most rows have the same.
    last: RefCell<Option<Rc<Layout>>>,
}

impl LinePrinter {
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let name = |column: usize| TABLE.columns[column].name;
        let is_text = |column: &usize| matches!(TABLE.columns[*column].kind, Kind::Text);
        let texts = (0..FIELDS).map(|column| is_text(&column).then(|| text_column(batch, name(column))).transpose());
        let numbers =
            (0..FIELDS).map(|column| (!is_text(&column)).then(|| NumberColumn::new(batch, name(column))).transpose());
        Ok(Self {
            texts: texts.collect::<Result<_, _>>()?,
            numbers: numbers.collect::<Result<_, _>>()?,
            extra: text_column(batch, name(EXTRA))?,
            names: text_column(batch, name(NAMES))?,
            gap: text_column(batch, name(GAP))?,
            raw: BytesColumn::new(batch, name(RAW))?,
            layouts: RefCell::default(),
            last: RefCell::default(),
        })
    }

    fn layout(&self, row: usize) -> Rc<Layout> {
        let names = self.names.get(row).unwrap_or(super::DEFAULT_FIELDS);
        let mut last = self.last.borrow_mut();
        if let Some(last) = last.as_ref().filter(|last| *last.text == *names) {
            return Rc::clone(last);
        }
        let mut layouts = self.layouts.borrow_mut();
        let layout = layouts.entry(names.to_owned()).or_insert_with(|| Rc::new(Layout::new(names.into())));
        Rc::clone(last.insert(Rc::clone(layout)))
    }

    fn number(&self, column: usize, row: usize, unit: i64, out: &mut Vec<u8>) {
        match self.numbers[column].as_ref().and_then(|numbers| numbers.get(row)) {
            None => out.push(b'-'),
            Some(value) => print_number(value / unit, out),
        }
    }
}

impl crate::Printer for LinePrinter {
    fn print(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(raw) = self.raw.get(row) {
            return out.extend_from_slice(raw);
        }
        let layout = self.layout(row);
        let mut extras = self.extra.get(row).unwrap_or_default().split(' ');
        for (place, slot) in layout.slots.iter().enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            match *slot {
                Slot::Text(column) => {
                    let text = self.texts[column].as_ref().and_then(|texts| texts.get(row));
                    out.extend_from_slice(text.unwrap_or("-").as_bytes());
                }
                Slot::Number(column, _) => self.number(column, row, 1, out),
                Slot::Time(column) => self.number(column, row, 1_000_000, out),
                Slot::Extra => out.extend_from_slice(extras.next().unwrap_or_default().as_bytes()),
            }
        }
    }

    fn as_it_was(&self, row: usize) -> bool {
        self.raw.get(row).is_some()
    }

    fn gap(&self, row: usize) -> Option<&str> {
        self.gap.get(row)
    }

    fn fields(&self, row: usize) -> Option<&str> {
        self.names.get(row)
    }
}
