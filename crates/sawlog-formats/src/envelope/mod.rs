//! Documents that hold records of a log among other things: a framing around another framing.
//!
//! AWS and other tools hand logs on in documents of their own: CloudTrail's `lookup-events`, subscriptions, exports and queries
//! of `CloudWatch` Logs, `EventBridge`, SNS and SQS, Elasticsearch and Splunk. Whatever they are called, a record is in one of four
//! places: an object in JSON, a JSON string, a field of CSV, or a line behind a time. [`open`] looks at the beginning of a file
//! for the first record and remembers its place; [`Opener`] then walks through the file as a stream and gives what it finds in
//! that place as items of blocks; [`decode_opened`] lets the log's own decoder read them.
//!
//! Nothing is lost: what stands before a record is its `gap`, how it is wrapped its `wrapping`, and where wrapping it again
//! does not give the same bytes these are in `wrapped`.

mod decode;
mod json;
mod named;
mod opener;
mod rebuild;
mod rows;
mod target;
mod tell;
mod walk;
mod wrapping;

pub use decode::{decode_opened, reject_opened};
pub use named::{Inside, NamedValue, NamedValues};
pub(crate) use named::{micros, plain, quoted, word};
pub use opener::{Opener, Wrapped};
pub use rebuild::WrappedColumns;
pub use tell::{Envelope, open};
pub use wrapping::Wrapping;

use crate::origin::MAX_LINE;

/// A text as it stands in a JSON string.
pub(crate) fn wrap_json(text: &[u8]) -> Vec<u8> {
    wrapping::Layer::Json.wrap(text)
}

/// So many bytes between records stay with the one that they precede; more is a reject of its own.
const MAX_GAP: usize = 64 << 10;

/// What is said of text that stands where a record should.
const NO_RECORD: &str = "text that is no record";

/// Where the line ends that begins at `start`: at its line feed, or where it is as long as a line may be; `None` if that is not
/// among the bytes.
fn line_end(bytes: &[u8], start: usize, at_end: bool) -> Option<usize> {
    let near = &bytes[start..bytes.len().min(start + MAX_LINE)];
    match memchr::memchr(b'\n', near) {
        Some(run) => Some(start + run),
        None => (at_end || near.len() == MAX_LINE).then_some(start + near.len()),
    }
}

/// Whether a word is a time such as `2024-05-01T12:00:00.000Z`.
pub(crate) fn is_time(word: &[u8]) -> bool {
    let pattern = b"0000-00-00T00:00:00";
    let alike = |(byte, like): (&u8, &u8)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like };
    word.len() > pattern.len() && word.len() < 40 && word.iter().zip(pattern).all(alike)
}
