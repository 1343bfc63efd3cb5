//! `sawq completions`: a completion script for a shell.

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use sawlog_formats::formats;

use super::Context;

pub(super) const HELP: &str = "\
Examples:
  sawq completions bash > ~/.local/share/bash-completion/completions/sawq
  sawq completions zsh > ~/.zfunc/_sawq";

/// For which shell the script is.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let mut text = Vec::new();
        let logs = formats().iter().map(|format| format.table.name);
        let mut command =
            (context.command_line)().mut_arg("log", |arg| arg.value_parser(PossibleValuesParser::new(logs)));
        clap_complete::generate(self.shell, &mut command, "sawq", &mut text);
        context.print_bytes(&text)
    }
}
