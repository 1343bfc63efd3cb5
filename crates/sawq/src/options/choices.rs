//! Options whose values are variants of the library.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// A choice: its names (help shows only the first), its value, and its meaning.
pub(crate) type Choice<T> = (&'static [&'static str], T, &'static str);

/// A parser for the names of choices.
pub(crate) fn parser<T: Clone + Send + Sync>(choices: &'static [Choice<T>]) -> impl TypedValueParser<Value = T> {
    let known = choices
        .iter()
        .map(|(names, _, help)| PossibleValue::new(names[0]).aliases(names[1..].iter().copied()).help(*help));
    PossibleValuesParser::new(known.collect::<Vec<_>>()).try_map(|name| {
        let found = choices.iter().find(|(names, ..)| names.contains(&name.as_str()));
        found.map(|(_, choice, _)| choice.clone()).ok_or("there is no such choice")
    })
}
