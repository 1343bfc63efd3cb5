//! The columns in which a thread's records wait, and the row groups that they become.

use std::sync::mpsc::SyncSender;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use sawlog_formats::{ColumnSet, Decoder, Format, Partitions, REJECTS, Seen, Table, formats};
use sawlog_store::parquet::Encoder;

use super::sorted::{Sorted, SortedRowGroup};
use super::worker::Report;
use super::{Settings, scraps};

/// The most rows in a row group, about. More would save few bytes, and cost memory and page faults.
pub(crate) const ROW_GROUP_ROWS: usize = 96 << 10;

/// What a worker hands to the writer.
#[derive(Debug)]
pub(crate) enum Output {
    /// A row group of a table, with the date of its partition if the table has dates.
    RowGroup(Lane, SortedRowGroup),
    /// A few rows, in the form of [`scraps`].
    Scraps(Lane, Vec<u8>),
    /// Reports of the inputs of a unit (by number) or parts of inputs. They come in one message: waking the writer
    /// for each small file would cost more than reading it.
    Reports(usize, Vec<(usize, Report)>),
    /// The work was aborted.
    Aborted,
}

/// One worker's rows of one table and day (days since 1970-01-01; or none).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) table: &'static str,
    pub(crate) day: Option<i32>,
    pub(crate) worker: usize,
}

/// Which columns become row groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// The days that take the most memory, until half of it is free.
    Largest,
    All,
}

/// A thread's columns for every format. They are kept from one unit to the next, so that row groups are large.
pub(crate) struct Columns<'a> {
    settings: &'a Settings,
    /// For each format, once there was a file of it.
    kits: Vec<Option<Kit>>,
    rejects: Encoder,
    worker: usize,
    output: SyncSender<Output>,
}

/// What one format needs.
struct Kit {
    decoder: Box<dyn Decoder>,
    encoder: Encoder,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(settings: &'a Settings, worker: usize, output: SyncSender<Output>) -> Result<Self> {
        let kits = formats().iter().map(|_| None).collect();
        Ok(Self { settings, kits, rejects: Encoder::new(&REJECTS, settings.codec)?, worker, output })
    }

    pub(crate) fn send(&self, output: Output) {
        // The writer hangs up only after an error, which it reports itself.
        let _ = self.output.send(output);
    }

    /// The decoder that fills the columns of a format.
    pub(crate) fn decoder(&mut self, format: &'static Format) -> Result<&mut dyn Decoder> {
        let place =
            formats().iter().position(|known| known.table.name == format.table.name).context("not registered")?;
        let kit = &mut self.kits[place];
        if kit.is_none() {
            let encoder = Encoder::new(format.table, self.settings.codec)?;
            *kit = Some(Kit { decoder: format.new_decoder(), encoder });
        }
        Ok(kit.as_mut().context("made above")?.decoder.as_mut())
    }

    /// Makes row groups of the largest columns if there is no room for more.
    pub(crate) fn flush_if_full(&mut self) -> Result<()> {
        let waiting = || self.kits.iter().flatten().map(|kit| kit.decoder.waiting());
        let full = waiting().any(|columns| columns.rows() >= ROW_GROUP_ROWS);
        if full || waiting().map(Partitions::memory).sum::<usize>() >= self.settings.columns_memory {
            self.flush(Flush::Largest)?;
        }
        Ok(())
    }

    /// Makes row groups of columns, and passes them on.
    pub(crate) fn flush(&mut self, what: Flush) -> Result<()> {
        let mut all_rejects = Vec::new();
        for (place, format) in formats().iter().copied().enumerate() {
            let Some(kit) = &mut self.kits[place] else { continue };
            let waiting = kit.decoder.waiting_mut();
            let many_days = waiting.days() > scraps::MANY_DAYS;
            let days = match what {
                Flush::All => waiting.take(),
                Flush::Largest => waiting.take_largest(),
            };
            all_rejects.extend(waiting.take_rejects());
            for (day, columns) in days.into_iter().filter(|(_, columns)| columns.rows() > 0) {
                let batch = Sorted::new(columns.finish())?;
                let is_small = many_days && batch.rows().num_rows() < scraps::FEW_ROWS;
                let lane = self.lane(format.table, day);
                let output = if is_small && scraps::can_set_aside(batch.rows()) {
                    Output::Scraps(lane, scraps::encode(format, batch.rows())?)
                } else {
                    let kit = self.kits[place].as_mut().context("looked at above")?;
                    Output::RowGroup(lane, batch.encode(&mut kit.encoder)?)
                };
                self.send(output);
            }
        }
        if !all_rejects.is_empty() {
            let row_group = together(&all_rejects)?.encode(&mut self.rejects)?;
            self.send(Output::RowGroup(self.lane(&REJECTS, None), row_group));
        }
        Ok(())
    }

    fn lane(&self, table: &Table, day: Option<i32>) -> Lane {
        Lane { table: table.name, day, worker: self.worker }
    }
}

/// The rejects of several formats.
fn together(rejects: &[RecordBatch]) -> Result<Sorted> {
    if let [only] = rejects {
        return Sorted::new(only.clone());
    }
    let mut all = ColumnSet::new(&REJECTS);
    for batch in rejects {
        all.append(batch, 0..batch.num_rows(), &mut Seen::default())?;
    }
    Sorted::new(all.finish())
}
