//! Inflates gzip files within limits.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use crate::whole_gzip::inflate_whole;

/// This much is inflated at a time: little enough to stay in the processor's cache from one step to the next.
pub(crate) const PIECE: u64 = 256 << 10;
/// How many times larger than its file the content of a gzip file may be. Logs reach 30, a stream of zeros 1,030.
pub(crate) const MAX_RATIO: u64 = 250;
/// Content up to this size, in bytes, is never too large for its file.
pub(crate) const RATIO_FROM: u64 = 64 << 20;

/// Whether the bytes are a gzip file. See RFC 1952, "Member format".
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 8])
}

/// Inflates a gzip file of one or several members, piece by piece into `buffer`. Zeros may follow the last member:
/// tapes and block devices pad files with them, and gzip ignores them. `take` receives everything that is not taken
/// yet, and whether it is the end; it returns how many bytes it took. Returns the reason if the stream is broken, or
/// if it grows past `limit` bytes, or past both 64 MiB and 250 times its size. `take` then has received everything
/// before that, but no end.
///
/// # Errors
///
/// Those of `take`.
pub fn inflate<E>(
    bytes: &[u8],
    limit: u64,
    buffer: &mut Vec<u8>,
    mut take: impl FnMut(&[u8], bool) -> Result<usize, E>,
) -> Result<Option<String>, E> {
    let limit = limit.min(RATIO_FROM.max((bytes.len() as u64).saturating_mul(MAX_RATIO)));
    if inflate_whole(bytes, limit, buffer) {
        return take(buffer, true).map(|_| None);
    }
    let mut decoder = GzDecoder::new(bytes);
    let mut inflated = 0u64;
    loop {
        let before = buffer.len();
        let outcome = next_piece(&mut decoder, buffer);
        inflated += (buffer.len() - before) as u64;
        let broken = match outcome {
            Ok(()) if buffer.len() == before => return take(buffer, true).map(|_| None),
            Ok(()) if inflated > limit => Some(format!("gzip content grows past {limit} bytes; see --max-inflate")),
            Ok(()) => None,
            Err(error) => Some(format!("gzip stream is broken after {inflated} bytes: {error}")),
        };
        let taken = take(buffer, false)?;
        buffer.drain(..taken);
        if broken.is_some() {
            return Ok(broken);
        }
    }
}

/// Inflates up to [`PIECE`] more bytes, from one member after another; nothing at the end of the last one.
fn next_piece(decoder: &mut GzDecoder<&[u8]>, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut left = PIECE;
    while left > 0 {
        left -= decoder.by_ref().take(left).read_to_end(buffer)? as u64;
        if left == 0 {
            break;
        }
        let rest = *decoder.get_ref();
        if is_gzip(rest) {
            decoder.reset(rest);
        } else if rest.iter().all(|byte| *byte == 0) {
            break;
        } else {
            return Err(io::Error::other(format!("{} bytes that are not gzip follow", rest.len())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// What is inflated, whether its end was told, and what is broken.
    fn inflated(bytes: &[u8]) -> (Vec<u8>, bool, Option<String>) {
        let (mut content, mut ended) = (Vec::new(), false);
        let broken = inflate(bytes, u64::MAX, &mut Vec::new(), |new, at_end| {
            content.extend_from_slice(new);
            ended |= at_end;
            Ok::<_, std::convert::Infallible>(new.len())
        });
        (content, ended, broken.unwrap())
    }

    #[test]
    fn zeros_after_the_last_member_are_nothing_and_other_bytes_are_told() {
        let (one, two, large) = (gzip(b"one\n"), gzip(b"two\n"), gzip(&b"x".repeat(600_000)));
        for (bytes, content) in [
            (one.clone(), b"one\n".to_vec()),
            ([&one[..], &[0; 1]].concat(), b"one\n".to_vec()),
            ([&one[..], &two, &b"\0".repeat(100_000)].concat(), b"one\ntwo\n".to_vec()),
            ([&large[..], &gzip(b""), &two, &[0; 512]].concat(), [&b"x".repeat(600_000)[..], b"two\n"].concat()),
        ] {
            assert!(inflated(&bytes) == (content, true, None));
        }
        for rest in [&b"\x1f"[..], b"\x1f\x8b", b"\0\0\0garbage", b"\n", &[&[0; 512][..], &two].concat()] {
            let (content, ended, broken) = inflated(&[&one[..], rest].concat());
            assert_eq!((content.as_slice(), ended), (&b"one\n"[..], false), "{rest:?}");
            let said = broken.unwrap();
            assert!(said.contains(&format!("after 4 bytes: {} bytes that are not gzip", rest.len())), "{said}");
        }
        let (content, ended, broken) = inflated(&large[..large.len() - 1]);
        assert!(content.len() == 600_000 && !ended && broken.is_some());
    }
}
