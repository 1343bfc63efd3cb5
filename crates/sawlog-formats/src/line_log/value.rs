//! The parts of one field: an endpoint, a request line, seconds.

use std::net::Ipv6Addr;

use super::time::put;

/// A fractional number with this many digits is exact.
const EXACT_DIGITS: usize = 15;

/// The parts of an address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint<'a> {
    pub(super) address: &'a [u8],
    pub(super) port: Option<u16>,
    /// Whether the address is in brackets, which do not belong to it.
    pub(super) in_brackets: bool,
}

impl<'a> Endpoint<'a> {
    /// Takes an endpoint apart.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let whole = Self { address: text, port: None, in_brackets: false };
        let Some(colon) = memchr::memrchr(b':', text) else { return whole };
        let (address, Some(port)) = (&text[..colon], port(&text[colon + 1..])) else { return whole };
        if let Some(inner) = address.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
            return Self { address: inner, port: Some(port), in_brackets: true };
        }
        // An IPv6 address without a port ends like one with a port.
        let is_part = address.is_empty() || address == b"-" || address.contains(&b':') && !is_ipv6(address);
        if is_part { whole } else { Self { address, port: Some(port), ..whole } }
    }
}

fn is_ipv6(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// A port as it is printed.
fn port(text: &[u8]) -> Option<u16> {
    let is_plain = matches!(text, [b'0'] | [b'1'..=b'9', ..]) && text.len() <= 5;
    std::str::from_utf8(text).ok().filter(|_| is_plain)?.parse().ok()
}

/// The parts of a request line; `None` for absent ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: Option<&'a [u8]>,
    pub(super) url: Option<&'a [u8]>,
    pub(super) version: Option<&'a [u8]>,
    /// Whether printing it gives the same text.
    pub(super) is_plain: bool,
}

impl<'a> Request<'a> {
    /// Splits a request line. The URL can contain blanks; the method is a word of HTTP, and the version begins with
    /// `HTTP/`. Text with neither is all URL.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let there = |part: &'a [u8]| Some(part).filter(|part| *part != b"-");
        if text == b"-" {
            return Self { is_plain: true, ..Self::default() };
        }
        let first = memchr::memchr(b' ', text).filter(|first| is_token(&text[..*first]));
        let Some(first) = first else { return Self { url: Some(text), ..Self::default() } };
        let (method, rest) = (there(&text[..first]), &text[first + 1..]);
        let last = memchr::memrchr(b' ', rest).map(|last| (&rest[..last], &rest[last + 1..]));
        if let Some((url, version)) = last.filter(|(_, version)| version.starts_with(b"HTTP/") || *version == b"-") {
            let (url, version) = (there(url), there(version));
            let is_plain = method.is_some() || url.is_some() || version.is_some();
            return Self { method, url, version, is_plain };
        }
        // A malformed request can end with a dash and a blank.
        let url = rest.strip_suffix(b" - ").or_else(|| rest.strip_suffix(b" ")).unwrap_or(rest);
        Self { method, url: there(url), version: None, is_plain: false }
    }

    /// Prints a request line.
    pub(super) fn print(&self, out: &mut Vec<u8>) {
        let parts = [self.method, self.url, self.version];
        if parts == [None; 3] {
            return out.push(b'-');
        }
        for (place, part) in parts.into_iter().enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(part.unwrap_or(b"-"));
        }
    }
}

/// Whether this can be a method of HTTP: see RFC 9110, "Tokens". A dash is allowed, too.
fn is_token(word: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !word.is_empty() && word.iter().all(is_part)
}

/// Seconds, and whether printing them with this many decimals gives the same text; `None` if it is not such a number.
pub(super) fn seconds(text: &[u8], decimals: usize) -> Option<(f64, bool)> {
    let point = memchr::memchr(b'.', text).unwrap_or(text.len());
    let (whole, fraction) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !all_digits(whole) || point < text.len() && !all_digits(fraction) || text.len() > 40 {
        return None;
    }
    let is_plain =
        fraction.len() == decimals && whole.len() + decimals <= EXACT_DIGITS && (whole.len() == 1 || whole[0] != b'0');
    if is_plain {
        let units = whole.iter().chain(fraction).fold(0_i64, |units, digit| units * 10 + i64::from(digit - b'0'));
        return Some((in_seconds(units, decimals), true));
    }
    Some((std::str::from_utf8(text).ok()?.parse().ok()?, false))
}

/// Prints seconds with this many decimals.
pub(super) fn print_seconds(seconds: f64, decimals: usize, out: &mut Vec<u8>) {
    let units = in_units(seconds, decimals);
    let one = 10_i64.pow(u32::try_from(decimals).unwrap_or_default());
    let whole = units / one;
    put(whole, usize::try_from(whole.checked_ilog10().unwrap_or_default()).unwrap_or_default() + 1, out);
    out.push(b'.');
    put(units % one, decimals, out);
}

#[expect(clippy::cast_precision_loss, reason = "so few digits are exact")]
fn in_seconds(units: i64, decimals: usize) -> f64 {
    units as f64 / power(decimals)
}

#[expect(clippy::cast_possible_truncation, reason = "only exact numbers are printed")]
fn in_units(seconds: f64, decimals: usize) -> i64 {
    (seconds * power(decimals)).round() as i64
}

fn power(decimals: usize) -> f64 {
    10_f64.powi(i32::try_from(decimals).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn endpoints_are_taken_apart() {
        for (text, address, port) in [
            ("192.0.2.1:443", "192.0.2.1", Some(443)),
            ("192.0.2.1", "192.0.2.1", None),
            ("192.0.2.1:0", "192.0.2.1", Some(0)),
            ("2001:db8::1:443", "2001:db8::1", Some(443)),
            ("[2001:db8::1]:443", "2001:db8::1", Some(443)),
            ("2001:db8::1", "2001:db8::1", None),
            ("192.0.2.1:0443", "192.0.2.1:0443", None),
            ("192.0.2.1:65536", "192.0.2.1:65536", None),
            ("[x:80", "[x", Some(80)),
            ("192.0.2.1:", "192.0.2.1:", None),
            (":80", ":80", None),
            ("-:80", "-:80", None),
        ] {
            let in_brackets = text == "[2001:db8::1]:443";
            let expected = Endpoint { address: address.as_bytes(), port, in_brackets };
            assert_eq!(Endpoint::of(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn requests_are_taken_apart() {
        for (text, parts, is_plain) in [
            ("GET https://a:443/ HTTP/1.1", ["GET", "https://a:443/", "HTTP/1.1"], true),
            ("GET https://a:443/b c HTTP/2.0", ["GET", "https://a:443/b c", "HTTP/2.0"], true),
            ("- http://a:80- -", ["-", "http://a:80-", "-"], true),
            ("- http://a:80- - ", ["-", "http://a:80-", "-"], false),
            ("- http://a:80- ", ["-", "http://a:80-", "-"], false),
            ("-", ["-", "-", "-"], true),
            ("- - -", ["-", "-", "-"], false),
            ("- - - ", ["-", "-", "-"], false),
            ("GET /", ["GET", "/", "-"], false),
            ("GET / b", ["GET", "/ b", "-"], false),
            ("\\x16\\x03 a HTTP/1.1", ["-", "\\x16\\x03 a HTTP/1.1", "-"], false),
            ("", ["-", "", "-"], false),
            (" ", ["-", " ", "-"], false),
        ] {
            let request = Request::of(text.as_bytes());
            let found = [request.method, request.url, request.version];
            let found = found.map(|part| part.map_or("-", |part| std::str::from_utf8(part).unwrap()));
            assert_eq!((found, request.is_plain), (parts, is_plain), "{text}");
        }
    }

    #[test]
    fn seconds_are_numbers() {
        for (text, found) in [
            ("0.000", Some((0.0, true))),
            ("12.345", Some((12.345, true))),
            ("0.1", Some((0.1, false))),
            ("7", Some((7.0, false))),
            ("00.001", Some((0.001, false))),
            ("-1", None),
            ("1.", None),
            (".5", None),
            ("1e5", None),
            ("nan", None),
            ("", None),
        ] {
            assert_eq!(seconds(text.as_bytes(), 3), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_ones_come_back(units in 0..10_i64.pow(15), decimals in 1..7_usize) {
            let mut text = Vec::new();
            print_seconds(in_seconds(units, decimals), decimals, &mut text);
            prop_assert_eq!(seconds(&text, decimals), Some((in_seconds(units, decimals), true)));
            prop_assert_eq!(String::from_utf8(text).unwrap().replace('.', "").parse::<i64>().unwrap(), units);
        }

        #[test]
        fn plain_requests_come_back(text in "(GET|-|a\\+b|\\PC{0,3})? ?(/|-|http://a|[ -]{0,3}) ?(HTTP/1|-| )?") {
            let request = Request::of(text.as_bytes());
            let mut printed = Vec::new();
            request.print(&mut printed);
            prop_assert_eq!(request.is_plain, printed == text.as_bytes(), "{:?}", request);
        }
    }
}
