//! Who called.

use clap::Args;
use sawlog_query::Filters;

/// Who called.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct CallerArgs {
    /// The caller: the name of a user or role, an ARN, an AWS service, an id; globs work; - for nobody, as in anonymous requests
    #[arg(long, global = true, value_name = "NAME|ARN", visible_aliases = ["actor", "principal"])]
    user: Vec<String>,
    /// The access key that signed; in S3 logs only presigned URLs tell
    #[arg(long, global = true, value_name = "KEY")]
    access_key: Vec<String>,
}

impl CallerArgs {
    /// Sets the filters that these are.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { user, access_key } = self.clone();
        *filters = Filters { user, access_key, ..std::mem::take(filters) };
    }
}
