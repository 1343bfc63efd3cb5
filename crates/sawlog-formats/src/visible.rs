//! Text from logs, made safe to show.

use std::borrow::Cow;

/// Whether a character could control a terminal, end a line or turn the reading direction.
#[must_use]
pub fn steers(char: char) -> bool {
    let turns = matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}')
}

/// The text, with such characters as escapes.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let show = |char: char| if steers(char) { char.escape_default().to_string() } else { char.to_string() };
    Cow::Owned(text.chars().map(show).collect())
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\n\u{202e}ä"), "a\\u{1b}[31mb\\n\\u{202e}ä");
    }
}
