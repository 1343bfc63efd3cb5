//! Checks every page of a data file by its bytes, without decoding any: headers, checksums, and the counts in the
//! footer.
//!
//! A page's checksum covers its content, but not its header. So each header must be, bit for bit, the one that the
//! encoder writes for the same page; and the sums over a column chunk must be what the footer says, which has a
//! checksum of its own. Together these leave no bit of a column chunk unchecked.

use std::fs::File;
use std::os::unix::fs::FileExt;

use ::parquet::basic::Encoding;
use ::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};
use ::parquet::file::statistics::Statistics;

use super::header::{MAX_HEADER, PageHeader, PageKind};

/// What a Parquet file begins with.
const MAGIC: &[u8] = b"PAR1";

/// This many bytes of a page are read at a time.
const STEP: usize = 256 << 10;

/// What is wrong with the pages of a data file: the first damaged column, and where; `None` if all are intact.
///
/// # Errors
///
/// If the file can't be read.
pub(crate) fn damaged_page(file: &File) -> Result<Option<String>, ::parquet::errors::ParquetError> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file)?;
    let mut buffer = Vec::new();
    read(file, 0, MAGIC.len(), &mut buffer)?;
    if buffer != MAGIC {
        return Ok(Some("it does not begin as a Parquet file".to_owned()));
    }
    // Column chunks follow each other directly, so there is nothing between them.
    let mut end = MAGIC.len() as u64;
    for chunk in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let (start, len) = chunk.byte_range();
        let damaged = if start == end { damaged_at(file, chunk, &mut buffer)? } else { Some(end) };
        end = start + len;
        if let Some(at) = damaged {
            return Ok(Some(format!("the column {} is damaged at byte {at}", chunk.column_path().string())));
        }
    }
    Ok(None)
}

/// The offset of the first damaged page of a column chunk.
fn damaged_at(file: &File, chunk: &ColumnChunkMetaData, buffer: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
    let (start, len) = chunk.byte_range();
    let (mut at, end) = (start, start + len);
    let encoding = data_encoding(chunk);
    let (mut values, mut uncompressed, mut distinct) = (0, 0, None);
    while at < end {
        let head = usize::try_from(end - at).unwrap_or(usize::MAX).min(MAX_HEADER);
        read(file, at, head, buffer)?;
        let Some((header, header_len)) = PageHeader::read(buffer, encoding) else { return Ok(Some(at)) };
        let content = at + header_len as u64;
        match header.kind {
            PageKind::Dictionary if at == start => distinct = Some(header.values as u64),
            PageKind::Dictionary => return Ok(Some(at)),
            PageKind::Data(_) => values += header.values as u64,
        }
        let next = content + header.compressed as u64;
        if next > end || crc(file, content, header.compressed, buffer)? != header.crc {
            return Ok(Some(at));
        }
        uncompressed += (header_len + header.uncompressed) as u64;
        at = next;
    }
    let as_said = values == chunk.num_values().cast_unsigned()
        && uncompressed == chunk.uncompressed_size().cast_unsigned()
        && distinct.is_some() == chunk.dictionary_page_offset().is_some()
        && distinct == distinct.and_then(|_| chunk.statistics().and_then(Statistics::distinct_count_opt));
    Ok((!as_said).then_some(start))
}

/// How the values of a chunk's data pages are written.
fn data_encoding(chunk: &ColumnChunkMetaData) -> Encoding {
    if chunk.dictionary_page_offset().is_some() {
        return Encoding::RLE_DICTIONARY;
    }
    // Levels are always written in this one.
    chunk.encodings().find(|encoding| *encoding != Encoding::RLE).unwrap_or(Encoding::RLE)
}

fn read(file: &File, at: u64, len: usize, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    buffer.resize(len, 0);
    file.read_exact_at(buffer, at)
}

fn crc(file: &File, mut at: u64, mut len: usize, buffer: &mut Vec<u8>) -> std::io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    while len > 0 {
        let step = len.min(STEP);
        read(file, at, step, buffer)?;
        hasher.update(buffer);
        at += step as u64;
        len -= step;
    }
    Ok(hasher.finalize())
}
