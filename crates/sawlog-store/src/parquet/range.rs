//! The smallest and greatest value of a page or column chunk, as Parquet keeps them.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

use crate::entities::beginning;

/// The longest value that is kept whole; a longer one is cut to a bound.
const MAX_LEN: usize = 64;

/// The smallest and greatest of `values`, if there are any.
pub(super) fn range_of<T: Ord + Copy>(mut values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let first = values.next()?;
    Some(values.fold((first, first), |(min, max), value| (min.min(value), max.max(value))))
}

/// [`range_of`] texts: the first eight bytes, as a number, decide most comparisons.
pub(super) fn range_of_bytes<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<(&'a [u8], &'a [u8])> {
    let first = values.next()?;
    let (mut min, mut max) = ((beginning(first), first), (beginning(first), first));
    for value in values {
        let value = (beginning(value), value);
        if value < min {
            min = value;
        } else if value > max {
            max = value;
        }
    }
    Some((min.1, max.1))
}

/// A bound of text: the bytes, and whether they are the value itself.
pub(super) type Bound = (Vec<u8>, bool);

/// A value that is not greater than `value`, and not longer than [`MAX_LEN`].
pub(super) fn lower_bound(value: &[u8]) -> Bound {
    if value.len() <= MAX_LEN {
        return (value.to_vec(), true);
    }
    (prefix(value).to_vec(), false)
}

/// A value that is not smaller than `value`, and not longer than [`MAX_LEN`], if there is one.
pub(super) fn upper_bound(value: &[u8]) -> Option<Bound> {
    if value.len() <= MAX_LEN {
        return Some((value.to_vec(), true));
    }
    let Ok(text) = std::str::from_utf8(prefix(value)) else {
        let last = prefix(value).iter().rposition(|byte| *byte < u8::MAX)?;
        let mut bound = value[..=last].to_vec();
        bound[last] += 1;
        return Some((bound, false));
    };
    let mut bound = text.to_owned();
    while let Some(last) = bound.pop() {
        // The next character, skipping the gap of the surrogates.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            bound.push(next);
            return Some((bound.into_bytes(), false));
        }
    }
    None
}

/// The longest prefix that fits and, if the value is text, ends with a whole character.
fn prefix(value: &[u8]) -> &[u8] {
    let cut = &value[..MAX_LEN];
    match std::str::from_utf8(cut) {
        Err(error) if error.error_len().is_none() => &cut[..error.valid_up_to()],
        _ => cut,
    }
}

/// Statistics of a column chunk of text or bytes.
pub(super) fn byte_statistics(range: Option<(&[u8], &[u8])>, distinct: Option<u64>, nulls: u64) -> Statistics {
    let min = range.map(|(min, _)| lower_bound(min));
    let max = range.and_then(|(_, max)| upper_bound(max));
    let exact = |bound: &Option<Bound>| bound.as_ref().is_some_and(|(_, exact)| *exact);
    let (min_exact, max_exact) = (exact(&min), exact(&max));
    let bytes = |bound: Option<Bound>| bound.map(|(bytes, _)| ByteArray::from(bytes));
    Statistics::ByteArray(
        ValueStatistics::new(bytes(min), bytes(max), distinct, Some(nulls), false)
            .with_min_is_exact(min_exact)
            .with_max_is_exact(max_exact),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_compared_whole(texts in prop::collection::vec("[\0ab\u{ff}]{0,12}", 0..20)) {
            let texts = || texts.iter().map(String::as_bytes);
            prop_assert_eq!(range_of_bytes(texts()), range_of(texts()));
        }
    }
}
