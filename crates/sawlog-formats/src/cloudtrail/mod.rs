//! AWS CloudTrail logs: JSON records of API calls.
//!
//! Records come in `{"Records":[…]}`, as CloudTrail delivers them, in a bare array, one a line, or alone. [`Scanner`] cuts
//! a stream of such documents into blocks of whole records; the decoder parses a block and fills columns. The record's own
//! text stays in the column `raw`.

mod decode;
mod fields;
mod print;
mod scan;

use decode::Decoder;
use print::RecordPrinter;
pub use scan::{Item, Scanner};

use crate::decoder::{Format, Framing};
use crate::table::Table;

/// The format.
pub const FORMAT: Format = Format {
    table: &TABLE,
    framing: Framing::Json,
    detect,
    decoder: || Box::<Decoder>::default(),
    printed: || vec!["gap", "raw"],
    printer: |batch| Ok(Box::new(RecordPrinter::new(batch)?)),
    skim: |_, _| {},
    ends_block: |_| true,
};

/// The table of API calls.
pub const TABLE: Table = Table {
    name: "cloudtrail",
    doc: "CloudTrail logs: a row for each event",
    columns: &fields::COLUMNS,
    time: Some("event_time"),
};

/// Whether `head`, the beginning of a file, looks like CloudTrail records: JSON that has the wrapper, or the names of
/// fields that only records have.
fn detect(head: &[u8]) -> bool {
    let text = trimmed(head);
    let names = |name: &[u8]| memchr::memmem::find(text, name).is_some();
    match text.first() {
        Some(b'{') if text.starts_with(b"{\"Records\"") => true,
        Some(b'{') => names(b"eventSource") && names(b"eventName") && !is_digest(head),
        Some(b'[') => trimmed(&text[1..]).starts_with(b"]") || names(b"eventSource") && names(b"eventName"),
        _ => false,
    }
}

/// Whether `head`, the beginning of a file, looks like a CloudTrail digest, which lists log files and their hashes. See the
/// AWS CloudTrail user guide, "CloudTrail digest file structure".
///
/// ```
/// assert!(sawlog_formats::cloudtrail::is_digest(br#"{"awsAccountId":"1","digestStartTime":"2021","digestS3Bucket":"b""#));
/// ```
#[must_use]
pub fn is_digest(head: &[u8]) -> bool {
    let text = trimmed(head);
    let names = |name: &[u8]| memchr::memmem::find(text, name).is_some();
    let is_object = text.starts_with(b"{") && !text.starts_with(b"{\"Records\"");
    is_object && names(b"\"digestStartTime\"") && names(b"\"digestS3Bucket\"")
}

/// Without byte order mark and white space at the beginning.
fn trimmed(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

#[cfg(test)]
mod tests;
