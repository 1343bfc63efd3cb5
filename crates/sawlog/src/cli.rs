//! The command line of sawlog.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sawlog_formats::{Format as LogFormat, vpc_flow};
use sawlog_store::parquet::Codec;

const AFTER_HELP: &str = "\
Examples:
  sawlog convert evidence/awslogs               convert a folder; run it again to add what is new
  sawlog convert 'logs/2021-07-*' --store case  convert files by pattern, into another store
  find . -newer mark | sawlog convert -         convert the files of a list
  sawlog status                                 show what the store holds
  sawlog status --rejects                       list the lines that are not records
  sawlog remove 'old-export/*'                  undo a conversion
  sawlog verify                                 rebuild every input and compare its SHA-256
  sawlog compact                                merge the small files of many runs
  sawlog manifest > case.json                   list all files with their hashes, to be signed

Exit status: 0 all good; 1 failed; 2 the command line is wrong; 3 done, but lines were
rejected or files were not read; 130 interrupted.
Ask questions of the store with sawq.";

const CONVERT_EXAMPLES: &str = "\
Examples:
  sawlog convert evidence/awslogs                    a folder with all that is in it
  sawlog convert 'logs/2021-07-*' 'logs/2021-08-*'   patterns, quoted against the shell
  find . -name '*.gz' | sawlog convert -             a list from another command
  sawlog convert flow.log --vpc-fields '${version} ${srcaddr} ${dstaddr} ${start} ${end}'
                                                     a flow log without a header line
  sawlog convert flow.log --replace --vpc-fields 'version dstaddr srcaddr start end'
                                                     read a file again that was read wrongly
  sawlog convert case.zip backup.tar.gz              what is in archives, file by file
  sawlog convert notes.txt --format s3-access        a file that is not recognised by its content

Files are told apart by content, not by name. UTF-16 is read, byte order marks make no difference.
gzip, zstd, bzip2 and xz are read in up to four layers. Each file in a zip or tar archive is read as
a file of its own, named ARCHIVE!PATH; archives may be in up to four others. So is data in base64 in
events of Lambda, Kinesis and Firehose. What is not read is named, with what to do: encrypted
members, 7z, rar, …; the exit status is 3 then. What comes out of archives needs room in the store's
folder, a few GiB at a time.
Options apply to files that are new, changed, or of unknown format. Where they would change how a
file was read before, it is named, and --replace reads it again. With --format auto that is done as
its content says.";

const STATUS_EXAMPLES: &str = "\
Examples:
  sawlog status                   tables, days, sizes, files, and what was rejected most
  sawlog status --rejects         the first 20 rejects: file, line, reason, text
  sawlog status --rejects -n 0    all rejects
  sawlog status --rejects --json  the same for a program";

const REMOVE_EXAMPLES: &str = "\
Examples:
  sawlog remove wrong.log                             one file, by its path in the store
  sawlog remove 'export-*/*.log' --dry-run            what a pattern would remove
  sawlog remove host7 --reason 'not part of case 12'  all files of a folder

Paths are those of source_file: relative to what was given to convert. A file's path on disk works,
too. In patterns, * matches any text, / included, as in the filters of sawq. An archive's members go
with it; a member is named ARCHIVE!PATH.
If another file has the same content, the records stay, as those of that file.
The ledger keeps the file's row, with the time and reason; 'sawlog convert' reads the file again.
The file itself is not touched. 'sawlog compact' deletes the data files that held its records, once
they have been unused for 7 days (--retain).";

const VERIFY_EXAMPLES: &str = "\
Examples:
  sawlog verify                           rebuild every input and compare it with the ledger
  sawlog verify --manifest case.json      also compare the store with a manifest made before
  sawlog verify --cloudtrail-digests evidence/CloudTrail-Digest --public-key keys.json
                                          also check AWS's signatures of the log files";

const COMPACT_EXAMPLES: &str = "\
Examples:
  sawlog compact               merge small data files; delete those unused for 7 days
  sawlog compact --retain 0    delete unused data files at once: only if nobody reads the store now
  sawlog compact --retain 30d  keep them for a month";

const MANIFEST_EXAMPLES: &str = "\
Examples:
  sawlog manifest > case.json             write the manifest
  gpg --detach-sign case.json             sign it
  sawlog verify --manifest case.json      compare the store with it, later";

const REINDEX_EXAMPLES: &str = "\
Examples:
  sawlog reindex             after 'sawlog verify' said that the index differs, or an older version wrote it
  sawlog reindex --store s   the same for another store";

const UPGRADE_EXAMPLES: &str = "\
Every version reads, verifies and adds to the stores of those before it without an upgrade.
This adds the columns that tables lack, for other tools, and makes the entity index anew, so
that all answers that can come from it do. Version 0.1 can't read a store any more once this
version has written to it, be it by an upgrade or by 'sawlog convert': it calls it damaged.

Examples:
  sawlog upgrade --store case-42";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(sawlog completions bash)                          for this shell
  sawlog completions zsh > ~/.zfunc/_sawlog                  for every zsh
  sawlog completions fish > ~/.config/fish/completions/sawlog.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  sawlog man | man -l -            the page of sawlog
  sawlog man convert | man -l -    the page of a command";

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
    /// Add logs to the store; files already converted are skipped
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),
    /// Show what the store holds: tables, days, sizes, files, rejects
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Remove the records of files from the store; the ledger keeps when and why
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(RemoveArgs),
    /// Rebuild every input from the store and compare its SHA-256; compare the index with the records
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Print a manifest, to be signed: SHA-256 of every input and data file, counts, versions
    #[command(after_help = MANIFEST_EXAMPLES)]
    Manifest,
    /// Merge small data files into few, and delete those that are no longer used
    #[command(after_help = COMPACT_EXAMPLES)]
    Compact(CompactArgs),
    /// Rebuild the entity index from the records
    #[command(after_help = REINDEX_EXAMPLES)]
    Reindex,
    /// Bring a store of an earlier version to the format that is written now
    #[command(after_help = UPGRADE_EXAMPLES)]
    Upgrade,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of sawlog or of a command, in roff
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The command
        #[arg(value_name = "COMMAND", value_parser = COMMANDS)]
        command: Option<String>,
    },
}

/// The commands that have a manual page.
const COMMANDS: [&str; 9] =
    ["convert", "status", "remove", "verify", "manifest", "compact", "reindex", "completions", "man"];

/// What to convert, and how.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Files, folders, patterns, @FILE for a list of paths, - for a list on standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The log that the files are; auto tells by their content [default: auto]
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<Format>,
    /// The fields of VPC flow logs without a header line, in order: 'version account-id …' [default: those of version 2]
    #[arg(long, value_name = "FIELDS", value_parser = vpc_fields)]
    pub(crate) vpc_fields: Option<String>,
    /// How many threads to use [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) threads: Option<u16>,
    /// How much memory to use, at least 128MiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: ByteSize,
    /// The compression of data files; the index is always LZ4, which is fastest to read
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: Compression,
    /// Stop reading a compressed file or archive once more than this comes out, over all layers and members; above 64 MiB also
    /// once it is more than 250 times the file's size
    #[arg(long, default_value = "4GiB", value_name = "SIZE")]
    pub(crate) max_inflate: ByteSize,
    /// Commit nothing if a line is rejected or a file can't be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read files again that have changed, or that the options given now would read otherwise
    #[arg(long)]
    pub(crate) replace: bool,
    /// Follow links in folders that lead out of these, instead of naming them
    #[arg(long)]
    pub(crate) follow_links: bool,
}

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// List what was rejected: file, line, reason, and the beginning of the text
    #[arg(long)]
    pub(crate) rejects: bool,
    /// List up to N rejects; 0 for all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20, requires = "rejects")]
    pub(crate) limit: usize,
}

/// What to remove.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Paths in the store (as in `source_file`), folders of them, or patterns
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Why; the ledger keeps it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// List what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What else to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// How much memory to use, at least 128MiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: ByteSize,
    /// Also compare the store with a manifest that 'sawlog manifest' printed
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Also validate CloudTrail's digest files in this folder: chain, signatures, and the log files they list. AWS keeps the
    /// last digest's signature in its object's metadata only; sawlog reads it from FILE.signature beside the digest
    #[arg(long, value_name = "PATH", requires = "public_key")]
    pub(crate) cloudtrail_digests: Option<PathBuf>,
    /// The digests' public key: the output of 'aws cloudtrail list-public-keys', or a PEM file
    #[arg(long, value_name = "FILE", requires = "cloudtrail_digests")]
    pub(crate) public_key: Option<PathBuf>,
}

/// How to compact.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Delete data files unused for longer than this, and table logs from before a checkpoint that old. Programs that read an
    /// older version of the store still need them
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = retain)]
    pub(crate) retain: Duration,
    /// The compression of data files; the index is always LZ4, which is fastest to read
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
        Err("most of these are not fields of flow logs".to_owned())
    }
}

fn memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size < ByteSize::mib(128) { Err("less than 128MiB".to_owned()) } else { Ok(size) }
}

/// The format of input files: that of a log, or what their content tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Format(Option<&'static LogFormat>);

impl Format {
    pub(crate) fn log(self) -> Option<&'static LogFormat> {
        self.0
    }
}

/// Takes `auto` or the name of a log, with dashes: `s3-access`.
fn format_names() -> impl TypedValueParser<Value = Format> {
    static NAMES: LazyLock<Vec<String>> =
        LazyLock::new(|| sawlog_formats::formats().iter().map(|format| format.table.name.replace('_', "-")).collect());
    let names = ["auto"].into_iter().chain(NAMES.iter().map(String::as_str));
    PossibleValuesParser::new(names).map(|name| Format(sawlog_formats::format(&name.replace('-', "_"))))
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
