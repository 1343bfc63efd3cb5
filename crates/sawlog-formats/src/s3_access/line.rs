//! A line taken apart: where its fields stand, and the numbers in it.

use super::column::FIELDS;

/// Where a field stands in a block of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// A field that is absent, or `-`.
    pub(super) const NULL: Self = Self { start: u32::MAX, len: 0 };

    /// The bytes `start..end` of the line, null where they are a single `-`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block is far smaller than 4 GiB")]
    pub(super) fn new(line: &[u8], start: usize, end: usize) -> Self {
        if end == start + 1 && line[start] == b'-' {
            return Self::NULL;
        }
        Self { start: start as u32, len: (end - start) as u32 }
    }

    /// The field's bytes in the line that it was made from.
    #[inline]
    pub(super) fn of(self, line: &[u8]) -> Option<&[u8]> {
        (self.start != u32::MAX).then(|| &line[self.start as usize..][..self.len as usize])
    }

    /// The same field, in a block in which the line begins at `base`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block is far smaller than 4 GiB")]
    fn moved(self, base: usize) -> Self {
        if self.start == u32::MAX { self } else { Self { start: self.start + base as u32, len: self.len } }
    }
}

/// A line taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The fields of text, by column; those of time and numbers stay null.
    pub(super) fields: [Span; FIELDS],
    /// The fields after the last known one, as they stand.
    pub(super) extra: Span,
    /// Microseconds since 1970.
    pub(super) time: i64,
    /// HTTP status, bytes sent, object size, total time, turn-around time.
    pub(super) numbers: [Option<i64>; 5],
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
        field_count: 0,
        canonical: true,
    };

    /// The same fields, in a block in which the line begins at `base`.
    #[inline]
    pub(super) fn move_by(&mut self, base: usize) {
        for field in &mut self.fields {
            *field = field.moved(base);
        }
        self.extra = self.extra.moved(base);
    }
}

/// A number in decimal digits, or nothing for `-`; an error for anything else, or what `i64` can't hold.
/// The second value says whether the number is written as it would be printed.
#[inline]
pub(super) fn number(text: &[u8]) -> Option<(Option<i64>, bool)> {
    match text {
        b"-" => Some((None, true)),
        [first, ..] if text.len() <= 19 => {
            let mut value: i64 = 0;
            for byte in text {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    return None;
                }
                value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
            }
            Some((Some(value), *first != b'0' || text.len() == 1))
        }
        _ => None,
    }
}

/// An operation's name: letters, digits and `_` in parts that a `.` separates. See the user guide's field "Operation".
#[inline]
pub(super) fn is_operation(text: &[u8]) -> bool {
    text.contains(&b'.') && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

/// Whether the operation's record has bare `-` where others have `"-"`: no HTTP request of its own stands behind it.
#[inline]
pub(super) fn has_bare_dashes(operation: Option<&[u8]>) -> bool {
    operation.is_some_and(|operation| operation.starts_with(b"BATCH."))
}

/// Whether this can be a signature version, which tells a host id of two words from one.
#[inline]
pub(super) fn is_signature_version(text: &[u8]) -> bool {
    text == b"-" || text.starts_with(b"Sig")
}
