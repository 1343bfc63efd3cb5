//! `sawlog` with the made-up formats.

use std::process::ExitCode;

fn main() -> ExitCode {
    sawlog_made_up::add();
    sawlog::main()
}
