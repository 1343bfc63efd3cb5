//! Page headers with the checksum of the page, which the `parquet` crate's writer leaves out.
//!
//! A header is the struct `PageHeader` of `parquet.thrift` in Thrift's compact protocol: each field has a byte with its
//! distance from the field before and its type; numbers are zigzag varints; a zero ends a struct.

use parquet::basic::Encoding;
use parquet::errors::Result;

use super::hybrid::put_varint;

/// What a page holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum PageKind {
    /// Distinct values.
    Dictionary,
    /// Values in this encoding.
    Data(Encoding),
}

/// The types of fields in Thrift's compact protocol.
const I32: u8 = 5;
const STRUCT: u8 = 12;

/// What a page's header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageHeader {
    pub(super) kind: PageKind,
    /// The number of values on the page, including nulls.
    pub(super) values: usize,
    /// Its bytes before and after compression.
    pub(super) uncompressed: usize,
    pub(super) compressed: usize,
    /// CRC-32 of the compressed bytes.
    pub(super) crc: u32,
}

/// No header is longer.
pub(super) const MAX_HEADER: usize = 64;

impl PageHeader {
    /// Appends the header.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        let (page_type, distance) = match self.kind {
            PageKind::Data(_) => (0, 1),
            PageKind::Dictionary => (2, 3),
        };
        number(page_type, out);
        number(i32::try_from(self.uncompressed)?, out);
        number(i32::try_from(self.compressed)?, out);
        number(self.crc.cast_signed(), out);
        out.push(distance << 4 | STRUCT);
        number(i32::try_from(self.values)?, out);
        match self.kind {
            PageKind::Dictionary => number(Encoding::PLAIN as i32, out),
            PageKind::Data(encoding) => {
                number(encoding as i32, out);
                // The encodings of definition and of repetition levels.
                number(Encoding::RLE as i32, out);
                number(Encoding::RLE as i32, out);
            }
        }
        out.extend([0, 0]);
        Ok(())
    }

    /// The header that `bytes` begin with, and its length; `None` if it is not, bit for bit, one that
    /// [`PageHeader::put`] writes. A data page must have `encoding`.
    pub(super) fn read(bytes: &[u8], encoding: Encoding) -> Option<(Self, usize)> {
        let mut left = bytes;
        let kind = match take_number(&mut left)? {
            0 => PageKind::Data(encoding),
            2 => PageKind::Dictionary,
            _ => return None,
        };
        let uncompressed = usize::try_from(take_number(&mut left)?).ok()?;
        let compressed = usize::try_from(take_number(&mut left)?).ok()?;
        let crc = take_number(&mut left)?.cast_unsigned();
        left = left.get(1..)?;
        let values = usize::try_from(take_number(&mut left)?).ok()?;
        let header = Self { kind, values, uncompressed, compressed, crc };
        let mut written = Vec::with_capacity(MAX_HEADER);
        header.put(&mut written).ok()?;
        bytes.starts_with(&written).then_some((header, written.len()))
    }
}

/// Appends the next field, a number.
fn number(value: i32, out: &mut Vec<u8>) {
    out.push(1 << 4 | I32);
    let zigzag = (value << 1) ^ (value >> 31);
    put_varint(u64::from(zigzag.cast_unsigned()), out);
}

/// Takes the next field, a number, from the bytes.
fn take_number(bytes: &mut &[u8]) -> Option<i32> {
    let mut zigzag = 0u32;
    // After the field's own byte.
    for (place, byte) in bytes.get(1..)?.iter().take(5).enumerate() {
        zigzag |= u32::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            *bytes = bytes.get(place + 2..)?;
            return Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_no_bit_of_it_is_left_unread() {
        for kind in [PageKind::Dictionary, PageKind::Data(Encoding::PLAIN)] {
            let header = PageHeader { kind, values: 300, uncompressed: 70_000, compressed: 9, crc: 0xdead_beef };
            let mut bytes = Vec::new();
            header.put(&mut bytes).unwrap();
            let len = bytes.len();
            assert!(len <= MAX_HEADER);
            bytes.extend(b"the page");
            let (found, taken) = PageHeader::read(&bytes, Encoding::PLAIN).unwrap();
            assert_eq!((format!("{found:?}"), taken), (format!("{header:?}"), len));
            for bit in 0..8 * len {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let found = PageHeader::read(&flipped, Encoding::PLAIN);
                assert!(found.is_none_or(|(found, _)| format!("{found:?}") != format!("{header:?}")), "bit {bit}");
            }
        }
    }
}
