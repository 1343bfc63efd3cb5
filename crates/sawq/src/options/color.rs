//! Colours.

use clap::ValueEnum;

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    // Always
    Always,
    // Never
    Never,
}
