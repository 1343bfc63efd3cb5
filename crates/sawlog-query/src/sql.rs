//! SQL over the tables as they are.

mod aliases;
mod arithmetic;
mod columns;
mod dialect;
mod error;
mod expand;
mod functions;
mod instead;
mod joins;
mod json;
mod lists;
mod precedence;
mod rewrite;
mod rounding;
mod selects;
mod series;
mod session;
mod subqueries;
mod summary;
mod text_functions;
mod timestamps;
mod tree;
mod types;
mod words;

pub use dialect::is_ended;
pub use session::{Rows, Session, Statement};
