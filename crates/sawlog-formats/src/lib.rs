#![doc = include_str!("../README.md")]
//!
//! # How it is made up
//!
//! A decoder does no I/O, starts no threads and reads no clock, so it can be driven by a memory map, a decompressor, a
//! test or a fuzzer alike. The tables that it fills are described by data: see [`Table`].
#![forbid(unsafe_code)]

mod address;
pub mod alb_access;
mod builder;
mod calendar;
pub mod cloudtrail;
mod column;
mod columns;
mod cutter;
mod decoder;
mod encoding;
mod entity;
mod field;
mod gunzip;
mod identify;
mod inflate;
mod interner;
mod label;
mod layouts;
mod line_log;
mod members;
mod origin;
mod partitions;
mod reader;
mod rebuild;
mod reject;
mod role;
pub mod s3_access;
mod table;
mod text;
mod units;
mod visible;
pub mod vpc_flow;

pub use address::{canonical_address, parse_address};
pub use builder::{ColumnSet, Seen, Sizes, date_name};
pub use calendar::TIMES;
pub use decoder::{Block, Carry, Decoded, Decoder, Format, Framing, Printer};
pub use encoding::{Encoding, without_mark};
pub use entity::{Bytes, Entity, Failed, Find, Measures, Part, Received, Source};
pub use identify::{Kind as UnreadKind, Unread, archive, headerless, other_parquet, other_table, remedy, wrapper};
pub use inflate::{inflate, is_gzip};
pub use interner::Interner;
pub use label::label;
pub use layouts::TextLayout;
pub use origin::{LineEnding, MAX_LINE, Origin};
pub use partitions::Partitions;
pub use reader::{LogBatch, ReadError, Reader, ReaderOptions};
pub use rebuild::{Rebuilder, Remainder, RowText, rebuild};
pub use reject::{REJECTS, RejectBuilder};
pub use role::{Changes, Role, Value};
pub use table::{Column, Kind, Layout, Table};
pub use text::TextColumn;
pub use units::size;
pub use visible::{steers, visible};

/// The log formats that sawlog knows.
pub const FORMATS: &[&Format] = &[&s3_access::FORMAT, &cloudtrail::FORMAT, &vpc_flow::FORMAT, &alb_access::FORMAT];

/// Those of them whose tables every store has. Stores that were made before there was another log have no table of it.
pub const FIRST_FORMATS: &[&Format] = &[&s3_access::FORMAT, &cloudtrail::FORMAT, &vpc_flow::FORMAT];

/// The format whose records `head`, the (decompressed) beginning of a file, holds; `None` if it is of no known format.
#[must_use]
pub fn detect(head: &[u8]) -> Option<&'static Format> {
    let head = without_mark(head);
    // JSON is not looked through for lines.
    let json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    let may_be = |format: &&Format| !json || format.framing == Framing::Json;
    FORMATS.iter().copied().filter(may_be).find(|format| (format.detect)(head))
}

/// The format whose records are in the table named `name`.
///
/// ```
/// assert_eq!(sawlog_formats::format("s3_access").unwrap().table.name, "s3_access");
/// ```
#[must_use]
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.table.name == name)
}
