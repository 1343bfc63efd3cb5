//! How an answer was found, and what was read for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{MetricValue, PruningMetrics};
use sawlog_formats::{counted, size};

/// Notes on what a command does, taken as it goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Explain(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// The notes, by log.
    notes: Vec<(&'static str, String)>,
    /// The plans that were executed, by table.
    plans: Vec<(&'static str, Arc<dyn ExecutionPlan>)>,
}

impl Explain {
    /// Notes how a question about a log is answered.
    pub(crate) fn note(&self, log: &'static str, note: String) {
        if let Ok(mut seen) = self.0.lock() {
            seen.notes.push((log, note));
        }
    }

    /// Notes a plan over a table; its metrics are read after it has been executed.
    pub(crate) fn plan(&self, table: &'static str, plan: &Arc<dyn ExecutionPlan>) {
        if let Ok(mut seen) = self.0.lock() {
            seen.plans.push((table, Arc::clone(plan)));
        }
    }

    /// All lines: one for each note, and one for what was read of each table.
    pub(crate) fn lines(&self) -> Vec<String> {
        let Ok(mut seen) = self.0.lock() else { return Vec::new() };
        // Logs are asked in parallel, in no fixed order.
        seen.notes.sort_by_key(|(log, _)| *log);
        seen.plans.sort_by_key(|(table, _)| *table);
        let mut tables: Vec<(&str, Read)> = Vec::new();
        for (table, plan) in &seen.plans {
            let read = match tables.iter_mut().find(|(name, _)| name == table) {
                Some((_, read)) => read,
                None => &mut tables.push_mut((table, Read::default())).1,
            };
            read.add(plan.as_ref());
        }
        let notes = seen.notes.iter().map(|(log, note)| format!("{log}: {note}"));
        notes.chain(tables.iter().map(|(table, read)| format!("{table}: read {}", read.text()))).collect()
    }
}

/// What the scans of a plan read.
#[derive(Debug, Default)]
struct Read {
    files: HashSet<String>,
    bytes: usize,
    rows: usize,
    row_groups: Share,
    pages: Share,
}

/// How many of some things were looked at.
#[derive(Debug, Default)]
struct Share {
    taken: usize,
    passed_over: usize,
}

impl Share {
    fn text(&self) -> String {
        format!("{} of {}", self.taken, self.taken + self.passed_over)
    }
}

impl Read {
    fn add(&mut self, plan: &dyn ExecutionPlan) {
        for metric in plan.metrics().iter().flat_map(datafusion::physical_plan::metrics::MetricsSet::iter) {
            let value = metric.value();
            match (value.name(), value) {
                ("bytes_scanned", _) => {
                    let names = metric.labels().iter().filter(|label| label.name() == "filename");
                    self.files.extend(names.map(|label| label.value().to_owned()));
                    self.bytes += value.as_usize();
                }
                // Bloom filters come after the statistics, for the row groups that these left.
                ("row_groups_pruned_bloom_filter", MetricValue::PruningMetrics { pruning_metrics, .. }) => {
                    self.row_groups.taken += pruning_metrics.matched();
                    self.row_groups.passed_over += pruning_metrics.pruned();
                }
                ("row_groups_pruned_statistics", MetricValue::PruningMetrics { pruning_metrics, .. }) => {
                    self.row_groups.passed_over += pruning_metrics.pruned();
                }
                ("page_index_pages_pruned", MetricValue::PruningMetrics { pruning_metrics, .. }) => {
                    self.pages.taken += PruningMetrics::matched(pruning_metrics);
                    self.pages.passed_over += pruning_metrics.pruned();
                }
                (_, MetricValue::OutputRows(rows)) if plan.children().is_empty() => self.rows += rows.value(),
                _ => {}
            }
        }
        plan.children().into_iter().for_each(|child| self.add(child.as_ref()));
    }

    fn text(&self) -> String {
        let (files, rows) = (counted(self.files.len(), "data file"), counted(self.rows, "row"));
        let mut text = format!("{files}, {}, {rows}", size(self.bytes as u128));
        if self.row_groups.taken + self.row_groups.passed_over > 0 {
            text += &format!("; {} row groups", self.row_groups.text());
        }
        if self.pages.taken + self.pages.passed_over > 0 {
            text += &format!(", {} pages of these", self.pages.text());
        }
        text
    }
}
