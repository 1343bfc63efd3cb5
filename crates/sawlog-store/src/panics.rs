//! Panics of the libraries that read data files, which some damaged files cause. They are caught, not printed, and
//! turned into errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

use crate::error::StoreError;

/// A panic: its message, and its place in the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal error: {0}")]
pub struct Panicked(String);

/// The message of the first panic of any thread.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Whether the hook of [`keep_panics`] is installed.
static HOOK: Once = Once::new();

/// From now on, panics of any thread are caught instead of printed; with `RUST_BACKTRACE` set they are printed as
/// well. The hook stays installed: threads of a library may still panic at the end of the process.
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

/// Runs a function that may panic in one of its threads. Returns the message of the first panic. No panic is printed,
/// now or later, unless `RUST_BACKTRACE` is set.
///
/// # Errors
///
/// If there was a panic.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    keep_panics();
    let result = catch_unwind(AssertUnwindSafe(run));
    let first = first();
    result.map_err(|panic| first.unwrap_or_else(|| Panicked(said(&*panic))))
}

/// Runs a function that reads a data file. If that panics, the file is damaged.
pub(crate) fn reading<T>(path: &Path, read: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|panic| {
        let panicked = first().unwrap_or_else(|| Panicked(said(&*panic)));
        StoreError::damaged(path, format!("is damaged: {panicked}"))
    })
}

/// Takes the first panic that was kept.
fn first() -> Option<Panicked> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).take().map(Panicked)
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_a_reader_names_the_file() {
        let error = reading(Path::new("part.parquet"), || panic!("no such page")).unwrap_err().to_string();
        assert!(error.starts_with("part.parquet: is damaged: internal error: no such page"), "{error}");
        assert_eq!(reading(Path::new("part.parquet"), || 1).unwrap(), 1);
    }
}
