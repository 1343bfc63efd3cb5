//! Compressed streams: recognises them by their first bytes, and reads several layers of them within one limit.

use std::fmt::{self, Debug};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;

use crate::inflate::{MAX_RATIO, PIECE, RATIO_FROM, is_gzip};

/// The most layers of compression that are read.
pub const MAX_LAYERS: usize = 4;
/// The largest window or dictionary of a stream, in KiB: that of `zstd --ultra -22`, twice that of `xz -9`.
pub const MAX_WINDOW_KIB: u32 = 130 << 10;
/// A layer passes this many bytes at a time to the one above it.
const BUFFER: usize = 64 << 10;
/// This much of the content of a compressed file shows what it is.
const SHOWN: u64 = 1 << 10;

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// What `bzip2` writes.
    Bzip2,
    /// What `xz` writes.
    Xz,
}

impl Compression {
    /// The compression of a file that begins with `head`.
    ///
    /// ```
    /// use sawlog_formats::Compression;
    /// assert_eq!(Compression::of(b"\x28\xb5\x2f\xfd..."), Some(Compression::Zstd));
    /// assert_eq!(Compression::of(b"BZhello"), None);
    /// ```
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // The magic number, or a skippable frame, which comes first if a file was compressed in pieces.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17rE8P\x90") =>
            {
                Some(Self::Bzip2)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    fn reader<'a>(self, input: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Gzip => Box::new(GzipMembers::new(input)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(input)),
            Self::Xz => Box::new(XzReader::new_mem_limit(input, true, MAX_WINDOW_KIB)),
        })
    }
}

/// The names of layers of compression, the outer one first: `gzip+zstd`.
#[must_use]
pub fn layer_names(layers: &[Compression]) -> String {
    layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join("+")
}

/// How many bytes an input file may expand to, over all its layers of compression.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    taken: AtomicU64,
    is_exceeded: AtomicBool,
    /// Bytes beyond the limit are taken from this one.
    beyond: Option<Arc<Budget>>,
}

impl Budget {
    /// The budget of a file of `size` bytes: `max` bytes, and at most 250 times its size or 64 MiB, whichever is
    /// more.
    #[must_use]
    pub fn of(size: u64, max: u64) -> Self {
        Self::new(max.min(RATIO_FROM.max(size.saturating_mul(MAX_RATIO))), None)
    }

    /// The budget of a member of an archive, for which some bytes were taken before.
    #[must_use]
    pub fn of_member(taken: u64, archive: Arc<Self>) -> Self {
        Self::new(taken, Some(archive))
    }

    fn new(limit: u64, beyond: Option<Arc<Self>>) -> Self {
        Self { limit, taken: AtomicU64::new(0), is_exceeded: AtomicBool::new(false), beyond }
    }

    /// The rest of the budget, for another reading of the same content.
    #[must_use]
    pub fn rest(&self) -> Self {
        let left = self.limit.saturating_sub(self.taken.load(Ordering::Relaxed));
        Self::new(left.saturating_add(self.beyond.as_ref().map_or(0, |beyond| beyond.rest().limit)), None)
    }

    /// Takes this many bytes. Returns how many of them are allowed.
    pub fn take(&self, bytes: u64) -> u64 {
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        let own = self.limit.saturating_sub(before).min(bytes);
        let given = own + self.beyond.as_ref().map_or(0, |beyond| beyond.take(bytes - own));
        if given < bytes {
            self.is_exceeded.store(true, Ordering::Relaxed);
        }
        given
    }

    /// Takes all of these bytes, or none. Returns whether it took them.
    #[must_use]
    pub fn take_all(&self, bytes: u64) -> bool {
        let fits = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            taken.checked_add(bytes).filter(|taken| *taken <= self.limit)
        });
        if fits.is_err() {
            self.is_exceeded.store(true, Ordering::Relaxed);
        }
        fits.is_ok()
    }

    fn give_back(&self, bytes: u64) {
        let of_beyond = self.taken.load(Ordering::Relaxed).saturating_sub(self.limit).min(bytes);
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(beyond) = &self.beyond {
            beyond.give_back(of_beyond);
        }
    }

    /// Whether more was wanted than is allowed.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Ordering::Relaxed)
    }

    /// Whether a larger `--max-inflate` would allow more.
    #[must_use]
    pub fn is_bound_by(&self, max: u64) -> bool {
        self.beyond.as_ref().map_or(self.limit >= max, |beyond| beyond.is_bound_by(max))
    }

    /// Says in words that the budget was exceeded.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.beyond {
            None => format!("its content grows past {} bytes; see --max-inflate", self.limit),
            Some(archive) => {
                format!("the content of its archive grows past {} bytes; see --max-inflate", archive.limit)
            }
        }
    }
}

/// A reader that takes its bytes from a budget.
#[derive(Debug)]
pub struct Charged<'a, R> {
    inner: R,
    budget: &'a Budget,
}

impl<'a, R> Charged<'a, R> {
    /// Reads `inner` as far as the budget goes.
    pub fn new(inner: R, budget: &'a Budget) -> Self {
        Self { inner, budget }
    }
}

impl<R: Read> Read for Charged<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match usize::try_from(self.budget.take(read as u64)).unwrap_or(read) {
            0 if read > 0 => Err(io::Error::other(self.budget.reason())),
            given => Ok(given),
        }
    }
}

/// Reads the content of `input` under layers of compression, the outer one first.
///
/// # Errors
///
/// If a decompressor can't be made.
pub fn decompressed<'a>(
    input: Box<dyn BufRead + 'a>,
    layers: &[Compression],
    budget: &'a Budget,
) -> io::Result<Box<dyn Read + 'a>> {
    let Some((first, inner)) = layers.split_first() else { return Ok(Box::new(input)) };
    let mut reader = Charged::new(first.reader(input)?, budget);
    for layer in inner {
        // Only between layers: for many small files, a buffer for each would fragment the memory.
        let buffered = Box::new(BufReader::with_capacity(BUFFER, reader));
        reader = Charged::new(layer.reader(buffered)?, budget);
    }
    Ok(Box::new(reader))
}

/// Finds the layers of compression of files. It is reused for all files: a new decompressor for each of many small
/// files would fragment the memory.
#[derive(Default)]
pub struct Peeler {
    gzip: Option<GzDecoder<Box<dyn BufRead>>>,
}

impl Debug for Peeler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Peeler").finish_non_exhaustive()
    }
}

impl Peeler {
    /// The layers of compression of what `open` reads, up to [`MAX_LAYERS`], and the beginning of the content. For a
    /// broken file, the layers that can be read.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    pub fn peel(&mut self, open: impl Fn() -> io::Result<Box<dyn BufRead>>) -> io::Result<(Vec<Compression>, Vec<u8>)> {
        let mut layers = Vec::new();
        loop {
            let mut head = if layers == [Compression::Gzip] { self.first_of_gzip(open()?) } else { Vec::new() };
            if head.is_empty() {
                let budget = Budget::new(RATIO_FROM, None);
                let inside = decompressed(open()?, &layers, &budget);
                let _ = inside.and_then(|inside| inside.take(SHOWN).read_to_end(&mut head));
            }
            match Compression::of(&head) {
                Some(layer) if layers.len() < MAX_LAYERS => layers.push(layer),
                _ => return Ok((layers, head)),
            }
        }
    }

    /// The beginning of the content of a gzip file, if its first member shows it; empty if other members must be
    /// looked at, too.
    fn first_of_gzip(&mut self, input: Box<dyn BufRead>) -> Vec<u8> {
        let gzip = match &mut self.gzip {
            Some(gzip) => {
                gzip.reset(input);
                gzip
            }
            none => none.insert(GzDecoder::new(input)),
        };
        let mut head = Vec::new();
        let read = gzip.take(SHOWN).read_to_end(&mut head);
        let is_all = head.len() as u64 == SHOWN || gzip.get_mut().fill_buf().is_ok_and(<[u8]>::is_empty);
        gzip.reset(Box::new(io::empty()));
        if read.is_ok() && is_all { head } else { Vec::new() }
    }
}

/// Decompresses a file of `bytes` under layers of compression, piece by piece into `buffer`, like [`crate::inflate`].
/// If `take` fails, the budget gets back what was taken from it.
///
/// # Errors
///
/// Those of `take`.
pub fn decompress<E>(
    bytes: &[u8],
    layers: &[Compression],
    budget: &Budget,
    buffer: &mut Vec<u8>,
    mut take: impl FnMut(&[u8], bool) -> Result<usize, E>,
) -> Result<Option<String>, E> {
    buffer.clear();
    let name = layer_names(layers);
    let before = budget.taken.load(Ordering::Relaxed);
    let mut come = 0u64;
    let mut reader = decompressed(Box::new(bytes), layers, budget);
    loop {
        let start = buffer.len();
        let read = match &mut reader {
            Ok(reader) => reader.by_ref().take(PIECE).read_to_end(buffer).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        come += (buffer.len() - start) as u64;
        let (broken, at_end) = match read {
            Ok(0) => (None, true),
            Ok(_) => (None, false),
            Err(_) if budget.is_exceeded() => (Some(budget.reason()), false),
            Err(error) => (Some(format!("{name} stream is broken after {come} bytes: {error}")), false),
        };
        match take(buffer, at_end) {
            Ok(_) if at_end => return Ok(None),
            Ok(taken) => drop(buffer.drain(..taken)),
            Err(error) => {
                budget.give_back(budget.taken.load(Ordering::Relaxed).saturating_sub(before));
                return Err(error);
            }
        }
        if broken.is_some() {
            return Ok(broken);
        }
    }
}

/// The members of a gzip file, one after another; zeros may follow the last one. See [`crate::inflate`].
struct GzipMembers<R> {
    /// `None` after the last one.
    decoder: Option<GzDecoder<Fronted<R>>>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(input: R) -> Self {
        Self { decoder: Some(GzDecoder::new(Fronted { front: [0; 3], at: 3, rest: input })) }
    }

    /// Continues after the end of a member.
    fn next_member(mut rest: Fronted<R>) -> io::Result<Option<GzDecoder<Fronted<R>>>> {
        let mut next = Vec::with_capacity(3);
        rest.by_ref().take(3).read_to_end(&mut next)?;
        if let (true, Ok(front)) = (is_gzip(&next), <[u8; 3]>::try_from(&next[..])) {
            return Ok(Some(GzDecoder::new(Fronted { front, at: 0, rest: rest.rest })));
        }
        let mut is_padding = next.iter().all(|byte| *byte == 0);
        while is_padding {
            let more = rest.fill_buf()?;
            if more.is_empty() {
                return Ok(None);
            }
            is_padding = more.iter().all(|byte| *byte == 0);
            let len = more.len();
            rest.consume(len);
        }
        Err(io::Error::other("bytes that are not gzip follow"))
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(ended) = self.decoder.take() {
                self.decoder = Self::next_member(ended.into_inner())?;
            }
        }
        Ok(0)
    }
}

/// A reader, with three bytes that were already read from it.
struct Fronted<R> {
    front: [u8; 3],
    at: usize,
    rest: R,
}

impl<R: BufRead> Read for Fronted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Fronted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.front.len() { Ok(&self.front[self.at..]) } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, bytes: usize) {
        if self.at < self.front.len() { self.at += bytes } else { self.rest.consume(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 1).unwrap()
    }

    fn bzip2(content: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn peeled(bytes: &[u8]) -> (Vec<Compression>, Vec<u8>) {
        let mut peeler = Peeler::default();
        // Whatever it was used for before.
        for other in [&gzip(b"x")[..20], &gzip(b"another"), b"none", &zstd(b"more")] {
            let other = other.to_vec();
            peeler.peel(|| Ok(Box::new(io::Cursor::new(other.clone())))).unwrap();
        }
        peeler.peel(|| Ok(Box::new(io::Cursor::new(bytes.to_vec())))).unwrap()
    }

    /// What comes out, and what is broken.
    fn opened(bytes: &[u8], layers: &[Compression], budget: &Budget) -> (Vec<u8>, Option<String>) {
        let mut content = Vec::new();
        let broken = decompress(bytes, layers, budget, &mut Vec::new(), |new, _| {
            content.extend_from_slice(new);
            Ok::<_, std::convert::Infallible>(new.len())
        });
        (content, broken.unwrap())
    }

    #[test]
    fn layers_are_peeled_and_read_and_each_is_counted() {
        let text = b"2 111122223333 eni\n".repeat(20_000);
        for (bytes, names) in [
            (gzip(&gzip(&text)), "gzip+gzip"),
            ([zstd(&text[..19]), zstd(&text[19..])].concat(), "zstd"),
            (bzip2(&text), "bzip2"),
            (gzip(&zstd(&bzip2(&text))), "gzip+zstd+bzip2"),
            ([&gzip(&text[..38])[..], &gzip(&text[38..]), &[0; 700]].concat(), "gzip"),
        ] {
            let (layers, head) = peeled(&bytes);
            assert_eq!(layer_names(&layers), names);
            assert!(text.starts_with(&head) && head.len() == 1024);
            let budget = Budget::of(bytes.len() as u64, u64::MAX);
            let (content, broken) = opened(&bytes, &layers, &budget);
            assert!(content == text && broken.is_none(), "{names}: {broken:?}");
            assert!(budget.taken.load(Ordering::Relaxed) >= text.len() as u64);
            let small = Budget::of(bytes.len() as u64, 200_000);
            let (content, broken) = opened(&bytes, &layers, &small);
            assert!(text.starts_with(&content) && content.len() <= 200_000, "{names}");
            assert!(broken.unwrap().contains("grows past 200000 bytes"));
            // A stream that breaks off is reported, and everything before that is returned.
            let (content, broken) = opened(&bytes[..bytes.len() / 2], &layers, &Budget::of(1, u64::MAX));
            assert!(text.starts_with(&content) && broken.is_some(), "{names}");
        }
        let (layers, head) = peeled(&text);
        assert!(layers.is_empty() && text.starts_with(&head));
    }

    #[test]
    fn no_more_layers_are_peeled_than_are_read() {
        let five = (0..5).fold(b"text".to_vec(), |inside, _| gzip(&inside));
        let (layers, head) = peeled(&five);
        assert!(layers.len() == MAX_LAYERS && is_gzip(&head));
    }

    #[test]
    fn what_follows_a_gzip_member_is_told() {
        for rest in [&b"x"[..], b"\x1f\x8b", b"\0\0\0garbage"] {
            let (content, broken) =
                opened(&[&gzip(b"one\n"), rest].concat(), &[Compression::Gzip], &Budget::of(1, u64::MAX));
            assert!(content == b"one\n" && broken.unwrap().contains("not gzip"), "{rest:?}");
        }
    }

    #[test]
    fn a_member_takes_out_of_the_archives_budget_what_it_was_not_given() {
        let archive = Arc::new(Budget::of(0, 100));
        assert!(archive.take_all(40));
        let member = Budget::of_member(40, Arc::clone(&archive));
        assert_eq!(member.rest().limit, 100);
        assert_eq!((member.take(30), member.take(30), member.take(60)), (30, 30, 40));
        assert!(member.is_exceeded() && archive.is_exceeded() && !archive.take_all(1));
    }
}
