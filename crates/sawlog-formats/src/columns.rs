//! Columns of a record batch by name, in any of their layouts, for printers.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType};

use crate::text::TextColumn;

fn array<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("the column {name} is missing")))
}

fn wrong(name: &str, found: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!("the column {name} has the type {found}"))
}

/// The text column named `name`.
pub(crate) fn text_column(batch: &RecordBatch, name: &str) -> Result<TextColumn, ArrowError> {
    TextColumn::new(array(batch, name)?).map_err(|found| wrong(name, &found))
}

/// A column of bytes: plain, or as views.
#[derive(Debug)]
pub(crate) enum BytesColumn {
    Plain(BinaryArray),
    View(BinaryViewArray),
}

impl BytesColumn {
    /// The column named `name`.
    pub(crate) fn new(batch: &RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let array = array(batch, name)?;
        match array.data_type() {
            DataType::Binary => Ok(Self::Plain(array.as_binary().clone())),
            DataType::BinaryView => Ok(Self::View(array.as_binary_view().clone())),
            other => Err(wrong(name, other)),
        }
    }

    /// The bytes in `row`; `None` for null.
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of numbers or times.
#[derive(Debug)]
pub(crate) enum NumberColumn {
    Int32(Int32Array),
    Int64(Int64Array),
    Float64(Float64Array),
    Time(TimestampMicrosecondArray),
}

impl NumberColumn {
    /// The column named `name`.
    pub(crate) fn new(batch: &RecordBatch, name: &str) -> Result<Self, ArrowError> {
        let array = array(batch, name)?;
        let int32 = || array.as_primitive_opt::<Int32Type>().cloned().map(Self::Int32);
        let int64 = || array.as_primitive_opt::<Int64Type>().cloned().map(Self::Int64);
        let time = || array.as_primitive_opt::<TimestampMicrosecondType>().cloned().map(Self::Time);
        let float64 = || array.as_primitive_opt::<Float64Type>().cloned().map(Self::Float64);
        int32().or_else(int64).or_else(time).or_else(float64).ok_or_else(|| wrong(name, array.data_type()))
    }

    /// The number in `row`: of a time, the microseconds since 1970; of a floating-point number, its bits; `None` for
    /// null.
    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Int32(array) => array.is_valid(row).then(|| i64::from(array.value(row))),
            Self::Int64(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Float64(array) => array.is_valid(row).then(|| array.value(row).to_bits().cast_signed()),
            Self::Time(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}
