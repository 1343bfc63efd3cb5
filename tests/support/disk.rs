//! A disk that forgets what was not synced: it takes the operations that the fault layer recorded, and gives what is
//! left of them when the power is cut.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::Numbers;

/// An operation that changed files, with its parts: see the fault layer's `record`.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What was done.
    pub name: String,
    parts: Vec<Vec<u8>>,
}

/// Reads a journal of the fault layer.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn read_journal(path: &Path) -> Vec<Operation> {
    let journal = fs::read(path).expect("a journal");
    let mut rest = journal.as_slice();
    let mut operations = Vec::new();
    while let Some(mut entry) = next_part(&mut rest) {
        let name = next_part(&mut entry).expect("an operation has a name");
        let parts = std::iter::from_fn(|| next_part(&mut entry)).map(<[u8]>::to_vec).collect();
        operations.push(Operation { name: String::from_utf8_lossy(name).into_owned(), parts });
    }
    operations
}

/// Takes what follows a length of eight bytes.
fn next_part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

/// What a power cut does to what was not synced.
#[derive(Clone, Copy, Debug)]
pub enum PowerCut {
    /// All of it is lost: entries of folders that were not synced, and bytes of files.
    LosesAll,
    /// Entries of folders are there, the bytes of files are not.
    KeepsEntries,
    /// Entries are there up to some operation, and of each file all bytes, none, or some.
    Random(u64),
}

/// A file or folder: as programs see it, and as it is on the disk.
#[derive(Clone, Debug)]
enum Node {
    File { now: Vec<u8>, durable: Vec<u8> },
    Folder { now: Entries, durable: Entries },
}

type Entries = BTreeMap<OsString, usize>;

/// Files below one folder, empty at first.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
}

impl Disk {
    /// The disk below a folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let folder = Node::Folder { now: Entries::new(), durable: Entries::new() };
        Self { root: root.to_owned(), nodes: vec![folder] }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut at = 0;
        for part in path.strip_prefix(&self.root).ok()? {
            let Node::Folder { now, .. } = &self.nodes[at] else { return None };
            at = *now.get(part)?;
        }
        Some(at)
    }

    /// The entries of the folder that a path is in, and the path's name.
    fn place(&mut self, path: &Path) -> Option<(&mut Entries, OsString)> {
        let folder = self.find(path.parent()?)?;
        match &mut self.nodes[folder] {
            Node::Folder { now, .. } => Some((now, path.file_name()?.to_owned())),
            Node::File { .. } => None,
        }
    }

    fn insert(&mut self, path: &Path, node: usize) {
        let (entries, name) = self.place(path).expect("the folder is there");
        entries.insert(name, node);
    }

    fn remove(&mut self, path: &Path) -> Option<usize> {
        let (entries, name) = self.place(path)?;
        entries.remove(&name)
    }

    fn add(&mut self, path: &Path, node: Node) {
        self.nodes.push(node);
        self.insert(path, self.nodes.len() - 1);
    }

    /// Does an operation.
    ///
    /// # Panics
    ///
    /// If it can't have been done on this disk.
    pub fn apply(&mut self, operation: &Operation) {
        let path = |place: usize| PathBuf::from(OsString::from_vec(operation.parts[place].clone()));
        let number = |place: usize| {
            let bytes = operation.parts[place].as_slice().try_into().expect("eight bytes");
            usize::try_from(u64::from_le_bytes(bytes)).expect("a small number")
        };
        let first = path(0);
        match operation.name.as_str() {
            "create" => self.add(&first, Node::File { now: Vec::new(), durable: Vec::new() }),
            "mkdir" => self.add(&first, Node::Folder { now: Entries::new(), durable: Entries::new() }),
            "unlink" | "rmdir" => drop(self.remove(&first)),
            "rename" => {
                let node = self.remove(&first).expect("what is renamed is there");
                self.insert(&path(1), node);
            }
            "link" => {
                let node = self.find(&first).expect("what is linked is there");
                self.insert(&path(1), node);
            }
            "write" | "truncate" | "sync" => {
                // A file without a name is of no interest.
                let Some(node) = self.find(&first) else { return };
                match (&mut self.nodes[node], operation.name.as_str()) {
                    (Node::File { now, .. }, "write") => {
                        let (offset, bytes) = (number(1), &operation.parts[2]);
                        now.resize(now.len().max(offset + bytes.len()), 0);
                        now[offset..offset + bytes.len()].copy_from_slice(bytes);
                    }
                    (Node::File { now, .. }, "truncate") => now.resize(number(1), 0),
                    (Node::File { now, durable }, _) => durable.clone_from(now),
                    (Node::Folder { now, durable }, _) => durable.clone_from(now),
                }
            }
            other => panic!("what is {other}?"),
        }
    }

    /// Puts what a power cut leaves below `target`.
    ///
    /// # Panics
    ///
    /// If it can't be written.
    pub fn write_what_is_left(&self, cut: PowerCut, target: &Path) {
        let mut numbers = Numbers::new(if let PowerCut::Random(seed) = cut { seed } else { 0 });
        self.write_node(0, cut, &mut numbers, target);
    }

    fn write_node(&self, node: usize, cut: PowerCut, numbers: &mut Numbers, target: &Path) {
        match &self.nodes[node] {
            Node::Folder { now, durable } => {
                fs::create_dir_all(target).expect("a new folder");
                let entries = if matches!(cut, PowerCut::LosesAll) { durable } else { now };
                for (name, node) in entries {
                    self.write_node(*node, cut, numbers, &target.join(name));
                }
            }
            Node::File { now, durable } => {
                let torn = |numbers: &mut Numbers| {
                    let most = now.len().saturating_sub(durable.len()) as u64 + 1;
                    let length = durable.len() + usize::try_from(numbers.below(most)).expect("a small number");
                    now[..length.min(now.len())].to_vec()
                };
                let left = match cut {
                    PowerCut::Random(_) if now == durable => now.clone(),
                    PowerCut::Random(_) => match numbers.below(3) {
                        0 => now.clone(),
                        1 => durable.clone(),
                        _ => torn(numbers),
                    },
                    _ => durable.clone(),
                };
                fs::write(target, left).expect("a new file");
            }
        }
    }
}

/// The disk after some operations; with [`PowerCut::Random`], entries of folders since the last sync may be missing.
///
/// # Panics
///
/// If the operations do not fit together.
#[must_use]
pub fn replay(root: &Path, operations: &[Operation], cut: PowerCut) -> Disk {
    let mut disk = Disk::new(root);
    let forgotten = match cut {
        PowerCut::Random(seed) => {
            let unsynced = operations.iter().rev().take_while(|operation| operation.name != "sync").count() as u64;
            usize::try_from(Numbers::new(seed ^ 0x5eed).below(unsynced + 1)).expect("a small number")
        }
        _ => 0,
    };
    operations[..operations.len() - forgotten].iter().for_each(|operation| disk.apply(operation));
    disk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(name: &str, parts: &[&[u8]]) -> Operation {
        Operation { name: name.to_owned(), parts: parts.iter().map(|part| part.to_vec()).collect() }
    }

    #[test]
    fn only_what_was_synced_is_left() {
        let operations = [
            operation("create", &[b"/r/a"]),
            operation("write", &[b"/r/a", &0_u64.to_le_bytes(), b"abc"]),
            operation("sync", &[b"/r/a"]),
            operation("write", &[b"/r/a", &3_u64.to_le_bytes(), b"d"]),
            operation("rename", &[b"/r/a", b"/r/b"]),
        ];
        let left = |count: usize, cut| {
            let folder = tempfile::tempdir().unwrap();
            replay(Path::new("/r"), &operations[..count], cut).write_what_is_left(cut, folder.path());
            let names = ["a", "b"].map(|name| fs::read(folder.path().join(name)).ok());
            names.map(|content| content.map(|bytes| String::from_utf8(bytes).unwrap()))
        };
        assert_eq!(left(5, PowerCut::LosesAll), [None, None]);
        assert_eq!(left(5, PowerCut::KeepsEntries), [None, Some("abc".to_owned())]);
        let mut operations = operations.to_vec();
        operations.push(operation("sync", &[b"/r"]));
        let folder = tempfile::tempdir().unwrap();
        replay(Path::new("/r"), &operations, PowerCut::LosesAll).write_what_is_left(PowerCut::LosesAll, folder.path());
        assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"abc");
    }
}
