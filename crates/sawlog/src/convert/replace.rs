//! Takes the records of replaced inputs out of the store: data files that hold some are written again without them.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{Field, Schema};
use sawlog_formats::{FORMATS, REJECTS, Table};
use sawlog_store::parquet::Encoder;
use sawlog_store::{DataFileEntry, Run, SOURCES, Snapshot, Source, read_file};

/// Takes out all that came from `replaced`, rows of the ledger included.
pub(crate) fn take_out(run: &mut Run<'_>, replaced: &[Source]) -> Result<()> {
    if replaced.is_empty() {
        return Ok(());
    }
    let gone: HashSet<&str> = replaced.iter().map(|source| source.path.as_str()).collect();
    for table in FORMATS.iter().map(|format| format.table).chain([&REJECTS]) {
        rewrite(run, table, "source_file", &gone)?;
    }
    rewrite(run, &SOURCES, "path", &gone)
}

fn rewrite(run: &mut Run<'_>, table: &'static Table, column: &str, gone: &HashSet<&str>) -> Result<()> {
    let snapshot = run.store().snapshot(table)?;
    for entry in &snapshot.files {
        if !holds(&snapshot, entry, column, gone)? {
            continue;
        }
        let mut encoder = Encoder::new(table, run.codec())?;
        let mut file = None;
        for batch in read_file(table, &snapshot.folder, entry, None)? {
            let batch = batch?;
            let kept = filter_record_batch(&batch, &keep(&batch, column, gone))?;
            if kept.num_rows() == 0 {
                continue;
            }
            if file.is_none() {
                file = Some(run.create_file(table, entry.date.clone())?);
            }
            if let Some(file) = &mut file {
                run.append(file, encoder.encode(&with_dictionaries(table, &kept)?)?)?;
            }
        }
        if let Some(file) = file {
            run.close_file(file)?;
        }
        run.remove_file(table, entry.clone());
    }
    Ok(())
}

fn holds(snapshot: &Snapshot, entry: &DataFileEntry, column: &str, gone: &HashSet<&str>) -> Result<bool> {
    for batch in read_file(snapshot.table, &snapshot.folder, entry, Some(&[column]))? {
        let batch = batch?;
        if keep(&batch, column, gone).false_count() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn keep(batch: &RecordBatch, column: &str, gone: &HashSet<&str>) -> BooleanArray {
    let names = batch[column].as_string::<i32>();
    names.iter().map(|name| Some(name.is_none_or(|name| !gone.contains(name)))).collect()
}

/// The batch as a decoder gives it: text columns with dictionaries, where these pay.
pub(crate) fn with_dictionaries(table: &Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = table.columns.iter().zip(batch.columns()).map(|(column, array)| -> Result<ArrayRef> {
        let wanted = column.dictionary_type();
        if *array.data_type() == wanted {
            return Ok(Arc::clone(array));
        }
        let new = cast(array, &wanted)?;
        let distinct = new.as_any_dictionary_opt().map_or(0, |dictionary| dictionary.values().len());
        Ok(if distinct * 2 > new.len() { Arc::clone(array) } else { new })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let fields = table
        .columns
        .iter()
        .zip(&columns)
        .map(|(column, array)| Field::new(column.name, array.data_type().clone(), true));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)?)
}
