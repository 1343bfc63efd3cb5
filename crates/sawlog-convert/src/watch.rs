//! How a command reports its progress to the caller, and how the caller stops it.

use anyhow::Result;
use sawlog_store::parquet::Codec;
use sawlog_store::{Run, Store, UndoneRun};

/// The caller of a command. Threads of the command report progress to it, and it can stop the command.
pub trait Watch: Sync {
    /// Another run has the store; the command waits for it.
    fn waiting(&self) {}

    /// An earlier run that was interrupted could not be finished, and was undone.
    fn undone(&self, run: &UndoneRun) {
        let _ = run;
    }

    /// This many bytes will be read.
    fn begin(&self, bytes: u64) {
        let _ = bytes;
    }

    /// An archive is being unpacked.
    fn unpacking(&self, label: &str) {
        let _ = label;
    }

    /// This many bytes more will be read, because archives were unpacked.
    fn more(&self, bytes: u64) {
        let _ = bytes;
    }

    /// This many more bytes were read.
    fn bytes(&self, bytes: usize) {
        let _ = bytes;
    }

    /// This many more records were decoded.
    fn records(&self, records: i64) {
        let _ = records;
    }

    /// One more input was read.
    fn file(&self) {}

    /// Everything is read; the store is written to.
    fn committing(&self) {}

    /// Whether the command should stop and leave the store as it was.
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

/// Begins a run, once no other run has the store.
///
/// # Errors
///
/// If the store can't be locked, or what an earlier run left can't be read.
pub fn begin_run<'s>(store: &'s Store, codec: Codec, watch: &dyn Watch) -> Result<Run<'s>> {
    let run = Run::begin(store, codec, || watch.waiting())?;
    run.undone().iter().for_each(|undone| watch.undone(undone));
    Ok(run)
}
