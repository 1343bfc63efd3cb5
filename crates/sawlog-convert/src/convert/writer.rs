//! Appends the threads' row groups to data files, one open file for each table, date and thread.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};

use anyhow::{Context, Result, bail};
use sawlog_formats::{Decoded, EvidencePlace, date_name, formats};
use sawlog_store::parquet::Encoder;
use sawlog_store::{Run, Source, SourceState, StagedFile, table};

use super::archive::Packing;
use super::columns::{Lane, Output, ROW_GROUP_ROWS};
use super::ledger_rows::LedgerRows;
use super::plan::{Plan, duplicate, row};
use super::sorted::{Sorted, SortedRowGroup};
use super::tell::Told;
use super::worker::Report;
use super::{Job, Misfit, Settings, Summary, scraps};
use crate::found::Problem;

/// A data file is closed, and the next one begun, when its row groups have this many bytes.
const MAX_FILE: usize = 512 << 20;
/// The most data files that are open at a time.
const MAX_OPEN: usize = 128;

/// The writer, and what it knows of each input.
pub(crate) struct Writer<'p, 'r, 's> {
    plan: &'p Plan,
    run: &'r mut Run<'s>,
    summary: &'r mut Summary,
    open: BTreeMap<Lane, OpenFile>,
    /// Counts appends, so that the file that has waited longest can be closed.
    clock: u64,
    /// The unit that reports next, and the reports that came before its turn.
    next: usize,
    reports: BTreeMap<usize, Vec<(usize, Report)>>,
    /// The input under way; more of its parts may report.
    current: Option<Current>,
    ledger: LedgerRows<'p>,
    scraps: Option<Scraps>,
    /// The inputs that hold archives, with their place among the inputs, and where each content is first.
    archives: Vec<FoundArchive>,
    archives_by_label: HashMap<&'p str, usize>,
}

/// An input that holds an archive.
#[derive(Debug)]
pub(crate) struct FoundArchive {
    /// Its place among the inputs.
    pub(crate) input: usize,
    pub(crate) sha256: String,
    pub(crate) packing: Packing,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// The number of rows in the ledger.
    pub(crate) rows: usize,
    /// The inputs to unpack.
    pub(crate) archives: Vec<FoundArchive>,
}

/// An input whose parts report, with its row in the ledger so far.
struct Current {
    input: usize,
    source: Source,
    /// The report for an input that turns out to hold no record.
    misfit: Option<Misfit>,
}

/// Rows that were set aside, in an anonymous file.
struct Scraps {
    file: BufWriter<File>,
    end: u64,
    /// Where the rows of each lane are: offset and length.
    lanes: BTreeMap<Lane, Vec<(u64, usize)>>,
}

impl Scraps {
    fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).context("can't make a temporary file")?;
        Ok(Self { file: BufWriter::new(file), end: 0, lanes: BTreeMap::new() })
    }

    fn add(&mut self, lane: Lane, rows: &[u8]) -> Result<()> {
        self.file.write_all(rows).context("can't write to a temporary file")?;
        self.lanes.entry(lane).or_default().push((self.end, rows.len()));
        self.end += rows.len() as u64;
        Ok(())
    }
}

struct OpenFile {
    file: StagedFile,
    /// The place of its last row.
    last: EvidencePlace,
    last_used: u64,
}

impl<'p, 'r, 's> Writer<'p, 'r, 's> {
    pub(crate) fn new(plan: &'p Plan, run: &'r mut Run<'s>, summary: &'r mut Summary) -> Self {
        let ledger = LedgerRows::new(&plan.settled);
        Self {
            plan,
            run,
            summary,
            open: BTreeMap::new(),
            clock: 0,
            next: 0,
            reports: BTreeMap::new(),
            current: None,
            ledger,
            scraps: None,
            archives: Vec::new(),
            archives_by_label: HashMap::new(),
        }
    }

    /// Writes what the threads hand over. `more` gets a token for each unit that has reported in order.
    pub(crate) fn write_all(&mut self, outputs: &Receiver<Output>, more: &Sender<()>, job: &Job<'_>) -> Result<()> {
        for output in outputs {
            match output {
                Output::RowGroup(lane, row_group) => self.append(lane, row_group)?,
                Output::Scraps(lane, rows) => match &mut self.scraps {
                    Some(scraps) => scraps.add(lane, &rows)?,
                    none => none.insert(Scraps::new(self.run.store().root())?).add(lane, &rows)?,
                },
                Output::Reports(unit, reports) => {
                    self.reports.insert(unit, reports);
                    self.report_in_order(more)?;
                }
                Output::Aborted => break,
            }
            if job.abort.is_set() {
                break;
            }
        }
        Ok(())
    }

    fn report_in_order(&mut self, more: &Sender<()>) -> Result<()> {
        while let Some(reports) = self.reports.remove(&self.next) {
            reports.into_iter().try_for_each(|(input, report)| self.report(input, report))?;
            self.next += 1;
            // Without a thread left there is nothing to tell.
            let _ = more.send(());
        }
        Ok(())
    }

    /// Adds a row group to the lane's data file, or to a new one if it would not be in evidence order there.
    fn append(&mut self, lane: Lane, rows: SortedRowGroup) -> Result<()> {
        let SortedRowGroup { row_group, first, last } = rows;
        if self.open.get(&lane).is_some_and(|open| first < open.last) {
            self.close(Some(lane))?;
        }
        if !self.open.contains_key(&lane) {
            if self.open.len() == MAX_OPEN {
                let oldest = self.open.iter().min_by_key(|(_, open)| open.last_used).map(|(lane, _)| *lane);
                self.close(oldest)?;
            }
            let table = table(lane.table).context("a table of the store")?;
            let file = self.run.create_file(table, lane.day.map(date_name))?;
            self.open.insert(lane, OpenFile { file, last: first, last_used: 0 });
        }
        self.clock += 1;
        let open = self.open.get_mut(&lane).context("opened above")?;
        (open.last, open.last_used) = (last, self.clock);
        self.run.append(&mut open.file, row_group)?;
        if open.file.size() >= MAX_FILE { self.close_fullest() } else { Ok(()) }
    }

    fn close_fullest(&mut self) -> Result<()> {
        let fullest = self.open.iter().max_by_key(|(_, open)| open.file.size()).map(|(lane, _)| *lane);
        self.close(fullest)
    }

    fn close(&mut self, lane: Option<Lane>) -> Result<()> {
        if let Some(open) = lane.and_then(|lane| self.open.remove(&lane)) {
            self.run.close_file(open.file)?;
        }
        Ok(())
    }

    /// Adds the report of an input's part to the input's row in the ledger.
    fn report(&mut self, input: usize, report: Report) -> Result<()> {
        let found = &self.plan.inputs[input];
        if report.unreadable && self.plan.replaced.iter().any(|source| source.path == *found.label) {
            // The records that the store holds for this file must not be lost.
            let why = report.problem.unwrap_or_default();
            bail!("{} can't be read, so it can't be replaced: {why}; nothing was done", found.path().display());
        }
        let problem = report.problem;
        if let Some(what) = &problem {
            self.summary.problem(Problem { path: found.label.to_string(), what: what.clone() });
        }
        // A member of an archive is not searched for again, so the ledger must have it.
        if report.unreadable && found.member.is_none() {
            return Ok(());
        }
        let repeats = report.duplicate_of.as_deref().and_then(|first| self.archives_by_label.get(first));
        let packing = match (report.told, repeats) {
            (_, Some(first)) => Some(self.archives[*first].packing.clone()),
            (Told::Archive(container), None) => Some(Packing { layers: report.layers, container }),
            _ => None,
        };
        if let (Some(packing), None) = (packing, &found.member) {
            self.archives_by_label.insert(&found.label, self.archives.len());
            self.archives.push(FoundArchive { input, sha256: report.sha256, packing });
            return Ok(());
        }
        if let Some(first) = report.duplicate_of {
            let row = duplicate(found, report.sha256, &first);
            return self.begin(Current { input, source: row, misfit: None });
        }
        if self.current.as_ref().is_none_or(|current| current.input != input) {
            let misfit = report.options.misfit(&found.label);
            let source = Source {
                state: match report.told {
                    Told::Log(_) | Told::Opened(_) => SourceState::Converted,
                    Told::Digest if report.content.is_some() => SourceState::Digest,
                    Told::Digest | Told::Archive(_) | Told::Unknown(_) => SourceState::Unknown,
                },
                looks_like: report.told.looks_like(report.compression.as_deref() == Some("gzip")).map(Into::into),
                encoding: report.encoding.map(Into::into),
                options: report.options.text().map(Into::into),
                format: report.told.format().map(|format| format.table.name.into()),
                envelope: report.told.envelope().map(Into::into),
                compression: report.compression.as_deref().map(Into::into),
                line_ending: report.ending,
                ..row(found)
            };
            self.begin(Current { input, source, misfit })?;
        }
        let Some(Current { source, .. }) = &mut self.current else { return Ok(()) };
        source.content_size += report.content_size;
        let mut decoded = Decoded {
            lines: source.lines,
            records: source.records,
            rejects: source.rejects,
            blank_lines: source.blank_lines,
            times: source.times,
            unknown_fields: std::mem::take(&mut source.unknown_fields),
            other_types: std::mem::take(&mut source.other_types),
        };
        decoded.add(&report.decoded);
        (source.lines, source.records, source.rejects) = (decoded.lines, decoded.records, decoded.rejects);
        (source.blank_lines, source.times) = (decoded.blank_lines, decoded.times);
        (source.unknown_fields, source.other_types) = (decoded.unknown_fields, decoded.other_types);
        source.after = Some(report.after).filter(|after| !after.is_empty());
        source.content = report.content;
        source.sha256 = report.sha256;
        source.content_sha256 = report.content_sha256;
        if problem.is_some() {
            source.problem = problem;
        }
        Ok(())
    }

    /// Another input's parts report; all parts of the last one have reported.
    fn begin(&mut self, next: Current) -> Result<()> {
        self.current.replace(next).map_or(Ok(()), |last| self.add_to_ledger(last))
    }

    /// Adds the row of an input to the ledger once all its parts have reported.
    fn add_to_ledger(&mut self, current: Current) -> Result<()> {
        let Current { input, source, misfit } = current;
        self.summary.misfits.extend(misfit.filter(|_| source.records == 0 && source.rejects > 0));
        let found = &self.plan.inputs[input];
        let may_repeat = found.may_repeat;
        self.ledger.push(source, may_repeat, self.run, self.summary)
    }

    /// Closes all files. Returns what was written.
    pub(crate) fn finish(mut self, settings: &Settings) -> Result<Written> {
        if let Some(scraps) = self.scraps.take() {
            self.write_scraps(scraps, settings)?;
        }
        while let Some((_, open)) = self.open.pop_first() {
            self.run.close_file(open.file)?;
        }
        self.current.take().map_or(Ok(()), |last| self.add_to_ledger(last))?;
        let rows = self.ledger.finish(self.run, self.summary)?;
        Ok(Written { rows, archives: self.archives })
    }

    /// Writes the rows that were set aside, lane by lane.
    fn write_scraps(&mut self, scraps: Scraps, settings: &Settings) -> Result<()> {
        let file = scraps.file.into_inner().context("can't write to a temporary file")?;
        let mut rows = Vec::new();
        for (lane, pieces) in scraps.lanes {
            let format = formats().iter().find(|format| format.table.name == lane.table).context("not registered")?;
            let mut encoder = Encoder::new(format.table, settings.codec)?;
            let mut decoder = format.new_decoder();
            let last = pieces.len() - 1;
            for (place, (offset, len)) in pieces.into_iter().enumerate() {
                rows.resize(len, 0);
                file.read_exact_at(&mut rows, offset).context("can't read from a temporary file")?;
                scraps::decode(format, &rows, decoder.as_mut())?;
                let full =
                    decoder.waiting().rows() >= ROW_GROUP_ROWS || decoder.waiting().memory() >= settings.columns_memory;
                if full || place == last {
                    for (_, batch) in decoder.waiting_mut().finish().0 {
                        self.append(lane, Sorted::new(batch)?.encode(&mut encoder)?)?;
                    }
                }
            }
            self.close(Some(lane))?;
        }
        Ok(())
    }
}
