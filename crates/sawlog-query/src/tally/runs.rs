//! Groups on disk, in sorted runs. A merge of the runs adds up one group after another.

use std::array;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, LargeStringArray, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Decimal128Type, DecimalType, Field, Schema, SchemaRef};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::sorts::streaming_merge::{SortedSpillFile, StreamingMergeBuilder};
use futures::StreamExt;
use sawlog_formats::EvidencePlace;

use crate::groups::{First, Groups, Sums};
use crate::largest::Largest;
use crate::memory;

/// Rows in a batch, if memory allows.
const BATCH_ROWS: usize = 8192;

/// Runs of groups. A group has a row for its sums and its first record, and a row for each address that was seen in it.
///
/// The columns are texts, by which the rows are sorted: the group's values, then the address. Another text, the source
/// file of its first record, and [`NUMBERS`] follow.
#[derive(Default)]
pub(super) struct Runs {
    /// How many values a group has.
    values: usize,
    files: Vec<SortedSpillFile>,
}

impl Runs {
    /// No runs of groups by this number of columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { values: columns, files: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Takes over runs of groups by the same columns.
    pub(super) fn take(&mut self, other: Self) {
        self.files.extend(other.files);
    }

    /// Writes groups as a run.
    pub(super) fn write(&mut self, groups: &Groups) -> Result<()> {
        let mut file = self.manager().create_in_progress_file("groups")?;
        let mut largest = 0;
        for rows in groups.in_order().chunks(memory::batch_rows(BATCH_ROWS, 0)) {
            largest = largest.max(file.append_batch(&self.batch(groups, rows)?)?);
        }
        let file = file.finish()?;
        self.files.extend(file.map(|file| SortedSpillFile { file, max_record_batch_memory: largest }));
        Ok(())
    }

    fn schema(&self) -> SchemaRef {
        let texts = self.values + 2;
        let field = |place: usize| {
            let data_type = if place < texts { DataType::LargeUtf8 } else { Decimal128Type::DEFAULT_TYPE };
            Field::new(place.to_string(), data_type, true)
        };
        Arc::new(Schema::new((0..texts + NUMBERS).map(field).collect::<Vec<_>>()))
    }

    fn manager(&self) -> SpillManager {
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        SpillManager::new(memory::environment(), metrics, self.schema())
    }

    /// Rows for groups, each with an address or for its sums.
    fn batch(&self, groups: &Groups, rows: &[(usize, Option<&str>)]) -> Result<RecordBatch> {
        let value = |column: usize| rows.iter().map(move |(place, _)| groups.values(*place).nth(column).flatten());
        let first = |row: &(usize, Option<&str>)| groups.first(row.0).filter(|_| row.1.is_none());
        let mut texts: Vec<LargeStringArray> = (0..self.values).map(|column| value(column).collect()).collect();
        texts.push(rows.iter().map(|(_, ip)| *ip).collect());
        texts.push(rows.iter().map(|row| first(row).map(|first| first.file)).collect());
        let of_row = |row: &(usize, Option<&str>)| {
            let sums = if row.1.is_none() { groups.sums[row.0] } else { Sums::default() };
            to_numbers(&sums, first(row).map(|first| first.line))
        };
        let of_rows: Vec<_> = rows.iter().map(of_row).collect();
        let number = |place: usize| of_rows.iter().map(|numbers| numbers[place]).collect::<Decimal128Array>();
        let texts = texts.into_iter().map(|texts| Arc::new(texts) as ArrayRef);
        let numbers = (0..NUMBERS).map(|place| Arc::new(number(place)) as ArrayRef);
        Ok(RecordBatch::try_new(self.schema(), texts.chain(numbers).collect())?)
    }

    /// Merges the runs, and offers each group to `largest`.
    pub(super) async fn offer_to<S: Fn(&Sums) -> u128>(self, largest: &mut Largest<S>) -> Result<()> {
        let values = self.values;
        let key = |place: usize| PhysicalSortExpr {
            expr: Arc::new(Column::new(&place.to_string(), place)),
            options: SortOptions { descending: false, nulls_first: true },
        };
        let order = LexOrdering::new((0..=values).map(key)).context("keys to merge by")?;
        let mut merged = StreamingMergeBuilder::new()
            .with_schema(self.schema())
            .with_spill_manager(self.manager())
            .with_sorted_spill_files(self.files)
            .with_expressions(&order)
            .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
            .with_batch_size(memory::batch_rows(BATCH_ROWS, 0))
            .with_reservation(memory::for_a_merge())
            .build()?;
        let mut group = Merged::default();
        while let Some(batch) = merged.next().await {
            let rows = Rows::of(&batch?, values)?;
            for row in 0..rows.ips.len() {
                if !rows.values(row).eq(group.values.iter().map(Option::as_deref)) {
                    group.offer_to(largest);
                    let values = rows.values(row).map(|value| value.map(str::to_owned)).collect();
                    group = Merged { values, ..Merged::default() };
                }
                group.add(&rows, row)?;
            }
        }
        group.offer_to(largest);
        Ok(())
    }
}

/// How many numbers a row has.
const NUMBERS: usize = 8;

/// The sums of a group and the line of its first record, as the columns have them.
fn to_numbers(sums: &Sums, line: Option<i64>) -> [Option<i128>; NUMBERS] {
    let Sums { count, errors, bytes_sent, bytes_received, flow_bytes, times: (first, last) } = *sums;
    let [sent, received, flow] = [bytes_sent, Some(bytes_received), flow_bytes].map(|sum| sum.map(u128::cast_signed));
    [
        Some(count.into()),
        Some(errors.into()),
        sent,
        received,
        flow,
        Some(first.into()),
        Some(last.into()),
        line.map(i128::from),
    ]
}

/// The reverse of [`to_numbers`]; `None` if these are not such numbers.
fn of_numbers(numbers: [Option<i128>; NUMBERS]) -> Option<(Sums, Option<i64>)> {
    let [count, errors, sent, received, flow, first, last, line] = numbers;
    let [bytes_sent, bytes_received, flow_bytes] = [sent, received, flow].map(|sum| sum.map(i128::cast_unsigned));
    let small = |number: Option<i128>| i64::try_from(number?).ok();
    let sums = Sums {
        count: u64::try_from(count?).ok()?,
        errors: u64::try_from(errors?).ok()?,
        bytes_sent,
        bytes_received: bytes_received?,
        flow_bytes,
        times: (small(first)?, small(last)?),
    };
    Some((sums, small(line)))
}

/// The rows of a batch.
struct Rows {
    values: Vec<LargeStringArray>,
    ips: LargeStringArray,
    files: LargeStringArray,
    numbers: Vec<Decimal128Array>,
}

impl Rows {
    fn of(batch: &RecordBatch, values: usize) -> Result<Self> {
        let text = |place: usize| batch.column(place).as_string_opt().cloned().context("a run does not hold text");
        let number =
            |place: usize| batch.column(place).as_primitive_opt().cloned().context("a run does not hold numbers");
        let first = values + 2;
        Ok(Self {
            values: (0..values).map(text).collect::<Result<_>>()?,
            ips: text(values)?,
            files: text(values + 1)?,
            numbers: (first..first + NUMBERS).map(number).collect::<Result<_>>()?,
        })
    }

    fn values(&self, row: usize) -> impl Iterator<Item = Option<&str>> {
        self.values.iter().map(move |texts| texts.is_valid(row).then(|| texts.value(row)))
    }
}

/// A group while its rows are read.
#[derive(Default)]
struct Merged {
    values: Vec<Option<String>>,
    sums: Sums,
    first: Option<EvidencePlace>,
    /// The last address, and how many there were.
    ip: Option<String>,
    ips: usize,
}

impl Merged {
    fn add(&mut self, rows: &Rows, row: usize) -> Result<()> {
        if rows.ips.is_valid(row) {
            // They are in order.
            let ip = rows.ips.value(row);
            if self.ip.as_deref() != Some(ip) {
                self.ip = Some(ip.to_owned());
                self.ips += 1;
            }
            return Ok(());
        }
        let number = |place: usize| Some(&rows.numbers[place]).filter(|numbers| numbers.is_valid(row));
        let numbers = array::from_fn(|place| number(place).map(|numbers| numbers.value(row)));
        let (sums, line) = of_numbers(numbers).context("a run does not hold sums")?;
        self.sums.add(&sums);
        if let Some(line) = line {
            let place = EvidencePlace { file: rows.files.value(row), line };
            if self.first().is_none_or(|first| place < first) {
                self.first = Some(place.map(str::to_owned));
            }
        }
        Ok(())
    }

    fn first(&self) -> First<'_> {
        self.first.as_ref().map(EvidencePlace::as_ref)
    }

    fn offer_to<S: Fn(&Sums) -> u128>(&self, largest: &mut Largest<S>) {
        if self.sums.count > 0 {
            largest.offer((&self.sums, self.ips), || self.first(), self.values.iter().map(Option::as_deref));
        }
    }
}
