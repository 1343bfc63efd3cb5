//! Any bytes as lines of S3 access logs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_formats::s3_access::FORMAT;
use sawlog_fuzz::{lines, split};

fuzz_target!(|data: &[u8]| {
    let (per_block, content) = split(data);
    lines(&FORMAT, content, per_block);
});
