//! The packed form of an index row, in memory and in spills.

use sawlog_formats::{EvidencePlace, TimeSpan};

use super::row::{BorrowedRow, Key, ValueSums};
use super::varint::{put, take};

/// Flags of a packed row for the optional parts that it has.
const SENT: u8 = 1;
const TIMES: u8 = 2;
const FIRST: u8 = 4;
const POSITIONS: u8 = 8;
const STANDING: u8 = 16;

impl<'a> BorrowedRow<'a> {
    /// Packs all but the key; `source` stands for the name of the first record's source file.
    pub(super) fn pack(&self, source: u32, out: &mut Vec<u8>) {
        let ValueSums { records, sent, received, errors, times } = self.sums;
        let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
        out.push(
            flag(sent.is_some(), SENT)
                | flag(times.is_some(), TIMES)
                | flag(self.first.is_some(), FIRST)
                | flag(self.positions.is_some(), POSITIONS)
                | flag(self.standing.is_some(), STANDING),
        );
        for number in [records, received, errors, self.version.into()].into_iter().chain(sent) {
            put(number.cast_unsigned(), out);
        }
        if let Some(TimeSpan { first, last }) = times {
            put(first.cast_unsigned(), out);
            put(last.wrapping_sub(first).cast_unsigned(), out);
        }
        if let Some(first) = self.first {
            put(source.into(), out);
            put(first.line.cast_unsigned(), out);
        }
        self.positions.into_iter().chain(self.standing).for_each(|bytes| put_bytes(bytes, out));
    }

    /// Unpacks the first row of `bytes`, whose key is given, and moves `bytes` past it; `None` if the row is truncated.
    /// `source` returns the source file of a number.
    pub(super) fn unpack(
        (field, value, data_file): Key<'a>,
        source: impl FnOnce(u32) -> Option<&'a [u8]>,
        bytes: &mut &'a [u8],
    ) -> Option<Self> {
        let (&flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let has = |flag: u8| flags & flag != 0;
        let number = |bytes: &mut &'a [u8]| take(bytes).map(u64::cast_signed);
        let (records, received, errors) = (number(bytes)?, number(bytes)?, number(bytes)?);
        let version = i32::try_from(number(bytes)?).ok()?;
        let sent = if has(SENT) { Some(number(bytes)?) } else { None };
        let times = if has(TIMES) {
            let first = number(bytes)?;
            Some(TimeSpan { first, last: first.wrapping_add(number(bytes)?) })
        } else {
            None
        };
        let sums = ValueSums { records, sent, received, errors, times };
        let first = if has(FIRST) {
            let file = source(u32::try_from(take(bytes)?).ok()?)?;
            Some(EvidencePlace { file, line: number(bytes)? })
        } else {
            None
        };
        let positions = if has(POSITIONS) { Some(take_bytes(bytes)?) } else { None };
        let standing = if has(STANDING) { Some(take_bytes(bytes)?) } else { None };
        Some(Self { field, value, data_file, sums, first, positions, standing, version })
    }
}

/// Appends bytes, prefixed by their length.
fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends a text that may be null.
pub(super) fn put_text(text: Option<&[u8]>, out: &mut Vec<u8>) {
    put(u64::from(text.is_some()), out);
    text.into_iter().for_each(|text| put_bytes(text, out));
}

/// Bytes that end within a row.
pub(super) struct Truncated;

/// Takes the first text that [`put_text`] appended.
pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Truncated> {
    let is_there = take(bytes).ok_or(Truncated)? > 0;
    is_there.then(|| take_bytes(bytes).ok_or(Truncated)).transpose()
}

/// Takes the first length-prefixed bytes; `None` if they are truncated.
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::field::FieldId;
    use super::super::row::DataFileId;
    use super::*;

    fn field() -> FieldId {
        FieldId::all().next().unwrap()
    }

    /// The unpacked row, as text, and the number of bytes left.
    fn unpacked(source: u32, mut bytes: &[u8]) -> Option<(String, usize)> {
        let name = |number| (number == source).then_some(&b"name"[..]);
        let row = BorrowedRow::unpack((field(), Some(b"value"), DataFileId(2)), name, &mut bytes);
        row.map(|row| (format!("{row:?}"), bytes.len()))
    }

    proptest! {
        #[test]
        fn rows_come_back(
            numbers in prop::array::uniform3(any::<i64>()),
            sent in prop::option::of(any::<i64>()),
            times in prop::option::of((any::<i64>(), any::<i64>())),
            first in prop::option::of((0_u32..9, any::<i64>())),
            bytes in prop::array::uniform2(prop::option::of(prop::collection::vec(any::<u8>(), 0..200))),
            version in any::<i32>(),
        ) {
            let [records, received, errors] = numbers;
            let times = times.map(|(a, b)| TimeSpan { first: a.min(b), last: a.max(b) });
            let row = BorrowedRow {
                field: field(),
                value: Some(b"value"),
                data_file: DataFileId(2),
                sums: ValueSums { records, sent, received, errors, times },
                first: first.map(|(_, line)| EvidencePlace { file: &b"name"[..], line }),
                positions: bytes[0].as_deref(),
                standing: bytes[1].as_deref(),
                version,
            };
            let source = first.map_or(0, |(source, _)| source);
            let mut packed = Vec::new();
            row.pack(source, &mut packed);
            prop_assert_eq!(unpacked(source, &packed), Some((format!("{row:?}"), 0)));
            for cut in 0..packed.len() {
                prop_assert_eq!(unpacked(source, &packed[..cut]), None);
            }
        }
    }
}
