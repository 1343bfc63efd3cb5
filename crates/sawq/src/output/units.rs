//! Sizes and counts, spelled alike everywhere: IEC units with two decimals; commas in counts.

pub(crate) use sawlog_formats::size;

/// A number with commas between thousands. Text that is not a whole number stays as it is.
pub(crate) fn with_commas(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.to_owned();
    }
    let mut text = sign.to_owned();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        for (plain, expected) in [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567", "-1,234,567"), ("x", "x")]
        {
            assert_eq!(with_commas(plain), expected);
        }
    }
}
