//! The summaries of S3 access logs that the tool s3logparse makes.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use sawlog_formats::s3_access;

use crate::groups::Sums;
use crate::largest::Ranked;
use crate::records::Records;
use crate::tally::{Measures, largest};
use crate::top::numbers;

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
}

/// The result of a summary.
pub struct S3Sums {
    summary: S3Summary,
    groups: Ranked,
    number: usize,
}

impl S3Sums {
    /// The values and their sums, the largest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u128)> + Clone {
        let rows = self.groups.iter().filter_map(|group| {
            let (value, sums) = (group.value(0), group.sums());
            if self.summary.is_of_bytes() {
                return Some((value.unwrap_or("-"), sums.bytes_sent?));
            }
            Some((value?, sums.count.into()))
        });
        rows.take(self.number)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The summary as a table.
    ///
    /// # Errors
    ///
    /// If a sum has more than 38 digits.
    pub fn table(&self) -> Result<RecordBatch> {
        let measure = if self.summary.is_of_bytes() { "bytes_sent" } else { "count" };
        let names: StringArray = self.iter().map(|(name, _)| Some(name)).collect();
        let sums: Vec<u128> = self.iter().map(|(_, sum)| sum).collect();
        let columns = [(self.summary.column(), Arc::new(names) as ArrayRef), (measure, numbers(&sums)?)];
        Ok(RecordBatch::try_from_iter(columns)?)
    }
}

impl Records {
    /// A summary of the S3 access logs: values and their sums, the largest first; up to `number` of them, or all if
    /// it is 0.
    ///
    /// # Errors
    ///
    /// If S3 access logs are not among the records, or data files can't be read.
    pub fn s3_summary(&self, summary: S3Summary, number: usize) -> Result<S3Sums> {
        let query = self.queries().iter().find(|query| query.format.table.name == s3_access::TABLE.name);
        let query = query.context("the store has no S3 access logs, which s3logparse summarises")?;
        let is_of_bytes = summary.is_of_bytes();
        let only = summary.prefix().map(|prefix| ("request_uri", prefix));
        let measures = Measures { bytes_sent: is_of_bytes, first_number: is_of_bytes, only, ..Measures::default() };
        // Values that are not shown come last, except records without a value, which may be one of the largest
        // groups.
        let size = |of: &Sums| if is_of_bytes { of.bytes_sent.map_or(0, |bytes| bytes + 1) } else { of.count.into() };
        let at_most = if number == 0 { 0 } else { number.saturating_add(1) };
        let groups = largest(&[query], &[summary.column().to_owned()], measures, at_most, size)?;
        Ok(S3Sums { summary, groups, number: if number == 0 { usize::MAX } else { number } })
    }
}
