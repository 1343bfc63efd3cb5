//! Writes Parquet: columns in, data files out.
//!
//! The decoder of a log has already numbered the distinct values of each column. The stock Arrow writer would hash
//! every value again. This encoder writes the numbers as they are, takes statistics and Bloom filters from the
//! dictionary alone, and puts a checksum into every page's header. It leaves the page index and the footer to the
//! `parquet` crate.

mod check;
mod column;
mod compress;
mod file;
mod header;
mod hybrid;
mod integers;
mod leaf;
mod page;
mod range;

pub(crate) use check::damaged_page;
pub use column::{EncodedRowGroup, Encoder};
pub use compress::Codec;
pub use file::DataFile;

#[cfg(test)]
mod tests;
