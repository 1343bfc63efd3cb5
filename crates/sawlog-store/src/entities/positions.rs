//! Row numbers of the records that have a value, kept where they are few: whoever looks for them reads their pages only.
//!
//! They are stored as differences, each as a varint.

use super::varint::{put, take};

/// So many row numbers are kept for a value of a data file; of more none are.
pub(crate) const MAX_POSITIONS: usize = 32;

/// Row numbers, in ascending order, as they are stored, in `bytes`.
pub(crate) fn encode(rows: impl IntoIterator<Item = u64>, bytes: &mut Vec<u8>) -> &[u8] {
    bytes.clear();
    let mut before = 0;
    for row in rows {
        put(row - before, bytes);
        before = row;
    }
    bytes
}

/// The row numbers that are stored so; `None` if they break off or are too large.
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

/// The row numbers of two together, as they are stored; `None` if these are too many.
pub(crate) fn united(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    // Those of a later row group come after all others.
    let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte < 0x80).count();
    if count(a) + count(b) > MAX_POSITIONS {
        return None;
    }
    let (mut last, mut rest) = (0, a);
    while !rest.is_empty() {
        last += take(&mut rest)?;
    }
    let mut rest = b;
    let mut both = Vec::with_capacity(a.len() + b.len());
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
