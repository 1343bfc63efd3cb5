//! Rows of CSV and of other tables that hold records.

use std::borrow::Cow;

use super::line_end;
use super::named::{as_record, name_record, no_record};
use super::opener::Step;
use super::place::{Standing, is_known_name};
use super::target::Target;
use crate::encoding::without_mark;
use crate::named_values::NamedValues;
use crate::origin::MAX_LINE;
use crate::reject::RejectReason;
use crate::wrapping::Layer;

/// Rows of CSV.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) separator: u8,
    /// Whether the first row names the fields.
    pub(super) has_header: bool,
    pub(super) columns: Columns,
}

/// What the fields of rows are.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// How a field in quotes is wrapped.
    pub(super) layer: Layer,
    pub(super) names: Vec<Vec<u8>>,
    /// The field that holds the record; else the row is one itself.
    pub(super) field: Option<usize>,
    /// The names that lead to the record in the field's text.
    pub(super) inner: Vec<Vec<u8>>,
}

/// A field of a row: its place, without quotes, and whether it has quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_quoted: bool,
}

/// A row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) fields: Vec<Field>,
    /// Where it ends, and where the next one begins.
    pub(super) end: usize,
    pub(super) next: usize,
}

impl Row {
    /// The row that begins at `start`; `None` if its end is not among the bytes.
    pub(super) fn read(bytes: &[u8], start: usize, separator: u8, at_end: bool) -> Option<Self> {
        let mut row = Self::default();
        let limit = bytes.len().min(start + MAX_LINE + 1);
        let mut at = start;
        loop {
            let mut field = Field { start: at, end: at, is_quoted: bytes.get(at) == Some(&b'"') };
            if field.is_quoted {
                field.start += 1;
                at = quoted_end(&bytes[..limit], field.start)?;
                field.end = at;
                // The last quote of the bytes may end the field, or be the first of two.
                at += 1;
                if at == bytes.len() && !at_end {
                    return None;
                }
            }
            let ends = |byte: &u8| *byte == separator || *byte == b'\n';
            match bytes.get(at..limit)?.iter().position(ends) {
                Some(run) => at += run,
                None if at_end && limit == bytes.len() => at = limit,
                None => return None,
            }
            let is_last = bytes.get(at) != Some(&separator);
            let end = if is_last && at > start && bytes[at - 1] == b'\r' { at - 1 } else { at };
            if !field.is_quoted {
                field.end = end.max(field.start);
            }
            row.fields.push(field);
            if is_last {
                (row.end, row.next) = (end, bytes.len().min(at + 1));
                return Some(row);
            }
            at += 1;
        }
    }

    /// A line as a single field, if its quotes do not close.
    fn line(start: usize, end: usize, next: usize) -> Self {
        Self { fields: vec![Field { start, end, is_quoted: false }], end, next }
    }
}

/// Where the quoted field that contains `at` ends.
fn quoted_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

impl Table {
    /// The step for the row at `at`, and where the next row begins.
    pub(super) fn step(&mut self, bytes: &[u8], at: &mut usize, at_end: bool, target: &Target) -> Step {
        loop {
            let start = *at + mark(&bytes[*at..]);
            if start >= bytes.len() {
                return Step::Need;
            }
            let row = match Row::read(bytes, start, self.separator, at_end) {
                Some(row) if row.end - start <= MAX_LINE => row,
                // Quotes that do not close are not quotes.
                _ if at_end || bytes.len() - start > MAX_LINE => match line_end(bytes, start, at_end) {
                    Some(end) if end - start < MAX_LINE => {
                        let text = end - usize::from(bytes[start..end].ends_with(b"\r"));
                        Row::line(start, text, bytes.len().min(end + 1))
                    }
                    _ => return Step::Long(start, start + MAX_LINE),
                },
                _ => return Step::Need,
            };
            *at = row.next;
            if std::mem::take(&mut self.has_header) || bytes[start..row.end].trim_ascii().is_empty() {
                continue;
            }
            if self.columns.is_header(bytes, &row) {
                continue;
            }
            return self.columns.step(bytes, start, &row, target);
        }
    }
}

impl Columns {
    /// The step for a row that begins at `start` and is not a header.
    pub(super) fn step(&self, bytes: &[u8], start: usize, row: &Row, target: &Target) -> Step {
        match self.field {
            None => self.named(bytes, start, row, target),
            Some(place) => match row.fields.get(place) {
                None => Step::Problem(start, row.end, RejectReason::ShortRow),
                Some(_) => self.message(bytes, start, row, place, target),
            },
        }
    }

    /// Whether a row has just the names of the fields.
    pub(super) fn are_named_by(&self, bytes: &[u8], row: &Row) -> bool {
        row.fields.len() == self.names.len()
            && row.fields.iter().zip(&self.names).all(|(field, name)| *self.unwrapped(bytes, field) == **name)
    }

    /// Whether a row is the header of a following table. If so, takes its names.
    pub(super) fn is_header(&mut self, bytes: &[u8], row: &Row) -> bool {
        let is_name = |field: &Field| {
            bytes[field.start..field.end].first().is_some_and(|byte| b"@_".contains(byte) || byte.is_ascii_alphabetic())
        };
        if row.fields.len() < 2 || !row.fields.iter().all(is_name) {
            return false;
        }
        let names: Vec<Vec<u8>> =
            row.fields.iter().map(|field| self.unwrapped(bytes, field).trim_ascii().to_vec()).collect();
        let known = names.iter().filter(|name| self.names.contains(name)).count();
        if known < 2 || known * 2 < names.len() {
            return false;
        }
        let field =
            self.field.and_then(|place| self.names.get(place)).map(|name| names.iter().position(|at| at == name));
        match field {
            // The column that had the records is not there any more.
            Some(None) => return false,
            Some(place) => self.field = place,
            None => {}
        }
        self.names = names;
        true
    }

    /// The step for a row that has its record in a field, usually the field at `place`.
    fn message(&self, bytes: &[u8], start: usize, row: &Row, place: usize, target: &Target) -> Step {
        let text = |field: &Field, standing| {
            let layer = field.is_quoted.then_some(self.layer);
            Step::Text { start: field.start, end: field.end, layer, standing, document: None }
        };
        let field = &row.fields[place];
        let is_json = target.format.framing.is_json() && !target.is_named;
        let is_record = match self.unwrapped(bytes, field).trim_ascii().first() {
            None => false,
            Some(first) => !is_json || b"{[\"".contains(first),
        };
        if is_record {
            return text(field, Standing::Here);
        }
        let has_record = |(_, field): &(usize, &Field)| {
            let text = self.unwrapped(bytes, field);
            !target.is_short(&text)
                && target.find(&text, &self.inner).iter().any(|found| target.is_certain(&found.record))
        };
        let others = || row.fields.iter().enumerate().filter(|(at, _)| *at != place).filter(has_record);
        let is_known = |at: usize| self.names.get(at).is_some_and(|name| is_known_name(name));
        if let Some((_, other)) = others().find(|(at, _)| is_known(*at)) {
            return text(other, Standing::Likely);
        }
        if others().next().is_some() {
            return Step::Problem(start, row.end, RejectReason::Elsewhere);
        }
        // The row itself may be the record.
        if self.unwrapped(bytes, field).trim_ascii().is_empty()
            && name_record(self.names.iter().map(Vec::as_slice), target.format)
        {
            return Step::Problem(start, row.end, RejectReason::NoRecord);
        }
        text(field, Standing::Here)
    }

    /// The step for a row that is a record itself.
    fn named(&self, bytes: &[u8], start: usize, row: &Row, target: &Target) -> Step {
        let fields = row.fields.iter().map(|field| self.unwrapped(bytes, field));
        let values = NamedValues::of_row(self.names.iter().map(Vec::as_slice), fields, &target.format.inside);
        named_step(start, row.end, &values, target)
    }

    /// The text of a field.
    fn unwrapped<'a>(&self, bytes: &'a [u8], field: &Field) -> Cow<'a, [u8]> {
        let text = &bytes[field.start..field.end];
        if field.is_quoted { self.layer.unwrap(text) } else { Cow::Borrowed(text) }
    }
}

/// The step for the named values at this place.
pub(super) fn named_step(start: usize, end: usize, values: &NamedValues<'_>, target: &Target) -> Step {
    match as_record(values, target.format) {
        Some(reading) => Step::Row { start, end, reading },
        None => Step::Problem(start, end, no_record(values, target.format)),
    }
}

/// The length of the byte order mark at the beginning of a line, or 0: files may be concatenated.
pub(super) fn mark(line: &[u8]) -> usize {
    line.len() - without_mark(line).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str, separator: u8) -> Vec<String> {
        let row = Row::read(text.as_bytes(), 0, separator, true).unwrap();
        let text = |field: &Field| String::from_utf8_lossy(&text.as_bytes()[field.start..field.end]).into_owned();
        row.fields.iter().map(text).collect()
    }

    #[test]
    fn rows_have_the_fields_that_csv_says() {
        assert_eq!(fields("a,\"b,\"\"c\"\"\nd\",,e\r\nf", b','), ["a", "b,\"\"c\"\"\nd", "", "e"]);
        assert_eq!(fields("a \"b\" c;d", b';'), ["a \"b\" c", "d"]);
        assert_eq!(fields(",", b','), ["", ""]);
        assert_eq!(fields("\r\n", b','), [""]);
        assert!(Row::read(b"a,\"b", 0, b',', true).is_none());
        assert!(Row::read(b"a,b", 0, b',', false).is_none());
        assert!(Row::read(b"a,\"b\"", 0, b',', false).is_none());
    }
}
