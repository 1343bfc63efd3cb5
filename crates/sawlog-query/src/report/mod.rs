//! What a report says about a case: facts, independent of how they are shown.

mod chosen;
mod counts;
mod facts;
mod sources;
mod verified;

pub use chosen::{Chosen, Line};
pub use counts::{Bar, Counts};
pub use facts::{Bytes, Facts, Log, Top};
pub use sources::{MAX_LISTED, Reject, SourceSums, Sources};
pub use verified::{Others, Verified};
