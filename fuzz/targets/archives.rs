//! Any bytes as an archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_fuzz::archives;

fuzz_target!(|data: &[u8]| archives(data));
