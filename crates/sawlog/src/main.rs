//! The binary `sawlog`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sawlog::main()
}
