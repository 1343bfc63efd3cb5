//! Asks a store about an address: `cargo run --example query -- STORE ADDRESS`

use std::io::{Write, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use arrow::util::pretty::pretty_format_batches;
use sawlog_query::{Filters, Grouping, Order, Records, WrongValue};
use sawlog_store::Store;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (store, address) = arguments.next().zip(arguments.next()).context("give a store and an address")?;
    let store = Store::open(Path::new(&store))?;
    let filters = Filters { ip: vec![address], ..Filters::default() };
    let records = match Records::open(store, &filters) {
        Ok(records) => records,
        // A program can say where the value is from.
        Err(error) if error.is::<WrongValue>() => return Err(error.context("the second argument")),
        Err(error) => return Err(error),
    };
    println!("{} records", records.count()?);

    // As they stand in the logs.
    records.lines(Order::Time, 3, |line| Ok(stdout().write_all(line)?))?;

    // The same columns of every log, in batches of Arrow.
    let columns = ["time", "user", "operation", "target"].map(str::to_owned);
    records.rows(&columns, Order::Time, 3, |batch| {
        println!("{}", pretty_format_batches(std::slice::from_ref(batch))?);
        Ok(())
    })?;

    let grouping = Grouping { columns: vec!["user".to_owned()], number: 3, ..Grouping::default() };
    println!("{}", pretty_format_batches(&[records.top(&grouping)?.table])?);

    let query = "SELECT log, count(*) AS records, count(DISTINCT operation) AS operations FROM events GROUP BY log ORDER BY log";
    for batch in records.block_on(answer(&records, query))?? {
        println!("{}", pretty_format_batches(&[batch])?);
    }
    Ok(())
}

/// The result of a query.
async fn answer(records: &Records, query: &str) -> Result<Vec<arrow::array::RecordBatch>> {
    let mut session = records.sql()?;
    let mut batches = Vec::new();
    for statement in session.statements(query)? {
        let Some(mut rows) = session.ask(statement).await? else { continue };
        while let Some(batch) = rows.next().await? {
            batches.push(batch);
        }
    }
    Ok(batches)
}
