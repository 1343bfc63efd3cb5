//! The version of the format of stores.

/// The version of the format that stores are written in now. It is raised when older code would misread what is
/// written now. Code of this version reads all earlier formats.
///
/// 1: every record of CloudTrail has its text in `raw`. 2: it may be in `skeleton` and the other columns.
pub const FORMAT_VERSION: u64 = 2;
