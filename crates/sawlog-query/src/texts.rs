//! Functions over text columns for the engine's expressions. A text that several rows share is evaluated once.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, Signature, Volatility};
use foldhash::quality::RandomState;
use sawlog_formats::TextColumn;

/// Whether the text in a column passes `test`; null for null. Tests of different meaning need different names.
pub(crate) fn test(column: &Expr, name: &str, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Expr {
    let run = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let found: BooleanArray = match texts(&array)? {
            TextColumn::Dictionary(keys, values) => {
                let mut known: Vec<Option<bool>> = vec![None; values.len()];
                let mut passes = |key: u32| {
                    let key = key as usize;
                    *known[key].get_or_insert_with(|| values.is_valid(key) && test(values.value(key)))
                };
                keys.iter().map(|key| key.map(&mut passes)).collect()
            }
            TextColumn::View(views) => by_view(&views, &test),
            TextColumn::Plain(texts) => texts.iter().map(|text| text.map(&test)).collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    function(name, DataType::Boolean, Arc::new(run)).call(vec![column.clone()])
}

/// Whether the text in a field of any group in a list passes `test`; null where there is no list.
pub(crate) fn test_each(
    list: &Expr,
    field: &'static str,
    name: &str,
    test: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> Expr {
    let run = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let wrong = || DataFusionError::Internal(format!("there is no list of groups with a field {field}"));
        let lists = array.as_list_opt::<i32>().ok_or_else(wrong)?;
        let groups = lists.values().as_struct_opt().ok_or_else(wrong)?;
        let texts = texts(groups.column_by_name(field).ok_or_else(wrong)?)?;
        let passes = |place: i32| usize::try_from(place).ok().and_then(|place| texts.get(place)).is_some_and(&test);
        let any = |row: usize| (lists.value_offsets()[row]..lists.value_offsets()[row + 1]).any(passes);
        let found: BooleanArray = (0..lists.len()).map(|row| lists.is_valid(row).then(|| any(row))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    function(name, DataType::Boolean, Arc::new(run)).call(vec![list.clone()])
}

/// What is found in the text of a column.
pub(crate) fn found(
    column: Expr,
    name: &str,
    find: impl for<'a> Fn(&'a str) -> Option<Cow<'a, str>> + Send + Sync + 'static,
) -> Expr {
    let run = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let texts = texts(&array)?;
        let mut found = StringViewBuilder::with_capacity(array.len());
        for row in 0..array.len() {
            found.append_option(texts.get(row).and_then(&find));
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish()) as ArrayRef))
    };
    function(name, DataType::Utf8View, Arc::new(run)).call(vec![column])
}

/// The text of `value`; where that is null, what is found in the text of a column.
pub(crate) fn or_found(
    value: Expr,
    column: Expr,
    name: &str,
    find: impl for<'a> Fn(&'a str) -> Option<Cow<'a, str>> + Send + Sync + 'static,
) -> Expr {
    let run = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (values, texts) = (texts(&arrays[0])?, texts(&arrays[1])?);
        let mut found = StringViewBuilder::with_capacity(arrays[0].len());
        for row in 0..arrays[0].len() {
            let value = values.get(row).map(Cow::Borrowed);
            found.append_option(value.or_else(|| texts.get(row).and_then(&find)));
        }
        Ok(ColumnarValue::Array(Arc::new(found.finish()) as ArrayRef))
    };
    function(name, DataType::Utf8View, Arc::new(run)).call(vec![value, column])
}

type Run = Arc<dyn Fn(&[ColumnarValue]) -> datafusion::error::Result<ColumnarValue> + Send + Sync>;

/// The prefix of these functions' names.
const PREFIX: &str = "text:";

/// A function of text columns, in any layout.
fn function(name: &str, gives: DataType, run: Run) -> ScalarUDF {
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::new_from_impl(SimpleScalarUDF::new_with_signature(format!("{PREFIX}{name}"), signature, gives, run))
}

/// The columns that some expressions use only in functions of their texts. Reading these as dictionaries, as they are
/// stored, is less work.
pub(crate) fn looked_at<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Vec<String> {
    let (mut by_text, mut otherwise) = (HashSet::new(), HashSet::new());
    for expr in exprs {
        let looked = expr.apply(|expr| {
            match expr {
                Expr::ScalarFunction(function) if function.name().starts_with(PREFIX) => {
                    if let [Expr::Column(column)] = &function.args[..] {
                        by_text.insert(column.name.clone());
                        return Ok(TreeNodeRecursion::Jump);
                    }
                }
                Expr::Column(column) => {
                    otherwise.insert(column.name.clone());
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
        // An expression that can't be looked through is read as it is.
        if looked.is_err() {
            return Vec::new();
        }
    }
    by_text.difference(&otherwise).cloned().collect()
}

fn texts(array: &ArrayRef) -> datafusion::error::Result<TextColumn> {
    if let Ok(texts) = TextColumn::new(array) {
        return Ok(texts);
    }
    let texts = cast(array, &DataType::Utf8View)?;
    TextColumn::new(&texts).map_err(|found| DataFusionError::Internal(format!("text has the type {found}")))
}

/// Rows that share a text have the same view of it.
fn by_view(views: &StringViewArray, test: impl Fn(&str) -> bool) -> BooleanArray {
    let mut tested: HashMap<u128, bool, RandomState> = HashMap::default();
    let mut last: Option<(u128, bool)> = None;
    let mut passes = |row: usize| {
        let view = views.views()[row];
        if let Some((_, passes)) = last.filter(|(before, _)| *before == view) {
            return passes;
        }
        let passes = *tested.entry(view).or_insert_with(|| test(views.value(row)));
        last = Some((view, passes));
        passes
    };
    (0..views.len()).map(|row| views.is_valid(row).then(|| passes(row))).collect()
}
