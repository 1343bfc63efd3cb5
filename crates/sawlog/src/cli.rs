//! The command line of sawlog.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sawlog_formats::{Format as LogFormat, cloudtrail, s3_access, vpc_flow};
use sawlog_store::parquet::Codec;

const AFTER_HELP: &str = "\
Examples:
  sawlog convert evidence/awslogs               convert a folder; run it again to add what is new
  sawlog convert 'logs/2021-07-*' --store case  files by pattern, into another store
  find . -newer mark | sawlog convert -         files from a list
  sawlog status                                 what the store holds
  sawlog compact                                merge the small files of many runs
  sawlog verify                                 rebuild every input and compare its SHA-256
  sawlog manifest > case.json                   what the store holds, to be signed

Exit status: 0 all good; 1 could not do it; 2 the command line is wrong; 3 done, but lines
were rejected or inputs could not be read; 130 interrupted.
Ask questions of the store with sawq.";

/// Converts AWS logs into a Parquet store, losing nothing.
#[derive(Debug, Parser)]
#[command(name = "sawlog", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The store's folder
    #[arg(long, global = true, env = "SAWLOG_STORE", default_value = "./sawlog-store", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add logs to the store; what it has already is left out
    Convert(ConvertArgs),
    /// Show what the store holds: tables, days, sizes, sources, rejects
    Status,
    /// Rebuild every input from the store and compare it with the ledger's SHA-256; compare the index with the records
    Verify(VerifyArgs),
    /// Print a manifest, to be signed: SHA-256 of every source and data file, counts, versions
    Manifest,
    /// Merge the small data files of many runs into few, and delete those that are out of use
    Compact(CompactArgs),
    /// Make the entity index anew from the records
    Reindex,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, in roff
    Man,
}

/// What to convert, and how.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Files, folders (with all that is in them), patterns, @FILE for a list of paths, - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// What the files are; auto tells by their content
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// The fields of VPC flow logs without a header line, in order: 'version account-id …' [default: those of version 2]
    #[arg(long, value_name = "FIELDS", value_parser = vpc_fields)]
    pub(crate) vpc_fields: Option<String>,
    /// How many threads work [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) threads: Option<u16>,
    /// How much memory to use, at least 128MiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: ByteSize,
    /// How data files are compressed; those of the index are always by LZ4, which is read fastest
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: Compression,
    /// The largest content of a gzip file; it may not be 250 times the file's size either, unless below 64 MiB
    #[arg(long, default_value = "4GiB", value_name = "SIZE")]
    pub(crate) max_inflate: ByteSize,
    /// Commit nothing if a line is rejected or an input can't be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Convert files that have changed since anew, instead of reporting them as an error
    #[arg(long)]
    pub(crate) replace: bool,
    /// Follow links in folders that lead out of these, instead of naming them
    #[arg(long)]
    pub(crate) follow_links: bool,
}

/// What else to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// How much memory to use, at least 128MiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: ByteSize,
    /// Compare the store with a manifest that 'sawlog manifest' printed
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Validate CloudTrail's digest files in a folder: their chain, signatures, and the log files that they list. The last
    /// digest's signature is in the metadata of its object alone; it is read from FILE.signature beside it, if that is there
    #[arg(long, value_name = "PATH", requires = "public_key")]
    pub(crate) cloudtrail_digests: Option<PathBuf>,
    /// The public key of the digests: what 'aws cloudtrail list-public-keys' prints, or a key in PEM
    #[arg(long, value_name = "FILE", requires = "cloudtrail_digests")]
    pub(crate) public_key: Option<PathBuf>,
}

/// How to compact.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Delete data files that are out of use for so long, and logs before a checkpoint that is as old; who reads an older
    /// version of the store needs them. The tables' logs forget deleted files after the same time
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = retain)]
    pub(crate) retain: Duration,
    /// How data files are compressed; those of the index are always by LZ4, which is read fastest
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: Compression,
}

fn retain(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span: jiff::Span = text.parse().map_err(|_| "not a time such as 7d, 12h, 30m or 0".to_owned())?;
    let day = jiff::SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(day).map_err(|error| error.to_string())?;
    duration.try_into().map_err(|_| "negative".to_owned())
}

fn vpc_fields(text: &str) -> Result<String, String> {
    // People copy them from the AWS console, where they are written as ${version} ${account-id}.
    let fields = text.replace(['$', '{', '}'], "").replace(',', " ");
    let fields = fields.split_whitespace().collect::<Vec<_>>().join(" ");
    if vpc_flow::is_header(fields.as_bytes()) {
        Ok(fields)
    } else {
        Err("most of these are no fields of flow logs".to_owned())
    }
}

fn memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size < ByteSize::mib(128) { Err("less than 128MiB".to_owned()) } else { Ok(size) }
}

/// The format of input files.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Auto,
    S3Access,
    Cloudtrail,
    VpcFlow,
}

impl Format {
    pub(crate) fn log(self) -> Option<&'static LogFormat> {
        match self {
            Self::Auto => None,
            Self::S3Access => Some(&s3_access::FORMAT),
            Self::Cloudtrail => Some(&cloudtrail::FORMAT),
            Self::VpcFlow => Some(&vpc_flow::FORMAT),
        }
    }
}

/// The compression of data files.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Compression {
    #[default]
    Zstd,
    Snappy,
    Lz4,
    None,
}

impl Compression {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::Zstd => Codec::Zstd,
            Self::Snappy => Codec::Snappy,
            Self::Lz4 => Codec::Lz4,
            Self::None => Codec::None,
        }
    }
}
