//! Prints the first rows of a log: `cargo run --release --example read_log -- FILE`.

use std::error::Error;

use arrow::util::pretty::pretty_format_batches;
use sawlog_formats::Reader;

fn main() -> Result<(), Box<dyn Error>> {
    let path =
        std::env::args().nth(1).ok_or("name a log: plain or gzip, of S3, CloudTrail, a VPC or a load balancer")?;
    for batch in Reader::open(path)?.take(3) {
        let batch = batch?;
        println!(
            "{}\n{}",
            batch.table.doc,
            pretty_format_batches(&[batch.rows.slice(0, batch.rows.num_rows().min(10))])?
        );
    }
    Ok(())
}
