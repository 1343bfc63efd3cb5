//! Names the data file that an error of the query engine is about, which does not say it itself.

use std::path::Path;

use anyhow::Error;
use sawlog_store::{Store, TABLES, read_file};

/// The error, with the path of the damaged data file before it, if that is what it is about. Reads data files until one is
/// found, which only who has an error waits for.
pub(crate) fn named(error: Error, store: &Path) -> Error {
    let text = format!("{error:#}");
    if !text.contains("Parquet") && !text.contains("Arrow") {
        return error;
    }
    let Ok(store) = Store::open(store) else { return error };
    for table in TABLES() {
        let Ok(snapshot) = store.snapshot(table) else { continue };
        for file in &snapshot.files {
            let path = snapshot.folder.join(&file.path);
            let is_whole = read_file(table, &path, None).is_ok_and(|mut batches| batches.all(|batch| batch.is_ok()));
            let is_of_size = path.metadata().is_ok_and(|metadata| metadata.len() == file.size);
            if !(is_whole && is_of_size) && !text.contains(&file.path) {
                return error.context(format!("{} is damaged", path.display()));
            }
        }
    }
    error
}
