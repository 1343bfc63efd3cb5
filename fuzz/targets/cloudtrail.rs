//! Any bytes as CloudTrail's JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_formats::cloudtrail::FORMAT;
use sawlog_fuzz::{json, split};

fuzz_target!(|data: &[u8]| {
    let (step, content) = split(data);
    json(&FORMAT, content, step);
});
