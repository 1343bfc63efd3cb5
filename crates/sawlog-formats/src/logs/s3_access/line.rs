//! The parts of a line: the places of its fields, and its numbers.

use super::column::FIELDS;
pub(super) use crate::field::{Span, number};

/// A line taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The text fields, by column; entries for times and numbers stay null.
    pub(super) fields: [Span; FIELDS],
    /// The fields after the last known one, as they are.
    pub(super) extra: Span,
    /// Microseconds since 1970.
    pub(super) time: i64,
    /// HTTP status, bytes sent, object size, total time, turn-around time.
    pub(super) numbers: [Option<i64>; 5],
    /// Which of these are null because the line has no number there, or one that does not fit.
    pub(super) odd: [bool; 5],
    /// How many fields the line has.
    pub(super) field_count: i64,
    /// Whether printing the fields gives the line back.
    pub(super) canonical: bool,
}

impl Line {
    pub(super) const EMPTY: Self = Self {
        fields: [Span::NULL; FIELDS],
        extra: Span::NULL,
        time: 0,
        numbers: [None; 5],
        odd: [false; 5],
        field_count: 0,
        canonical: true,
    };

    /// The same fields, in a block where the line begins at `base`.
    #[inline]
    pub(super) fn move_by(&mut self, base: usize) {
        for field in &mut self.fields {
            *field = field.moved(base);
        }
        self.extra = self.extra.moved(base);
    }
}

/// Whether a word is letters and digits only, as the owners that AWS writes: canonical ids in hexadecimal.
#[inline]
pub(super) fn is_usual_owner(word: &[u8]) -> bool {
    word.iter().fold(true, |is_usual, byte| is_usual & byte.is_ascii_alphanumeric())
}

/// Whether a word can be an owner. It can't if grep or another tool put text before the line.
pub(super) fn is_owner(word: &[u8]) -> bool {
    /// The length of a canonical id.
    const ID: usize = 64;
    let ends_with_id = || word.len() > ID && word[word.len() - ID..].iter().all(u8::is_ascii_hexdigit);
    let separates = |byte: &u8| b":,;|=\"'/\t".contains(byte);
    is_usual_owner(word) || !word.iter().any(separates) && !ends_with_id()
}

/// An operation's name: letters, digits and `_` in parts separated by `.`. See the user guide's field "Operation".
#[inline]
pub(super) fn is_operation(text: &[u8]) -> bool {
    text.contains(&b'.') && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

/// Whether records of this operation have a bare `-` where others have `"-"`: they have no HTTP request of their own.
#[inline]
pub(super) fn has_bare_dashes(operation: Option<&[u8]>) -> bool {
    operation.is_some_and(|operation| operation.starts_with(b"BATCH."))
}

/// Whether this can be a signature version, which separates a host id of two words from one of one word.
#[inline]
pub(super) fn is_signature_version(text: &[u8]) -> bool {
    text == b"-" || text.starts_with(b"Sig")
}
