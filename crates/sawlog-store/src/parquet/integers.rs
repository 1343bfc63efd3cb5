//! Encodings of numbers: a dictionary if few are distinct, differences if they grow.

use super::hybrid::put_varint;

/// The distinct values in order of first appearance, and each value's number among them; `None` if more than a
/// quarter of the values are distinct, since a dictionary would not pay then.
pub(super) fn dictionary(values: &[i64]) -> Option<(Vec<i64>, Vec<u32>)> {
    let limit = values.len() / 4 + 16;
    // Slots hold a value's number plus one; at most half of them are used.
    let mut slots = vec![0u32; 64];
    let mut distinct: Vec<i64> = Vec::new();
    let mut keys = Vec::with_capacity(values.len());
    let mut last = (i64::MIN, u32::MAX);
    for &value in values {
        if value != last.0 || last.1 == u32::MAX {
            let mut at = slot(value, slots.len());
            while slots[at] != 0 && distinct[slots[at] as usize - 1] != value {
                at = (at + 1) & (slots.len() - 1);
            }
            if slots[at] == 0 {
                if distinct.len() == limit {
                    return None;
                }
                distinct.push(value);
                slots[at] = u32::try_from(distinct.len()).ok()?;
            }
            last = (value, slots[at] - 1);
            if distinct.len() * 2 > slots.len() {
                slots = rehash(&distinct, slots.len() * 4);
            }
        }
        keys.push(last.1);
    }
    Some((distinct, keys))
}

fn slot(value: i64, slots: usize) -> usize {
    let hash = value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 32) as usize & (slots - 1)
}

fn rehash(distinct: &[i64], size: usize) -> Vec<u32> {
    let mut slots = vec![0u32; size];
    for (number, value) in (1u32..).zip(distinct) {
        let mut at = slot(*value, size);
        while slots[at] != 0 {
            at = (at + 1) & (size - 1);
        }
        slots[at] = number;
    }
    slots
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
        while bits >= 8 {
            out.push(buffer.to_le_bytes()[0]);
            buffer >>= 8;
            bits -= 8;
        }
    }
    out.push(buffer.to_le_bytes()[0]);
    out.resize(end, 0);
}

fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}
