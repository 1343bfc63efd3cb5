//! Text in columns of a terminal. A character is never divided from the marks and joiners that belong to it.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Text of at most `width`; `…` marks where longer text was cut, at its end.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    taken(text.graphemes(true), width.saturating_sub(1)).concat() + "…"
}

/// Text of at most `width`; longer text loses its middle, since the end of an ARN or key says more.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let left = width.saturating_sub(1);
    let head = taken(text.graphemes(true), left / 3).concat();
    let mut tail = taken(text.graphemes(true).rev(), left - left / 3);
    tail.reverse();
    head + "…" + &tail.concat()
}

/// Text with blanks up to `width`.
pub(crate) fn padded(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(text.width()))
}

/// As many characters as fit into the width.
fn taken<'a>(characters: impl Iterator<Item = &'a str>, width: usize) -> Vec<&'a str> {
    let mut left = Some(width);
    let fits = |character: &&str| {
        left = left.and_then(|left| left.checked_sub(character.width()));
        left.is_some()
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_in_the_middle_or_at_its_end() {
        assert_eq!(shortened("arn:aws:iam::1:user/jmerckle", 28), "arn:aws:iam::1:user/jmerckle");
        assert_eq!(shortened("arn:aws:iam::1:user/jmerckle", 16), "arn:a…r/jmerckle");
        assert_eq!(shortened("中中中中中中", 7).width(), 7);
        assert_eq!((shortened("abc", 1), cut("abc", 1)), ("…".to_owned(), "…".to_owned()));
        assert_eq!((cut("中中中", 6), cut("中中中", 5)), ("中中中".to_owned(), "中中…".to_owned()));
    }

    #[test]
    fn characters_are_never_divided() {
        // A letter and its accents; a family; a hand and its colour.
        for character in ["e\u{301}\u{302}", "👩‍👩‍👧", "👍🏽"] {
            let text = character.repeat(20);
            for width in 1..30 {
                for short in [cut(&text, width), shortened(&text, width)] {
                    assert!(short.width() <= width, "{short:?}");
                    assert_eq!(short.replace(character, ""), if short == text { "" } else { "…" }, "{width}");
                }
            }
        }
        assert_eq!(padded("中", 4), "中  ");
    }
}
