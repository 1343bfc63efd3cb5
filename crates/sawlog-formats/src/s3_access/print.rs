//! Prints records as the lines they were read from.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, BinaryViewArray, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType};

use super::column::{FIELDS, NUMBERS, OPERATION, REFERER, REQUEST_URI, TIME, USER_AGENT};
use super::line::{Line, has_bare_dashes};
use super::{TABLE, time};
use crate::text::TextColumn;

/// What a canonical line is printed from.
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
                        Some(value) => write!(out, "{value}").expect("a vector takes every write"),
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
pub struct LinePrinter {
    fields: Vec<Option<TextColumn>>,
    time: TimestampMicrosecondArray,
    http_status: Int32Array,
    numbers: [Int64Array; 4],
    field_count: Int32Array,
    extra: TextColumn,
    raw: RawColumn,
}

#[derive(Debug)]
enum RawColumn {
    Plain(BinaryArray),
    View(BinaryViewArray),
}

impl LinePrinter {
    /// A printer of the rows in `batch`, which must have the table's columns; others are ignored.
    ///
    /// # Errors
    ///
    /// Names the column that is missing or has another type.
    pub fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let array = |column: usize| {
            let name = TABLE.columns[column].name;
            let array = batch.column_by_name(name);
            array.ok_or_else(|| ArrowError::SchemaError(format!("the column {name} is missing")))
        };
        let wrong = |column: usize, found: &DataType| {
            ArrowError::SchemaError(format!("the column {} has the type {found}", TABLE.columns[column].name))
        };
        let text = |column: usize| {
            let array = array(column)?;
            TextColumn::new(array).map_err(|found| wrong(column, &found))
        };
        let int32 = |column: usize| {
            let array = array(column)?;
            array.as_primitive_opt::<Int32Type>().cloned().ok_or_else(|| wrong(column, array.data_type()))
        };
        let int64 = |column: usize| {
            let array = array(column)?;
            array.as_primitive_opt::<Int64Type>().cloned().ok_or_else(|| wrong(column, array.data_type()))
        };
        let time = array(TIME)?;
        let raw = array(super::column::RAW)?;
        let fields = (0..FIELDS)
            .map(|field| (field != TIME && !NUMBERS.contains(&field)).then(|| text(field)).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            fields,
            time: time
                .as_primitive_opt::<TimestampMicrosecondType>()
                .cloned()
                .ok_or_else(|| wrong(TIME, time.data_type()))?,
            http_status: int32(NUMBERS[0])?,
            numbers: [int64(NUMBERS[1])?, int64(NUMBERS[2])?, int64(NUMBERS[3])?, int64(NUMBERS[4])?],
            field_count: int32(super::column::FIELD_COUNT)?,
            extra: text(super::column::EXTRA)?,
            raw: match raw.data_type() {
                DataType::Binary => RawColumn::Plain(raw.as_binary().clone()),
                DataType::BinaryView => RawColumn::View(raw.as_binary_view().clone()),
                other => return Err(wrong(super::column::RAW, other)),
            },
        })
    }

    /// The line of `row` where its columns do not give it back.
    #[must_use]
    pub fn raw(&self, row: usize) -> Option<&[u8]> {
        match &self.raw {
            RawColumn::Plain(raw) => raw.is_valid(row).then(|| raw.value(row)),
            RawColumn::View(raw) => raw.is_valid(row).then(|| raw.value(row)),
        }
    }

    /// Prints the line of `row`, without its line ending, but with what stands in `raw` where that is set.
    pub fn print(&self, row: usize, out: &mut Vec<u8>) {
        if let Some(raw) = self.raw(row) {
            return out.extend_from_slice(raw);
        }
        let mut fields = [None; FIELDS];
        for (field, column) in fields.iter_mut().zip(&self.fields) {
            *field = column.as_ref().and_then(|column| column.get(row)).map(str::as_bytes);
        }
        let status = self.http_status.is_valid(row).then(|| i64::from(self.http_status.value(row)));
        let [bytes_sent, object_size, total_time, turn_around_time] =
            [0, 1, 2, 3].map(|slot| self.numbers[slot].is_valid(row).then(|| self.numbers[slot].value(row)));
        let printed = Printed {
            fields,
            time: self.time.value(row),
            numbers: [status, bytes_sent, object_size, total_time, turn_around_time],
            field_count: i64::from(self.field_count.value(row)),
            extra: self.extra.get(row).map(str::as_bytes),
        };
        printed.print(out);
    }
}
