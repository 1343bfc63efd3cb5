//! Options of every command, except filters.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;
use sawlog_query::LEAST_MEMORY;

use super::color::Color;
use super::format::Format;

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Global {
    /// The store's folder
    #[arg(long, global = true, env = "SAWLOG_STORE", default_value = "./sawlog-store", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// The format of the results [default: a table or text on a terminal, TSV or text in a pipe]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// The same as --format json
    #[arg(long, global = true, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Write results to a new file, such as case.csv or case.parquet; its extension sets the format, unless --format
    /// does
    #[arg(long, short, global = true, alias = "out", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Leave out the header line of CSV, TSV and tables
    #[arg(long, global = true)]
    pub(crate) no_header: bool,
    /// In CSV and TSV, put ' before text that a spreadsheet would take for a formula (it begins with = + - @)
    #[arg(long, global = true)]
    pub(crate) no_formulas: bool,
    /// When to use colours; auto: on a terminal
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// Do not show long output in a pager
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,
    /// Print no hints
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Memory that sorting and grouping may use before they use the disk, such as 2GiB; at least 64MiB [default: half
    /// of the machine's]
    #[arg(long, global = true, value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: Option<ByteSize>,
    /// Explain on standard error how the answer was found: by the index or a scan, and what was read
    #[arg(long, global = true)]
    pub(crate) explain: bool,
}

/// The limit of memory that a text says.
fn memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.as_u64() < LEAST_MEMORY { Err("less than 64MiB".to_owned()) } else { Ok(size) }
}
