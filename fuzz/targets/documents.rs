//! Any bytes as documents that hold records of a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_fuzz::{documents, split};

fuzz_target!(|data: &[u8]| {
    let (step, content) = split(data);
    documents(content, step);
});
