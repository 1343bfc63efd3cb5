//! Archives: each regular file in one is a source of its own, labelled `ARCHIVE!PATH`, and so is data in base64.
//!
//! Names of members are only text: nothing is written to disk under them. Compressed members are unpacked to a
//! temporary file without a name; others are read in place.

mod base64;
mod labels;
mod opened;
mod region;
mod tar;
mod unpack;
mod zip;

use sawlog_formats::{Compression, Container};
use sawlog_store::Source;

use crate::found::{Found, Problem};

pub use opened::{ArchiveMember, OpenedArchive, open_archive};
pub(crate) use region::{Spool, reader};
pub(crate) use unpack::unpack;

/// How deep archives may be nested, counting the outermost one.
pub(crate) const MAX_DEPTH: usize = 4;
/// The most members of one input file that are read, however much memory there is.
pub(crate) const MAX_MEMBERS: usize = 1_000_000;

/// How an input file that holds an archive is packed.
#[derive(Clone, Debug)]
pub(crate) struct Packing {
    /// The layers of compression around it, the outer one first.
    pub(crate) layers: Vec<Compression>,
    pub(crate) container: Container,
}

impl Packing {
    /// Its name in the ledger: `gzip+tar`.
    pub(crate) fn name(&self) -> String {
        let layers = self.layers.iter().map(|layer| layer.name());
        layers.chain([self.container.name()]).collect::<Vec<_>>().join("+")
    }
}

/// What came out of an input file.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    /// The members that are to be read.
    pub(crate) members: Vec<Found>,
    /// The ledger's rows of the archives, and of members that are not read.
    pub(crate) rows: Vec<Source>,
    /// What could not be read of the archives, or not to its end.
    pub(crate) problems: Vec<Problem>,
    /// The labels of links, which are not followed.
    pub(crate) links: Vec<String>,
}
