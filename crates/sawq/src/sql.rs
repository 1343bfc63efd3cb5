//! `sawq sql`: any question, over the tables as they are.

mod arithmetic;
mod dialect;
mod error;
mod expand;
mod json;
mod precedence;
mod rewrite;
mod session;
mod words;

pub(crate) use arithmetic::Arithmetic;
pub(crate) use dialect::is_ended;
pub(crate) use json::{Arrows, exact, functions as json_functions, len};
pub(crate) use session::{Session, Show};

use anyhow::{Context, Result};

use crate::cli::SqlArgs;
use crate::output::Target;
use crate::prompt;
use crate::query::Query;

/// Runs queries, or those that a file, the prompt or standard input gives, and prints the results. The filters hold for the
/// tables of records.
pub(crate) fn sql(queries: &[Query], args: &SqlArgs, target: &Target) -> Result<()> {
    let mut session = Session::new(queries)?;
    let show = Show { target: target.clone(), timed: args.time, as_lines: false };
    match (&args.query, &args.file) {
        (Some(text), _) => session.run(text, &show, None),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
            session.run(&text, &show, None)
        }
        (None, None) => prompt::queries(session, show),
    }
}
