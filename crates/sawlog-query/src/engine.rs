//! The query engine: its sessions, and how queries are executed.

use std::sync::{Arc, LazyLock};

use anyhow::Result;
use arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;
use sawlog_store::DurableFiles;

use crate::compact::compacted;
use crate::explain::Explain;
use crate::memory;

/// Rows in a batch: enough that work done once per batch weighs little, and so few that a batch's columns reuse the
/// memory of the last one.
pub(crate) const BATCH_ROWS: usize = 16_384;

/// The schema that the tables are in.
pub(crate) const SCHEMA: &str = "main";

/// The engine with all its functions, which are registered once.
static ENGINE: LazyLock<SessionState> = LazyLock::new(|| new_session(BATCH_ROWS, 0).state());

/// Sets up the engine, if that was not done yet.
pub(crate) fn prepare() {
    LazyLock::force(&ENGINE);
}

/// A session of the query engine for tables without names, whose rows take up to this many bytes on disk. Registrations
/// in one are visible in all.
pub(crate) fn session(batch_rows: usize, row_bytes: u64) -> SessionContext {
    let mut state = ENGINE.clone();
    *state.config_mut() = state.config().clone().with_batch_size(memory::batch_rows(batch_rows, row_bytes));
    SessionContext::new_with_state(state)
}

/// A separate session of the query engine.
pub(crate) fn new_session(batch_rows: usize, row_bytes: u64) -> SessionContext {
    let config =
        SessionConfig::new().with_batch_size(memory::batch_rows(batch_rows, row_bytes)).with_information_schema(true);
    // This makes TIMESTAMPTZ UTC, like the times of the logs.
    let config = config.set_str("datafusion.execution.time_zone", "UTC");
    // As DuckDB calls it: `main.events`.
    let config = config.with_default_catalog_and_schema("sawlog", SCHEMA);
    // As in DuckDB and Athena: of ORDER BY bytes DESC, the first rows are the largest, not those without a value.
    let config = config.set_str("datafusion.sql_parser.default_null_ordering", "nulls_last");
    // For our functions, the planner and its plans say different things about nulls. Only this check minds.
    let config = config.set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true);
    let session = SessionContext::new_with_config_rt(memory::within_limit(config), memory::environment());
    session.register_object_store(ObjectStoreUrl::local_filesystem().as_ref(), Arc::new(DurableFiles::default()));
    session
}

/// The plan of a query.
pub(crate) async fn planned(frame: DataFrame) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let rows = frame.task_ctx().session_config().batch_size();
    let plan = frame.create_physical_plan().await?;
    if memory::are_wide(rows) { compacted(plan) } else { Ok(plan) }
}

/// Executes a query.
pub(crate) async fn execute(
    frame: DataFrame,
    table: &'static str,
    explain: &Explain,
) -> Result<SendableRecordBatchStream> {
    let context = Arc::new(frame.task_ctx());
    let plan = planned(frame).await?;
    explain.plan(table, &plan);
    Ok(execute_stream(plan, context)?)
}

/// The same, all batches at once.
pub(crate) async fn collect(frame: DataFrame, table: &'static str, explain: &Explain) -> Result<Vec<RecordBatch>> {
    Ok(execute(frame, table, explain).await?.try_collect().await?)
}
