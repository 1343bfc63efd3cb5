//! Writes Parquet: columns in, data files out.
//!
//! The columns of a log come from a decoder that has numbered their distinct values already. The stock Arrow writer would
//! hash every value again; this encoder writes the numbers as they are, takes statistics and Bloom filters from the
//! dictionary alone, puts a checksum into every page's header, and leaves page index and footer to the `parquet` crate.

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
