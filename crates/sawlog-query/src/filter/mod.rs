//! Filters: what a question asks for, as expressions over the columns of a table.
//!
//! A record matches a filter with several values if it matches any of them. Values that begin with `!` exclude what
//! they name. A record must match all filters.

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
pub(crate) use log_filters::{CHANGES, FAILED};
pub use log_filters::{FieldFilter, LogFilters};
pub(crate) use object::{place_in_s3, unescaped};
pub use text::TextFilter;
pub use values::Filters;
