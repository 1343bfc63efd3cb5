//! Unsorted rows of the index in memory, packed, until they are sorted and written.

use sawlog_formats::Interner;

use super::field::FieldId;
use super::row::{BorrowedRow, DataFileId};
use crate::error::Result;

/// The least memory for rows before they are spilled, in bytes.
pub(super) const LEAST_MEMORY: usize = 32 << 20;
/// The most memory for rows before they are spilled, in bytes.
pub(super) const MOST_MEMORY: usize = 512 << 20;
/// The bytes that sorting takes for each value, beside its text.
const VALUE_BYTES: usize = size_of::<(u128, u32)>() + size_of::<u32>();
/// The number and the rank of the null value, which sorts before all others.
const NULL: u32 = 0;

/// The rows, with their texts as numbers.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    values: Interner,
    sources: Interner,
    /// For each row, from the highest bits down: the numbers of its field, value and data file, and the offset of its
    /// packed part. Sorting these integers is faster than comparing rows.
    keys: Vec<u128>,
    packed: Vec<u8>,
}

impl Waiting {
    /// Adds a row.
    pub(super) fn push(&mut self, row: &BorrowedRow<'_>) {
        let start = u32::try_from(self.packed.len()).expect("rows are spilled long before 4 GiB");
        let source = row.first.map_or(0, |first| self.sources.intern(first.file));
        row.pack(source, &mut self.packed);
        let value = row.value.map_or(NULL, |value| self.values.intern(value) + 1);
        self.keys.push(joined([row.field.number(), value, row.data_file.0, start]));
    }

    /// The memory that the rows take while they are sorted, in bytes.
    pub(super) fn memory(&self) -> usize {
        let texts = self.values.memory() + self.sources.memory() + self.values.len() * VALUE_BYTES;
        texts + self.packed.len() + self.keys.len() * size_of::<u128>()
    }

    /// Calls `take` with the rows of use, in order of their keys. Rows with equal keys keep the order in which they
    /// were added.
    pub(super) fn each_sorted(
        mut self,
        is_of_use: impl Fn(FieldId, DataFileId) -> bool,
        mut take: impl FnMut(&BorrowedRow<'_>) -> Result<()>,
    ) -> Result<()> {
        let (ranks, by_rank) = sorted(&self.values);
        self.keys.retain_mut(|key| {
            let [field, value, data_file, start] = parts(*key);
            let rank = value.checked_sub(1).map_or(NULL, |value| ranks[value as usize] + 1);
            *key = joined([field, rank, data_file, start]);
            is_of_use(known(field), DataFileId(data_file))
        });
        self.keys.sort_unstable();
        for key in &self.keys {
            let [field, rank, data_file, start] = parts(*key);
            let value = rank.checked_sub(1).map(|rank| self.values.get(by_rank[rank as usize]));
            let source = |source| Some(self.sources.get(source));
            let key = (known(field), value, DataFileId(data_file));
            let row = BorrowedRow::unpack(key, source, &mut &self.packed[start as usize..]);
            take(&row.expect("what was packed can be unpacked"))?;
        }
        Ok(())
    }
}

/// The field of a row that waits.
fn known(field: u32) -> FieldId {
    FieldId::from_number(field).expect("the number is a field's")
}

fn joined(parts: [u32; 4]) -> u128 {
    parts.into_iter().fold(0, |all, part| all << 32 | u128::from(part))
}

fn parts(key: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| low(key >> shift))
}

#[expect(clippy::cast_possible_truncation, reason = "only the lowest 32 bits are wanted")]
fn low(number: u128) -> u32 {
    number as u32
}

/// The rank of each value in bytewise order, and the values by rank.
fn sorted(values: &Interner) -> (Vec<u32>, Vec<u32>) {
    // The first 16 bytes as an integer decide most comparisons.
    let begins = |number: u32| {
        let mut first = [0; 16];
        let value = values.get(number);
        let len = value.len().min(first.len());
        first[..len].copy_from_slice(&value[..len]);
        (u128::from_be_bytes(first), number)
    };
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut order: Vec<(u128, u32)> = (0..count).map(begins).collect();
    order
        .sort_unstable_by(|(a, first), (b, second)| a.cmp(b).then_with(|| values.get(*first).cmp(values.get(*second))));
    let mut ranks = vec![0; order.len()];
    for (rank, (_, number)) in (0..count).zip(&order) {
        ranks[*number as usize] = rank;
    }
    (ranks, order.into_iter().map(|(_, number)| number).collect())
}
