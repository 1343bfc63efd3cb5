//! JSON on a terminal: characters that could control the terminal are escaped, even if JSON does not require it.

use std::io::{self, Write};

use sawlog_formats::steers;

/// Passes JSON on, with `\u` escapes for characters that could control a terminal. JSON has these only in strings, so
/// it stays the same JSON.
pub(crate) struct Escaped<W> {
    out: W,
    /// The beginning of a character that ends in the next piece.
    begun: Vec<u8>,
}

impl<W> Escaped<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }
}

/// The text with JSON's escapes. Line ends that separate values stay.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if char != '\n' && steers(char) {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        } else {
            safe.push(char);
        }
    }
    safe
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(piece);
        let end = match std::str::from_utf8(&self.begun) {
            // A character is complete once its last byte has arrived.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let whole: Vec<u8> = self.begun.drain(..end).collect();
        self.out.write_all(escaped(&String::from_utf8_lossy(&whole)).as_bytes())?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_the_same_json_in_whatever_pieces_it_comes() {
        let json = serde_json::json!({ "a": "\u{9b}2J\u{202e}ä\u{7f}\u{85}" });
        let text = serde_json::to_string_pretty(&json).unwrap_or_default();
        for size in 1..text.len() {
            let mut out = Escaped::new(Vec::new());
            text.as_bytes().chunks(size).for_each(|piece| assert!(out.write_all(piece).is_ok()));
            let shown = String::from_utf8(out.out).unwrap_or_default();
            assert!(!shown.contains(|char| char != '\n' && steers(char)), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok().as_ref(), Some(&json));
        }
    }
}
