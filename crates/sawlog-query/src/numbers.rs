//! Interns the distinct texts of columns as numbers, so that the work per row uses integers.

use std::borrow::Cow;
use std::hash::BuildHasher;

use anyhow::{Result, anyhow};
use arrow::array::{Array, ArrayRef, StringArray, StringViewArray};
use arrow::datatypes::DataType;
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use sawlog_formats::{Find, Source, TextColumn, canonical_address};

/// The number of null.
pub(crate) const NULL: u32 = u32::MAX;

/// The part of a column's text that is used as the value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The whole text.
    Whole,
    /// What a source takes from the text.
    Source(&'static Source),
    /// What a function finds in the text; null if that is nothing or empty.
    Found(Find),
    /// The text, if it is this one; else null.
    Only(&'static str),
    /// The address in its canonical spelling. Text that is not an address stays as it is; null if it is empty.
    Address,
}

impl Part {
    /// The part of `text` that is used as the value; `None` for null.
    pub(crate) fn of(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Whole => Some(Cow::Borrowed(text)),
            Self::Source(source) => source.value(text).map(Cow::Borrowed),
            Self::Only(only) => Some(text).filter(|text| *text == only).map(Cow::Borrowed),
            Self::Found(find) => find(text).and_then(filled).map(Cow::Borrowed),
            Self::Address => filled(text).map(canonical_address),
        }
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// An interner: the distinct texts of one or more columns, numbered from 0 in order of appearance. They share one
/// buffer, so millions of texts need few allocations.
#[derive(Default)]
pub(crate) struct Numbers {
    table: HashTable<u32>,
    /// Seeded, so no log can make its values collide.
    hasher: RandomState,
    texts: String,
    /// The end of each text in `texts`.
    ends: Vec<usize>,
}

/// Translates the keys of a column's last dictionary to some [`Numbers`]. A text is looked up when the first row has
/// it.
#[derive(Clone, Default)]
pub(crate) struct Translated {
    dictionary: Option<StringArray>,
    /// The number of each text in the dictionary; [`UNKNOWN`] until a row has it.
    numbers: Vec<u32>,
}

/// Marks a text that was not looked up yet.
const UNKNOWN: u32 = u32::MAX - 1;

impl Numbers {
    /// The number of a text; `None` if it is not interned.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        if self.ends.is_empty() {
            return None;
        }
        let is_it = |number: &u32| self.text(*number) == Some(text);
        self.table.find(self.hasher.hash_one(text), is_it).copied()
    }

    /// The number of a text; a new text gets the next number.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        let Self { table, hasher, texts, ends } = self;
        let hash = hasher.hash_one(text);
        let is_it = |number: &u32| get(texts, ends, *number) == Some(text);
        if let Some(number) = table.find(hash, is_it) {
            return *number;
        }
        let number = u32::try_from(ends.len()).ok().filter(|number| *number < UNKNOWN);
        let number = number.expect("fewer than 2^32 distinct texts fit into memory");
        texts.push_str(text);
        ends.push(texts.len());
        table.insert_unique(hash, number, |number| hasher.hash_one(get(texts, ends, *number).unwrap_or_default()));
        number
    }

    /// The text of a number; `None` for [`NULL`].
    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        get(&self.texts, &self.ends, number)
    }

    /// The number of texts. All numbers are less than this.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The memory that the texts take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.table.allocation_size() + self.texts.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// All texts, in order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..).map_while(|number| self.text(number))
    }

    /// Interns the texts of another set. Returns the number here of each number there.
    pub(crate) fn of_others(&mut self, others: &Self) -> Vec<u32> {
        others.iter().map(|text| self.number(text)).collect()
    }

    /// The number of each row's text, or of its `part`; [`NULL`] if it is null.
    ///
    /// # Errors
    ///
    /// If the column is not text.
    pub(crate) fn of(&mut self, column: &ArrayRef, last: &mut Translated, part: Part) -> Result<Vec<u32>> {
        self.of_rows(column, 0..column.len(), last, part)
    }

    /// Like [`Self::of`], for some rows of the column.
    pub(crate) fn of_rows(
        &mut self,
        column: &ArrayRef,
        rows: impl ExactSizeIterator<Item = usize>,
        last: &mut Translated,
        part: Part,
    ) -> Result<Vec<u32>> {
        if *column.data_type() == DataType::Null {
            return Ok(vec![NULL; rows.len()]);
        }
        Ok(match TextColumn::new(column).map_err(|found| anyhow!("a text column has the type {found}"))? {
            TextColumn::Dictionary(keys, values) => {
                if !is_same(last.dictionary.as_ref(), &values) {
                    last.numbers.clear();
                    last.numbers.resize(values.len(), UNKNOWN);
                    last.dictionary = Some(values.clone());
                }
                let mut number = |key: u32| {
                    let number = &mut last.numbers[key as usize];
                    if *number == UNKNOWN {
                        let text = Some(values.value(key as usize)).filter(|_| values.is_valid(key as usize));
                        *number = self.of_text(text, part);
                    }
                    *number
                };
                let nulls = keys.nulls().filter(|nulls| nulls.null_count() > 0);
                let keys = keys.values();
                match nulls {
                    None => rows.map(|row| number(keys[row])).collect(),
                    Some(nulls) => rows.map(|row| if nulls.is_valid(row) { number(keys[row]) } else { NULL }).collect(),
                }
            }
            TextColumn::View(views) => self.of_views(&views, rows, part),
            TextColumn::Plain(texts) => {
                rows.map(|row| self.of_text(texts.is_valid(row).then(|| texts.value(row)), part)).collect()
            }
        })
    }

    fn of_text(&mut self, text: Option<&str>, part: Part) -> u32 {
        text.and_then(|text| part.of(text)).map_or(NULL, |text| self.number(&text))
    }

    /// Numbers rows of views. A text that repeats the previous row's is not looked up again.
    fn of_views(&mut self, array: &StringViewArray, rows: impl Iterator<Item = usize>, part: Part) -> Vec<u32> {
        let mut last: Option<(u128, u32)> = None;
        let number = |row: usize| {
            if array.is_null(row) {
                return NULL;
            }
            // Equal views in one array are equal texts, though equal texts may have different views.
            let view = array.views()[row];
            if let Some((_, number)) = last.filter(|(before, _)| *before == view) {
                return number;
            }
            let number = self.of_text(Some(array.value(row)), part);
            last = Some((view, number));
            number
        };
        rows.map(number).collect()
    }
}

/// The text of a number in a shared buffer.
fn get<'a>(texts: &'a str, ends: &[usize], number: u32) -> Option<&'a str> {
    let number = number as usize;
    let end = *ends.get(number)?;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    texts.get(start..end)
}

/// Whether `values` is the same dictionary as `known`. It compares pointers, not texts.
pub(crate) fn is_same(known: Option<&StringArray>, values: &StringArray) -> bool {
    known.is_some_and(|known| {
        let same_text = known.values().ptr_eq(values.values());
        known.len() == values.len() && same_text && known.offsets().ptr_eq(values.offsets())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::compute::cast;
    use std::sync::Arc;

    #[test]
    fn a_text_has_one_number_in_every_layout() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b"), Some("")]));
        let dictionary = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
        let mut numbers = Numbers::default();
        for layout in [DataType::Utf8, DataType::Utf8View, dictionary] {
            let (column, mut last) = (cast(&texts, &layout).unwrap(), Translated::default());
            for _ in 0..2 {
                assert_eq!(numbers.of(&column, &mut last, Part::Whole).unwrap(), [0, NULL, 1, 0, 2], "{layout}");
                let some = [1, 4, 0].into_iter();
                assert_eq!(numbers.of_rows(&column, some, &mut last, Part::Whole).unwrap(), [NULL, 2, 0], "{layout}");
            }
        }
        assert_eq!((numbers.len(), numbers.text(1), numbers.text(NULL)), (3, Some("a"), None));
        let part = Part::Found(|text| Some(text).filter(|text| *text == "a"));
        let mut parts = Numbers::default();
        assert_eq!(parts.of(&texts, &mut Translated::default(), part).unwrap(), [NULL, NULL, 0, NULL, NULL]);
        assert_eq!(parts.text(0), Some("a"));
        assert_eq!((parts.of_others(&numbers), parts.len()), (vec![1, 0, 2], 3));
    }
}
