//! The archives that are read, recognised by their first bytes.

use crate::envelope::is_base64;

/// A kind of archive whose members are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// Documents whose logs are texts in base64, of which each is a file of its own.
    Base64,
}

impl Container {
    /// The kind of archive that begins with `head`; 512 bytes are enough, but more may be needed for documents.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        // The header of a member; of the end of an empty archive; of an archive that was written in one go.
        let zip: [&[u8]; 3] = [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"];
        if zip.iter().any(|magic| head.starts_with(magic)) {
            return Some(Self::Zip);
        }
        if is_tar(head) {
            return Some(Self::Tar);
        }
        is_base64(head).then_some(Self::Base64)
    }

    /// Its name in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Base64 => "base64",
        }
    }

    /// What it is, as a noun.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Zip => "zip archive",
            Self::Tar => "tar archive",
            Self::Base64 => "document of data in base64",
        }
    }
}

/// Whether a file begins with the header of a tar member: a name of POSIX or GNU tar, or in older ones a checksum.
fn is_tar(head: &[u8]) -> bool {
    let Some((header, _)) = head.split_first_chunk::<512>() else { return false };
    // Text has no zero bytes; a header's fields are padded with them.
    if header[0] == 0 || !header.contains(&0) {
        return false;
    }
    if header[257..262] == *b"ustar" {
        return true;
    }
    // The sum of all bytes, with blanks for the field of the sum, as octal digits.
    let field = header[148..156].trim_ascii_start();
    let digits = field.iter().take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let ends_well = field.get(digits).is_none_or(|byte| matches!(byte, 0 | b' '));
    if digits < 2 || !ends_well {
        return false;
    }
    let told = field[..digits].iter().fold(0, |sum, digit| sum * 8 + u32::from(digit - b'0'));
    let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(&header[..148]) + 8 * u32::from(b' ') + sum(&header[156..]) == told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_the_mark_of_a_tar_in_it_is_none() {
        let mut line = vec![b'a'; 600];
        line[257..262].copy_from_slice(b"ustar");
        assert_eq!(Container::of(&line), None);
        line[100] = 0;
        assert_eq!(Container::of(&line), Some(Container::Tar));
        assert_eq!(Container::of(b"PK\x03\x04"), Some(Container::Zip));
        assert_eq!(Container::of(b"PKG"), None);
        assert_eq!(Container::of(br#"{"awslogs":{"data":"H4sIAAAA"}}"#), Some(Container::Base64));
        assert_eq!(Container::of(&[0; 512]), None);
    }

    #[test]
    fn a_tar_is_one_whatever_its_age() {
        let mut header = [0; 512];
        header[..4].copy_from_slice(b"logs");
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(b"00000000144\0");
        let mut old = header;
        old[148..156].copy_from_slice(b"        ");
        let sum: u32 = old.iter().map(|byte| u32::from(*byte)).sum();
        old[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(Container::of(&old), Some(Container::Tar));
        old[0] = b'm';
        assert_eq!(Container::of(&old), None);
        header[257..262].copy_from_slice(b"ustar");
        assert_eq!(Container::of(&header), Some(Container::Tar));
        assert_eq!(Container::of(&header[..511]), None);
    }
}
