//! Functions by DuckDB's names, in the engine's terms.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
};

use super::rewrite::{call, literal, name_of, take, text};
use super::tree::each_expr;
use super::{dialect, lists};

/// Functions that have another name in the engine.
const SYNONYMS: &[(&str, &str)] = &[
    ("apply", "array_transform"),
    ("approx_count_distinct", "approx_distinct"),
    ("approx_quantile", "approx_percentile_cont"),
    ("arbitrary", "first_value"),
    ("array_apply", "array_transform"),
    ("date_format", "to_char"),
    ("datediff", "date_diff"),
    ("datesub", "date_sub"),
    ("first", "first_value"),
    ("group_concat", "string_agg"),
    ("json_array_length", "json_length"),
    ("json_keys", "json_object_keys"),
    ("last", "last_value"),
    ("length", "len"),
    ("list", "array_agg"),
    ("list_apply", "array_transform"),
    ("list_max", "array_max"),
    ("list_min", "array_min"),
    ("list_value", "make_array"),
    ("listagg", "string_agg"),
    ("make_timestamp", "to_timestamp_micros"),
    ("ord", "ascii"),
    ("prefix", "starts_with"),
    ("regexp_matches", "regexp_like"),
    ("split", "string_to_array"),
    ("str_split", "string_to_array"),
    ("string_split", "string_to_array"),
    ("strlen", "octet_length"),
    ("struct_extract", "get_field"),
    ("suffix", "ends_with"),
    ("typeof", "arrow_typeof"),
    ("unicode", "ascii"),
    ("variance", "var_samp"),
];

/// Functions named after the part of a time that they return.
const PARTS: [&str; 11] =
    ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond", "epoch"];

/// Functions that the engine spells with several of its words: the name, the number of arguments, and the words, in
/// which `#1` is the first argument.
const TEMPLATES: &[(&str, usize, &str)] = &[
    ("arg_max", 2, MAX_BY),
    ("arg_min", 2, MIN_BY),
    ("argmax", 2, MAX_BY),
    ("argmin", 2, MIN_BY),
    ("base64", 1, "encode(#1, 'base64')"),
    ("count_if", 1, "count(CASE WHEN #1 THEN 1 END)"),
    ("countif", 1, "count(CASE WHEN #1 THEN 1 END)"),
    ("date_add", 2, "#1 + #2"),
    ("from_base64", 1, "decode(#1, 'base64')"),
    ("if", 3, "CASE WHEN #1 THEN #2 ELSE #3 END"),
    ("isodow", 1, ISODOW),
    ("json_exists", 2, "CASE WHEN #1 IS NOT NULL THEN (#1 -> #2) IS NOT NULL END"),
    ("json_type", 2, "json_type(#1 -> #2)"),
    ("last_day", 1, "CAST(date_trunc('month', #1) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE)"),
    ("list_count", 1, "len(list_filter(#1, x -> x IS NOT NULL))"),
    ("list_unique", 1, "len(list_distinct(list_filter(#1, x -> x IS NOT NULL)))"),
    ("max_by", 2, MAX_BY),
    ("min_by", 2, MIN_BY),
    ("mod", 2, "#1 % #2"),
    // No match gives an empty text.
    ("regexp_extract", 2, "coalesce(regexp_match(#1, concat('(', #2, ')'))[1], CASE WHEN #1 IS NOT NULL THEN '' END)"),
    (
        "regexp_extract",
        3,
        "coalesce(regexp_match(#1, concat('(', #2, ')'))[1 + #3], CASE WHEN #1 IS NOT NULL THEN '' END)",
    ),
    (
        "regexp_extract",
        4,
        "coalesce(regexp_match(#1, concat('(', #2, ')'), #4)[1 + #3], CASE WHEN #1 IS NOT NULL THEN '' END)",
    ),
    ("regexp_extract_all", 2, "regexp_extract_all(#1, #2, 0)"),
    ("regexp_full_match", 2, "regexp_like(#1, concat('^(?:', #2, ')$'))"),
    ("sign", 1, "CASE WHEN #1 > 0 THEN 1 WHEN #1 < 0 THEN -1 WHEN #1 = 0 THEN 0 END"),
    ("to_base64", 1, "encode(#1, 'base64')"),
];
const MAX_BY: &str = "first_value(#1 ORDER BY #2 DESC) FILTER (WHERE #1 IS NOT NULL AND #2 IS NOT NULL)";
const MIN_BY: &str = "first_value(#1 ORDER BY #2 ASC) FILTER (WHERE #1 IS NOT NULL AND #2 IS NOT NULL)";
/// The day of the week, from 1 for Monday to 7 for Sunday.
pub(super) const ISODOW: &str = "((date_part('dow', #1) + 6) % 7 + 1)";
/// The aggregates among them.
const AGGREGATES: [&str; 8] = ["arg_max", "arg_min", "argmax", "argmin", "count_if", "countif", "max_by", "min_by"];

/// The engine's name of a function.
fn synonym(name: &str) -> Option<&'static str> {
    SYNONYMS.binary_search_by_key(&name, |(synonym, _)| synonym).ok().map(|at| SYNONYMS[at].1)
}

/// Whether a function is an aggregate; `is_aggregate` knows the engine's.
pub(super) fn aggregates(name: &str, is_aggregate: &dyn Fn(&str) -> bool) -> bool {
    AGGREGATES.contains(&name) || is_aggregate(synonym(name).unwrap_or(name))
}

/// Joins with commas, unless the query says otherwise.
fn with_separator(function: &mut Function) {
    if let FunctionArguments::List(list) = &mut function.args
        && list.args.len() == 1
    {
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(literal(","))));
    }
}

/// A template with expressions in its places.
pub(super) fn filled(template: &str, arguments: &[Expr]) -> Option<Expr> {
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

/// A call of a function that the engine lacks, or knows by another name, in the engine's words.
pub(super) fn other_words(function: &mut Function) -> Option<Expr> {
    let name = name_of(function);
    if let Some(characters) = characters(&name, function) {
        return Some(characters);
    }
    if let Some(usual) = synonym(&name) {
        function.name = ObjectName::from(vec![Ident::new(usual)]);
        if usual == "string_agg" {
            with_separator(function);
        }
        return None;
    }
    if name == "struct_pack" {
        return named_struct(function);
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
        // Sums of forged sizes must not wrap around.
        ("sum", [value]) => {
            **value = call("exact", vec![take(value)]);
            None
        }
        ("array_aggr" | "array_aggregate" | "list_aggr" | "list_aggregate", [list, function]) => {
            let mut of_list = call(&format!("list_{}", text(function)?.to_lowercase()), vec![take(list)]);
            let other = if let Expr::Function(function) = &mut of_list { other_words(function) } else { None };
            Some(other.unwrap_or(of_list))
        }
        ("json_extract" | "json_extract_path", [json, path]) => Some(arrows(json, &BinaryOperator::Arrow, path)),
        ("json_extract_string" | "json_extract_path_text", [json, path]) => {
            Some(arrows(json, &BinaryOperator::LongArrow, path))
        }
        ("from_json" | "json_transform", [json, structure]) => match text(structure).and_then(lists::from_json) {
            Some(name) => Some(call(name, vec![take(json)])),
            None => Some(call("from_json", vec![take(json), take(structure)])),
        },
        // Either order.
        ("strftime", [format, time]) if text(format).is_some_and(|text| text.contains('%')) => {
            Some(call("strftime", vec![take(time), take(format)]))
        }
        ("strptime" | "try_strptime", [time, formats]) => tried(&name, time, formats),
        // As Athena has it.
        ("date_add" | "dateadd", [unit, number, time]) => {
            let unit = text(unit)?.to_lowercase();
            let span = call(&format!("to_{}s", unit.strip_suffix('s').unwrap_or(&unit)), vec![take(number)]);
            filled("#1 + #2", &[take(time), span])
        }
        ("date_part" | "datepart", [part, time]) => of_part(&text(part)?.to_lowercase(), time),
        // The engine reads texts as nanoseconds.
        ("to_timestamp", [time]) if text(time).is_some() => {
            filled("CAST(#1 AS TIMESTAMP(6) WITH TIME ZONE)", &[take(time)])
        }
        ("format" | "printf", [format, values @ ..]) => {
            let pieces = pieces(text(format)?, if name == "format" { &["{}"] } else { &["%s", "%d"] }, values.len())?;
            let values = values.iter_mut().map(|value| take(value));
            let mut parts = vec![literal(&pieces[0])];
            parts.extend(values.zip(&pieces[1..]).flat_map(|(value, piece)| [value, literal(piece)]));
            Some(call("concat", parts))
        }
        ("dayname", [time]) => Some(call("strftime", vec![take(time), literal("%A")])),
        ("monthname", [time]) => Some(call("strftime", vec![take(time), literal("%B")])),
        ("dayofweek" | "weekday", [time]) => Some(call("date_part", vec![literal("dow"), take(time)])),
        ("dayofmonth", [time]) => Some(call("date_part", vec![literal("day"), take(time)])),
        ("dayofyear", [time]) => Some(call("date_part", vec![literal("doy"), take(time)])),
        ("epoch", [_]) => None,
        (part, [time]) if PARTS.contains(&part) => Some(call("date_part", vec![literal(part), take(time)])),
        _ => None,
    }
}

/// `struct_pack(a := 1)`: a group of named values.
fn named_struct(function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let mut values = Vec::new();
    for argument in &mut list.args {
        let FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } = argument else { return None };
        values.extend([literal(&name.value), take(value)]);
    }
    Some(call("named_struct", values))
}

/// `string_split(text, '')`: a list of the text's characters.
fn characters(name: &str, function: &mut Function) -> Option<Expr> {
    match (name, arguments(function)?.as_mut_slice()) {
        ("split" | "str_split" | "string_split", [value, separator]) if text(separator) == Some("") => {
            filled("regexp_extract_all(#1, '(?s).', 0)", &[take(value)])
        }
        _ => None,
    }
}

/// The engine's name for a part of a time, where it differs.
pub(super) fn of_part(part: &str, time: &mut Expr) -> Option<Expr> {
    match part {
        "epoch" => Some(call("epoch", vec![take(time)])),
        "isodow" => filled(ISODOW, &[take(time)]),
        _ => None,
    }
}

/// `strptime`, trying one format after another if there are several.
fn tried(name: &str, time: &mut Expr, formats: &mut Expr) -> Option<Expr> {
    let Expr::Array(list) = formats else { return None };
    let (last, others) = list.elem.split_last_mut()?;
    let others = others.iter_mut().map(|format| call("try_strptime", vec![time.clone(), take(format)]));
    let mut tried: Vec<Expr> = others.collect();
    tried.push(call(name, vec![take(time), take(last)]));
    Some(call("coalesce", tried))
}

/// The texts between the placeholders of a format, if there is one placeholder per value, and none has options.
fn pieces(format: &str, places: &[&str], values: usize) -> Option<Vec<String>> {
    let mut pieces = vec![String::new()];
    let mut rest = format;
    while let Some(char) = rest.chars().next() {
        if let Some(place) = places.iter().find(|place| rest.starts_with(**place)) {
            pieces.push(String::new());
            rest = &rest[place.len()..];
        } else if "{}%".contains(char) {
            return None;
        } else {
            pieces.last_mut()?.push(char);
            rest = &rest[char.len_utf8()..];
        }
    }
    (pieces.len() == values + 1).then_some(pieces)
}

/// The value at one path, or at each path of a list, in JSON.
fn arrows(json: &mut Expr, op: &BinaryOperator, path: &mut Expr) -> Expr {
    let Expr::Array(paths) = path else { return arrow(json, op.clone(), path) };
    let each = paths.elem.iter_mut().map(|path| arrow(&mut json.clone(), op.clone(), path));
    call("make_array", each.collect())
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
