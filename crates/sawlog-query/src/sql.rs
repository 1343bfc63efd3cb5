//! SQL over the tables as they are.

mod arithmetic;
mod dialect;
mod error;
mod expand;
mod functions;
mod json;
mod lists;
mod precedence;
mod rewrite;
mod session;
mod summary;
mod text_functions;
mod timestamps;
mod tree;
mod types;
mod words;

pub use dialect::is_ended;
pub use session::{Rows, Session, Statement};
