//! Records: a line for each value.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use unicode_width::UnicodeWidthStr;

use super::batches::Writer;
use super::cells::Flat;
use super::column::{ABSENT, Column, Layout};
use super::style::Style;
use super::target::{Out, Target};

/// A line for each value.
pub(super) struct Lines {
    records: Records,
    out: Out,
}

impl Lines {
    pub(super) fn new(target: &Target) -> Result<Self> {
        Ok(Self { records: Records::new(target.layout()), out: target.open()? })
    }
}

impl Writer for Lines {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.records.print(&Flat::of(batch)?, &mut self.out)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        Ok(self.out.flush()?)
    }
}

/// Prints batches as records: one line per value.
pub(super) struct Records {
    layout: Layout,
    any: bool,
}

impl Records {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, any: false }
    }

    /// Prints a batch.
    pub(super) fn print(&mut self, batch: &Flat, out: &mut impl Write) -> Result<()> {
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
