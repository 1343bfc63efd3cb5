//! When it happened.

use clap::Args;
use sawlog_query::Filters;

/// When it happened.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct TimeArgs {
    /// From this time on, in UTC: 2021-07-29, 2021-07, 2021-07-29T13:10, 13:10, 29/Jul/2021:13:10:05 +0000, seconds
    /// since 1970, or 2h (before the last record)
    #[arg(long, global = true, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time, including the whole month, day, minute or second that it names
    #[arg(long, global = true, value_name = "TIME")]
    until: Option<String>,
    /// Only records within this duration before or after a time: --around 13:06:49 5m
    #[arg(long, global = true, num_args = 2, value_names = ["TIME", "DURATION"])]
    around: Vec<String>,
}

impl TimeArgs {
    /// Copies these options into `filters`.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { since, until, around } = self.clone();
        *filters = Filters { since, until, around, ..std::mem::take(filters) };
    }
}
