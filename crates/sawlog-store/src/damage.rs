//! Damaged data files: the libraries that read Parquet do not say in which file an error is, and panic at some of them.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

use sawlog_formats::Table;

use crate::data_file::{DataFileEntry, open_checked};
use crate::error::StoreError;
use crate::parquet::damaged_page;
use crate::read::read_file;
use crate::store::Store;
use crate::tables::TABLES;

/// What the first panic of any thread said.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Whether the hook of [`keep_panics`] is there.
static HOOK: Once = Once::new();

/// From now on panics of any thread are kept instead of printed; with `RUST_BACKTRACE` set they are printed as well. The hook
/// stays: threads that a library runs may panic when all is over, at the end of the process.
fn keep_panics() {
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            let said = panic.payload_as_str().unwrap_or("a panic");
            let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
            FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(format!("{said}{place}"));
            if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
                usual(panic);
            }
        }));
    });
}

/// Runs what may panic in one of its threads, and gives what the first panic said. No panic is printed, now or later, unless
/// `RUST_BACKTRACE` is set.
///
/// # Errors
///
/// If there was a panic.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    keep_panics();
    let result = catch_unwind(AssertUnwindSafe(run));
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.map_err(|_| first.unwrap_or_default())
}

/// Checks that a data file is what was written, to the last bit: its size, its footer and what stands before it, and every page
/// of every column, whether a question would read it or not.
///
/// # Errors
///
/// If it is not, or can't be read.
pub fn check_file(table: &'static Table, folder: &Path, entry: &DataFileEntry) -> Result<(), StoreError> {
    let path = folder.join(&entry.path);
    let file = open_checked(folder, entry)?;
    if entry.tail.is_none() {
        // Written before footers had a checksum: all that can be done is to read it.
        for batch in read_file(table, folder, entry, None)? {
            batch.map_err(|error| StoreError::parquet(&path)(error.into()))?;
        }
        return Ok(());
    }
    match damaged_page(&file).map_err(StoreError::parquet(&path))? {
        None => Ok(()),
        Some(what) => Err(StoreError::damaged(&path, format!("is damaged: {what}"))),
    }
}

/// The data file of the store at `root` that an error is about which says so: the first one that can't be read to its end,
/// or is not what the log says. Reads data files until one is found, which only who has an error waits for.
#[must_use]
pub fn damaged_file(root: &Path, error: &str) -> Option<PathBuf> {
    if !["Parquet", "Arrow", "internal error"].iter().any(|word| error.contains(word)) {
        return None;
    }
    let store = Store::open(root).ok()?;
    for table in TABLES() {
        let Ok(snapshot) = store.snapshot(table) else { continue };
        for file in &snapshot.files {
            let read = || {
                read_file(table, &snapshot.folder, file, None)
                    .is_ok_and(|mut batches| batches.all(|batch| batch.is_ok()))
            };
            if !caught(read).unwrap_or(false) {
                return Some(snapshot.folder.join(&file.path)).filter(|path| !error.contains(&*path.to_string_lossy()));
            }
        }
    }
    None
}
