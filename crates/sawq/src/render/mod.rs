//! How results are put on a screen, into a pipe or into a file.

pub(crate) mod cells;
pub(crate) mod delimited;
pub(crate) mod file;
pub(crate) mod form;
pub(crate) mod grid;
pub(crate) mod json;
pub(crate) mod pager;
pub(crate) mod style;
pub(crate) mod units;
