//! A column of a table or of records, as people see it.

use std::net::IpAddr;

use sawlog_formats::visible;
use unicode_width::UnicodeWidthStr;

use super::cells::Cells;
use super::fit::{padded, shortened};
use super::units::with_commas;

/// Shown where there is no value.
pub(super) const ABSENT: &str = "-";
/// Text is not cut shorter than this, and columns that are no wider are not cut.
const LEAST: usize = 24;
/// The longest text of an address.
const ADDRESS: usize = 45;
/// Words in the names of columns that hold counts or sizes in bytes: `flow_bytes`, `bytes_sent`.
const COUNTS: [&str; 17] = [
    "bytes", "count", "errors", "events", "failed", "files", "flows", "ips", "lines", "packets", "received", "records",
    "rejects", "requests", "rows", "sent", "size",
];

/// How tables and records are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// How many characters fit on a line, if there is a limit.
    pub(crate) width: Option<usize>,
    /// Whether the names of the columns are shown above a table.
    pub(crate) header: bool,
    /// Whether it has colours.
    pub(crate) coloured: bool,
    /// Whether counts have commas.
    pub(crate) commas: bool,
}

impl Layout {
    /// A count, as it is shown.
    pub(crate) fn count(&self, count: u64) -> String {
        let text = count.to_string();
        if self.commas { with_commas(&text) } else { text }
    }
}

/// A column of a table.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the values")]
pub(super) struct Column {
    pub(super) name: String,
    is_number: bool,
    /// Whether its numbers get commas.
    commas: bool,
    pub(super) width: usize,
    /// Whether its values may be cut.
    is_long_text: bool,
    /// Whether the values must not be cut even so: addresses, names of columns.
    is_whole: bool,
    /// Whether they are sentences, or types of many words, which are broken into lines.
    pub(super) is_prose: bool,
}

impl Column {
    pub(super) fn new(name: &str, is_number: bool, layout: Layout) -> Self {
        let name = visible(name).into_owned();
        let is_count = name.split('_').any(|word| COUNTS.contains(&word))
            || name.starts_with("count(")
            || name.starts_with("sum(");
        let width = if layout.header { name.width() } else { 0 };
        Self {
            commas: layout.commas && is_number && is_count,
            is_number,
            width,
            is_long_text: false,
            is_whole: name == "column",
            is_prose: ["meaning", "data_type", "column_type"].contains(&name.as_str()),
            name,
        }
    }

    /// A value's text.
    pub(super) fn text(&self, cells: &Cells, row: usize, place: usize) -> String {
        let text = cells.text(row, place);
        if self.commas { with_commas(&text) } else { visible(&text).into_owned() }
    }

    /// Takes a value into account.
    pub(super) fn look_at(&mut self, cells: &Cells, row: usize, place: usize, is_text: bool) {
        let text = self.text(cells, row, place);
        let width = text.width();
        self.width = self.width.max(width);
        if is_text && width > LEAST {
            self.is_long_text = true;
            self.is_whole |= text.len() <= ADDRESS && text.parse::<IpAddr>().is_ok();
        }
    }

    /// To what it may be cut.
    pub(super) fn floor(&self) -> usize {
        if self.is_long_text && !self.is_whole { LEAST.min(self.width) } else { self.width }
    }

    /// A text of the column's width; longer text is cut in the middle.
    pub(super) fn padded(&self, text: &str) -> String {
        let text = shortened(text, self.width);
        if self.is_number {
            return " ".repeat(self.width.saturating_sub(text.width())) + &text;
        }
        padded(&text, self.width)
    }

    /// Whether a value stands for a failure.
    pub(super) fn is_failure(&self, text: &str) -> bool {
        match self.name.as_str() {
            "outcome" => text == "failure",
            "action" => text == "REJECT",
            "errors" | "failed" => self.is_number && text != "0" && text != ABSENT,
            "error" | "error_code" | "error_message" => text != ABSENT,
            _ => false,
        }
    }
}
