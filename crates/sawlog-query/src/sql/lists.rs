//! Lists of values from JSON text: `from_json(text, '["VARCHAR"]')`, and casts such as `CAST('["a", "b"]' AS
//! VARCHAR[])`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::sql::sqlparser::ast;
use datafusion_functions_json::udfs::json_get_array_udf;

use super::json::{OfAny, is_text};

/// The type of a list's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Text,
    Json,
    Whole,
    Double,
    Truth,
}

/// The elements, and the functions that make lists of them: text that is not a list gives null, or an error.
const ELEMENTS: [(Element, &str, &str); 5] = [
    (Element::Text, "from_json_texts", "cast_to_texts"),
    (Element::Json, "from_json_json", "cast_to_json"),
    (Element::Whole, "from_json_numbers", "cast_to_numbers"),
    (Element::Double, "from_json_doubles", "cast_to_doubles"),
    (Element::Truth, "from_json_truths", "cast_to_truths"),
];

/// The functions of this file.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let lists = ELEMENTS
        .iter()
        .flat_map(|(element, from_json, cast)| [to_list(*element, from_json, false), to_list(*element, cast, true)]);
    // What its second argument may be is known before it is run.
    let other = |_: &DataType| {
        plan_err!(
            "from_json makes lists of VARCHAR, JSON, BIGINT, DOUBLE or BOOLEAN: from_json(text, '[\"VARCHAR\"]'); to read a field, \
             write text->>'name'"
        )
    };
    lists.chain([OfAny::udf("from_json", 2, other, |_| exec_err!("from_json makes lists"))]).collect()
}

/// The function for a structure given to `from_json`: `["VARCHAR"]`.
pub(super) fn from_json(structure: &str) -> Option<&'static str> {
    let Ok([name]) = serde_json::from_str::<[String; 1]>(structure) else { return None };
    let element = match name.to_uppercase().as_str() {
        "VARCHAR" | "TEXT" | "STRING" => Element::Text,
        "JSON" => Element::Json,
        "BIGINT" | "INTEGER" | "INT" | "INT64" | "INT32" | "UBIGINT" => Element::Whole,
        "DOUBLE" | "FLOAT" | "REAL" => Element::Double,
        "BOOLEAN" | "BOOL" => Element::Truth,
        _ => return None,
    };
    ELEMENTS.iter().find(|(known, ..)| *known == element).map(|(_, name, _)| *name)
}

/// The function for a cast to lists of a type.
pub(super) fn cast_to(element: &ast::DataType, is_strict: bool) -> Option<&'static str> {
    use ast::DataType as Sql;
    let element = match element {
        Sql::Text | Sql::Varchar(_) | Sql::String(_) | Sql::Char(_) | Sql::CharVarying(_) => Element::Text,
        Sql::JSON | Sql::JSONB => Element::Json,
        Sql::BigInt(_) | Sql::Int(_) | Sql::Integer(_) | Sql::Int64 => Element::Whole,
        Sql::Double(_) | Sql::DoublePrecision | Sql::Float(_) | Sql::Real => Element::Double,
        Sql::Boolean | Sql::Bool => Element::Truth,
        _ => return None,
    };
    let (_, lenient, strict) = ELEMENTS.iter().find(|(known, ..)| *known == element)?;
    Some(if is_strict { strict } else { lenient })
}

impl Element {
    fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Whole => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Truth => DataType::Boolean,
        }
    }

    fn field(self) -> Arc<Field> {
        Arc::new(Field::new("item", self.data_type(), true))
    }

    /// The values that JSON texts have.
    fn read(self, texts: &StringArray) -> ArrayRef {
        let plain = texts.iter().map(|text| if self == Self::Json { text.map(str::to_owned) } else { plain(text?) });
        match self {
            Self::Text | Self::Json => Arc::new(plain.collect::<StringArray>()),
            Self::Whole => Arc::new(plain.map(|text| text?.parse::<i64>().ok()).collect::<Int64Array>()),
            Self::Double => Arc::new(plain.map(|text| text?.parse::<f64>().ok()).collect::<Float64Array>()),
            Self::Truth => Arc::new(plain.map(|text| text?.parse::<bool>().ok()).collect::<BooleanArray>()),
        }
    }
}

/// A JSON value as plain text.
fn plain(json: &str) -> Option<String> {
    match json {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok(),
        other => Some(other.to_owned()),
    }
}

/// The function that makes a list of some elements from JSON text, or from another list. Text that is not a list gives
/// null, or an error if `is_strict`.
fn to_list(element: Element, name: &'static str, is_strict: bool) -> ScalarUDF {
    let type_of = move |data_type: &DataType| match data_type {
        data_type if is_text(data_type) || data_type.is_null() || data_type.is_list() => {
            Ok(DataType::List(element.field()))
        }
        other => plan_err!("a list can be made from JSON text or another list, not from {other}"),
    };
    OfAny::udf(name, 1, type_of, move |arguments| match &arguments[0] {
        texts if is_text(texts.data_type()) => element.lists(&cast(texts, &DataType::Utf8)?, is_strict),
        lists => Ok(cast(lists, &DataType::List(element.field()))?),
    })
}

impl Element {
    /// The lists that JSON texts are.
    fn lists(self, texts: &ArrayRef, is_strict: bool) -> Result<ArrayRef> {
        let split = json_get_array_udf();
        let data_type = split.inner().return_type(&[DataType::Utf8])?;
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(Arc::clone(texts))],
            arg_fields: vec![Arc::new(Field::new("json", DataType::Utf8, true))],
            number_rows: texts.len(),
            return_field: Arc::new(Field::new("lists", data_type, true)),
            config_options: Arc::default(),
        };
        let lists = split.inner().invoke_with_args(args)?.to_array(texts.len())?;
        let Some(lists) = lists.as_list_opt::<i32>() else { return internal_err!("JSON is split into lists") };
        if let Some(row) = (0..texts.len()).find(|row| is_strict && texts.is_valid(*row) && lists.is_null(*row)) {
            let text: String = texts.as_string::<i32>().value(row).chars().take(80).collect();
            return exec_err!("'{text}' is not a list such as [\"a\", \"b\"]; TRY_CAST gives NULL there");
        }
        let values = self.read(lists.values().as_string());
        let lists = ListArray::try_new(self.field(), lists.offsets().clone(), values, lists.nulls().cloned())?;
        Ok(Arc::new(lists))
    }
}
