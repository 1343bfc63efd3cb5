//! Text in lines that fit the screen, broken between words.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A text after a lead, in lines of at most `width` if there is a limit. They are broken between words; a word that is
/// longer than a line is broken anywhere. Lines after the first one begin with `indent` blanks.
pub(crate) fn hanging(lead: &str, text: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![format!("{lead}{text}")] };
    let indent = indent.min(width / 2);
    let (mut lines, mut line) = (Vec::new(), lead.to_owned());
    // What the line takes, and whether it has a word of the text.
    let (mut used, mut is_begun) = (lead.width(), false);
    for word in text.split(' ') {
        if used + usize::from(is_begun) + word.width() > width && used > indent {
            lines.push(line.trim_end().to_owned());
            (line, used, is_begun) = (" ".repeat(indent), indent, false);
        }
        if word.is_empty() && !is_begun && !lines.is_empty() {
            continue;
        }
        if std::mem::replace(&mut is_begun, true) {
            line.push(' ');
            used += 1;
        }
        for character in word.graphemes(true) {
            let columns = character.width();
            if used + columns > width && used > indent {
                lines.push(line.trim_end().to_owned());
                (line, used) = (" ".repeat(indent), indent);
            }
            line.push_str(character);
            used += columns;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(hanging("", "one two three", 0, Some(7)), ["one two", "three"]);
        assert_eq!(hanging("", "", 0, Some(7)), [""]);
        assert_eq!(hanging("12:00  ", "one two three", 7, Some(14)), ["12:00  one two", "       three"]);
        assert_eq!(hanging("12:00  ", "one  two three", 7, None), ["12:00  one  two three"]);
    }

    #[test]
    fn a_word_is_broken_only_if_it_is_longer_than_a_line() {
        assert_eq!(hanging("", "wonderful", 0, Some(4)), ["wond", "erfu", "l"]);
        assert_eq!(hanging("a lead: ", "wonderful day", 2, Some(11)), ["a lead:", "  wonderful", "  day"]);
        assert_eq!(hanging("", "中中中", 0, Some(5)), ["中中", "中"]);
        assert_eq!(hanging("", "👩‍👩‍👧👩‍👩‍👧", 0, Some(3)), ["👩‍👩‍👧", "👩‍👩‍👧"]);
        assert_eq!(hanging("", "ab", 9, Some(1)), ["a", "b"]);
    }

    #[test]
    fn columns_keep_their_blanks() {
        assert_eq!(hanging("x ", "ann   10.0.0.1  PutObject", 2, Some(16)), ["x ann   10.0.0.1", "  PutObject"]);
    }
}
