//! Text, numbers and sizes as the page shows them.

use maud::{Markup, html};
use sawlog_formats::visible;

/// Text that is no longer is not broken behind punctuation: an address.
const WHOLE: usize = 15;
/// A piece of text is at least this long behind punctuation, and a word or a part of a domain this long.
const PIECE: usize = 10;
const WORD: usize = 6;
/// A piece without a good place to break is broken after this many characters: a hash in quarters.
const LONGEST: usize = 32;

/// Text from a log, without what could steer its reader.
pub(super) fn shown(text: &str) -> String {
    visible(text).into_owned()
}

/// The same, with places where a line may be broken: behind punctuation, between `words` as in `getUserPolicy`, and within
/// what has neither.
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
    let (mut start, mut length) = (0, 0);
    let mut before = ' ';
    for (at, char) in text.char_indices() {
        let behind_mark =
            matches!(before, '/' | ':' | '_' | '.' | ',' | '=' | '&' | '?' | '@' | '-' | '+' | '%' | '|' | ';');
        let new_word = before.is_lowercase() && char.is_uppercase();
        // A blank is a place by itself.
        length = if before == ' ' { 0 } else { length };
        let least = if before == '.' { WORD } else { PIECE };
        let is_mark = behind_mark && !char.is_ascii_punctuation() && length >= least && text.len() > WHOLE;
        if is_mark || new_word && length >= WORD || length >= LONGEST {
            pieces.push(&text[start..at]);
            (start, length) = (at, 0);
        }
        length += 1;
        before = char;
    }
    pieces.push(&text[start..]);
    pieces
}

/// A number with commas between thousands.
pub(super) fn number(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many there are of something: `1 line`, `2,000 lines`.
pub(super) fn count(of: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(i128::try_from(of).unwrap_or(i128::MAX)), if of == 1 { one } else { many })
}

/// A size in the unit in which it is below 1,024, as s3logparse has it: `6.16 MiB`.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(super) fn size(bytes: u128) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB"].into_iter();
    let (mut value, mut unit) = (bytes as f64 / 1024.0, units.next().unwrap_or_default());
    for next in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.2} {unit}")
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
        assert_eq!(pieces(&"0123456789abcdef".repeat(4)).len(), 2);
        assert_eq!(broken("<b>").into_string(), "&lt;b&gt;");
    }

    #[test]
    fn numbers_have_commas() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (30_477, "30,477"), (-1_234_567, "-1,234,567")] {
            assert_eq!(number(value), text);
        }
        assert_eq!((count(1, "line", "lines"), count(0, "line", "lines")), ("1 line".to_owned(), "0 lines".to_owned()));
        assert_eq!((size(0), size(6_459_228)), ("0 B".to_owned(), "6.16 MiB".to_owned()));
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in ".{0,200}") {
            prop_assert_eq!(pieces(&text).concat(), text);
        }
    }
}
