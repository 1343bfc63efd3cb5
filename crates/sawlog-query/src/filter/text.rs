//! `match`: which texts of records match.

use anyhow::Result;
use regex::bytes::{Regex, RegexBuilder};

use super::log_filters::bad;
use super::values::Filters;

/// Which texts of records `match` leaves.
#[derive(Clone, Debug, Default)]
pub struct TextFilter {
    any: Vec<Regex>,
    none: Vec<Regex>,
}

impl TextFilter {
    pub(super) fn new(args: &Filters) -> Result<Option<Self>> {
        let mut filter = Self::default();
        for given in &args.pattern {
            let (pattern, negate) = given.strip_prefix('!').map_or((given.as_str(), false), |rest| (rest, true));
            let source = if args.fixed { regex::escape(pattern) } else { pattern.to_owned() };
            let regex = RegexBuilder::new(&source).case_insensitive(args.ignore_case).build();
            let regex = regex.map_err(|error| bad("match", given, &error.into()))?;
            if negate { filter.none.push(regex) } else { filter.any.push(regex) }
        }
        Ok(if filter.any.is_empty() && filter.none.is_empty() { None } else { Some(filter) })
    }

    /// Whether a record's text is left.
    #[must_use]
    pub fn is_match(&self, text: &[u8]) -> bool {
        let matches = |regex: &Regex| regex.is_match(text);
        (self.any.is_empty() || self.any.iter().any(matches)) && !self.none.iter().any(matches)
    }
}
