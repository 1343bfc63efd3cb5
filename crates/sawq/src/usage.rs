//! A wrong command line: errors of their own, because the exit status tells them from others.

use std::fmt;

use strsim::normalized_damerau_levenshtein;

/// So many names are suggested for a wrong one.
const SUGGESTIONS: usize = 5;
/// A name is suggested if it is as similar as this, from 0 to 1.
const SIMILAR: f64 = 0.4;

/// A value that its option does not take: the command line is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The option, `--ip`, or the name of an argument, `COLUMN`.
    pub option: String,
    /// What was given for it.
    pub value: String,
    /// What is wrong with it, and what to give.
    pub reason: String,
}

impl BadValue {
    /// `value` is wrong for `option`; `reason` says why, and what is right.
    pub fn new(option: &str, value: &str, reason: impl fmt::Display) -> Self {
        Self { option: option.to_owned(), value: value.to_owned(), reason: reason.to_string() }
    }

    /// There is no `what` (a column, a log, a table) called `value`; the nearest few of `names` are suggested.
    pub(crate) fn unknown<'a>(option: &str, what: &str, value: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let near = nearest_few(value, names);
        let hint = match near.as_slice() {
            [] => "'sawq tables' lists what there is".to_owned(),
            [one] => format!("did you mean '{one}'?"),
            [first, others @ ..] => format!("did you mean '{first}'? Also similar: {}", others.join(", ")),
        };
        Self::new(option, value, format!("there is no {what} '{value}'; {hint}"))
    }
}

impl fmt::Display for BadValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invalid value '{}' for '{}': {}", self.value, self.option, self.reason)
    }
}

impl std::error::Error for BadValue {}

/// A command line that is wrong, though each of its values could be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadCommand(pub(crate) String);

impl fmt::Display for BadCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BadCommand {}

/// What is wrong with the command line, if that is what an error is about.
pub(crate) fn wrong_usage(error: &anyhow::Error) -> Option<String> {
    let usage = |error: &(dyn std::error::Error + 'static)| {
        let value = error.downcast_ref::<BadValue>().map(ToString::to_string);
        value.or_else(|| error.downcast_ref::<BadCommand>().map(ToString::to_string))
    };
    error.chain().find_map(usage)
}

/// The names most similar to `wanted`, the best first: names that contain it, or are contained in it, count as similar.
fn nearest_few<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let score = |name: &str| {
        // In user_identity.session_context.attributes the last part is what somebody remembers.
        let last = name.rsplit('.').next().unwrap_or(name);
        let similar =
            normalized_damerau_levenshtein(&wanted, name).max(normalized_damerau_levenshtein(&wanted, last) * 0.98);
        let contains = wanted.len() > 2 && (name.contains(&wanted) || last.len() > 2 && wanted.contains(last));
        if contains { similar.max(0.75) } else { similar }
    };
    let mut scored: Vec<(f64, &str)> = names.map(|name| (score(name), name)).collect();
    scored.retain(|(score, _)| *score >= SIMILAR);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.len().cmp(&b.1.len())).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, name)| *name);
    scored.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_gets_the_nearest_few() {
        let names = ["user_agent", "user_identity.user_name", "key", "bucket", "operation"];
        let said = BadValue::unknown("--columns", "column", "user_agnet", names.into_iter()).to_string();
        assert!(said.contains("did you mean 'user_agent'?"), "{said}");
        let said = BadValue::unknown("--columns", "column", "username", names.into_iter()).to_string();
        assert!(said.contains("did you mean 'user_identity.user_name'?"), "{said}");
        let said = BadValue::unknown("--columns", "column", "zzzz", names.into_iter()).to_string();
        assert!(said.contains("'sawq tables'"), "{said}");
    }
}
