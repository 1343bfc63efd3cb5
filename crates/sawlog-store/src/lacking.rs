//! Data files that were written before their table had all of its columns. Missing columns read as null.

use std::collections::HashSet;
use std::sync::Arc;

use ::parquet::schema::types::SchemaDescriptor;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, RecordBatchOptions, StructArray, new_null_array};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use sawlog_formats::{Column, Kind, Table};

/// A checksum (CRC-32) over the names of a table's columns. It marks data files that have all of them.
#[must_use]
pub fn columns_checksum(table: &Table) -> u32 {
    fn add(columns: &[Column], path: &str, hasher: &mut crc32fast::Hasher) {
        for column in columns {
            let path = format!("{path}.{}", column.name);
            match column.kind {
                Kind::Struct(columns) | Kind::List(columns) => add(columns, &path, hasher),
                _ => hasher.update(format!("{path}\n").as_bytes()),
            }
        }
    }
    let mut hasher = crc32fast::Hasher::new();
    add(table.columns, "", &mut hasher);
    hasher.finalize()
}

/// The paths of the columns in a data file that hold values.
fn leaves(file: &SchemaDescriptor) -> HashSet<String> {
    file.columns().iter().map(|leaf| leaf.path().string()).collect()
}

/// The fields of its table that a data file has.
///
/// # Errors
///
/// Names the column of the file that the table does not have.
pub fn stored_fields(table: &Schema, file: &SchemaDescriptor) -> Result<Schema, String> {
    let mut left = leaves(file);
    let fields: Vec<FieldRef> =
        table.fields().iter().filter_map(|field| stored(field, field.name(), &mut left)).collect();
    match left.into_iter().min() {
        None => Ok(Schema::new(fields)),
        Some(unknown) => Err(unknown),
    }
}

/// The part of a field with the path `path` that a file has; removes it from `leaves`.
fn stored(field: &FieldRef, path: &str, leaves: &mut HashSet<String>) -> Option<FieldRef> {
    let with = |data_type| Arc::new(field.as_ref().clone().with_data_type(data_type));
    match field.data_type() {
        DataType::Struct(fields) => {
            let below = fields.iter().filter_map(|field| stored(field, &format!("{path}.{}", field.name()), leaves));
            let fields: Fields = below.collect();
            (!fields.is_empty()).then(|| with(DataType::Struct(fields)))
        }
        DataType::List(element) => {
            let element = stored(element, &format!("{path}.list.{}", element.name()), leaves)?;
            Some(with(DataType::List(element)))
        }
        _ => leaves.remove(path).then(|| Arc::clone(field)),
    }
}

/// A batch of a data file with all the fields of `wanted`, null where the file has none.
///
/// # Errors
///
/// If a column has another type than wanted.
pub(crate) fn with_fields(batch: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let columns = wanted.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(array) => with_children(array, field.data_type()),
        None => Ok(new_null_array(field.data_type(), rows)),
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options)
}

/// The same for a column and the columns in it.
fn with_children(array: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match (wanted, array.data_type()) {
        (DataType::Struct(fields), DataType::Struct(_)) => {
            let group = array.as_struct();
            let children = fields.iter().map(|field| match group.column_by_name(field.name()) {
                Some(child) => with_children(child, field.data_type()),
                None => Ok(new_null_array(field.data_type(), group.len())),
            });
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let nulls = group.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, group.len())?))
        }
        (DataType::List(element), DataType::List(_)) => {
            let list = array.as_list::<i32>();
            let values = with_children(list.values(), element.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, nulls)?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

#[cfg(test)]
mod tests {
    use ::parquet::arrow::ArrowSchemaConverter;
    use arrow::datatypes::Field;
    use sawlog_formats::cloudtrail;

    use super::*;

    /// A schema without some columns; columns in groups have dots.
    fn without(schema: &Schema, gone: &[&str]) -> Schema {
        fn left(field: &Field, path: &str, gone: &[&str]) -> Option<Field> {
            if gone.contains(&path) {
                return None;
            }
            let below = |fields: &Fields| -> Fields {
                fields.iter().filter_map(|field| left(field, &format!("{path}.{}", field.name()), gone)).collect()
            };
            Some(match field.data_type() {
                DataType::Struct(fields) => field.clone().with_data_type(DataType::Struct(below(fields))),
                DataType::List(element) => {
                    let DataType::Struct(fields) = element.data_type() else { return Some(field.clone()) };
                    let element = element.as_ref().clone().with_data_type(DataType::Struct(below(fields)));
                    field.clone().with_data_type(DataType::List(Arc::new(element)))
                }
                _ => field.clone(),
            })
        }
        Schema::new(schema.fields().iter().filter_map(|field| left(field, field.name(), gone)).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_file_lacks_reads_as_null_in_groups_and_lists_too() {
        let table = cloudtrail::TABLE.schema();
        let gone = ["gap", "tls_details", "user_identity.session_context.session_issuer.arn", "resources.type"];
        let old = without(&table, &gone);
        let file = ArrowSchemaConverter::new().convert(&old).unwrap();
        assert_eq!(stored_fields(&table, &file).unwrap(), old);
        let batch = RecordBatch::try_new(
            Arc::new(old.clone()),
            old.fields().iter().map(|field| new_null_array(field.data_type(), 3)).collect(),
        )
        .unwrap();
        let whole = with_fields(&batch, &table).unwrap();
        assert_eq!((whole.schema(), whole.num_rows()), (Arc::clone(&table), 3));
        assert!(whole.columns().iter().all(|column| column.null_count() == 3));
    }

    #[test]
    fn a_column_that_no_table_has_is_named() {
        let table = cloudtrail::TABLE.schema();
        let newer =
            Schema::try_merge([table.as_ref().clone(), Schema::new(vec![Field::new("new", DataType::Utf8, true)])]);
        let file = ArrowSchemaConverter::new().convert(&newer.unwrap()).unwrap();
        assert_eq!(stored_fields(&table, &file), Err("new".to_owned()));
    }

    #[test]
    fn tables_differ_by_their_columns() {
        let all: HashSet<u32> = crate::tables::TABLES().into_iter().map(columns_checksum).collect();
        assert_eq!(all.len(), crate::tables::TABLES().len());
    }
}
