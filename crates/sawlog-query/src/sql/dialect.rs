//! How the text of a query is parsed: SQL as the engine reads it, with DuckDB's operators, commas and lambdas.

use std::any::TypeId;
use std::collections::VecDeque;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{self, DFParserBuilder};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, Ident, LambdaFunction, LambdaFunctionParameter, LambdaSyntax, OneOrManyWithParens,
    Statement, WindowType,
};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, TokenizerError};

/// How tightly `->` and `->>` bind: more than arithmetic and comparisons, less than `::`, as in DuckDB.
const ARROW: u8 = 45;
/// How tightly `^` binds: more than other arithmetic.
const POWER: u8 = 42;
/// How tightly the condition behind `FILTER` binds to its function: more than all else.
const FILTER: u8 = 100;
/// The operator `GLOB`.
pub(super) const GLOB: &str = "GLOB";
/// What may follow the last comma between tables.
const AFTER_TABLES: [Keyword; 14] = [
    Keyword::EXCEPT,
    Keyword::FETCH,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::INTERSECT,
    Keyword::INTO,
    Keyword::LIMIT,
    Keyword::OFFSET,
    Keyword::ORDER,
    Keyword::QUALIFY,
    Keyword::SELECT,
    Keyword::UNION,
    Keyword::WHERE,
    Keyword::WINDOW,
];

/// The engine's own generic dialect, plus what DuckDB has beyond it.
#[derive(Debug)]
struct Sawq;

/// Answers yes where a dialect can have a feature.
macro_rules! has {
    ($($feature:ident),* $(,)?) => {
        $(fn $feature(&self) -> bool {
            true
        })*
    };
}

impl Dialect for Sawq {
    has!(
        allow_extract_custom,
        allow_extract_single_quotes,
        support_map_literal_syntax,
        supports_array_typedef_with_brackets,
        supports_bitwise_shift_operators,
        supports_comma_separated_trim,
        supports_cte_without_as,
        supports_dictionary_syntax,
        supports_empty_projections,
        supports_explain_with_utility_options,
        supports_extract_comma_syntax,
        supports_filter_during_aggregation,
        supports_from_first_select,
        supports_from_trailing_commas,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_interval_options,
        supports_left_associative_joins_without_parens,
        supports_limit_comma,
        supports_named_fn_args_with_assignment_operator,
        supports_nested_comments,
        supports_notnull_operator,
        supports_numeric_literal_underscores,
        supports_order_by_all,
        supports_parens_around_table_factor,
        supports_partition_by_after_order_by,
        supports_pipe_operator,
        supports_projection_trailing_commas,
        supports_select_wildcard_except,
        supports_select_wildcard_exclude,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        supports_select_wildcard_replace,
        supports_string_escape_constant,
        supports_struct_literal,
        supports_trailing_commas,
        supports_try_convert,
        supports_unicode_string_literal,
        supports_values_as_table_factor,
        supports_window_clause_named_window_reference,
        supports_window_function_null_treatment_arg,
    );

    // The parser sometimes asks which dialect it is.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, char: char) -> bool {
        GenericDialect.is_delimited_identifier_start(char)
    }

    fn is_identifier_start(&self, char: char) -> bool {
        GenericDialect.is_identifier_start(char)
    }

    fn is_identifier_part(&self, char: char) -> bool {
        GenericDialect.is_identifier_part(char)
    }

    // Otherwise `POSITIONAL JOIN` would be a table of that name, and a cross join.
    fn is_table_factor_alias(&self, is_explicit: bool, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        let is_positional =
            |token: &Token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case("positional"));
        let before_join = matches!(&parser.peek_token_ref().token, Token::Word(word) if word.keyword == Keyword::JOIN);
        is_explicit
            || self.is_table_alias(keyword, parser)
                && !(before_join && is_positional(&parser.get_current_token().token))
    }

    fn is_table_factor(&self, keyword: &Keyword, _: &mut Parser<'_>) -> bool {
        !AFTER_TABLES.contains(keyword)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        if is_in_filter(parser) {
            return Some(Ok(FILTER));
        }
        if is_glob(parser) {
            return Some(Ok(self.prec_value(Precedence::Like)));
        }
        match parser.peek_token_ref().token {
            Token::Arrow | Token::LongArrow | Token::HashArrow | Token::HashLongArrow => Some(Ok(ARROW)),
            Token::Caret => Some(Ok(POWER)),
            _ => None,
        }
    }

    // `count(*) FILTER (a > 1)`, and `a GLOB 'b*'`.
    fn parse_infix(&self, parser: &mut Parser<'_>, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        match expr {
            Expr::Function(function) if precedence == FILTER => Some(filtered(parser, function)),
            _ if is_glob(parser) => Some(globbed(parser, expr, precedence)),
            _ => None,
        }
    }

    // `lambda x: x + 1`, and `x -> x + 1` only for functions that take one: elsewhere it would take `column -> 'key'`
    // for a lambda.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        if let Some(number) = in_other_base(parser) {
            return Some(Err(ParserError::ParserError(format!("{NOT_HERE}{number}"))));
        }
        let word = |place| match &parser.peek_nth_token_ref(place).token {
            Token::Word(word) => Some(word.keyword),
            _ => None,
        };
        let ends = matches!(parser.peek_nth_token_ref(2).token, Token::Colon | Token::Comma);
        if word(0) == Some(Keyword::LAMBDA) && word(1).is_some() && ends {
            return Some(lambda(parser));
        }
        (has_arrow_behind_names(parser) && is_for_lambda(parser)).then(|| lambda_of_arrow(parser))
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
        let Token::Word(word) = &parser.peek_token_ref().token else { return None };
        match word.value.to_lowercase().as_str() {
            "summarize" => {
                parser.next_token();
                Some(summarized(parser))
            }
            "pivot" | "unpivot" => {
                Some(Err(ParserError::ParserError(format!("{NOT_HERE}{}", word.value.to_uppercase()))))
            }
            _ => None,
        }
    }
}

/// The number that comes next, if it is like `0x1F`, `0b101` or `0o17`. The parser would take the first for bytes, the
/// others for 0 with a name.
fn in_other_base(parser: &Parser<'_>) -> Option<String> {
    let (number, next) = (parser.peek_token_ref(), parser.peek_nth_token_ref(1));
    match (&number.token, &next.token) {
        (Token::HexStringLiteral(digits), _) => {
            // `x'1F'` has quotes.
            let width = number.span.end.column.saturating_sub(number.span.start.column);
            let is_bare = usize::try_from(width).is_ok_and(|width| width == digits.len() + "0x".len());
            is_bare.then(|| format!("0x{digits}"))
        }
        (Token::Number(zero, false), Token::Word(rest)) => {
            let has_base = number.span.end == next.span.start && rest.value.starts_with(['b', 'B', 'o', 'O', 'X']);
            (zero == "0" && has_base).then(|| format!("0{}", rest.value))
        }
        _ => None,
    }
}

/// Whether the parser has read `FILTER (` behind a function, and found no `WHERE` there: it goes on from that place.
fn is_in_filter(parser: &Parser<'_>) -> bool {
    let places = (0..=parser.get_current_index()).rev();
    let mut before =
        places.map(|place| &parser.token_at(place).token).filter(|token| !matches!(token, Token::Whitespace(_)));
    before.next() == Some(&Token::LParen)
        && matches!(before.next(), Some(Token::Word(word)) if word.keyword == Keyword::FILTER)
        && before.next() == Some(&Token::RParen)
}

/// A function with the condition of its filter, which comes next.
fn filtered(parser: &mut Parser<'_>, function: &Function) -> Result<Expr, ParserError> {
    let condition = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    let over = if !parser.parse_keyword(Keyword::OVER) {
        None
    } else if parser.consume_token(&Token::LParen) {
        Some(WindowType::WindowSpec(parser.parse_window_spec()?))
    } else {
        Some(WindowType::NamedWindow(parser.parse_identifier()?))
    };
    Ok(Expr::Function(Function { filter: Some(Box::new(condition)), over, ..function.clone() }))
}

/// Whether `GLOB` and a text come next.
fn is_glob(parser: &Parser<'_>) -> bool {
    let is_word = matches!(&parser.peek_token_ref().token, Token::Word(word) if word.value.eq_ignore_ascii_case(GLOB));
    is_word && matches!(parser.peek_nth_token_ref(1).token, Token::SingleQuotedString(_))
}

fn globbed(parser: &mut Parser<'_>, expr: &Expr, precedence: u8) -> Result<Expr, ParserError> {
    parser.next_token();
    let right = Box::new(parser.parse_subexpr(precedence)?);
    Ok(Expr::BinaryOp { left: Box::new(expr.clone()), op: BinaryOperator::Custom(GLOB.to_owned()), right })
}

/// The beginning of an error about a statement that is SQL, but not allowed.
pub(crate) const NOT_HERE: &str = "not here: ";

/// The name in the tree of a statement that describes the result of another one; the tree has no node for it.
const SUMMARIZE: &str = "\u{1f}summarize";

/// `SUMMARIZE table` or `SUMMARIZE SELECT …`, after its first word.
fn summarized(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let is_query = match &parser.peek_token_ref().token {
        Token::Word(word) => [Keyword::SELECT, Keyword::WITH, Keyword::FROM, Keyword::VALUES].contains(&word.keyword),
        token => *token == Token::LParen,
    };
    let query = if is_query {
        parser.parse_query()?
    } else {
        let table = parser.parse_object_name(false)?;
        Parser::new(&Sawq).try_with_sql(&format!("SELECT * FROM {table}"))?.parse_query()?
    };
    let statement = Box::new(Statement::Query(query));
    Ok(Statement::Prepare { name: Ident::new(SUMMARIZE), data_types: Vec::new(), statement })
}

/// The query whose result a statement describes, if it is of that kind.
pub(crate) fn summary_of(statement: &Statement) -> Option<&Statement> {
    match statement {
        Statement::Prepare { name, statement, .. } if name.value == SUMMARIZE => Some(statement),
        _ => None,
    }
}

/// Functions that take a lambda.
const WITH_LAMBDAS: [&str; 15] = [
    "any_match",
    "apply",
    "array_any_match",
    "array_apply",
    "array_filter",
    "array_reduce",
    "array_transform",
    "filter",
    "list_any_match",
    "list_apply",
    "list_filter",
    "list_reduce",
    "list_transform",
    "reduce",
    "transform",
];

/// Whether `x ->` or `(x, y) ->` comes next.
fn has_arrow_behind_names(parser: &Parser<'_>) -> bool {
    let is_word = |place| matches!(&parser.peek_nth_token_ref(place).token, Token::Word(_));
    let token = |place| &parser.peek_nth_token_ref(place).token;
    if is_word(0) {
        return *token(1) == Token::Arrow;
    }
    let mut place = 1;
    let is_list = *token(0) == Token::LParen && is_word(1);
    while is_list && *token(place + 1) == Token::Comma && is_word(place + 2) {
        place += 2;
    }
    is_list && *token(place + 1) == Token::RParen && *token(place + 2) == Token::Arrow
}

/// Whether an argument after the first begins here, of a function that takes lambdas.
fn is_for_lambda(parser: &Parser<'_>) -> bool {
    let (mut depth, mut is_later) = (0, false);
    let mut places = (0..=parser.get_current_index()).rev();
    for place in places.by_ref() {
        match &parser.token_at(place).token {
            Token::RParen | Token::RBracket | Token::RBrace => depth += 1,
            Token::LParen if depth == 0 => break,
            Token::LBracket | Token::LBrace if depth == 0 => return false,
            Token::LParen | Token::LBracket | Token::LBrace => depth -= 1,
            Token::Comma if depth == 0 => is_later = true,
            Token::SemiColon => return false,
            _ => {}
        }
    }
    let before = places.map(|place| &parser.token_at(place).token).find(|token| !matches!(token, Token::Whitespace(_)));
    match before {
        Some(Token::Word(word)) => is_later && WITH_LAMBDAS.contains(&word.value.to_lowercase().as_str()),
        _ => false,
    }
}

fn parameter(parser: &mut Parser<'_>) -> Result<LambdaFunctionParameter, ParserError> {
    Ok(LambdaFunctionParameter { name: parser.parse_identifier()?, data_type: None })
}

fn lambda(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.next_token();
    let params = OneOrManyWithParens::Many(parser.parse_comma_separated(parameter)?);
    parser.expect_token(&Token::Colon)?;
    let body = Box::new(parser.parse_expr()?);
    Ok(Expr::Lambda(LambdaFunction { params, body, syntax: LambdaSyntax::LambdaKeyword }))
}

/// The same in the other form.
fn lambda_of_arrow(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let params = if parser.consume_token(&Token::LParen) {
        let params = parser.parse_comma_separated(parameter)?;
        parser.expect_token(&Token::RParen)?;
        params
    } else {
        vec![parameter(parser)?]
    };
    parser.expect_token(&Token::Arrow)?;
    let body = Box::new(parser.parse_expr()?);
    Ok(Expr::Lambda(LambdaFunction {
        params: OneOrManyWithParens::Many(params),
        body,
        syntax: LambdaSyntax::LambdaKeyword,
    }))
}

/// The statements of a text, separated by semicolons.
pub(crate) fn parse(text: &str) -> Result<VecDeque<parser::Statement>, DataFusionError> {
    DFParserBuilder::new(text).with_dialect(&Sawq).build()?.parse_statements()
}

/// The expression that a text is.
pub(crate) fn expression(text: &str) -> Result<Expr, ParserError> {
    Parser::new(&Sawq).try_with_sql(text)?.parse_expr()
}

/// Whether a text ends with a semicolon that is not in a quoted text or a comment. Text that can't become a query,
/// whatever follows, counts as ended, so that its error is shown.
#[must_use]
pub fn is_ended(text: &str) -> bool {
    match Tokenizer::new(&Sawq, text).tokenize() {
        Ok(tokens) => {
            let last = tokens.iter().rev().find(|token| !matches!(token, Token::Whitespace(_)));
            last == Some(&Token::SemiColon)
        }
        Err(TokenizerError { message, .. }) => {
            let is_open = message.contains("Unterminated") || message.contains("EOF");
            !is_open && text.contains(';')
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;

    use super::super::tree::each_expr;
    use super::{Expr, is_ended, parse, parser};

    fn parsed(text: &str) -> Vec<String> {
        parse(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn semicolons_part_statements_outside_of_quotes_and_comments() {
        let text = "SELECT ';' ; -- one; and\nSELECT 2 /* ; */; ; -- the end; of it";
        assert_eq!(parsed(text), ["SELECT ';'", "SELECT 2"]);
        assert!(parsed(" ; -- nothing").is_empty());
        assert!(parsed("").is_empty());
    }

    #[test]
    fn a_query_has_ended_where_its_last_token_is_a_semicolon() {
        assert!(is_ended("SELECT 1;") && is_ended("SELECT 1; -- so\n") && is_ended("SELECT 'a;' ;\n"));
        assert!(!is_ended("SELECT 1") && !is_ended("SELECT ';") && !is_ended("SELECT 1 -- ;") && !is_ended("/* ;"));
        assert!(!is_ended("SELECT \"a;"));
    }

    #[test]
    fn arrows_bind_as_in_duckdb() {
        for (text, meant) in [
            ("a ->> 'b' = 'c'", "(a ->> 'b') = 'c'"),
            ("a -> 'b' ->> 'c' LIKE 'd%'", "((a -> 'b') ->> 'c') LIKE 'd%'"),
            ("NOT a ->> 'b' IS NULL AND c", "(NOT ((a ->> 'b') IS NULL)) AND c"),
            ("a ->> 'b' || 'c' ->> 'd'", "(a ->> 'b') || ('c' ->> 'd')"),
            ("a ->> 'b' IN ('c', d ->> 'e')", "(a ->> 'b') IN ('c', (d ->> 'e'))"),
            ("a ->> 'b'::TEXT", "a ->> ('b'::TEXT)"),
            ("a ->> 'b' + 1 BETWEEN c ->> 'd' AND 3", "((a ->> 'b') + 1) BETWEEN (c ->> 'd') AND 3"),
        ] {
            assert_eq!(nested(text), nested(meant), "{text}");
        }
    }

    /// The expression with exactly the parentheses that its tree needs.
    fn nested(text: &str) -> String {
        let mut statement = parse(&format!("SELECT {text}")).unwrap().pop_front().unwrap();
        let parser::Statement::Statement(inner) = &mut statement else { panic!("not plain: {text}") };
        each_expr(&mut **inner, |expr| {
            let bare = std::mem::replace(expr, Expr::Wildcard(AttachedToken::empty()));
            *expr = match bare {
                Expr::Nested(inner) => *inner,
                Expr::Identifier(_) | Expr::Value(_) => bare,
                _ => Expr::Nested(Box::new(bare)),
            };
        });
        statement.to_string()
    }
}
