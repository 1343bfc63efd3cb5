//! One column as it is filled: whole batches of values at a time, or one value at a time in any order of columns.

use std::cmp::Ordering;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray,
    PrimitiveArray, StringArray, StructArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field, Fields};

use crate::interner::Interner;
use crate::table::{Column, Kind, Layout};
use crate::text::TextColumn;

/// The key for null in a dictionary column.
const NULL_KEY: u32 = u32::MAX;

/// About how much memory a column's few allocations take in addition to its content.
const COLUMN_OVERHEAD: usize = 128;

/// The number of rows after which a dictionary column first checks whether its dictionary pays.
const FIRST_REVIEW: usize = 4096;

/// A column as it is filled.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Dictionary { keys: Vec<u32>, values: Interner, nulls: bool, next_review: usize, expected: Size },
    Plain { kind: Kind, offsets: Vec<i32>, bytes: Vec<u8>, valid: NullBufferBuilder },
    Numbers { kind: Kind, values: Vec<i64>, valid: NullBufferBuilder },
    Struct { columns: &'static [Column], children: Vec<ColumnBuilder>, valid: NullBufferBuilder },
    List { columns: &'static [Column], children: Vec<ColumnBuilder>, offsets: Vec<i32>, valid: NullBufferBuilder },
}

/// How large a column has become, or is expected to become. One that was never set has 0 of everything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    rows: usize,
    /// Distinct texts in a dictionary; of plain text, those before the dictionary was given up.
    values: usize,
    /// Bytes of text.
    bytes: usize,
}

impl Size {
    pub(crate) fn add(self, other: Self) -> Self {
        let (rows, values) = (self.rows + other.rows, self.values + other.values);
        Self { rows, values, bytes: self.bytes + other.bytes }
    }

    /// One of so many parts of it.
    pub(crate) fn part(self, parts: usize) -> Self {
        Self { rows: self.rows / parts, values: self.values / parts, bytes: self.bytes / parts }
    }
}

impl ColumnBuilder {
    pub(crate) fn new(column: &Column) -> Self {
        let children = |columns: &[Column]| columns.iter().map(Self::new).collect();
        match (column.kind, column.layout) {
            (Kind::Text, Layout::Dictionary) => Self::Dictionary {
                keys: Vec::new(),
                values: Interner::default(),
                nulls: false,
                next_review: FIRST_REVIEW,
                expected: Size::default(),
            },
            (kind @ (Kind::Text | Kind::Bytes), _) => Self::plain(kind),
            (Kind::Struct(columns), _) => {
                Self::Struct { columns, children: children(columns), valid: NullBufferBuilder::new(0) }
            }
            (Kind::List(columns), _) => {
                Self::List { columns, children: children(columns), offsets: vec![0], valid: NullBufferBuilder::new(0) }
            }
            (kind, _) => Self::Numbers { kind, values: Vec::new(), valid: NullBufferBuilder::new(0) },
        }
    }

    fn plain(kind: Kind) -> Self {
        Self::Plain { kind, offsets: vec![0], bytes: Vec::new(), valid: NullBufferBuilder::new(0) }
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Dictionary { keys, .. } => keys.len(),
            Self::Plain { offsets, .. } | Self::List { offsets, .. } => offsets.len() - 1,
            Self::Numbers { values, .. } => values.len(),
            Self::Struct { valid, .. } => valid.len(),
        }
    }

    /// Appends how large it is, and then the columns in it.
    pub(crate) fn sizes(&self, sizes: &mut Vec<Size>) {
        let (values, bytes) = match self {
            Self::Dictionary { values, .. } => (values.len(), values.bytes()),
            Self::Plain { bytes, .. } => (self.len().min(FIRST_REVIEW), bytes.len()),
            Self::Numbers { .. } | Self::Struct { .. } | Self::List { .. } => (0, 0),
        };
        sizes.push(Size { rows: self.len(), values, bytes });
        if let Self::Struct { children, .. } | Self::List { children, .. } = self {
            children.iter().for_each(|child| child.sizes(sizes));
        }
    }

    /// Makes room for what is expected of it and of the columns in it, so that they need not grow step by step.
    pub(crate) fn reserve(&mut self, sizes: &mut impl Iterator<Item = Size>) {
        self.make_room(sizes.next().unwrap_or_default());
        if let Self::Struct { children, .. } | Self::List { children, .. } = self {
            children.iter_mut().for_each(|child| child.reserve(sizes));
        }
    }

    fn make_room(&mut self, size: Size) {
        match self {
            Self::Dictionary { keys, values, expected, .. } => {
                *expected = size;
                keys.reserve(size.rows);
                values.reserve(size.values);
            }
            Self::Plain { offsets, bytes, .. } => {
                offsets.reserve(size.rows);
                bytes.reserve(size.bytes);
            }
            Self::Numbers { values, .. } => values.reserve(size.rows),
            Self::List { offsets, .. } => offsets.reserve(size.rows),
            Self::Struct { .. } => {}
        }
    }

    /// The memory that it holds, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let children = |children: &[Self]| children.iter().map(Self::memory).sum::<usize>();
        let content = match self {
            Self::Dictionary { keys, values, .. } => keys.capacity() * 4 + values.memory(),
            Self::Plain { offsets, bytes, valid, .. } => {
                offsets.capacity() * 4 + bytes.capacity() + valid.allocated_size()
            }
            Self::Numbers { values, valid, .. } => values.capacity() * 8 + valid.allocated_size(),
            Self::Struct { children: nested, valid, .. } => children(nested) + valid.allocated_size(),
            Self::List { children: nested, offsets, valid, .. } => {
                children(nested) + offsets.capacity() * 4 + valid.allocated_size()
            }
        };
        size_of::<Self>() + COLUMN_OVERHEAD + content
    }

    /// Appends text or bytes.
    pub(crate) fn texts<'a>(&mut self, new: impl Iterator<Item = Option<&'a [u8]>>) {
        match self {
            Self::Dictionary { keys, values, nulls, .. } => {
                for value in new {
                    if let Some(value) = value {
                        keys.push(values.intern(value));
                    } else {
                        keys.push(NULL_KEY);
                        *nulls = true;
                    }
                }
                self.review();
            }
            Self::Plain { offsets, bytes, valid, .. } => {
                // Rows without nulls are marked all at once.
                let mut unmarked = 0;
                for value in new {
                    bytes.extend_from_slice(value.unwrap_or_default());
                    offsets.push(offset(bytes.len()));
                    if value.is_some() {
                        unmarked += 1;
                    } else {
                        valid.append_n_non_nulls(std::mem::take(&mut unmarked));
                        valid.append_null();
                    }
                }
                valid.append_n_non_nulls(unmarked);
            }
            _ => panic!("the column does not hold text"),
        }
    }

    /// Appends the same text `count` times.
    pub(crate) fn repeat_text(&mut self, value: &[u8], count: usize) {
        match self {
            Self::Dictionary { keys, values, .. } => {
                let key = values.intern(value);
                keys.resize(keys.len() + count, key);
            }
            plain => plain.texts(std::iter::repeat_n(Some(value), count)),
        }
    }

    /// Appends numbers or times; for floating-point numbers, the bits.
    pub(crate) fn numbers(&mut self, new: impl Iterator<Item = Option<i64>> + Clone) {
        let Self::Numbers { values, valid, .. } = self else { panic!("the column does not hold numbers") };
        let before = values.len();
        values.extend(new.clone().map(Option::unwrap_or_default));
        // Rows without nulls are marked all at once.
        let mut marked = 0;
        for (row, _) in new.enumerate().filter(|(_, value)| value.is_none()) {
            valid.append_n_non_nulls(row - marked);
            valid.append_null();
            marked = row + 1;
        }
        valid.append_n_non_nulls(values.len() - before - marked);
    }

    /// Appends rows of an Arrow column of the same kind, in any layout.
    pub(crate) fn append(
        &mut self,
        array: &ArrayRef,
        rows: Range<usize>,
        memo: &mut Memo<'_>,
    ) -> Result<(), ArrowError> {
        let wrong = || ArrowError::SchemaError(format!("a column has the type {}", array.data_type()));
        match self {
            Self::Dictionary { keys, values, nulls, .. } => {
                let text = TextColumn::new(array).map_err(|_| wrong())?;
                let numbers = memo.next(&text);
                keys.extend(rows.map(|row| {
                    let number = number_of(&text, row, numbers, values);
                    *nulls |= number.is_none();
                    number.unwrap_or(NULL_KEY)
                }));
            }
            Self::Plain { kind: Kind::Text, .. } => {
                let text = TextColumn::new(array).map_err(|_| wrong())?;
                memo.next(&text);
                self.texts(rows.map(|row| text.get(row).map(str::as_bytes)));
            }
            Self::Plain { .. } => {
                let bytes = array.as_binary_opt::<i32>().ok_or_else(wrong)?;
                self.texts(rows.map(|row| bytes.is_valid(row).then(|| bytes.value(row))));
            }
            Self::Numbers { .. } => {
                let get = number_getter(array).ok_or_else(wrong)?;
                self.numbers(rows.map(|row| array.is_valid(row).then(|| get(row))));
            }
            Self::Struct { children, valid, .. } => {
                let group = array.as_struct_opt().filter(|group| group.num_columns() == children.len());
                for (child, array) in children.iter_mut().zip(group.ok_or_else(wrong)?.columns()) {
                    child.append(array, rows.clone(), memo)?;
                }
                rows.for_each(|row| valid.append(array.is_valid(row)));
            }
            Self::List { children, offsets, valid, .. } => {
                let list = array.as_list_opt::<i32>().ok_or_else(wrong)?;
                let items = list.values().as_struct_opt().filter(|group| group.num_columns() == children.len());
                let place = |row: usize| usize::try_from(list.value_offsets()[row]).unwrap_or_default();
                // A null list may have items, which do not count.
                let there: Vec<_> =
                    rows.clone().filter(|row| list.is_valid(*row) && place(*row) < place(row + 1)).collect();
                for (child, array) in children.iter_mut().zip(items.ok_or_else(wrong)?.columns()) {
                    let numbers = memo.place();
                    for row in &there {
                        memo.go_back(numbers);
                        child.append(array, place(*row)..place(row + 1), memo)?;
                    }
                    if there.is_empty() {
                        child.append(array, 0..0, memo)?;
                    }
                }
                for row in rows {
                    let is_there = list.is_valid(row);
                    let count = if is_there { offset(place(row + 1) - place(row)) } else { 0 };
                    offsets.push(offsets[offsets.len() - 1] + count);
                    valid.append(is_there);
                }
            }
        }
        Ok(())
    }

    /// Sets the text of `row`, the last one or one after it; rows between become null.
    pub(crate) fn set_text(&mut self, row: usize, value: &[u8]) {
        self.make_last(row);
        match self {
            Self::Dictionary { keys, values, .. } => keys.push(values.intern(value)),
            Self::Plain { offsets, bytes, valid, .. } => {
                bytes.extend_from_slice(value);
                offsets.push(offset(bytes.len()));
                valid.append_non_null();
            }
            _ => panic!("the column does not hold text"),
        }
    }

    /// The text of `row`, if this is a column of text and has one there.
    pub(crate) fn text(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Dictionary { keys, values, .. } => {
                keys.get(row).filter(|key| **key != NULL_KEY).map(|key| values.get(*key))
            }
            Self::Plain { offsets, bytes, .. } => {
                let place = |row: usize| offsets.get(row).and_then(|place| usize::try_from(*place).ok());
                bytes.get(place(row)?..place(row + 1)?).filter(|text| !text.is_empty())
            }
            Self::Numbers { .. } | Self::Struct { .. } | Self::List { .. } => None,
        }
    }

    /// Sets the text of `row`, like [`ColumnBuilder::set_text`], in a column with at most `most` distinct texts.
    /// Returns whether it could.
    pub(crate) fn set_text_within(&mut self, row: usize, value: &[u8], most: usize) -> bool {
        let Self::Dictionary { values, .. } = self else {
            self.set_text(row, value);
            return true;
        };
        let Some(key) = values.intern_within(value, most) else { return false };
        self.make_last(row);
        if let Self::Dictionary { keys, .. } = self {
            keys.push(key);
        }
        true
    }

    /// Sets the number, time or boolean (0 or 1) of `row`, the last one or one after it.
    pub(crate) fn set_number(&mut self, row: usize, value: i64) {
        self.make_last(row);
        let Self::Numbers { values, valid, .. } = self else { panic!("the column does not hold numbers") };
        values.push(value);
        valid.append_non_null();
    }

    /// Declares that the group of `row`, the last one or one after it, is present. Returns its columns.
    pub(crate) fn set_struct(&mut self, row: usize) -> &mut [Self] {
        self.make_last(row);
        let Self::Struct { children, valid, .. } = self else { panic!("the column is no group") };
        valid.append_non_null();
        children
    }

    /// Declares that the list of `row`, which is the last row or one after it, has `count` groups. Returns their
    /// columns, and the row of the first group in them.
    pub(crate) fn set_list(&mut self, row: usize, count: usize) -> (&mut [Self], usize) {
        self.make_last(row);
        let Self::List { children, offsets, valid, .. } = self else { panic!("the column is no list") };
        let first = offsets[offsets.len() - 1];
        offsets.push(first + offset(count));
        valid.append_non_null();
        (children, usize::try_from(first).unwrap_or_default())
    }

    /// Makes `row` null, whatever it was.
    pub(crate) fn unset(&mut self, row: usize) {
        self.truncate(row);
    }

    /// Drops the rows from `rows` on, and adds nulls until there are this many.
    #[inline]
    fn make_last(&mut self, rows: usize) {
        match self.len().cmp(&rows) {
            Ordering::Less => self.pad(rows),
            Ordering::Equal => {}
            Ordering::Greater => self.truncate(rows),
        }
    }

    fn truncate(&mut self, rows: usize) {
        if self.len() <= rows {
            return;
        }
        match self {
            Self::Dictionary { keys, .. } => keys.truncate(rows),
            Self::Plain { offsets, bytes, valid, .. } => {
                offsets.truncate(rows + 1);
                bytes.truncate(usize::try_from(offsets[rows]).unwrap_or_default());
                valid.truncate(rows);
            }
            Self::Numbers { values, valid, .. } => {
                values.truncate(rows);
                valid.truncate(rows);
            }
            Self::Struct { children, valid, .. } => {
                children.iter_mut().for_each(|child| child.truncate(rows));
                valid.truncate(rows);
            }
            Self::List { children, offsets, valid, .. } => {
                offsets.truncate(rows + 1);
                let items = usize::try_from(offsets[rows]).unwrap_or_default();
                children.iter_mut().for_each(|child| child.truncate(items));
                valid.truncate(rows);
            }
        }
    }

    /// Adds nulls until there are `rows` rows. The columns of a group are filled up at the end instead.
    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.len());
        if missing == 0 {
            return;
        }
        match self {
            Self::Dictionary { keys, nulls, .. } => {
                keys.resize(rows, NULL_KEY);
                *nulls = true;
            }
            Self::Plain { offsets, valid, .. } | Self::List { offsets, valid, .. } => {
                offsets.resize(rows + 1, offsets[offsets.len() - 1]);
                valid.append_n_nulls(missing);
            }
            Self::Numbers { values, valid, .. } => {
                values.resize(rows, 0);
                valid.append_n_nulls(missing);
            }
            Self::Struct { valid, .. } => valid.append_n_nulls(missing),
        }
    }

    /// Makes values null that were not set in `rows` rows, here and in the columns below.
    pub(crate) fn settle(&mut self, rows: usize) {
        self.pad(rows);
        match self {
            Self::Struct { children, .. } => children.iter_mut().for_each(|child| child.settle(rows)),
            Self::List { children, offsets, .. } => {
                let items = usize::try_from(offsets[rows]).unwrap_or_default();
                children.iter_mut().for_each(|child| child.settle(items));
            }
            _ => {}
        }
    }

    /// Turns dictionaries that don't pay into plain columns.
    pub(crate) fn review(&mut self) {
        match self {
            Self::Dictionary { keys, values, next_review, .. } if keys.len() >= *next_review => {
                *next_review = keys.len() * 4;
                if values.len() * 2 > keys.len() && plain_is_no_larger(keys, values) {
                    self.give_up_dictionary();
                }
            }
            Self::Struct { children, .. } | Self::List { children, .. } => children.iter_mut().for_each(Self::review),
            _ => {}
        }
    }

    /// Turns into a plain column, because more than half of the values were new.
    fn give_up_dictionary(&mut self) {
        let plain = std::mem::replace(self, Self::plain(Kind::Text));
        let Self::Dictionary { keys, values, expected, .. } = plain else { return };
        self.make_room(expected);
        self.texts(keys.iter().map(|&key| (key != NULL_KEY).then(|| values.get(key))));
    }

    /// This many nulls, without writing one after another; `None` for groups and lists.
    fn all_null(&self, rows: usize) -> Option<ArrayRef> {
        Some(match self {
            Self::Dictionary { .. } => {
                let values = Arc::new(StringArray::new_null(0));
                let array = DictionaryArray::<UInt32Type>::try_new(UInt32Array::new_null(rows), values);
                Arc::new(array.expect("no key is there"))
            }
            Self::Plain { kind: Kind::Text, .. } => Arc::new(StringArray::new_null(rows)),
            Self::Plain { .. } => Arc::new(BinaryArray::new_null(rows)),
            Self::Numbers { kind, .. } => match kind {
                Kind::Time => Arc::new(TimestampMicrosecondArray::new_null(rows).with_timezone("UTC")),
                Kind::Int32 => Arc::new(Int32Array::new_null(rows)),
                Kind::Float64 => Arc::new(Float64Array::new_null(rows)),
                Kind::Bool => Arc::new(BooleanArray::new_null(rows)),
                _ => Arc::new(Int64Array::new_null(rows)),
            },
            Self::Struct { .. } | Self::List { .. } => return None,
        })
    }

    /// The column as an Arrow array of this many rows. Rows after the last one that was set are null.
    pub(crate) fn finish(mut self, rows: usize) -> ArrayRef {
        if self.len() == 0
            && let Some(nulls) = self.all_null(rows)
        {
            return nulls;
        }
        self.settle(rows);
        match self {
            Self::Dictionary { keys, values, nulls, .. } => {
                let valid = nulls
                    .then(|| NullBuffer::new(BooleanBuffer::collect_bool(keys.len(), |row| keys[row] != NULL_KEY)));
                let (offsets, bytes) = values.into_parts();
                let offsets = offsets.into_iter().map(|at| offset(at as usize)).collect();
                let values = strings(offsets, bytes, None);
                let keys = UInt32Array::new(ScalarBuffer::from(keys), valid);
                let array = DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(values));
                Arc::new(array.expect("keys come from the interner"))
            }
            Self::Plain { kind: Kind::Text, offsets, bytes, mut valid } => {
                Arc::new(strings(offsets, bytes, valid.finish()))
            }
            Self::Plain { offsets, bytes, mut valid, .. } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(BinaryArray::new(offsets, Buffer::from_vec(bytes), valid.finish()))
            }
            Self::Numbers { kind, values, mut valid } => numbers(kind, values, valid.finish()),
            Self::Struct { columns, children, mut valid } => Arc::new(group(columns, children, rows, valid.finish())),
            Self::List { columns, children, offsets, mut valid } => {
                let count = usize::try_from(offsets[rows]).unwrap_or_default();
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let items = group(columns, children, count, None);
                let element = Field::new("element", Array::data_type(&items).clone(), true);
                Arc::new(ListArray::new(Arc::new(element), offsets, Arc::new(items), valid.finish()))
            }
        }
    }
}

/// Whether the values of all rows, one after another, take hardly more than the distinct ones and their numbers. A
/// few long texts that rows repeat could take any amount.
fn plain_is_no_larger(keys: &[u32], values: &Interner) -> bool {
    let plain: usize = keys.iter().filter(|key| **key != NULL_KEY).map(|key| values.get(*key).len()).sum();
    plain <= 2 * values.memory() + keys.len() * 4
}

/// The number of a row's text among `values`. `numbers` caches the numbers of a dictionary's texts.
fn number_of(text: &TextColumn, row: usize, numbers: &mut [Option<NonZeroU32>], values: &mut Interner) -> Option<u32> {
    let TextColumn::Dictionary(keys, texts) = text else {
        return text.get(row).map(|text| values.intern(text.as_bytes()));
    };
    if keys.is_null(row) {
        return None;
    }
    let key = keys.value(row) as usize;
    if let Some(known) = numbers.get(key).copied().flatten() {
        return Some(known.get() - 1);
    }
    let number = values.intern(texts.value(key).as_bytes());
    if let Some(place) = numbers.get_mut(key) {
        *place = NonZeroU32::new(number + 1);
    }
    Some(number)
}

/// How to read the numbers of a column, null or not.
fn number_getter(array: &ArrayRef) -> Option<Box<dyn Fn(usize) -> i64 + '_>> {
    if let Some(bools) = array.as_boolean_opt() {
        return Some(Box::new(|row| i64::from(bools.value(row))));
    }
    if let Some(numbers) = array.as_primitive_opt::<Int32Type>() {
        return Some(Box::new(|row| i64::from(numbers.value(row))));
    }
    if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        return Some(Box::new(|row| numbers.value(row).to_bits().cast_signed()));
    }
    let times = array.as_primitive_opt::<TimestampMicrosecondType>().map(PrimitiveArray::values);
    let numbers = times.or_else(|| Some(array.as_primitive_opt::<Int64Type>()?.values()))?;
    Some(Box::new(|row| numbers[row]))
}

/// The numbers of a record batch's dictionary texts in the columns that its rows are appended to: a list for each
/// text column in order. It belongs to these columns and to the dictionaries that it was made for, which it keeps
/// alive.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Vec<(Option<StringArray>, Vec<Option<NonZeroU32>>)>);

impl Numbers {
    /// From the first column on.
    pub(crate) fn memo(&mut self) -> Memo<'_> {
        Memo { numbers: self, at: 0 }
    }
}

/// [`Numbers`] of one column after the other.
#[derive(Debug)]
pub(crate) struct Memo<'a> {
    numbers: &'a mut Numbers,
    at: usize,
}

impl Memo<'_> {
    fn place(&self) -> usize {
        self.at
    }

    fn go_back(&mut self, place: usize) {
        self.at = place;
    }

    /// The numbers of the next column's texts; none are known if its dictionary has changed.
    fn next(&mut self, text: &TextColumn) -> &mut [Option<NonZeroU32>] {
        if self.at == self.numbers.0.len() {
            self.numbers.0.push((None, Vec::new()));
        }
        let (known, numbers) = &mut self.numbers.0[self.at];
        self.at += 1;
        if let TextColumn::Dictionary(_, texts) = text
            && !known.as_ref().is_some_and(|known| is_same(known, texts))
        {
            numbers.clear();
            numbers.resize(texts.len(), None);
            *known = Some(texts.clone());
        }
        numbers
    }
}

/// Whether two dictionaries are the very same memory.
fn is_same(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len() && a.values().ptr_eq(b.values()) && a.offsets().ptr_eq(b.offsets())
}

fn group(columns: &[Column], children: Vec<ColumnBuilder>, rows: usize, valid: Option<NullBuffer>) -> StructArray {
    let arrays: Vec<ArrayRef> = children.into_iter().map(|child| child.finish(rows)).collect();
    let fields =
        columns.iter().zip(&arrays).map(|(column, array)| Field::new(column.name, array.data_type().clone(), true));
    StructArray::new(fields.collect::<Fields>(), arrays, valid)
}

fn strings(offsets: Vec<i32>, bytes: Vec<u8>, valid: Option<NullBuffer>) -> StringArray {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(bytes), valid).expect("decoders append UTF-8 only")
}

#[expect(clippy::cast_possible_truncation, reason = "a decoder checks the range of what it appends")]
fn numbers(kind: Kind, values: Vec<i64>, valid: Option<NullBuffer>) -> ArrayRef {
    match kind {
        Kind::Time => Arc::new(TimestampMicrosecondArray::new(ScalarBuffer::from(values), valid).with_timezone("UTC")),
        Kind::Int32 => Arc::new(Int32Array::new(values.into_iter().map(|value| value as i32).collect(), valid)),
        Kind::Float64 => {
            let values = values.into_iter().map(|bits| f64::from_bits(bits.cast_unsigned()));
            Arc::new(Float64Array::new(values.collect(), valid))
        }
        Kind::Bool => {
            Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(values.len(), |row| values[row] != 0), valid))
        }
        _ => Arc::new(Int64Array::new(ScalarBuffer::from(values), valid)),
    }
}

fn offset(len: usize) -> i32 {
    i32::try_from(len).expect("row groups are flushed long before 2 GiB")
}
