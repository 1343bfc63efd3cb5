//! The checksum of the tail of a data file: Bloom filters, page index and footer, which decide what is read of it.
//!
//! Pages have checksums of their own, but Parquet has none for the bytes after them. A flipped bit there could make a
//! reader silently skip rows. So the table's log keeps this checksum in the tags of the file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::str::FromStr;

use ::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use serde::{Deserialize, Serialize};

/// Where the tail of a data file begins, and its CRC-32. As text: `1f4c:0a1b2c3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    offset: u64,
    crc: u32,
}

impl Tail {
    /// One that holds for no file.
    pub(crate) const WRONG: Self = Self { offset: u64::MAX, crc: 0 };

    /// The tail of a file that was just written.
    pub(crate) fn of(file: &File, metadata: &ParquetMetaData) -> io::Result<Self> {
        let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
        let offset = chunks.map(|chunk| chunk.byte_range().0 + chunk.byte_range().1).max().unwrap_or(4);
        Ok(Self { offset, crc: checksum(file, offset)? })
    }

    /// Whether it can be the tail of a file of this size.
    pub(crate) fn holds(&self, file: &File, size: u64) -> io::Result<bool> {
        Ok(self.offset <= size && checksum(file, self.offset)? == self.crc)
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:08x}", self.offset, self.crc)
    }
}

impl FromStr for Tail {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (offset, crc) = text.split_once(':').ok_or(())?;
        let offset = u64::from_str_radix(offset, 16).map_err(|_| ())?;
        Ok(Self { offset, crc: u32::from_str_radix(crc, 16).map_err(|_| ())? })
    }
}

/// CRC-32 from an offset to the end; afterwards the file is at its beginning.
fn checksum(mut file: &File, offset: u64) -> io::Result<u32> {
    file.seek(SeekFrom::Start(offset))?;
    let (mut hasher, mut buffer) = (crc32fast::Hasher::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    file.rewind()?;
    Ok(hasher.finalize())
}
