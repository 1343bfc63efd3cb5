//! JSON text in queries, as in DuckDB: `->`, `->>` and their paths, `to_json`, `json_contains`, `json_valid`.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::common::{DFSchema, ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, GetFieldAccess, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion_functions_json::udfs::{json_as_text_udf, json_get_json_udf};
use serde_json::Value;

/// A function of values of any type, which are evaluated all at once.
pub(super) struct OfAny {
    name: &'static str,
    signature: Signature,
    /// The type of the result, given the type of the first argument.
    type_of: Call<DataType, DataType>,
    call: Call<[ArrayRef], ArrayRef>,
}

type Call<Of, Gives> = Box<dyn Fn(&Of) -> Result<Gives> + Send + Sync>;

impl OfAny {
    /// A function of a fixed number of arguments.
    pub(super) fn udf(
        name: &'static str,
        arguments: usize,
        type_of: impl Fn(&DataType) -> Result<DataType> + Send + Sync + 'static,
        call: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> ScalarUDF {
        let signature = Signature::any(arguments, Volatility::Immutable);
        let (type_of, call) = (Box::new(type_of), Box::new(call));
        ScalarUDF::new_from_impl(Self { name, signature, type_of, call })
    }
}

impl Debug for OfAny {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

// There is one function of a name.
impl PartialEq for OfAny {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OfAny {}

impl Hash for OfAny {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for OfAny {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let Some(argument) = arguments.first() else { return plan_err!("{} needs an argument", self.name) };
        (self.type_of)(argument)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let found = (self.call)(&ColumnarValue::values_to_arrays(&args.args)?)?;
        Ok(if is_scalar {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?)
        } else {
            ColumnarValue::Array(found)
        })
    }
}

/// The functions of this file.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let boolean = |_: &DataType| Ok(DataType::Boolean);
    vec![
        to_json(),
        OfAny::udf("json_contains", 2, boolean, json_contains),
        OfAny::udf("json_valid", 1, boolean, |arguments| {
            let texts = cast(&arguments[0], &DataType::Utf8View)?;
            let valid =
                |text: Option<&str>| text.map(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
            Ok(Arc::new(texts.as_string_view().iter().map(valid).collect::<BooleanArray>()))
        }),
        OfAny::udf(
            "json_type",
            1,
            |_| Ok(DataType::Utf8),
            |arguments| {
                let texts = cast(&arguments[0], &DataType::Utf8View)?;
                Ok(Arc::new(texts.as_string_view().iter().map(|text| json_type(text?)).collect::<StringArray>()))
            },
        ),
    ]
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        _ => data_type.is_string(),
    }
}

/// The type of a JSON value, as DuckDB names it; null for text that is not JSON.
fn json_type(text: &str) -> Option<&'static str> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let text = text.trim_start();
    Some(match text.chars().next()? {
        '{' => "OBJECT",
        '[' => "ARRAY",
        '"' => "VARCHAR",
        't' | 'f' => "BOOLEAN",
        'n' => "NULL",
        _ if text.contains(['.', 'e', 'E']) => "DOUBLE",
        '-' => "BIGINT",
        _ => "UBIGINT",
    })
}

/// The function `to_json`: a value as JSON text. Text counts as JSON already, as it does in the logs.
fn to_json() -> ScalarUDF {
    let type_of = |data_type: &DataType| Ok(if is_text(data_type) { data_type.clone() } else { DataType::Utf8 });
    OfAny::udf("to_json", 1, type_of, |arguments| {
        let values = &arguments[0];
        if is_text(values.data_type()) {
            return Ok(Arc::clone(values));
        }
        let field = Arc::new(Field::new("value", values.data_type().clone(), true));
        let options = EncoderOptions::default().with_explicit_nulls(true);
        let mut encoder = make_encoder(&field, values, &options)?;
        let mut found = StringBuilder::new();
        let mut json = Vec::new();
        for row in 0..values.len() {
            if values.is_null(row) {
                found.append_null();
                continue;
            }
            json.clear();
            encoder.encode(row, &mut json);
            found.append_value(String::from_utf8_lossy(&json));
        }
        Ok(Arc::new(found.finish()))
    })
}

/// The function `json_contains`: whether one JSON value is somewhere within another. Text that is not JSON, such as a
/// bare name, is looked up among the names of an object.
fn json_contains(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = |array: &ArrayRef| cast(array, &DataType::Utf8View);
    let (within, wanted) = (texts(&arguments[0])?, texts(&arguments[1])?);
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    let mut known: Option<(&str, Option<Value>)> = None;
    let mut found = Vec::with_capacity(within.len());
    for (within, wanted) in within.as_string_view().iter().zip(wanted.as_string_view().iter()) {
        let (Some(within), Some(wanted)) = (within, wanted) else {
            found.push(None);
            continue;
        };
        if known.as_ref().is_none_or(|(text, _)| *text != wanted) {
            known = Some((wanted, parse(wanted)));
        }
        let value = known.as_ref().and_then(|(_, value)| value.as_ref());
        found.push(parse(within).map(|within| match value {
            Some(value) => contains(&within, value),
            None => within.get(wanted).is_some(),
        }));
    }
    Ok(Arc::new(BooleanArray::from(found)))
}

/// Whether a value is `wanted`, or contains it: an object that has at least all members of `wanted`.
fn contains(within: &Value, wanted: &Value) -> bool {
    let is_it = match (within, wanted) {
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| members.get(name).is_some_and(|value| contains(value, wanted)))
        }
        (Value::Array(elements), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| elements.iter().any(|value| contains(value, wanted)))
        }
        _ => within == wanted,
    };
    is_it
        || match within {
            Value::Object(members) => members.values().any(|value| contains(value, wanted)),
            Value::Array(elements) => elements.iter().any(|value| contains(value, wanted)),
            _ => false,
        }
}

/// Plans `->` and `->>`: the JSON text of a member or element, and the same as plain text.
#[derive(Debug)]
pub(crate) struct Arrows;

impl ExprPlanner for Arrows {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::Arrow => json_get_json_udf(),
            BinaryOperator::LongArrow => json_as_text_udf(),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let steps = steps(expr.right)?;
        let mut arguments = match expr.left {
            // Nested steps become one walk through the text.
            Expr::ScalarFunction(ScalarFunction { func, args })
                if func.name() == json_get_json_udf().name() && args[1..].iter().chain(&steps).all(is_literal) =>
            {
                args
            }
            left => match left.get_type(schema)? {
                data_type if is_text(&data_type) => vec![left],
                DataType::Null => vec![lit(ScalarValue::Utf8(None))],
                _ => vec![to_json().call(vec![left])],
            },
        };
        arguments.extend(steps);
        Ok(PlannerResult::Planned(function.call(arguments)))
    }

    // `request_parameters['userName']`, and `[0]` after it.
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let text = json_as_text_udf();
        let within = match &access.expr {
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == text.name() => Some(args.clone()),
            _ => None,
        };
        let arguments = match (&access.field_access, within) {
            (GetFieldAccess::NamedStructField { name }, Some(within)) => [within, vec![lit(name.clone())]].concat(),
            (GetFieldAccess::ListIndex { key }, Some(within)) => [within, vec![*key.clone()]].concat(),
            (GetFieldAccess::NamedStructField { name }, None) if is_text(&access.expr.get_type(schema)?) => {
                vec![access.expr, lit(name.clone())]
            }
            _ => return Ok(PlannerResult::Original(access)),
        };
        Ok(PlannerResult::Planned(text.call(arguments)))
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(..))
}

/// The names and numbers of a path into JSON: a name, a number, `$.a.b[0]`, or `/a/b/0`.
fn steps(path: Expr) -> Result<Vec<Expr>> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) = &path else {
        return Ok(vec![path]);
    };
    if let Some(pointer) = text.strip_prefix('/') {
        return Ok(pointer.split('/').map(|name| lit(name.replace("~1", "/").replace("~0", "~"))).collect());
    }
    let Some(mut rest) = text.strip_prefix('$') else { return Ok(vec![path]) };
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let Some((step, after)) = step(rest) else {
            return plan_err!("'{text}' is not a path such as $.name.\"other name\"[0]");
        };
        steps.push(step);
        rest = after;
    }
    Ok(steps)
}

/// The first step of a path after `$`, and the rest.
fn step(path: &str) -> Option<(Expr, &str)> {
    if let Some(rest) = path.strip_prefix(".\"") {
        let (name, rest) = rest.split_once('"')?;
        return Some((lit(name), rest));
    }
    if let Some(rest) = path.strip_prefix('.') {
        let (name, rest) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
        return (!name.is_empty() && name != "*").then(|| (lit(name), rest));
    }
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    // [#-1] is the last one.
    let index: i64 = index.strip_prefix('#').unwrap_or(index).parse().ok()?;
    Some((lit(index), rest))
}

/// A whole number of any size as a decimal, whose sums are exact; any other value as it is.
pub(crate) fn exact() -> ScalarUDF {
    let type_of = |data_type: &DataType| {
        Ok(match data_type {
            whole if whole.is_integer() => DataType::Decimal128(20, 0),
            other => other.clone(),
        })
    };
    OfAny::udf("exact", 1, type_of, |arguments| {
        let values = &arguments[0];
        Ok(match values.data_type() {
            whole if whole.is_integer() => cast(values, &DataType::Decimal128(20, 0))?,
            _ => Arc::clone(values),
        })
    })
}

/// The function `len`: of a text its characters, of a list its elements.
pub(crate) fn len() -> ScalarUDF {
    let type_of = |_: &DataType| Ok(DataType::Int64);
    OfAny::udf("len", 1, type_of, |arguments| {
        let values = &arguments[0];
        let count = |len: usize| i64::try_from(len).ok();
        let found: arrow::array::Int64Array = match values.data_type() {
            text if is_text(text) => {
                let texts = cast(values, &DataType::Utf8View)?;
                texts.as_string_view().iter().map(|text| count(text?.chars().count())).collect()
            }
            DataType::List(_) => values.as_list::<i32>().iter().map(|list| count(list?.len())).collect(),
            DataType::LargeList(_) => values.as_list::<i64>().iter().map(|list| count(list?.len())).collect(),
            DataType::FixedSizeList(..) => values.as_fixed_size_list().iter().map(|list| count(list?.len())).collect(),
            DataType::Map(..) => values.as_map().iter().map(|map| count(map?.len())).collect(),
            DataType::Null => std::iter::repeat_n(None, values.len()).collect(),
            other if other.is_nested() => return exec_err!("length takes text or a list, not a group"),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                let bytes = cast(values, &DataType::BinaryView)?;
                bytes.as_binary_view().iter().map(|bytes| count(bytes?.len())).collect()
            }
            // A number or time has the length of its text.
            _ => {
                let texts = cast(values, &DataType::Utf8View)?;
                texts.as_string_view().iter().map(|text| count(text?.chars().count())).collect()
            }
        };
        Ok(Arc::new(found))
    })
}

#[cfg(test)]
mod tests {
    use super::{contains, lit, steps};

    #[test]
    fn a_value_contains_what_is_anywhere_within_it() {
        let holds = |within: &str, wanted: &str| {
            contains(&serde_json::from_str(within).unwrap(), &serde_json::from_str(wanted).unwrap())
        };
        let policy = r#"{"Statement":[{"Principal":"*","Effect":"Allow","Action":["s3:Get*","s3:Put*"]}]}"#;
        assert!(holds(policy, r#"{"Principal": "*"}"#) && holds(policy, r#""Allow""#) && holds("[1,[2,3]]", "[3]"));
        assert!(!holds(policy, r#"{"Principal": {"AWS": "*"}}"#) && !holds(policy, r#""Effect""#));
    }

    #[test]
    fn paths_are_names_and_numbers() {
        let path = |text: &str| steps(lit(text)).ok();
        assert_eq!(path("a.b"), Some(vec![lit("a.b")]));
        assert_eq!(path("$.a.\"b.c\"[0].d[#-1]"), Some(vec![lit("a"), lit("b.c"), lit(0i64), lit("d"), lit(-1i64)]));
        assert_eq!(path("/a/b~1c/0"), Some(vec![lit("a"), lit("b/c"), lit("0")]));
        assert_eq!(path("$"), Some(vec![]));
        for wrong in ["$.", "$.a[", "$.*", "$.a[*]", "$a", "$[x]", "$.\"a"] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }
}
