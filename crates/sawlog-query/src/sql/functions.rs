//! Functions that the engine lacks: JSON, networks, globs.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::{self, SessionStateBuilder};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use globset::{GlobBuilder, GlobMatcher};
use ipnet::IpNet;
use sawlog_formats::{parse_address, s3_access};

use super::arithmetic::Arithmetic;
use super::json::{Arrows, exact, functions as json_functions, len};
use super::rounding::Rounding;
use super::{lists, text_functions, timestamps};

/// Adds the functions to a session.
pub(super) fn register(context: &mut SessionContext) -> Result<()> {
    // The first planner that knows an operator handles it: ours comes before the engine's.
    let planners: [Arc<dyn ExprPlanner>; 3] =
        [Arc::new(Arrows), Arc::new(Arithmetic), Arc::new(timestamps::Comparisons)];
    let planners = planners.into_iter().chain(execution::FunctionRegistry::expr_planners(context)).collect();
    let state = SessionStateBuilder::new_from_existing(context.state()).with_expr_planners(planners).build();
    *context = SessionContext::new_with_state(state);
    datafusion_functions_json::register_all(context)?;
    execution::FunctionRegistry::register_function_rewrite(context, Arc::new(Rounding))?;
    let of_files = [json_functions(), lists::functions(), timestamps::functions(), text_functions::functions()];
    of_files.into_iter().flatten().chain([len(), exact()]).for_each(|function| context.register_udf(function));
    context.register_udf(s3_access_key());
    context.register_udf(in_cidr());
    context.register_udf(glob());
    Ok(())
}

/// The function `s3_access_key`: the access key that a request line names.
pub(crate) fn s3_access_key() -> ScalarUDF {
    within(s3_access::access_key)
}

/// What is found within a text, as a function of the engine. The only such entity is the access key of S3 logs.
pub(crate) fn within(find: fn(&str) -> Option<&str>) -> ScalarUDF {
    let function = move |arguments: &[ColumnarValue]| {
        let array = ColumnarValue::values_to_arrays(arguments)?.swap_remove(0);
        let found: StringViewArray = array.as_string_view().iter().map(|text| find(text?)).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    let text = DataType::Utf8View;
    create_udf("s3_access_key", vec![text.clone()], text, Volatility::Immutable, Arc::new(function))
}

/// The function `in_cidr`: whether an address is in a network; null for null, false for text that is not an address.
fn in_cidr() -> ScalarUDF {
    let parse = |network: &str| {
        let parsed: Result<IpNet, _> = network.parse();
        parsed.map_err(|_| DataFusionError::Execution(format!("'{network}' is not a network such as 10.0.0.0/8")))
    };
    let is_in =
        |address: &str, network: &IpNet| parse_address(address).is_some_and(|address| network.contains(&address));
    let function = move |arguments: &[ColumnarValue]| test_text(arguments, parse, is_in);
    predicate("in_cidr", function)
}

/// The function `glob`: whether a text matches a pattern.
fn glob() -> ScalarUDF {
    let parse = |pattern: &str| {
        let glob = GlobBuilder::new(pattern).build();
        glob.map(|glob| glob.compile_matcher()).map_err(|error| DataFusionError::Execution(error.to_string()))
    };
    let matches = |text: &str, glob: &GlobMatcher| glob.is_match(text);
    let function = move |arguments: &[ColumnarValue]| test_text(arguments, parse, matches);
    predicate("glob", function)
}

fn predicate(
    name: &str,
    function: impl Fn(&[ColumnarValue]) -> datafusion::error::Result<ColumnarValue> + Send + Sync + 'static,
) -> ScalarUDF {
    let text = DataType::Utf8View;
    create_udf(name, vec![text.clone(), text], DataType::Boolean, Volatility::Immutable, Arc::new(function))
}

/// Tests a column of text by a second one, which is parsed again only when it changes.
fn test_text<P>(
    arguments: &[ColumnarValue],
    parse: impl Fn(&str) -> datafusion::error::Result<P>,
    test: impl Fn(&str, &P) -> bool,
) -> datafusion::error::Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let arrays: Vec<ArrayRef> =
        arrays.iter().map(|array| cast(array, &DataType::Utf8View)).collect::<Result<_, _>>()?;
    let (texts, patterns) = (arrays[0].as_string_view(), arrays[1].as_string_view());
    let mut parsed: Option<(&str, P)> = None;
    let mut found = Vec::with_capacity(texts.len());
    for (text, pattern) in texts.iter().zip(patterns.iter()) {
        let (Some(text), Some(pattern)) = (text, pattern) else {
            found.push(None);
            continue;
        };
        if parsed.as_ref().is_none_or(|(known, _)| *known != pattern) {
            parsed = Some((pattern, parse(pattern)?));
        }
        found.push(parsed.as_ref().map(|(_, parsed)| test(text, parsed)));
    }
    Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(found))))
}
