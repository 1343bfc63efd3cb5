//! A field of a line: its place, and the number that it may be.

use memchr::memchr;
use wide::u8x16;

/// The place of a field in a block of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// A field that is absent, or `-`.
    pub(crate) const NULL: Self = Self { start: u32::MAX, len: 0 };

    /// The bytes `start..end` of the line, null where they are a single `-`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block is far smaller than 4 GiB")]
    pub(crate) fn new(line: &[u8], start: usize, end: usize) -> Self {
        if end == start + 1 && line[start] == b'-' {
            return Self::NULL;
        }
        Self { start: start as u32, len: (end - start) as u32 }
    }

    /// The bytes `start..end` of a block, even a single `-`.
    #[expect(clippy::cast_possible_truncation, reason = "a block is far smaller than 4 GiB")]
    pub(crate) fn verbatim(start: usize, end: usize) -> Self {
        Self { start: start as u32, len: (end - start) as u32 }
    }

    /// The field's bytes in the line that it was made from.
    #[inline]
    pub(crate) fn of(self, line: &[u8]) -> Option<&[u8]> {
        (self.start != u32::MAX).then(|| &line[self.start as usize..][..self.len as usize])
    }

    /// The same field, in a block where the line begins at `base`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block is far smaller than 4 GiB")]
    pub(crate) fn moved(self, base: usize) -> Self {
        if self.start == u32::MAX { self } else { Self { start: self.start + base as u32, len: self.len } }
    }
}

/// A number in decimal digits, or `None` for `-`. An error for anything else, or for a number that `i64` can't hold.
/// The second value says whether printing the number gives the same text.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<(Option<i64>, bool)> {
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

/// Prints a number in decimal digits.
#[inline]
pub(crate) fn print_number(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The place of the first `byte`, as [`memchr`] finds it. Most fields are short, so that a call would cost more than
/// looking at their first sixteen bytes.
#[inline]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let Some((first, rest)) = text.split_first_chunk::<16>() else { return memchr(byte, text) };
    match u8x16::new(*first).simd_eq(u8x16::splat(byte)).to_bitmask() {
        0 => memchr(byte, rest).map(|place| first.len() + place),
        mask => Some(mask.trailing_zeros() as usize),
    }
}

/// Appends to `found` the places of blanks and line feeds in `bytes`, in order.
pub(crate) fn separators(bytes: &[u8], found: &mut Vec<u32>) {
    let (vectors, rest) = bytes.as_chunks::<16>();
    let (blank, line_feed) = (u8x16::splat(b' '), u8x16::splat(b'\n'));
    let mut base = 0;
    for vector in vectors {
        let vector = u8x16::new(*vector);
        let mut mask = (vector.simd_eq(blank) | vector.simd_eq(line_feed)).to_bitmask();
        while mask != 0 {
            found.push(base + mask.trailing_zeros());
            mask &= mask - 1;
        }
        base += 16;
    }
    let is_separator = |byte: &u8| matches!(byte, b' ' | b'\n');
    found.extend((base..).zip(rest).filter(|(_, byte)| is_separator(byte)).map(|(place, _)| place));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn separators_are_where_they_stand(text in "[ab \\n]{0,100}") {
            let mut found = Vec::new();
            super::separators(text.as_bytes(), &mut found);
            let expected: Vec<u32> = (0..).zip(text.bytes()).filter(|(_, byte)| b" \n".contains(byte)).map(|(at, _)| at).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_byte_is_found_where_it_stands_first(text in "[ab]{0,40}") {
            prop_assert_eq!(super::find(b'b', text.as_bytes()), text.find('b'));
        }
    }
}
