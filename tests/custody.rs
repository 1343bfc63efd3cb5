//! Chain of custody: manifests of a store, and CloudTrail's digests of its log files.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sawlog_tests::{Case, Numbers, Ran, evidence, random_log, repository};
use serde_json::Value;

/// A case with copies of the evidence's CloudTrail and of its digests.
struct Custody {
    case: Case,
}

impl Custody {
    fn new() -> Self {
        let case = Case::new();
        copy(&evidence().join("CloudTrail"), &case.path("logs"));
        copy(&repository().join("fixtures/digests"), &case.path("digests"));
        Self { case }
    }

    /// Converts the logs and validates the digests.
    fn validate(&self, key: &str) -> (Ran, Value) {
        assert_eq!(self.case.sawlog(&["convert", "logs", "-q"]).code, 0);
        let arguments = ["verify", "--cloudtrail-digests", "digests", "--public-key", key, "--json"];
        let ran = self.case.sawlog(&arguments);
        let found = ran.json()["cloudtrail_digests"].clone();
        (ran, found)
    }

    /// The path of a log file or digest whose name has these parts.
    fn find(&self, folder: &str, parts: &[&str]) -> PathBuf {
        let mut found: Vec<PathBuf> = walk(&self.case.path(folder));
        found.retain(|path| parts.iter().all(|part| path.to_string_lossy().contains(part)));
        found.sort();
        found.first().expect("there is one").clone()
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Changes the text in a gzip file.
fn edit(path: &Path, from: &str, to: &str) {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    assert!(text.contains(from), "{} has no {from}", path.display());
    let mut encoder = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    encoder.write_all(text.replacen(from, to, 1).as_bytes()).unwrap();
    encoder.finish().unwrap();
}

fn names(found: &Value, list: &str) -> Vec<String> {
    let name = |entry: &Value| entry.as_str().or_else(|| entry[0].as_str()).unwrap().to_owned();
    found[list].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn digests_of_untouched_logs_are_right() {
    let custody = Custody::new();
    for key in ["digests/public-keys.json", "digests/public-key.pem"] {
        let (ran, found) = custody.validate(key);
        assert_eq!(ran.code, 0, "{found}");
        assert_eq!((&found["digests"], &found["signed"], &found["beginnings"]), (&26.into(), &25.into(), &2.into()));
        assert_eq!(found["log_files"], 11);
        // The last digest of a region, whose signature is not there.
        let unsigned = names(&found, "unsigned");
        assert!(unsigned.len() == 1 && unsigned[0].ends_with("us-east-2_20210729T190000Z.json.gz"), "{unsigned:?}");
    }
    let arguments = ["verify", "--cloudtrail-digests", "digests", "--public-key", "digests/public-key.pem"];
    let said = custody.case.sawlog(&arguments);
    assert!(said.text().contains("25 of 26 CloudTrail digests have the right signature"), "{}", said.text());
}

#[test]
fn altered_missing_and_unexpected_log_files_are_named() {
    let custody = Custody::new();
    let altered = custody.find("logs", &["us-west-1", "20210729T13"]);
    edit(&altered, "\"eventVersion\":\"1.08\"", "\"eventVersion\":\"1.09\"");
    let missing = custody.find("logs", &["us-east-2", "20210729T1530"]);
    fs::remove_file(&missing).unwrap();
    let other = altered.to_string_lossy().replace("_20210729T13", "_20210729T12");
    fs::write(&other, fs::read(&altered).unwrap()).unwrap();
    edit(Path::new(&other), "1.09", "1.07");
    let (ran, found) = custody.validate("digests/public-keys.json");
    assert_eq!(ran.code, 1);
    let base = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let only = |list: &str, path: &Path| {
        let names = names(&found, list);
        assert!(names.len() == 1 && names[0].ends_with(&base(path)), "{list}: {names:?}");
    };
    only("altered", &altered);
    only("missing", &missing);
    only("unexpected", Path::new(&other));
    assert_eq!(found["wrong"], Value::Array(Vec::new()));
    assert_eq!(found["log_files"], 9);
}

#[test]
fn an_altered_digest_fails_by_its_signature_and_by_the_next_ones_hash() {
    let custody = Custody::new();
    let digest = custody.find("digests", &["us-west-1_20210729T140000Z"]);
    edit(&digest, "\"hashAlgorithm\":\"SHA-256\"", "\"hashAlgorithm\":\"SHA-255\"");
    let (ran, found) = custody.validate("digests/public-keys.json");
    assert_eq!(ran.code, 1);
    let reasons = found["wrong"].to_string();
    assert!(reasons.contains("the next digest says"), "{reasons}");
    assert!(reasons.contains("does not match its signature"), "{reasons}");
    assert_eq!((&found["signed"], names(&found, "altered").len()), (&24.into(), 1));
}

#[test]
fn a_missing_digest_a_moved_one_and_another_key_are_faults() {
    let custody = Custody::new();
    let removed = custody.find("digests", &["us-west-1_20210729T090000Z"]);
    fs::remove_file(&removed).unwrap();
    let (ran, found) = custody.validate("digests/public-keys.json");
    assert_eq!(ran.code, 1);
    assert!(names(&found, "missing")[0].ends_with("us-west-1_20210729T090000Z.json.gz"));
    // The signature of the one before was in it.
    assert!(names(&found, "unsigned").iter().any(|name| name.contains("us-west-1_20210729T080000Z")));

    let custody = Custody::new();
    let moved = custody.find("digests", &["us-west-1_20210729T090000Z"]);
    fs::rename(&moved, moved.with_file_name("other.json.gz")).unwrap();
    let (ran, found) = custody.validate("digests/public-keys.json");
    assert!(ran.code == 1 && found["wrong"].to_string().contains("gives its own name as"), "{found}");

    // The last one, which no other one names.
    for content in ["", "{}", "{\"digestStartTime\":1,\"digestS3Bucket\":"] {
        let custody = Custody::new();
        let last = custody.find("digests", &["us-east-2_20210729T190000Z"]);
        fs::write(&last, content).unwrap();
        let (ran, found) = custody.validate("digests/public-keys.json");
        assert!(
            ran.code == 1 && found["wrong"].to_string().contains("us-east-2_20210729T190000Z"),
            "{content}: {found}"
        );
    }

    let custody = Custody::new();
    let keys = custody.case.path("digests/public-keys.json");
    let text = fs::read_to_string(&keys).unwrap().replace("\"Fingerprint\": \"", "\"Fingerprint\": \"00");
    fs::write(&keys, text).unwrap();
    let (ran, found) = custody.validate("digests/public-keys.json");
    assert_eq!((ran.code, &found["signed"]), (1, &0.into()));
    assert!(found["wrong"].to_string().contains("which was not given"));
    let ran =
        custody.case.sawlog(&["verify", "--cloudtrail-digests", "logs", "--public-key", "digests/public-key.pem"]);
    assert!(ran.code == 1 && ran.err.contains("logs contains no CloudTrail digest"), "{}", ran.err);
}

/// A store with its manifest.
fn with_manifest() -> Case {
    let case = Case::with(&evidence());
    fs::write(case.path("manifest.json"), case.sawlog(&["manifest"]).out).unwrap();
    case
}

#[test]
fn a_manifest_holds_for_a_copy_of_its_store() {
    let case = with_manifest();
    fs::rename(case.path("sawlog-store"), case.path("elsewhere")).unwrap();
    let ran = case.sawlog(&["verify", "--manifest", "manifest.json", "--store", "elsewhere"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.text().contains("the store matches the manifest"), "{}", ran.text());
    // Anyone can check its hashes.
    let manifest: Value = serde_json::from_slice(&fs::read(case.path("manifest.json")).unwrap()).unwrap();
    let files = manifest["data_files"].as_array().unwrap();
    let lines =
        files.iter().map(|file| format!("{}  {}\n", file["sha256"].as_str().unwrap(), file["path"].as_str().unwrap()));
    let list: String = lines.collect();
    fs::write(case.path("list"), &list).unwrap();
    let checked =
        Command::new("sha256sum").args(["-c", "--quiet", "../list"]).current_dir(case.path("elsewhere")).status();
    assert!(checked.unwrap().success());
    use sha2::Digest;
    let whole: String = sha2::Sha256::digest(&list).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(manifest["store_sha256"], whole);
}

#[test]
fn a_manifest_names_what_differs() {
    let case = with_manifest();
    let verify = |case: &Case| case.sawlog(&["verify", "--manifest", "manifest.json"]);
    case.write("more/log", random_log(&mut Numbers::new(1), 5));
    assert_eq!(case.sawlog(&["convert", "more", "-q"]).code, 0);
    let ran = verify(&case);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("the source log is not in the manifest"), "{}", ran.err);

    fs::write(case.path("manifest.json"), case.sawlog(&["manifest"]).out).unwrap();
    assert_eq!(case.sawlog(&["compact", "-q"]).code, 0);
    let ran = verify(&case);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("the data file s3_access/date=2021-07-29/part-"), "{}", ran.err);
    assert!(!ran.err.contains("the source"), "compaction does not change sources: {}", ran.err);

    let case = with_manifest();
    let text = fs::read_to_string(case.path("manifest.json")).unwrap();
    let at = text.find("\"data_files\": [").unwrap();
    let hash = at + text[at..].find("\"sha256\": \"").unwrap() + 11;
    let other = if &text[hash..=hash] == "0" { "1" } else { "0" };
    fs::write(case.path("manifest.json"), format!("{}{other}{}", &text[..hash], &text[hash + 1..])).unwrap();
    let ran = verify(&case);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("does not match the SHA-256 that it states"), "{}", ran.err);
    assert!(ran.err.contains("was altered"), "{}", ran.err);
    fs::write(case.path("manifest.json"), "{}").unwrap();
    assert!(verify(&case).err.contains("manifest.json is not a manifest"));
}
