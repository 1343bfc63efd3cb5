//! Text, numbers and sizes as the page shows them.

use maud::{Markup, html};
use sawlog_formats::visible;

pub(super) use crate::output::units::size;
use crate::output::units::with_commas;

/// Text up to this length, such as an address, is not broken after punctuation.
const WHOLE: usize = 15;
/// A piece of text after punctuation has at least this length, and a word or a part of a domain this length.
const PIECE: usize = 10;
const WORD: usize = 6;
/// A piece without a good place to break is broken after this many characters.
const LONGEST: usize = 32;
/// A run of letters and digits up to this length, such as an access key, is not broken; a hash is broken into
/// quarters.
const WHOLE_ID: usize = 24;
const PART_OF_ID: usize = 16;
/// Digits after a word are a version from this length on, as in `ListFunctions20150331`.
const VERSION: usize = 4;

/// Text from a log, without characters that could mislead its reader.
pub(super) fn shown(text: &str) -> String {
    visible(text).into_owned()
}

/// The same, with places where a line may break: after punctuation, between words as in `GetUserPolicy`, and within
/// long text that has neither.
pub(super) fn broken(text: &str) -> Markup {
    let text = visible(text);
    html! {
        @for (place, piece) in pieces(&text).into_iter().enumerate() {
            @if place > 0 { wbr; }
            (piece)
        }
    }
}

fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut length, mut run) = (0, 0, Run::Words);
    let mut before = ' ';
    for (at, char) in text.char_indices() {
        if char.is_alphanumeric() && !before.is_alphanumeric() {
            run = Run::of(&text[at..]);
        }
        let behind_mark =
            matches!(before, '/' | ':' | '_' | '.' | ',' | '=' | '&' | '?' | '@' | '-' | '+' | '%' | '|' | ';');
        let is_new = before.is_lowercase() && char.is_uppercase() || before.is_alphabetic() && char.is_ascii_digit();
        // A blank is a place of its own.
        length = if before == ' ' { 0 } else { length };
        let least = if before == '.' { WORD } else { PIECE };
        let is_mark = behind_mark && !char.is_ascii_punctuation() && length >= least && text.len() > WHOLE;
        let longest = if run == Run::LongId { PART_OF_ID } else { LONGEST };
        if is_mark || is_new && run == Run::Words && length >= WORD || length >= longest {
            pieces.push(&text[start..at]);
            (start, length) = (at, 0);
        }
        length += 1;
        before = char;
    }
    pieces.push(&text[start..]);
    pieces
}

/// The meaning of a run of letters and digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// Words, possibly followed by a version.
    Words,
    /// An id, such as an access key.
    Id,
    /// A long run, such as a hash.
    LongId,
}

impl Run {
    /// What the text begins with.
    fn of(text: &str) -> Self {
        let length = text.find(|char: char| !char.is_alphanumeric()).unwrap_or(text.len());
        let letters = text.find(|char: char| !char.is_alphabetic()).unwrap_or(text.len());
        let digits = text[letters..].bytes().take_while(u8::is_ascii_digit).count();
        if letters == length || letters >= WORD && digits >= VERSION {
            Self::Words
        } else if length <= WHOLE_ID {
            Self::Id
        } else {
            Self::LongId
        }
    }
}

/// A number with commas between thousands.
pub(super) fn number(number: impl Into<i128>) -> String {
    with_commas(&number.into().to_string())
}

/// How many there are of something: `1 line`, `2,000 lines`.
pub(crate) fn count(of: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(of), if of == 1 { one } else { many })
}

/// A heading: its first letter is a capital.
pub(super) fn heading(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_not_broken() {
        let arn = "arn:aws:iam::111122223333:user/ann-example_of.a.long.name";
        assert_eq!(pieces(arn), ["arn:aws:iam::", "111122223333:", "user/ann-example_", "of.a.long.", "name"]);
        assert_eq!(pieces("GetAccountAuthorizationDetails"), ["GetAccount", "Authorization", "Details"]);
        assert_eq!(pieces("config.amazonaws.com"), ["config.", "amazonaws.", "com"]);
        assert_eq!([pieces("jmerckle"), pieces("198.51.100.123")].concat(), ["jmerckle", "198.51.100.123"]);
        assert_eq!(pieces("ListFunctions20150331"), ["ListFunctions", "20150331"]);
        assert_eq!(
            pieces("20210728T0110Z_SAWVJnZfAg5MTr80.json.gz"),
            ["20210728T0110Z_", "SAWVJnZfAg5MTr80.", "json.gz"]
        );
        assert_eq!(pieces("AKIAIOSFODNN7EXAMPLE"), ["AKIAIOSFODNN7EXAMPLE"]);
        assert_eq!(pieces(&"0123456789abcdef".repeat(4)), ["0123456789abcdef"; 4]);
        assert_eq!(broken("<b>").into_string(), "&lt;b&gt;");
    }

    #[test]
    fn numbers_have_commas() {
        for (value, text) in [(0, "0 lines"), (1, "1 line"), (30_477, "30,477 lines")] {
            assert_eq!(count(value, "line", "lines"), text);
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in ".{0,200}") {
            prop_assert_eq!(pieces(&text).concat(), text);
        }
    }
}
