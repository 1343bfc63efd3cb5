//! Row numbers of the records that have a value, kept where they are few: whoever looks for them reads their pages only.
//!
//! They are stored as differences, each as a varint.

use super::varint::{put, take};

/// So many row numbers are kept for a value of a data file; of more none are.
pub(crate) const MAX_POSITIONS: usize = 32;

/// Row numbers, in ascending order, as they are stored.
pub(crate) fn encode(rows: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len() * 2);
    let mut before = 0;
    for row in rows {
        put(row - before, &mut bytes);
        before = *row;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn positions_come_back(mut rows in prop::collection::vec(0_u64..1 << 40, 0..40)) {
            rows.sort_unstable();
            prop_assert_eq!(positions(&encode(&rows)), Some(rows));
        }

        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = positions(&bytes);
        }
    }
}
