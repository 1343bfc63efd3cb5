//! A row of the index before it is written, and its packed form in memory and in spills.

use sawlog_formats::EvidencePlace;

use super::collect::Sums;
use super::field::FieldId;
use super::varint::{put, take};

/// A data file of a run: its number in the run's interner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DataFileId(pub(super) u32);

/// A row of the index. It borrows its texts, as bytes that are not checked again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) field: FieldId,
    pub(super) value: Option<&'a [u8]>,
    pub(super) data_file: DataFileId,
    pub(super) sums: Sums,
    pub(super) first: Option<EvidencePlace<&'a [u8]>>,
    /// The encoded posting list, if the value is rare.
    pub(super) positions: Option<&'a [u8]>,
    /// The packed sums for standing summaries, if the field has any.
    pub(super) standing: Option<&'a [u8]>,
    pub(super) version: i32,
}

/// The sort key: field; value, null first; data file.
pub(super) type Key<'a> = (FieldId, Option<&'a [u8]>, DataFileId);

/// Flags of a packed row for the optional parts that it has.
const SENT: u8 = 1;
const TIMES: u8 = 2;
const FIRST: u8 = 4;
const POSITIONS: u8 = 8;
const STANDING: u8 = 16;

impl<'a> Row<'a> {
    /// Packs all but the key; `source` stands for the name of the first record's source file.
    pub(super) fn pack(&self, source: u32, out: &mut Vec<u8>) {
        let Sums { records, sent, received, errors, .. } = self.sums;
        let times = self.sums.times();
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
        if let Some((first, last)) = times {
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
        let mut sums = Sums { records, sent, received, errors, ..Sums::NONE };
        if has(TIMES) {
            sums.first = number(bytes)?;
            sums.last = sums.first.wrapping_add(number(bytes)?);
        }
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
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Takes the first length-prefixed bytes; `None` if they are truncated.
pub(super) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field() -> FieldId {
        FieldId::all().next().unwrap()
    }

    /// The unpacked row, as text, and the number of bytes left.
    fn unpacked(source: u32, mut bytes: &[u8]) -> Option<(String, usize)> {
        let name = |number| (number == source).then_some(&b"name"[..]);
        let row = Row::unpack((field(), Some(b"value"), DataFileId(2)), name, &mut bytes);
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
            let (first_time, last_time) = times.map_or((i64::MAX, i64::MIN), |(a, b)| (a.min(b), a.max(b)));
            let row = Row {
                field: field(),
                value: Some(b"value"),
                data_file: DataFileId(2),
                sums: Sums { records, sent, received, errors, first: first_time, last: last_time },
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
