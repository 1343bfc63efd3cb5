//! Documents that hold records of a log among other things: a framing around another framing.
//!
//! AWS and other tools pass logs on in documents of their own: CloudTrail's `lookup-events`, subscriptions, exports and
//! queries of `CloudWatch` Logs, `EventBridge`, SNS and SQS, Elasticsearch and Splunk. In all of them, a record is one
//! of four things: a JSON object, a JSON string, a field of CSV, or the rest of a line that begins with a time or with
//! what a tool put there. [`open`] finds the first record at the beginning of a file and remembers its place.
//! [`Opener`] then walks through the file as a stream and returns what it finds in that place, as items of blocks.
//! [`decode_opened`] lets the log's own decoder read them.
//!
//! Nothing is lost. The text before a record is its `gap`, and how the record is wrapped is its `wrapping`. If wrapping
//! the record again does not give the same bytes, `wrapped` keeps them.

mod base64;
mod cells;
mod decode;
mod json;
mod lead;
mod named;
mod opener;
mod place;
mod rebuild;
mod rows;
mod target;
mod tell;
mod walk;

pub(crate) use base64::is_base64;
pub use base64::{Base64Text, base64_texts};
pub use decode::{decode_opened, reject_opened};
pub use opener::Opener;
pub use rebuild::WrappedColumns;
pub use tell::{Envelope, may_hold_records, open};

use crate::origin::MAX_LINE;

/// Where the line ends that begins at `start`: at its line feed, or at the longest length; `None` if not in `bytes`.
fn line_end(bytes: &[u8], start: usize, at_end: bool) -> Option<usize> {
    let near = &bytes[start..bytes.len().min(start + MAX_LINE)];
    match memchr::memchr(b'\n', near) {
        Some(run) => Some(start + run),
        None => (at_end || near.len() == MAX_LINE).then_some(start + near.len()),
    }
}
