//! The summaries of S3 access logs that the tool s3logparse makes.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray, UInt64Array};
use sawlog_formats::s3_access;

use crate::groups::{Group, Sums};
use crate::records::Records;
use crate::tally::{Measures, largest};

/// A summary of S3 access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum S3Summary {
    /// Records by user agent.
    Useragent,
    /// Bytes sent by remote address.
    Toptalkers,
    /// Bytes sent in reply to POST requests, by remote address.
    Topuploaders,
    /// Bytes sent in reply to GET requests, by remote address.
    Topdownloaders,
    /// Records by key.
    Topfiles,
}

impl S3Summary {
    /// The column that it groups by.
    fn column(self) -> &'static str {
        match self {
            Self::Useragent => "user_agent",
            Self::Topfiles => "key",
            Self::Toptalkers | Self::Topdownloaders | Self::Topuploaders => "remote_ip",
        }
    }

    /// How the counted requests begin, if not all count.
    fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Useragent | Self::Topfiles | Self::Toptalkers => None,
            Self::Topdownloaders => Some("GET"),
            // The tool itself does not count uploads by PUT.
            Self::Topuploaders => Some("POST"),
        }
    }

    /// Whether it sums bytes; otherwise it counts records.
    #[must_use]
    pub fn is_of_bytes(self) -> bool {
        self.column() == "remote_ip"
    }

    /// The summary as rows of a table.
    ///
    /// # Errors
    ///
    /// Only if there is a bug.
    pub fn table(self, rows: &[(String, u128)]) -> Result<RecordBatch> {
        table(self.column(), if self.is_of_bytes() { "bytes_sent" } else { "count" }, rows)
    }
}

impl Records {
    /// A summary of the S3 access logs: values and their sums, the largest first; up to `number` of them, or all if
    /// it is 0.
    ///
    /// # Errors
    ///
    /// If S3 access logs are not among the records, or data files can't be read.
    pub fn s3_summary(&self, summary: S3Summary, number: usize) -> Result<Vec<(String, u128)>> {
        let query = self.queries().iter().find(|query| query.format.table.name == s3_access::TABLE.name);
        let query = query.context("the store has no S3 access logs, which s3logparse summarises")?;
        let sums = summary.is_of_bytes();
        let only = summary.prefix().map(|prefix| ("request_uri", prefix));
        let measures = Measures { bytes_sent: sums, first_number: sums, only, ..Measures::default() };
        let size_of = |of: &Sums| if sums { of.bytes_sent.unwrap_or_default() } else { u128::from(of.count) };
        // Values that are not shown come last, except records without a value, which may be one of the largest
        // groups.
        let rank = |of: &Sums| if sums { of.bytes_sent.map_or(0, |bytes| bytes + 1) } else { size_of(of) };
        let at_most = if number == 0 { 0 } else { number.saturating_add(1) };
        let mut groups = largest(&[query], &[summary.column().to_owned()], measures, at_most, rank)?;
        groups.retain(
            |Group { values, sums: of, .. }| {
                if sums { of.bytes_sent.is_some() } else { values[0].is_some() }
            },
        );
        if number > 0 {
            groups.truncate(number);
        }
        let row = |Group { mut values, sums, .. }: Group| {
            (values[0].take().unwrap_or_else(|| "-".to_owned()), size_of(&sums))
        };
        Ok(groups.into_iter().map(row).collect())
    }
}

/// A summary as a table.
fn table(column: &str, measure: &str, rows: &[(String, u128)]) -> Result<RecordBatch> {
    let names: StringArray = rows.iter().map(|(name, _)| Some(name)).collect();
    let numbers: Result<Vec<u64>, _> = rows.iter().map(|(_, number)| u64::try_from(*number)).collect();
    let numbers: ArrayRef = if let Ok(numbers) = numbers {
        Arc::new(UInt64Array::from(numbers))
    } else {
        // Sums of forged sizes may exceed 64 bits.
        let numbers = rows.iter().map(|(_, number)| i128::try_from(*number).ok());
        Arc::new(numbers.collect::<Decimal128Array>().with_precision_and_scale(38, 0)?)
    };
    Ok(RecordBatch::try_from_iter([(column, Arc::new(names) as ArrayRef), (measure, numbers)])?)
}
