//! The formats of results.

use clap::ValueEnum;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // A table; on a terminal that is too narrow for it, records
    Table,
    // Records: a line for each value
    Line,
    // The text that the command prints for people
    Text,
    // Comma-separated values, as RFC 4180 has them
    Csv,
    // Tab-separated values, never quoted
    Tsv,
    // An array of objects
    Json,
    // An object a line
    #[value(alias = "jsonl")]
    Ndjson,
    // Parquet, with zstd
    Parquet,
    // Arrow IPC: its file format in a file, its stream format in a pipe
    Arrow,
    // Arrow IPC, its stream format
    Arrows,
}
