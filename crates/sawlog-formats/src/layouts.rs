//! Brings the columns of a batch into one layout, so that all batches of a table have one schema.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, ListArray, RecordBatch, StringArray, StructArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use crate::table::{Column, Kind, Table};
use crate::text::TextColumn;

/// How a batch stores text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextLayout {
    /// Plain strings, as [`Table::schema`] says.
    #[default]
    Plain,
    /// Dictionaries (keys `u32`) in columns that have few distinct values, plain strings in the others: see
    /// [`Column::dictionary_type`].
    Dictionary,
}

impl TextLayout {
    fn type_of(self, column: &Column) -> DataType {
        match self {
            Self::Plain => column.data_type(),
            Self::Dictionary => column.dictionary_type(),
        }
    }
}

/// The same rows of a table, with text in one layout.
pub(crate) fn in_layout(table: &Table, batch: &RecordBatch, text: TextLayout) -> Result<RecordBatch, ArrowError> {
    let fields = table.columns.iter().map(|column| Field::new(column.name, text.type_of(column), true));
    let columns = table.columns.iter().zip(batch.columns()).map(|(column, array)| laid_out(column, array, text));
    let columns = columns.collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
}

fn laid_out(column: &Column, array: &ArrayRef, text: TextLayout) -> Result<ArrayRef, ArrowError> {
    let wanted = text.type_of(column);
    if *array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    let other = || ArrowError::SchemaError(format!("the column {} has the type {}", column.name, array.data_type()));
    let all = |columns: &[Column], arrays: &[ArrayRef]| {
        columns.iter().zip(arrays).map(|(column, array)| laid_out(column, array, text)).collect::<Result<Vec<_>, _>>()
    };
    match (column.kind, &wanted) {
        (Kind::Text, _) => {
            let values = TextColumn::new(array).map_err(|_| other())?;
            let values = (0..array.len()).map(|row| values.get(row));
            Ok(match wanted {
                DataType::Utf8 => Arc::new(values.collect::<StringArray>()) as ArrayRef,
                _ => Arc::new(values.collect::<DictionaryArray<UInt32Type>>()),
            })
        }
        (Kind::Struct(columns), DataType::Struct(fields)) => {
            let group = array.as_struct_opt().ok_or_else(other)?;
            let children = all(columns, group.columns())?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), children, group.nulls().cloned())?))
        }
        (Kind::List(columns), DataType::List(element)) => {
            let list = array.as_list_opt::<i32>().ok_or_else(other)?;
            let items = list.values().as_struct_opt().ok_or_else(other)?;
            let DataType::Struct(fields) = element.data_type() else { return Err(other()) };
            let items = StructArray::try_new(fields.clone(), all(columns, items.columns())?, items.nulls().cloned())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(items), nulls)?))
        }
        _ => Err(other()),
    }
}
