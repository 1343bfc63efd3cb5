//! The order of texts, found without comparing many of them as texts.

use arrow::array::StringArray;

/// How many bytes of a text are compared at a time.
const STEP: usize = 15;
/// Stands for more bytes than are compared at a time.
const MORE: u8 = 16;
/// Texts that agree in this many bytes are compared as a whole.
const DEEP: usize = 8 * STEP;

/// The numbers of distinct texts, in bytewise order of the texts.
pub(super) fn sorted(texts: &StringArray) -> Vec<u32> {
    let text = |number: u32| texts.value(number as usize).as_bytes();
    let mut order: Vec<(u128, u32)> = (0..).zip(texts).map(|(number, _)| (step(text(number), 0), number)).collect();
    sort(&mut order, 0, &text);
    order.into_iter().map(|(_, number)| number).collect()
}

/// Sorts texts that agree in their first `at` bytes, given what follows. Comparing this as numbers reads each text once
/// for each step, where comparing texts would read it many times.
fn sort<'a>(order: &mut [(u128, u32)], at: usize, text: &impl Fn(u32) -> &'a [u8]) {
    order.sort_unstable();
    let at = at + STEP;
    for alike in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
        if at >= DEEP {
            alike.sort_unstable_by_key(|(_, number)| text(*number));
        } else {
            alike.iter_mut().for_each(|(next, number)| *next = step(text(*number), at));
            sort(alike, at, text);
        }
    }
}

/// The bytes of a text from `at` on as a number that sorts like them: [`STEP`] bytes, and how many there are. Of two
/// texts that differ only in whether zero bytes follow, the shorter one comes first.
fn step(text: &[u8], at: usize) -> u128 {
    let rest = text.get(at..).unwrap_or_default();
    let mut step = [0; STEP + 1];
    let len = rest.len().min(STEP);
    step[..len].copy_from_slice(&rest[..len]);
    step[STEP] = u8::try_from(rest.len()).map_or(MORE, |len| len.min(MORE));
    u128::from_be_bytes(step)
}

/// The first eight bytes of a text as a number, with zeros after its end. A text that is less than another has no
/// greater one.
pub(crate) fn beginning(value: &[u8]) -> u64 {
    value.first_chunk().map_or_else(
        || value.iter().rev().fold(0, |all, byte| all >> 8 | u64::from(*byte) << 56),
        |first| u64::from_be_bytes(*first),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_sorted_bytewise(
            short in prop::collection::vec("[\0ab\u{e9}]{0,40}", 0..50),
            long in prop::collection::vec("[a]{100,140}[\0ab]{0,3}", 0..50),
            many in any::<bool>(),
        ) {
            let texts: BTreeSet<String> = short.into_iter().chain(long.into_iter().filter(|_| many)).collect();
            let mut shuffled: Vec<&String> = texts.iter().collect();
            shuffled.sort_by_key(|text| (text.len() % 7, text.chars().last()));
            let array = StringArray::from_iter_values(&shuffled);
            let sorted: Vec<&str> = sorted(&array).iter().map(|number| array.value(*number as usize)).collect();
            prop_assert_eq!(sorted, texts.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
