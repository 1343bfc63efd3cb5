//! Output: where results go, and a file for each form.

mod arrow;
mod batches;
mod cells;
mod column;
mod delimited;
mod escaped;
mod file;
pub(crate) mod fit;
mod form;
mod json;
mod lines;
mod pager;
mod parquet;
mod style;
mod table;
mod target;
mod unfinished;
pub(crate) mod units;
mod wrap;

pub(crate) use batches::Output;
pub(crate) use column::Layout;
pub(crate) use delimited::without_formula;
pub(crate) use file::{Existing, NewFile};
pub(crate) use form::Form;
pub(crate) use pager::runs as pager_runs;
pub(crate) use style::{Style, choose as choose_colors, error, hint, say};
pub(crate) use target::{Out, Stopped, Target, reader_is_gone};
pub(crate) use unfinished::{leave_interrupts, remove as remove_unfinished};
pub(crate) use wrap::hanging;
