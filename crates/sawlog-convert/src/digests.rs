//! Validates CloudTrail's digest files offline: their chain, their signatures, and the log files that they list.
//!
//! Every hour CloudTrail lists the log files that it delivered in a digest, with the SHA-256 of each one's content,
//! and signs it. Each digest has the hash and signature of the one before. So the signature of a digest is in the
//! next digest; only the last one's signature is nowhere but in the metadata of its S3 object. AWS CloudTrail user
//! guide: "CloudTrail digest file structure", "Custom implementations of CloudTrail log file integrity validation".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sawlog_formats::cloudtrail;
use sawlog_store::{Source, Store};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use crate::convert::{HEAD, MAX_DIGEST, hex};
use crate::evidence;

/// A log file that was closed this shortly before the end of the last digest may be listed in the next one, in
/// microseconds.
const DELIVERY: i64 = 3_600_000_000;

/// What a validation found. Names are names of objects in S3; each fault has its reason beside it.
#[derive(Debug, Default, Serialize)]
pub struct Validation {
    /// The number of digest files read.
    pub digests: usize,
    /// The number of digests whose signature is right.
    pub signed: usize,
    /// The last digests of their chains, whose signature was not given.
    pub unsigned: Vec<String>,
    /// Digests without a predecessor: the beginnings of chains.
    pub beginnings: usize,
    /// Log files that are listed and in the store with the hash that the digest gives.
    pub log_files: usize,
    /// Log files in the store whose time or region no digest covers.
    pub not_covered: usize,
    /// Digests with a wrong signature, hash or place.
    pub wrong: Vec<(String, String)>,
    /// Digests and log files that are listed but missing.
    pub missing: Vec<String>,
    /// Log files with another hash.
    pub altered: Vec<(String, String)>,
    /// Log files that a digest should list.
    pub unexpected: Vec<String>,
}

impl Validation {
    /// Whether everything that the digests say is true of the store.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.missing.is_empty() && self.altered.is_empty() && self.unexpected.is_empty()
    }
}

/// A digest file. The names are AWS's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    aws_account_id: String,
    digest_start_time: String,
    digest_end_time: String,
    #[serde(rename = "digestS3Bucket")]
    bucket: String,
    #[serde(rename = "digestS3Object")]
    object: String,
    digest_public_key_fingerprint: String,
    digest_signature_algorithm: String,
    #[serde(rename = "previousDigestS3Bucket")]
    previous_bucket: Option<String>,
    #[serde(rename = "previousDigestS3Object")]
    previous_object: Option<String>,
    #[serde(rename = "previousDigestHashValue")]
    previous_hash: Option<String>,
    #[serde(rename = "previousDigestSignature")]
    previous_signature: Option<String>,
    #[serde(default)]
    log_files: Vec<LogFile>,
}

/// A log file that a digest lists.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFile {
    #[serde(rename = "s3Object")]
    object: String,
    hash_value: String,
    hash_algorithm: String,
}

/// A digest file and where it was found.
struct DigestFile {
    path: PathBuf,
    content: Content,
    sha256: String,
    /// From a file beside it.
    signature: Option<String>,
}

impl DigestFile {
    /// The bucket and object.
    fn name(&self) -> (&str, &str) {
        (&self.content.bucket, &self.content.object)
    }

    fn region(&self) -> &str {
        // AWSLogs/ACCOUNT/CloudTrail-Digest/REGION/…
        self.content.object.split('/').skip_while(|part| *part != "CloudTrail-Digest").nth(1).unwrap_or_default()
    }

    /// The text that is signed.
    fn signed_text(&self) -> String {
        let content = &self.content;
        let previous = content.previous_signature.as_deref().unwrap_or("null");
        format!("{}\n{}/{}\n{}\n{previous}", content.digest_end_time, content.bucket, content.object, self.sha256)
    }

    /// What is wrong with a signature of this digest, if anything is.
    fn signature_fault(&self, keys: &Keys, signature: &str) -> Option<String> {
        let algorithm = &self.content.digest_signature_algorithm;
        if algorithm != "SHA256withRSA" {
            return Some(format!("is signed with {algorithm}, which sawlog does not support"));
        }
        let fingerprint = &self.content.digest_public_key_fingerprint;
        let Some(key) = keys.get(fingerprint) else {
            return Some(format!("is signed with the key {fingerprint}, which was not given"));
        };
        let Some(signature) = from_hex(signature.trim()) else {
            return Some("has a signature that is not hexadecimal".to_owned());
        };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        let checked = key.verify(self.signed_text().as_bytes(), &signature);
        checked.is_err().then(|| "does not match its signature".to_owned())
    }
}

/// Validates the digest files at `path`, a file or folder, and the log files of the store that they list.
///
/// # Errors
///
/// If the store, the digests or the key can't be read.
pub fn validate(store: &Store, path: &Path, public_key: &Path) -> Result<Validation> {
    let keys = Keys::read(public_key)?;
    let mut found = Validation::default();
    let digests = read_all(path, &mut found)?;
    if digests.is_empty() && found.wrong.is_empty() {
        bail!("{} contains no CloudTrail digest", path.display());
    }
    found.digests = digests.len();
    check_chain(&digests, &keys, &mut found);
    check_log_files(&digests, &Source::load_all(store)?, &mut found);
    Ok(found)
}

/// Checks each digest's place, and its hash and signature against the next digest.
fn check_chain(digests: &[DigestFile], keys: &Keys, found: &mut Validation) {
    let by_name: HashMap<(&str, &str), &DigestFile> = digests.iter().map(|digest| (digest.name(), digest)).collect();
    let mut signatures: HashMap<(&str, &str), &str> = HashMap::new();
    for digest in digests {
        let name = digest.content.object.as_str();
        let is_in_place = name.rsplit('/').next().map(std::ffi::OsStr::new) == digest.path.file_name();
        if !is_in_place {
            found.wrong.push((digest.path.display().to_string(), format!("gives its own name as {name}")));
        }
        if by_name[&digest.name()].sha256 != digest.sha256 {
            found.wrong.push((name.to_owned(), "exists twice, with different content".to_owned()));
        }
        let content = &digest.content;
        let (Some(bucket), Some(object)) = (&content.previous_bucket, &content.previous_object) else {
            found.beginnings += 1;
            continue;
        };
        let Some(previous) = by_name.get(&(bucket.as_str(), object.as_str())) else {
            found.missing.push(object.clone());
            continue;
        };
        if content.previous_hash.as_ref() != Some(&previous.sha256) {
            let said = content.previous_hash.as_deref().unwrap_or("none");
            let reason = format!("has the SHA-256 {}; the next digest says {said}", previous.sha256);
            found.wrong.push((object.clone(), reason));
        }
        signatures.extend(content.previous_signature.as_deref().map(|signature| (previous.name(), signature)));
    }
    for digest in digests {
        let signature = signatures.get(&digest.name()).copied().or(digest.signature.as_deref());
        match signature.map(|signature| digest.signature_fault(keys, signature)) {
            None => found.unsigned.push(digest.content.object.clone()),
            Some(None) => found.signed += 1,
            Some(Some(fault)) => found.wrong.push((digest.content.object.clone(), fault)),
        }
    }
}

/// Compares the log files that the digests list with the log files in the store.
fn check_log_files(digests: &[DigestFile], sources: &[Source], found: &mut Validation) {
    let of_path = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut by_name: HashMap<String, Vec<&Source>> = HashMap::new();
    for source in sources {
        by_name.entry(source.name().to_owned()).or_default().push(source);
    }
    let mut listed = HashSet::new();
    for log in digests.iter().flat_map(|digest| &digest.content.log_files) {
        let name = of_path(&log.object);
        let Some(sources) = by_name.get(&name) else {
            found.missing.push(log.object.clone());
            continue;
        };
        listed.insert(name);
        let hash = |source: &Source| source.content_sha256.clone().unwrap_or_else(|| source.sha256.clone());
        if log.hash_algorithm != "SHA-256" {
            found.altered.push((log.object.clone(), format!("is listed with a hash by {}", log.hash_algorithm)));
        } else if sources.iter().any(|source| hash(source) == log.hash_value) {
            found.log_files += 1;
        } else {
            let reason = format!("has the SHA-256 {}; the digest says {}", hash(sources[0]), log.hash_value);
            found.altered.push((log.object.clone(), reason));
        }
    }
    let covered = covered(digests);
    for source in sources.iter().filter(|source| source.format.as_deref() == Some(cloudtrail::TABLE.name)) {
        if listed.contains(source.name()) {
            continue;
        }
        let scope = source.account_id.as_deref().zip(source.region.as_deref());
        let span = scope.and_then(|(account, region)| covered.get(&(account.to_owned(), region.to_owned())));
        let is_covered = span.zip(source.file_time).is_some_and(|(span, at)| span.0 <= at && at < span.1 - DELIVERY);
        if is_covered {
            found.unexpected.push(source.path.clone());
        } else {
            found.not_covered += 1;
        }
    }
}

/// The periods that digests cover, by account and region: microseconds since 1970.
fn covered(digests: &[DigestFile]) -> BTreeMap<(String, String), (i64, i64)> {
    let mut covered: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
    for digest in digests {
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond);
        let content = &digest.content;
        let Some(span) = time(&content.digest_start_time).zip(time(&content.digest_end_time)) else { continue };
        let scope = (content.aws_account_id.clone(), digest.region().to_owned());
        let known = covered.entry(scope).or_insert(span);
        *known = (known.0.min(span.0), known.1.max(span.1));
    }
    covered
}

/// Reads the digests among the files at a path. A file that only has the name of a digest, or is damaged, counts as
/// wrong.
fn read_all(path: &Path, found: &mut Validation) -> Result<Vec<DigestFile>> {
    let mut digests = Vec::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.with_context(|| format!("can't read the digests in {}", path.display()))?;
        let name = entry.file_name().to_string_lossy();
        if !entry.file_type().is_file() || !(name.ends_with(".json.gz") || name.ends_with(".json")) {
            continue;
        }
        let wrong = || format!("can't read {}", entry.path().display());
        let text = read(entry.path()).with_context(wrong)?;
        let is_named_so = name.contains("_CloudTrail-Digest_");
        let content = text.as_ref().and_then(|text| serde_json::from_slice(text).ok());
        let (Some(text), Some(content)) = (&text, content) else {
            if text.is_some() || is_named_so {
                found.wrong.push((entry.path().display().to_string(), "is damaged, or not a digest".to_owned()));
            }
            continue;
        };
        let mut beside = entry.path().as_os_str().to_owned();
        beside.push(".signature");
        let signature = std::fs::read_to_string(&beside).ok();
        let sha256 = hex(&Sha256::digest(text));
        digests.push(DigestFile { path: entry.path().to_owned(), content, sha256, signature });
    }
    Ok(digests)
}

/// The content of a file that may be compressed, if it is a digest.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = evidence::open(path)?;
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = reader.take(MAX_DIGEST as u64);
    let mut content = Vec::new();
    // A file that can't be inflated is not a digest, or has the wrong hash.
    let _ = reader.by_ref().take(HEAD as u64).read_to_end(&mut content);
    if !cloudtrail::is_digest(&content) {
        return Ok(None);
    }
    let _ = reader.read_to_end(&mut content);
    Ok(Some(content).filter(|content| cloudtrail::is_only_digest(content)))
}

/// Public keys, as RSA keys of PKCS #1.
enum Keys {
    /// One for all digests.
    One(Vec<u8>),
    /// By fingerprint, as `aws cloudtrail list-public-keys` prints them.
    Listed(HashMap<String, Vec<u8>>),
}

/// What `aws cloudtrail list-public-keys` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyList {
    public_key_list: Vec<ListedKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKey {
    fingerprint: String,
    value: String,
}

impl Keys {
    /// Reads a list of keys in JSON, or one key in PEM, or in base64.
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read the key {}", path.display()))?;
        if text.trim_start().starts_with('{') {
            let list: KeyList = serde_json::from_str(&text)
                .with_context(|| format!("{} is not what 'aws cloudtrail list-public-keys' prints", path.display()))?;
            let decoded = list.public_key_list.into_iter().map(|key| Ok((key.fingerprint, rsa_key(&key.value)?)));
            return Ok(Self::Listed(decoded.collect::<Result<_>>()?));
        }
        let lines: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        let key = rsa_key(&lines).with_context(|| {
            format!("{} is neither a key in PEM nor what 'aws cloudtrail list-public-keys' prints", path.display())
        })?;
        Ok(Self::One(key))
    }

    fn get(&self, fingerprint: &str) -> Option<&[u8]> {
        match self {
            Self::One(key) => Some(key),
            Self::Listed(keys) => keys.get(fingerprint).map(Vec::as_slice),
        }
    }
}

/// A key in base64: as in PKCS #1, or wrapped as X.509 does.
fn rsa_key(base64: &str) -> Result<Vec<u8>> {
    let der = STANDARD.decode(base64)?;
    // The algorithm rsaEncryption with no parameters (RFC 8017, A.1), then the key as a bit string without unused bits.
    const ALGORITHM: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    let Some(at) = memchr::memmem::find(&der, ALGORITHM) else { return Ok(der) };
    let bits = &der[at + ALGORITHM.len()..];
    let length_bytes = match bits.get(1) {
        Some(long @ 0x81..=0x84) => usize::from(long & 0x7f),
        _ => 0,
    };
    let key = bits.get(2 + length_bytes + 1..).context("the key is cut short")?;
    Ok(key.to_vec())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(char.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
