//! `generate_series` and `range` as tables: their column has the name of the function, and they count times, too.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, SelectItem, TableAlias, TableAliasColumnDef, TableFactor,
    TableFunctionArgs,
};

use super::rewrite::{call, normal, query, quoted};

/// Names the column of such a table, unless the query does. Times are unnested from a list: the engine's table
/// function counts nanoseconds, which not all times fit.
pub(super) fn named(factor: &mut TableFactor) {
    let TableFactor::Table { name, alias, args: Some(TableFunctionArgs { args, .. }), .. } = factor else { return };
    let Some(function) = name.0.last().and_then(|part| part.as_ident()).map(normal) else { return };
    if !["generate_series", "range"].contains(&function.as_str()) {
        return;
    }
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: quoted(&function),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        alias.columns = vec![TableAliasColumnDef { name: Ident::new(&function), data_type: None }];
    }
    let arguments = args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    let Some(arguments) = arguments.collect::<Option<Vec<Expr>>>() else { return };
    if matches!(arguments.last(), Some(Expr::Interval(_))) {
        let times = call("unnest", vec![call(&function, arguments)]);
        let item = SelectItem::ExprWithAlias { expr: times, alias: quoted(&function) };
        let subquery = Box::new(query(vec![item], Vec::new()));
        *factor = TableFactor::Derived { lateral: false, subquery, alias: Some(alias.clone()), sample: None };
    }
}
