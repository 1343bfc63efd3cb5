//! Any bytes as lines of ALB access logs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_formats::alb_access::FORMAT;
use sawlog_fuzz::{lines, split};

fuzz_target!(|data: &[u8]| {
    let (per_block, content) = split(data);
    lines(&FORMAT, content, per_block);
});
