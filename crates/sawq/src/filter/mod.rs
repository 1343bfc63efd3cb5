//! Filters: what the command line asks for, as expressions over the columns of a table.
//!
//! An option that is given several times leaves what any of its values leaves; values that begin with `!` leave nothing of what
//! they name; and a record must be left by all options.

mod address;
mod caller;
mod condition;
mod failure;
mod filters;
mod flow;
mod glob;
mod list;
mod object;
mod text;
mod wheres;

pub(crate) use address::is_at;
pub use condition::Probe;
pub(crate) use filters::{FAILED, bad};
pub use filters::{Filter, Filters};
pub(crate) use list::with_lists;
pub(crate) use object::place_in_s3;
pub use text::TextFilter;
