//! Addresses as logs spell them: the same address has one canonical spelling.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// The canonical spelling of an address: RFC 5952 for IPv6, and plain IPv4 for an IPv6 address that only wraps one,
/// without a zone, which says nothing to other machines. Text that is not an address stays as it is.
///
/// ```
/// use sawlog_formats::canonical_address;
/// assert_eq!(canonical_address("2001:0DB8:0:0::1"), "2001:db8::1");
/// assert_eq!(canonical_address("::FFFF:192.0.2.1"), "192.0.2.1");
/// assert_eq!(canonical_address("FE80::1%eth0"), "fe80::1");
/// assert_eq!(canonical_address("ec2.amazonaws.com"), "ec2.amazonaws.com");
/// ```
#[must_use]
pub fn canonical_address(text: &str) -> Cow<'_, str> {
    // Nearly all addresses are IPv4, which is quick to recognise and has only one spelling.
    if memchr::memchr(b':', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    let Ok(address) = address.parse::<Ipv6Addr>() else { return Cow::Borrowed(text) };
    let canonical = plain(address).to_string();
    if canonical == text { Cow::Borrowed(text) } else { Cow::Owned(canonical) }
}

/// The address that a text spells, without its zone; IPv4 where an IPv6 address only wraps one.
///
/// ```
/// use sawlog_formats::parse_address;
/// assert_eq!(parse_address("::ffff:192.0.2.1"), parse_address("192.0.2.1"));
/// assert_eq!(parse_address("fe80::1%eth0"), parse_address("FE80:0::1"));
/// assert_eq!(parse_address("AWS Internal"), None);
/// ```
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, _) = text.split_once('%')?;
    address.parse::<Ipv6Addr>().ok().map(plain)
}

/// An address with a port. IPv6 addresses are in brackets, as in RFC 5952, section 6.
///
/// ```
/// use sawlog_formats::with_port;
/// assert_eq!(with_port("192.0.2.1", 22), "192.0.2.1:22");
/// assert_eq!(with_port("2001:db8::a", 22), "[2001:db8::a]:22");
/// ```
#[must_use]
pub fn with_port(address: &str, port: i32) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// The address and the port of a text that has both.
///
/// ```
/// use sawlog_formats::split_port;
/// assert_eq!(split_port("192.0.2.1:22"), Some(("192.0.2.1", 22)));
/// assert_eq!(split_port("[2001:db8::a]:22"), Some(("2001:db8::a", 22)));
/// assert_eq!(split_port("2001:db8::a:22"), None);
/// assert_eq!(split_port("example.com:22"), None);
/// ```
#[must_use]
pub fn split_port(text: &str) -> Option<(&str, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let in_brackets = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = in_brackets.or(Some(address).filter(|address| !address.contains(':')))?;
    let is_address = parse_address(address).is_some_and(|found| found.is_ipv4() || in_brackets.is_some());
    Some((address, port.parse().ok()?)).filter(|_| is_address)
}

fn plain(address: Ipv6Addr) -> IpAddr {
    IpAddr::V6(address).to_canonical()
}
