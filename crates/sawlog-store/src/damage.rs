//! Damaged data files: the libraries that read Parquet do not say in which file an error is, and panic at some of them.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::read::read_file;
use crate::store::{Store, TABLES};

/// What the first panic of any thread said.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Runs what may panic in one of its threads, and gives what the first panic said. With `RUST_BACKTRACE` set, panics are
/// printed as well.
///
/// # Errors
///
/// If there was a panic.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let usual = take_hook();
    set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        let said = panic.payload_as_str().unwrap_or("a panic");
        let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
        FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(format!("{said}{place}"));
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            usual(panic);
        }
    }));
    let result = catch_unwind(AssertUnwindSafe(run));
    drop(take_hook());
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.map_err(|_| first.unwrap_or_default())
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
