//! Finds the input files named on the command line: files, folders, patterns, lists.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sawlog_formats::label;
use walkdir::WalkDir;

use crate::found::{Found, Problem, mtime};

/// How the problem text ends for a link that leads out of an input folder and was not followed.
pub const NOT_FOLLOWED: &str = "not followed";

/// What was found: files in bytewise order of their labels, and what can't be read.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    pub(crate) files: Vec<Found>,
    pub(crate) problems: Vec<Problem>,
}

/// Finds the files of `inputs`, except those inside `store`. Links that lead out of a folder are followed only if
/// `follow_links` is set: nobody who gives a folder expects files of another one among the evidence.
pub(crate) fn discover(inputs: &[PathBuf], store: &Path, follow_links: bool) -> Result<Discovery> {
    let mut finder = Finder {
        store: store.canonicalize().ok(),
        follow_links,
        files: Vec::new(),
        // One folder has no file twice.
        seen: (inputs.len() > 1 || !inputs.iter().all(|input| input.is_dir())).then(HashSet::new),
        problems: Vec::new(),
    };
    for input in inputs {
        let text = input.to_string_lossy();
        if text == "-" {
            finder.list(std::io::stdin().lock(), "standard input")?;
        } else if let Some(list) = text.strip_prefix('@') {
            let file = std::fs::File::open(list).with_context(|| format!("can't read the list {list}"))?;
            finder.list(std::io::BufReader::new(file), list)?;
        } else {
            finder.input(input)?;
        }
    }
    let mut files = finder.files;
    files.sort_by(|a, b| (&a.label, &a.root).cmp(&(&b.label, &b.root)));
    let mut problems = finder.problems;
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Discovery { files, problems })
}

struct Finder {
    store: Option<PathBuf>,
    follow_links: bool,
    files: Vec<Found>,
    /// Absolute paths, so that a file that is named twice is read once. `None` if a path has no absolute form.
    seen: Option<HashSet<OsString>>,
    problems: Vec<Problem>,
}

impl Finder {
    /// A path from the command line.
    fn input(&mut self, input: &Path) -> Result<()> {
        match std::fs::metadata(input) {
            Ok(metadata) if metadata.is_dir() => {
                self.folder(input);
                Ok(())
            }
            Ok(metadata) => {
                let root = Root::new(input.parent().unwrap_or(Path::new("")));
                self.file(input, &root, &metadata);
                Ok(())
            }
            Err(_) if input.to_string_lossy().contains(['*', '?', '[']) => self.glob(input),
            Err(error) => Err(error).with_context(|| format!("can't read {}", input.display())),
        }
    }

    fn folder(&mut self, folder: &Path) {
        let root = Root::new(folder);
        let inside = folder.canonicalize().ok();
        let mut walk = WalkDir::new(folder).follow_links(true).into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let what = match (error.loop_ancestor(), error.io_error()) {
                        (Some(ancestor), _) => format!("a link that leads back to {}", ancestor.display()),
                        (None, Some(error)) => error.to_string(),
                        (None, None) => error.to_string(),
                    };
                    self.problem(&path, &what);
                    continue;
                }
            };
            let is_folder = entry.file_type().is_dir();
            // The folder given may be a link itself.
            let is_link = entry.depth() > 0 && entry.path_is_symlink();
            let leads_out = is_link && self.leads_out(entry.path(), inside.as_deref());
            let is_store = is_folder && self.store.is_some() && entry.path().canonicalize().ok() == self.store;
            if is_folder && (leads_out || is_store) {
                walk.skip_current_dir();
            }
            if leads_out || is_folder {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) => self.file(entry.path(), &root, &metadata),
                Err(error) => self.problem(entry.path(), &error.to_string()),
            }
        }
    }

    /// Whether a path is outside a folder once all links are followed; if so, it is reported.
    fn leads_out(&mut self, path: &Path, folder: Option<&Path>) -> bool {
        let (Ok(target), false) = (path.canonicalize(), self.follow_links) else { return false };
        let is_inside = folder.is_some_and(|folder| target.starts_with(folder));
        if !is_inside {
            self.problem(
                path,
                &format!("a link that leads out of the folder, to {}; {NOT_FOLLOWED}", target.display()),
            );
        }
        !is_inside
    }

    fn glob(&mut self, pattern: &Path) -> Result<()> {
        let plain =
            pattern.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']));
        let root: PathBuf = plain.collect();
        let text = pattern.to_str().context("a pattern must be UTF-8")?;
        let matches = glob::glob(text).with_context(|| format!("the pattern {text} is not valid"))?;
        let mut any = false;
        let folder = if root.as_os_str().is_empty() { Path::new(".") } else { &root }.canonicalize().ok();
        for path in matches {
            any = true;
            match path {
                Ok(path) if self.leads_out(&path, folder.as_deref()) => {}
                Ok(path) => self.below(&path, &root),
                Err(error) => self.problem(error.path(), &error.error().to_string()),
            }
        }
        if any { Ok(()) } else { bail!("no file matches {text}") }
    }

    /// A path from a pattern or a list; its label starts from `root`.
    fn below(&mut self, path: &Path, root: &Path) {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(metadata) => self.file(path, &Root::new(root), &metadata),
            Err(error) => self.problem(path, &error.to_string()),
        }
    }

    fn list(&mut self, lines: impl BufRead, name: &str) -> Result<()> {
        // Names of files need not be valid text.
        for line in lines.split(b'\n') {
            let line = line.with_context(|| format!("can't read the list in {name}"))?;
            let path = Path::new(OsStr::from_bytes(line.strip_suffix(b"\r").unwrap_or(&line)));
            if path != Path::new("") {
                let root = if path.is_absolute() { Path::new("/") } else { Path::new("") };
                self.below(path, root);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, root: &Root<'_>, metadata: &Metadata) {
        if !metadata.is_file() {
            return self.problem(path, "neither a file nor a folder");
        }
        let relative = path.strip_prefix(root.path).unwrap_or(path);
        if let Some(seen) = &mut self.seen
            && !seen.insert(root.absolute.join(relative).into_os_string())
        {
            return;
        }
        let label = label(relative);
        self.files.push(Found {
            given: Arc::clone(&root.given),
            path: (relative.as_os_str() != OsStr::new(&label)).then(|| path.into()),
            root: Arc::clone(&root.label),
            label: label.into(),
            size: metadata.len(),
            mtime: mtime(metadata),
            may_repeat: false,
            member: None,
        });
    }

    fn problem(&mut self, path: &Path, what: &str) {
        self.problems.push(Problem { path: label(path), what: what.to_owned() });
    }
}

/// The folder from which labels start.
struct Root<'a> {
    path: &'a Path,
    given: Arc<Path>,
    absolute: PathBuf,
    label: Arc<str>,
}

impl<'a> Root<'a> {
    fn new(path: &'a Path) -> Self {
        let absolute = || std::path::absolute(path).or_else(|_| std::env::current_dir()).unwrap_or_default();
        // The same folder must have one name: `in` and `in/sub/..`.
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        let canonical = goes_up.then(|| path.canonicalize().ok()).flatten();
        let absolute = canonical.unwrap_or_else(absolute);
        Self { path, given: path.into(), label: label(&absolute).into(), absolute }
    }
}
