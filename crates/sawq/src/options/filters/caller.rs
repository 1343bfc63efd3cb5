//! Who called.

use clap::Args;
use sawlog_query::Filters;

/// Who called.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct CallerArgs {
    /// The caller: name of a user or role, ARN, AWS service or id; globs work; - for anonymous requests
    #[arg(long, global = true, value_name = "NAME|ARN", visible_aliases = ["actor", "principal"])]
    user: Vec<String>,
    /// The access key that signed the request; S3 logs have it for presigned URLs only
    #[arg(long, global = true, value_name = "KEY")]
    access_key: Vec<String>,
}

impl CallerArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { user, access_key } = self.clone();
        *filters = Filters { user, access_key, ..std::mem::take(filters) };
    }
}
