//! Decoders of AWS log formats: each takes bytes and gives Arrow columns, and can print a record again byte for byte.
//!
//! A decoder does no I/O, starts no threads and reads no clock, so it can be driven by a memory map, a decompressor, a
//! test or a fuzzer alike. The tables that it fills are described by data: see [`Table`].

mod builder;
mod interner;
mod origin;
mod reject;
pub mod s3_access;
mod table;
mod text;

pub use builder::{ColumnSet, Sizes, date_name};
pub use origin::{LineEnding, MAX_LINE, Origin};
pub use reject::{REJECTS, RejectBuilder};
pub use table::{Column, Kind, Layout, Table};
pub use text::TextColumn;

/// The tables of records, one for each log format that sawlog knows.
pub const LOGS: &[&Table] = &[&s3_access::TABLE];

/// The table whose records `head`, the (decompressed) beginning of a file, holds; `None` if it is of no known format.
#[must_use]
pub fn detect(head: &[u8]) -> Option<&'static Table> {
    s3_access::detect(head).then_some(&s3_access::TABLE)
}

/// The table of records named `name`.
///
/// ```
/// assert_eq!(sawlog_formats::log("s3_access").unwrap().name, "s3_access");
/// ```
#[must_use]
pub fn log(name: &str) -> Option<&'static Table> {
    LOGS.iter().copied().find(|table| table.name == name)
}
