//! The intent of a run: what each table will add and remove, written down before anything is done.
//!
//! Once it is on the disk, the next process carries it out, as often as necessary: see [`crate::commit`].

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data_file::DataFileEntry;
use crate::error::{Result, StoreError};
use crate::folders::sync_folder;

/// The file's name in a run's staging folder.
pub(crate) const NAME: &str = "intent.json";

/// What a run will change.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The run's id.
    pub(crate) run: String,
    /// The run's number: one more than the previous run's.
    pub(crate) number: i64,
    /// The changes, in the order in which they are committed.
    pub(crate) changes: Vec<Change>,
}

/// What will change in one table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) table: String,
    pub(crate) adds: Vec<DataFileEntry>,
    pub(crate) removes: Vec<DataFileEntry>,
}

impl Intent {
    /// Writes the intent into the run's staging folder, completely or not at all.
    pub(crate) fn write(&self, staging: &Path) -> Result<()> {
        let (draft, path) = (staging.join("intent.draft"), staging.join(NAME));
        let text = serde_json::to_vec(self).map_err(|error| StoreError::damaged(&path, error))?;
        let mut file = File::create(&draft).map_err(StoreError::io(&draft))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(StoreError::io(&draft))?;
        fs::rename(&draft, &path).map_err(StoreError::io(&path))?;
        sync_folder(staging)
    }

    /// The intent in a staging folder, if the run got that far.
    pub(crate) fn read(staging: &Path) -> Result<Option<Self>> {
        let path = staging.join(NAME);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| StoreError::damaged(&path, error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(&path)(error)),
        }
    }
}
