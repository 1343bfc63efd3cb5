//! What failed, and what changed something.

use clap::Args;
use sawlog_query::Filters;

/// What failed, and what changed something.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct OutcomeArgs {
    /// Only failures: errors, failed sign-ins, rejected flows
    #[arg(long, global = true)]
    failed: bool,
    /// Only actions that changed something; for failed attempts, give --failed and --operation
    #[arg(long, global = true)]
    changes: bool,
}

impl OutcomeArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { failed, changes } = self.clone();
        *filters = Filters { failed, changes, ..std::mem::take(filters) };
    }
}
