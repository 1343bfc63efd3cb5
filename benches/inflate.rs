//! Gzip files.

use std::convert::Infallible;
use std::io::Write;

use divan::Bencher;
use divan::counter::BytesCount;
use flate2::Compression;
use flate2::write::GzEncoder;
use sawlog_benches::content;

/// Inflates a file piece by piece; the rate is that of what comes out.
#[divan::bench(args = ["cloudtrail", "vpc_flow"])]
fn inflate(bencher: Bencher<'_, '_>, log: &str) {
    let content = content(log, 8 << 20);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&content).expect("memory takes it");
    let file = gzip.finish().expect("memory takes it");
    let mut buffer = Vec::new();
    bencher.counter(BytesCount::of_slice(&content)).bench_local(|| {
        let broken = sawlog_formats::inflate(&file, u64::MAX, &mut buffer, |piece, _| Ok::<_, Infallible>(piece.len()));
        assert_eq!(broken, Ok(None));
    });
}
