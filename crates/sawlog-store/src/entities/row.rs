//! A row of the index, and how rows of the same value add up.

use sawlog_formats::{EvidencePlace, TimeSpan};

use super::field::FieldId;
use super::positions;
use super::standing::{self, Said};

/// A row of the index. `Text` is how it holds texts, `Bytes` how it holds packed bytes, and `File` says what it is
/// about, mostly one data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexRow<Text = String, Bytes = Vec<u8>, File = String> {
    /// The field.
    pub field: FieldId,
    /// The value; `None` for the records without one.
    pub value: Option<Text>,
    /// The data file: in an owned row, its path relative to its table's folder.
    pub data_file: File,
    /// The sums over the records that have the value.
    pub sums: ValueSums,
    /// The first record in evidence order.
    pub first: Option<EvidencePlace<Text>>,
    /// The posting list, encoded; [`super::positions()`] reads it. `None` if there are too many records.
    pub positions: Option<Bytes>,
    /// The sums for standing summaries, packed; [`super::packed_sums`] reads them. `None` if the field has no standing
    /// summaries, or an earlier version wrote the row.
    pub standing: Option<Bytes>,
    /// The version of the log's field meanings that the sums were computed with.
    pub version: i32,
}

/// A data file of a run: its number in the run's interner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DataFileId(pub(super) u32);

/// A row that borrows its texts, as bytes that are not checked again.
pub(super) type BorrowedRow<'a> = IndexRow<&'a [u8], &'a [u8], DataFileId>;

/// The sort key: field; value, null first; data file.
pub(super) type Key<'a> = (FieldId, Option<&'a [u8]>, DataFileId);

/// Sums over the records that have one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ValueSums {
    /// How many records have the value.
    pub records: i64,
    /// Total bytes sent; `None` if no record has a number.
    pub sent: Option<i64>,
    /// Total bytes stored.
    pub received: i64,
    /// How many of the records are failures.
    pub errors: i64,
    /// The times of the earliest and the latest record; `None` if no record has a time.
    pub times: Option<TimeSpan>,
}

impl ValueSums {
    /// Adds other sums; `None` if one does not fit into 64 bits.
    fn add(&self, other: &Self) -> Option<Self> {
        Some(Self {
            records: self.records.checked_add(other.records)?,
            sent: match (self.sent, other.sent) {
                (Some(a), Some(b)) => Some(a.checked_add(b)?),
                (sum, None) | (None, sum) => sum,
            },
            received: self.received.checked_add(other.received)?,
            errors: self.errors.checked_add(other.errors)?,
            times: TimeSpan::covering(self.times, other.times),
        })
    }
}

impl<Text: Clone, Bytes, File: Clone> IndexRow<Text, Bytes, File> {
    /// The sum of two rows with the same key; `None` if it exceeds 64 bits. `text` and `bytes` return what rows hold.
    pub(super) fn sum<'a>(
        &'a self,
        other: &'a Self,
        text: impl Fn(&'a Text) -> &'a str,
        bytes: impl Fn(&'a Bytes) -> &'a [u8],
    ) -> Option<IndexRow<Text, Vec<u8>, File>> {
        let sums = self.sums.add(&other.sums)?;
        let place =
            |row: &'a Self| row.first.as_ref().map(|first| EvidencePlace { file: text(&first.file), line: first.line });
        let (a, b) = (place(self), place(other));
        let (earlier, first) = if (b.is_none(), b) < (a.is_none(), a) { (other, b) } else { (self, a) };
        let standing = self.standing.as_ref().zip(other.standing.as_ref()).and_then(|(one, more)| {
            let said = |sums: &ValueSums, first| Said { sent: sums.sent, first };
            let (one, more) = ((bytes(one), said(&self.sums, a)), (bytes(more), said(&other.sums, b)));
            standing::united(self.field, one, more, said(&sums, first))
        });
        let lists = self.positions.as_ref().zip(other.positions.as_ref());
        Some(IndexRow {
            field: self.field,
            value: self.value.clone(),
            data_file: self.data_file.clone(),
            sums,
            first: earlier.first.clone(),
            positions: lists.and_then(|(a, b)| positions::united(bytes(a), bytes(b))),
            standing,
            version: self.version.min(other.version),
        })
    }

    /// Whether the sums were computed with the current meaning of the log's fields.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.version >= self.field.format().index_version
    }
}

impl IndexRow {
    /// The sum of two rows of the same data file, field and value; `None` if it does not fit into 64 bits.
    #[must_use]
    pub fn add(&self, other: &Self) -> Option<Self> {
        self.sum(other, String::as_str, Vec::as_slice)
    }

    /// The same row, borrowed.
    pub(super) fn borrowed(&self, data_file: DataFileId) -> BorrowedRow<'_> {
        IndexRow {
            field: self.field,
            value: self.value.as_deref().map(str::as_bytes),
            data_file,
            sums: self.sums,
            first: self.first.as_ref().map(|first| first.as_ref().map(str::as_bytes)),
            positions: self.positions.as_deref(),
            standing: self.standing.as_deref(),
            version: self.version,
        }
    }
}
