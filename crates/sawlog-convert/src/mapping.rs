//! Memory maps of input files, and the guard that keeps a shrinking file from killing the process.
//!
//! Reading a page of a map that the file no longer reaches raises SIGBUS. The handler here puts a page of zeros in
//! place of the missing one and marks the map. Readers of a map ask [`Mapping::was_cut`] before they trust what they
//! have read. This is the only module with `unsafe` code.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memmap2::{Advice, Mmap, MmapOptions, UncheckedAdvice};

/// The most maps at a time: one for each worker, and some to spare.
const SLOTS: usize = 1024;

/// A live map, as the signal handler sees it. `start` is 0 where the slot is free.
struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    cut: AtomicBool,
}

static SLOT_TABLE: [Slot; SLOTS] =
    [const { Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), cut: AtomicBool::new(false) } }; SLOTS];

static GUARD: Once = Once::new();

/// A file in memory, for reading.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: Mmap,
    slot: usize,
}

impl Mapping {
    /// Maps the whole of `file`, which must not be empty.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        Self::with(file, &MmapOptions::new())
    }

    /// Maps this many bytes of `file` (at least one), starting at an offset.
    pub(crate) fn part(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        Self::with(file, MmapOptions::new().offset(offset).len(len))
    }

    fn with(file: &File, options: &MmapOptions) -> io::Result<Self> {
        GUARD.call_once(install_guard);
        // SAFETY: the map is read only and private. Others can change the file while we read, so its bytes may differ
        // from one read to the next; all readers treat them as untrusted. The file may become shorter, which is what
        // the guard is for.
        let map = unsafe { options.map(file)? };
        let (start, end) = (map.as_ptr().addr(), map.as_ptr().addr() + map.len());
        for (slot, entry) in SLOT_TABLE.iter().enumerate() {
            // Claimed with 1, which is not an address, until both ends are known.
            if entry.start.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                entry.cut.store(false, Ordering::Relaxed);
                entry.end.store(end, Ordering::Relaxed);
                entry.start.store(start, Ordering::Release);
                let _ = map.advise(Advice::Sequential);
                return Ok(Self { map, slot });
            }
        }
        Err(io::Error::other("too many files are mapped at once"))
    }

    /// The file's bytes; zeros where the file became shorter meanwhile.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether the file was found to be shorter than when it was mapped.
    pub(crate) fn was_cut(&self) -> bool {
        SLOT_TABLE[self.slot].cut.load(Ordering::Acquire)
    }

    /// Tells the system that the pages inside `range` are not needed any more, so that they don't count as our
    /// memory.
    pub(crate) fn release(&self, range: Range<usize>) {
        let page = page_size();
        let (start, end) = (range.start.next_multiple_of(page), range.end / page * page);
        if start < end && !self.was_cut() {
            // SAFETY: the map is never written to, so a dropped page is read again from the file with the same meaning.
            let _ = unsafe { self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        SLOT_TABLE[self.slot].start.store(0, Ordering::Release);
    }
}

fn page_size() -> usize {
    // SAFETY: sysconf has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

fn install_guard() {
    // SAFETY: a zeroed sigaction is a valid one. The handler has the type that SA_SIGINFO asks for, and uses only
    // atomics and the async-signal-safe calls mmap, sigaction and raise.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = on_bus_error as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the system passes a valid `info` to a handler installed with SA_SIGINFO.
    let address = unsafe { (*info).si_addr() }.addr();
    for slot in &SLOT_TABLE {
        let start = slot.start.load(Ordering::Acquire);
        if start > 1 && address >= start && address < slot.end.load(Ordering::Relaxed) {
            let page = page_size();
            // SAFETY: the page lies in a map of ours, which it replaces in part; nobody holds a writable reference.
            let zeros = unsafe {
                libc::mmap(
                    ptr::without_provenance_mut(address / page * page),
                    page,
                    libc::PROT_READ,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                    -1,
                    0,
                )
            };
            if zeros != libc::MAP_FAILED {
                slot.cut.store(true, Ordering::Release);
                return;
            }
        }
    }
    // Not a map of ours: fall back to what the system does without a handler.
    // SAFETY: as in `install_guard`; the faulting access is repeated on return and ends the process.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_that_shrinks_reads_as_zeros_and_is_marked() {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&vec![b'x'; 1 << 20]).expect("room for it");
        let (mapping, other) = (Mapping::new(&file).expect("a map"), Mapping::new(&file).expect("a map"));
        assert_eq!(mapping.bytes()[0], b'x');
        assert!(!mapping.was_cut());
        file.set_len(10).expect("a shorter file");
        assert!(mapping.bytes().iter().skip(4096).all(|byte| *byte == 0));
        assert_eq!(&mapping.bytes()[..11], b"xxxxxxxxxx\0");
        assert!(mapping.was_cut());
        assert!(!other.was_cut(), "only the map that was read is marked");
        let slot = mapping.slot;
        drop(mapping);
        assert_eq!(SLOT_TABLE[slot].start.load(Ordering::Relaxed), 0);
    }
}
