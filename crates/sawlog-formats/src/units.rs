//! Sizes as text, spelled alike wherever people read them: IEC units with two decimals, as s3logparse has them.

/// A number of bytes with two decimals, in the unit that makes it less than 1,024.
///
/// ```
/// assert_eq!(sawlog_formats::size(35_389), "34.56 KiB");
/// ```
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
#[must_use]
pub fn size(bytes: u128) -> String {
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
}
