//! Types as SQL names them: `VARCHAR`, `STRUCT(arn VARCHAR, type VARCHAR)[]`.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;

use super::rewrite::SEPARATOR;

/// The columns of a table or result: a row for each.
pub(super) fn described(columns: &Schema) -> Result<RecordBatch, ArrowError> {
    let fields = columns.fields();
    let names: StringArray = fields.iter().map(|field| field.name().split(SEPARATOR).next()).collect();
    let types: StringArray = fields.iter().map(|field| Some(name(field.data_type()))).collect();
    let nullable: StringArray =
        fields.iter().map(|field| Some(if field.is_nullable() { "YES" } else { "NO" })).collect();
    let of = |name: &str| Field::new(name, DataType::Utf8, true);
    let schema = Schema::new(["column_name", "data_type", "is_nullable"].map(of).to_vec());
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(names), Arc::new(types), Arc::new(nullable)])
}

/// A type's name.
pub(super) fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, values) => name(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "BLOB".to_owned()
        }
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt8 => "UTINYINT".to_owned(),
        DataType::UInt16 => "USMALLINT".to_owned(),
        DataType::UInt32 => "UINTEGER".to_owned(),
        DataType::UInt64 => "UBIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Decimal128(digits, scale) | DataType::Decimal256(digits, scale) => {
            format!("DECIMAL({digits}, {scale})")
        }
        DataType::Date32 | DataType::Date64 => "DATE".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "TIME".to_owned(),
        DataType::Timestamp(_, None) => "TIMESTAMP".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL".to_owned(),
        // A value of JSON, as functions return it.
        DataType::Union(..) => "JSON".to_owned(),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            format!("{}[]", name(item.data_type()))
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{} {}", field.name(), name(field.data_type())));
            format!("STRUCT({})", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Fields, TimeUnit};

    use super::*;

    #[test]
    fn types_within_types_have_names() {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let group = DataType::Struct(Fields::from(vec![field("arn", text), field("at", time)]));
        let list = DataType::List(Arc::new(field("item", group)));
        assert_eq!(name(&list), "STRUCT(arn VARCHAR, at TIMESTAMP WITH TIME ZONE)[]");
        assert_eq!(name(&DataType::Decimal128(38, 0)), "DECIMAL(38, 0)");
    }
}
