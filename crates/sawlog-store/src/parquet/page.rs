//! Builds one column chunk from pages: a dictionary page, if any, and data pages.

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Encoding};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescPtr;

use super::compress::{Codec, Compressor};
use super::header::{PageHeader, PageKind};
use super::hybrid;
use super::leaf::Levels;

/// Rows in a data page: the smallest step in which a reader can skip.
pub(super) const PAGE_ROWS: usize = 16_384;
/// A data page of plain values is closed at this many bytes, however few rows it has.
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// A chunk whose pages compression would make smaller by less than this many bytes is not compressed: half of all
/// chunks are empty or constant, and readers set up a decompressor for each chunk that is compressed, which takes
/// longer than reading a small one.
const WORTH: usize = 128;
/// Pages are held back up to this size, until it is known what compression gains.
const SMALL: usize = 4096;

/// An encoded column chunk.
#[derive(Debug)]
pub(super) struct EncodedColumn {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
}

/// What the page index says about a data page.
pub(super) struct PageRange {
    pub(super) min: Vec<u8>,
    pub(super) max: Vec<u8>,
}

/// A page before compression.
struct Page {
    kind: PageKind,
    values: usize,
    content: Vec<u8>,
}

/// A column chunk to which pages are added.
pub(super) struct ChunkBuilder<'a> {
    compressor: &'a mut Compressor,
    bytes: Vec<u8>,
    /// The first pages, as long as they are small together.
    held: Vec<Page>,
    is_small: bool,
    descr: ColumnDescPtr,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
    dictionary_offset: Option<i64>,
    data_offset: Option<i64>,
    data_encoding: Encoding,
    uncompressed: i64,
    rows: usize,
    levels: usize,
    page: Vec<u8>,
}

impl<'a> ChunkBuilder<'a> {
    pub(super) fn new(descr: ColumnDescPtr, data_encoding: Encoding, compressor: &'a mut Compressor) -> Self {
        Self {
            compressor,
            bytes: Vec::new(),
            held: Vec::new(),
            is_small: true,
            column_index: ColumnIndexBuilder::new(descr.physical_type()),
            offset_index: OffsetIndexBuilder::new(),
            descr,
            dictionary_offset: None,
            data_offset: None,
            data_encoding,
            uncompressed: 0,
            rows: 0,
            levels: 0,
            page: Vec::new(),
        }
    }

    /// Adds the dictionary: `values` are the distinct values in the encoding PLAIN.
    pub(super) fn dictionary(&mut self, values: Vec<u8>, count: usize) -> Result<()> {
        self.add(Page { kind: PageKind::Dictionary, values: count, content: values })?;
        Ok(())
    }

    /// Adds a data page. `put_values` appends the values that are present; `range` is their range, `None` if there
    /// are none.
    pub(super) fn data(
        &mut self,
        rows: usize,
        levels: &Levels,
        range: Option<PageRange>,
        put_values: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        let mut page = std::mem::take(&mut self.page);
        page.clear();
        if let Some(repetition) = &levels.repetition {
            put_levels(&mut page, |page| hybrid::encode(repetition, 1, page))?;
        }
        put_levels(&mut page, |page| {
            if let Some(definition) = &levels.definition {
                hybrid::encode(definition, hybrid::bit_width(levels.max), page);
            } else {
                hybrid::put_varint((levels.count as u64) << 1, page);
                let level = if levels.values == 0 { 0 } else { levels.max };
                page.push(level.to_le_bytes()[0]);
            }
        })?;
        put_values(&mut page);
        let kind = PageKind::Data(self.data_encoding);
        self.page = self.add(Page { kind, values: levels.count, content: page })?;
        self.offset_index.append_row_count(i64::try_from(rows)?);
        let nulls = i64::try_from(levels.count - levels.values)?;
        let range = range.unwrap_or(PageRange { min: Vec::new(), max: Vec::new() });
        self.column_index.append(levels.values == 0, range.min, range.max, nulls);
        self.rows += rows;
        self.levels += levels.count;
        Ok(())
    }

    /// The number of levels of its pages: rows and items of lists.
    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    /// Adds a page. Returns a buffer for the next one.
    fn add(&mut self, page: Page) -> Result<Vec<u8>> {
        let held: usize = self.held.iter().map(|page| page.content.len()).sum();
        self.is_small &= held + page.content.len() <= SMALL;
        if self.is_small {
            self.held.push(page);
            return Ok(Vec::new());
        }
        let codec = self.compressor.codec();
        for held in std::mem::take(&mut self.held) {
            self.append(&held, codec)?;
        }
        self.append(&page, codec)?;
        Ok(page.content)
    }

    /// Appends the pages that were held back; returns the chunk's compression.
    fn append_held(&mut self) -> Result<Codec> {
        let (held, codec) = (std::mem::take(&mut self.held), self.compressor.codec());
        if !self.is_small {
            return Ok(codec);
        }
        let before: usize = held.iter().map(|page| page.content.len()).sum();
        let mut after = 0;
        // Less than that can't become smaller by as much.
        for page in held.iter().filter(|_| before >= WORTH) {
            after += self.compressor.compress(&page.content, codec)?.len();
        }
        let codec = if before < after + WORTH { Codec::None } else { codec };
        held.iter().try_for_each(|page| self.append(page, codec))?;
        Ok(codec)
    }

    /// Appends a page with its header.
    fn append(&mut self, page: &Page, codec: Codec) -> Result<()> {
        let Page { kind, values, content } = page;
        let compressed = self.compressor.compress(content, codec)?;
        let start = self.bytes.len();
        let header = PageHeader {
            kind: *kind,
            values: *values,
            uncompressed: content.len(),
            compressed: compressed.len(),
            crc: crc32fast::hash(compressed),
        };
        header.put(&mut self.bytes)?;
        // Parquet counts page headers in the uncompressed size of a chunk.
        self.uncompressed += i64::try_from(content.len() + self.bytes.len() - start)?;
        self.bytes.extend_from_slice(compressed);
        let (offset, size) = (i64::try_from(start)?, i32::try_from(self.bytes.len() - start)?);
        match kind {
            PageKind::Dictionary => self.dictionary_offset = Some(offset),
            PageKind::Data(_) => {
                self.data_offset.get_or_insert(offset);
                self.offset_index.append_offset_and_size(offset, size);
            }
        }
        Ok(())
    }

    /// Closes the chunk.
    pub(super) fn finish(
        mut self,
        statistics: Statistics,
        order: BoundaryOrder,
        bloom_filter: Option<Sbbf>,
    ) -> Result<EncodedColumn> {
        let codec = self.append_held()?;
        let bytes = Bytes::from(self.bytes);
        let mut encodings = vec![Encoding::RLE, self.data_encoding];
        if self.dictionary_offset.is_some() {
            encodings.push(Encoding::PLAIN);
        }
        self.column_index.set_boundary_order(order);
        let metadata = ColumnChunkMetaData::builder(self.descr)
            .set_compression(codec.parquet())
            .set_encodings(encodings)
            .set_total_compressed_size(i64::try_from(bytes.len())?)
            .set_total_uncompressed_size(self.uncompressed)
            .set_num_values(i64::try_from(self.levels)?)
            .set_data_page_offset(self.data_offset.unwrap_or_default())
            .set_dictionary_page_offset(self.dictionary_offset)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter,
            column_index: Some(self.column_index.build()?),
            offset_index: Some(self.offset_index.build()),
        };
        Ok(EncodedColumn { bytes, close })
    }
}

/// Appends levels, with their size in bytes before them.
fn put_levels(page: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
    let start = page.len();
    page.extend_from_slice(&[0; 4]);
    put(page);
    let len = u32::try_from(page.len() - start - 4)?;
    page[start..start + 4].copy_from_slice(&len.to_le_bytes());
    Ok(())
}
