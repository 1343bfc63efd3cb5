//! Content to columns: the scan that finds records, then tokenizers, the walk through JSON, and the flow decoder.

use arrow_array::RecordBatch;
use divan::Bencher;
use divan::counter::BytesCount;
use sawlog_benches::{LOGS, content};
use sawlog_formats::{Carry, Cutter, Format, LineEnding, Origin};

/// More than the processor's caches hold, as the content of large files is.
const BYTES: usize = 8 << 20;

/// The format of a log.
pub(crate) fn format(log: &str) -> &'static Format {
    sawlog_formats::format(log).expect("it is one of ours")
}

/// The rows of a log, as one batch for each day.
pub(crate) fn decoded(log: &str, content: &[u8]) -> Vec<RecordBatch> {
    let format = format(log);
    let (mut decoder, mut cutter, mut carry) = (format.new_decoder(), Cutter::new(format.framing), Carry::default());
    let (mut first_line, mut at) = (1, 0);
    while let Some((block, taken)) = cutter.next(&content[at..], true) {
        let byte_offset = i64::try_from(at).expect("it is small");
        let origin =
            Origin { source_file: "made-up", first_line, byte_offset, ending: LineEnding::Lf, file_time: None };
        let block = decoder.decode(block, &origin, &mut carry);
        assert_eq!(block.rejects, 0, "all lines are records");
        first_line += block.lines;
        at += taken;
    }
    decoder.waiting_mut().finish().0.into_iter().map(|(_, rows)| rows).collect()
}

/// Finds where JSON records begin and end. Lines are not looked for: a block of them ends at some line feed.
#[divan::bench]
fn scan_json(bencher: Bencher<'_, '_>) {
    let content = content("cloudtrail", BYTES);
    bencher.counter(BytesCount::of_slice(&content)).bench(|| {
        let (mut cutter, mut at) = (Cutter::new(format("cloudtrail").framing), 0);
        while let Some((_, taken)) = cutter.next(&content[at..], true) {
            at += taken;
        }
        at
    });
}

/// The scan, and all that fills columns.
#[divan::bench(args = LOGS)]
fn decode(bencher: Bencher<'_, '_>, log: &str) {
    let content = content(log, BYTES);
    bencher.counter(BytesCount::of_slice(&content)).bench(|| decoded(log, &content));
}
