//! The version of the format of stores.

/// The version of the format of the stores that are written now. It is raised when older code would read what is written now
/// wrongly; code of this version reads all of those before it.
///
/// 1: every record of CloudTrail has its text in `raw`. 2: it may be in `skeleton` and the other columns.
pub const FORMAT_VERSION: u64 = 2;
