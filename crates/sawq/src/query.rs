//! The records that a command is about: the table of the store, the filters, and the engine that reads them.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
use arrow::array::{AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionConfig, SessionContext, col};
use futures::StreamExt;
use sawlog_formats::s3_access::{self, LinePrinter};
use sawlog_store::{Snapshot, Store};

use crate::cli::FilterArgs;
use crate::filter::Filters;
use crate::scan::{ReadAs, StoreTable};

/// Rows to a batch: large, so that work done once a batch weighs little.
const BATCH_ROWS: usize = 32_768;

/// A store, and the records in it that the filters leave.
pub(crate) struct Query {
    pub(crate) store: Store,
    pub(crate) snapshot: Snapshot,
    pub(crate) filters: Filters,
}

impl Query {
    /// Opens the table of S3 requests.
    pub(crate) fn open(store: Store, args: &FilterArgs) -> Result<Self> {
        let mut snapshot = store.snapshot(&s3_access::TABLE)?;
        let filters = Filters::new(args, last_time(&snapshot))?;
        // Whole days before or after the time asked for need no opening.
        let day = |micros: i64| i32::try_from(micros.div_euclid(86_400_000_000)).map(sawlog_formats::date_name).ok();
        let since = filters.since.and_then(day);
        let until = filters.until.and_then(|until| day(until.saturating_sub(1)));
        snapshot.files.retain(|file| {
            let date = file.date.as_ref();
            let late_enough = since.as_ref().is_none_or(|since| date.is_none_or(|date| date >= since));
            late_enough && until.as_ref().is_none_or(|until| date.is_none_or(|date| date <= until))
        });
        Ok(Self { store, snapshot, filters })
    }

    /// The records with their columns, before `--match` is looked at.
    pub(crate) fn frame(&self, read_as: &ReadAs) -> Result<DataFrame> {
        let context = session();
        let table = StoreTable::new(&self.snapshot, read_as)?;
        let frame = context.read_table(std::sync::Arc::new(table))?;
        Ok(match self.filters.expr() {
            Some(expr) => frame.filter(expr)?,
            None => frame,
        })
    }

    /// The columns of the records, in streams that can be read at the same time.
    pub(crate) async fn streams(&self, columns: &[String], read_as: &ReadAs) -> Result<Vec<SendableRecordBatchStream>> {
        let frame = self.select(self.frame(read_as)?, columns)?;
        Ok(frame.execute_stream_partitioned().await?)
    }

    /// Takes the columns asked for, or all of a line's where `--match` needs them.
    pub(crate) fn select(&self, frame: DataFrame, columns: &[String]) -> Result<DataFrame> {
        if self.filters.text.is_some() {
            return Ok(frame);
        }
        let distinct: HashSet<&String> = columns.iter().collect();
        let schema = frame.schema().clone();
        let kept = schema.fields().iter().filter(|field| distinct.contains(field.name()));
        Ok(frame.select(kept.map(|field| col(field.name())).collect::<Vec<_>>())?)
    }

    /// Leaves the rows whose line `--match` matches.
    pub(crate) fn match_text(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let Some((regex, negate)) = &self.filters.text else { return Ok(batch) };
        let printer = LinePrinter::new(&batch)?;
        let mut line = Vec::new();
        let mask: BooleanArray = (0..batch.num_rows())
            .map(|row| {
                line.clear();
                printer.print(row, &mut line);
                Some(regex.is_match(&line) != *negate)
            })
            .collect();
        Ok(filter_record_batch(&batch, &mask)?)
    }

    /// Calls `take` for each batch of the records, in the order of the frame.
    pub(crate) fn for_each(&self, frame: DataFrame, mut take: impl FnMut(&RecordBatch) -> Result<bool>) -> Result<()> {
        self.store.block_on(async {
            let mut stream = frame.execute_stream().await?;
            while let Some(batch) = stream.next().await {
                let batch = self.match_text(batch?)?;
                if batch.num_rows() > 0 && !take(&batch)? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// A session of the query engine.
pub(crate) fn session() -> SessionContext {
    let config = SessionConfig::new().with_batch_size(BATCH_ROWS).with_information_schema(true);
    SessionContext::new_with_config(config)
}

/// The time of the last record, by the statistics of the data files.
fn last_time(snapshot: &Snapshot) -> Option<i64> {
    let times = snapshot.files.iter().filter_map(|file| {
        let stats: serde_json::Value = serde_json::from_str(&file.stats).ok()?;
        let last: jiff::Timestamp = stats["maxValues"]["time"].as_str()?.parse().ok()?;
        Some(last.as_microsecond())
    });
    times.max()
}

/// Names the column, or says which one may have been meant.
pub(crate) fn column(name: &str) -> Result<String> {
    let name = match name {
        "ip" => "remote_ip",
        "user" => "requester",
        "agent" | "useragent" => "user_agent",
        "status" => "http_status",
        "error" => "error_code",
        "region" => "source_region",
        other => other,
    };
    let mut names: Vec<&str> = s3_access::TABLE.columns.iter().map(|column| column.name).collect();
    names.push("date");
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    match crate::near::nearest(name, names.iter().copied()) {
        Some(near) => bail!("there is no column '{name}'; did you mean '{near}'?"),
        None => bail!("there is no column '{name}'; the columns are {}", names.join(", ")),
    }
}

/// The times in a batch.
pub(crate) fn times(batch: &RecordBatch) -> Result<&TimestampMicrosecondArray> {
    batch
        .column_by_name("time")
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>())
        .context("no times")
}
