//! A data file as its table's log lists it, and how to open one.

use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};
use crate::tail_checksum::Tail;

/// A data file of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFileEntry {
    /// Its path, relative to the table's folder.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// Its partition, `2021-07-29`; `None` if the table has no partitions, and for records without a time.
    pub date: Option<String>,
    /// Delta's statistics, as JSON.
    pub stats: String,
    /// When it was written, in milliseconds since 1970.
    pub written: i64,
    /// The checksum of the bytes that no page's checksum covers, if it is known.
    #[serde(default)]
    pub tail: Option<Tail>,
    /// The checksum of its columns, if it is known: see [`crate::columns_checksum`].
    #[serde(default)]
    pub columns: Option<u32>,
}

/// Opens the data file, and makes sure that its size and tail are what the log says.
///
/// # Errors
///
/// If they differ, or the file can't be read.
pub fn open_checked(folder: &Path, entry: &DataFileEntry) -> Result<File> {
    let path = folder.join(&entry.path);
    let file = File::open(&path).map_err(StoreError::io(&path))?;
    let size = file.metadata().map_err(StoreError::io(&path))?.len();
    if size != entry.size {
        return Err(StoreError::damaged(&path, format!("has {size} bytes; the table log says {}", entry.size)));
    }
    if let Some(tail) = entry.tail
        && !tail.holds(&file, size).map_err(StoreError::io(&path))?
    {
        return Err(StoreError::damaged(&path, "is damaged: its footer does not match the checksum in the table log"));
    }
    Ok(file)
}

/// Whether a text is a day of the years 1 to 9999, such as `2021-07-29`: Delta, Parquet and their readers all know
/// these.
pub(crate) fn is_day(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_date = text.len() == 10 && digits(0..4) && digits(5..7) && digits(8..10);
    is_date && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' && !text.starts_with("0000")
}
