//! What a call was about.

use clap::Args;
use sawlog_query::Filters;

/// What a call was about.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct ObjectArgs {
    /// The bucket
    #[arg(long, global = true, value_name = "GLOB")]
    bucket: Vec<String>,
    /// The object's key, percent-encoded or not, or its s3:// or https:// URL
    #[arg(long, global = true, value_name = "GLOB|URL")]
    key: Vec<String>,
    /// A resource named in the parameters of a CloudTrail event: its name or ARN
    #[arg(long, global = true, value_name = "GLOB")]
    resource: Vec<String>,
}

impl ObjectArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { bucket, key, resource } = self.clone();
        *filters = Filters { bucket, key, resource, ..std::mem::take(filters) };
    }
}
