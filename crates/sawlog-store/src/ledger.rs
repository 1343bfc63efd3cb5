//! The ledger: a row for each input file that was ever read, by which conversion is incremental and can be verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use sawlog_formats::{Column, Kind, LineEnding, Table};

use crate::error::{Result, StoreError};
use crate::read::read_file;
use crate::store::Store;

/// The table of input files.
pub const SOURCES: Table = Table {
    name: "sources",
    doc: "The ledger: a row for each input file",
    columns: &[
        Column::text("path", "The file's path, relative to the root given: source_file in other tables").skip_files(),
        Column::text("root", "The folder that the path starts from"),
        Column::int64("size", "The file's size in bytes"),
        Column::text("mtime", "When the file was last changed").kind(Kind::Time),
        Column::text("sha256", "SHA-256 of the file, as it is"),
        Column::text("state", "converted, duplicate, empty, digest, unknown or removed"),
        Column::text("duplicate_of", "The path of the file with the same content that was converted"),
        Column::text("format", "The table that its records are in"),
        Column::text("compression", "gzip, parquet, or null"),
        Column::int64(
            "content_size",
            "Size of the content in bytes, after decompression; of Parquet, as lines of text",
        ),
        Column::text("content_sha256", "SHA-256 of the content after decompression, where there was any"),
        Column::int64("lines", "Lines, blank ones included; or JSON objects"),
        Column::int64("records", "Records"),
        Column::int64("rejects", "Lines that are no records"),
        Column::int64("blank_lines", "Lines with nothing on them"),
        Column::text("line_ending", "How its first line ends: lf or crlf"),
        Column::text("first_time", "The earliest time of a record").kind(Kind::Time),
        Column::text("last_time", "The latest time of a record").kind(Kind::Time),
        Column::text("after", "What stands after the last record, where that is more than a line ending"),
        Column::text("content", "The file itself, if it is a CloudTrail digest"),
        Column::text("account_id", "The account, by the file's name, if AWS gave it"),
        Column::text("region", "The region, by the file's name, if AWS gave it"),
        Column::text("file_time", "When AWS closed the file, by its name").kind(Kind::Time),
        Column::text("unknown_fields", "Fields without a column, and how many records have them, as a JSON object"),
        Column::text("other_types", "Fields with a value of another type than their column's, likewise"),
        Column::text("run_id", "The run that read it"),
        Column::text("read_by", "The version of sawlog that read it"),
        Column::text("encoding", "utf-16le or utf-16be where its text was made into UTF-8, which is its content then"),
        Column::text("options", "The options without which it would be read otherwise"),
        Column::text("looks_like", "What it looks like, if it is of a kind that is not read"),
        Column::text("removed_at", "When its records were removed").kind(Kind::Time),
        Column::text("remove_reason", "Why they were removed"),
    ],
    times: &[],
};

/// What became of an input file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Its records are in the store.
    #[default]
    Converted,
    /// Its content is that of another file, which was converted.
    Duplicate,
    /// It has no content.
    Empty,
    /// It is a CloudTrail digest, which lists log files and their hashes.
    Digest,
    /// It is no log of a known format.
    Unknown,
    /// Its records were taken out of the store.
    Removed,
}

impl SourceState {
    const ALL: [Self; 6] = [Self::Converted, Self::Duplicate, Self::Empty, Self::Digest, Self::Unknown, Self::Removed];

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
        }
    }
}

/// An input file, as the ledger has it. See [`SOURCES`] for what the fields mean; times are microseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table's columns say it")]
pub struct Source {
    pub path: String,
    pub root: String,
    pub size: i64,
    pub mtime: i64,
    pub sha256: String,
    pub state: SourceState,
    pub duplicate_of: Option<String>,
    pub format: Option<String>,
    pub compression: Option<String>,
    pub content_size: i64,
    pub content_sha256: Option<String>,
    pub lines: i64,
    pub records: i64,
    pub rejects: i64,
    pub blank_lines: i64,
    pub line_ending: LineEnding,
    pub times: Option<(i64, i64)>,
    pub after: Option<String>,
    pub content: Option<String>,
    pub account_id: Option<String>,
    pub region: Option<String>,
    pub file_time: Option<i64>,
    pub unknown_fields: BTreeMap<String, i64>,
    pub other_types: BTreeMap<String, i64>,
    pub run_id: String,
    pub read_by: Option<String>,
    pub encoding: Option<String>,
    pub options: Option<String>,
    pub looks_like: Option<String>,
    pub removed_at: Option<i64>,
    pub remove_reason: Option<String>,
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
            time(|source| source.times.map(|(first, _)| first)),
            time(|source| source.times.map(|(_, last)| last)),
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
        ];
        RecordBatch::try_new(SOURCES.schema(), columns).expect("the columns are those of the table")
    }

    /// The input files in a batch of the table.
    fn from_batch(batch: &RecordBatch) -> Option<Vec<Self>> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let number = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let time = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>();
        let mut sources = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let text = |name: &str| text(name).map(|array| array.is_valid(row).then(|| array.value(row).to_owned()));
            let number = |name: &str| number(name).map(|array| array.value(row));
            let time = |name: &str| time(name).map(|array| array.is_valid(row).then(|| array.value(row)));
            let counts = |name: &str| match text(name)? {
                None => Some(BTreeMap::new()),
                Some(json) => serde_json::from_str(&json).ok(),
            };
            let state = text("state")??;
            sources.push(Self {
                path: text("path")??,
                root: text("root")??,
                size: number("size")?,
                mtime: time("mtime")??,
                sha256: text("sha256")??,
                state: SourceState::ALL.into_iter().find(|known| known.name() == state)?,
                duplicate_of: text("duplicate_of")?,
                format: text("format")?,
                compression: text("compression")?,
                content_size: number("content_size")?,
                content_sha256: text("content_sha256")?,
                lines: number("lines")?,
                records: number("records")?,
                rejects: number("rejects")?,
                blank_lines: number("blank_lines")?,
                line_ending: LineEnding::named(&text("line_ending")??)?,
                times: time("first_time")?.zip(time("last_time")?),
                after: text("after")?,
                content: text("content")?,
                account_id: text("account_id")?,
                region: text("region")?,
                file_time: time("file_time")?,
                unknown_fields: counts("unknown_fields")?,
                other_types: counts("other_types")?,
                run_id: text("run_id")??,
                // Ledgers of earlier versions lack these.
                read_by: text("read_by").flatten(),
                encoding: text("encoding").flatten(),
                options: text("options").flatten(),
                looks_like: text("looks_like").flatten(),
                removed_at: time("removed_at").flatten(),
                remove_reason: text("remove_reason").flatten(),
            });
        }
        Some(sources)
    }

    /// Calls `take` with the input files in each of some batches of the table; says what is wrong with these.
    pub(crate) fn read_each(
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
        mut take: impl FnMut(Vec<Self>),
    ) -> Result<(), String> {
        for batch in batches {
            let rows = Self::from_batch(&batch.map_err(|error| error.to_string())?);
            take(rows.ok_or("is not a part of a ledger")?);
        }
        Ok(())
    }

    /// The line that `sha256sum` prints of the file: its SHA-256, two blanks, its path.
    #[must_use]
    pub fn sum_line(&self) -> String {
        format!("{}  {}\n", self.sha256, self.path)
    }

    /// The whole ledger, in order of path.
    ///
    /// # Errors
    ///
    /// If the table can't be read.
    pub fn load_all(store: &Store) -> Result<Vec<Self>> {
        let snapshot = store.snapshot(&SOURCES)?;
        let mut sources = Vec::new();
        for file in &snapshot.files {
            let rows = read_file(&SOURCES, &snapshot.folder, file, None)?;
            Self::read_each(rows, |rows| sources.extend(rows))
                .map_err(|what| StoreError::damaged(&snapshot.folder.join(&file.path), what))?;
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(sources)
    }
}
