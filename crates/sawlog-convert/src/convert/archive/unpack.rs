//! Unpacks archives and the archives inside them, and finds out what each member is.

use std::io::{BufReader, Read};
use std::sync::Arc;

use anyhow::{Context, Result};
use crc32fast::Hasher as Crc32;
use sawlog_formats::{
    Budget, Charged, Compression, Container, Encoding, NotOpened, Peeler, base64_texts, counted, decompressed,
    not_opened,
};
use sawlog_store::{Source, SourceState};
use sha2::{Digest, Sha256};

use super::labels::Labels;
use super::region::{Region, Spool};
use super::tar::{self, Tar};
use super::{MAX_DEPTH, MAX_MEMBERS, Packing, Unpacked, base64, zip};
use crate::convert::{FileBytes, hex, past_limit, row};
use crate::found::{Found, Input, Member, Place, Problem};
use crate::watch::{Interrupted, Watch};

/// How many bytes are copied and hashed at a time.
const PIECE: usize = 64 << 10;
/// How many bytes of a member are read to find out whether it may hold an archive.
const HEAD: usize = 4 << 10;
/// A gzip file states the size of its content. It is trusted up to this multiple of its own size, which no log reaches.
const LIKELY_RATIO: u64 = 64;

/// Unpacks an input file that has this SHA-256 and holds an archive, up to a number of bytes and of members.
pub(crate) fn unpack(
    found: &Found,
    packing: &Packing,
    sha256: &str,
    (max_inflate, max_members): (u64, usize),
    spool: &mut Spool,
    watch: &dyn Watch,
) -> Result<Unpacked> {
    let input = Input { path: found.path(), size: found.size, mtime: found.mtime };
    let region = Region { place: Place::Input(Arc::new(input)), offset: 0, len: found.size };
    let budget = Arc::new(Budget::of(found.size, max_inflate));
    let mut unpacker = Unpacker {
        found,
        spool,
        watch,
        budget,
        labels: Labels::default(),
        members: 0,
        max_members,
        free: 0,
        unpacked: Unpacked::default(),
        buffer: vec![0; PIECE],
        peeler: Peeler::default(),
    };
    let mut source = Source { sha256: sha256.to_owned(), ..row(found) };
    let archive = Archive { label: Arc::clone(&found.label), region, packing: packing.clone(), depth: 1 };
    unpacker.open(&archive, None, &mut source)?;
    let file = archive.region.place.open().with_context(|| found.path().display().to_string())?;
    archive.region.place.check(&file)?;
    if unpacker.budget.is_exceeded() && unpacker.budget.is_bound_by(max_inflate) {
        source.options = past_limit(max_inflate).map(Into::into);
    }
    unpacker.unpacked.rows.push(source);
    Ok(unpacker.unpacked)
}

/// An archive that is being unpacked.
struct Archive {
    label: Arc<str>,
    /// Where its bytes are.
    region: Region,
    packing: Packing,
    /// How deep it is nested; 1 for the outermost archive.
    depth: usize,
}

struct Unpacker<'a> {
    /// The input file.
    found: &'a Found,
    spool: &'a mut Spool,
    watch: &'a dyn Watch,
    budget: Arc<Budget>,
    labels: Labels,
    members: usize,
    max_members: usize,
    /// How many bytes of members may be read in place: as many as their archives have. Members can overlap, so further
    /// bytes are taken from the budget.
    free: u64,
    unpacked: Unpacked,
    /// For bytes that are copied.
    buffer: Vec<u8>,
    peeler: Peeler,
}

/// A member whose content was taken.
struct Taken {
    region: Region,
    sha256: [u8; 32],
    crc: u32,
    head: Vec<u8>,
    /// Why its content ended before it should.
    broken: Option<String>,
}

impl Unpacker<'_> {
    /// Unpacks an archive, and completes its row in the ledger. `broken` is what is known to be wrong with it.
    fn open(&mut self, archive: &Archive, broken: Option<String>, source: &mut Source) -> Result<()> {
        let before = self.members;
        self.free += archive.region.len;
        let found = match archive.packing.container {
            Container::Tar => self.open_tar(archive)?,
            Container::Zip => self.open_zip(archive)?,
            Container::Base64 => self.open_base64(archive)?,
        };
        let problem = broken.or(found);
        source.state = SourceState::Archive;
        source.compression = Some(archive.packing.name().into());
        if let Some(what) = &problem {
            self.problem(&archive.label, what);
            if self.members == before {
                // Nothing of it is in the store.
                source.state = SourceState::Unknown;
                source.looks_like = Some(not_opened(NotOpened::Broken).name().into());
            }
        }
        source.problem = problem;
        Ok(())
    }

    fn problem(&mut self, label: &str, what: &str) {
        self.unpacked.problems.push(Problem { path: label.to_owned(), what: what.to_owned() });
    }

    /// Why no more members are taken, if there are too many.
    fn is_full(&self) -> Option<String> {
        if self.members >= self.max_members {
            let max = self.max_members;
            let remedy = if max < MAX_MEMBERS { "; a larger --memory allows more" } else { "" };
            Some(format!("it has more than {}; the others were not read{remedy}", counted(max, "member")))
        } else if self.labels.are_full() {
            Some(format!("the names of its members are too long; those after {} were not read", self.members))
        } else {
            None
        }
    }

    fn open_tar(&mut self, archive: &Archive) -> Result<Option<String>> {
        let reader = archive.region.reader().with_context(|| archive.label.to_string())?;
        let (layers, budget) = (&archive.packing.layers, Arc::clone(&self.budget));
        let reader = match decompressed(reader, layers, &budget) {
            Ok(reader) => reader,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let mut tar = Tar::new(Box::new(BufReader::with_capacity(PIECE, reader)));
        let in_place = layers.is_empty();
        let mut broken = None;
        while let Some(entry) = tar.next_entry() {
            if let Some(why) = self.is_full() {
                return Ok(Some(why));
            }
            let what = match entry.kind {
                tar::Kind::Other => continue,
                tar::Kind::Link => {
                    let label = self.labels.of(&archive.label, &entry.name);
                    self.unpacked.links.push(label.to_string());
                    continue;
                }
                tar::Kind::Sparse => Some(NotOpened::Sparse),
                tar::Kind::File => None,
            };
            self.members += 1;
            let label = self.labels.of(&archive.label, &entry.name);
            let place = in_place.then(|| archive.region.part(entry.at, entry.size));
            let mut taken = self.take(&mut tar, place)?;
            if tar.left() > 0 {
                taken.broken.get_or_insert_with(|| "its archive ends within it".to_owned());
            }
            if broken.is_none() {
                broken.clone_from(&taken.broken);
            }
            match what {
                Some(why) => self.unread(&label, &taken.region, hex(&taken.sha256), why, None),
                None => self.member(archive, label, taken, entry.mtime)?,
            }
        }
        Ok(tar.problem.or(broken))
    }

    /// Where the content of an archive is that is not read as a stream, decompressed; and why it is incomplete.
    fn unpacked(&mut self, archive: &Archive) -> Result<(Region, Option<String>)> {
        if archive.packing.layers.is_empty() {
            return Ok((archive.region.clone(), None));
        }
        let reader = archive.region.reader().with_context(|| archive.label.to_string())?;
        let budget = Arc::clone(&self.budget);
        match decompressed(reader, &archive.packing.layers, &budget) {
            Ok(mut reader) => self.take(&mut reader, None).map(|taken| (taken.region, taken.broken)),
            Err(error) => Ok((archive.region.part(0, 0), Some(error.to_string()))),
        }
    }

    fn open_base64(&mut self, archive: &Archive) -> Result<Option<String>> {
        let (mut region, broken) = self.unpacked(archive)?;
        let mut file = region.place.open().with_context(|| archive.label.to_string())?;
        let mut bytes = FileBytes::part(&file, region.offset, region.len).with_context(|| archive.label.to_string())?;
        if let Some(encoding) = Encoding::of(bytes.bytes()).filter(|encoding| *encoding != Encoding::Utf32) {
            let from = self.spool.len();
            let append = |text: &[u8], _: bool| self.spool.append(text).map(|()| text.len());
            encoding.transcode(bytes.bytes(), &mut Vec::new(), append)?;
            region.place.check(&file)?;
            region = self.spool.since(from);
            file = region.place.open()?;
            bytes = FileBytes::part(&file, region.offset, region.len)?;
        }
        let mut full = None;
        let problem = base64_texts(bytes.bytes(), |text| -> Result<bool> {
            full = self.is_full();
            if full.is_some() {
                return Ok(false);
            }
            self.members += 1;
            let label = self.labels.of(&archive.label, text.name.as_bytes());
            let encoded = base64::unbroken(text.text);
            let budget = Arc::clone(&self.budget);
            let mut taken = self.take(&mut Charged::new(base64::decoder(&encoded), &budget), None)?;
            if !text.is_whole {
                taken.broken.get_or_insert_with(|| "its document ends within it".to_owned());
            }
            match taken.broken.take() {
                Some(why) if taken.region.len == 0 => {
                    self.unread(&label, &taken.region, hex(&taken.sha256), NotOpened::Broken, Some(why));
                }
                broken => self.member(archive, label, Taken { broken, ..taken }, None)?,
            }
            Ok(true)
        })?;
        region.place.check(&file)?;
        Ok(broken.or(full).or(problem))
    }

    fn open_zip(&mut self, archive: &Archive) -> Result<Option<String>> {
        // Its members are found from its end.
        let (region, broken) = self.unpacked(archive)?;
        let file = region.place.open().with_context(|| archive.label.to_string())?;
        let bytes = FileBytes::part(&file, region.offset, region.len).with_context(|| archive.label.to_string())?;
        let (mut full, mut decoder) = (None, zip::Inflater::default());
        let problem = zip::entries(bytes.bytes(), |entry| {
            if full.is_none() {
                full = self.is_full();
            }
            if full.is_some() {
                return Ok(false);
            }
            let (at, len) = (entry.at, entry.data.len());
            self.zip_member(archive, &region, entry, &mut decoder)?;
            bytes.release(at..at + len);
            Ok(true)
        })?;
        region.place.check(&file)?;
        Ok(broken.or(full).or(problem))
    }

    fn zip_member<'a>(
        &mut self,
        archive: &Archive,
        region: &Region,
        entry: zip::Entry<'a>,
        decoder: &mut zip::Inflater<'a>,
    ) -> Result<()> {
        if entry.is_folder() {
            return Ok(());
        }
        let label = self.labels.of(&archive.label, entry.name);
        if entry.is_link {
            self.unpacked.links.push(label.to_string());
            return Ok(());
        }
        self.members += 1;
        let data = region.part(entry.at as u64, entry.data.len() as u64);
        if self.budget.is_exceeded() {
            let why = self.budget.reason();
            self.unread(&label, &data, String::new(), NotOpened::TooLarge, Some(why));
            return Ok(());
        }
        if entry.is_encrypted {
            self.unread(&label, &data, String::new(), NotOpened::Encrypted, None);
            return Ok(());
        }
        let mut taken = match entry.reader(decoder) {
            Ok(None) => {
                let why = format!("compressed with the method {}", entry.method);
                self.unread(&label, &data, String::new(), NotOpened::OtherMethod, Some(why));
                return Ok(());
            }
            Ok(Some(mut reader)) if entry.is_stored() => self.take(&mut reader, Some(data))?,
            Ok(Some(reader)) => {
                let budget = Arc::clone(&self.budget);
                self.take(&mut Charged::new(reader, &budget), None)?
            }
            Err(error) => {
                self.unread(&label, &data, String::new(), NotOpened::Broken, Some(error.to_string()));
                return Ok(());
            }
        };
        let differs = taken.region.len != entry.size.unwrap_or(taken.region.len);
        if differs && taken.broken.is_none() {
            let told = entry.size.unwrap_or_default();
            taken.broken = Some(format!("it has {} bytes; its archive says {told}", taken.region.len));
        } else if taken.broken.is_none() && entry.crc.is_some_and(|crc| crc != taken.crc) {
            taken.broken = Some("its CRC-32 differs from the one in its archive".to_owned());
        }
        taken.broken = taken.broken.or(entry.problem);
        if taken.region.len == 0
            && let Some(why) = taken.broken
        {
            self.unread(&label, &taken.region, hex(&taken.sha256), NotOpened::Broken, Some(why));
            return Ok(());
        }
        self.member(archive, label, taken, entry.mtime)
    }

    /// Hashes content, and copies it to the spool unless it already has a place.
    fn take(&mut self, content: &mut dyn Read, place: Option<Region>) -> Result<Taken> {
        let from = self.spool.len();
        let (mut hasher, mut crc, mut head) = (Sha256::new(), Crc32::new(), Vec::new());
        let (mut len, mut broken) = (0u64, None);
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            if self.watch.wants_to_stop() {
                return Err(Interrupted.into());
            }
            let mut read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    broken = Some(if self.budget.is_exceeded() { self.budget.reason() } else { error.to_string() });
                    break;
                }
            };
            if place.is_some() {
                let paid = self.free.min(read as u64);
                self.free -= paid;
                read = usize::try_from(paid + self.budget.take(read as u64 - paid))?;
            }
            let piece = &buffer[..read];
            hasher.update(piece);
            crc.update(piece);
            head.extend_from_slice(&piece[..read.min(HEAD.saturating_sub(head.len()))]);
            len += read as u64;
            if place.is_none() {
                self.spool.append(piece)?;
            } else if self.budget.is_exceeded() {
                broken = Some(self.budget.reason());
                break;
            }
        }
        self.buffer = buffer;
        let region = match place {
            Some(place) => place.part(0, len),
            None => self.spool.since(from),
        };
        Ok(Taken { region, sha256: hasher.finalize().into(), crc: crc.finalize(), head, broken })
    }

    /// Adds a member: if it is an archive itself, the members in it; otherwise a source.
    fn member(&mut self, archive: &Archive, label: Arc<str>, taken: Taken, mtime: Option<i64>) -> Result<()> {
        let head = &taken.head;
        let may_hold = Compression::of(head).is_some() || Container::of(head).is_some();
        let (layers, inside) =
            if may_hold { self.peeler.peel(|| taken.region.reader_of_head())? } else { (Vec::new(), Vec::new()) };
        if let Some(container) = Container::of(&inside) {
            if archive.depth >= MAX_DEPTH {
                self.unread(&label, &taken.region, hex(&taken.sha256), NotOpened::InnerArchive, taken.broken);
                return Ok(());
            }
            let packing = Packing { layers, container };
            let mut source = row(&self.found(&label, &taken, mtime, 0));
            source.sha256 = hex(&taken.sha256);
            let inner = Archive { label, region: taken.region, packing, depth: archive.depth + 1 };
            self.open(&inner, taken.broken, &mut source)?;
            self.unpacked.rows.push(source);
            return Ok(());
        }
        if Compression::of(&inside).is_some() {
            self.unread(&label, &taken.region, hex(&taken.sha256), NotOpened::InnerStream, taken.broken);
            return Ok(());
        }
        // Its content is charged now, in order, whichever thread reads its member first.
        let declared = if layers.first() == Some(&Compression::Gzip) { gzip_size(&taken.region)? } else { 0 };
        if !self.budget.take_all(declared) {
            let why = self.budget.reason();
            self.unread(&label, &taken.region, hex(&taken.sha256), NotOpened::TooLarge, Some(why));
            return Ok(());
        }
        let member = self.found(&label, &taken, mtime, declared);
        self.unpacked.members.push(member);
        Ok(())
    }

    fn found(&self, label: &Arc<str>, taken: &Taken, mtime: Option<i64>, declared: u64) -> Found {
        let member = Member {
            place: taken.region.place.clone(),
            offset: taken.region.offset,
            sha256: taken.sha256,
            archive: Arc::clone(&self.found.label),
            broken: taken.broken.as_deref().map(Into::into),
            budget: Arc::clone(&self.budget),
            declared,
        };
        self.found.member(Arc::clone(label), taken.region.len, mtime, member)
    }

    /// Adds the ledger's row of a member that is not read.
    fn unread(&mut self, label: &str, region: &Region, sha256: String, why: NotOpened, problem: Option<String>) {
        if let Some(what) = &problem {
            self.problem(label, what);
        }
        let (found, archive) = (self.found, Arc::clone(&self.found.label));
        let source = Source {
            state: SourceState::Unknown,
            looks_like: Some(not_opened(why).name().into()),
            sha256,
            size: i64::try_from(region.len).unwrap_or(i64::MAX),
            path: label.to_owned(),
            archive: Some(archive),
            problem,
            account_id: None,
            region: None,
            file_time: None,
            ..row(found)
        };
        self.unpacked.rows.push(source);
    }
}

/// The size of its content that a gzip file states, if that is likely; else 0. See RFC 1952, "ISIZE".
fn gzip_size(region: &Region) -> Result<u64> {
    let told = region.tail()?.map_or(0, |tail| u64::from(u32::from_le_bytes(tail)));
    Ok(if told <= region.len.saturating_mul(LIKELY_RATIO) { told } else { 0 })
}
