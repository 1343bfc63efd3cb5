//! Where the fields of a line go: which of its texts and numbers, and to which columns.

use super::{LineLog, Shape};
use crate::table::{Kind, Table};

/// A field, and where its values go. The texts and the numbers of a line are each in the order of their columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) shape: Shape,
    pub(super) is_quoted: bool,
    /// The column, the first one of several.
    pub(super) column: usize,
    /// Whether a number must fit into 32 bits.
    pub(super) is_narrow: bool,
    /// Whether it is the record's time.
    pub(super) is_record_time: bool,
}

/// The fields of a log's lines, and the columns of their texts and numbers.
#[derive(Debug)]
pub(super) struct LineLayout {
    pub(super) table: &'static Table,
    pub(super) slots: Vec<Slot>,
    pub(super) least: usize,
    /// The columns of the texts, and of the numbers, in order.
    pub(super) texts: Vec<usize>,
    pub(super) numbers: Vec<usize>,
    /// The first column after the columns of the fields; the other extra columns follow it.
    others: usize,
}

impl LineLayout {
    pub(super) fn new(log: &'static LineLog) -> Self {
        let mut layout = Self {
            table: log.table,
            slots: Vec::with_capacity(log.fields.len()),
            least: log.least,
            texts: Vec::new(),
            numbers: Vec::new(),
            others: 0,
        };
        for field in log.fields {
            let columns = field.columns();
            layout.slots.push(Slot {
                shape: field.shape,
                is_quoted: field.is_quoted,
                column: layout.others,
                is_narrow: matches!(columns[0].kind, Kind::Int32),
                is_record_time: log.table.times.contains(&columns[0].name),
            });
            for column in columns {
                let of_kind = if matches!(column.kind, Kind::Text) { &mut layout.texts } else { &mut layout.numbers };
                of_kind.push(layout.others);
                layout.others += 1;
            }
        }
        layout
    }

    pub(super) fn field_count(&self) -> usize {
        self.others
    }

    pub(super) fn extra(&self) -> usize {
        self.others + 1
    }

    pub(super) fn raw(&self) -> usize {
        self.others + 2
    }

    pub(super) fn source_file(&self) -> usize {
        self.others + 3
    }

    pub(super) fn source_line(&self) -> usize {
        self.others + 4
    }

    /// The name of a column.
    pub(super) fn name(&self, column: usize) -> &'static str {
        self.table.columns[column].name
    }
}
