//! Sizes and counts, spelled alike everywhere: IEC units with two decimals, as s3logparse has them; commas in counts.

/// A number of bytes with two decimals, in the unit in which it is below 1,024.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(crate) fn size(bytes: u128) -> String {
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].into_iter();
    let (mut value, mut unit) = (bytes as f64, units.next().unwrap_or_default());
    for next in units {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.2} {unit}")
}

/// A number's text with commas between thousands; text that is no whole number is left as it is.
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
    fn sizes_have_two_decimals() {
        assert_eq!(size(0), "0.00 B");
        assert_eq!(size(1023), "1023.00 B");
        assert_eq!(size(1024), "1.00 KiB");
        assert_eq!(size(35_389), "34.56 KiB");
        assert_eq!(size(1 << 60), "1024.00 PiB");
    }

    #[test]
    fn counts_have_commas() {
        for (plain, expected) in [("0", "0"), ("999", "999"), ("1000", "1,000"), ("-1234567", "-1,234,567"), ("x", "x")]
        {
            assert_eq!(with_commas(plain), expected);
        }
    }
}
