//! Which logs, and which of their records.
#![expect(clippy::doc_markdown, reason = "help is shown as it is written")]

use clap::Args;
use sawlog_query::Filters;

/// Which logs, and which of their records.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct LogArgs {
    /// Only this log, by its name or the first part of it: s3_access or s3 [default: all logs in the store]
    #[arg(long, global = true, value_name = "LOG", value_delimiter = ',')]
    log: Vec<String>,
    /// Count each event once, even if CloudTrail delivered it more than once or to several accounts: by the first of
    /// its records that the other filters leave
    #[arg(long, global = true)]
    distinct: bool,
}

impl LogArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { log, distinct } = self.clone();
        *filters = Filters { log, distinct, ..std::mem::take(filters) };
    }
}
