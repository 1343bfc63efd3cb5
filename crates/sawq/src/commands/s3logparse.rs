//! `sawq s3logparse`: the summaries of the tool of that name, as it prints them.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use sawlog_formats::{Size, s3_access, visible};
use sawlog_query::S3Summary;

use super::Context;
use super::context::print;
use crate::options::choices::{self, Choice};

pub(super) const HELP: &str = "\
Examples:
  sawq s3logparse useragent --bucket falsimentis-eng
  sawq s3logparse toptalkers -n 10
  sawq s3logparse topfiles --ip 3.238.12.183 -o f.csv   a table instead of s3logparse's text";

/// The summaries of s3logparse.
pub(crate) const SUMMARIES: &[Choice<S3Summary>] = &[
    (&["useragent"], S3Summary::Useragent, "Records by user agent"),
    (&["toptalkers"], S3Summary::Toptalkers, "Bytes sent by remote address"),
    (&["topuploaders"], S3Summary::Topuploaders, "Bytes sent in reply to POST requests, by remote address"),
    (&["topdownloaders"], S3Summary::Topdownloaders, "Bytes sent in reply to GET requests, by remote address"),
    (&["topfiles"], S3Summary::Topfiles, "Records by key"),
];

/// What `s3logparse` prints.
#[derive(Debug, Args)]
pub(crate) struct S3logparse {
    /// The summary
    #[arg(value_parser = choices::parser(SUMMARIES))]
    function: S3Summary,
    /// Print up to N lines; 0 for all
    #[arg(short = 'n', long, default_value_t = 0, value_name = "N")]
    number: usize,
}

impl S3logparse {
    pub(super) fn run(&self, context: &Context<'_>) -> Result<()> {
        let target = context.target()?;
        let records = context.only(&s3_access::TABLE, context.filters)?;
        let sums = records.s3_summary(self.function, self.number)?;
        if target.format.is_some() {
            print(&sums.table()?, &target)?;
        } else {
            let (mut out, is_terminal) = (target.open()?, target.is_terminal());
            for (name, sum) in sums.iter() {
                // A terminal gets no control characters.
                let name = if is_terminal { visible(name) } else { name.into() };
                if self.function.is_of_bytes() {
                    writeln!(out, "{} - {name}", Size(sum))?;
                } else {
                    writeln!(out, "{sum} - {name}")?;
                }
            }
            out.flush()?;
        }
        context.finish(&target, &records, !sums.is_empty())
    }
}
