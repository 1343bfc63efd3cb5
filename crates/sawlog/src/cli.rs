//! The command line of sawlog.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, Resettable, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use sawlog_formats::{Format as LogFormat, vpc_flow};
use sawlog_store::parquet::Codec;

const AFTER_HELP: &str = "\
Examples:
  sawlog convert evidence/awslogs               convert a folder; run it again to add what is new
  sawlog convert 'logs/2021-07-*' --store case  convert files by pattern, into another store
  find . -newer mark | sawlog convert -         convert the files of a list
  sawlog status                                 show what the store holds
  sawlog status --rejects                       list the lines that could not be parsed
  sawlog remove 'old-export/*'                  undo a conversion
  sawlog verify                                 rebuild every input and compare its SHA-256
  sawlog compact                                merge the small files of many runs
  sawlog manifest > case.json                   list all files with their hashes, to sign the list

Exit status: 0 success; 1 failure; 2 wrong command line; 3 done, but lines were rejected or
files were not read; 130 interrupted.
Query the store with sawq.";

const CONVERT_EXAMPLES: &str = "\
Examples:
  sawlog convert evidence/awslogs                    a folder and everything in it
  sawlog convert 'logs/2021-07-*' 'logs/2021-08-*'   patterns, quoted against the shell
  find . -name '*.gz' | sawlog convert -             a list from another command
  sawlog convert flow.log --vpc-fields '${version} ${srcaddr} ${dstaddr} ${start} ${end}'
                                                     a flow log without a header line
  sawlog convert flow.log --replace --vpc-fields 'version dstaddr srcaddr start end'
                                                     read a file again that was read wrongly
  sawlog convert case.zip backup.tar.gz              the files in archives, one by one
  sawlog convert notes.txt --format s3-access        a file that sawlog does not recognise

sawlog recognises files by content, not by name. It reads UTF-8 and UTF-16, with or without a byte
order mark, and unpacks gzip, zstd, bzip2 and xz, up to four layers deep.
Each file in a zip or tar archive becomes a source of its own, named ARCHIVE!PATH. Archives may be
nested up to four deep. Base64 data in events of Lambda, Kinesis and Firehose is treated the same.
Unpacking needs space in the store's folder, a few GiB at a time.
If files can't be read (encrypted members, 7z, rar, …), sawlog lists them and says what to do. The
exit status is then 3.
Options apply to files that are new, have changed, or were not recognised. If they would change how
a file was read before, sawlog names the file, and --replace converts it again. A file that was read
with options and has changed is converted again only if options are given: the same ones, or
--format auto to let the content decide.";

const STATUS_EXAMPLES: &str = "\
Examples:
  sawlog status                   tables, days, sizes, files, and why lines were rejected
  sawlog status --rejects         the first 20 rejects: file, line, reason, text
  sawlog status --rejects -n 0    all rejects
  sawlog status --rejects --json  the same as JSON, for a program";

const REMOVE_EXAMPLES: &str = "\
Examples:
  sawlog remove wrong.log                             one file, by its path in the store
  sawlog remove 'export-*/*.log' --dry-run            what a pattern would remove
  sawlog remove host7 --reason 'not part of case 12'  all files of a folder

Paths are those in the column source_file: relative to the folder given to convert. A path on disk
works, too. In patterns, * matches any text, even with / in it, as in sawq's filters. Removing an
archive removes its members; a member is named ARCHIVE!PATH.
If another file has the same content, the records stay, under that file's name.
The ledger (the table sources) keeps the file's row, with the time and reason. The file itself is
not touched, and 'sawlog convert' reads it again. The data files that held its records stay on disk.
'sawlog compact' deletes them once they have been unused for 7 days (see its --retain).";

const VERIFY_EXAMPLES: &str = "\
Examples:
  sawlog verify                           rebuild every input and compare it with the ledger
  sawlog verify --manifest case.json      also compare the store with an earlier manifest
  sawlog verify --cloudtrail-digests evidence/CloudTrail-Digest --public-key keys.json
                                          also check AWS's signatures of the log files";

const COMPACT_EXAMPLES: &str = "\
Examples:
  sawlog compact               merge small data files; delete those unused for 7 days
  sawlog compact --retain 0    delete unused data files at once: only if nobody reads the store now
  sawlog compact --retain 30d  keep unused data files for a month";

const MANIFEST_EXAMPLES: &str = "\
Examples:
  sawlog manifest > case.json             write the manifest
  gpg --detach-sign case.json             sign it
  sawlog verify --manifest case.json      later: compare the store with it";

const REINDEX_EXAMPLES: &str = "\
Examples:
  sawlog reindex             when 'sawlog verify' says that the index differs
  sawlog reindex --store s   the same for another store";

const UPGRADE_EXAMPLES: &str = "\
sawlog reads, verifies and adds to the stores of all earlier versions without an upgrade.
An upgrade adds the columns that the store's tables lack, so that other tools see them. It also
rebuilds the entity index, which can then answer all that a new store's index answers.
Once this version has written to a store, by 'sawlog upgrade' or 'sawlog convert', version 0.1
can't read it any more: it reports the store as damaged.

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

/// The command line. `man` and `completions` have nothing to do with a store, so they don't show its options.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    // An empty variable is one that is not set.
    let is_empty = std::env::var_os("SAWLOG_STORE").is_some_and(|store| store.is_empty());
    let command = if is_empty { command.mut_arg("store", |store| store.env(Resettable::Reset)) } else { command };
    let globals = command.get_arguments().filter(|arg| arg.is_global_set());
    let hidden: Vec<_> = globals.map(|arg| arg.clone().global(false).hide(true)).collect();
    ["man", "completions"].into_iter().fold(command, |command, name| {
        let hide = |command: clap::Command| command.args(&hidden);
        command.mut_subcommand(name, hide)
    })
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
    /// Remove the records of files from the store; the ledger notes when and why
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(RemoveArgs),
    /// Rebuild every input from the store and compare its SHA-256; compare the index with the records
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Print a manifest for you to sign: SHA-256 of every input and data file, counts, versions
    #[command(after_help = MANIFEST_EXAMPLES)]
    Manifest,
    /// Merge small data files, and delete data files that are no longer used
    #[command(after_help = COMPACT_EXAMPLES)]
    Compact(CompactArgs),
    /// Rebuild the entity index from the records
    #[command(after_help = REINDEX_EXAMPLES)]
    Reindex,
    /// Bring a store of an earlier version to the current format
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
const COMMANDS: [&str; 10] =
    ["convert", "status", "remove", "verify", "manifest", "compact", "reindex", "upgrade", "completions", "man"];

/// What to convert, and how.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Files, folders or patterns; @FILE reads a list of paths, - reads one from standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Which log the files hold; auto recognises it by content [default: auto]
    #[arg(long, value_parser = format_names())]
    pub(crate) format: Option<Format>,
    /// The fields of VPC flow logs that have no header line, in order: 'version account-id …' [default: the fields of
    /// version 2]
    #[arg(long, value_name = "FIELDS", value_parser = vpc_fields)]
    pub(crate) vpc_fields: Option<String>,
    /// Number of threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(crate) threads: Option<u16>,
    /// Memory to use, such as 512MiB; at least 128MiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: ByteSize,
    /// Compression of data files; the index always uses LZ4, the fastest to read
    #[arg(long, value_parser = codecs(), default_value = "zstd")]
    pub(crate) compression: Codec,
    /// Stop reading a compressed file or archive once it expands to more than this; all layers and members count. Above
    /// 64 MiB, sawlog also stops at 250 times the file's size
    #[arg(long, default_value = "4GiB", value_name = "SIZE")]
    pub(crate) max_inflate: ByteSize,
    /// Commit nothing if a line is rejected or a file can't be read
    #[arg(long)]
    pub(crate) strict: bool,
    /// Convert files again if they have changed, or if the options now given would read them differently
    #[arg(long)]
    pub(crate) replace: bool,
    /// Follow links that lead out of the given folders, instead of reporting them
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
    /// Paths as the store has them (column `source_file`), folders of such paths, or patterns
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    /// Why the files are removed; the ledger keeps this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// List what would be removed, and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What else to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Memory to use, such as 512MiB; at least 128MiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: ByteSize,
    /// Also compare the store with this manifest, which 'sawlog manifest' printed earlier
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Also validate the CloudTrail digest files in this folder: their chain, their signatures, and the log files they
    /// list. AWS keeps the last digest's signature only in the metadata of its S3 object; save it beside the digest as
    /// FILE.signature
    #[arg(long, value_name = "PATH", requires = "public_key")]
    pub(crate) cloudtrail_digests: Option<PathBuf>,
    /// The public key of the digests: the output of 'aws cloudtrail list-public-keys', or a PEM file
    #[arg(long, value_name = "FILE", requires = "cloudtrail_digests")]
    pub(crate) public_key: Option<PathBuf>,
}

/// How to compact.
#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Delete data files that have been unused for longer than this, such as 12h or 30d (0 for all). Also delete the
    /// parts of table logs from before a checkpoint of that age. Programs that still read an older version of the store
    /// need these files
    #[arg(long, default_value = "7d", value_name = "TIME", value_parser = retain)]
    pub(crate) retain: Duration,
    /// Compression of data files; the index always uses LZ4, the fastest to read
    #[arg(long, value_parser = codecs(), default_value = "zstd")]
    pub(crate) compression: Codec,
}

fn retain(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span: jiff::Span = text.parse().map_err(|_| "not a duration such as 7d, 12h, 30m or 0".to_owned())?;
    let day = jiff::SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(day).map_err(|error| error.to_string())?;
    duration.try_into().map_err(|_| "a duration can't be negative".to_owned())
}

fn vpc_fields(text: &str) -> Result<String, String> {
    // People copy them from the AWS console, which writes ${version} ${account-id}.
    let fields = text.replace(['$', '{', '}'], "").replace(',', " ");
    let fields = fields.split_whitespace().collect::<Vec<_>>().join(" ");
    if vpc_flow::is_header(fields.as_bytes()) {
        Ok(fields)
    } else {
        Err("most of these are not names of flow log fields, such as srcaddr".to_owned())
    }
}

fn memory(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size < ByteSize::mib(128) { Err("less than 128MiB".to_owned()) } else { Ok(size) }
}

/// The format of input files: a log's, or recognised by content.
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

/// Codecs of data files by name.
fn codecs() -> impl TypedValueParser<Value = Codec> {
    const CODECS: [(&str, Codec); 4] =
        [("zstd", Codec::Zstd), ("snappy", Codec::Snappy), ("lz4", Codec::Lz4), ("none", Codec::None)];
    PossibleValuesParser::new(CODECS.map(|(name, _)| name)).try_map(|name| {
        let codec = CODECS.into_iter().find(|(known, _)| *known == name);
        codec.map(|(_, codec)| codec).ok_or("no codec has this name")
    })
}
