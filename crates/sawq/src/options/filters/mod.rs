//! Filters: a file for each group of options.

mod address;
mod call;
mod caller;
pub(crate) mod list;
mod log;
mod object;
mod outcome;
mod text;
mod time;

use anyhow::Result;
use clap::Args;
use sawlog_query::Filters;

use address::AddressArgs;
use call::CallArgs;
use caller::CallerArgs;
use log::LogArgs;
use object::ObjectArgs;
use outcome::OutcomeArgs;
use text::TextArgs;
use time::TimeArgs;

/// The heading of filters in the help.
pub(crate) const HEADING: &str =
    "Filters (repeat one to match either value; different ones must all match; ! excludes; @FILE reads a list)";

/// Which records a command is about.
#[derive(Clone, Debug, Args)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    address: AddressArgs,
    #[command(flatten)]
    caller: CallerArgs,
    #[command(flatten)]
    object: ObjectArgs,
    #[command(flatten)]
    call: CallArgs,
    #[command(flatten)]
    outcome: OutcomeArgs,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    text: TextArgs,
}

impl FilterArgs {
    /// The filters that these options are, with the values of lists given as `@FILE`.
    pub(crate) fn filters(&self) -> Result<Filters> {
        let mut filters = Filters::default();
        self.address.set(&mut filters);
        self.caller.set(&mut filters);
        self.object.set(&mut filters);
        self.call.set(&mut filters);
        self.outcome.set(&mut filters);
        self.time.set(&mut filters);
        self.log.set(&mut filters);
        self.text.set(&mut filters);
        list::with_lists(filters)
    }
}
