//! The entity index and the merge of data files, on a small store.

use std::fs;
use std::path::Path;
use std::time::Duration;

use divan::Bencher;
use sawlog_benches::{LOGS, content};
use sawlog_convert::{Settings, Watch, begin_run, compact, convert};
use sawlog_store::parquet::Codec;
use sawlog_store::{Store, reindex};
use tempfile::TempDir;

/// Nobody is told anything.
struct Silent;

impl Watch for Silent {}

/// A store of each log in so many runs, each of which adds a data file.
fn store(runs: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("there is room");
    let store = open(&folder.path().join("store"));
    for run in 0..runs {
        let logs = folder.path().join(format!("logs-{run}"));
        fs::create_dir(&logs).expect("there is room");
        for (number, log) in LOGS.iter().enumerate() {
            fs::write(logs.join(log), content(log, (1 << 20) + 1000 * (run * LOGS.len() + number)))
                .expect("there is room");
        }
        convert(&store, &Settings::new([logs]), &Silent).expect("they are logs");
    }
    folder
}

fn open(folder: &Path) -> Store {
    Store::open_or_create(folder).expect("it is a store")
}

/// Collects the entities of all data files again, and merges them to the rows of the index. Nothing is committed.
#[divan::bench(sample_count = 10)]
fn collect_and_merge(bencher: Bencher<'_, '_>) {
    let folder = store(4);
    let store = open(&folder.path().join("store"));
    bencher.bench_local(|| {
        let mut run = begin_run(&store, Codec::Zstd, &Silent).expect("nobody else has the store");
        reindex(&mut run).expect("the store is whole")
    });
}

/// Merges the data files of each day in evidence order.
#[divan::bench(sample_count = 10)]
fn merge(bencher: Bencher<'_, '_>) {
    let folder = store(4);
    let copy = || {
        let copied = tempfile::tempdir().expect("there is room");
        copy_folder(&folder.path().join("store"), copied.path());
        copied
    };
    bencher.with_inputs(copy).bench_local_values(|copied| {
        let compacted = compact(&open(copied.path()), Codec::Zstd, Duration::MAX, &Silent);
        (compacted.expect("the store is whole"), copied)
    });
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("there is room");
    for entry in fs::read_dir(from).expect("it is a folder") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("it can be read");
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("there is room");
        }
    }
}
