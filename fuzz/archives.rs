//! What must hold for any bytes as an archive: what comes out of it is what its SHA-256 says, under a name of its own,
//! within the limit, and the same each time.

use std::collections::HashSet;
use std::fs;

use sawlog_convert::{OpenedArchive, open_archive};
use sha2::{Digest, Sha256};

/// No more may be decompressed.
const LIMIT: u64 = 1 << 20;

/// Takes bytes apart, if they are an archive: in any layers of compression, and those within it.
///
/// # Panics
///
/// If something else comes out of them than should.
pub fn archives(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    fs::write(&path, bytes).expect("a new file");
    let open = || open_archive(&path, LIMIT).expect("a file that was written can be read");
    let Some(opened) = open() else { return };
    let mut labels = HashSet::new();
    for label in opened.members.iter().map(|member| &member.label).chain(opened.others.iter().map(|(label, _)| label)) {
        assert!(labels.insert(label), "{label:?} is there twice");
        assert!(label.starts_with("file!") && !label.contains(char::is_control), "{label:?}");
    }
    let mut size = 0;
    for member in &opened.members {
        assert_eq!(member.sha256, <[u8; 32]>::from(Sha256::digest(&member.content)), "{:?}", member.label);
        size += member.content.len() as u64;
    }
    // What lies in an archive as it is counts once for each of those around it.
    assert!(size <= LIMIT + 4 * (bytes.len() as u64 + LIMIT), "{size} bytes come out of {}", bytes.len());
    assert_eq!(told(&opened), told(&open().expect("it was one before")), "it is taken apart in another way");
}

/// What came out of an archive, but for the contents, of which the SHA-256 are compared.
fn told(opened: &OpenedArchive) -> String {
    let OpenedArchive { members, others, problems, links } = opened;
    let members: Vec<_> = members.iter().map(|member| (&member.label, member.sha256, &member.problem)).collect();
    format!("{members:?} {others:?} {problems:?} {links:?}")
}
