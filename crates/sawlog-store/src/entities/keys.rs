//! The distinct values of a field in a row group, and which rows have them.

use std::collections::HashMap;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, StringBuilder};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt32Type};
use arrow::error::ArrowError;
use sawlog_formats::{Entity, Interner, Part, Source, TextColumn, canonical_address};

/// An unbounded field is not indexed in a row group with fewer rows per distinct value than this: a row of the index
/// costs twice the CPU time of a record.
const ROWS_PER_VALUE: usize = 8;
/// An unbounded field with at most this many distinct values in a row group is always indexed.
const ALWAYS: usize = 4096;
/// A field with a value of more bytes than this is not indexed: no service accepts such a long header, name or URL.
const MAX_LEN: usize = 64 << 10;

/// The distinct values of a field, and for each row the number of its value. The number of null is `values.len()`.
pub(super) struct Keys {
    pub(super) values: StringArray,
    pub(super) of_rows: ScalarBuffer<u32>,
    /// The further values of rows with several, as pairs of row and number, sorted by row.
    pub(super) more: Vec<(u32, u32)>,
}

impl Keys {
    /// `None` if a value is too long, or the cardinality of an unbounded field is too high.
    pub(super) fn of(entity: &Entity, batch: &RecordBatch) -> Result<Option<Self>, ArrowError> {
        let limit = entity.unbounded.then(|| ALWAYS.max(batch.num_rows() / ROWS_PER_VALUE));
        let are_few = |keys: &Self| limit.is_none_or(|limit| keys.values.len() <= limit);
        if limit.is_some_and(|limit| batch.num_rows() > limit) {
            // Without a dictionary, more than half of the values are distinct.
            let columns = entity.columns().into_iter().map(|name| Ok(column(batch, name)?.0));
            let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
            if columns.iter().any(|array| *array.data_type() == DataType::Utf8) {
                return Ok(None);
            }
        }
        let keys = match entity.part {
            Part::Joined(first, second) => {
                let (first, second) = (Self::of_text(batch, first)?, Self::of_text(batch, second)?);
                let joined = if are_few(&first) && are_few(&second) { Self::joined(&first, &second) } else { None };
                let Some(keys) = joined else { return Ok(None) };
                keys
            }
            Part::Within(find) => Self::within(batch, entity.field, find)?,
            Part::First(sources) => Self::first(batch, sources)?,
            Part::Addresses(columns) => Self::addresses(batch, columns)?,
            Part::Whole => match column(batch, entity.field)? {
                (array, _) if *array.data_type() == DataType::Int32 => match Self::of_numbers(&array, limit) {
                    Some(keys) => keys,
                    None => return Ok(None),
                },
                _ => Self::of_text(batch, entity.field)?,
            },
        };
        let longest = keys.values.offsets().lengths().max();
        Ok(Some(keys).filter(|keys| are_few(keys) && longest.is_none_or(|longest| longest <= MAX_LEN)))
    }

    fn of_text(batch: &RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let (array, valid) = column(batch, name)?;
        if let Some(dictionary) = array.as_dictionary_opt::<UInt32Type>() {
            let values = dictionary.values().as_string::<i32>().clone();
            let of_rows = or_null(dictionary.keys().values().clone(), valid.as_ref(), values.len());
            return Ok(Self { values, of_rows, more: Vec::new() });
        }
        let text = texts(&array, name)?;
        let is_there = |row: usize| valid.as_ref().is_none_or(|valid| valid.is_valid(row));
        let rows = (0..array.len()).map(|row| text.get(row).filter(|_| is_there(row)));
        Ok(Self::numbered(rows))
    }

    /// Interns the values of rows.
    fn numbered<'a>(rows: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut values = Interner::default();
        let of_rows: Vec<u32> =
            rows.map(|value| value.map_or(u32::MAX, |value| values.intern(value.as_bytes()))).collect();
        Self::with_null(strings(&values), of_rows)
    }

    /// Makes keys from numbers of which `u32::MAX` marks null.
    fn with_null(values: StringArray, mut of_rows: Vec<u32>) -> Self {
        let null = count(values.len());
        of_rows.iter_mut().filter(|key| **key == u32::MAX).for_each(|key| *key = null);
        Self { values, of_rows: of_rows.into(), more: Vec::new() }
    }

    /// Numbers the values of an integer column; `None` if there are more than `limit`. Most are ports, so values below
    /// 2^16 are looked up in an array, without a hash.
    fn of_numbers(array: &ArrayRef, limit: Option<usize>) -> Option<Self> {
        let mut values: Vec<i32> = Vec::new();
        let mut ports = vec![u32::MAX; 1 << 16];
        let mut others: HashMap<i32, u32> = HashMap::new();
        let limit = limit.unwrap_or(usize::MAX);
        let mut place = |number: i32| {
            let port = u16::try_from(number).ok().map(|port| &mut ports[usize::from(port)]);
            let place = port.unwrap_or_else(|| others.entry(number).or_insert(u32::MAX));
            if *place == u32::MAX {
                *place = count(values.len());
                values.push(number);
            }
            (values.len() <= limit).then_some(*place)
        };
        // The buffer has some number for null rows, too; `or_null` corrects these afterwards.
        let numbers = array.as_primitive::<Int32Type>().values().iter();
        let of_rows = numbers.map(|number| place(*number)).collect::<Option<Vec<u32>>>()?;
        let of_rows = or_null(of_rows.into(), array.nulls(), values.len());
        let values = values.iter().map(|number| Some(number.to_string())).collect();
        Some(Self { values, of_rows, more: Vec::new() })
    }

    /// The column of the rows' values, as text.
    fn into_texts(self) -> TextColumn {
        let null = count(self.values.len());
        let keys = self.of_rows.iter().map(|key| Some(*key).filter(|key| *key != null));
        TextColumn::Dictionary(keys.collect(), self.values)
    }

    /// What `find` finds in the text of a column. It is called once for each value of the column's dictionary.
    fn within(batch: &RecordBatch, name: &str, find: fn(&str) -> Option<&str>) -> Result<Self, ArrowError> {
        let (array, valid) = column(batch, name)?;
        let is_there = |row: usize| valid.as_ref().is_none_or(|valid| valid.is_valid(row));
        let mut found = Interner::default();
        let mut number = |text: &str| find(text).map_or(u32::MAX, |text| found.intern(text.as_bytes()));
        let of_rows: Vec<u32> = match texts(&array, name)? {
            TextColumn::Dictionary(keys, values) => {
                let of_value: Vec<u32> = values.iter().map(|value| value.map_or(u32::MAX, &mut number)).collect();
                let keys = keys.values().iter().enumerate();
                keys.map(|(row, key)| if is_there(row) { of_value[*key as usize] } else { u32::MAX }).collect()
            }
            text => {
                let rows = (0..array.len()).map(|row| text.get(row).filter(|_| is_there(row)));
                rows.map(|text| text.map_or(u32::MAX, &mut number)).collect()
            }
        };
        Ok(Self::with_null(strings(&found), of_rows))
    }

    /// For each row, the value of the first source that has one. A dictionary's text is read when the first row needs
    /// it.
    pub(super) fn first(batch: &RecordBatch, sources: &[Source]) -> Result<Self, ArrowError> {
        const UNKNOWN: u32 = u32::MAX - 1;
        let mut found = Interner::default();
        let mut of_rows = vec![u32::MAX; batch.num_rows()];
        let mut left = batch.num_rows();
        for source in sources {
            let only = in_any(batch, source.only)?;
            let (array, valid) = column(batch, source.column)?;
            let is_empty = valid.as_ref().is_some_and(|valid| valid.null_count() == valid.len());
            if left == 0 || is_empty || only.is_none() && !source.only.is_empty() {
                continue;
            }
            let is_asked = |row: usize| {
                valid.as_ref().is_none_or(|valid| valid.is_valid(row)) && only.as_ref().is_none_or(|only| only[row])
            };
            let texts = match array.data_type() {
                DataType::Int32 => Self::of_numbers(&array, None).expect("no limit was given").into_texts(),
                _ => texts(&array, source.column)?,
            };
            let mut number = |text: Option<&str>| {
                text.and_then(|text| source.value(text)).map_or(u32::MAX, |text| found.intern(text.as_bytes()))
            };
            let mut of_values = match &texts {
                TextColumn::Dictionary(_, values) => vec![UNKNOWN; values.len()],
                _ => Vec::new(),
            };
            let waiting = of_rows.iter_mut().enumerate().filter(|(_, found)| **found == u32::MAX);
            for (row, found) in waiting.filter(|(row, _)| is_asked(*row)) {
                *found = match &texts {
                    TextColumn::Dictionary(keys, values) => {
                        let key = keys.value(row) as usize;
                        if of_values[key] == UNKNOWN {
                            of_values[key] = number(values.is_valid(key).then(|| values.value(key)));
                        }
                        of_values[key]
                    }
                    texts => number(texts.get(row)),
                };
                left -= usize::from(*found != u32::MAX);
            }
        }
        Ok(Self::with_null(strings(&found), of_rows))
    }

    /// The distinct addresses of each row, in their canonical spelling.
    fn addresses(batch: &RecordBatch, names: &[&str]) -> Result<Self, ArrowError> {
        const NONE: u32 = u32::MAX;
        let mut found = Interner::default();
        let mut columns: Vec<(ScalarBuffer<u32>, Vec<u32>)> = Vec::new();
        for name in names {
            let keys = Self::of_text(batch, name)?;
            let number = |value: Option<&str>| {
                let value = value.filter(|value| !value.is_empty());
                value.map_or(NONE, |value| found.intern(canonical_address(value).as_bytes()))
            };
            // The last number is for null.
            let numbers: Vec<u32> = keys.values.iter().map(number).chain([NONE]).collect();
            if numbers.iter().any(|number| *number != NONE) {
                columns.push((keys.of_rows, numbers));
            }
        }
        let mut of_rows = vec![NONE; batch.num_rows()];
        let mut more: Vec<(u32, u32)> = Vec::new();
        for (row, first) in of_rows.iter_mut().enumerate() {
            let start = more.len();
            for (keys, numbers) in &columns {
                let number = numbers[keys[row] as usize];
                if number == NONE || number == *first {
                    continue;
                }
                if *first == NONE {
                    *first = number;
                } else if !more[start..].iter().any(|(_, known)| *known == number) {
                    more.push((count(row), number));
                }
            }
        }
        Ok(Self { more, ..Self::with_null(strings(&found), of_rows) })
    }

    /// The numbers of a row's values; null's number if it has none.
    pub(super) fn of_row(&self, row: usize) -> impl Iterator<Item = u32> {
        let number = count(row);
        let start = self.more.partition_point(|(row, _)| *row < number);
        let more = self.more[start..].iter().take_while(move |(row, _)| *row == number);
        [self.of_rows[row]].into_iter().chain(more.map(|(_, key)| *key))
    }

    /// The value of a number; `None` for the number of null.
    fn text(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        (number < self.values.len()).then(|| self.values.value(number))
    }

    /// The pairs of values of two columns, joined by `/`; `None` if a pair is too long.
    fn joined(first: &Self, second: &Self) -> Option<Self> {
        const NONE: u32 = u32::MAX;
        let mut values = StringBuilder::new();
        let mut numbers = 0..;
        let mut fits = true;
        let mut number = |a: u32, b: u32| {
            let (a, b) = (first.text(a).unwrap_or("-"), second.text(b).unwrap_or_default());
            fits &= a.len() + b.len() < MAX_LEN;
            if fits {
                let written = write!(values, "{a}/{b}");
                written.expect("writing to a string builder can't fail");
            }
            values.append_value("");
            numbers.next().unwrap_or(NONE)
        };
        // Most keys are in one bucket only: for each key, the first bucket that has it, and the number of their pair.
        let mut firsts: Vec<(u32, u32)> = vec![(NONE, NONE); second.values.len() + 1];
        let mut others: HashMap<(u32, u32), u32> = HashMap::new();
        let rows = first.of_rows.iter().zip(second.of_rows.iter());
        let of_rows = rows.map(|(&a, &b)| {
            let known = &mut firsts[b as usize];
            if known.1 == NONE {
                *known = (a, number(a, b));
            }
            if known.0 == a { known.1 } else { *others.entry((a, b)).or_insert_with(|| number(a, b)) }
        });
        let of_rows = of_rows.collect();
        fits.then(|| Self { values: values.finish(), of_rows, more: Vec::new() })
    }
}

fn strings(values: &Interner) -> StringArray {
    let text = |number: usize| std::str::from_utf8(values.get(count(number))).unwrap_or_default();
    StringArray::from_iter_values((0..values.len()).map(text))
}

/// Replaces the number of each null row by the number of null, which is `values`.
fn or_null(numbers: ScalarBuffer<u32>, valid: Option<&NullBuffer>, values: usize) -> ScalarBuffer<u32> {
    let Some(valid) = valid.filter(|valid| valid.null_count() > 0) else { return numbers };
    let mut numbers = numbers.to_vec();
    let null = count(values);
    (!valid.inner()).set_indices().for_each(|row| numbers[row] = null);
    numbers.into()
}

pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).expect("a row group has fewer than 2^32 values")
}

/// The column at a path, such as `user_identity.arn`, and the validity of its rows, which includes that of its groups.
pub(super) fn column(batch: &RecordBatch, path: &str) -> Result<(ArrayRef, Option<NullBuffer>), ArrowError> {
    let missing = || ArrowError::SchemaError(format!("the column {path} is missing"));
    let mut parts = path.split('.');
    let mut array = parts.next().and_then(|name| batch.column_by_name(name)).ok_or_else(missing)?;
    let mut valid = array.nulls().cloned();
    for part in parts {
        array = array.as_struct_opt().and_then(|group| group.column_by_name(part)).ok_or_else(missing)?;
        valid = NullBuffer::union(valid.as_ref(), array.nulls());
    }
    Ok((array.clone(), valid))
}

/// A text column, in any layout.
pub(super) fn texts(array: &ArrayRef, name: &str) -> Result<TextColumn, ArrowError> {
    TextColumn::new(array).map_err(|found| ArrowError::SchemaError(format!("{name} has the type {found}")))
}

pub(super) fn number(batch: &RecordBatch, name: &str) -> Result<Int64Array, ArrowError> {
    let array = column(batch, name)?.0;
    let wrong = || ArrowError::SchemaError(format!("the column {name} has the type {}", array.data_type()));
    array.as_primitive_opt::<Int64Type>().cloned().ok_or_else(wrong)
}

/// For each row, whether a text column has one of some values.
pub(super) fn is_one_of(batch: &RecordBatch, name: &str, values: &[&str]) -> Result<Vec<bool>, ArrowError> {
    test_of_rows(batch, name, |text| values.contains(&text))
}

/// For each row, whether a text column begins with a prefix.
pub(super) fn begins(batch: &RecordBatch, name: &str, prefix: &str) -> Result<Vec<bool>, ArrowError> {
    test_of_rows(batch, name, |text| text.starts_with(prefix))
}

/// For each row, whether the text of a column passes a test.
fn test_of_rows(batch: &RecordBatch, name: &str, test: impl Fn(&str) -> bool) -> Result<Vec<bool>, ArrowError> {
    let (array, valid) = column(batch, name)?;
    let is = |text: Option<&str>| text.is_some_and(&test);
    if let Some(dictionary) = array.as_dictionary_opt::<UInt32Type>() {
        let mut of_value: Vec<bool> = dictionary.values().as_string::<i32>().iter().map(is).collect();
        let keys = or_null(dictionary.keys().values().clone(), valid.as_ref(), of_value.len());
        of_value.push(false);
        return Ok(keys.iter().map(|key| of_value[*key as usize]).collect());
    }
    let text = texts(&array, name)?;
    Ok((0..array.len()).map(|row| is(text.get(row))).collect())
}

/// For each row, whether any of some columns has one of its values; `None` if no row does.
fn in_any(batch: &RecordBatch, any: &[(&str, &[&str])]) -> Result<Option<Vec<bool>>, ArrowError> {
    let mut found: Option<Vec<bool>> = None;
    for (name, values) in any {
        let (array, _) = column(batch, name)?;
        let dictionary =
            array.as_dictionary_opt::<UInt32Type>().map(|dictionary| dictionary.values().as_string::<i32>());
        let is_there = |texts: &StringArray| texts.iter().flatten().any(|text| values.contains(&text));
        if dictionary.is_some_and(|texts| !is_there(texts)) {
            continue;
        }
        let is = is_one_of(batch, name, values)?;
        match &mut found {
            None => found = Some(is),
            Some(found) => found.iter_mut().zip(is).for_each(|(found, is)| *found |= is),
        }
    }
    Ok(found.filter(|found| found.contains(&true)))
}
