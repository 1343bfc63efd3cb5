//! What is in one archive, for programs that need no store.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use sawlog_formats::{Container, Peeler, label};

use super::{MAX_MEMBERS, Packing, Spool, unpack};
use crate::convert::FileBytes;
use crate::evidence;
use crate::found::{Found, mtime};

/// What was found in an archive, and in the archives inside it.
#[derive(Debug)]
pub struct OpenedArchive {
    /// The members that may hold logs, in the archive's order.
    pub members: Vec<ArchiveMember>,
    /// The members that are not read, and the inner archives: labels, and what each is, if that is known.
    pub others: Vec<(String, Option<String>)>,
    /// What could not be read, or not to its end: labels, and why.
    pub problems: Vec<(String, String)>,
    /// The labels of links, which are not followed.
    pub links: Vec<String>,
}

/// A member of an archive.
#[derive(Debug)]
pub struct ArchiveMember {
    /// The archive's name, `!`, and the member's.
    pub label: String,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
    /// Its content, which may be compressed itself.
    pub content: Vec<u8>,
    /// Why the content is incomplete.
    pub problem: Option<String>,
}

/// Unpacks the archive at `path` as a conversion does; `None` if the file is not an archive. At most `max_inflate`
/// bytes are decompressed. The members are held in memory.
///
/// # Errors
///
/// If the file can't be read.
pub fn open_archive(path: &Path, max_inflate: u64) -> Result<Option<OpenedArchive>> {
    let open = || Ok(Box::new(BufReader::new(evidence::open(path)?)) as Box<dyn BufRead>);
    let (layers, head) = Peeler::default().peel(open).with_context(|| path.display().to_string())?;
    let Some(container) = Container::of(&head) else { return Ok(None) };
    let metadata = path.metadata().with_context(|| path.display().to_string())?;
    let found = Found {
        given: Path::new("").into(),
        path: Some(path.into()),
        root: "".into(),
        label: label(Path::new(path.file_name().unwrap_or_default())).into(),
        size: metadata.len(),
        mtime: mtime(&metadata),
        may_repeat: false,
        member: None,
    };
    let mut spool = Spool::new(&std::env::temp_dir())?;
    let unpacked = unpack(&found, &Packing { layers, container }, "", (max_inflate, MAX_MEMBERS), &mut spool, &())?;
    let members = unpacked.members.iter().map(member).collect::<Result<_>>()?;
    let others = unpacked.rows.into_iter().filter(|row| row.path != *found.label);
    Ok(Some(OpenedArchive {
        members,
        others: others.map(|row| (row.path, row.looks_like.map(|kind| kind.to_string()))).collect(),
        problems: unpacked.problems.into_iter().map(|problem| (problem.path, problem.what)).collect(),
        links: unpacked.links,
    }))
}

fn member(found: &Found) -> Result<ArchiveMember> {
    let member = found.member.as_ref().context("what comes out of an archive is a member")?;
    let file = member.place.open()?;
    let bytes = FileBytes::part(&file, member.offset, found.size)?;
    Ok(ArchiveMember {
        label: found.label.to_string(),
        sha256: member.sha256,
        content: bytes.bytes().to_vec(),
        problem: member.broken.as_deref().map(str::to_owned),
    })
}
