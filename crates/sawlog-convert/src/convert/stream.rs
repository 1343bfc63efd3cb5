//! Turns the bytes of a file into its content: decompresses them, and converts them to UTF-8.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::Result;
use sawlog_formats::{Budget, Compression, Container, Encoding, decompress, inflate, layer_names};

use crate::found::Found;

/// How a file's bytes become its content.
pub(super) enum Stream {
    /// Decompress them: the layers, the outer one first.
    Packed(Vec<Compression>),
    /// Compressed text in UTF-16, which is converted to UTF-8.
    PackedText(Vec<Compression>, Encoding),
    /// Convert UTF-16 to UTF-8.
    Text(Encoding),
}

/// Why reading a stream stopped.
pub(super) enum Stop {
    Failed(anyhow::Error),
    /// The content must be read in another way.
    Inside(Inside),
}

/// Content of a compressed file that must be read in another way.
#[derive(Clone, Copy)]
pub(super) enum Inside {
    /// It begins like text in UTF-16.
    Utf16(Encoding),
    Compressed(Compression),
    Archive(Container),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Looks at the beginning of decompressed content to find out whether it must be read in another way.
pub(super) fn look_inside(content: &[u8]) -> Result<(), Stop> {
    let inside = Compression::of(content).map(Inside::Compressed);
    let inside = inside.or_else(|| Container::of(content).map(Inside::Archive)).or_else(|| {
        let encoding = Encoding::of(content).filter(|encoding| *encoding != Encoding::Utf32)?;
        Some(Inside::Utf16(encoding))
    });
    inside.map_or(Ok(()), |inside| Err(Stop::Inside(inside)))
}

/// The name of layers of compression in the ledger.
pub(super) fn compression(layers: &[Compression]) -> Cow<'static, str> {
    match layers {
        [layer] => layer.name().into(),
        layers => layer_names(layers).into(),
    }
}

/// How much an input file may expand to.
pub(super) struct Limit {
    /// `--max-inflate`.
    max: u64,
    /// Over all layers, and all members of an archive.
    budget: Budget,
    is_member: bool,
}

impl Limit {
    pub(super) fn of(found: &Found, max: u64) -> Self {
        let budget = match found.member.as_deref() {
            None => Budget::of(found.size, max),
            Some(member) => Budget::of_member(member.declared, Arc::clone(&member.budget)),
        };
        Self { max, budget, is_member: found.member.is_some() }
    }

    /// Decompresses within the limit.
    pub(super) fn unpack<E>(
        &self,
        bytes: &[u8],
        layers: &[Compression],
        buffer: &mut Vec<u8>,
        take: impl FnMut(&[u8], bool) -> Result<usize, E>,
    ) -> Result<Option<String>, E> {
        if *layers == [Compression::Gzip] && !self.is_member {
            inflate(bytes, self.max, buffer, take)
        } else {
            decompress(bytes, layers, &self.budget, buffer, take)
        }
    }

    /// Whether `--max-inflate` is the limit for a file that expanded to this size.
    pub(super) fn is_bound(&self, content_size: i64) -> bool {
        let is_larger = u64::try_from(content_size).is_ok_and(|size| size > self.max);
        is_larger || self.budget.is_exceeded() && self.budget.is_bound_by(self.max)
    }
}
