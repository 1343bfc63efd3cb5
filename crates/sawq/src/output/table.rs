//! Tables for people.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;

use super::batches::Writer;
use super::cells::{Cells, Flat};
use super::column::{ABSENT, Column, Layout};
use super::lines::Records;
use super::style::Style;
use super::target::Target;
use super::wrap::hanging;

/// Between two columns.
const GAP: usize = 2;
/// A table, whose rows are kept back until the end.
pub(super) struct Table {
    target: Target,
    rows: Vec<RecordBatch>,
}

impl Table {
    pub(super) fn new(target: &Target) -> Self {
        Self { target: target.clone(), rows: Vec::new() }
    }
}

impl Writer for Table {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows.push(batch.clone());
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let mut out = self.target.open()?;
        let printed = print(&self.rows, &self.target, &mut out)?;
        out.flush()?;
        if printed == Printed::Cut {
            self.target.hint_after("long values are cut (…); --format line shows them whole");
        }
        Ok(())
    }
}

/// What came of printing a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Printed {
    /// All of it is there.
    Whole,
    /// Some values were cut in the middle.
    Cut,
    /// It was too wide, and was printed as records.
    AsRecords,
}

/// Prints batches of one schema as a table; or as records if it is wider than the screen even with its texts cut.
fn print(batches: &[RecordBatch], target: &Target, out: &mut impl Write) -> Result<Printed> {
    let layout = target.layout();
    let batches = batches.iter().map(Flat::of).collect::<Result<Vec<_>>>()?;
    let Some(first) = batches.first() else { return Ok(Printed::Whole) };
    let schema = first.schema();
    let mut columns: Vec<Column> =
        schema.fields().iter().map(|field| Column::new(field.name(), field.data_type().is_numeric(), layout)).collect();
    for batch in &batches {
        // Nothing is written meanwhile, which would say that it is stopped.
        target.stopped().check()?;
        let cells = batch.cells(ABSENT)?;
        for row in 0..cells.rows() {
            (0..columns.len()).for_each(|place| columns[place].look_at(&cells, row, place, batch.is_text(place)));
        }
    }
    let natural: Vec<usize> = columns.iter().map(|column| column.width).collect();
    let floors: Vec<usize> = columns.iter().map(Column::floor).collect();
    let Some(widths) = fit(&natural, &floors, layout.width) else {
        let mut records = Records::new(layout);
        batches.iter().try_for_each(|batch| records.print(batch, out))?;
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

/// Writes a row, on more than one line if prose is longer than its column.
fn write_row(out: &mut impl Write, columns: &[Column], cells: &Cells, row: usize, layout: Layout) -> Result<()> {
    let lines: Vec<Vec<String>> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let text = column.text(cells, row, place);
            if column.is_prose { hanging("", &text, 0, Some(column.width)) } else { vec![text] }
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

fn write_line(out: &mut impl Write, cells: impl Iterator<Item = String>) -> Result<()> {
    let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
    Ok(writeln!(out, "{}", line.trim_end())?)
}

/// The widths of columns that fit on a line: their own, or less for the widest; `None` if not even the smallest
/// widths fit.
fn fit(natural: &[usize], floors: &[usize], line: Option<usize>) -> Option<Vec<usize>> {
    let gaps = GAP * natural.len().saturating_sub(1);
    let at = |level: usize| -> Vec<usize> {
        natural.iter().zip(floors).map(|(natural, floor)| (*natural).min(level.max(*floor))).collect()
    };
    let fits = |widths: &[usize]| line.is_none_or(|line| widths.iter().sum::<usize>() + gaps <= line);
    if fits(natural) {
        return Some(natural.to_vec());
    }
    // The largest width to which all wider columns can be cut so that the line fits.
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
}
