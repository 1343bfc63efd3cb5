//! What every log format provides: a decoder of blocks, and a printer of records.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::block::Block;
use crate::origin::Origin;
use crate::partitions::Partitions;
use crate::reject::RejectReason;
use crate::time_span::TimeSpan;

/// What the blocks of a source pass on from one to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carry {
    /// The names of the fields, in order, as in a header line.
    pub fields: Option<Arc<str>>,
    /// Header lines and the like before the next record.
    pub gap: String,
}

/// What a block held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// All lines, blank ones too; or JSON objects.
    pub lines: i64,
    /// Those that are records.
    pub records: i64,
    /// The number of rejects.
    pub rejects: i64,
    /// Blank lines, which are skipped.
    pub blank_lines: i64,
    /// From the earliest time of a record to the latest.
    pub times: Option<TimeSpan>,
    /// Fields that the table has no column for, and how many records have them.
    pub unknown_fields: BTreeMap<String, i64>,
    /// Fields whose value has another type than the table says, and how many records have one.
    pub other_types: BTreeMap<String, i64>,
}

/// The most names of unknown fields that are counted for each block. In a log that makes up more, names are of no
/// use.
const MAX_NAMES: usize = 1000;

impl Decoded {
    /// Adds what a later block held.
    pub fn add(&mut self, later: &Self) {
        self.lines += later.lines;
        self.records += later.records;
        self.rejects += later.rejects;
        self.blank_lines += later.blank_lines;
        self.times = TimeSpan::covering(self.times, later.times);
        for (name, count) in &later.unknown_fields {
            count_name(&mut self.unknown_fields, name, *count);
        }
        for (name, count) in &later.other_types {
            count_name(&mut self.other_types, name, *count);
        }
    }

    /// Counts a record, and its time if it has one.
    pub(crate) fn record_at(&mut self, time: Option<i64>) {
        self.records += 1;
        self.times = TimeSpan::covering(self.times, time.map(TimeSpan::at));
    }
}

pub(crate) fn count_name(counts: &mut BTreeMap<String, i64>, name: &str, count: i64) {
    if let Some(known) = counts.get_mut(name) {
        *known += count;
    } else {
        let name = if counts.len() < MAX_NAMES { name } else { "(others)" };
        *counts.entry(name.to_owned()).or_default() += count;
    }
}

/// Takes blocks apart and fills columns.
pub trait Decoder: Debug + Send {
    /// Decodes a block, which must be shorter than 2 GiB.
    fn decode(&mut self, block: Block<'_>, origin: &Origin<'_>, carry: &mut Carry) -> Decoded;

    /// Stores a reject whose reason only the caller knows. `origin` is the place of `raw`; parts of one record share
    /// a number.
    fn reject(&mut self, reason: RejectReason<'_>, raw: &[u8], origin: &Origin<'_>, carry: &mut Carry) {
        let _ = carry;
        self.waiting_mut().rejects.push(origin, reason, raw);
    }

    /// The records and rejects that wait to be written.
    fn waiting(&self) -> &Partitions;

    /// The same, to take them out.
    fn waiting_mut(&mut self) -> &mut Partitions;
}

/// Prints rows of a table as the records that they were read from.
pub trait Printer: Debug {
    /// Prints the record of `row`. For a line, the text before its line ending, but everything if `raw` holds it.
    fn print(&self, row: usize, out: &mut Vec<u8>);

    /// Whether a bare line feed follows the printed record, whatever the source's line endings are.
    fn as_it_was(&self, row: usize) -> bool;

    /// The text before the record in its file, if it is not the usual separator.
    fn gap(&self, row: usize) -> Option<&str> {
        let _ = row;
        None
    }

    /// The names of the record's fields, if its format has header lines.
    fn fields(&self, row: usize) -> Option<&str> {
        let _ = row;
        None
    }
}
