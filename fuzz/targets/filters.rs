//! Any filter, on any text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_fuzz::filters;

fuzz_target!(|data: &[u8]| filters(data));
