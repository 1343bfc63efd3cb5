//! The HTML page of a report.

mod entity;
mod page;
mod tables;
mod text;
mod timeline;

pub(crate) use page::{Head, List, Page};
pub(crate) use text::count;
