//! The order of a line's fields.

use std::sync::Arc;

use super::TABLE;
use super::column::FIELDS;
use crate::table::Kind;

/// The fields of version 2, which lines have where nothing else is said.
pub const DEFAULT_FIELDS: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets \
                                  bytes start end action log-status";

/// No header line is longer.
const MAX_HEADER: usize = 8192;

/// Where the fields of a line go.
#[derive(Debug)]
pub(super) struct Layout {
    /// The names of the fields, as the header has them.
    pub(super) text: Arc<str>,
    pub(super) slots: Vec<Slot>,
    /// How many fields are text, numbers, and without a column.
    pub(super) texts: usize,
    pub(super) numbers: usize,
    pub(super) extras: usize,
}

/// Where a field goes: its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Text(usize),
    /// The column, and whether it has 32 bits.
    Number(usize, bool),
    Time(usize),
    /// A field without a column, or one that the header names twice.
    Extra,
}

impl Layout {
    pub(super) fn new(text: Arc<str>) -> Self {
        let mut slots: Vec<Slot> = Vec::new();
        for name in text.split(' ') {
            let slot = position(name.as_bytes()).map_or(Slot::Extra, |column| match TABLE.columns[column].kind {
                Kind::Int32 => Slot::Number(column, true),
                Kind::Int64 => Slot::Number(column, false),
                Kind::Time => Slot::Time(column),
                _ => Slot::Text(column),
            });
            let repeated = slot != Slot::Extra && slots.contains(&slot);
            slots.push(if repeated { Slot::Extra } else { slot });
        }
        let count = |of: fn(&Slot) -> bool| slots.iter().filter(|slot| of(slot)).count();
        Self {
            texts: count(|slot| matches!(slot, Slot::Text(_))),
            numbers: count(|slot| matches!(slot, Slot::Number(..) | Slot::Time(_))),
            extras: count(|slot| *slot == Slot::Extra),
            slots,
            text,
        }
    }
}

/// The column of the field named `name`, which AWS writes with `-` in logs and with `_` in Parquet files.
fn position(name: &[u8]) -> Option<usize> {
    let same = |column: &str| {
        column.len() == name.len() && column.bytes().zip(name).all(|(a, b)| a == if *b == b'-' { b'_' } else { *b })
    };
    TABLE.columns[..FIELDS].iter().position(|column| same(column.name))
}

/// Whether a line names fields: all its words are names, and the first and most of the others are known.
#[must_use]
pub fn is_header(line: &[u8]) -> bool {
    if line.len() > MAX_HEADER || !line.first().is_some_and(u8::is_ascii_lowercase) {
        return false;
    }
    let is_name = |word: &[u8]| {
        let letters =
            word.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte));
        letters && word.first().is_some_and(u8::is_ascii_lowercase)
    };
    let (mut words, mut known) = (0, 0);
    for word in line.split(|byte| *byte == b' ') {
        if !is_name(word) {
            return false;
        }
        words += 1;
        known += usize::from(position(word).is_some());
    }
    known * 2 > words && known >= 2
}
