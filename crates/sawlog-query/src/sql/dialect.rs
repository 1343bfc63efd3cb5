//! How the text of a query is read: SQL as the engine reads it, with DuckDB's operators, commas and lambdas.

use std::any::TypeId;
use std::collections::VecDeque;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, LambdaFunction, LambdaFunctionParameter, LambdaSyntax, OneOrManyWithParens,
};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, TokenizerError};

/// How tightly `->` and `->>` bind: more than arithmetic and comparisons, less than `::`, as in DuckDB.
const ARROW: u8 = 45;

/// The generic dialect, which is the engine's own, and what DuckDB has beyond it.
#[derive(Debug)]
struct Sawq;

/// Says yes to what a dialect can have.
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
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_interval_options,
        supports_left_associative_joins_without_parens,
        supports_limit_comma,
        supports_named_fn_args_with_assignment_operator,
        supports_nested_comments,
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

    // The parser asks here and there which dialect it is.
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

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let is_arrow = matches!(
            parser.peek_token_ref().token,
            Token::Arrow | Token::LongArrow | Token::HashArrow | Token::HashLongArrow
        );
        is_arrow.then_some(Ok(ARROW))
    }

    // `lambda x: x + 1`. The other form, `x -> x + 1`, would take `column -> 'key'` for a lambda.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let word = |place| match &parser.peek_nth_token_ref(place).token {
            Token::Word(word) => Some(word.keyword),
            _ => None,
        };
        let ends = matches!(parser.peek_nth_token_ref(2).token, Token::Colon | Token::Comma);
        (word(0) == Some(Keyword::LAMBDA) && word(1).is_some() && ends).then(|| lambda(parser))
    }
}

fn lambda(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.next_token();
    let parameter =
        |parser: &mut Parser<'_>| Ok(LambdaFunctionParameter { name: parser.parse_identifier()?, data_type: None });
    let params = OneOrManyWithParens::Many(parser.parse_comma_separated(parameter)?);
    parser.expect_token(&Token::Colon)?;
    let body = Box::new(parser.parse_expr()?);
    Ok(Expr::Lambda(LambdaFunction { params, body, syntax: LambdaSyntax::LambdaKeyword }))
}

/// The statements of a text, which semicolons part.
pub(crate) fn parse(text: &str) -> Result<VecDeque<Statement>, DataFusionError> {
    DFParserBuilder::new(text).with_dialect(&Sawq).build()?.parse_statements()
}

/// The expression that a text is.
pub(crate) fn expression(text: &str) -> Result<Expr, ParserError> {
    Parser::new(&Sawq).try_with_sql(text)?.parse_expr()
}

/// Whether a text ends with a semicolon that is not within a quoted text or a comment; what cannot be a query, whatever
/// follows, counts as ended, so that its error is told.
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
    use super::{Expr, Statement, is_ended, parse};

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

    /// The expression with all parentheses that its tree needs, and no other.
    fn nested(text: &str) -> String {
        let mut statement = parse(&format!("SELECT {text}")).unwrap().pop_front().unwrap();
        let Statement::Statement(inner) = &mut statement else { panic!("not plain: {text}") };
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
