//! The leaves of nested columns, and the levels that say where groups and lists are absent.
//!
//! A table's columns are text, numbers and the like; groups of columns; and lists of groups, which occur only at the
//! top level. See the format's documentation, "Nested Encoding".

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::NullBuffer;
use parquet::errors::{ParquetError, Result};
use sawlog_formats::{Column, Kind};

/// A column without columns in it.
#[derive(Debug)]
pub(super) struct Leaf<'a> {
    pub(super) column: &'a Column,
    pub(super) array: ArrayRef,
    /// Which of the array's values are present: neither null, nor in a null group.
    pub(super) valid: Option<NullBuffer>,
    /// Nulls of each group around the leaf, from the outermost to the leaf itself.
    layers: Vec<Option<NullBuffer>>,
    /// The list whose items the array's values are.
    list: Option<ListArray>,
}

/// The levels of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Levels {
    /// 0 where a row begins, 1 where a list continues; `None` outside lists.
    pub(super) repetition: Option<Vec<u32>>,
    /// How much of the path to the value is present; `None` if all of it everywhere, or if nothing anywhere.
    pub(super) definition: Option<Vec<u32>>,
    /// The level of a value that is present.
    pub(super) max: u32,
    /// How many levels there are, and how many of them with a value.
    pub(super) count: usize,
    pub(super) values: usize,
}

/// The leaves of a column, in order.
pub(super) fn leaves<'a>(column: &'a Column, array: &ArrayRef) -> Result<Vec<Leaf<'a>>> {
    let mut found = Vec::new();
    collect(column, array, &[], None, &mut found)?;
    Ok(found)
}

fn collect<'a>(
    column: &'a Column,
    array: &ArrayRef,
    above: &[Option<NullBuffer>],
    list: Option<&ListArray>,
    found: &mut Vec<Leaf<'a>>,
) -> Result<()> {
    let wrong = || ParquetError::General(format!("{} is {}", column.name, array.data_type()));
    let layers: Vec<_> = above.iter().cloned().chain([array.nulls().cloned()]).collect();
    match column.kind {
        Kind::Struct(columns) => {
            let group = array.as_struct_opt().ok_or_else(wrong)?;
            for (column, array) in columns.iter().zip(group.columns()) {
                collect(column, array, &layers, list, found)?;
            }
        }
        Kind::List(columns) => {
            let items = array.as_list_opt::<i32>().ok_or_else(wrong)?;
            let group = items.values().as_struct_opt().ok_or_else(wrong)?;
            for (column, array) in columns.iter().zip(group.columns()) {
                collect(column, array, &[], Some(items), found)?;
            }
        }
        _ => {
            let valid = layers.iter().fold(None, |valid, nulls| NullBuffer::union(valid.as_ref(), nulls.as_ref()));
            let valid = valid.filter(|valid| valid.null_count() > 0);
            found.push(Leaf { column, array: array.clone(), valid, layers, list: list.cloned() });
        }
    }
    Ok(())
}

impl Leaf<'_> {
    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.list.as_ref().map_or(self.array.len(), Array::len)
    }

    /// Which of the array's values belong to the rows of a page.
    pub(super) fn values(&self, page: &Range<usize>) -> Range<usize> {
        let Some(list) = &self.list else { return page.clone() };
        let place = |row: usize| usize::try_from(list.value_offsets()[row]).unwrap_or_default();
        place(page.start)..place(page.end)
    }

    /// Whether the array's value is there.
    pub(super) fn is_there(&self, place: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid.is_valid(place))
    }

    /// Whether no row has a value, for a column that is in no group or list.
    pub(super) fn is_empty(&self) -> bool {
        let is_single = self.list.is_none() && self.layers.len() == 1;
        is_single && self.valid.as_ref().is_some_and(|valid| valid.null_count() == valid.len())
    }

    /// The levels of a page's rows.
    pub(super) fn levels(&self, page: &Range<usize>) -> Levels {
        if let Some(list) = &self.list {
            return self.list_levels(list, page);
        }
        let max = u32::try_from(self.layers.len()).unwrap_or(u32::MAX);
        if self.is_empty() {
            return Levels { repetition: None, definition: None, max, count: page.len(), values: 0 };
        }
        if self.valid.is_none() {
            return Levels { repetition: None, definition: None, max, count: page.len(), values: page.len() };
        }
        let mut definition = vec![max; page.len()];
        let mut values = page.len();
        for (level, nulls) in (0..max).zip(&self.layers).rev() {
            let Some(nulls) = nulls.as_ref().filter(|nulls| nulls.null_count() > 0) else { continue };
            let nulls = !&nulls.inner().slice(page.start, page.len());
            for row in nulls.set_indices() {
                values -= usize::from(definition[row] == max);
                definition[row] = level;
            }
        }
        Levels { repetition: None, definition: Some(definition), max, count: page.len(), values }
    }

    fn list_levels(&self, list: &ListArray, page: &Range<usize>) -> Levels {
        // The levels of a list that is present, an item in it, the group that the item is, the value.
        const MAX: u32 = 4;
        let (mut repetition, mut definition, mut values) = (Vec::new(), Vec::new(), 0);
        for row in page.clone() {
            let items = self.values(&(row..row + 1));
            if items.is_empty() {
                repetition.push(0);
                definition.push(u32::from(list.is_valid(row)));
            }
            for (place, item) in items.enumerate() {
                repetition.push(u32::from(place > 0));
                definition.push(if self.is_there(item) { MAX } else { MAX - 1 });
                values += usize::from(self.is_there(item));
            }
        }
        let count = definition.len();
        Levels { repetition: Some(repetition), definition: Some(definition), max: MAX, count, values }
    }
}
