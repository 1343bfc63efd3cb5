//! Sizes and counts as text, spelled alike wherever people read them: IEC units with two decimals, as s3logparse has
//! them; things in the singular or the plural.

use std::fmt;

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// A number of bytes, shown with two decimals in the unit that makes it less than 1,024.
///
/// ```
/// assert_eq!(sawlog_formats::Size(35_389).to_string(), "34.56 KiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u128);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_unit = |unit: &usize| self.0 >> (10 * unit) < 1024;
        let unit = (0..UNITS.len()).find(of_unit).unwrap_or(UNITS.len() - 1);
        let Ok(bytes) = u64::try_from(self.0) else { return self.fmt_large(formatter) };
        if bytes >= EXACT {
            return self.fmt_large(formatter);
        }
        let scale = 1 << (10 * unit);
        // Halves go to the even neighbour, as where floating-point numbers are shown.
        let (whole, rest) = (bytes / scale, bytes % scale * 100);
        let (hundredths, left) = (rest / scale, rest % scale);
        let is_up = left * 2 > scale || left * 2 == scale && hundredths % 2 == 1;
        let hundredths = whole * 100 + hundredths + u64::from(is_up);
        write!(formatter, "{}.{:02} {}", hundredths / 100, hundredths % 100, UNITS[unit])
    }
}

/// Numbers below it are exact as floating-point numbers, too, and a hundred times them fits into 64 bits.
const EXACT: u64 = 1 << 53;

impl Size {
    /// A size that is no exact floating-point number, as s3logparse shows it.
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    fn fmt_large(self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut value, mut unit) = (self.0 as f64, 0);
        while value >= 1024.0 && unit + 1 < UNITS.len() {
            (value, unit) = (value / 1024.0, unit + 1);
        }
        write!(formatter, "{value:.2} {}", UNITS[unit])
    }
}

/// A number of bytes as [`Size`] shows it.
#[must_use]
pub fn size(bytes: u128) -> String {
    Size(bytes).to_string()
}

/// How many there are of something: `1 row`, `2 rows`.
///
/// ```
/// assert_eq!(sawlog_formats::counted(1, "data file"), "1 data file");
/// ```
#[must_use]
pub fn counted(number: impl fmt::Display, thing: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn things_are_counted() {
        assert_eq!([counted(0, "row"), counted(1, "row"), counted("1,000", "row")], ["0 rows", "1 row", "1,000 rows"]);
    }

    /// The same by floating-point numbers.
    struct Float(u128);

    impl fmt::Display for Float {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            Size(self.0).fmt_large(formatter)
        }
    }

    proptest! {
        #[test]
        fn sizes_are_rounded_as_floating_point_numbers_are(bits in 0_u32..60, any in any::<u64>(), eighths in 0_u64..9000) {
            // Some are halves of hundredths: 1/8 is 0.125.
            for bytes in [any >> (63 - bits), eighths << (bits / 10 * 10).saturating_sub(3)] {
                prop_assert_eq!(size(bytes.into()), Float(bytes.into()).to_string());
            }
        }
    }
}
