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

/// Appends the header of a page of so many values, whose `content` is compressed, and was of `uncompressed` bytes before.
pub(super) fn put(kind: PageKind, values: usize, uncompressed: usize, content: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let (page_type, distance) = match kind {
        PageKind::Data(_) => (0, 1),
        PageKind::Dictionary => (2, 3),
    };
    number(page_type, out);
    number(i32::try_from(uncompressed)?, out);
    number(i32::try_from(content.len())?, out);
    number(crc32fast::hash(content).cast_signed(), out);
    out.push(distance << 4 | STRUCT);
    number(i32::try_from(values)?, out);
    match kind {
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

/// Appends the next field, a number.
fn number(value: i32, out: &mut Vec<u8>) {
    out.push(1 << 4 | I32);
    let zigzag = (value << 1) ^ (value >> 31);
    put_varint(u64::from(zigzag.cast_unsigned()), out);
}
