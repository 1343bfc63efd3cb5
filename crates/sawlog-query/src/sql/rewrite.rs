//! Rewrites queries as people write them in the engine's terms: DuckDB's names of functions, its ways with JSON and
//! lists, and plain names for results.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Fetch, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, Interval, JoinOperator,
    LambdaFunction, LimitClause, ObjectName, OneOrManyWithParens, OrderByExpr, OrderByKind, Query, Select,
    SelectFlavor, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement, Subscript, TableAlias, TableFactor,
    TableWithJoins, TimezoneInfo, UnaryOperator, Value, ValueWithSpan, VisitorMut, WildcardAdditionalOptions,
};

use super::tree::{each_expr, walk};
use super::{dialect, instead, joins, lists, precedence, subqueries, words};

/// Separates a name that occurs more than once among the results from its number, which is not printed.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// Rewrites a statement in the engine's terms. `is_aggregate` recognises aggregate functions; `is_within` says that
/// its results are for other queries.
///
/// # Errors
///
/// If it asks for a sample of a table, of which the engine would give all rows, or for `EXCEPT ALL` and `INTERSECT
/// ALL`, of which it would count no rows.
pub(crate) fn rewrite(
    statement: &mut Statement,
    is_aggregate: &dyn Fn(&str) -> bool,
    is_within: bool,
) -> anyhow::Result<()> {
    precedence::mend(statement);
    let mut rewriter = Rewriter { is_aggregate, depth: usize::from(is_within), refused: None };
    let _ = walk(statement, &mut rewriter);
    rewriter.refused.map_or(Ok(()), |why| Err(anyhow::anyhow!(why)))
}

struct Rewriter<'a> {
    is_aggregate: &'a dyn Fn(&str) -> bool,
    /// How many queries we are in.
    depth: usize,
    /// Why the engine must not get the query: it would give another answer.
    refused: Option<&'static str>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        if counts_rows(&query.body) {
            self.refused = Some(instead::OF_MULTISETS);
            return ControlFlow::Break(());
        }
        order_by_place(query);
        as_limit(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.from.iter().flat_map(factors).any(is_sample) {
            self.refused = Some(instead::OF_SAMPLES);
            return ControlFlow::Break(());
        }
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.flavor = SelectFlavor::Standard;
            select.projection = vec![all()];
        }
        joins::plain(select);
        subqueries::plain(select);
        if let GroupByExpr::All(modifiers) = &select.group_by {
            let keys = select.projection.iter().filter_map(|item| match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
                _ => None,
            });
            let keys = keys.filter(|expr| !matches!(expr, Expr::Value(_)) && !aggregates(expr, self.is_aggregate));
            select.group_by = GroupByExpr::Expressions(keys.cloned().collect(), modifiers.clone());
        }
        name_results(select, self.depth > 1);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        unnest_beside(select);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => {
                if let Some(other) = words::other_words(function) {
                    *expr = other;
                }
            }
            Expr::Cast { expr: inner, data_type: DataType::JSON | DataType::JSONB, .. } => {
                *expr = call("to_json", vec![take(inner)]);
            }
            Expr::Cast { data_type: data_type @ DataType::Blob(_), .. } => *data_type = DataType::Bytea,
            Expr::Cast { expr: inner, data_type, kind, .. } if !is_text(data_type) => {
                as_text(inner);
                with_seconds(inner);
                in_micros(data_type);
                if let Some(name) = list_of(data_type, *kind != CastKind::TryCast) {
                    *expr = call(name, vec![take(inner)]);
                }
            }
            Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) => number.retain(|char| char != '_'),
            Expr::BinaryOp { left, op: BinaryOperator::Custom(op), right } if op == dialect::GLOB => {
                as_text(left);
                *expr = call("glob", vec![take(left), take(right)]);
            }
            Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } => {
                *expr = call("power", vec![take(left), take(right)]);
            }
            Expr::Substring { expr: text, substring_from: Some(from), .. } => from_the_end(text, from),
            Expr::Extract { field, expr: time, .. } => {
                if let Some(part) = words::of_part(&field.to_string().to_lowercase(), time) {
                    *expr = part;
                }
            }
            Expr::TypedString(typed) => {
                in_micros(&mut typed.data_type);
                let mut text = Expr::Value(typed.value.clone());
                with_seconds(&mut text);
                if let Expr::Value(value) = text {
                    typed.value = value;
                }
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                if let Some(zone) = text(time_zone).map(str::to_owned) {
                    *expr = in_zone(take(timestamp), &zone);
                }
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => {
                compare(left, right);
                compare(right, left);
                if arrow_of(left).is_none() && arrow_of(right).is_none() {
                    with_seconds(left);
                    with_seconds(right);
                }
            }
            Expr::Between { expr: inner, low, high, negated } => {
                compare(inner, low);
                if arrow_of(inner).is_none() {
                    with_seconds(low);
                    with_seconds(high);
                }
                // Only operators take texts for times.
                if is_day(low) && is_day(high) {
                    let template = if *negated { "NOT (#1 >= #2 AND #1 <= #3)" } else { "(#1 >= #2 AND #1 <= #3)" };
                    if let Some(other) = words::filled(template, &[take(inner), take(low), take(high)]) {
                        *expr = other;
                    }
                }
            }
            Expr::InList { expr: inner, list, negated } => {
                if let Some(first) = list.first() {
                    compare(inner, first);
                }
                if !list.is_empty() && list.iter().all(is_day) {
                    list.iter_mut().for_each(with_seconds);
                    *expr = one_of(inner, list, *negated);
                }
            }
            Expr::Lambda(lambda) => fields_of_parameters(lambda),
            Expr::CompoundFieldAccess { access_chain, .. } => access_chain.iter_mut().for_each(by_name),
            // The engine takes the pattern for one of any part of the text. % is as in the standard, the rest as in
            // DuckDB; both match line feeds.
            Expr::SimilarTo { negated, expr: value, pattern, escape_char: None } => {
                let template = "regexp_like(#1, concat('(?s)^(?:', replace(#2, '%', '.*'), ')$'))";
                let template = if *negated { format!("NOT {template}") } else { template.to_owned() };
                if let Some(whole) = words::filled(&template, &[take(value), take(pattern)]) {
                    *expr = Expr::Nested(Box::new(whole));
                }
            }
            Expr::Interval(interval) => {
                if let Some(other) = of_computed(interval) {
                    *expr = other;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether rows are counted, as `EXCEPT ALL` and `INTERSECT ALL` do.
fn counts_rows(body: &SetExpr) -> bool {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return false };
    let is_all = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
    is_all && *op != SetOperator::Union || counts_rows(left) || counts_rows(right)
}

/// `FETCH FIRST 10 ROWS ONLY` as `LIMIT 10`.
fn as_limit(query: &mut Query) {
    let Some(Fetch { with_ties: false, percent: false, quantity }) = &query.fetch else { return };
    let wanted = Some(quantity.clone().unwrap_or_else(|| number("1")));
    match &mut query.limit_clause {
        None => {
            query.limit_clause = Some(LimitClause::LimitOffset { limit: wanted, offset: None, limit_by: Vec::new() });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = wanted,
        Some(_) => return,
    }
    query.fetch = None;
}

/// Orders by position where the engine knows no names: in `ORDER BY ALL`, and for expressions among distinct results.
fn order_by_place(query: &mut Query) {
    let (SetExpr::Select(select), Some(order)) = (&*query.body, &mut query.order_by) else { return };
    let place = |place: usize| number(&(place + 1).to_string());
    let is_plain = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    match &mut order.kind {
        OrderByKind::All(options) => {
            if select.projection.iter().all(is_plain) {
                let by = |at| OrderByExpr { expr: place(at), options: *options, with_fill: None };
                order.kind = OrderByKind::Expressions((0..select.projection.len()).map(by).collect());
            }
        }
        OrderByKind::Expressions(keys) if select.distinct.is_some() => {
            for key in keys {
                let is_it = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expr) if *expr == key.expr);
                if let Some(at) = select.projection.iter().position(is_it)
                    && select.projection[..at].iter().all(is_plain)
                {
                    key.expr = place(at);
                }
            }
        }
        OrderByKind::Expressions(_) => {}
    }
}

/// Rewrites `r.arn` for a parameter `r` as `r['arn']`: it is not a table.
fn fields_of_parameters(lambda: &mut LambdaFunction) {
    let names: Vec<String> = match &lambda.params {
        OneOrManyWithParens::One(parameter) => vec![normal(&parameter.name)],
        OneOrManyWithParens::Many(parameters) => parameters.iter().map(|parameter| normal(&parameter.name)).collect(),
    };
    each_expr(&mut lambda.body, |expr| {
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.first().is_some_and(|first| names.contains(&normal(first)))
        {
            let fields = parts.split_off(1);
            let access = |field: &Ident| AccessExpr::Subscript(Subscript::Index { index: literal(&normal(field)) });
            let access_chain = fields.iter().map(access).collect();
            let root = Box::new(Expr::Identifier(parts.remove(0)));
            *expr = Expr::CompoundFieldAccess { root, access_chain };
        }
    });
}

/// Whether an expression is an aggregate: one value from many rows.
fn aggregates(expr: &Expr, is_aggregate: &dyn Fn(&str) -> bool) -> bool {
    struct Finder<'a>(&'a dyn Fn(&str) -> bool);
    impl VisitorMut for Finder<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function)
                    if function.over.is_none() && words::aggregates(&name_of(function), self.0) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(&mut expr.clone(), &mut Finder(is_aggregate)).is_break()
}

pub(super) fn name_of(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// Names the results of a query as they are written in it, `user_identity.arn` or `sum(bytes)`. For an outer query, a
/// field of a group has its own name, `arn`.
fn name_results(select: &mut Select, is_within: bool) {
    let tables: HashSet<String> = select.from.iter().flat_map(tables_of).collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in &mut select.projection {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        let Some(name) = heading(expr, &tables, is_within) else { continue };
        let count = seen.entry(name.clone()).or_default();
        let name = if *count == 0 { name } else { format!("{name}{SEPARATOR}{count}") };
        *count += 1;
        *item = SelectItem::ExprWithAlias { expr: take(expr), alias: quoted(&name) };
    }
}

/// A table and those joined to it.
fn factors(from: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
}

fn is_sample(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. })
}

/// The names that a query can use for the tables it reads.
pub(super) fn tables_of(from: &TableWithJoins) -> Vec<String> {
    let name = |factor: &TableFactor| match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(normal(&alias.name)),
        TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()).map(normal),
        _ => None,
    };
    factors(from).filter_map(name).collect()
}

/// A name as the engine compares it.
pub(super) fn normal(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// The name of a result; `None` for a column of a table, which the engine names itself.
fn heading(expr: &Expr, tables: &HashSet<String>, is_within: bool) -> Option<String> {
    match expr {
        Expr::Identifier(_) => None,
        // Expanding a group gives several results.
        Expr::Function(function) if name_of(function) == "unnest" => None,
        Expr::CompoundIdentifier(parts) => {
            let of_table = parts.first().is_some_and(|part| tables.contains(&normal(part)));
            let parts = if of_table { &parts[1..] } else { parts };
            let own = if is_within { parts.len() - 1 } else { 0 };
            let names: Vec<String> = parts[own..].iter().map(normal).collect();
            (parts.len() > 1).then(|| names.join("."))
        }
        _ => {
            let mut expr = expr.clone();
            let _ = walk(&mut expr, &mut LowerCase);
            Some(expr.to_string())
        }
    }
}

/// Function names in lower case, as the engine prints them.
struct LowerCase;

impl VisitorMut for LowerCase {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            function.name = ObjectName::from(vec![Ident::new(name_of(function))]);
        }
        ControlFlow::Continue(())
    }
}

pub(crate) fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

pub(super) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Wildcard(AttachedToken::empty()))
}

pub(super) fn literal(text: &str) -> Expr {
    Expr::Value(ValueWithSpan::from(Value::SingleQuotedString(text.to_owned())))
}

fn number(digits: &str) -> Expr {
    Expr::Value(ValueWithSpan::from(Value::Number(digits.to_owned(), false)))
}

pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text | DataType::Varchar(_) | DataType::String(_) | DataType::Char(_) | DataType::CharVarying(_)
    )
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, Spaceship};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | Spaceship)
}

/// The operator, if an expression looks into JSON.
fn arrow_of(expr: &mut Expr) -> Option<&mut BinaryOperator> {
    match expr {
        Expr::Nested(inner) => arrow_of(inner),
        Expr::BinaryOp { op, .. } if matches!(op, BinaryOperator::Arrow | BinaryOperator::LongArrow) => Some(op),
        _ => None,
    }
}

/// Makes an expression that looks into JSON return plain text, not JSON text.
fn as_text(expr: &mut Expr) {
    if let Some(op) = arrow_of(expr) {
        *op = BinaryOperator::LongArrow;
    }
}

pub(super) fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

/// Compares values from JSON by the type of the other side: numbers as numbers, and plain text with the text between
/// the quotes.
fn compare(side: &mut Expr, with: &Expr) {
    let data_type = match with {
        Expr::Nested(inner) => return compare(side, inner),
        Expr::Value(ValueWithSpan { value: Value::Number(..), .. }) => DataType::Double(ExactNumberInfo::None),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(**expr, Expr::Value(_)) => {
            DataType::Double(ExactNumberInfo::None)
        }
        Expr::Value(ValueWithSpan { value: Value::Boolean(_), .. }) => DataType::Boolean,
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => {
            if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
                as_text(side);
            }
            return;
        }
        _ => return,
    };
    if arrow_of(side).is_some() {
        as_text(side);
        let expr = Box::new(take(side));
        *side = Expr::Cast { kind: CastKind::TryCast, expr, data_type, array: false, format: None };
    }
}

/// Whether an expression is a text that begins like a day.
fn is_day(expr: &Expr) -> bool {
    let form = |text: &str| {
        let digit_as_0 = |char: char| if char.is_ascii_digit() { '0' } else { char };
        text.chars().take(10).map(digit_as_0).collect::<String>() == "0000-00-00"
    };
    text(expr).is_some_and(form)
}

/// `a IN (b, c)` as `(a = b OR a = c)`.
fn one_of(expr: &mut Expr, list: &mut Vec<Expr>, is_negated: bool) -> Expr {
    let nested = |expr: Expr| Expr::Nested(Box::new(expr));
    let equal = |value: Expr| Expr::BinaryOp {
        left: Box::new(nested(expr.clone())),
        op: BinaryOperator::Eq,
        right: Box::new(value),
    };
    let any = list.drain(..).map(equal).reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::Or,
        right: Box::new(right),
    });
    let any = nested(any.unwrap_or_else(|| literal("")));
    if is_negated { nested(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(any) }) } else { any }
}

/// Makes times microseconds unless the query says otherwise, since these cover every year.
fn in_micros(data_type: &mut DataType) {
    match data_type {
        DataType::Timestamp(precision @ None, _) => *precision = Some(6),
        DataType::Datetime(None) => *data_type = DataType::Timestamp(Some(6), TimezoneInfo::None),
        _ => {}
    }
}

/// The function for a cast to a list, whose JSON text would become its only element.
fn list_of(data_type: &DataType, is_strict: bool) -> Option<&'static str> {
    match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, None) | ArrayElemTypeDef::AngleBracket(element)) => {
            lists::cast_to(element, is_strict)
        }
        _ => None,
    }
}

/// `substr(text, -2)`, which counts from the end, with a start that counts from the beginning.
fn from_the_end(text: &Expr, from: &mut Expr) {
    let template = match from {
        Expr::Value(_) => return,
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(**expr, Expr::Value(_)) => "len(#1) + #2 + 1",
        _ => "CASE WHEN #2 < 0 THEN len(#1) + #2 + 1 ELSE #2 END",
    };
    if let Some(start) = words::filled(template, &[text.clone(), from.clone()]) {
        *from = start;
    }
}

/// A time to the minute, `'2021-07-29 13:10'`, with the seconds that the engine requires.
fn with_seconds(expr: &mut Expr) {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = expr else { return };
    let digits_as_0 = text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect::<String>();
    if ["0000-00-00 00:00", "0000-00-00T00:00", "0000-00-00T00:00Z"].contains(&digits_as_0.as_str()) {
        text.insert_str(16, ":00");
    }
}

/// A time in a zone. Times of the logs are in UTC already, and must stay microseconds: some do not fit nanoseconds.
fn in_zone(time: Expr, zone: &str) -> Expr {
    if ["utc", "etc/utc", "gmt", "z"].contains(&zone.to_lowercase().as_str()) {
        return time;
    }
    call("arrow_cast", vec![time, literal(&format!("Timestamp(Microsecond, Some({zone:?}))"))])
}

/// `[1].arn` as `[1]['arn']`, `[:3]` as `[1:3]`, and `[-3:]` as `[-3:-1]`.
fn by_name(access: &mut AccessExpr) {
    match access {
        AccessExpr::Dot(Expr::Identifier(name)) => {
            *access = AccessExpr::Subscript(Subscript::Index { index: literal(&normal(name)) });
        }
        AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) => {
            lower_bound.get_or_insert_with(|| number("1"));
            upper_bound.get_or_insert_with(|| number("-1"));
        }
        _ => {}
    }
}

/// An interval in the engine's terms: with its number as text, as the frame of a window must have it, or computed.
fn of_computed(interval: &mut Interval) -> Option<Expr> {
    match &mut *interval.value {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }) => None,
        Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) if interval.leading_field.is_some() => {
            *interval.value = literal(&std::mem::take(number));
            None
        }
        value => {
            let unit = interval.leading_field.as_ref()?.to_string().to_lowercase();
            Some(call(&format!("to_{}s", unit.strip_suffix('s').unwrap_or(&unit)), vec![take(value)]))
        }
    }
}

/// Lists that a query unnests beside the tables that they come from, `FROM events, unnest(…) AS item`. The engine
/// does that only among the results of a query.
fn unnest_beside(select: &mut Select) {
    let is_unnest = |factor: &TableFactor| matches!(factor, TableFactor::UNNEST { .. });
    let has_any = select
        .from
        .iter()
        .any(|from| is_unnest(&from.relation) || from.joins.iter().any(|join| is_unnest(&join.relation)));
    if !has_any {
        return;
    }
    let mut before: Vec<TableWithJoins> = Vec::new();
    for from in std::mem::take(&mut select.from) {
        take_apart(&mut before, from.relation);
        for join in from.joins {
            match join.join_operator {
                JoinOperator::CrossJoin(_) if is_unnest(&join.relation) => take_apart(&mut before, join.relation),
                _ => {
                    if let Some(last) = before.last_mut() {
                        last.joins.push(join);
                    }
                }
            }
        }
    }
    select.from = before;
}

/// Adds a table to those before it, or unnests one of their lists.
fn take_apart(before: &mut Vec<TableWithJoins>, factor: TableFactor) {
    let (array_exprs, alias) = match factor {
        TableFactor::UNNEST { array_exprs, alias, .. } if array_exprs.len() == 1 => (array_exprs, alias),
        relation => {
            before.push(TableWithJoins { relation, joins: Vec::new() });
            return;
        }
    };
    let column = match &alias {
        Some(alias) => alias.columns.first().map_or(&alias.name, |column| &column.name).clone(),
        None => Ident::new("unnest"),
    };
    let from = std::mem::take(before);
    let mut projection = Vec::new();
    if !from.is_empty() {
        projection.push(all());
    }
    let unnest = array_exprs.into_iter().next().map(|list| call("unnest", vec![list]));
    projection.extend(unnest.map(|expr| SelectItem::ExprWithAlias { expr, alias: column.clone() }));
    // The tables before it keep their name, if it is one.
    let name = match from.as_slice() {
        [] => alias.map(|alias| alias.name),
        [one] if one.joins.is_empty() => tables_of(one).first().map(|name| quoted(name)),
        _ => None,
    };
    let alias = name.map(|name| TableAlias { explicit: true, name, columns: Vec::new(), at: None });
    let relation =
        TableFactor::Derived { lateral: false, subquery: Box::new(query(projection, from)), alias, sample: None };
    before.push(TableWithJoins { relation, joins: Vec::new() });
}

/// The wildcard.
pub(super) fn all() -> SelectItem {
    SelectItem::Wildcard(WildcardAdditionalOptions::default())
}

/// A plain query.
pub(crate) fn query(projection: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Query {
    let select = Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}
