//! Encodings of numbers: a dictionary if few are distinct, differences if they grow.

use super::hybrid::put_varint;

/// The distinct values in order of first appearance, and each value's number among them; `None` if more than a
/// quarter of the values are distinct, since a dictionary would not pay then.
pub(super) fn dictionary(values: &[i64]) -> Option<(Vec<i64>, Vec<u32>)> {
    let limit = values.len() / 4 + 16;
    // At most half of the slots are used.
    let mut slots = vec![Slot::EMPTY; 64];
    let mut distinct: Vec<i64> = Vec::new();
    let mut keys = Vec::with_capacity(values.len());
    let mut last = Slot::EMPTY;
    for &value in values {
        if value != last.value || last == Slot::EMPTY {
            let at = place(value, &slots);
            if slots[at] == Slot::EMPTY {
                if distinct.len() == limit {
                    return None;
                }
                slots[at] = Slot { value, number: u32::try_from(distinct.len()).ok()? };
                distinct.push(value);
            }
            last = slots[at];
            if distinct.len() * 2 > slots.len() {
                slots = larger(&slots);
            }
        }
        keys.push(last.number);
    }
    Some((distinct, keys))
}

/// A distinct value and its number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    value: i64,
    number: u32,
}

impl Slot {
    const EMPTY: Self = Self { value: 0, number: u32::MAX };
}

/// The slot that has a value, or else the empty one for it.
fn place(value: i64, slots: &[Slot]) -> usize {
    let mask = slots.len() - 1;
    let hash = value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = (hash >> 32) as usize & mask;
    while slots[at].value != value && slots[at] != Slot::EMPTY {
        at = (at + 1) & mask;
    }
    at
}

fn larger(slots: &[Slot]) -> Vec<Slot> {
    let mut larger = vec![Slot::EMPTY; slots.len() * 4];
    for slot in slots.iter().filter(|slot| **slot != Slot::EMPTY) {
        let at = place(slot.value, &larger);
        larger[at] = *slot;
    }
    larger
}

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;

/// Appends `values` as differences of neighbours. See the format's "Encodings", `DELTA_BINARY_PACKED` (5).
pub(super) fn encode_deltas(values: &[i64], out: &mut Vec<u8>) {
    put_varint(BLOCK as u64, out);
    put_varint(MINIBLOCKS as u64, out);
    put_varint(values.len() as u64, out);
    put_varint(zigzag(values.first().copied().unwrap_or_default()), out);
    let mut above = [0; BLOCK];
    // A block's last value is the first one's predecessor in the next block.
    for block in (1..values.len()).step_by(BLOCK).map(|start| &values[start - 1..values.len().min(start + BLOCK)]) {
        let deltas = || block.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let least = deltas().min().unwrap_or_default();
        put_varint(zigzag(least), out);
        for (above, delta) in above.iter_mut().zip(deltas()) {
            *above = delta.wrapping_sub(least).cast_unsigned();
        }
        let miniblocks = || above[..block.len() - 1].chunks(BLOCK / MINIBLOCKS);
        let mut widths = [0; MINIBLOCKS];
        for (width, miniblock) in widths.iter_mut().zip(miniblocks()) {
            *width = u64::BITS - miniblock.iter().fold(0, |all, value| all | value).leading_zeros();
        }
        out.extend(widths.map(|width| width.to_le_bytes()[0]));
        for (miniblock, width) in miniblocks().zip(widths).filter(|(_, width)| *width > 0) {
            pack_wide(miniblock, width, out);
        }
    }
}

/// Packs a miniblock, padded with zeros.
fn pack_wide(values: &[u64], width: u32, out: &mut Vec<u8>) {
    let end = out.len() + BLOCK / MINIBLOCKS * width as usize / 8;
    let (mut buffer, mut bits) = (0u128, 0);
    for value in values {
        buffer |= u128::from(*value) << bits;
        bits += width;
        if bits >= u64::BITS {
            out.extend_from_slice(&buffer.to_le_bytes()[..8]);
            buffer >>= u64::BITS;
            bits -= u64::BITS;
        }
    }
    out.extend_from_slice(&buffer.to_le_bytes()[..8]);
    out.resize(end, 0);
}

fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}
