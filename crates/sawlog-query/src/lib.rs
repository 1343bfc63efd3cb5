#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod checked_readers;
mod compact;
pub mod ctsummarize;
mod distinct;
mod engine;
mod error;
mod events;
mod explain;
mod filter;
mod find;
mod groups;
mod index;
mod largest;
mod lines;
mod logs;
mod memory;
mod nearest;
mod nothing;
mod numbers;
mod parallel;
mod printed;
mod query;
mod records;
pub mod report;
mod s3logparse;
mod scan;
pub mod sql;
pub mod tables;
mod tally;
mod texts;
pub mod timeline;
mod times;
mod top;
pub mod who;

pub use error::{DamagedIndex, OutOfMemory, Parameter, Reason, UnknownColumn, UnknownFunction, WrongValue};
pub use filter::{FieldFilter, Filters, LogFilters, Probe, TextFilter};
pub use find::Order;
pub use groups::{Group, Sums};
pub use logs::named as log_named;
pub use memory::{LEAST_MEMORY, is_out_of_memory, limit_memory};
pub use nothing::Nothing;
pub use records::Records;
pub use s3logparse::{S3Summary, S3Sums};
pub use times::Clock;
pub use top::{Grouping, Measure, Top};
