//! The record's own text.

use clap::Args;
use sawlog_query::Filters;

/// The record's own text.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct TextArgs {
    /// A regular expression that matches the record's original text
    #[arg(long = "match", global = true, value_name = "REGEX")]
    pattern: Vec<String>,
    /// Treat --match as literal text (like grep -F)
    #[arg(short = 'F', long, global = true, requires = "pattern")]
    fixed: bool,
    /// Ignore case in --match
    #[arg(short = 'i', long, global = true, requires = "pattern")]
    ignore_case: bool,
}

impl TextArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { pattern, fixed, ignore_case } = self.clone();
        *filters = Filters { pattern, fixed, ignore_case, ..std::mem::take(filters) };
    }
}
