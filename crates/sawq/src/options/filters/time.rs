//! When it happened.

use clap::Args;
use sawlog_query::Filters;

/// When it happened.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = super::HEADING)]
pub(super) struct TimeArgs {
    /// Not before this time: 2021-07-29, 2021-07-29T13:10, 13:10, 29/Jul/2021:13:10:05 +0000, epoch seconds, 2h
    #[arg(long, global = true, value_name = "TIME")]
    since: Option<String>,
    /// Up to this time; a day, a minute or a second is included whole
    #[arg(long, global = true, value_name = "TIME")]
    until: Option<String>,
    /// Only what happened within a duration before or after a time: --around 13:06:49 5m
    #[arg(long, global = true, num_args = 2, value_names = ["TIME", "DURATION"])]
    around: Vec<String>,
}

impl TimeArgs {
    /// Sets the filters that these are.
    pub(super) fn set(&self, filters: &mut Filters) {
        let Self { since, until, around } = self.clone();
        *filters = Filters { since, until, around, ..std::mem::take(filters) };
    }
}
