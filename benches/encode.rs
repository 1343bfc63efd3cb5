//! Columns to Parquet: pages, dictionaries, statistics, Bloom filters and zstd, with and without the index.

use divan::Bencher;
use divan::counter::BytesCount;
use sawlog_benches::{LOGS, content};
use sawlog_formats::Table;
use sawlog_store::parquet::{Codec, Encoder};

use crate::decode::{decoded, format};

const BYTES: usize = 8 << 20;

fn bench(bencher: Bencher<'_, '_>, log: &str, table: &'static Table) {
    let content = content(log, BYTES);
    let rows = decoded(log, &content);
    let mut encoder = Encoder::new(table, Codec::Zstd).expect("zstd works");
    bencher.counter(BytesCount::of_slice(&content)).bench_local(|| {
        rows.iter().map(|rows| encoder.encode(rows).expect("the columns are the table's").size()).sum::<usize>()
    });
}

/// One row group, with its entities.
#[divan::bench(args = LOGS)]
fn encode_and_collect(bencher: Bencher<'_, '_>, log: &str) {
    bench(bencher, log, format(log).table);
}

/// The same columns as a table that is no log's, so that nothing is collected. What it is faster by is the index.
#[divan::bench(args = LOGS)]
fn encode(bencher: Bencher<'_, '_>, log: &str) {
    let Table { doc, columns, times, .. } = *format(log).table;
    bench(bencher, log, Box::leak(Box::new(Table { name: "no_log", doc, columns, times })));
}
