//! Numbers for the distinct texts of columns, so that what is done for each row is done with numbers.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::array::{Array, ArrayRef, StringArray, StringViewArray, UInt32Array};
use arrow::datatypes::DataType;
use foldhash::quality::RandomState;
use sawlog_formats::TextColumn;

/// The number of null.
pub(crate) const NULL: u32 = u32::MAX;

/// What a column's text counts as.
pub(crate) type Part = fn(&str) -> Option<&str>;

/// All of it.
pub(crate) const WHOLE: Part = |text| Some(text);

/// The distinct texts of one or more columns, numbered in the order in which they came.
#[derive(Default)]
pub(crate) struct Numbers {
    /// The hash is seeded, so no log can make its values collide.
    numbers: HashMap<Arc<str>, u32, RandomState>,
    texts: Vec<Arc<str>>,
}

/// The last dictionary of a column, and the number of each text in it among some [`Numbers`], to which it belongs: one is
/// looked up once, not in every batch.
#[derive(Default)]
pub(crate) struct Translated {
    dictionary: Option<StringArray>,
    numbers: Vec<u32>,
}

impl Numbers {
    /// The number of a text.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).expect("fewer than 2^32 distinct texts fit into memory");
        let text: Arc<str> = text.into();
        self.numbers.insert(Arc::clone(&text), number);
        self.texts.push(text);
        number
    }

    /// The text of a number; nothing for [`NULL`].
    pub(crate) fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number as usize).map(|text| &**text)
    }

    /// How many there are: all numbers are less.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The numbers of a column's rows, or of a part of their texts.
    pub(crate) fn of(&mut self, column: &ArrayRef, last: &mut Translated, part: Part) -> Result<Vec<u32>> {
        if *column.data_type() == DataType::Null {
            return Ok(vec![NULL; column.len()]);
        }
        Ok(match TextColumn::new(column).map_err(|found| anyhow!("a column of text is {found}"))? {
            TextColumn::Dictionary(keys, values) => {
                if !is_same(last.dictionary.as_ref(), &values) {
                    last.numbers = values.iter().map(|value| self.of_text(value, part)).collect();
                    last.dictionary = Some(values);
                }
                translated(&keys, &last.numbers)
            }
            TextColumn::View(views) => self.of_views(&views, part),
            TextColumn::Plain(texts) => texts.iter().map(|text| self.of_text(text, part)).collect(),
        })
    }

    fn of_text(&mut self, text: Option<&str>, part: Part) -> u32 {
        text.and_then(part).map_or(NULL, |text| self.number(text))
    }

    /// Equal views of an array are equal texts, and a row often has the text of the one before.
    fn of_views(&mut self, array: &StringViewArray, part: Part) -> Vec<u32> {
        let mut known: HashMap<u128, u32, RandomState> = HashMap::default();
        let mut last: Option<(u128, u32)> = None;
        let number = |row: usize| {
            if array.is_null(row) {
                return NULL;
            }
            let view = array.views()[row];
            if let Some((_, number)) = last.filter(|(before, _)| *before == view) {
                return number;
            }
            let number = *known.entry(view).or_insert_with(|| self.of_text(Some(array.value(row)), part));
            last = Some((view, number));
            number
        };
        (0..array.len()).map(number).collect()
    }
}

fn translated(keys: &UInt32Array, numbers: &[u32]) -> Vec<u32> {
    match keys.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => keys.values().iter().map(|key| numbers[*key as usize]).collect(),
        Some(nulls) => {
            let rows = keys.values().iter().zip(nulls.iter());
            rows.map(|(key, valid)| if valid { numbers[*key as usize] } else { NULL }).collect()
        }
    }
}

/// Whether the dictionary is the very one that was seen before.
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

    #[test]
    fn a_text_has_one_number_in_every_layout() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b"), Some("")]));
        let dictionary = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
        let mut numbers = Numbers::default();
        for layout in [DataType::Utf8, DataType::Utf8View, dictionary] {
            let (column, mut last) = (cast(&texts, &layout).unwrap(), Translated::default());
            for _ in 0..2 {
                assert_eq!(numbers.of(&column, &mut last, WHOLE).unwrap(), [0, NULL, 1, 0, 2], "{layout}");
            }
        }
        assert_eq!((numbers.len(), numbers.text(1), numbers.text(NULL)), (3, Some("a"), None));
        let part: Part = |text| text.strip_prefix("b");
        let mut parts = Numbers::default();
        assert_eq!(parts.of(&texts, &mut Translated::default(), part).unwrap(), [0, NULL, NULL, 0, NULL]);
        assert_eq!(parts.text(0), Some(""));
    }
}
