//! A layer between a program and its files: it fails an operation, kills the program before one, or records all.
//!
//! It is loaded before libc (`LD_PRELOAD`) and stands in for the functions by which a program changes files. Only what
//! happens below one folder counts. Set by the environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `LAYER_ROOT` | the folder, an absolute path without links |
//! | `LAYER_JOURNAL` | a file to which each operation is appended, with the bytes written: see `record` |
//! | `LAYER_AT` | the number of an operation, from 1 |
//! | `LAYER_DO` | what happens to it: `kill`, or the number of an error that it gives |
//! | `LAYER_STAYS` | if set, all operations after it fail as well, as on a full disk |
//! | `LAYER_CLOCK` | by how many seconds the clock is wrong; this needs no folder |
//!
//! This is the only module with `unsafe` code; it relies on the C ABI of 64-bit Linux, where a variadic `mode` is
//! passed as a third argument would be.
#![allow(unsafe_code)]
#![allow(clippy::missing_safety_doc, reason = "these are libc's functions, with libc's contracts")]

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use libc::{c_char, c_int, c_void, iovec, mode_t, off_t, size_t, ssize_t};

/// What the environment asks for.
struct Orders {
    root: PathBuf,
    journal: Option<c_int>,
    at: u64,
    error: Option<c_int>,
    stays: bool,
}

static ORDERS: OnceLock<Option<Orders>> = OnceLock::new();
/// How many operations there were. The lock is held while an operation runs, so that the journal has their order.
static OPERATIONS: Mutex<u64> = Mutex::new(0);

fn orders() -> Option<&'static Orders> {
    let read = || {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let journal = std::env::var_os("LAYER_JOURNAL").and_then(|path| CString::new(path.as_bytes()).ok());
        Some(Orders {
            root: PathBuf::from(std::env::var_os("LAYER_ROOT")?),
            journal: journal.map(|path| open_journal(&path)),
            at: number("LAYER_AT").unwrap_or(u64::MAX),
            error: number("LAYER_DO").and_then(|error| c_int::try_from(error).ok()),
            stays: std::env::var_os("LAYER_STAYS").is_some(),
        })
    };
    ORDERS.get_or_init(read).as_ref()
}

/// Opens the journal past this layer's own functions.
fn open_journal(path: &CStr) -> c_int {
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
    // SAFETY: a path that ends in zero, and flags that take a mode.
    let opened = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600) };
    c_int::try_from(opened).unwrap_or(-1)
}

/// libc's own function of a name.
macro_rules! libc_own {
    ($name:literal, $type:ty) => {{
        static ADDRESS: OnceLock<usize> = OnceLock::new();
        // SAFETY: the name ends in zero; libc has a function of it, of the type that the call of the macro gives.
        let address = *ADDRESS.get_or_init(|| unsafe { libc::dlsym(libc::RTLD_NEXT, $name.as_ptr()) } as usize);
        assert!(address != 0, "libc has no {:?}", $name);
        unsafe { std::mem::transmute::<usize, $type>(address) }
    }};
}

/// Where a file descriptor leads.
fn path_of(fd: c_int) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default()
}

/// A path as an absolute one, without `.` and `..`.
unsafe fn absolute(folder: c_int, path: *const c_char) -> PathBuf {
    // SAFETY: callers of libc pass a path that ends in zero.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    let mut whole = match folder {
        _ if path.is_absolute() => PathBuf::new(),
        libc::AT_FDCWD => std::env::current_dir().unwrap_or_default(),
        folder => path_of(folder),
    };
    for part in path.components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    whole
}

/// Appends an operation to the journal: its name, then each part as its length in eight bytes and its bytes.
///
/// | operation | parts |
/// |---|---|
/// | `create`, `mkdir`, `unlink`, `rmdir`, `sync` | path |
/// | `rename`, `link` | from, to |
/// | `write` | path, offset, bytes |
/// | `truncate` | path, length |
fn record(orders: &Orders, operation: &str, parts: &[&[u8]]) {
    let Some(journal) = orders.journal else { return };
    let mut entry = Vec::new();
    for part in [&[operation.as_bytes()], parts].concat() {
        entry.extend((part.len() as u64).to_le_bytes());
        entry.extend(part);
    }
    let mut whole = (entry.len() as u64).to_le_bytes().to_vec();
    whole.extend(entry);
    // SAFETY: the bytes are there; the journal is open.
    let written = unsafe { libc::syscall(libc::SYS_write, journal, whole.as_ptr(), whole.len()) };
    assert!(usize::try_from(written) == Ok(whole.len()), "the journal can't be written");
}

/// Runs an operation on `paths`, unless it is to fail; records it if it succeeds.
fn operate<T: PartialEq + From<i8>>(paths: &[&Path], operation: &str, parts: &[&[u8]], run: impl FnOnce() -> T) -> T {
    let Some(orders) = orders().filter(|orders| paths.iter().any(|path| path.starts_with(&orders.root))) else {
        return run();
    };
    let mut operations = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    *operations += 1;
    if *operations == orders.at || (orders.stays && *operations > orders.at) {
        let Some(error) = orders.error else {
            // SAFETY: a signal to ourselves.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            loop {
                std::thread::park();
            }
        };
        // A full disk does not keep anyone from deleting.
        if !orders.stays || !matches!(operation, "unlink" | "rmdir" | "sync") {
            // SAFETY: the address of this thread's error number.
            unsafe { *libc::__errno_location() = error };
            return T::from(-1);
        }
    }
    let result = run();
    if result != T::from(-1) {
        record(orders, operation, parts);
    }
    result
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

unsafe fn open_at(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let own = libc_own!(c"openat", unsafe extern "C" fn(c_int, *const c_char, c_int, mode_t) -> c_int);
    // SAFETY: the arguments are the caller's.
    let run = || unsafe { own(folder, path, flags, mode) };
    let whole = unsafe { absolute(folder, path) };
    let makes = flags & libc::O_CREAT != 0 && !whole.exists();
    let empties = flags & libc::O_TRUNC != 0 && whole.exists();
    match (makes, empties) {
        (true, _) => operate(&[&whole], "create", &[bytes(&whole)], run),
        (_, true) => operate(&[&whole], "truncate", &[bytes(&whole), &0_u64.to_le_bytes()], run),
        _ => run(),
    }
}

macro_rules! opens {
    ($($name:ident),*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
        }
    )*};
}
opens!(open, open64);

macro_rules! opens_at {
    ($($name:ident),*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
            unsafe { open_at(folder, path, flags, mode) }
        }
    )*};
}
opens_at!(openat64);

/// Records a write at `offset`, or where the file's position is.
unsafe fn write_at(
    fd: c_int,
    buffer: *const c_void,
    count: size_t,
    offset: Option<off_t>,
    run: impl FnOnce() -> ssize_t,
) -> ssize_t {
    if orders().is_none() {
        return run();
    }
    let path = path_of(fd);
    // SAFETY: lseek without a move has no preconditions.
    let offset = offset.unwrap_or_else(|| unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) });
    // SAFETY: the caller's buffer.
    let content = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), count) };
    operate(&[&path], "write", &[bytes(&path), &offset.to_le_bytes(), content], run)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, count: size_t) -> ssize_t {
    let own = libc_own!(c"write", unsafe extern "C" fn(c_int, *const c_void, size_t) -> ssize_t);
    unsafe { write_at(fd, buffer, count, None, || own(fd, buffer, count)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, buffer: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    let own = libc_own!(c"pwrite64", unsafe extern "C" fn(c_int, *const c_void, size_t, off_t) -> ssize_t);
    unsafe { write_at(fd, buffer, count, Some(offset), || own(fd, buffer, count, offset)) }
}

/// A write of several buffers is one of the first that is not empty, which callers must be ready for.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    let buffers = unsafe { std::slice::from_raw_parts(buffers, usize::try_from(count).unwrap_or_default()) };
    match buffers.iter().find(|buffer| buffer.iov_len > 0) {
        Some(buffer) => unsafe { write(fd, buffer.iov_base, buffer.iov_len) },
        None => 0,
    }
}

/// Copies inside of the system are refused, so that programs fall back to writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn copy_file_range(_: c_int, _: *mut off_t, _: c_int, _: *mut off_t, _: size_t, _: u32) -> ssize_t {
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    let own = libc_own!(c"ftruncate64", unsafe extern "C" fn(c_int, off_t) -> c_int);
    let path = path_of(fd);
    operate(&[&path], "truncate", &[bytes(&path), &length.to_le_bytes()], || unsafe { own(fd, length) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    let own = libc_own!(c"fsync", unsafe extern "C" fn(c_int) -> c_int);
    let path = path_of(fd);
    operate(&[&path], "sync", &[bytes(&path)], || unsafe { own(fd) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    unsafe { fsync(fd) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let own = libc_own!(c"rename", unsafe extern "C" fn(*const c_char, *const c_char) -> c_int);
    let (a, b) = unsafe { (absolute(libc::AT_FDCWD, from), absolute(libc::AT_FDCWD, to)) };
    operate(&[&a, &b], "rename", &[bytes(&a), bytes(&b)], || unsafe { own(from, to) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    a_folder: c_int,
    from: *const c_char,
    b_folder: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let own = libc_own!(c"linkat", unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char, c_int) -> c_int);
    let (a, b) = unsafe { (absolute(a_folder, from), absolute(b_folder, to)) };
    operate(&[&a, &b], "link", &[bytes(&a), bytes(&b)], || unsafe { own(a_folder, from, b_folder, to, flags) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int {
    let own = libc_own!(c"unlinkat", unsafe extern "C" fn(c_int, *const c_char, c_int) -> c_int);
    let whole = unsafe { absolute(folder, path) };
    let name = if flags & libc::AT_REMOVEDIR == 0 { "unlink" } else { "rmdir" };
    operate(&[&whole], name, &[bytes(&whole)], || unsafe { own(folder, path, flags) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { unlinkat(libc::AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unsafe { unlinkat(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    static WRONG_BY: OnceLock<i64> = OnceLock::new();
    let own = libc_own!(c"clock_gettime", unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int);
    let result = unsafe { own(clock, time) };
    if clock == libc::CLOCK_REALTIME && result == 0 {
        let read = || std::env::var("LAYER_CLOCK").ok().and_then(|text| text.parse().ok()).unwrap_or_default();
        // SAFETY: the call has filled it.
        unsafe { (*time).tv_sec += WRONG_BY.get_or_init(read) };
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    let own = libc_own!(c"mkdir", unsafe extern "C" fn(*const c_char, mode_t) -> c_int);
    let whole = unsafe { absolute(libc::AT_FDCWD, path) };
    operate(&[&whole], "mkdir", &[bytes(&whole)], || unsafe { own(path, mode) })
}
