//! `sawq man`: manual pages.

use anyhow::Result;
use clap::Args;

use super::Context;
use crate::usage::BadValue;

pub(super) const HELP: &str = "\
Examples:
  sawq man | man -l -
  sawq man find | man -l -";

/// Which page is printed.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The command whose page to print, such as find
    command: Option<String>,
}

impl Man {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let mut all = (context.command_line)();
        all.build();
        let page = match self.command.as_ref().map(|name| name.strip_prefix("sawq-").unwrap_or(name)) {
            None => all,
            Some(name) => {
                let names = all.get_subcommands().map(clap::Command::get_name).filter(|name| *name != "help");
                let names = names.collect::<Vec<_>>().join(", ");
                let found = all.find_subcommand(name).cloned();
                found.ok_or_else(|| BadValue::new("[COMMAND]", name, format!("the commands are {names}")))?
            }
        };
        let mut text = Vec::new();
        clap_mangen::Man::new(page).render(&mut text)?;
        context.print_bytes(&text)
    }
}
