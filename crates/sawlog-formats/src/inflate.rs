//! Inflates gzip files within limits.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

/// So much is inflated at a time: small enough to stay in the processor's cache from one step to the next.
const PIECE: u64 = 256 << 10;
/// How many times larger than its file the content of a gzip file may be. Logs reach 30, a stream of zeros 1,030.
const MAX_RATIO: u64 = 250;
/// Content up to this size, in bytes, is never too large for its file.
const RATIO_FROM: u64 = 64 << 20;

/// Whether the bytes are those of a gzip file. See RFC 1952, "Member format".
#[must_use]
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 8])
}

/// Inflates a gzip file of `bytes`, of one member or several, piece by piece into `buffer`. `take` gets all that is not yet
/// taken, and whether it is the end, and says how many bytes it took. Gives back the reason if the stream is broken, grows past
/// `limit` bytes, or past both 64 MiB and 250 times its size; what came before that was given to `take`, which is told of no end
/// then.
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
    let mut decoder = MultiGzDecoder::new(bytes);
    let mut inflated = 0u64;
    let limit = limit.min(RATIO_FROM.max((bytes.len() as u64).saturating_mul(MAX_RATIO)));
    buffer.clear();
    loop {
        let before = buffer.len();
        let outcome = (&mut decoder).take(PIECE).read_to_end(buffer);
        inflated += (buffer.len() - before) as u64;
        let broken = match outcome {
            Ok(0) => return take(buffer, true).map(|_| None),
            Ok(_) if inflated > limit => Some(format!("gzip content grows past {limit} bytes; see --max-inflate")),
            Ok(_) => None,
            Err(error) => Some(format!("gzip stream is broken after {inflated} bytes: {error}")),
        };
        let taken = take(buffer, false)?;
        buffer.drain(..taken);
        if broken.is_some() {
            return Ok(broken);
        }
    }
}
