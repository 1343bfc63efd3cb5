//! Values as JSON in the usual way. A value that its record has in this way is printed from its column.

use crate::calendar::{MICROS_A_DAY, civil_from_days};

/// The escape of each byte of text that does not stand for itself.
#[inline]
fn escape(byte: u8) -> Option<[u8; 6]> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = |letter| Some([b'\\', letter, 0, 0, 0, 0]);
    match byte {
        b'"' | b'\\' => short(byte),
        b'\n' => short(b'n'),
        b'\t' => short(b't'),
        b'\r' => short(b'r'),
        0x08 => short(b'b'),
        0x0c => short(b'f'),
        0..0x20 => Some([b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        _ => None,
    }
}

/// The bytes of an escape that are there.
#[inline]
fn written(escape: &[u8; 6]) -> &[u8] {
    if escape[1] == b'u' { escape } else { &escape[..2] }
}

/// Prints text as in a JSON string, without quotes.
#[inline]
pub(super) fn print_text(text: &[u8], out: &mut Vec<u8>) {
    if has_special(text) { print_escaped(text, out) } else { out.extend_from_slice(text) }
}

#[cold]
fn print_escaped(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match escape(*byte) {
            Some(escape) => out.extend_from_slice(written(&escape)),
            None => out.push(*byte),
        }
    }
}

/// Whether text has a byte that must be escaped. Most text has none, which is checked eight bytes at a time.
#[inline]
fn has_special(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<8>() else { return text.iter().any(|byte| escape(*byte).is_some()) };
    let (words, _) = text.as_chunks::<8>();
    words.iter().chain([last]).fold(0, |any, word| any | special(u64::from_le_bytes(*word))) != 0
}

/// The highest bit of each byte that is special, and maybe of others beside such.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let less = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
    let is = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    (less(word, 0x20) | is(b'"') | is(b'\\')) & HIGH
}

/// How many bytes of `json`, which begins with text in a string, [`print_text`] would make of `text`, if a quote
/// follows them.
#[inline]
pub(super) fn len_of_text(text: &[u8], json: &[u8]) -> Option<usize> {
    // Text without escapes keeps its length. If there are escapes, a quote at this place is an escaped one.
    let len = text.len();
    if json.get(len) == Some(&b'"') && (len == 0 || json[len - 1] != b'\\') {
        return Some(len);
    }
    len_of_escaped(text, json)
}

fn len_of_escaped(text: &[u8], json: &[u8]) -> Option<usize> {
    let mut at = 0;
    for byte in text {
        let rest = json.get(at..)?;
        at += match escape(*byte) {
            Some(escape) => rest.starts_with(written(&escape)).then(|| written(&escape).len())?,
            None => (rest.first() == Some(byte)).then_some(1)?,
        };
    }
    (json.get(at) == Some(&b'"')).then_some(at)
}

/// Whether a time is written as [`print_time`] would print it; `text` was read as the time.
pub(super) fn is_usual_time(text: &[u8]) -> bool {
    matches!(text, [_, _, _, _, b'-', _, _, b'-', _, _, b'T', _, _, b':', _, _, b':', _, _, b'Z'])
}

/// Prints a time, in microseconds since 1970: `2024-05-01T12:00:00Z`.
pub(super) fn print_time(micros: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(micros.div_euclid(MICROS_A_DAY));
    let second = micros.rem_euclid(MICROS_A_DAY) / 1_000_000;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    out.extend_from_slice(&[digit(year / 1000), digit(year / 100)]);
    let mut put = |number: i64, after: u8| out.extend_from_slice(&[digit(number / 10), digit(number), after]);
    put(year, b'-');
    put(month, b'-');
    put(day, b'T');
    put(hour, b':');
    put(minute, b':');
    put(second, b'Z');
}

/// The last digit of a number.
fn digit(number: i64) -> u8 {
    b'0' + number.rem_euclid(10).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::read_iso8601;

    proptest! {
        #[test]
        fn text_is_printed_as_other_writers_do(text in "[a-z\"\\\\\u{0}-\u{20}\u{7f}\u{e4}\u{2028}\u{1f600}/]{0,20}", after in "[\\\\\"a]{0,3}") {
            let mut out = Vec::new();
            print_text(text.as_bytes(), &mut out);
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&json[1..json.len() - 1], std::str::from_utf8(&out).unwrap());
            prop_assert_eq!(len_of_text(text.as_bytes(), format!("{}{after}", &json[1..]).as_bytes()), Some(out.len()));
        }

        #[test]
        fn other_ways_to_write_text_are_told(text in "[a-z\"\\\\\n=/]{1,8}", at in 0usize..8) {
            // One character by its number, which is never the usual way for these.
            let at = at % text.chars().count();
            let write = |(place, char): (usize, char)| {
                let usual = serde_json::to_string(&char.to_string()).unwrap();
                if place == at { format!("\\u{:04x}", u32::from(char)) } else { usual[1..usual.len() - 1].to_owned() }
            };
            let json: String = text.chars().enumerate().map(write).collect();
            prop_assert_eq!(serde_json::from_str::<String>(&format!("\"{json}\"")).unwrap(), text.clone());
            prop_assert_eq!(len_of_text(text.as_bytes(), format!("{json}\"}}").as_bytes()), None);
        }

        #[test]
        fn a_usual_time_comes_back(seconds in -62_135_596_800i64..=253_402_300_799) {
            let mut out = Vec::new();
            print_time(seconds * 1_000_000, &mut out);
            prop_assert!(is_usual_time(&out));
            prop_assert_eq!(read_iso8601(&out), Some(seconds * 1_000_000));
        }
    }

    #[test]
    fn unusual_times_are_told() {
        for text in [
            "2021-07-29T13:06:49.0Z",
            "2021-07-29 13:06:49Z",
            "2021-07-29t13:06:49Z",
            "2021-07-29T13:06:49z",
            "2021-07-29T13:06:49",
            "2021-07-29T13:06.12Z",
            "20210729T130649.123Z",
            "2021-07-29T13:06+01Z",
        ] {
            assert!(!is_usual_time(text.as_bytes()), "{text}");
        }
    }
}
