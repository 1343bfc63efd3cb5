//! The log formats: sawlog's own, and those that a program adds.

use std::sync::OnceLock;

use crate::encoding::without_mark;
use crate::format::Format;
use crate::{alb_access, cloudtrail, s3_access, vpc_flow};

/// The formats of sawlog itself.
const OWN: &[&Format] = &[&s3_access::FORMAT, &cloudtrail::FORMAT, &vpc_flow::FORMAT, &alb_access::FORMAT];

/// The formats whose tables every store has. Stores from before a later log have no table for it.
pub const FIRST_FORMATS: &[&Format] = &[&s3_access::FORMAT, &cloudtrail::FORMAT, &vpc_flow::FORMAT];

/// All formats; set at the first use.
static ALL: OnceLock<Vec<&'static Format>> = OnceLock::new();

/// The formats were used before others were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate;

impl std::fmt::Display for TooLate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("log formats must be added before the first use of any")
    }
}

impl std::error::Error for TooLate {}

/// All log formats: sawlog's own, then added ones.
#[must_use]
pub fn formats() -> &'static [&'static Format] {
    ALL.get_or_init(|| OWN.to_vec())
}

/// Adds formats for the rest of the process, so that all of sawlog works with them, too. Their tables must have names
/// of their own.
///
/// # Errors
///
/// If the formats are in use already, or some were added before.
pub fn register(formats: &[&'static Format]) -> Result<(), TooLate> {
    ALL.set([OWN, formats].concat()).map_err(|_| TooLate)
}

/// The format of the records in a file that begins (decompressed) with `head`; `None` if it is of no known format.
#[must_use]
pub fn detect(head: &[u8]) -> Option<&'static Format> {
    let head = without_mark(head);
    // JSON is not searched for lines.
    let json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    let may_be = |format: &&Format| !json || format.framing.is_json();
    // Added formats come first: sawlog's own would take everything that may be theirs.
    let (own, added) = formats().split_at(OWN.len());
    added.iter().chain(own).copied().filter(may_be).find(|format| (format.detect)(head))
}

/// The format whose records are in the table named `name`.
///
/// ```
/// assert_eq!(sawlog_formats::format("s3_access").unwrap().table.name, "s3_access");
/// ```
#[must_use]
pub fn format(name: &str) -> Option<&'static Format> {
    formats().iter().copied().find(|format| format.table.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_in_use_are_not_added_to() {
        assert_eq!(formats().len(), OWN.len());
        assert_eq!(register(&[]), Err(TooLate));
        assert!(format("none").is_none());
    }
}
