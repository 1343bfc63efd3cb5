//! Inflates a gzip stream within a limit, while it is read.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// The content of a gzip stream of one member or several. Zeros may follow the last member, since tapes pad files
/// with them.
#[derive(Debug)]
pub(crate) struct Gunzip<R> {
    state: State<R>,
    inflated: u64,
    limit: u64,
}

#[derive(Debug)]
enum State<R> {
    Inflating(Box<GzDecoder<R>>),
    Ended,
    Broken(String),
}

impl<R: BufRead> Gunzip<R> {
    /// Inflates `input`, up to `limit` bytes.
    pub(crate) fn new(input: R, limit: u64) -> Self {
        Self { state: State::Inflating(Box::new(GzDecoder::new(input))), inflated: 0, limit }
    }

    /// Continues after a member: with the next one, or to the end.
    fn after_member(mut rest: R) -> io::Result<State<R>> {
        match rest.fill_buf()?.first() {
            None => return Ok(State::Ended),
            Some(0x1f) => return Ok(State::Inflating(Box::new(GzDecoder::new(rest)))),
            Some(_) => {}
        }
        loop {
            let padding = rest.fill_buf()?;
            let length = padding.len();
            match padding.iter().all(|byte| *byte == 0) {
                true if length == 0 => return Ok(State::Ended),
                true => rest.consume(length),
                false => return Err(io::Error::new(ErrorKind::InvalidData, "bytes that are not gzip follow")),
            }
        }
    }

    fn step(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let State::Inflating(decoder) = &mut self.state else { return Ok(0) };
            match decoder.read(out)? {
                0 => {}
                read => return Ok(read),
            }
            let ended = std::mem::replace(&mut self.state, State::Ended);
            if let State::Inflating(decoder) = ended {
                self.state = Self::after_member(decoder.into_inner())?;
            }
        }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    /// Once the stream is broken, every later call returns the error again.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if let State::Broken(why) = &self.state {
            return Err(io::Error::new(ErrorKind::InvalidData, why.clone()));
        }
        let why = match self.step(out) {
            Ok(read) => {
                self.inflated += read as u64;
                if self.inflated <= self.limit {
                    return Ok(read);
                }
                format!("gzip content grows past {} bytes", self.limit)
            }
            Err(error) if is_of_content(&error) => {
                format!("gzip stream is broken after {} bytes: {error}", self.inflated)
            }
            Err(error) => return Err(error),
        };
        self.state = State::Broken(why.clone());
        Err(io::Error::new(ErrorKind::InvalidData, why))
    }
}

/// Whether an error is about the content of a stream, not about reading it.
pub(crate) fn is_of_content(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// What is inflated through buffers of some sizes, and what is wrong at the end.
    fn inflated(bytes: &[u8], limit: u64, buffer: usize) -> (Vec<u8>, Option<String>) {
        let mut gunzip = Gunzip::new(BufReader::with_capacity(buffer, bytes), limit);
        let mut all = Vec::new();
        let broken = gunzip.read_to_end(&mut all).err().map(|error| error.to_string());
        let again = gunzip.read(&mut [0; 8]).err().map(|error| error.to_string());
        assert_eq!(again, broken, "what was said once is said again");
        (all, broken)
    }

    #[test]
    fn members_and_padding_are_read_and_other_bytes_are_an_error() {
        let (one, two) = (gzip(b"one\n"), gzip(&b"two\n".repeat(50_000)));
        for buffer in [1, 2, 7, 8192] {
            let both = [&one[..], &gzip(b""), &two, &[0; 100]].concat();
            assert!(inflated(&both, u64::MAX, buffer) == ([b"one\n", &b"two\n".repeat(50_000)[..]].concat(), None));
            for rest in [&b"\x1f"[..], b"\x1f\x8b", b"garbage", b"\0\0garbage", &[&[0; 9], &one[..]].concat()] {
                let (content, broken) = inflated(&[&one[..], rest].concat(), u64::MAX, buffer);
                assert_eq!(content, b"one\n");
                assert!(broken.is_some_and(|why| why.starts_with("gzip stream is broken after 4 bytes: ")));
            }
        }
    }

    #[test]
    fn cut_and_too_large_streams_give_what_they_can_and_an_error() {
        let bytes = gzip(&b"x".repeat(500_000));
        let (content, broken) = inflated(&bytes[..bytes.len() - 1], u64::MAX, 64);
        assert!(content.len() == 500_000 && broken.is_some());
        let (_, broken) = inflated(&bytes, 499_999, 64);
        assert_eq!(broken.as_deref(), Some("gzip content grows past 499999 bytes"));
        assert_eq!(inflated(&bytes, 500_000, 64).1, None);
    }
}
