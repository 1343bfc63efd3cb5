//! A log format: everything about a log, described once.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use crate::decoder::{Carry, Decoder, Printer};
use crate::entity::{Entity, Measures};
use crate::json_log::JsonLog;
use crate::meaning::{EventId, Issuing, Subject};
use crate::named_values::Inside;
use crate::partitions::Partitions;
use crate::role::{Role, Value};
use crate::table::Table;

/// A log format: an entry of the registry [`crate::formats`].
#[derive(Debug)]
pub struct Format {
    /// The table of its records.
    pub table: &'static Table,
    /// What a record is, as a noun phrase: `line of an S3 access log`.
    pub record: &'static str,
    /// How its content is cut into blocks.
    pub framing: Framing,
    /// Whether the beginning of a (decompressed) file looks like this format.
    pub detect: fn(&[u8]) -> bool,
    /// Makes a decoder that fills these columns: see [`Format::new_decoder`].
    pub decoder: fn(Partitions) -> Box<dyn Decoder>,
    /// The columns that a printer needs.
    pub printed: fn() -> Vec<&'static str>,
    /// Makes a printer for the rows of a batch. If the batch lacks a column, the error names it.
    pub printer: fn(&RecordBatch) -> Result<Box<dyn Printer>, ArrowError>,
    /// Learns from content that is decoded elsewhere what to pass on to the content after it.
    pub skim: fn(&[u8], &mut Carry),
    /// Whether a part of a large file may end after this line. Not if the line belongs to the next record.
    pub ends_block: fn(&[u8]) -> bool,
    /// AWS's name for it in the names of delivered files: `vpcflowlogs` in `111122223333_vpcflowlogs_us-east-1_…`.
    /// Related logs have a dash and more text after it: `CloudTrail-Insight`.
    pub delivered_as: &'static [&'static str],
    /// How to find and read its records inside other documents.
    pub inside: Inside,
    /// What its fields mean, each role once.
    pub roles: &'static [(Role, Value)],
    /// The fields whose values are indexed.
    pub entities: &'static [Entity],
    /// The version of what the rows of the index mean. Rows of an older version are not used. Stores that state no
    /// version have version 1.
    pub index_version: i32,
    /// What is summed over records.
    pub measures: Measures,
    /// What a record is about, if no column says it.
    pub subject: Option<Subject>,
    /// What distinguishes events, if a log can have the record of one more than once.
    pub event_id: Option<EventId>,
    /// The records of access keys that were issued.
    pub issuing: Option<Issuing>,
}

impl Format {
    /// Where the log has the value of a role, if it has it.
    #[must_use]
    pub fn role(&self, role: Role) -> Option<Value> {
        self.roles.iter().find(|(of, _)| *of == role).map(|(_, value)| *value)
    }
}

/// The framing of a format's content.
#[derive(Clone, Copy, Debug)]
pub enum Framing {
    /// A record a line.
    Lines,
    /// JSON objects, one after another or in an array.
    Json(&'static JsonLog),
}

impl Framing {
    /// Whether records are JSON objects.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json(_))
    }
}
