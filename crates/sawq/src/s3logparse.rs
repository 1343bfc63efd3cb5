//! The summaries of s3logparse, as it prints them.

use std::io::Write;

use anyhow::{Context, Result};
use sawlog_formats::{s3_access, visible};

use crate::cli::S3logparse;
use crate::groups::{Group, Sums};
use crate::query::Query;
use crate::tally::{Measures, largest};

/// Prints a summary, and says whether there was anything to print. A terminal gets no control characters.
pub(crate) fn print(queries: &[Query], function: S3logparse, terminal: bool, out: &mut impl Write) -> Result<bool> {
    let query = queries.iter().find(|query| query.format.table.name == s3_access::TABLE.name);
    let query = query.context("the store has no S3 access logs, which s3logparse summarises")?;
    let (column, prefix) = match function {
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
    let mut groups = largest(&[query], &[column.to_owned()], measures, 0, size_of)?;
    groups.retain(|Group { values, sums: of, .. }| if sums { of.bytes_sent.is_some() } else { values[0].is_some() });
    for group in &groups {
        let name = group.values[0].as_deref().unwrap_or("-");
        let name = if terminal { visible(name) } else { name.into() };
        if sums {
            writeln!(out, "{} - {name}", size(size_of(&group.sums)))?;
        } else {
            writeln!(out, "{} - {name}", group.sums.count)?;
        }
    }
    Ok(!groups.is_empty())
}

/// A number of bytes with two decimals, in the unit in which it is below 1,024.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn size(bytes: u128) -> String {
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].into_iter();
    let (mut value, mut unit) = (bytes as f64, units.next().unwrap_or_default());
    for next in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.2} {unit}")
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_two_decimals() {
        assert_eq!(size(0), "0.00 B");
        assert_eq!(size(1023), "1023.00 B");
        assert_eq!(size(1024), "1.00 KiB");
        assert_eq!(size(35_389), "34.56 KiB");
        assert_eq!(size(1 << 60), "1024.00 PiB");
    }
}
