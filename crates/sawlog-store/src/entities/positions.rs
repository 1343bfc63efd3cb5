//! Posting lists: the row numbers of the records that have a rare value, so that a query reads only their pages.
//!
//! A list is in ascending order. It is stored as differences, each a varint.

use super::varint::{put, take};

/// The most row numbers of a posting list. A value with more records in a data file has no list.
pub(crate) const MAX_POSITIONS: usize = 32;

/// Encodes ascending row numbers into `bytes`, which it clears before.
pub(crate) fn encode(rows: impl IntoIterator<Item = u64>, bytes: &mut Vec<u8>) -> &[u8] {
    bytes.clear();
    let mut before = 0;
    for row in rows {
        put(row - before, bytes);
        before = row;
    }
    bytes
}

/// Decodes a posting list; `None` if it is truncated, or a number does not fit into 64 bits.
#[must_use]
pub fn positions(mut bytes: &[u8]) -> Option<Vec<u64>> {
    let mut rows = Vec::new();
    let mut row = 0_u64;
    while !bytes.is_empty() {
        row = row.checked_add(take(&mut bytes)?)?;
        rows.push(row);
    }
    Some(rows)
}

/// Merges two encoded posting lists; `None` if they have more than [`MAX_POSITIONS`] numbers together.
pub(crate) fn united(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    // Each number ends with the one byte that has no continuation bit.
    let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte < 0x80).count();
    if count(a) + count(b) > MAX_POSITIONS {
        return None;
    }
    let (mut last, mut rest) = (0, a);
    while !rest.is_empty() {
        last = take(&mut rest)?.checked_add(last)?;
    }
    let mut rest = b;
    let mut both = Vec::with_capacity(a.len() + b.len());
    // The usual case: all of `b` follows `a`, since it is from a later row group. Only its first difference changes.
    if let Some(further) = take(&mut rest).and_then(|first| first.checked_sub(last)) {
        both.extend_from_slice(a);
        put(further, &mut both);
        both.extend_from_slice(rest);
    } else {
        let mut rows = [positions(a)?, positions(b)?].concat();
        rows.sort_unstable();
        encode(rows, &mut both);
    }
    Some(both)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn positions_come_back(mut rows in prop::collection::vec(0_u64..1 << 40, 0..40)) {
            rows.sort_unstable();
            prop_assert_eq!(positions(encode(rows.iter().copied(), &mut Vec::new())), Some(rows));
        }

        #[test]
        fn two_are_united(
            rows in prop::collection::btree_set(0_u64..1 << 40, 0..40),
            of_second in prop::collection::vec(any::<bool>(), 40),
            is_split in any::<bool>(),
        ) {
            let is_second = |place: usize| if is_split { place >= rows.len() / 2 } else { of_second[place] };
            let encoded = |second: bool| {
                let rows = rows.iter().enumerate().filter(|(place, _)| is_second(*place) == second);
                encode(rows.map(|(_, row)| *row), &mut Vec::new()).to_vec()
            };
            let expected = (rows.len() <= MAX_POSITIONS).then(|| rows.iter().copied().collect::<Vec<u64>>());
            prop_assert_eq!(united(&encoded(false), &encoded(true)).and_then(|both| positions(&both)), expected);
        }

        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = positions(&bytes);
        }
    }
}
