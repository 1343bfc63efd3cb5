//! The sums of an index row for standing summaries: for each [`Standing`] of its field, the total bytes, and the first
//! record that has a number of bytes.
//!
//! They are packed into one column of bytes, since most repeat what the row has in other columns: its bytes sent and
//! its first record. Rows of earlier versions lack them, so these summaries don't use such rows.

use sawlog_formats::{EvidencePlace, Standing};

use super::field::FieldId;
use super::varint::{put, take};

/// The sum of an index row for one standing summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StandingSum<'a> {
    /// Total bytes.
    pub(super) bytes: i64,
    /// The first record, in evidence order, that has a number of bytes.
    pub(super) first: EvidencePlace<&'a str>,
}

/// The sums of one row, in the order of its field's [`Standing`]s; `None` where no record has a number.
pub(super) type StandingSums<'a> = [Option<StandingSum<'a>>; Standing::MOST];

/// The sum for one standing summary in its packed form, which can refer to other columns of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedSum<'a> {
    /// Total bytes; `None` if they are the row's bytes sent.
    pub bytes: Option<i64>,
    /// The first record that has a number of bytes.
    pub first: PackedFirst<'a>,
}

/// The first record that has a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedFirst<'a> {
    /// The row's first record.
    Own,
    /// The record at this line of the source file with the row's first record.
    Line(i64),
    /// A record in another source file.
    Elsewhere(EvidencePlace<&'a str>),
}

/// The columns of a row that its packed sums can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    /// Total bytes sent; `None` if no record has a number.
    pub(super) sent: Option<i64>,
    /// The first record, in evidence order.
    pub(super) first: Option<EvidencePlace<&'a str>>,
}

/// The number of sums in a row of a field.
pub(crate) fn count(field: FieldId) -> usize {
    field.format().measures.standing_of(field.entity().field).count().min(Standing::MOST)
}

/// How bytes are encoded: no record has a number; the row's bytes sent; else their number plus [`BYTES`].
const NOTHING: u64 = 0;
const ALL: u64 = 1;
const BYTES: u64 = 2;

/// How the first record is encoded: the row's first one; another one in its file, whose name is omitted; or elsewhere.
const SAME: u64 = 0;
const SAME_FILE: u64 = 1;
const ELSEWHERE: u64 = 2;

/// Packs the first `count` sums of a row whose other columns are `said`.
pub(super) fn pack(sums: &StandingSums<'_>, count: usize, said: Said<'_>, out: &mut Vec<u8>) {
    for sum in &sums[..count] {
        let Some(StandingSum { bytes, first }) = sum else {
            put(NOTHING, out);
            continue;
        };
        put(if said.sent == Some(*bytes) { ALL } else { bytes.unsigned_abs() + BYTES }, out);
        let EvidencePlace { file, line } = *first;
        match said.first {
            Some(same) if same == *first => put(SAME, out),
            Some(same) if same.file == file => {
                put(SAME_FILE, out);
                put(line.cast_unsigned(), out);
            }
            _ => {
                put(ELSEWHERE, out);
                put(line.cast_unsigned(), out);
                put(file.len() as u64, out);
                out.extend_from_slice(file.as_bytes());
            }
        }
    }
}

/// Reads the `count` packed sums of a row; `None` if the bytes are not exactly these.
#[must_use]
pub fn packed_sums(mut bytes: &[u8], count: usize) -> Option<[Option<PackedSum<'_>>; Standing::MOST]> {
    let mut sums = [None; Standing::MOST];
    for sum in sums.get_mut(..count)? {
        let sent = match take(&mut bytes)? {
            NOTHING => continue,
            ALL => None,
            more => Some(i64::try_from(more - BYTES).ok()?),
        };
        let first = match take(&mut bytes)? {
            SAME => PackedFirst::Own,
            SAME_FILE => PackedFirst::Line(take(&mut bytes)?.cast_signed()),
            ELSEWHERE => {
                let line = take(&mut bytes)?.cast_signed();
                let len = usize::try_from(take(&mut bytes)?).ok()?;
                let (file, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                PackedFirst::Elsewhere(EvidencePlace { file: std::str::from_utf8(file).ok()?, line })
            }
            _ => return None,
        };
        *sum = Some(PackedSum { bytes: sent, first });
    }
    bytes.is_empty().then_some(sums)
}

/// Unpacks the `count` sums of a row whose other columns are `said`; `None` if the bytes are not exactly these, or
/// refer to a column that is null.
pub(super) fn standing_sums<'a>(bytes: &'a [u8], count: usize, said: Said<'a>) -> Option<StandingSums<'a>> {
    let mut sums = [None; Standing::MOST];
    for (sum, packed) in sums.iter_mut().zip(packed_sums(bytes, count)?) {
        let Some(packed) = packed else { continue };
        let first = match packed.first {
            PackedFirst::Own => said.first?,
            PackedFirst::Line(line) => EvidencePlace { line, ..said.first? },
            PackedFirst::Elsewhere(first) => first,
        };
        *sum = Some(StandingSum { bytes: packed.bytes.or(said.sent)?, first });
    }
    Some(sums)
}

/// Packed sums, and the columns of their row that they can refer to.
pub(super) type Packed<'a> = (&'a [u8], Said<'a>);

/// Adds up the packed sums of two rows of a field. `said` is what the sum of the rows has in its other columns. `None`
/// if a sum does not fit into 64 bits.
pub(super) fn united(field: FieldId, a: Packed<'_>, b: Packed<'_>, said: Said<'_>) -> Option<Vec<u8>> {
    let count = count(field);
    let mut sums = standing_sums(a.0, count, a.1)?;
    for (sum, other) in sums.iter_mut().zip(standing_sums(b.0, count, b.1)?) {
        *sum = match (*sum, other) {
            (Some(a), Some(b)) => {
                Some(StandingSum { bytes: a.bytes.checked_add(b.bytes)?, first: a.first.min(b.first) })
            }
            (sum, None) | (None, sum) => sum,
        };
    }
    let mut packed = Vec::new();
    pack(&sums, count, said, &mut packed);
    Some(packed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = EvidencePlace> {
        ("[ab]{0,2}", 1_i64..4).prop_map(|(file, line)| EvidencePlace { file, line })
    }

    proptest! {
        #[test]
        fn sums_come_back(
            given in prop::collection::vec(
                prop::option::of((prop_oneof![0_i64..3, Just(i64::MAX)], place())),
                0..=Standing::MOST,
            ),
            sent in prop::option::of(0_i64..3),
            first in prop::option::of(place()),
        ) {
            let said = Said { sent, first: first.as_ref().map(EvidencePlace::as_ref) };
            let mut sums = [None; Standing::MOST];
            for (sum, given) in sums.iter_mut().zip(&given) {
                *sum = given.as_ref().map(|(bytes, first)| StandingSum { bytes: *bytes, first: first.as_ref() });
            }
            let mut packed = Vec::new();
            pack(&sums, given.len(), said, &mut packed);
            prop_assert_eq!(standing_sums(&packed, given.len(), said), Some(sums));
            for cut in 0..packed.len() {
                prop_assert_eq!(standing_sums(&packed[..cut], given.len(), said), None);
            }
        }

        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..40), count in 0_usize..9) {
            let _ = standing_sums(&bytes, count, Said { sent: Some(1), first: Some(EvidencePlace { file: "a", line: 1 }) });
        }
    }
}
