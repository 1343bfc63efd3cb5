//! Functions by the names that DuckDB gives them, in the engine's words.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
};

use super::dialect;
use super::rewrite::{call, literal, name_of, take, text};
use super::tree::each_expr;

/// Functions that the engine has by another name.
const SYNONYMS: &[(&str, &str)] = &[
    ("approx_count_distinct", "approx_distinct"),
    ("first", "first_value"),
    ("group_concat", "string_agg"),
    ("json_array_length", "json_length"),
    ("json_keys", "json_object_keys"),
    ("last", "last_value"),
    ("list", "array_agg"),
    ("list_value", "make_array"),
    ("listagg", "string_agg"),
    ("prefix", "starts_with"),
    ("regexp_matches", "regexp_like"),
    ("split", "string_to_array"),
    ("str_split", "string_to_array"),
    ("strftime", "to_char"),
    ("string_split", "string_to_array"),
    ("strlen", "octet_length"),
    ("strptime", "to_timestamp_micros"),
    ("suffix", "ends_with"),
    ("time_bucket", "date_bin"),
    ("typeof", "arrow_typeof"),
];

/// Functions that give a part of a time, which is their name.
const PARTS: [&str; 11] =
    ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond", "epoch"];

/// Functions that are several words of the engine's: the name, how many arguments it has, and these words, in which `#1` is the
/// first argument.
const TEMPLATES: &[(&str, usize, &str)] = &[
    ("arg_max", 2, MAX_BY),
    ("arg_min", 2, MIN_BY),
    ("base64", 1, "encode(#1, 'base64')"),
    ("count_if", 1, "count(CASE WHEN #1 THEN 1 END)"),
    ("countif", 1, "count(CASE WHEN #1 THEN 1 END)"),
    ("epoch_ms", 1, "CAST(date_part('epoch', #1) * 1000 AS BIGINT)"),
    ("from_base64", 1, "decode(#1, 'base64')"),
    ("if", 3, "CASE WHEN #1 THEN #2 ELSE #3 END"),
    ("max_by", 2, MAX_BY),
    ("min_by", 2, MIN_BY),
    ("regexp_extract", 2, "regexp_match(#1, concat('(', #2, ')'))[1]"),
    ("regexp_extract", 3, "regexp_match(#1, concat('(', #2, ')'))[1 + #3]"),
    ("to_base64", 1, "encode(#1, 'base64')"),
];
const MAX_BY: &str = "first_value(#1 ORDER BY #2 DESC) FILTER (WHERE #1 IS NOT NULL AND #2 IS NOT NULL)";
const MIN_BY: &str = "first_value(#1 ORDER BY #2 ASC) FILTER (WHERE #1 IS NOT NULL AND #2 IS NOT NULL)";
/// Those of them that make one value of many.
const AGGREGATES: [&str; 6] = ["arg_max", "arg_min", "count_if", "countif", "max_by", "min_by"];

/// The engine's name of a function.
fn synonym(name: &str) -> Option<&'static str> {
    SYNONYMS.binary_search_by_key(&name, |(synonym, _)| synonym).ok().map(|at| SYNONYMS[at].1)
}

/// Whether a function makes one value of many; `is_aggregate` knows the engine's.
pub(super) fn aggregates(name: &str, is_aggregate: &dyn Fn(&str) -> bool) -> bool {
    AGGREGATES.contains(&name) || is_aggregate(synonym(name).unwrap_or(name))
}

/// Joins by commas, if nothing else is said.
fn with_separator(function: &mut Function) {
    if let FunctionArguments::List(list) = &mut function.args
        && list.args.len() == 1
    {
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(literal(","))));
    }
}

/// How often a clock strikes between two times: `date_diff('hour', '12:59', '13:01')` is 1.
fn boundaries(part: &str) -> Option<String> {
    let part = part.to_lowercase();
    let part = part.strip_suffix('s').unwrap_or(&part);
    let seconds = match part {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return None,
    };
    let strikes = |time: &str| format!("date_part('epoch', date_trunc('{part}', {time}))");
    Some(format!("CAST(({} - {}) / {seconds} AS BIGINT)", strikes("#2"), strikes("#1")))
}

/// A template whose places are taken by some expressions.
fn filled(template: &str, arguments: &[Expr]) -> Option<Expr> {
    // No query has such a name.
    let place = |number: usize| format!("\u{1f}{number}");
    let text = (1..=arguments.len()).fold(template.to_owned(), |text, number| {
        text.replace(&format!("#{number}"), &format!("\"{}\"", place(number)))
    });
    let mut expr = dialect::expression(&text).ok()?;
    each_expr(&mut expr, |expr| {
        if let Expr::Identifier(name) = expr
            && let Some(argument) = arguments.iter().enumerate().find(|(at, _)| name.value == place(at + 1))
        {
            *expr = Expr::Nested(Box::new(argument.1.clone()));
        }
    });
    Some(expr)
}

/// The arguments of a plain call.
fn arguments(function: &mut Function) -> Option<Vec<&mut Expr>> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let expr = |argument| match argument {
        &mut FunctionArg::Unnamed(FunctionArgExpr::Expr(ref mut expr)) => Some(expr),
        _ => None,
    };
    list.args.iter_mut().map(expr).collect()
}

/// A call of a function that the engine doesn't have, or not by this name, in its words.
pub(super) fn other_words(function: &mut Function) -> Option<Expr> {
    let name = name_of(function);
    if let Some(usual) = synonym(&name) {
        function.name = ObjectName::from(vec![Ident::new(usual)]);
        if usual == "string_agg" {
            with_separator(function);
        }
        return None;
    }
    let is_plain = function.filter.is_none() && function.over.is_none();
    let mut arguments = arguments(function)?;
    let is_it = |(word, count, _): &&(&str, usize, &str)| *word == name && *count == arguments.len();
    if let Some((.., template)) = TEMPLATES.iter().find(is_it)
        && is_plain
    {
        return filled(template, &arguments.into_iter().map(take).collect::<Vec<_>>());
    }
    match (name.as_str(), arguments.as_mut_slice()) {
        // Sums of forged sizes must not wrap round.
        ("sum", [value]) => {
            **value = call("exact", vec![take(value)]);
            None
        }
        ("json_extract" | "json_extract_path", [json, path]) => Some(arrow(json, BinaryOperator::Arrow, path)),
        ("json_extract_string" | "json_extract_path_text", [json, path]) => {
            Some(arrow(json, BinaryOperator::LongArrow, path))
        }
        ("from_json" | "json_transform", [json, structure]) => {
            let is_list = text(structure).is_some_and(|text| text.replace(' ', "").eq_ignore_ascii_case("[\"json\"]"));
            is_list.then(|| call("json_get_array", vec![take(json)]))
        }
        ("date_diff" | "datediff", [part, from, to]) => {
            let template = boundaries(text(part)?)?;
            filled(&template, &[take(from), take(to)])
        }
        ("dayname", [time]) => Some(call("to_char", vec![take(time), literal("%A")])),
        ("monthname", [time]) => Some(call("to_char", vec![take(time), literal("%B")])),
        ("dayofweek" | "weekday", [time]) => Some(call("date_part", vec![literal("dow"), take(time)])),
        ("dayofmonth", [time]) => Some(call("date_part", vec![literal("day"), take(time)])),
        ("dayofyear", [time]) => Some(call("date_part", vec![literal("doy"), take(time)])),
        (part, [time]) if PARTS.contains(&part) => Some(call("date_part", vec![literal(part), take(time)])),
        _ => None,
    }
}

fn arrow(json: &mut Expr, op: BinaryOperator, path: &mut Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(take(json)), op, right: Box::new(take(path)) }))
}

#[cfg(test)]
mod tests {
    use super::{SYNONYMS, TEMPLATES, filled, literal};

    #[test]
    fn names_are_sorted_and_templates_are_sql() {
        assert!(SYNONYMS.is_sorted_by_key(|(synonym, _)| synonym));
        for (name, count, template) in TEMPLATES {
            let filled = filled(template, &vec![literal("x"); *count]).map(|expr| expr.to_string());
            assert!(filled.is_some_and(|text| text.contains("'x'") && !text.contains(['#', '\u{1f}'])), "{name}");
        }
    }
}
