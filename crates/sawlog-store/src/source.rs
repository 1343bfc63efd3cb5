//! A row of the ledger: an input file that was read, and the result. Rows are written as batches of the table and
//! read back.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use sawlog_formats::{Column, LineEnding, Table, TimeSpan};

/// The table of input files.
pub const SOURCES: Table = Table {
    name: "sources",
    doc: "The ledger: a row for each input file",
    columns: &[
        Column::text("path", "The file's path, relative to the root; source_file in other tables").skip_files(),
        Column::text("root", "The folder that the path is relative to"),
        Column::int64("size", "The file's size in bytes"),
        Column::time("mtime", "When the file was last changed"),
        Column::text("sha256", "SHA-256 of the file as it is"),
        Column::text(
            "state",
            "converted, duplicate, empty, digest, unknown, removed, or archive, whose members have rows of their own",
        ),
        Column::text("duplicate_of", "The path of the file with the same content that was converted"),
        Column::text("format", "The table that its records are in"),
        Column::text(
            "compression",
            "gzip, zstd, bzip2, xz, zip, tar, several of them, the outer one first (gzip+tar); parquet; or null",
        ),
        Column::int64(
            "content_size",
            "Size of the content in bytes, after decompression; of Parquet, as lines of text",
        ),
        Column::text("content_sha256", "SHA-256 of the content after decompression, where there was any"),
        Column::int64("lines", "Lines, including blank ones, or JSON objects"),
        Column::int64("records", "Records"),
        Column::int64("rejects", "Lines that are not records"),
        Column::int64("blank_lines", "Lines with nothing on them"),
        Column::text("line_ending", "How its first line ends: lf or crlf"),
        Column::time("first_time", "The earliest time of a record"),
        Column::time("last_time", "The latest time of a record"),
        Column::text("after", "The text after the last record, if it is more than a line ending"),
        Column::text("content", "The file itself, if it is a CloudTrail digest"),
        Column::text("account_id", "The account, if the file has the name that AWS gave it"),
        Column::text("region", "The region, if the file has the name that AWS gave it"),
        Column::time("file_time", "When AWS closed the file, according to its name"),
        Column::text("unknown_fields", "Fields without a column, and how many records have them, as a JSON object"),
        Column::text(
            "other_types",
            "Fields whose value has another type than their column, and how many records have them",
        ),
        Column::text("run_id", "The run that read it"),
        Column::text("read_by", "The version of sawlog that read it"),
        Column::text("encoding", "utf-16le or utf-16be if its text was converted to UTF-8; the content is then UTF-8"),
        Column::text("options", "The options that changed how it was read"),
        Column::text("looks_like", "What kind of file it looks like, if sawlog does not read that kind"),
        Column::time("removed_at", "When its records were removed"),
        Column::text("remove_reason", "Why they were removed"),
        Column::text(
            "envelope",
            "What kind of document the file is, if it is not a log itself but holds records of one",
        ),
        Column::text("archive", "The path of the archive that it is a member of; its own path begins with that path"),
        Column::text("problem", "Why it could not be read, or not read to its end"),
    ],
    times: &[],
};

/// What became of an input file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Its records are in the store.
    #[default]
    Converted,
    /// Its content is the same as another file's, which was converted.
    Duplicate,
    /// It has no content.
    Empty,
    /// It is a CloudTrail digest, which lists log files and their hashes.
    Digest,
    /// It is not a log of a known format.
    Unknown,
    /// Its records were removed from the store.
    Removed,
    /// It is an archive; its members are sources of their own.
    Archive,
}

impl SourceState {
    const ALL: [Self; 7] =
        [Self::Converted, Self::Duplicate, Self::Empty, Self::Digest, Self::Unknown, Self::Removed, Self::Archive];

    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Converted => "converted",
            Self::Duplicate => "duplicate",
            Self::Empty => "empty",
            Self::Digest => "digest",
            Self::Unknown => "unknown",
            Self::Removed => "removed",
            Self::Archive => "archive",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// Text that many sources have in common. A ledger may have hundreds of thousands of rows, so it is in memory once.
pub type SharedText = Arc<str>;

/// An input file in the ledger. See [`SOURCES`] for the meaning of the fields; times are microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table's columns say it")]
pub struct Source {
    pub path: String,
    pub root: SharedText,
    pub size: i64,
    pub mtime: i64,
    pub sha256: String,
    pub state: SourceState,
    pub duplicate_of: Option<String>,
    pub format: Option<SharedText>,
    pub compression: Option<SharedText>,
    pub content_size: i64,
    pub content_sha256: Option<String>,
    pub lines: i64,
    pub records: i64,
    pub rejects: i64,
    pub blank_lines: i64,
    pub line_ending: LineEnding,
    pub times: Option<TimeSpan>,
    pub after: Option<String>,
    pub content: Option<String>,
    pub account_id: Option<SharedText>,
    pub region: Option<SharedText>,
    pub file_time: Option<i64>,
    pub unknown_fields: BTreeMap<String, i64>,
    pub other_types: BTreeMap<String, i64>,
    pub run_id: SharedText,
    pub read_by: Option<SharedText>,
    pub encoding: Option<SharedText>,
    pub options: Option<SharedText>,
    pub looks_like: Option<SharedText>,
    pub removed_at: Option<i64>,
    pub remove_reason: Option<SharedText>,
    pub envelope: Option<SharedText>,
    pub archive: Option<SharedText>,
    pub problem: Option<String>,
}

impl Source {
    /// The rows of the table [`SOURCES`] for `sources`.
    ///
    /// # Panics
    ///
    /// Never: the columns are made here.
    #[must_use]
    pub fn batch(sources: &[Self]) -> RecordBatch {
        let text =
            |get: fn(&Self) -> Option<&str>| -> ArrayRef { Arc::new(sources.iter().map(get).collect::<StringArray>()) };
        let number =
            |get: fn(&Self) -> i64| -> ArrayRef { Arc::new(sources.iter().map(get).map(Some).collect::<Int64Array>()) };
        let time = |get: fn(&Self) -> Option<i64>| -> ArrayRef {
            Arc::new(sources.iter().map(get).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let counts = |get: fn(&Self) -> &BTreeMap<String, i64>| -> ArrayRef {
            let json = |counts: &BTreeMap<String, i64>| {
                (!counts.is_empty()).then(|| serde_json::to_string(counts).expect("names and numbers are JSON"))
            };
            Arc::new(sources.iter().map(get).map(json).collect::<StringArray>())
        };
        let columns = vec![
            text(|source| Some(&source.path)),
            text(|source| Some(&source.root)),
            number(|source| source.size),
            time(|source| Some(source.mtime)),
            text(|source| Some(&source.sha256)),
            text(|source| Some(source.state.name())),
            text(|source| source.duplicate_of.as_deref()),
            text(|source| source.format.as_deref()),
            text(|source| source.compression.as_deref()),
            number(|source| source.content_size),
            text(|source| source.content_sha256.as_deref()),
            number(|source| source.lines),
            number(|source| source.records),
            number(|source| source.rejects),
            number(|source| source.blank_lines),
            text(|source| Some(source.line_ending.name())),
            time(|source| source.times.map(|times| times.first)),
            time(|source| source.times.map(|times| times.last)),
            text(|source| source.after.as_deref()),
            text(|source| source.content.as_deref()),
            text(|source| source.account_id.as_deref()),
            text(|source| source.region.as_deref()),
            time(|source| source.file_time),
            counts(|source| &source.unknown_fields),
            counts(|source| &source.other_types),
            text(|source| Some(&source.run_id)),
            text(|source| source.read_by.as_deref()),
            text(|source| source.encoding.as_deref()),
            text(|source| source.options.as_deref()),
            text(|source| source.looks_like.as_deref()),
            time(|source| source.removed_at),
            text(|source| source.remove_reason.as_deref()),
            text(|source| source.envelope.as_deref()),
            text(|source| source.archive.as_deref()),
            text(|source| source.problem.as_deref()),
        ];
        RecordBatch::try_new(SOURCES.schema(), columns).expect("the columns are those of the table")
    }

    /// Calls `take` with each input file in a batch of the table; `None` if it is not a batch of this table.
    pub(crate) fn read_each(batch: &RecordBatch, shared: &mut SharedTexts, mut take: impl FnMut(Self)) -> Option<()> {
        if batch.schema_ref().fields() != SOURCES.schema().fields() {
            return None;
        }
        for row in 0..batch.num_rows() {
            take(Self::read(Cells { columns: batch.columns().iter(), row }, shared)?);
        }
        Some(())
    }

    /// The input file of a row; `None` if the row does not describe one.
    fn read(mut cells: Cells<'_>, shared: &mut SharedTexts) -> Option<Self> {
        let mut common = |text: Option<&str>| text.map(|text| shared.get(text));
        // In the order of the table's columns.
        Some(Self {
            path: cells.own()?,
            root: common(cells.text())?,
            size: cells.number()?,
            mtime: cells.time()?,
            sha256: cells.own()?,
            state: SourceState::named(cells.text()?)?,
            duplicate_of: cells.own(),
            format: common(cells.text()),
            compression: common(cells.text()),
            content_size: cells.number()?,
            content_sha256: cells.own(),
            lines: cells.number()?,
            records: cells.number()?,
            rejects: cells.number()?,
            blank_lines: cells.number()?,
            line_ending: LineEnding::named(cells.text()?)?,
            times: cells.times(),
            after: cells.own(),
            content: cells.own(),
            account_id: common(cells.text()),
            region: common(cells.text()),
            file_time: cells.time(),
            unknown_fields: cells.counts()?,
            other_types: cells.counts()?,
            run_id: common(cells.text())?,
            read_by: common(cells.text()),
            encoding: common(cells.text()),
            options: common(cells.text()),
            looks_like: common(cells.text()),
            removed_at: cells.time(),
            remove_reason: common(cells.text()),
            envelope: common(cells.text()),
            archive: common(cells.text()),
            problem: cells.own(),
        })
    }

    /// The last part of its path; for a member of an archive, its name there without folders.
    #[must_use]
    pub fn name(&self) -> &str {
        file_name(&self.path, self.archive.as_deref())
    }

    /// A line for the file, as `sha256sum` prints it: its SHA-256, two blanks, its path. `sha256sum` would also double
    /// the backslashes of a path, and begin the line with one.
    #[must_use]
    pub fn sum_line(&self) -> String {
        format!("{}  {}\n", self.sha256, self.path)
    }
}

/// The last part of a path, which is the member's if there is an archive.
#[must_use]
pub fn file_name<'a>(path: &'a str, archive: Option<&str>) -> &'a str {
    let is_end = |char: char| char == '/' || char == '!' && archive.is_some();
    path.rsplit(is_end).next().unwrap_or_default()
}

/// The message about a data file that is not part of a ledger.
pub(crate) const NO_LEDGER: &str = "is not a part of a ledger";

/// The texts that sources have in common, each once.
#[derive(Debug, Default)]
pub(crate) struct SharedTexts(HashSet<SharedText>);

impl SharedTexts {
    fn get(&mut self, text: &str) -> SharedText {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: SharedText = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// The cells of a row that are left to read, column by column.
struct Cells<'a> {
    columns: std::slice::Iter<'a, ArrayRef>,
    row: usize,
}

impl<'a> Cells<'a> {
    /// The next column, if the row has a value in it.
    fn next<T: Array + 'static>(&mut self) -> Option<&'a T> {
        self.columns.next()?.as_any().downcast_ref::<T>().filter(|column| column.is_valid(self.row))
    }

    fn text(&mut self) -> Option<&'a str> {
        self.next::<StringArray>().map(|column| column.value(self.row))
    }

    fn own(&mut self) -> Option<String> {
        self.text().map(str::to_owned)
    }

    fn number(&mut self) -> Option<i64> {
        self.next::<Int64Array>().map(|column| column.value(self.row))
    }

    fn time(&mut self) -> Option<i64> {
        self.next::<TimestampMicrosecondArray>().map(|column| column.value(self.row))
    }

    fn times(&mut self) -> Option<TimeSpan> {
        let (first, last) = (self.time(), self.time());
        Some(TimeSpan { first: first?, last: last? })
    }

    /// Counts by name; `None` if they can't be read.
    fn counts(&mut self) -> Option<BTreeMap<String, i64>> {
        self.text().map_or(Some(BTreeMap::new()), |json| serde_json::from_str(json).ok())
    }
}
