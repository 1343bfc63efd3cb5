#![doc = include_str!("../README.md")]
//!
//! # How it is built
//!
//! A decoder does no I/O, starts no threads and reads no clock, so it can be driven by a memory map, a decompressor, a
//! test or a fuzzer alike. The tables that it fills are described by data: see [`Table`].

mod address;
mod block;
mod builder;
mod calendar;
mod column;
mod columns;
mod compression;
mod container;
mod cutter;
mod decoder;
mod encoding;
mod entity;
mod envelope;
mod evidence;
mod field;
mod format;
mod gunzip;
mod identify;
mod inflate;
mod interner;
pub mod json_log;
mod label;
mod layouts;
pub mod line_log;
mod lines;
mod logs;
mod meaning;
mod members;
mod named_values;
mod origin;
mod partitions;
mod reader;
mod rebuild;
mod registry;
mod reject;
mod role;
mod table;
mod text;
mod time_span;
mod units;
mod visible;
mod whole_gzip;
mod wrapping;

pub use address::{canonical_address, parse_address, split_port, with_port};
pub use block::{Block, Item, Wrapped};
pub use builder::{ColumnSet, Seen, Sizes, date_name};
pub use calendar::TIMES;
pub use compression::{
    Budget, Charged, Compression, MAX_LAYERS, MAX_WINDOW_KIB, Peeler, decompress, decompressed, layer_names,
};
pub use container::Container;
pub use cutter::Cutter;
pub use decoder::{Carry, Decoded, Decoder, Printer};
pub use encoding::{Encoding, without_mark};
pub use entity::{Bytes, Entity, EntityKind, Failed, Find, Measures, Part, Received, Source, Standing};
pub use envelope::{
    Base64Text, Envelope, Opener, WrappedColumns, base64_texts, decode_opened, may_hold_records, open, reject_opened,
};
pub use evidence::EvidencePlace;
pub use format::{Format, Framing};
pub use identify::{
    Kind as UnreadKind, NotOpened, Unread, archive, behind_text, headerless, is_read_now, not_opened, other_parquet,
    other_table, remedy, wrapper, zip_behind,
};
pub use inflate::{inflate, is_gzip};
pub use interner::Interner;
pub use label::label;
pub use layouts::TextLayout;
pub use logs::{alb_access, cloudtrail, s3_access, vpc_flow};
pub use meaning::{EventId, Issuing, Subject};
pub use named_values::{Inside, NamedValue, NamedValues};
pub use origin::{LineEnding, MAX_LINE, Origin};
pub use partitions::Partitions;
pub use reader::{LogBatch, ReadError, Reader, ReaderOptions};
pub use rebuild::{Rebuilder, Remainder, RowText, rebuild};
pub use registry::{FIRST_FORMATS, TooLate, detect, format, formats, register};
pub use reject::{REJECTS, RejectBuilder, RejectReason};
pub use role::{Changes, Role, Value};
pub use table::{Column, Kind, Layout, Table};
pub use text::TextColumn;
pub use time_span::TimeSpan;
pub use units::{Size, counted, size};
pub use visible::{steers, visible};
pub use wrapping::Wrapping;
