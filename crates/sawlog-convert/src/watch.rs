//! What a command tells whoever waits for it, and how it is stopped.

use anyhow::Result;
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, Store, UndoneRun};

/// Who waits for a command: is told how far it is, from any of its threads, and can stop it.
pub trait Watch: Sync {
    /// Another run has the store; the command waits for it.
    fn waiting(&self) {}

    /// A run that was cut off before could not be finished, and was undone.
    fn undone(&self, run: &UndoneRun) {
        let _ = run;
    }

    /// So many bytes are to be read.
    fn begin(&self, bytes: u64) {
        let _ = bytes;
    }

    /// An archive is taken apart.
    fn unpacking(&self, label: &str) {
        let _ = label;
    }

    /// So many bytes more are to be read than it seemed: what came out of archives.
    fn more(&self, bytes: u64) {
        let _ = bytes;
    }

    /// So many bytes more were read.
    fn bytes(&self, bytes: usize) {
        let _ = bytes;
    }

    /// So many records more were decoded.
    fn records(&self, records: i64) {
        let _ = records;
    }

    /// One more input was read.
    fn file(&self) {}

    /// All is read; the store is written to.
    fn committing(&self) {}

    /// Whether the command is to stop, and leave the store as it was.
    fn wants_to_stop(&self) -> bool {
        false
    }
}

/// Nobody waits.
impl Watch for () {}

/// The error of a command that was stopped.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; the store is as it was")]
pub struct Interrupted;

/// Begins a run, once no other one has the store.
///
/// # Errors
///
/// If the store can't be locked, or what a run left behind can't be read.
pub fn begin_run<'s>(store: &'s Store, codec: Codec, watch: &dyn Watch) -> Result<Run<'s>> {
    let run = Run::begin(store, codec, || watch.waiting())?;
    run.undone().iter().for_each(|undone| watch.undone(undone));
    Ok(run)
}
