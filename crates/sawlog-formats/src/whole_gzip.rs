//! Inflates a gzip file of one member in one step with libdeflate, which takes half the time of a stream.
//!
//! All unsafe code of this crate is here: no safe interface of libdeflate tells how much of a file it used, and
//! without that a second member would be overlooked.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// Larger content is inflated piece by piece, because all of it would be in memory.
const MOST: usize = 16 << 20;
/// The smallest gzip file: a header of ten bytes, a block of two, checksum and size.
const LEAST: usize = 20;

/// Inflates a gzip file into `buffer`, replacing its content, and returns whether it did. It does not if the file has
/// several members, is broken, or holds more than `limit` bytes; then `buffer` is empty.
pub(crate) fn inflate_whole(file: &[u8], limit: u64, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    // See RFC 1952, "Member format": the size is at the end, modulo 2^32.
    let Some(size) = file.last_chunk().filter(|_| file.len() >= LEAST).map(|size| u32::from_le_bytes(*size)) else {
        return false;
    };
    let Ok(size) = usize::try_from(size) else { return false };
    if size > MOST || size as u64 > limit {
        return false;
    }
    buffer.reserve(size);
    let Some(decompressor) = Decompressor::new() else { return false };
    let (mut taken, mut written) = (0, 0);
    // SAFETY: the decompressor is live; `file` has as many bytes as it says, and is only read; `buffer` has room for
    // `size` bytes, none of which is read before it is written; the counts are written to live variables.
    let result = unsafe {
        libdeflate_gzip_decompress_ex(
            decompressor.0.as_ptr(),
            file.as_ptr().cast(),
            file.len(),
            buffer.as_mut_ptr().cast(),
            size,
            &raw mut taken,
            &raw mut written,
        )
    };
    if result != libdeflate_result_LIBDEFLATE_SUCCESS || taken != file.len() || written != size {
        return false;
    }
    // SAFETY: that many bytes were written, and there was room for them.
    unsafe { buffer.set_len(written) };
    true
}

/// A decompressor that is freed when it is dropped.
struct Decompressor(NonNull<libdeflate_decompressor>);

impl Decompressor {
    /// A new decompressor; `None` if there is no memory.
    fn new() -> Option<Self> {
        // SAFETY: it may be called at any time.
        NonNull::new(unsafe { libdeflate_alloc_decompressor() }).map(Self)
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: it was allocated above, and is freed once.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) }
    }
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

    #[test]
    fn files_of_one_member_are_inflated_and_no_others() {
        let mut buffer = b"before".to_vec();
        let content = b"a line\n".repeat(50_000);
        for content in [&b""[..], b"one", &content] {
            let file = gzip(content);
            assert!(inflate_whole(&file, content.len() as u64, &mut buffer) && buffer == content);
            // The same member twice: the size and checksum at the end also fit the first one.
            for file in [[&file[..], &file].concat(), [&file[..], &[0; 9]].concat(), [&file[..], b"garbage"].concat()] {
                assert!(!inflate_whole(&file, u64::MAX, &mut buffer) && buffer.is_empty());
            }
        }
        let file = gzip(&content);
        assert!(!inflate_whole(&file, content.len() as u64 - 1, &mut buffer), "larger than the limit");
        assert!(!inflate_whole(&gzip(&vec![0; MOST + 1]), u64::MAX, &mut buffer), "too large");
        for len in 0..40.min(file.len()) {
            assert!(!inflate_whole(&file[..len], u64::MAX, &mut buffer));
            assert!(!inflate_whole(&file[..file.len() - 1 - len], u64::MAX, &mut buffer));
        }
        // Whichever byte is changed, no other content results.
        let small = gzip(b"some bytes, some more bytes");
        for place in 0..small.len() {
            let mut file = small.clone();
            file[place] ^= 0x10;
            let inflated = inflate_whole(&file, 1 << 20, &mut buffer);
            assert!(!inflated || buffer == b"some bytes, some more bytes", "byte {place}");
        }
    }
}
