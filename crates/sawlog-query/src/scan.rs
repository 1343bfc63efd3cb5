//! A table of the store for the query engine: the data files of one snapshot, as Parquet scans.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::object_store::path::{Path as Location, PathPart};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::utils::conjunction_opt;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter_pushdown::PushedDown;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use sawlog_formats::{Kind, Layout};
use sawlog_store::{DataFileEntry, ENTITIES, Snapshot, columns_checksum, location, open_checked, stored_fields};

use crate::checked_readers::{CheckedReaders, LoggedRows};
use crate::error::UnknownColumn;

/// Row numbers by data file.
pub(crate) type Positions = HashMap<String, Vec<u64>>;

/// How filters are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Filtering {
    /// The planner hands them to the scan, which selects the rows.
    #[default]
    InPlan,
    /// The same, but the scan only selects pages by them; the planner filters the rows.
    Pages,
    /// The table hands them to the scan. For a table without groups of columns; with groups, the scan may not select
    /// rows.
    Rows,
}

/// How a table is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadAs {
    /// Text columns, and groups with such columns, that come as dictionaries, as they are stored: for grouping.
    pub(crate) dictionaries: Vec<String>,
    /// Whether the rows of a stream keep their order, with each data file in one or more streams. Then evidence order
    /// costs a merge instead of a sort.
    pub(crate) in_order: bool,
    /// Whether text in groups and lists comes as views, like other text.
    pub(crate) views: bool,
    pub(crate) filtering: Filtering,
    /// The row groups of large data files, by path; they are dealt out to several streams.
    pub(crate) row_groups: HashMap<String, Vec<RowGroup>>,
}

/// A snapshot of a table.
pub(crate) struct StoreTable {
    schema: TableSchema,
    /// The data files, each with its path in the snapshot and its rows.
    files: Vec<(DataFileEntry, PartitionedFile)>,
    is_index: bool,
    in_order: bool,
    filtering: Filtering,
    row_groups: HashMap<String, Vec<RowGroup>>,
}

impl fmt::Debug for StoreTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreTable").field("files", &self.files.len()).finish()
    }
}

impl StoreTable {
    pub(crate) fn new(snapshot: &Snapshot, read_as: &ReadAs) -> Result<Self> {
        let fields: Vec<Field> = snapshot
            .table
            .columns
            .iter()
            .map(|column| {
                let as_dictionary = read_as.dictionaries.iter().any(|name| name == column.name);
                let data_type = match (column.kind, column.layout) {
                    (Kind::Text, Layout::Dictionary) if as_dictionary => {
                        DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
                    }
                    (Kind::Text, _) => DataType::Utf8View,
                    (Kind::Struct(_), _) if as_dictionary => column.dictionary_type(),
                    // A merge copies its input, and a view is copied faster than text.
                    (Kind::Struct(_) | Kind::List(_), _) if read_as.views => with_views(&column.data_type()),
                    (Kind::Bytes, _) => DataType::BinaryView,
                    _ => column.data_type(),
                };
                Field::new(column.name, data_type, true)
            })
            .collect();
        let file_schema = Arc::new(Schema::new(fields));
        let date = Arc::new(Field::new("date", DataType::Date32, true));
        let partitions = if snapshot.table.times.is_empty() { Vec::new() } else { vec![date] };
        let schema = TableSchema::builder(Arc::clone(&file_schema)).with_table_partition_cols(partitions).build();
        let folder = &snapshot.folder;
        let root = if snapshot.files.is_empty() {
            Location::default()
        } else {
            location(folder).with_context(|| folder.display().to_string())?
        };
        let columns = columns_checksum(snapshot.table);
        let files = snapshot.files.iter().map(|entry| {
            // The engine trusts the footer.
            let opened = open_checked(folder, entry)?;
            // A file that was written before its table had all columns has a schema of its own.
            let stored = if entry.columns == Some(columns) {
                Arc::clone(&file_schema)
            } else {
                Arc::new(
                    stored_schema(&opened, &file_schema)
                        .with_context(|| folder.join(&entry.path).display().to_string())?,
                )
            };
            let mut file = PartitionedFile::new(String::new(), entry.size).with_arrow_schema(stored);
            file = file.with_extension(LoggedRows { rows: entry.rows, path: folder.join(&entry.path) });
            file.object_meta.location = root.parts().chain(entry.path.split('/').map(PathPart::from)).collect();
            if !snapshot.table.times.is_empty() {
                let date = entry.date.as_deref().and_then(|date| date.parse::<jiff::civil::Date>().ok());
                let epoch = jiff::civil::date(1970, 1, 1);
                let days = date.and_then(|date| epoch.until(date).ok()).map(|span| span.get_days());
                file = file.with_partition_values(vec![ScalarValue::Date32(days)]);
            }
            Ok((entry.clone(), file))
        });
        Ok(Self {
            schema,
            files: files.collect::<Result<_>>()?,
            is_index: snapshot.table.name == ENTITIES.name,
            in_order: read_as.in_order,
            filtering: read_as.filtering,
            row_groups: read_as.row_groups.clone(),
        })
    }

    /// The same table, reading only some rows of some data files.
    pub(crate) fn at(mut self, positions: &Positions) -> Self {
        for (entry, file) in &mut self.files {
            // An index that names rows that don't exist is wrong; the file is read whole.
            if let Some(rows) = positions.get(&entry.path).filter(|rows| rows.iter().all(|row| *row < entry.rows)) {
                let selection = ParquetRowSelection::new(selection(rows, entry.rows));
                *file = file.clone().with_extension(selection);
            }
        }
        self
    }
}

/// A type of groups or lists, with views in place of text.
fn with_views(data_type: &DataType) -> DataType {
    let with = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(with_views(field.data_type())));
    match data_type {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(with).collect()),
        DataType::List(element) => DataType::List(with(element)),
        other => other.clone(),
    }
}

/// The fields of its table that a data file has.
fn stored_schema(file: &File, table: &Schema) -> Result<Schema> {
    let footer = ParquetMetaDataReader::new().parse_and_finish(file).context("can't read the footer")?;
    let stored = stored_fields(table, footer.file_metadata().schema_descr());
    stored.map_err(|unknown| UnknownColumn(unknown).into())
}

/// The footers of some data files.
#[derive(Debug, Default)]
pub(crate) struct Footers {
    /// The columns in which no record has a value.
    pub(crate) empty: HashSet<String>,
    /// The row groups of each file, by its path.
    pub(crate) row_groups: HashMap<String, Vec<RowGroup>>,
}

/// A row group of a data file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowGroup {
    /// Where it begins, in bytes.
    start: i64,
    rows: i64,
}

impl Footers {
    pub(crate) fn read(folder: &Path, files: &[DataFileEntry]) -> Result<Self> {
        let mut empty: Option<HashSet<String>> = None;
        let mut row_groups = HashMap::new();
        for entry in files {
            let file = open_checked(folder, entry)?;
            let footer = ParquetMetaDataReader::new().parse_and_finish(&file);
            let footer = footer.with_context(|| format!("can't read the footer of {}", entry.path))?;
            for row_group in footer.row_groups() {
                let is_empty = |column: &&ColumnChunkMetaData| {
                    let nulls = column.statistics().and_then(Statistics::null_count_opt);
                    nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(row_group.num_rows()))
                };
                // A column in a group has a longer path, which no name matches.
                let names = row_group.columns().iter().filter(is_empty).map(|column| column.column_path().string());
                let names: HashSet<String> = names.collect();
                empty = Some(empty.map_or_else(|| names.clone(), |empty| &empty & &names));
            }
            let row_group = |row_group: &RowGroupMetaData| {
                let start = row_group.columns().first().map_or(0, |column| column.byte_range().0);
                RowGroup { start: i64::try_from(start).unwrap_or(i64::MAX), rows: row_group.num_rows() }
            };
            row_groups.insert(entry.path.clone(), footer.row_groups().iter().map(row_group).collect());
        }
        Ok(Self { empty: empty.unwrap_or_default(), row_groups })
    }
}

/// The first source file in each partition of a scan, according to the footers of the data files: its name, or the
/// beginning of it. It is empty where that is not known.
pub(crate) fn first_source_files(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<String>> {
    let mut scan = plan;
    while let [input] = scan.children()[..] {
        scan = input;
    }
    let source =
        scan.downcast_ref::<DataSourceExec>().and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>);
    let (config, _) = source.context("a plan that reads data files")?;
    let first_of = |group: &FileGroup| {
        let first =
            |file: &PartitionedFile| file.extension::<LoggedRows>().map_or(Ok(String::new()), first_source_file);
        group.files().first().map_or(Ok(String::new()), first)
    };
    config.file_groups.iter().map(first_of).collect()
}

fn first_source_file(LoggedRows { path, .. }: &LoggedRows) -> Result<String> {
    let named = || format!("can't read the footer of {}", path.display());
    let file = File::open(path).with_context(named)?;
    let footer = ParquetMetaDataReader::new().parse_and_finish(&file).with_context(named)?;
    let least = |row_group: &RowGroupMetaData| {
        let column = row_group.columns().iter().find(|column| column.column_path().string() == "source_file");
        column.and_then(|column| column.statistics()?.min_bytes_opt().map(<[u8]>::to_vec)).unwrap_or_default()
    };
    let least = footer.row_groups().iter().map(least).min().unwrap_or_default();
    // Statistics may be cut within a letter.
    Ok(least.utf8_chunks().next().map(|chunk| chunk.valid().to_owned()).unwrap_or_default())
}

/// Where to cut a file of `size` bytes into parts of about as many rows: the ranges in which row groups begin.
fn cuts(row_groups: &[RowGroup], size: i64, parts: i64) -> Vec<Range<i64>> {
    // Wide enough for anything that a damaged footer says.
    let rows = |row_group: &RowGroup| i128::from(row_group.rows.max(0));
    let all: i128 = row_groups.iter().map(rows).sum();
    let mut starts = Vec::new();
    let mut before = 0;
    for row_group in row_groups {
        // The next part begins with the row group whose middle is past its share.
        let part = i64::try_from(starts.len()).unwrap_or(parts);
        let middle = before + rows(row_group) / 2;
        if part < parts && middle * i128::from(parts) >= all * i128::from(part) {
            starts.push(if part == 0 { 0 } else { row_group.start });
        }
        before += rows(row_group);
    }
    // The engine may cut ranges again, by their sizes: so the last one must not go beyond the file.
    let ends = starts.iter().skip(1).copied().chain([size]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

impl StoreTable {
    /// The data files, or parts of them if their row groups are known, in up to `most` groups.
    fn dealt_out(&self, groups: usize) -> Vec<FileGroup> {
        let mut dealt = vec![Vec::new(); groups];
        for (place, (entry, file)) in self.files.iter().enumerate() {
            let is_cut = |row_groups: &&Vec<RowGroup>| groups > 1 && row_groups.len() >= groups;
            let row_groups = self.row_groups.get(&entry.path).filter(is_cut);
            let [size, most] =
                [i64::try_from(entry.size), i64::try_from(groups)].map(|number| number.unwrap_or(i64::MAX));
            let parts = row_groups.map(|row_groups| cuts(row_groups, size, most));
            match parts {
                None => dealt[place % groups].push(file.clone()),
                Some(parts) => dealt
                    .iter_mut()
                    .zip(parts)
                    .for_each(|(group, part)| group.push(file.clone().with_range(part.start, part.end))),
            }
        }
        dealt.retain(|group| !group.is_empty());
        dealt.into_iter().map(FileGroup::new).collect()
    }
}

/// The column that marks the rows that match the filters, among those that were read.
pub(crate) const KEEP: &str = "q_keep";

impl StoreTable {
    /// A scan that does everything: it returns what is `wanted` of the rows that match a condition. If it also
    /// returns other rows, [`KEEP`] marks the matching ones. A planner would take longer than some scans.
    pub(crate) async fn plan(
        &self,
        state: &SessionState,
        wanted: Vec<Expr>,
        condition: Option<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = Arc::new(DFSchema::try_from(self.schema())?);
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(Arc::clone(&schema)).build());
        let simple = |expr: Expr| simplifier.simplify(simplifier.coerce(expr, &schema)?);
        let physical = |expr: Expr| state.create_physical_expr(expr, &schema);
        let conditions = condition.map(simple).transpose()?.map(split_conjunction_owned).unwrap_or_default();
        let conditions: Vec<_> = conditions.into_iter().map(physical).collect::<Result<_, _>>()?;
        let column = |expr: Expr| {
            let name = expr.schema_name().to_string();
            anyhow::Ok(ProjectionExpr::new(physical(simple(expr.unalias())?)?, name))
        };
        let mut columns = wanted.into_iter().map(column).collect::<Result<Vec<_>>>()?;

        let mut scan = self.scan(state, None, &[], None).await?;
        let options = state.config_options();
        if let Some(source) = scan.downcast_ref::<DataSourceExec>() {
            let pushed = source.data_source().try_pushdown_filters(conditions.clone(), options)?;
            let is_left = |pushed: &PushedDown| matches!(pushed, PushedDown::No);
            let left = conditions.into_iter().zip(&pushed.filters).filter(|(_, pushed)| is_left(pushed));
            let left = conjunction_opt(left.map(|(condition, _)| condition));
            columns.extend(left.map(|left| ProjectionExpr::new(left, KEEP.to_owned())));
            scan = pushed.updated_node.map_or(scan, |source| Arc::new(DataSourceExec::new(source)));
        }
        let projection = ProjectionExec::try_new(columns, Arc::clone(&scan))?;
        // The scan then reads only the wanted part of a group of columns.
        let plan = scan.try_swapping_with_projection(&projection)?.unwrap_or_else(|| Arc::new(projection));
        Ok(plan.repartitioned(state.config().target_partitions(), options)?.unwrap_or(plan))
    }
}

/// A selection of some rows of a file, given in ascending order.
fn selection(rows: &[u64], all: u64) -> RowSelection {
    let ranges = rows.iter().filter_map(|row| usize::try_from(*row).ok()).map(|row| row..row + 1);
    RowSelection::from_consecutive_ranges(ranges, usize::try_from(all).unwrap_or(usize::MAX))
}

#[async_trait::async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![
            match self.filtering {
                // The scan still skips row groups and pages by them.
                Filtering::InPlan => TableProviderFilterPushDown::Inexact,
                Filtering::Pages | Filtering::Rows => TableProviderFilterPushDown::Exact,
            };
            filters.len()
        ])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let store = state.runtime_env().object_store(ObjectStoreUrl::local_filesystem())?;
        let mut source = ParquetSource::new(self.schema.clone())
            .with_parquet_file_reader_factory(Arc::new(CheckedReaders::new(store)))
            .with_pushdown_filters(self.filtering != Filtering::Pages)
            .with_enable_page_index(true)
            // The index is sorted, so its statistics say as much.
            .with_bloom_filter_on_read(!self.is_index);
        if let Some(filter) = conjunction(filters.iter().cloned()).filter(|_| self.filtering != Filtering::InPlan) {
            let schema = DFSchema::try_from(self.schema())?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let partitions = state.config().target_partitions().max(1);
        let mut groups: Vec<FileGroup> = if self.in_order {
            self.files.iter().map(|(_, file)| FileGroup::new(vec![file.clone()])).collect()
        } else {
            self.dealt_out(partitions)
        };
        // A scan needs at least one stream, even an empty one.
        groups.resize(groups.len().max(1), FileGroup::default());
        let mut config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_limit(limit)
            // Otherwise a stream takes over files of another one that falls behind.
            .with_preserve_order(self.in_order)
            .with_projection_indices(projection.cloned())?;
        if self.in_order && !self.is_index {
            let schema = self.schema();
            // So that dealing out the files again leaves each stream in order.
            let options = SortOptions { descending: false, nulls_first: false };
            let order = ["source_file", "source_line"]
                .map(|name| col(name, &schema).map(|column| PhysicalSortExpr::new(column, options)));
            let order = order.into_iter().collect::<datafusion::error::Result<Vec<_>>>()?;
            config = config.with_output_ordering(LexOrdering::new(order).into_iter().collect());
        }
        Ok(DataSourceExec::from_data_source(config.build()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_files_have_as_many_rows() {
        let row_groups = |rows: &[i64]| -> Vec<RowGroup> {
            let row_group = |(start, rows): (i64, &i64)| RowGroup { start, rows: *rows };
            (4..).step_by(100).zip(rows).map(row_group).collect()
        };
        assert_eq!(cuts(&row_groups(&[10; 16]), 2000, 2), [0..804, 804..2000]);
        assert_eq!(cuts(&row_groups(&[10, 10, 3]), 400, 2), [0..104, 104..400]);
        assert_eq!(cuts(&row_groups(&[90, 10]), 400, 2), [0..104, 104..400]);
        assert_eq!(cuts(&row_groups(&[i64::MAX, i64::MAX, -1]), 400, 2), [0..104, 104..400]);
        assert_eq!(cuts(&row_groups(&[1]), 400, 2), cuts(&row_groups(&[1]), 400, 1));
        // Each row group begins in exactly one part.
        for sizes in [vec![5, 1, 1, 1, 90, 2], vec![0, 0, 0, 0], vec![7; 9]] {
            let row_groups = row_groups(&sizes);
            let parts = cuts(&row_groups, 2000, 4);
            assert!(parts.len() <= 4, "{parts:?}");
            for row_group in row_groups {
                assert_eq!(parts.iter().filter(|part| part.contains(&row_group.start)).count(), 1, "{parts:?}");
            }
        }
    }
}
