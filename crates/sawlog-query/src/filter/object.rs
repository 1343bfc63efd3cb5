//! What a call was about: `bucket`, `key` and `resource`.

use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::{strpos, substr};
use globset::GlobMatcher;
use sawlog_formats::{Role, Table, Value};

use super::condition::{Condition, any, either, probe};
use super::glob::{glob, is_glob, matcher};
use crate::logs::{self, resolve};
use crate::texts::{test, test_each};

/// The bucket: a column, or a parameter of the call.
pub(super) fn bucket(table: &Table, value: &str) -> Option<Condition> {
    any(table, &logs::fields(table, Role::Bucket), |column| glob(column, value))
        .or_else(|| parameter(table, "bucketName", &[value.to_owned()]))
}

/// The bucket and the key in the address of an object.
pub(crate) fn place_in_s3(text: &str) -> Option<(String, String)> {
    let of_arn = || text.strip_prefix("arn:").and_then(|rest| rest.split_once(":s3:::")).map(|(_, place)| place);
    if let Some(place) = text.strip_prefix("s3://").or_else(of_arn) {
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        return Some((bucket.to_owned(), key.to_owned()));
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.split(':').next().unwrap_or_default();
    let name = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let path = decoded(path.split(['?', '#']).next().unwrap_or_default());
    // In a host name, the part before `s3` is the bucket: b.s3, b.s3.us-east-1, b.s3-us-west-2,
    // b.s3-website-us-east-1.
    let labels: Vec<&str> = name.split('.').collect();
    let service = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    if service > 0 {
        return Some((labels[..service].join("."), path));
    }
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    Some((bucket.to_owned(), key.to_owned()))
}

/// A text with its percent sequences decoded, if the result is text.
fn decoded(text: &str) -> String {
    String::from_utf8(unescaped(text)).unwrap_or_else(|_| text.to_owned())
}

/// The bytes of a text with its percent sequences decoded; a `%` that begins none stays.
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2)).filter(|_| bytes[at] == b'%');
        if let Some((high, low)) = pair.and_then(|(high, low)| hex(*high).zip(hex(*low))) {
            found.push(high * 16 + low);
            at += 3;
        } else {
            found.push(bytes[at]);
            at += 1;
        }
    }
    found
}

/// A key as it is, decoded once, and decoded twice: logs encode keys, and encode what was already encoded.
fn spellings(key: &str) -> Vec<String> {
    let mut all = vec![key.to_owned()];
    for _ in 0..2 {
        let Some(next) = all.last().filter(|key| key.contains('%')).map(|key| decoded(key)) else { break };
        all.push(next);
    }
    all
}

/// The object's key, in any encoding, or its URL: a column, or a parameter of the call.
pub(super) fn key(table: &Table, value: &str) -> Option<Condition> {
    if let Some((bucket, key)) = place_in_s3(value).filter(|(_, key)| !key.is_empty()) {
        let (bucket, key) = (self::bucket(table, &bucket)?, self::key(table, &key)?);
        // Both must hold; the index is asked for the key.
        return Some(Condition { expr: bucket.expr.and(key.expr), ..key });
    }
    let Some(column) = logs::field(table, Role::Key) else {
        return parameter(table, "key", &spellings(value));
    };
    let glob_matcher = matcher(value);
    let test = |column: &Expr| {
        let plain = glob(column, value);
        // Such a key has only one spelling.
        if !is_glob(value) && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./~!()".contains(&byte)) {
            return plain;
        }
        let (wanted, glob) = (value.to_owned(), glob_matcher.clone());
        let is_it = move |key: &str| {
            let is_it = |key: &String| *key == wanted || glob.as_ref().is_some_and(|glob| glob.is_match(key));
            key.contains('%') && spellings(key)[1..].iter().any(is_it)
        };
        plain.or(self::test(column, &format!("is_key_{value}"), is_it))
    };
    let found = any(table, &[column], test)?;
    // A key is indexed with its bucket, whose name has no slash.
    let key = substr(ident("value"), strpos(ident("value"), lit("/")) + lit(1));
    let probe = probe(table, vec!["bucket/key"], &key, test);
    Some(Condition { probe, ..found })
}

/// A parameter of the call is one of some values or matches one.
fn parameter(table: &Table, name: &'static str, values: &[String]) -> Option<Condition> {
    let column = resolve(table, logs::field(table, Role::Parameters)?)?;
    let wanted: Vec<(String, Option<GlobMatcher>)> =
        values.iter().map(|value| (value.clone(), matcher(value))).collect();
    let is_it = move |text: &str| {
        let matches = |glob: &Option<GlobMatcher>| glob.as_ref().is_some_and(|glob| glob.is_match(text));
        wanted.iter().any(|(value, glob)| text == value || matches(glob))
    };
    let member = format!("\"{name}\"");
    let has = move |json: &str| {
        // Only text that may contain it is parsed.
        json.contains(&member)
            && serde_json::from_str::<serde_json::Value>(json)
                .is_ok_and(|parameters| parameters[name].as_str().is_some_and(&is_it))
    };
    let expr = test(&column, &format!("has_{name}_{}", values.join("\n")), has);
    Some(Condition { expr, probe: None })
}

/// A resource that a record names, in the parameters of the call or among its resources, by name or ARN.
pub(super) fn resource(table: &Table, value: &str) -> Option<Condition> {
    let parameters = resolve(table, logs::field(table, Role::Parameters)?)?;
    let (wanted, glob) = (value.to_owned(), matcher(value));
    let is_it = move |text: &str| {
        let is_it = |text: &str| text == wanted || glob.as_ref().is_some_and(|glob| glob.is_match(text));
        let of_arn = || text.starts_with("arn:") && text.rsplit([':', '/']).next().is_some_and(is_it);
        is_it(text) || of_arn()
    };
    // Only text that may name it is parsed.
    let is_plain = !is_glob(value) && value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\/".contains(&byte));
    let (part, is_named) = (if is_plain { value.to_owned() } else { String::new() }, is_it.clone());
    let names =
        move |json: &str| json.contains(&part) && serde_json::from_str(json).is_ok_and(|json| names(&json, &is_named));
    let name = format!("names_{value}");
    let mut exprs = vec![test(&parameters, &name, names.clone())];
    // If AWS chooses the id of the new resource, the response of the call names it.
    let made = logs::field(table, Role::Response).filter(|_| is_made_id(value) || value.starts_with("arn:"));
    exprs.extend(made.and_then(|name| resolve(table, name)).map(|response| test(&response, &name, names)));
    if let Some(Value::Each(list, field)) = logs::role(table, Role::Resource) {
        exprs.push(test_each(&ident(list), field, &format!("is_resource_{value}"), is_it));
    }
    either(exprs).map(|expr| Condition { expr, probe: None })
}

/// Whether a text is an id that AWS makes: `i-0123456789abcdef0`.
fn is_made_id(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(kind, digits)| {
        let is_id = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id && kind.starts_with(|char: char| char.is_ascii_lowercase())
    })
}

/// Whether a text in a JSON value passes `is_it`.
fn names(json: &serde_json::Value, is_it: &impl Fn(&str) -> bool) -> bool {
    match json {
        serde_json::Value::String(text) => is_it(text),
        serde_json::Value::Array(values) => values.iter().any(|value| names(value, is_it)),
        serde_json::Value::Object(fields) => fields.values().any(|value| names(value, is_it)),
        _ => false,
    }
}
