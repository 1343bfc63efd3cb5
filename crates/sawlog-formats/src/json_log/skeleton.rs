//! A record without its values: the text between them, byte for byte, with a mark for each value that a column holds.
//!
//! `{"eventName":"␁event_name␁","readOnly":␁read_only␁,"requestParameters":null}`, where ␁ is [`MARK`]. Between two of
//! these is the path of a column, with dots for groups and the position of the item in a list: `resources.0.arn`. A
//! value between quotes is written with escapes, elsewhere as it is in its column. `extra` means the next value in that
//! column, in order. There are so few skeletons that each is stored once. A record is the number of its skeleton, and
//! its values.

use std::ops::Range;

/// Surrounds a column's path on both sides. JSON never contains it: outside strings this character is not allowed,
/// and inside strings it is escaped.
pub(super) const MARK: char = '\u{1}';

/// The mark for a value that has no column, but is in `extra`.
const EXTRA: &[u8] = b"\x01extra\x01";

/// Longer skeletons are not worth it: the record keeps its text.
const MAX_LEN: usize = 16 << 10;
/// The most skeletons in a row group; records with further ones keep their text. Logs that make up names have ever
/// more.
pub(super) const MOST: usize = 512;
/// The most fields without a column that are taken out of a record.
const MOST_EXTRA: usize = 1000;

/// The skeleton of a record while it is walked.
#[derive(Debug, Default)]
pub(super) struct Skeleton {
    bytes: Vec<u8>,
    /// How far the record was noted.
    at: usize,
    /// Whether skeleton and values give the record back.
    is_whole: bool,
    /// Within a list, its column's name and the position of the item, with dots.
    item: Vec<u8>,
    /// The fields that have no column, as an object that is not closed yet, and how many they are.
    extra: Vec<u8>,
    extra_fields: usize,
}

impl Skeleton {
    /// Begins a record. `is_whole` is false if its text is not the parsed text.
    pub(super) fn begin(&mut self, is_whole: bool) {
        self.bytes.clear();
        self.extra.clear();
        (self.at, self.is_whole, self.extra_fields) = (0, is_whole, 0);
    }

    /// Notes that the record can't be rebuilt from its skeleton and values.
    pub(super) fn give_up(&mut self) {
        self.is_whole = false;
    }

    /// Notes a value of a column, at `range` of the record.
    #[inline]
    pub(super) fn value(&mut self, record: &[u8], range: Range<usize>, slot: &[u8]) {
        if !self.is_whole {
            return;
        }
        self.bytes.extend_from_slice(&record[self.at..range.start]);
        if let (false, [mark, rest @ ..]) = (self.item.is_empty(), slot) {
            self.bytes.push(*mark);
            self.bytes.extend_from_slice(&self.item);
            self.bytes.extend_from_slice(rest);
        } else {
            self.bytes.extend_from_slice(slot);
        }
        self.at = range.end;
    }

    /// Notes a field without a column: `path` leads to its object; its key and value are at these ranges of the
    /// record.
    pub(super) fn unknown(&mut self, record: &[u8], path: &str, key: Range<usize>, value: Range<usize>) {
        self.extra_fields += 1;
        if self.extra_fields > MOST_EXTRA {
            return self.give_up();
        }
        self.extra.extend_from_slice(if self.extra.is_empty() { b"{\"" } else { b",\"" });
        self.extra.extend_from_slice(path.as_bytes());
        self.extra.extend_from_slice(&record[key]);
        self.extra.extend_from_slice(b"\":");
        self.extra.extend_from_slice(&record[value.clone()]);
        if self.is_whole {
            self.bytes.extend_from_slice(&record[self.at..value.start]);
            self.bytes.extend_from_slice(EXTRA);
            self.at = value.end;
        }
    }

    /// Goes to an item of the list whose column `slot` names.
    pub(super) fn begin_item(&mut self, slot: &[u8], item: usize) {
        self.item.clear();
        self.item.extend_from_slice(slot);
        self.item.extend_from_slice(format!("{item}.").as_bytes());
    }

    /// Leaves the list.
    pub(super) fn end_items(&mut self) {
        self.item.clear();
    }

    /// The whole skeleton, if it and the values give the record back.
    pub(super) fn end(&mut self, record: &[u8]) -> Option<&[u8]> {
        if !self.is_whole || self.bytes.len() + record.len() - self.at > MAX_LEN {
            return None;
        }
        self.bytes.extend_from_slice(&record[self.at..]);
        Some(&self.bytes)
    }

    /// The fields that have no column, as a JSON object.
    pub(super) fn extra(&mut self) -> Option<&[u8]> {
        if self.extra.is_empty() {
            return None;
        }
        self.extra.push(b'}');
        Some(&self.extra)
    }
}

/// A skeleton taken apart.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    rest: &'a str,
}

/// A value in a skeleton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// The text before the value.
    pub(super) before: &'a str,
    /// The path of its column.
    pub(super) path: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(skeleton: &'a str) -> Self {
        Self { rest: skeleton }
    }

    /// The text after the last value.
    pub(super) fn rest(self) -> &'a str {
        self.rest
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        let (before, rest) = self.rest.split_once(MARK)?;
        let (path, rest) = rest.split_once(MARK)?;
        self.rest = rest;
        Some(Part { before, path })
    }
}
