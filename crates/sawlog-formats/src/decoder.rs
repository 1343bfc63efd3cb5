//! What every log format has: a way to cut its content into blocks, a decoder of blocks, and a printer of records.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::entity::{Entity, Measures};
use crate::envelope::Inside;
use crate::json_log::{Item, JsonLog};
use crate::meaning::{EventId, Issuing, Subject};
use crate::origin::Origin;
use crate::partitions::Partitions;
use crate::role::{Role, Value};
use crate::table::Table;

/// A log format: an entry of the registry [`crate::formats`].
#[derive(Debug)]
pub struct Format {
    /// The table of its records.
    pub table: &'static Table,
    /// What a record is, as a noun: `line of an S3 access log`.
    pub record: &'static str,
    /// How its content is cut into blocks.
    pub framing: Framing,
    /// Whether the (decompressed) beginning of a file looks like this format.
    pub detect: fn(&[u8]) -> bool,
    /// Makes a decoder.
    pub decoder: fn() -> Box<dyn Decoder>,
    /// The columns that a printer needs.
    pub printed: fn() -> Vec<&'static str>,
    /// Makes a printer of the rows in a batch, which must have those columns; names the one that it hasn't.
    pub printer: fn(&RecordBatch) -> Result<Box<dyn Printer>, ArrowError>,
    /// Learns from content that is decoded elsewhere what is to be handed on to what follows it.
    pub skim: fn(&[u8], &mut Carry),
    /// Whether a part of a large file may end after this line: not before a record, if something belongs to it.
    pub ends_block: fn(&[u8]) -> bool,
    /// What AWS calls it in the names of the files that it delivers: `vpcflowlogs` in `111122223333_vpcflowlogs_us-east-1_…`.
    /// Relatives have a dash and more behind it: `CloudTrail-Insight`.
    pub delivered_as: &'static [&'static str],
    /// How its records are found and read inside of other documents.
    pub inside: Inside,
    /// What its fields mean, each role once.
    pub roles: &'static [(Role, Value)],
    /// The fields whose values are indexed.
    pub entities: &'static [Entity],
    /// What the rows of the index mean that are written now. Rows of an older meaning are not believed; those of stores that
    /// say none have the first one, 1.
    pub index_version: i32,
    /// What is added up of records.
    pub measures: Measures,
    /// What tells what a record is about, where no column has it.
    pub subject: Option<Subject>,
    /// What tells events apart, where a log can have the record of one more than once.
    pub event_id: Option<EventId>,
    /// Which records tell of access keys that were issued.
    pub issuing: Option<Issuing>,
}

impl Format {
    /// Where the value of a role is, if the log has one.
    #[must_use]
    pub fn role(&self, role: Role) -> Option<Value> {
        self.roles.iter().find(|(of, _)| *of == role).map(|(_, value)| *value)
    }
}

/// How a format's content is made up.
#[derive(Clone, Copy, Debug)]
pub enum Framing {
    /// A record a line.
    Lines,
    /// JSON objects, one after the other or in an array.
    Json(&'static JsonLog),
}

impl Framing {
    /// Whether records are JSON objects.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json(_))
    }
}

/// A piece of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// Whole lines, of which the last of a file may lack its line feed.
    Lines(&'a [u8]),
    /// Whole JSON objects, and what stands before each.
    Json(&'a [u8], &'a [Item]),
    /// A part of a record that is longer than fits, and whether it is the last one. A line's line feed is not in it.
    Long(&'a [u8], bool),
}

/// What the blocks of a source hand on from one to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carry {
    /// The names of the fields, in order, as a header line gives them.
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
    /// Those that are none.
    pub rejects: i64,
    /// Lines with nothing on them, which are skipped.
    pub blank_lines: i64,
    /// The earliest and the latest time of a record, in microseconds since 1970.
    pub times: Option<(i64, i64)>,
    /// Fields that the table has no column for, and how many records have them.
    pub unknown_fields: BTreeMap<String, i64>,
    /// Fields with a value of another type than the table says, and how many records have one.
    pub other_types: BTreeMap<String, i64>,
}

/// So many names of fields are counted for each block; a log that makes up more is not worth naming them.
const MAX_NAMES: usize = 1000;

impl Decoded {
    /// Adds what a later block held.
    pub fn add(&mut self, later: &Self) {
        self.lines += later.lines;
        self.records += later.records;
        self.rejects += later.rejects;
        self.blank_lines += later.blank_lines;
        self.times = span(self.times, later.times);
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
        self.times = span(self.times, time.map(|time| (time, time)));
    }
}

/// The span of time that covers both.
fn span(earlier: Option<(i64, i64)>, later: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (earlier, later) {
        (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
        (times, None) | (None, times) => times,
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

    /// Stores what is no record for a reason that only the caller knows. `origin` is that of `raw`; parts of one record
    /// have the same number.
    fn reject(&mut self, reason: &str, raw: &[u8], origin: &Origin<'_>, carry: &mut Carry);

    /// The records and rejects that wait to be written.
    fn waiting(&self) -> &Partitions;

    /// The same, to take them out.
    fn waiting_mut(&mut self) -> &mut Partitions;
}

/// Prints rows of a table as the records they were read from.
pub trait Printer: Debug {
    /// Prints the record of `row`: of a line what stands before its ending, but with all of it that `raw` holds.
    fn print(&self, row: usize, out: &mut Vec<u8>);

    /// Whether what is printed is followed by a bare line feed, whatever the source's lines end with.
    fn as_it_was(&self, row: usize) -> bool;

    /// What stands before the record in its file, where that is not the usual separator.
    fn gap(&self, row: usize) -> Option<&str> {
        let _ = row;
        None
    }

    /// The names of the record's fields, where its format has a header line.
    fn fields(&self, row: usize) -> Option<&str> {
        let _ = row;
        None
    }
}
