//! Temporary files of results, which Ctrl-C removes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The files so far. One that has its name by now is not there any more.
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
/// Set once somebody listens.
static LISTEN: Once = Once::new();

/// Notes a file that is begun. From now on Ctrl-C removes it before it ends the process.
pub(super) fn begin(path: &Path) {
    // The process may go to another folder.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    FILES.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    LISTEN.call_once(|| {
        // Without it, the files stay.
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                remove();
                std::process::exit(128 + signal);
            }
        });
    });
}

/// Leaves Ctrl-C to somebody else, who calls [`remove`].
pub(crate) fn leave_interrupts() {
    LISTEN.call_once(|| {});
}

/// Removes the files.
pub(crate) fn remove() {
    for path in FILES.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // It may have its name by now.
        let _ = std::fs::remove_file(path);
    }
}
