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
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compressor").field(&self.codec).finish()
    }
}

impl Compressor {
    pub(super) fn new(codec: Codec) -> Result<Self> {
        Ok(Self { codec, zstd: zstd::bulk::Compressor::new(1)?, snappy: snap::raw::Encoder::new() })
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    pub(super) fn compress(&mut self, page: &[u8]) -> Result<Vec<u8>> {
        Ok(match self.codec {
            Codec::Zstd => self.zstd.compress(page)?,
            Codec::Snappy => self.snappy.compress_vec(page).map_err(|error| ParquetError::External(Box::new(error)))?,
            Codec::Lz4 => lz4_flex::block::compress(page),
            Codec::None => page.to_vec(),
        })
    }
}
