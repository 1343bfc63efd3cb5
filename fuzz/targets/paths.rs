//! Any bytes as the name of a file, and as a path in a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sawlog_fuzz::paths;

fuzz_target!(|data: &[u8]| paths(data));
