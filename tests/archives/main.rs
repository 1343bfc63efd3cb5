//! Archives: each member is a source of its own, rebuilt byte for byte; what can't be read is named.

mod damaged;
mod kinds;
mod later_runs;
mod packing;

use sawlog_tests::{Case, Numbers, Ran, random_log};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn converted(case: &Case, arguments: &[&str], code: i32) -> Ran {
    let ran = case.sawlog(&[&["convert"], arguments].concat());
    assert_eq!(ran.code, code, "{arguments:?}: {} {}", ran.text(), ran.err);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    ran
}

fn summary(case: &Case, arguments: &[&str], code: i32) -> Value {
    converted(case, &[arguments, &["--json"]].concat(), code).json()
}

fn verified(case: &Case) {
    let ran = case.sawlog(&["verify"]);
    assert_eq!(ran.code, 0, "{} {}", ran.text(), ran.err);
}

fn sql(case: &Case, query: &str) -> Value {
    let ran = case.sawq(&["sql", query, "--json", "-q"]);
    assert_eq!(ran.code, 0, "{query}: {}", ran.err);
    ran.json()
}

/// One column of a query.
fn texts(case: &Case, query: &str) -> Vec<String> {
    let rows = sql(case, query);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row.as_object().unwrap().values().next().unwrap().as_str().unwrap_or("null").to_owned()).collect()
}

fn count(case: &Case, table: &str) -> u64 {
    sql(case, &format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_u64().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of a source, but for its name.
fn rows(case: &Case, table: &str, source: &str) -> Value {
    let columns = match table {
        "s3_access" => "source_line, request_id, key, bytes_sent, time, remote_ip",
        "cloudtrail" => "source_line, event_id, event_name, event_time",
        _ => "source_line, srcaddr, dstaddr, bytes, start",
    };
    sql(case, &format!("SELECT {columns} FROM {table} WHERE source_file = '{source}' ORDER BY source_line"))
}

fn log(seed: u64, lines: usize) -> Vec<u8> {
    random_log(&mut Numbers::new(seed), lines).into_bytes()
}
