//! The summaries of s3logparse, as it prints them.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, UInt64Array};
use sawlog_formats::{s3_access, visible};

use crate::cli::{S3logparse, S3logparseArgs};
use crate::groups::{Group, Sums};
use crate::output::{Output, Target};
use crate::query::Query;
use crate::render::units::size;
use crate::tally::{Measures, largest};

/// Prints a summary, and says whether there was anything to print.
pub(crate) fn print(queries: &[Query], args: &S3logparseArgs, target: &Target) -> Result<bool> {
    let query = queries.iter().find(|query| query.format.table.name == s3_access::TABLE.name);
    let query = query.context("the store has no S3 access logs, which s3logparse summarises")?;
    let (column, prefix) = match args.function {
        S3logparse::Useragent => ("user_agent", None),
        S3logparse::Topfiles => ("key", None),
        S3logparse::Toptalkers => ("remote_ip", None),
        S3logparse::Topdownloaders => ("remote_ip", Some("GET")),
        // The tool's own habit: uploads by PUT are not counted.
        S3logparse::Topuploaders => ("remote_ip", Some("POST")),
    };
    let sums = column == "remote_ip";
    let only = prefix.map(|prefix| ("request_uri", prefix));
    let measures = Measures { bytes_sent: sums, first_number: sums, only, ..Measures::default() };
    let size_of = |of: &Sums| if sums { of.bytes_sent.unwrap_or_default() } else { u128::from(of.count) };
    // What is not shown comes last, but for records without a value, which may be one of the largest groups.
    let rank = |of: &Sums| if sums { of.bytes_sent.map_or(0, |bytes| bytes + 1) } else { size_of(of) };
    let at_most = if args.number == 0 { 0 } else { args.number.saturating_add(1) };
    let mut groups = largest(&[query], &[column.to_owned()], measures, at_most, rank)?;
    groups.retain(|Group { values, sums: of, .. }| if sums { of.bytes_sent.is_some() } else { values[0].is_some() });
    if args.number > 0 {
        groups.truncate(args.number);
    }
    let rows: Vec<(&str, u128)> =
        groups.iter().map(|group| (group.values[0].as_deref().unwrap_or("-"), size_of(&group.sums))).collect();
    if target.format.is_some() {
        let mut output = Output::new(target)?;
        output.batch(&table(column, if sums { "bytes_sent" } else { "count" }, &rows)?)?;
        output.finish()?;
        return Ok(!groups.is_empty());
    }
    let mut out = target.open()?;
    for (name, number) in rows {
        // A terminal gets no control characters.
        let name = if target.is_terminal() { visible(name) } else { name.into() };
        let number = if sums { size(number) } else { number.to_string() };
        writeln!(out, "{number} - {name}")?;
    }
    out.flush()?;
    Ok(!groups.is_empty())
}

/// A summary as a table.
fn table(column: &str, measure: &str, rows: &[(&str, u128)]) -> Result<RecordBatch> {
    let names: StringArray = rows.iter().map(|(name, _)| Some(*name)).collect();
    let numbers: Result<Vec<u64>, _> = rows.iter().map(|(_, number)| u64::try_from(*number)).collect();
    let numbers: ArrayRef = if let Ok(numbers) = numbers {
        Arc::new(UInt64Array::from(numbers))
    } else {
        // Sums of forged sizes may be larger than any number of 64 bits.
        let numbers = rows.iter().map(|(_, number)| i128::try_from(*number).ok());
        Arc::new(numbers.collect::<Decimal128Array>().with_precision_and_scale(38, 0)?)
    };
    Ok(RecordBatch::try_from_iter([(column, Arc::new(names) as ArrayRef), (measure, numbers)])?)
}
