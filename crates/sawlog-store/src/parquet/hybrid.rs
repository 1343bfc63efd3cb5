//! Parquet's hybrid of run lengths and bit-packing, for levels and dictionary keys. See "Encodings" in the format's
//! documentation, RLE (3).

/// The number of bits for numbers up to `max`.
pub(super) fn bit_width(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

/// A run at least this long ends a bit-packed stretch; shorter ones cost more as runs than packed.
const MIN_RUN: usize = 16;

/// Appends `values`, each of at most `width` bits.
pub(super) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < values.len() {
        let run = run_length(&values[at..], usize::MAX);
        if run >= MIN_RUN || run == values.len() - at {
            put_varint((run as u64) << 1, out);
            out.extend_from_slice(&values[at].to_le_bytes()[..width.div_ceil(8) as usize]);
            at += run;
            continue;
        }
        let start = at;
        while at < values.len() && run_length(&values[at..], MIN_RUN) < MIN_RUN {
            at = (at + 8).min(values.len());
        }
        let packed = &values[start..at];
        put_varint((packed.len().div_ceil(8) as u64) << 1 | 1, out);
        pack(packed, width, out);
    }
}

/// How often the first value is repeated, up to `limit`.
fn run_length(values: &[u32], limit: usize) -> usize {
    values.iter().take(limit).take_while(|value| **value == values[0]).count()
}

/// Packs groups of eight values; the last one is padded with zeros.
fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let bytes = values.len().div_ceil(8) * width as usize;
    let end = out.len() + bytes;
    let (mut buffer, mut bits) = (0u64, 0);
    for value in values {
        buffer |= u64::from(*value) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&buffer.to_le_bytes()[..4]);
            buffer >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&buffer.to_le_bytes());
    out.resize(end, 0);
}

/// Appends a number in groups of seven bits, the lowest first (ULEB128).
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
