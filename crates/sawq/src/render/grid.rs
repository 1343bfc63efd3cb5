//! Tables for people; and records, a line for each value, where a table would be wider than the screen.

use std::io::Write;
use std::net::IpAddr;

use anyhow::Result;
use arrow::array::RecordBatch;
use sawlog_formats::visible;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::cells::{Cells, Flat};
use super::style::Style;
use super::units::with_commas;

/// What is shown where there is no value.
const ABSENT: &str = "-";
/// Between two columns.
const GAP: usize = 2;
/// Text is not cut to less than this, nor are columns that are no wider.
const LEAST: usize = 24;
/// The longest text of an address.
const ADDRESS: usize = 45;
/// Columns that count something, or have its size in bytes.
const COUNTS: [&str; 17] = [
    "count",
    "records",
    "rows",
    "files",
    "errors",
    "failed",
    "ips",
    "bytes",
    "bytes_sent",
    "bytes_received",
    "rejects",
    "blank_lines",
    "packets",
    "object_size",
    "size",
    "sent",
    "received",
];

/// How tables and records are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// How many characters fit in a line, if there is a limit.
    pub(crate) width: Option<usize>,
    /// Whether the names of the columns are shown above a table.
    pub(crate) header: bool,
    pub(crate) coloured: bool,
    /// Whether counts have commas.
    pub(crate) commas: bool,
}

/// What came of printing a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    /// All of it is there.
    Whole,
    /// Some values were cut in the middle.
    Cut,
    /// It was too wide, and was printed as records.
    AsRecords,
}

/// Prints batches of one schema as a table; as records if not even with its texts cut it is as narrow as the screen.
pub(crate) fn print_table(batches: &[RecordBatch], layout: Layout, out: &mut impl Write) -> Result<Printed> {
    let batches = batches.iter().map(Flat::of).collect::<Result<Vec<_>>>()?;
    let Some(first) = batches.first() else { return Ok(Printed::Whole) };
    let schema = first.schema();
    let mut columns: Vec<Column> =
        schema.fields().iter().map(|field| Column::new(field.name(), field.data_type().is_numeric(), layout)).collect();
    for batch in &batches {
        let cells = batch.cells(ABSENT)?;
        for row in 0..cells.rows() {
            (0..columns.len()).for_each(|place| columns[place].look_at(&cells, row, place, batch.is_text(place)));
        }
    }
    let natural: Vec<usize> = columns.iter().map(|column| column.width).collect();
    let floors: Vec<usize> = columns.iter().map(Column::floor).collect();
    let Some(widths) = fit(&natural, &floors, layout.width) else {
        let mut records = Records::new(layout);
        batches.iter().try_for_each(|batch| records.print_flat(batch, out))?;
        return Ok(Printed::AsRecords);
    };
    for (column, width) in columns.iter_mut().zip(&widths) {
        column.width = *width;
    }
    if layout.header {
        let names = columns.iter().map(|column| {
            let name = column.padded(&column.name.clone());
            Style::Heading.paint_if(layout.coloured, &name)
        });
        write_line(out, names)?;
    }
    for batch in &batches {
        let cells = batch.cells(ABSENT)?;
        for row in 0..cells.rows() {
            write_row(out, &columns, &cells, row, layout)?;
        }
    }
    let is_cut = columns.iter().zip(&natural).any(|(column, natural)| column.width < *natural && !column.is_prose);
    Ok(if is_cut { Printed::Cut } else { Printed::Whole })
}

/// Writes a row: more than one line where prose is longer than its column.
fn write_row(out: &mut impl Write, columns: &[Column], cells: &Cells, row: usize, layout: Layout) -> Result<()> {
    let lines: Vec<Vec<String>> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let text = column.text(cells, row, place);
            if column.is_prose { wrapped(&text, column.width) } else { vec![text] }
        })
        .collect();
    for line in 0..lines.iter().map(Vec::len).max().unwrap_or_default() {
        let texts = columns.iter().zip(&lines).map(|(column, lines)| {
            let text = lines.get(line).map_or("", String::as_str);
            let is_failure = layout.coloured && column.is_failure(text);
            Style::Failure.paint_if(is_failure, &column.padded(text))
        });
        write_line(out, texts)?;
    }
    Ok(())
}

/// Text in lines of at most `width`, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.len() - 1;
        if !lines[line].is_empty() && lines[line].width() + 1 + word.width() > width {
            lines.push(word.to_owned());
        } else {
            if !lines[line].is_empty() {
                lines[line].push(' ');
            }
            lines[line].push_str(word);
        }
    }
    lines
}

fn write_line(out: &mut impl Write, cells: impl Iterator<Item = String>) -> Result<()> {
    let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
    Ok(writeln!(out, "{}", line.trim_end())?)
}

/// A column of a table.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the values")]
struct Column {
    name: String,
    is_number: bool,
    /// Whether its numbers get commas.
    commas: bool,
    width: usize,
    /// Whether its values may be cut.
    is_long_text: bool,
    /// Whether they may not be cut all the same: an address, the name of a column.
    is_whole: bool,
    /// Whether they are sentences, which are broken into lines.
    is_prose: bool,
}

impl Column {
    fn new(name: &str, is_number: bool, layout: Layout) -> Self {
        let name = visible(name).into_owned();
        let is_count = COUNTS.contains(&name.as_str()) || name.starts_with("count(") || name.starts_with("sum(");
        let width = if layout.header { name.width() } else { 0 };
        Self {
            commas: layout.commas && is_number && is_count,
            is_number,
            width,
            is_long_text: false,
            is_whole: name == "column",
            is_prose: name == "meaning",
            name,
        }
    }

    /// A value's text.
    fn text(&self, cells: &Cells, row: usize, place: usize) -> String {
        let text = cells.text(row, place);
        if self.commas { with_commas(&text) } else { visible(&text).into_owned() }
    }

    /// Takes a value into account.
    fn look_at(&mut self, cells: &Cells, row: usize, place: usize, is_text: bool) {
        let text = self.text(cells, row, place);
        let width = text.width();
        self.width = self.width.max(width);
        if is_text && width > LEAST {
            self.is_long_text = true;
            self.is_whole |= text.len() <= ADDRESS && text.parse::<IpAddr>().is_ok();
        }
    }

    /// To what it may be cut.
    fn floor(&self) -> usize {
        if self.is_long_text && !self.is_whole { LEAST.min(self.width) } else { self.width }
    }

    /// A text in the column's width: cut in the middle if it is longer.
    fn padded(&self, text: &str) -> String {
        let text = cut(text, self.width);
        let blanks = " ".repeat(self.width.saturating_sub(text.width()));
        if self.is_number { blanks + &text } else { text + &blanks }
    }

    /// Whether a value tells of something that failed.
    fn is_failure(&self, text: &str) -> bool {
        match self.name.as_str() {
            "outcome" => text == "failure",
            "action" => text == "REJECT",
            "errors" | "failed" => self.is_number && text != "0" && text != ABSENT,
            "error" | "error_code" | "error_message" => text != ABSENT,
            _ => false,
        }
    }
}

/// The widths of columns that fit into a line: their own, or less for the widest; none if not even all floors fit.
fn fit(natural: &[usize], floors: &[usize], line: Option<usize>) -> Option<Vec<usize>> {
    let gaps = GAP * natural.len().saturating_sub(1);
    let at = |level: usize| -> Vec<usize> {
        natural.iter().zip(floors).map(|(natural, floor)| (*natural).min(level.max(*floor))).collect()
    };
    let fits = |widths: &[usize]| line.is_none_or(|line| widths.iter().sum::<usize>() + gaps <= line);
    if fits(natural) {
        return Some(natural.to_vec());
    }
    // The largest level to which all that is above can be cut so that it fits, is below the line's length.
    let (mut low, mut high) = (0, line.unwrap_or_default());
    if !fits(&at(low)) {
        return None;
    }
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(&at(middle)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Some(at(low))
}

/// Text of at most `width`, without its middle if it is longer: the end of an ARN or key says more.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let left = width.saturating_sub(1);
    let head = taken(text.chars(), left / 3);
    let tail: Vec<char> = taken(text.chars().rev(), left - left / 3).chars().rev().collect();
    head + "…" + &tail.into_iter().collect::<String>()
}

/// As many characters as fit into a width.
fn taken(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut left = width;
    let fits = |char: &char| {
        let fits = char.width().unwrap_or(0) <= left;
        left = left.saturating_sub(char.width().unwrap_or(0));
        fits
    };
    chars.take_while(fits).collect()
}

/// Prints batches as records: a line for each value.
pub(crate) struct Records {
    layout: Layout,
    any: bool,
}

impl Records {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, any: false }
    }

    /// Prints a batch.
    pub(crate) fn print(&mut self, batch: &RecordBatch, out: &mut impl Write) -> Result<()> {
        self.print_flat(&Flat::of(batch)?, out)
    }

    fn print_flat(&mut self, batch: &Flat, out: &mut impl Write) -> Result<()> {
        let schema = batch.schema();
        let columns: Vec<Column> = schema
            .fields()
            .iter()
            .map(|field| Column::new(field.name(), field.data_type().is_numeric(), self.layout))
            .collect();
        let names = columns.iter().map(|column| column.name.width()).max().unwrap_or_default();
        let cells = batch.cells(ABSENT)?;
        for row in 0..cells.rows() {
            if std::mem::replace(&mut self.any, true) {
                writeln!(out)?;
            }
            for (place, column) in columns.iter().enumerate() {
                let text = column.text(&cells, row, place);
                let name = " ".repeat(names - column.name.width()) + &column.name;
                let is_failure = self.layout.coloured && column.is_failure(&text);
                let line = format!(
                    "{} = {}",
                    Style::Heading.paint_if(self.layout.coloured, &name),
                    Style::Failure.paint_if(is_failure, &text)
                );
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_are_cut_first() {
        assert_eq!(fit(&[10, 20], &[10, 20], None), Some(vec![10, 20]));
        assert_eq!(fit(&[10, 20], &[10, 20], Some(32)), Some(vec![10, 20]));
        assert_eq!(fit(&[10, 20], &[10, 20], Some(31)), None);
        assert_eq!(fit(&[10, 90, 40], &[10, 24, 24], Some(84)), Some(vec![10, 35, 35]));
        assert_eq!(fit(&[10, 90, 30], &[10, 24, 24], Some(100)), Some(vec![10, 56, 30]));
        assert_eq!(fit(&[10, 90, 40], &[10, 24, 24], Some(61)), None);
        assert_eq!(fit(&[], &[], Some(5)), Some(vec![]));
    }

    #[test]
    fn text_is_cut_in_the_middle() {
        assert_eq!(cut("arn:aws:iam::1:user/jmerckle", 28), "arn:aws:iam::1:user/jmerckle");
        assert_eq!(cut("arn:aws:iam::1:user/jmerckle", 16), "arn:a…r/jmerckle");
        assert_eq!(cut("中中中中中中", 7).width(), 7);
        assert_eq!(cut("abc", 1), "…");
    }

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""]);
        assert_eq!(wrapped("wonderful", 3), ["wonderful"]);
    }
}
