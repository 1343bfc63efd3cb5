//! Values that may be globs: `*`, `?` and `[…]`.

use datafusion::logical_expr::{Expr, in_list, lit};
use datafusion::prelude::regexp_like;
use globset::{Glob, GlobBuilder, GlobMatcher};

use super::condition::either;

pub(super) fn is_glob(value: &str) -> bool {
    value.contains(['*', '?', '['])
}

/// A column is the value, or matches it as a glob. Values may themselves look like globs, so both are tried.
pub(super) fn glob(column: &Expr, value: &str) -> Expr {
    let equal = column.clone().eq(lit(value));
    if !is_glob(value) {
        return equal;
    }
    if !value.contains('[') {
        return equal.or(column.clone().like(lit(like(value))));
    }
    if parsed(value).is_none() {
        return equal;
    }
    equal.or(regexp_like(column.clone(), lit(regex(value)), Some(lit("s"))))
}

/// A glob as a regular expression for text. That of the library matches bytes.
fn regex(glob: &str) -> String {
    let mut regex = "^".to_owned();
    let mut chars = glob.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                regex.push('[');
                regex.extend(chars.next_if(|char| matches!(char, '!' | '^')).map(|_| '^'));
                // A bracket that comes first is one of the characters.
                let mut first = true;
                while let Some(char) = chars.next_if(|char| first || *char != ']') {
                    if "[]^&~\\".contains(char) {
                        regex.push('\\');
                    }
                    regex.push(char);
                    first = false;
                }
                regex.extend(chars.next());
            }
            _ => regex.push_str(&regex::escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    regex + "$"
}

/// A column is one of some values, or matches one as a glob.
pub(super) fn globs(column: &Expr, values: &[&str]) -> Expr {
    const FEW: usize = 3;
    let (plain, other): (Vec<&str>, Vec<&str>) = values.iter().partition(|value| values.len() > FEW && !is_glob(value));
    let listed = plain.iter().map(|value| lit(*value)).collect::<Vec<_>>();
    let listed = (!listed.is_empty()).then(|| in_list(column.clone(), listed, false));
    let globs = other.into_iter().map(|value| glob(column, value));
    either(listed.into_iter().chain(globs).collect()).unwrap_or_else(|| lit(false))
}

/// A glob of `*` and `?` as a pattern of SQL's LIKE.
pub(super) fn like(glob: &str) -> String {
    let mut pattern = String::new();
    for char in glob.chars() {
        match char {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', char]),
            _ => pattern.push(char),
        }
    }
    pattern
}

/// A glob that the engine has no function for; `None` if the value is not a glob.
pub(super) fn matcher(value: &str) -> Option<GlobMatcher> {
    parsed(value).map(|glob| glob.compile_matcher())
}

/// A value as a glob; `None` if it is not one, such as the user agent `[aws-sdk-java/1.11]`, whose brackets hold no
/// range.
fn parsed(value: &str) -> Option<Glob> {
    if !is_glob(value) {
        return None;
    }
    // Only `*`, `?` and `[` have a meaning. Braces in brackets are plain already.
    let mut escaped = String::with_capacity(value.len());
    let mut is_within = false;
    for char in value.chars() {
        match char {
            '[' if !is_within => is_within = true,
            ']' => is_within = false,
            _ => {}
        }
        match char {
            '{' | '}' if !is_within => escaped.extend(['[', char, ']']),
            _ => escaped.push(char),
        }
    }
    GlobBuilder::new(&escaped).backslash_escape(false).build().ok()
}
