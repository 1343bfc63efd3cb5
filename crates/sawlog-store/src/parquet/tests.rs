//! What the encoder writes, the stock reader reads: values, statistics, page index and Bloom filters.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Int64Type, UInt32Type};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::bloom_filter::Sbbf;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;
use sawlog_formats::{Column, Kind, Layout, Table};

use super::{Codec, DataFile, Encoder};

const TABLE: Table = Table {
    name: "test",
    doc: "",
    columns: &[
        Column::text("dictionary", "").lookup(),
        Column::text("plain", "").layout(Layout::Plain).lookup(),
        Column::text("bytes", "").kind(Kind::Bytes).layout(Layout::Plain),
        Column::int64("number", ""),
        Column::int64("line", "").layout(Layout::Delta),
        Column::text("status", "").kind(Kind::Int32),
        Column::text("time", "").kind(Kind::Time),
    ],
    times: &[],
};

type Row = (Option<String>, Option<String>, Option<Vec<u8>>, Option<i64>, i64, Option<i32>, i64);

fn batch(rows: &[Row]) -> RecordBatch {
    let text: DictionaryArray<UInt32Type> = rows.iter().map(|row| row.0.as_deref()).collect();
    let numbers: Int64Array = rows.iter().map(|row| Some(row.6)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(text),
        Arc::new(rows.iter().map(|row| row.1.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.2.as_deref()).collect::<BinaryArray>()),
        Arc::new(rows.iter().map(|row| row.3).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.4)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.5).collect::<arrow::array::Int32Array>()),
        cast(&numbers, &TABLE.columns[6].data_type()).unwrap(),
    ];
    RecordBatch::try_from_iter(TABLE.columns.iter().map(|column| column.name).zip(columns)).unwrap()
}

/// The batch with the table's own types, as a reader gives it.
fn plain(batch: &RecordBatch) -> RecordBatch {
    let schema = TABLE.schema();
    let columns =
        batch.columns().iter().zip(schema.fields()).map(|(array, field)| cast(array, field.data_type()).unwrap());
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

fn write(batches: &[RecordBatch], codec: Codec) -> (tempfile::TempDir, File) {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = Encoder::new(&TABLE, codec).unwrap();
    let mut file = DataFile::create(folder.path().join("a/b.parquet"), &TABLE).unwrap();
    for batch in batches {
        let row_group = encoder.encode(batch).unwrap();
        file.append(row_group).unwrap();
    }
    let path = file.path().to_owned();
    file.close().unwrap();
    (folder, File::open(path).unwrap())
}

fn read(file: &File) -> RecordBatch {
    let options = ArrowReaderOptions::new().with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file.try_clone().unwrap(), options).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().unwrap().collect::<Result<_, _>>().unwrap();
    concat_batches(&schema, &batches).unwrap()
}

fn row() -> impl Strategy<Value = Row> {
    let long = prop_oneof![3 => "[a-c]{0,2}", 1 => "[a-z\u{e4}\u{10ffff}]{60,80}"];
    (
        prop::option::weighted(0.9, long.clone()),
        prop::option::weighted(0.9, long),
        prop::option::weighted(0.1, prop::collection::vec(any::<u8>(), 0..80)),
        prop::option::weighted(0.8, prop_oneof![0..4i64, any::<i64>()]),
        prop_oneof![4 => 0..1000i64, 1 => any::<i64>()],
        prop::option::of(prop_oneof![200..204i32, any::<i32>()]),
        -1_000_000..1_000_000i64,
    )
}

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![Just(Codec::Zstd), Just(Codec::Snappy), Just(Codec::Lz4), Just(Codec::None)]
}

/// Repeats rows so that runs, and more than one page, occur.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((row(), prop_oneof![5 => 1..3usize, 3 => 7..40usize, 1 => 10_000..20_000usize]), 1..12)
        .prop_map(|runs| runs.into_iter().flat_map(|(row, times)| std::iter::repeat_n(row, times)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_stock_reader_reads_what_was_written(groups in prop::collection::vec(rows(), 1..3), codec in codec()) {
        let batches: Vec<RecordBatch> = groups.iter().map(|rows| batch(rows)).collect();
        let (_folder, file) = write(&batches, codec);
        let plain: Vec<RecordBatch> = batches.iter().map(plain).collect();
        let expected = concat_batches(&TABLE.schema(), &plain).unwrap();
        let found = read(&file);
        prop_assert_eq!(found.columns(), expected.columns());
    }

    #[test]
    fn a_flipped_bit_in_a_page_is_never_another_value(rows in rows(), codec in codec(), place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (folder, file) = write(&[batch(&rows)], codec);
        let expected = read(&file);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let chunks = builder.metadata().row_group(0).columns();
        let (first, last) = (&chunks[0], &chunks[chunks.len() - 1]);
        let end = last.byte_range().0 + last.byte_range().1;
        let span = usize::try_from(end - first.byte_range().0).unwrap();
        let at = first.byte_range().0 + place.index(span) as u64;
        let path = folder.path().join("a/b.parquet");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 1 << bit;
        std::fs::write(&path, bytes).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        // Only reading the pages can fail. At some headers the reader panics, which the binaries turn into an error.
        let read = || builder.build().unwrap().collect::<Result<Vec<_>, _>>();
        if let Ok(Ok(batches)) = catch_unwind(AssertUnwindSafe(read)) {
            let found = concat_batches(&expected.schema(), &batches).unwrap();
            prop_assert_eq!(found.columns(), expected.columns());
        }
    }

    #[test]
    fn ranges_hold_every_value(rows in rows()) {
        let (_folder, file) = write(&[batch(&rows)], Codec::Zstd);
        let options = ArrowReaderOptions::new().with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap();
        let metadata = builder.metadata();
        let statistics = |column: usize| metadata.row_group(0).column(column).statistics().unwrap();
        for (column, text) in [(0, rows.iter().map(|row| row.0.as_deref()).collect::<Vec<_>>()), (1, rows.iter().map(|row| row.1.as_deref()).collect())] {
            let statistics = statistics(column);
            let nulls = text.iter().filter(|value| value.is_none()).count() as u64;
            prop_assert_eq!(statistics.null_count_opt(), Some(nulls));
            for value in text.iter().flatten() {
                prop_assert!(statistics.min_bytes_opt().unwrap() <= value.as_bytes());
                prop_assert!(statistics.max_bytes_opt().is_none_or(|max| max >= value.as_bytes()));
            }
            let index = &metadata.column_index().unwrap()[0][column];
            let offsets = metadata.offset_index().unwrap()[0][column].page_locations();
            let ColumnIndexMetaData::BYTE_ARRAY(index) = index else { panic!("another index") };
            for (page, location) in offsets.iter().enumerate() {
                let first = usize::try_from(location.first_row_index).unwrap();
                let end = offsets.get(page + 1).map_or(rows.len(), |next| usize::try_from(next.first_row_index).unwrap());
                for value in text[first..end].iter().flatten() {
                    prop_assert!(index.min_value(page).unwrap() <= value.as_bytes());
                    prop_assert!(index.max_value(page).unwrap() >= value.as_bytes());
                }
            }
        }
        let (min, max) = (rows.iter().map(|row| row.6).min(), rows.iter().map(|row| row.6).max());
        prop_assert_eq!(statistics(6).min_bytes_opt().map(<[u8]>::to_vec), min.map(|min| min.to_le_bytes().to_vec()));
        prop_assert_eq!(statistics(6).max_bytes_opt().map(<[u8]>::to_vec), max.map(|max| max.to_le_bytes().to_vec()));
    }
}

#[test]
fn bloom_filters_know_every_value() {
    let rows: Vec<Row> =
        (0..1000).map(|n| (Some(format!("a{}", n % 50)), Some(format!("b{n}")), None, None, n, None, n)).collect();
    let (_folder, file) = write(&[batch(&rows)], Codec::Zstd);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let filter = |column: usize| -> Sbbf { builder.get_row_group_column_bloom_filter(0, column).unwrap().unwrap() };
    let (dictionary, plain) = (filter(0), filter(1));
    assert!((0..50).all(|n| dictionary.check(format!("a{n}").as_str())));
    assert!((0..1000).all(|n| plain.check(format!("b{n}").as_str())));
    let wrong = (0..1000).filter(|n| plain.check(format!("c{n}").as_str())).count();
    assert!(wrong < 50, "{wrong} of 1000 absent values may be there");
    let batch = builder.build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column(0).data_type(), &DataType::Utf8);
    assert_eq!(batch.column(4).as_primitive::<Int64Type>().value(999), 999);
    assert_eq!(batch.column(2).null_count(), 1000);
}

/// A table of numbers with a fraction.
const FRACTIONS: Table =
    Table { name: "fractions", doc: "", columns: &[Column::text("seconds", "").kind(Kind::Float64)], times: &[] };

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn fractions_come_back_with_their_range(
        runs in prop::collection::vec((prop::option::weighted(0.9, prop_oneof![-4..9i32, any::<i32>()]), 1..3_000usize), 1..40),
    ) {
        let values: Vec<Option<f64>> =
            runs.iter().flat_map(|(value, times)| std::iter::repeat_n(value.map(|value| f64::from(value) / 8.0), *times)).collect();
        let array: ArrayRef = Arc::new(values.iter().copied().collect::<arrow::array::Float64Array>());
        let batch = RecordBatch::try_from_iter_with_nullable([("seconds", array, true)]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fractions.parquet");
        let mut file = DataFile::create(path.clone(), &FRACTIONS).unwrap();
        file.append(Encoder::new(&FRACTIONS, Codec::Zstd).unwrap().encode(&batch).unwrap()).unwrap();
        let (metadata, ..) = file.close().unwrap();
        let found = read(&File::open(path).unwrap());
        prop_assert_eq!(found.columns(), batch.columns());
        let range = |values: &[Option<f64>]| {
            let there = || values.iter().copied().flatten();
            (there().min_by(f64::total_cmp), there().max_by(f64::total_cmp))
        };
        let Some(Statistics::Double(told)) = metadata.row_group(0).column(0).statistics() else { panic!("no statistics") };
        prop_assert_eq!((told.min_opt().copied(), told.max_opt().copied()), range(&values));
        let Some(ColumnIndexMetaData::DOUBLE(pages)) = metadata.column_index().map(|index| &index[0][0]) else {
            return Ok(());
        };
        for (page, rows) in values.chunks(16_384).enumerate() {
            prop_assert_eq!((pages.min_value(page).copied(), pages.max_value(page).copied()), range(rows));
        }
    }
}

/// A table with groups, a group in a group, and a list of groups.
const NESTED: Table = Table {
    name: "nested",
    doc: "",
    columns: &[
        Column::text("flag", "").kind(Kind::Bool),
        Column::group(
            "outer",
            "",
            &[
                Column::text("text", ""),
                Column::group(
                    "inner",
                    "",
                    &[Column::int64("number", ""), Column::text("plain", "").layout(Layout::Plain)],
                ),
            ],
        ),
        Column::text("list", "").kind(Kind::List(&[Column::text("text", ""), Column::int64("number", "")])),
        Column::int64("line", "").layout(Layout::Delta),
    ],
    times: &[],
};

type Inner = Option<(Option<i64>, Option<String>)>;
type Outer = Option<(Option<String>, Inner)>;
type Item = (Option<String>, Option<i64>);
type NestedRow = (Option<bool>, Outer, Option<Vec<Item>>);

/// The rows as JSON, from which Arrow's own reader makes the batch.
fn nested_batch(rows: &[NestedRow]) -> RecordBatch {
    use serde_json::json;
    let lines: Vec<serde_json::Value> = rows
        .iter()
        .enumerate()
        .map(|(line, (flag, outer, list))| {
            let inner =
                |inner: &Inner| inner.as_ref().map(|(number, plain)| json!({ "number": number, "plain": plain }));
            let outer = outer.as_ref().map(|(text, nested)| json!({ "text": text, "inner": inner(nested) }));
            let items = list.as_ref().map(|items| {
                items.iter().map(|(text, number)| json!({ "text": text, "number": number })).collect::<Vec<_>>()
            });
            json!({ "flag": flag, "outer": outer, "list": items, "line": line })
        })
        .collect();
    let mut decoder =
        arrow::json::ReaderBuilder::new(NESTED.schema()).with_batch_size(rows.len()).build_decoder().unwrap();
    decoder.serialize(&lines).unwrap();
    decoder.flush().unwrap().unwrap()
}

fn nested_rows() -> impl Strategy<Value = Vec<NestedRow>> {
    let text = || prop::option::of("[a-c]{0,2}");
    let number = || prop::option::of(0..5i64);
    let inner = prop::option::of((number(), text()));
    let row = (
        prop::option::of(any::<bool>()),
        prop::option::of((text(), inner)),
        prop::option::of(prop::collection::vec((text(), number()), 0..4)),
    );
    prop::collection::vec((row, prop_oneof![9 => 1..40usize, 1 => 9_000..17_000usize]), 1..10)
        .prop_map(|runs| runs.into_iter().flat_map(|(row, times)| std::iter::repeat_n(row, times)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn groups_and_lists_come_back(rows in nested_rows(), dictionaries: bool) {
        let batch = nested_batch(&rows);
        let encoded = if dictionaries {
            let columns = NESTED.columns.iter().zip(batch.columns());
            let columns = columns.map(|(column, array)| (column.name, cast(array, &column.dictionary_type()).unwrap()));
            RecordBatch::try_from_iter(columns).unwrap()
        } else {
            batch.clone()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nested.parquet");
        let mut file = DataFile::create(path.clone(), &NESTED).unwrap();
        file.append(Encoder::new(&NESTED, Codec::Zstd).unwrap().encode(&encoded).unwrap()).unwrap();
        file.close().unwrap();
        let found = read(&File::open(path).unwrap());
        prop_assert_eq!(found.columns(), batch.columns());
    }
}
