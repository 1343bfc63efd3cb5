//! The members of a zip archive, by its directory. If that is damaged or missing, by the members' own headers.
//!
//! See PKWARE's APPNOTE.TXT, 4.3 to 4.5. The sizes that an archive states are compared with what comes out.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use anyhow::Result;
use bzip2::bufread::BzDecoder;
use deflate64::Deflate64Decoder;
use flate2::bufread::DeflateDecoder;
use lzma_rust2::{LzmaReader, XzReader};
use memchr::memmem;
use rawzip::time::ZipDateTimeKind;
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};
use sawlog_formats::{MAX_WINDOW_KIB, counted};

/// The signatures of a member's own header, and of the data descriptor that may follow its data.
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// The fixed part of a member's own header.
const LOCAL_SIZE: usize = 30;
/// The most bytes of a data descriptor.
const DESCRIPTOR_SIZE: usize = 24;
/// The longest content of a link, which is a path.
const MAX_LINK: u64 = 4096;

/// A decompressor for one member after the other.
#[derive(Debug, Default)]
pub(super) struct Inflater<'a>(Option<DeflateDecoder<&'a [u8]>>);

/// A member.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) is_encrypted: bool,
    pub(super) is_link: bool,
    /// Microseconds since 1970, if the archive gives the time in UTC.
    pub(super) mtime: Option<i64>,
    pub(super) method: CompressionMethod,
    flags: u16,
    /// The CRC-32 and the size that the content should have.
    pub(super) crc: Option<u32>,
    pub(super) size: Option<u64>,
    /// Its bytes in the archive, and their place.
    pub(super) data: &'a [u8],
    pub(super) at: usize,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
}

impl<'a> Entry<'a> {
    /// Whether it is a folder.
    pub(super) fn is_folder(&self) -> bool {
        // Some programs write the empty content of a folder as a deflate stream.
        let is_nothing = self.data.is_empty() || self.method == CompressionMethod::DEFLATE && self.data == [3, 0];
        self.name.ends_with(b"/") && is_nothing
    }

    /// Whether its data is the content itself, uncompressed.
    pub(super) fn is_stored(&self) -> bool {
        self.method == CompressionMethod::STORE
    }

    /// Its content; `None` if its method is not known. The inflater is reused: many new ones fragment the memory.
    pub(super) fn reader<'i>(&self, inflater: &'i mut Inflater<'a>) -> io::Result<Option<Box<dyn Read + 'i>>> {
        let data = self.data;
        Ok(Some(match self.method {
            CompressionMethod::STORE => Box::new(data),
            CompressionMethod::DEFLATE => {
                let inflater = inflater.0.get_or_insert_with(|| DeflateDecoder::new(data));
                inflater.reset(data);
                Box::new(inflater)
            }
            CompressionMethod::DEFLATE64 => Box::new(Deflate64Decoder::with_buffer(BufReader::new(data))),
            CompressionMethod::BZIP2 => Box::new(BzDecoder::new(data)),
            CompressionMethod::LZMA => self.lzma()?,
            CompressionMethod::ZSTD | CompressionMethod::ZSTD_DEPRECATED => {
                Box::new(zstd::stream::read::Decoder::with_buffer(data)?)
            }
            CompressionMethod::XZ => Box::new(XzReader::new_mem_limit(data, true, MAX_WINDOW_KIB)),
            _ => return Ok(None),
        }))
    }

    /// APPNOTE.TXT, 5.8: a version, the size of the properties, the properties, and the stream.
    fn lzma(&self) -> io::Result<Box<dyn Read + 'a>> {
        let Some((&[_, _, 5, 0, properties, a, b, c, d], stream)) = self.data.split_first_chunk::<9>() else {
            return Err(io::Error::other("not an LZMA stream"));
        };
        let dictionary = u32::from_le_bytes([a, b, c, d]);
        if dictionary / 1024 > MAX_WINDOW_KIB {
            return Err(io::Error::other("its dictionary is too large"));
        }
        // A flag says whether the stream has a mark of its end.
        let size = if self.flags & 2 == 0 { self.size.unwrap_or(u64::MAX) } else { u64::MAX };
        Ok(Box::new(LzmaReader::new_with_props(stream, size, properties, dictionary, None)?))
    }
}

/// Calls `take` with each member until it returns `false`. Returns what is wrong with the archive, if anything is.
pub(super) fn entries<'a>(bytes: &'a [u8], mut take: impl FnMut(Entry<'a>) -> Result<bool>) -> Result<Option<String>> {
    // Where the listed members begin and end.
    let mut listed = BTreeMap::new();
    let problem = match ZipArchive::from_slice(bytes) {
        Ok(archive) => match by_directory(bytes, &archive, &mut listed, &mut take)? {
            None => return Ok(unlisted(bytes, &listed, usize::try_from(archive.directory_offset())?)),
            Some(problem) => problem,
        },
        Err(_) => "its directory is missing or incomplete".to_owned(),
    };
    let found = by_headers(bytes, &listed, &mut take)?;
    let (members, by) = match found {
        1 => ("1 member was".to_owned(), "its own header"),
        _ => (format!("{found} members were"), "their own headers"),
    };
    Ok(Some(format!("{problem}; {members} found by {by}")))
}

/// Takes the members that the directory lists. Returns what is wrong with the directory, if anything is.
fn by_directory<'a>(
    bytes: &'a [u8],
    archive: &ZipSliceArchive<&'a [u8]>,
    listed: &mut BTreeMap<usize, usize>,
    take: &mut impl FnMut(Entry<'a>) -> Result<bool>,
) -> Result<Option<String>> {
    let mut entries = archive.entries();
    let mut count = 0u64;
    loop {
        let record = match entries.next_entry() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(error) => {
                return Ok(Some(format!("its directory is damaged after {}: {error}", counted(count, "member"))));
            }
        };
        count += 1;
        let entry = listed_entry(bytes, archive, &record);
        let start = usize::try_from(record.local_header_offset()).unwrap_or(usize::MAX);
        listed.insert(start, entry.at + entry.data.len());
        if !take(entry)? {
            return Ok(None);
        }
    }
    // The number has 16 bits where the archive is small.
    let told = archive.entries_hint();
    let is_right = told == count || told == count & 0xffff;
    Ok((!is_right).then(|| format!("its directory lists {}, but says that it lists {told}", counted(count, "member"))))
}

/// The member that a record of the directory describes.
fn listed_entry<'a>(
    bytes: &'a [u8],
    archive: &ZipSliceArchive<&'a [u8]>,
    record: &ZipFileHeaderRecord<'_>,
) -> Entry<'a> {
    let flags = record.flags();
    // The record was read from these bytes.
    let name_at = usize::try_from(record.central_directory_offset()).unwrap_or(usize::MAX).saturating_add(46);
    let name_len = record.file_path().as_bytes().len();
    let name = name_at.checked_add(name_len).and_then(|end| bytes.get(name_at..end)).unwrap_or_default();
    let mode = record.external_attributes() >> 16;
    let mut entry = Entry {
        name,
        is_encrypted: flags.is_encrypted(),
        is_link: mode & 0o170_000 == 0o120_000 && record.uncompressed_size_hint() <= MAX_LINK,
        mtime: match record.last_modified() {
            ZipDateTimeKind::Utc(time) => time.to_unix().checked_mul(1_000_000),
            ZipDateTimeKind::Local(_) => None,
        },
        method: record.compression_method(),
        flags: flags.bits(),
        crc: Some(record.crc32()),
        size: Some(record.uncompressed_size_hint()),
        data: &[],
        at: 0,
        problem: None,
    };
    let Ok(start) = usize::try_from(record.local_header_offset()) else { return entry };
    match archive.get_entry(record.wayfinder()) {
        Ok(found) => {
            let (from, to) = found.compressed_data_range();
            let range = usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
            entry.data = bytes.get(range.clone()).unwrap_or_default();
            entry.at = range.start;
            let local = found.local_header();
            entry.is_encrypted |= local.flags().is_encrypted();
            if local.file_path().as_bytes() != name {
                entry.problem = Some("its name in the directory differs from the name before its data".to_owned());
            }
        }
        // What there is of it, if the archive was cut short in the middle.
        Err(error) => {
            entry.problem = Some(format!("it is not where the directory says: {error}"));
            if let Some(local) = Local::read(bytes, start).filter(|local| local.name == name) {
                entry.at = local.data;
                entry.data = &bytes[local.data..];
                entry.problem = Some("the archive ends within it".to_owned());
            }
        }
    }
    entry
}

/// The message about a member that the directory does not list, between listed members or before the directory.
fn unlisted(bytes: &[u8], listed: &BTreeMap<usize, usize>, directory: usize) -> Option<String> {
    let mut end = 0;
    for (start, next_end) in listed.iter().map(|(start, end)| (*start, *end)).chain([(directory, directory)]) {
        // A data descriptor may follow the data of the member before.
        let gap = bytes.get(end..start).unwrap_or_default();
        let begins = &gap[..gap.len().min(DESCRIPTOR_SIZE + LOCAL_HEADER.len())];
        if memmem::find(begins, LOCAL_HEADER).is_some() {
            return Some(format!("its directory does not list the member at byte {end}, which was not read"));
        }
        end = end.max(next_end);
    }
    None
}

/// Takes the members that are not listed but can be found by their own headers. Returns how many there are.
fn by_headers<'a>(
    bytes: &'a [u8],
    listed: &BTreeMap<usize, usize>,
    take: &mut impl FnMut(Entry<'a>) -> Result<bool>,
) -> Result<usize> {
    let (mut at, mut found) = (0, 0);
    while let Some(more) = bytes.get(at..).and_then(|rest| memmem::find(rest, LOCAL_HEADER)) {
        let start = at + more;
        if let Some(end) = listed.get(&start) {
            at = (*end).max(start + LOCAL_HEADER.len());
            continue;
        }
        let Some(local) = Local::read(bytes, start) else {
            at = start + LOCAL_HEADER.len();
            continue;
        };
        let entry = local.entry(bytes);
        at = entry.at + entry.data.len();
        found += 1;
        if !take(entry)? {
            break;
        }
    }
    Ok(found)
}

/// A member's own header.
struct Local<'a> {
    name: &'a [u8],
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    /// Where its data begins.
    data: usize,
}

impl<'a> Local<'a> {
    /// Reads the header at `start`; `None` if there is none.
    fn read(bytes: &'a [u8], start: usize) -> Option<Self> {
        let header = bytes.get(start..)?.get(..LOCAL_SIZE)?;
        if !header.starts_with(LOCAL_HEADER) {
            return None;
        }
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let name_at = start + LOCAL_SIZE;
        let name = bytes.get(name_at..name_at + usize::from(short(26)))?;
        let extra_at = name_at + name.len();
        let extra = bytes.get(extra_at..extra_at + usize::from(short(28)))?;
        let (mut compressed, mut size) = (u64::from(long(18)), u64::from(long(22)));
        if let (true, Some(wide)) = (long(18) == u32::MAX || long(22) == u32::MAX, zip64(extra)) {
            (size, compressed) = wide;
        }
        let data = extra_at + extra.len();
        Some(Self { name, flags: short(6), method: short(8), crc: long(14), compressed, size, data })
    }

    /// The member. Its data ends where this header or the data descriptor says, or else at the end of the archive.
    fn entry(self, bytes: &'a [u8]) -> Entry<'a> {
        let rest = &bytes[self.data..];
        // Its sizes may follow the data.
        let sizes_follow = self.flags & 8 != 0 && self.compressed == 0;
        let told = if sizes_follow {
            descriptor(rest)
        } else {
            let len = usize::try_from(self.compressed).ok().filter(|len| *len <= rest.len());
            len.map(|len| (len, self.crc, self.size))
        };
        Entry {
            name: self.name,
            is_encrypted: self.flags & 1 != 0,
            is_link: false,
            mtime: None,
            method: CompressionMethod::new(self.method),
            flags: self.flags,
            crc: told.map(|(_, crc, _)| crc),
            size: told.map(|(.., size)| size),
            data: told.map_or(rest, |(len, ..)| &rest[..len]),
            at: self.data,
            problem: told.is_none().then(|| "the archive ends within it".to_owned()),
        }
    }
}

/// The sizes of a member in the extra field of zip64: of its content and of its data.
fn zip64(mut extra: &[u8]) -> Option<(u64, u64)> {
    while let Some((&[a, b, c, d], rest)) = extra.split_first_chunk::<4>() {
        let field = rest.get(..usize::from(u16::from_le_bytes([c, d])))?;
        if u16::from_le_bytes([a, b]) == 1 {
            let number = |at: usize| Some(u64::from_le_bytes(field.get(at..at + 8)?.try_into().ok()?));
            return Some((number(0)?, number(8)?));
        }
        extra = &rest[field.len()..];
    }
    None
}

/// The length of the data at the beginning of `rest`, found by a data descriptor that states exactly this length. Also
/// the CRC-32 and size of the content.
fn descriptor(rest: &[u8]) -> Option<(usize, u32, u64)> {
    for at in memmem::find_iter(rest, DESCRIPTOR) {
        let number = |from: usize| Some(u32::from_le_bytes(rest.get(at + from..at + from + 4)?.try_into().ok()?));
        let wide = |from: usize| Some(u64::from(number(from)?) | u64::from(number(from + 4)?) << 32);
        let (Some(crc), Some(compressed)) = (number(4), number(8)) else { return None };
        if u64::from(compressed) == at as u64 {
            return Some((at, crc, u64::from(number(12)?)));
        }
        if wide(8) == Some(at as u64) {
            return Some((at, crc, wide(16)?));
        }
    }
    None
}
