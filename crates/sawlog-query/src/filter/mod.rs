//! Filters: what a question asks for, as expressions over the columns of a table.
//!
//! A filter that has several values leaves what any of its values leaves; values that begin with `!` leave nothing of what
//! they name; and a record must be left by all filters.

mod address;
mod caller;
mod condition;
mod failure;
mod flow;
mod glob;
mod log_filters;
mod object;
mod text;
mod values;
mod wheres;

pub(crate) use address::is_at;
pub use condition::Probe;
pub(crate) use log_filters::FAILED;
pub use log_filters::{FieldFilter, LogFilters};
pub(crate) use object::{place_in_s3, unescaped};
pub use text::TextFilter;
pub use values::Filters;
