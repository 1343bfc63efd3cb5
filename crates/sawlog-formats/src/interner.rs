//! Numbers distinct byte strings in order of first appearance: the dictionary of one column of one row group.

use std::hash::{BuildHasher, RandomState};

/// A set of byte strings, each with its number. Values lie one after another in one buffer.
#[derive(Debug)]
pub struct Interner {
    /// Open-addressed slots: the upper half of a value's hash, and its number plus one; 0 is empty.
    slots: Vec<u64>,
    /// `offsets[n]..offsets[n + 1]` is the range of value `n` in `bytes`.
    offsets: Vec<u32>,
    bytes: Vec<u8>,
    /// The value of the last call: log lines tend to repeat values.
    last: u32,
    /// Makes the hashes unpredictable, so that no log can be crafted to make its values collide. The numbers of the
    /// values do not depend on it.
    seed: u64,
}

impl Default for Interner {
    fn default() -> Self {
        Self { slots: vec![0; 16], offsets: vec![0], bytes: Vec::new(), last: 0, seed: RandomState::new().hash_one(0) }
    }
}

impl Interner {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory that the interner holds, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.slots.len() * 8 + self.offsets.capacity() * 4 + self.bytes.capacity()
    }

    /// The total length of the values, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for this many values.
    pub(crate) fn reserve(&mut self, values: usize) {
        let slots = (values * 2).next_power_of_two();
        if slots > self.slots.len() {
            self.offsets.reserve(values);
            self.grow_to(slots);
        }
    }

    /// Value `number`.
    ///
    /// # Panics
    ///
    /// If no value has the number.
    #[must_use]
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        let number = number as usize;
        &self.bytes[self.offsets[number] as usize..self.offsets[number + 1] as usize]
    }

    /// The number of `value`, which is added if it is new.
    #[inline]
    pub fn intern(&mut self, value: &[u8]) -> u32 {
        if (self.last as usize) < self.len() && same(self.get(self.last), value) {
            return self.last;
        }
        self.last = self.find_or_add(value);
        self.last
    }

    /// The number of `value`, which is added if it is new and there are fewer than `most` values.
    #[inline]
    pub(crate) fn intern_within(&mut self, value: &[u8], most: usize) -> Option<u32> {
        if (self.last as usize) < self.len() && same(self.get(self.last), value) {
            return Some(self.last);
        }
        let number = match self.find(value) {
            Ok(number) => number,
            Err((at, tag)) => (self.len() < most).then(|| self.add(value, at, tag))?,
        };
        self.last = number;
        Some(number)
    }

    #[inline]
    fn find_or_add(&mut self, value: &[u8]) -> u32 {
        self.find(value).unwrap_or_else(|(at, tag)| self.add(value, at, tag))
    }

    /// The number of `value`, or the slot and the tag for adding it.
    #[inline]
    fn find(&self, value: &[u8]) -> Result<u32, (usize, u64)> {
        let hash = hash(self.seed, value);
        let tag = hash & 0xffff_ffff_0000_0000;
        let mask = self.slots.len() - 1;
        let mut at = slot_of(hash, mask);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err((at, tag));
            }
            if slot & 0xffff_ffff_0000_0000 == tag {
                let number = low_half(slot) - 1;
                if same(self.get(number), value) {
                    return Ok(number);
                }
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn grow_to(&mut self, slots: usize) {
        let mask = slots - 1;
        let mut slots = vec![0u64; slots];
        for number in 0..self.len() {
            let number = u32::try_from(number).expect("a row group has fewer than 2^32 values");
            let hash = hash(self.seed, self.get(number));
            let mut at = slot_of(hash, mask);
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = (hash & 0xffff_ffff_0000_0000) | u64::from(number + 1);
        }
        self.slots = slots;
    }

    fn add(&mut self, value: &[u8], at: usize, tag: u64) -> u32 {
        let number = u32::try_from(self.len()).expect("a row group has fewer than 2^32 values");
        self.slots[at] = tag | u64::from(number + 1);
        self.bytes.extend_from_slice(value);
        self.offsets.push(u32::try_from(self.bytes.len()).expect("row groups are flushed long before 2 GiB"));
        if self.len() * 2 > self.slots.len() {
            self.grow_to(self.slots.len() * 4);
        }
        number
    }

    /// The values' offsets and bytes.
    pub(crate) fn into_parts(self) -> (Vec<u32>, Vec<u8>) {
        (self.offsets, self.bytes)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the half is meant")]
fn low_half(slot: u64) -> u32 {
    slot as u32
}

#[expect(clippy::cast_possible_truncation, reason = "masked to the table's size")]
fn slot_of(hash: u64, mask: usize) -> usize {
    // The tag is the upper half and the slot comes from the lower half, so the two are independent.
    hash as usize & mask
}

/// A 64-bit hash by folded multiplication, eight bytes per step.
#[inline]
fn hash(seed: u64, value: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (value.len() as u64).wrapping_mul(K) ^ seed;
    let mut value = value;
    if value.len() >= LONG {
        let (blocks, rest) = value.as_chunks::<32>();
        hash = hash_blocks(hash, K ^ seed, blocks);
        value = rest;
    }
    let (words, rest) = value.as_chunks::<8>();
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), K ^ seed);
    }
    if !rest.is_empty() {
        let tail = value.last_chunk().map_or_else(|| short(value), |tail| u64::from_le_bytes(*tail));
        hash = fold(hash ^ tail, K ^ seed);
    }
    fold(hash, 0xd6e8_feb8_6659_fd93)
}

/// All of 1 to 7 bytes; those in the middle may be used twice.
#[inline]
fn short(value: &[u8]) -> u64 {
    match (value.first_chunk(), value.last_chunk()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => [0, value.len() / 2, value.len() - 1].iter().fold(0, |word, at| word << 8 | u64::from(value[*at])),
    }
}

/// Whether two values are equal. For short ones, such as addresses, comparing their beginnings and their ends
/// decides, without a call of `memcmp`.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    #[inline]
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
    }
    a.len() == b.len()
        && match a.len() {
            4..8 => ends::<4>(a, b),
            8..=16 => ends::<8>(a, b),
            _ => a == b,
        }
}

/// Values from this length on are hashed in blocks.
const LONG: usize = 128;

/// Four independent hashes, so that none waits for another one's multiplication, combined into one.
fn hash_blocks(hash: u64, key: u64, blocks: &[[u8; 32]]) -> u64 {
    let mut lanes = [hash, !hash, hash.rotate_left(21), hash.rotate_left(42)];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = fold(*lane ^ u64::from_le_bytes(*word), key);
        }
    }
    lanes.into_iter().reduce(|all, lane| fold(all ^ lane, key)).unwrap_or(hash)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_values_as_a_map_does(
            short in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..500),
            long in prop::collection::vec(prop::collection::vec(0u8..2, 120..300), 0..20),
        ) {
            // Long ones that differ in one place.
            let changed = long.iter().flat_map(|value| [0, 31, 32, 119].map(|at| {
                let mut value = value.clone();
                value[at] ^= 1;
                value
            }));
            let values: Vec<Vec<u8>> = short.into_iter().chain(long.iter().cloned()).chain(changed).chain(long.iter().cloned()).collect();
            let mut interner = Interner::default();
            let mut numbers: HashMap<&[u8], u32> = HashMap::new();
            for value in &values {
                let next = u32::try_from(numbers.len()).unwrap();
                let expected = *numbers.entry(value).or_insert(next);
                prop_assert_eq!(interner.intern(value), expected);
                prop_assert_eq!(interner.get(expected), value.as_slice());
            }
            prop_assert_eq!(interner.len(), numbers.len());
        }
    }

    #[test]
    fn values_that_differ_in_one_place_are_others() {
        for len in 0..40 {
            let value = vec![b'a'; len];
            for at in 0..len {
                let mut other = value.clone();
                other[at] = b'b';
                let mut interner = Interner::default();
                let numbers = [&value, &other, &value, &other].map(|value| interner.intern(value));
                assert_eq!(numbers, [0, 1, 0, 1], "{len} bytes, of which {at} differs");
            }
        }
    }
}
