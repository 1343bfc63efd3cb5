//! Any bytes as a gzip file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_fuzz::{gzip, split};

fuzz_target!(|data: &[u8]| {
    let (step, content) = split(data);
    gzip(content, step);
});
