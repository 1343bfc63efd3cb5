//! Converts files and folders into a store: `cargo run --example convert -- STORE INPUT…`

use std::path::Path;

use anyhow::{Context, Result};
use sawlog_convert::{Settings, Watch, convert, verify};
use sawlog_store::Store;

/// Says how much there is to read.
struct Told;

impl Watch for Told {
    fn begin(&self, bytes: u64) {
        eprintln!("{bytes} bytes to read");
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let store = arguments.next().context("give a store, and what to convert")?;
    let store = Store::open_or_create(Path::new(&store))?;
    let summary = convert(&store, &Settings::new(arguments), &Told)?;
    println!("{} files, {} records, {} rejects", summary.converted, summary.records, summary.rejects);
    let checked = verify(&store, 1 << 30)?;
    println!("{} files come back byte for byte: {}", checked.verified, checked.is_good());
    Ok(())
}
