//! Prints records as they were read.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::ArrowError;

use super::skeleton::Parts;
use super::write::{print_text, print_time};
use crate::columns::text_column;
use crate::field::print_number;
use crate::interner::Interner;
use crate::members::{Member, ValueEnd, member, value_end};
use crate::text::TextColumn;

/// Prints rows of a log's table as the JSON text they were read from.
#[derive(Debug)]
pub(super) struct RecordPrinter {
    gap: TextColumn,
    raw: TextColumn,
    extra: TextColumn,
    skeletons: Vec<Skeleton>,
    /// For each row its skeleton, if it has one.
    of_rows: Vec<Option<u32>>,
    /// The columns that the skeletons name.
    values: Vec<Values>,
}

/// A skeleton, ready to be printed.
#[derive(Debug)]
struct Skeleton {
    /// The pieces of text between the values, one after another.
    text: Vec<u8>,
    steps: Vec<Step>,
    /// Where in `text` the part after the last value begins.
    rest: usize,
}

/// A value in a skeleton.
#[derive(Debug)]
struct Step {
    /// The text before it.
    before: Range<usize>,
    is_quoted: bool,
    /// The position of its column among the named ones; `None` for the next value of `extra`.
    values: Option<usize>,
}

/// A column that a skeleton names.
#[derive(Debug)]
struct Values {
    array: AnyValues,
    len: usize,
    /// For a list, where the items of a row begin, and which of them it is.
    item: Option<(OffsetBuffer<i32>, usize)>,
}

#[derive(Debug)]
enum AnyValues {
    Text(TextColumn),
    Bool(BooleanArray),
    Time(TimestampMicrosecondArray),
    Number(Int64Array),
}

impl RecordPrinter {
    /// A printer of the rows in `batch`.
    pub(super) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let mut builder = Builder { batch, paths: Interner::default(), skeletons: Vec::new(), values: Vec::new() };
        let of_rows = builder.rows(&text_column(batch, "skeleton")?);
        let Builder { skeletons, values, .. } = builder;
        let (gap, raw, extra) = (text_column(batch, "gap")?, text_column(batch, "raw")?, text_column(batch, "extra")?);
        Ok(Self { gap, raw, extra, skeletons, of_rows, values })
    }

    fn print_skeleton(&self, skeleton: &Skeleton, row: usize, out: &mut Vec<u8>) {
        let mut extra = Extra { json: self.extra.get(row).unwrap_or_default(), at: 1 };
        for step in &skeleton.steps {
            out.extend_from_slice(&skeleton.text[step.before.clone()]);
            match step.values {
                Some(values) => self.values[values].print(row, step.is_quoted, out),
                None => out.extend_from_slice(extra.next().unwrap_or_default()),
            }
        }
        out.extend_from_slice(&skeleton.text[skeleton.rest..]);
    }
}

impl crate::Printer for RecordPrinter {
    fn print(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(raw) = self.raw.get(row) {
            out.extend_from_slice(raw.as_bytes());
        } else if let Some(skeleton) = self.of_rows[row] {
            self.print_skeleton(&self.skeletons[skeleton as usize], row, out);
        }
    }

    fn as_it_was(&self, _row: usize) -> bool {
        true
    }

    fn gap(&self, row: usize) -> Option<&str> {
        self.gap.get(row)
    }
}

/// Prepares the skeletons that rows of the batch have, and no others.
struct Builder<'a> {
    batch: &'a RecordBatch,
    /// The paths of the columns in `values`.
    paths: Interner,
    skeletons: Vec<Skeleton>,
    values: Vec<Values>,
}

impl Builder<'_> {
    /// For each row the number of its skeleton.
    fn rows(&mut self, texts: &TextColumn) -> Vec<Option<u32>> {
        match texts {
            TextColumn::Dictionary(keys, values) => {
                let mut known = vec![None; values.len()];
                let mut number = |key: u32| {
                    let key = key as usize;
                    *known[key].get_or_insert_with(|| self.add(values.value(key)))
                };
                keys.iter().map(|key| key.map(&mut number)).collect()
            }
            // Equal views have equal text.
            TextColumn::View(views) => {
                let mut known = HashMap::new();
                let number = |row: usize| {
                    let number = || *known.entry(views.views()[row]).or_insert_with(|| self.add(views.value(row)));
                    views.is_valid(row).then(number)
                };
                (0..views.len()).map(number).collect()
            }
            TextColumn::Plain(texts) => {
                let mut known = Interner::default();
                let mut number = |text: &str| {
                    let number = known.intern(text.as_bytes());
                    if number as usize == self.skeletons.len() { self.add(text) } else { number }
                };
                texts.iter().map(|text| text.map(&mut number)).collect()
            }
        }
    }

    /// Adds a skeleton. Returns its number.
    fn add(&mut self, skeleton: &str) -> u32 {
        let mut parts = Parts::of(skeleton);
        let (mut text, mut steps) = (Vec::with_capacity(skeleton.len()), Vec::new());
        for part in parts.by_ref() {
            let start = text.len();
            text.extend_from_slice(part.before.as_bytes());
            let values = (part.path != "extra").then(|| self.values(part.path));
            steps.push(Step { before: start..text.len(), is_quoted: part.before.ends_with('"'), values });
        }
        let rest = text.len();
        text.extend_from_slice(parts.rest().as_bytes());
        self.skeletons.push(Skeleton { text, steps, rest });
        u32::try_from(self.skeletons.len() - 1).expect("a batch has fewer than 2^32 rows")
    }

    /// The position of a column among the named ones. A path that leads nowhere comes from a forged store, whose
    /// record can't be right.
    fn values(&mut self, path: &str) -> usize {
        let place = self.paths.intern(path.as_bytes()) as usize;
        if place == self.values.len() {
            let nothing = || Values { array: AnyValues::Number(Int64Array::new_null(0)), len: 0, item: None };
            self.values.push(Values::of(self.batch, path).unwrap_or_else(nothing));
        }
        place
    }
}

impl Values {
    fn of(batch: &RecordBatch, path: &str) -> Option<Self> {
        let mut parts = path.split('.');
        let mut array: ArrayRef = batch.column_by_name(parts.next()?)?.clone();
        let mut item = None;
        for part in parts {
            array = if let Some(list) = array.as_list_opt::<i32>() {
                item = Some((list.offsets().clone(), part.parse().ok()?));
                list.values().clone()
            } else {
                array.as_struct_opt()?.column_by_name(part)?.clone()
            };
        }
        let number = || array.as_primitive_opt::<Int64Type>().cloned().map(AnyValues::Number);
        let time = || array.as_primitive_opt::<TimestampMicrosecondType>().cloned().map(AnyValues::Time);
        let truth = || array.as_boolean_opt().cloned().map(AnyValues::Bool);
        let text = TextColumn::new(&array).ok().map(AnyValues::Text);
        Some(Self { array: text.or_else(truth).or_else(time).or_else(number)?, len: array.len(), item })
    }

    /// Prints the value of a row; nothing for null.
    fn print(&self, row: usize, is_quoted: bool, out: &mut Vec<u8>) {
        let place = match &self.item {
            None => row,
            Some((offsets, item)) => usize::try_from(offsets[row]).unwrap_or_default() + item,
        };
        if place >= self.len {
            return;
        }
        let text = match &self.array {
            // For null these are empty.
            AnyValues::Text(TextColumn::View(texts)) => texts.value(place),
            AnyValues::Text(TextColumn::Plain(texts)) => texts.value(place),
            AnyValues::Text(texts) => texts.get(place).unwrap_or_default(),
            other => return other.print(place, out),
        };
        if is_quoted { print_text(text.as_bytes(), out) } else { out.extend_from_slice(text.as_bytes()) }
    }
}

impl AnyValues {
    /// Prints a value that is not text; nothing for null.
    fn print(&self, place: usize, out: &mut Vec<u8>) {
        match self {
            Self::Bool(truths) if truths.is_valid(place) => {
                out.extend_from_slice(if truths.value(place) { b"true" } else { b"false" });
            }
            Self::Time(times) if times.is_valid(place) => print_time(times.value(place), out),
            Self::Number(numbers) if numbers.is_valid(place) => print_number(numbers.value(place), out),
            _ => {}
        }
    }
}

/// The values of the fields without a column, in order, as they are written.
struct Extra<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Extra<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes = self.json.as_bytes();
        let Member::Value(_, start) = member(bytes, self.at) else { return None };
        let ValueEnd::At(end) = value_end(bytes, start) else { return None };
        self.at = end;
        bytes.get(start..end)
    }
}
