//! What a run has to do: the inputs that are new, in order, cut into units of work.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use sawlog_formats::{Compression, Container, Encoding, Peeler, is_gzip};
use sawlog_store::{Source, SourceState};
use sha2::{Digest, Sha256};

use super::Settings;
use super::content::is_parquet;
use super::followers::followers;
use super::known::Known;
use super::options::VERSION;
use super::order::{Hash, content_of, from_hex};
use super::replace::{Heirs, heirs};
use super::tell::{FileName, HEAD, Told, delivery_day};
use crate::discover::Discovery;
use crate::evidence;
use crate::found::{Found, Problem};

/// The largest unit of work in bytes.
const MAX_UNIT: u64 = 64 << 20;
const MIN_UNIT: u64 = 4 << 20;
/// The most files in a unit: reports about them are kept until all of them have been read.
const MAX_FILES: usize = 2048;
/// Each thread gets about this many units, so that all threads finish at about the same time.
const UNITS: u64 = 8;
/// About how much larger than its file the content of a gzip file is.
const GZIP_RATIO: u64 = 8;

/// What a run will do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The inputs to read, as [`put_in_order`] sorts them. By label alone, folders for regions or accounts would lead
    /// through the same days again and again, each time for small row groups.
    pub(crate) inputs: Vec<Found>,
    /// The work, in order.
    pub(crate) units: Vec<Unit>,
    /// Ledger rows of inputs that need no reading: empty files, and large ones with the same content as another.
    pub(crate) settled: Vec<Source>,
    /// The inputs among them that have the same content as another.
    pub(crate) copies: Vec<Found>,
    /// Ledger rows that the run replaces.
    pub(crate) replaced: Vec<Source>,
    /// The duplicates of replaced files that take over their records.
    pub(crate) heirs: Heirs,
    /// The duplicates of replaced files that are read again from the same content.
    pub(crate) followers: Vec<Source>,
    /// How many inputs are in the ledger unchanged.
    pub(crate) unchanged: usize,
    /// Ledger rows of inputs of unknown format that are unchanged.
    pub(crate) still_unknown: Vec<Source>,
    /// Inputs that were read differently from what the options say now, and how.
    pub(crate) read_otherwise: Vec<(String, String)>,
    /// Copies of files that were, and how.
    pub(crate) copies_read_otherwise: Vec<ToldCopy>,
    pub(crate) problems: Vec<Problem>,
}

/// An unchanged copy of a file that was read differently from what the options say now.
#[derive(Debug)]
pub(crate) struct ToldCopy {
    pub(crate) path: String,
    /// The file that has its records.
    pub(crate) first: String,
    /// How it was read.
    pub(crate) how: String,
}

/// A share of the work, done by one thread from beginning to end.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(crate) pieces: Vec<Piece>,
}

/// An input, or a part of a large one.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Its place in [`Plan::inputs`].
    pub(crate) input: usize,
    /// The range of bytes, to be widened to whole lines; for a whole file, all its bytes.
    pub(crate) range: Range<u64>,
    /// The number of the part, and how many parts there are.
    pub(crate) part: usize,
    pub(crate) parts: usize,
}

/// How units are cut.
#[derive(Clone, Copy, Debug)]
struct UnitSize {
    threads: usize,
    /// No unit is larger if memory is short.
    at_most: u64,
}

impl UnitSize {
    /// The size of units that share these files: small enough that every thread gets some.
    fn of(self, files: &[Found]) -> u64 {
        let total: u64 = files.iter().map(|file| content_size(file, is_named_gzip(file))).sum();
        (total / (self.threads as u64 * UNITS)).clamp(MIN_UNIT, MAX_UNIT).min(self.at_most)
    }
}

impl Plan {
    /// Compares what was found, without what is known, with the ledger. Inputs that changed since they were converted
    /// are an error, unless `--replace` is given.
    pub(super) fn new(discovery: Discovery, known: Known, ledger: &[Source], settings: &Settings) -> Result<Self> {
        let Known { labels, unchanged, still_unknown } = known;
        let mut plan = Self { problems: discovery.problems, unchanged, still_unknown, ..Self::default() };
        let taken = if discovery.files.is_empty() { HashSet::new() } else { labels.into_iter().collect() };
        let mut new = plan.compare(discovery.files, taken, ledger, settings)?;
        plan.inherit(&mut new, ledger);
        let size = UnitSize { threads: settings.threads, at_most: settings.unit_size };
        let unit_size = size.of(&new);
        plan.settle(new, ledger, unit_size);
        plan.cut(unit_size, settings);
        Ok(plan)
    }

    /// The work on unpacked archives: members to read, and rows of the ledger for everything else. `first` has the
    /// content that the store holds by then, with its paths.
    pub(crate) fn of_members(
        mut members: Vec<Found>,
        rows: Vec<Source>,
        first: &HashMap<Hash, Arc<str>>,
        settings: &Settings,
    ) -> Self {
        put_in_order(&mut members);
        let mut plan = Self { settled: rows, ..Self::default() };
        let mut own: HashMap<Hash, Arc<str>> = HashMap::new();
        for found in members {
            let sha256 = found.member.as_ref().map_or(Hash::default(), |member| member.sha256);
            if found.size == 0 {
                plan.settled.push(Source { state: SourceState::Empty, sha256: hex(&sha256), ..row(&found) });
                continue;
            }
            let content = content_of(sha256, found.name());
            if let Some(before) = first.get(&content).or_else(|| own.get(&content)) {
                plan.settled.push(duplicate(&found, hex(&sha256), before));
                plan.copies.push(found);
            } else {
                own.insert(content, Arc::clone(&found.label));
                plan.inputs.push(found);
            }
        }
        let size = UnitSize { threads: settings.threads, at_most: settings.unit_size };
        plan.cut(size.of(&plan.inputs), settings);
        plan
    }

    /// Finds out who takes over the records of replaced sources. A source that can't be read now is not replaced: its
    /// records stay.
    fn inherit(&mut self, new: &mut Vec<Found>, ledger: &[Source]) {
        let mut replaced: HashMap<&str, &Source> =
            self.replaced.iter().map(|source| (source.path.as_str(), source)).collect();
        let with_duplicates: HashSet<&str> =
            ledger.iter().filter_map(|source| source.duplicate_of.as_deref()).collect();
        // The members of an archive are read again with it.
        let mut of_archive: HashMap<&str, Vec<&str>> = HashMap::new();
        for source in &self.replaced {
            if let Some(archive) = source.archive.as_deref() {
                of_archive.entry(archive).or_default().push(&source.path);
            }
        }
        let members = |label: &str| of_archive.get(label).map(Vec::as_slice).unwrap_or_default();
        let (mut again, mut problems) = (HashSet::new(), Vec::new());
        new.retain(|found| {
            let Some(&source) = replaced.get(&*found.label) else { return true };
            let members = members(&found.label);
            let has_duplicates =
                with_duplicates.contains(&*found.label) || members.iter().any(|path| with_duplicates.contains(path));
            let read = if has_duplicates {
                hash_file(&found.path()).map(|sha256| sha256 == source.sha256)
            } else {
                evidence::open(&found.path())
                    .map(|_| false)
                    .with_context(|| format!("can't read {}", found.path().display()))
            };
            match read {
                Ok(true) => again.extend(members.iter().copied().chain([source.path.as_str()])),
                Ok(false) => {}
                Err(error) => {
                    problems.push(Problem { path: found.label.to_string(), what: format!("{error:#}") });
                    replaced.remove(&*found.label);
                    return false;
                }
            }
            true
        });
        let unread: HashSet<String> = problems.iter().map(|problem| problem.path.clone()).collect();
        let again: HashSet<String> = again.into_iter().map(str::to_owned).collect();
        self.replaced.retain(|source| {
            let archive = source.archive.as_deref();
            !unread.contains(&source.path) && !archive.is_some_and(|archive| unread.contains(archive))
        });
        let again = again.iter().map(String::as_str).collect();
        self.heirs = heirs(ledger, &self.replaced, &again);
        self.followers = followers(ledger, &self.replaced, &again);
        self.tell_of_firsts(&again);
        self.problems.extend(problems);
    }

    /// Decides what to say of copies whose first files are replaced. `again` has those that are read again from the
    /// same content: their copies change with them. Other copies stay as they are, and one of them takes over the
    /// records.
    fn tell_of_firsts(&mut self, again: &HashSet<&str>) {
        let replaced: HashSet<&str> = self.replaced.iter().map(|source| source.path.as_str()).collect();
        for copy in std::mem::take(&mut self.copies_read_otherwise) {
            if again.contains(copy.first.as_str()) {
                self.unchanged += 1;
            } else if replaced.contains(copy.first.as_str()) {
                self.read_otherwise.push((copy.path, copy.how));
            } else {
                self.copies_read_otherwise.push(copy);
            }
        }
    }

    /// Puts the files in order, and sets aside those that need no reading.
    fn settle(&mut self, mut files: Vec<Found>, ledger: &[Source], unit_size: u64) {
        put_in_order(&mut files);
        let mut sizes: HashMap<u64, usize> = HashMap::new();
        let old = ledger.iter().filter_map(|source| u64::try_from(source.size).ok());
        for size in files.iter().map(|file| file.size).chain(old) {
            *sizes.entry(size).or_default() += 1;
        }
        // The first file with each content, once a large file must be known to be new.
        let mut seen: Option<HashMap<Hash, String>> = None;
        // Modified in place: there may be hundreds of thousands.
        files.retain_mut(|found| {
            let may_repeat = sizes[&found.size] > 1;
            if found.size == 0 {
                let sha256 = hex(&Sha256::digest([]));
                self.settled.push(Source { state: SourceState::Empty, sha256, ..row(found) });
                return false;
            }
            found.may_repeat = may_repeat && found.size <= unit_size;
            // A file of many units must be known to be new before its first unit is read. Archives are compared
            // member by member.
            if may_repeat && found.size > unit_size && !holds_archive(found) {
                let sha256 = match hash_file(&found.path()) {
                    Ok(sha256) => sha256,
                    Err(error) => {
                        self.problems.push(Problem { path: found.label.to_string(), what: format!("{error:#}") });
                        return false;
                    }
                };
                let content = from_hex(&sha256).map(|sha256| content_of(sha256, found.name()));
                let stored = converted(ledger, &self.replaced, &self.heirs);
                let seen =
                    seen.get_or_insert_with(|| stored.map(|(content, path)| (content, path.to_owned())).collect());
                if let Some(first) = content.and_then(|content| seen.get(&content)) {
                    self.settled.push(duplicate(found, sha256, first));
                    self.copies.push(found.clone());
                    return false;
                }
                seen.extend(content.map(|content| (content, found.label.to_string())));
            }
            true
        });
        self.inputs = files;
    }

    /// Cuts the inputs into units.
    fn cut(&mut self, unit_size: u64, settings: &Settings) {
        let (mut unit, mut filled, mut day) = (Unit::default(), 0, None);
        for (place, input) in self.inputs.iter().enumerate() {
            let bytes = input.size;
            let (gzip, whole) = starts_as(input, unit_size, settings);
            let parts = if whole { 1 } else { usize::try_from(bytes.div_ceil(unit_size)).unwrap_or(usize::MAX) };
            let weight = content_size(input, gzip);
            // A day that one thread reads alone becomes one data file.
            let before = std::mem::replace(&mut day, delivery_day(input.name()));
            let ends_day = day != before && filled >= unit_size / 2;
            let is_full = ends_day || filled + weight > unit_size || unit.pieces.len() == MAX_FILES;
            if !unit.pieces.is_empty() && is_full {
                self.units.push(std::mem::take(&mut unit));
                filled = 0;
            }
            for part in 0..parts {
                let start = part as u64 * unit_size;
                let end = if part + 1 == parts { bytes } else { start + unit_size };
                unit.pieces.push(Piece { input: place, range: start..end, part, parts });
                filled += if gzip { weight } else { end - start };
                if part + 1 < parts {
                    self.units.push(std::mem::take(&mut unit));
                    filled = 0;
                }
            }
        }
        if !unit.pieces.is_empty() {
            self.units.push(unit);
        }
    }
}

/// The ledger's row of a file before anything is known about its content.
pub(crate) fn row(found: &Found) -> Source {
    let name = FileName::of(found.name());
    Source {
        account_id: name.account_id.map(Into::into),
        region: name.region.map(Into::into),
        file_time: name.time,
        path: found.label.to_string(),
        root: Arc::clone(&found.root),
        size: i64::try_from(found.size).unwrap_or(i64::MAX),
        mtime: found.mtime,
        read_by: Some(VERSION.into()),
        archive: found.member.as_ref().map(|member| Arc::clone(&member.archive)),
        problem: found.member.as_ref().and_then(|member| member.broken.as_deref().map(str::to_owned)),
        ..Source::default()
    }
}

/// The ledger's row of a file with the same content as the one named `first`.
pub(crate) fn duplicate(found: &Found, sha256: String, first: &str) -> Source {
    Source { state: SourceState::Duplicate, sha256, duplicate_of: Some(first.to_owned()), ..row(found) }
}

/// The content and path of each file whose records stay in the store when the run has removed what it replaces.
pub(crate) fn converted<'a>(
    ledger: &'a [Source],
    replaced: &'a [Source],
    heirs: &'a Heirs,
) -> impl Iterator<Item = (Hash, &'a str)> {
    let gone: HashSet<&str> = replaced.iter().map(|source| source.path.as_str()).collect();
    ledger.iter().filter(|source| source.state == SourceState::Converted).filter_map(move |source| {
        let path = if gone.contains(source.path.as_str()) { heirs.get(&source.path)? } else { &source.path };
        Some((content_of(from_hex(&source.sha256)?, source.name()), path.as_str()))
    })
}

/// Sorts files by the day in their names, then by label; those without a day come last. Of files with the same content,
/// the first one keeps the records: one that AWS named, if there is any.
fn put_in_order(files: &mut [Found]) {
    files.sort_by_cached_key(|found| {
        let day = delivery_day(found.name());
        (day.is_none(), day, Arc::clone(&found.label))
    });
}

/// About how many bytes the file's content has.
fn content_size(found: &Found, gzip: bool) -> u64 {
    if gzip { found.size.saturating_mul(GZIP_RATIO) } else { found.size }
}

fn is_named_gzip(found: &Found) -> bool {
    found.label.ends_with(".gz")
}

/// Whether the file begins like a gzip file, and whether it can't be read in parts.
fn starts_as(found: &Found, unit_size: u64, settings: &Settings) -> (bool, bool) {
    // Only for files that are cut differently; small files are checked when they are read.
    if found.size < MIN_UNIT && found.size <= unit_size {
        let gzip = is_named_gzip(found);
        return (gzip, gzip);
    }
    let len = usize::try_from(found.size).unwrap_or(usize::MAX).min(if found.size > unit_size { HEAD } else { 512 });
    let mut head = vec![0; len];
    let read = found.open().and_then(|file| file.read_exact_at(&mut head, found.offset())).is_ok();
    let is_packed = Compression::of(&head).is_some() || Container::of(&head).is_some();
    let is_opened = || {
        let told = Told::of(settings, &head);
        found.size > unit_size && (matches!(told, Told::Opened(_)) || told.may_open(settings, &head))
    };
    let whole = is_packed || is_parquet(&head) || Encoding::of(&head).is_some() || is_opened();
    let is_broken = found.member.as_ref().is_some_and(|member| member.broken.is_some());
    (read && is_gzip(&head), read && whole || is_broken)
}

/// Whether an input file holds an archive.
fn holds_archive(found: &Found) -> bool {
    let open = || Ok(Box::new(BufReader::new(evidence::open(&found.path())?)) as Box<dyn BufRead>);
    Peeler::default().peel(open).is_ok_and(|(_, head)| Container::of(&head).is_some())
}

/// SHA-256 of a file, in hexadecimal digits.
pub(crate) fn hash_file(path: &Path) -> Result<String> {
    let mut file = evidence::open(path).with_context(|| format!("can't read {}", path.display()))?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer).with_context(|| format!("can't read {}", path.display()))? {
            0 => return Ok(hex(&hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
