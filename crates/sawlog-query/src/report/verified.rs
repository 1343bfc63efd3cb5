//! The result of `sawlog verify --json`, as a report quotes it.

use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::sources::{Sources, hex};

/// The lists in a result for CloudTrail's digests that name faults.
const WRONG_IN_DIGESTS: [&str; 4] = ["wrong", "missing", "altered", "unexpected"];

/// What a verification found.
pub struct Verified {
    /// The file's name.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// When it was made, in microseconds since 1970; for results of earlier versions, when the file was written.
    pub time: Option<i64>,
    /// The sources that it is about, as [`Sources::ledger_sha256`]; earlier versions do not say it.
    pub ledger_sha256: Option<String>,
    /// How many sources were rebuilt byte for byte.
    pub rebuilt: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many sources hold no records.
    pub without_records: u64,
    /// How many did not come back.
    pub failed: u64,
    /// What differs, in words.
    pub problems: Vec<String>,
    /// How many of CloudTrail's digests have the right signature, of how many.
    pub digests: Option<(u64, u64)>,
}

impl Verified {
    /// Reads a result.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is not the result of a verification.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("can't read {name}"))?;
        let wrong = || format!("{name} is not what 'sawlog verify --json' prints");
        let Value::Object(result) = serde_json::from_slice(&bytes).with_context(wrong)? else { bail!(wrong()) };
        let number = |name: &str| result.get(name).and_then(Value::as_u64).with_context(wrong);
        let failed = result.get("failed").and_then(Value::as_array).with_context(wrong)?;
        let text = |name: &str| result.get(name).and_then(Value::as_str);
        let made = text("made_at").and_then(|time| time.parse::<Timestamp>().ok()).map(Timestamp::as_microsecond);
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        let since_1970 = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            file: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            sha256: hex(&Sha256::digest(&bytes)),
            time: made.or_else(|| since_1970.and_then(|time| i64::try_from(time.as_micros()).ok())),
            ledger_sha256: text("ledger_sha256").map(str::to_owned),
            rebuilt: number("verified")?,
            bytes: number("bytes")?,
            without_records: number("without_records")?,
            failed: failed.len() as u64,
            problems: problems(&result),
            digests: digests(&result),
        })
    }

    /// Whether it is about other sources than these, as far as the result shows.
    #[must_use]
    pub fn is_about_others(&self, sources: &Sources) -> Option<Others> {
        let (about, there) = (self.rebuilt + self.without_records + self.failed, sources.count);
        if about != there {
            return Some(Others::Number { about, there });
        }
        let other = self.ledger_sha256.as_ref().is_some_and(|hash| *hash != sources.ledger_sha256);
        other.then_some(Others::Sources)
    }
}

/// How the sources of a verification differ from those of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// There are not as many.
    Number {
        /// How many the result is about.
        about: u64,
        /// How many the store has.
        there: u64,
    },
    /// They are others.
    Sources,
}

/// Every list that is not empty lists faults.
fn problems(result: &Map<String, Value>) -> Vec<String> {
    let of_digests = result.get("cloudtrail_digests").and_then(Value::as_object).into_iter().flatten();
    let of_digests = of_digests.filter(|(name, _)| WRONG_IN_DIGESTS.contains(&name.as_str()));
    let lists = result.iter().chain(of_digests).filter_map(|(name, value)| Some((name, value.as_array()?)));
    let words = |(name, list): (&String, &Vec<Value>)| format!("{}: {}", name.replace('_', " "), list.len());
    lists.filter(|(_, list)| !list.is_empty()).map(words).collect()
}

fn digests(result: &Map<String, Value>) -> Option<(u64, u64)> {
    let digests = result.get("cloudtrail_digests")?;
    Some((digests.get("signed")?.as_u64()?, digests.get("digests")?.as_u64()?))
}
