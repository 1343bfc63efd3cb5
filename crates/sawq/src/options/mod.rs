//! Options, as clap reads them, and the plain values that they become.

pub(crate) mod choices;
mod color;
mod filters;
mod format;
mod global;

pub(crate) use color::Color;
pub(crate) use filters::FilterArgs;
pub(crate) use filters::list::expand;
pub(crate) use format::Format;
pub(crate) use global::Global;
