//! The compression of pages.

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result};

/// How pages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Zstandard, level 1.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
    /// LZ4, in blocks without a frame.
    Lz4,
    /// Not at all.
    None,
}

impl Codec {
    /// The name of the codec in Parquet's metadata.
    pub(super) fn parquet(self) -> Compression {
        match self {
            Self::Zstd => Compression::ZSTD(ZstdLevel::default()),
            Self::Snappy => Compression::SNAPPY,
            Self::Lz4 => Compression::LZ4_RAW,
            Self::None => Compression::UNCOMPRESSED,
        }
    }
}

/// Compresses pages with one context and one buffer.
pub(super) struct Compressor {
    codec: Codec,
    zstd: zstd::bulk::Compressor<'static>,
    snappy: snap::raw::Encoder,
    /// For the last page: a new buffer for each page would cost page faults.
    compressed: Vec<u8>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compressor").field(&self.codec).finish()
    }
}

impl Compressor {
    pub(super) fn new(codec: Codec) -> Result<Self> {
        let (zstd, snappy) = (zstd::bulk::Compressor::new(1)?, snap::raw::Encoder::new());
        Ok(Self { codec, zstd, snappy, compressed: Vec::new() })
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// Compresses a page with a codec: the compressor's own, or none.
    pub(super) fn compress(&mut self, page: &[u8], codec: Codec) -> Result<&[u8]> {
        let to = &mut self.compressed;
        let len = match codec {
            Codec::None => {
                to.clear();
                to.extend_from_slice(page);
                page.len()
            }
            Codec::Zstd => {
                to.clear();
                to.reserve(zstd::zstd_safe::compress_bound(page.len()));
                self.zstd.compress_to_buffer(page, to)?
            }
            Codec::Snappy => {
                to.resize(to.len().max(snap::raw::max_compress_len(page.len())), 0);
                self.snappy.compress(page, to).map_err(|error| ParquetError::External(Box::new(error)))?
            }
            Codec::Lz4 => {
                to.resize(to.len().max(lz4_flex::block::get_maximum_output_size(page.len())), 0);
                lz4_flex::block::compress_into(page, to).map_err(|error| ParquetError::External(Box::new(error)))?
            }
        };
        Ok(&to[..len])
    }
}
