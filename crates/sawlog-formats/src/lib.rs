//! Decoders of AWS log formats: each takes bytes and gives Arrow columns, and can print a record again byte for byte.
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
mod decoder;
mod encoding;
mod entity;
mod field;
mod identify;
mod inflate;
mod interner;
mod label;
pub mod line_log;
mod meaning;
mod members;
mod origin;
mod partitions;
mod registry;
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
pub use entity::{Bytes, Entity, Failed, Find, Measures, Part, Received, Source, Standing};
pub use identify::{Kind as UnreadKind, Unread, archive, headerless, other_parquet, other_table, remedy, wrapper};
pub use inflate::{inflate, is_gzip};
pub use interner::Interner;
pub use label::label;
pub use meaning::{EventId, Issuing, Subject};
pub use origin::{LineEnding, MAX_LINE, Origin};
pub use partitions::Partitions;
pub use registry::{FIRST_FORMATS, TooLate, detect, format, formats, register};
pub use reject::{REJECTS, RejectBuilder};
pub use role::{Changes, Role, Value};
pub use table::{Column, Kind, Layout, Table};
pub use text::TextColumn;
pub use units::size;
pub use visible::{steers, visible};
