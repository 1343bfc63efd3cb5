//! The members of documents of data in base64: see [`sawlog_formats::base64_texts`].

use std::borrow::Cow;
use std::io::Read;

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use base64::read::DecoderReader;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static USUAL: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
static OF_URLS: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

/// A text in base64 without what breaks it into lines.
pub(super) fn unbroken(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if text.iter().any(u8::is_ascii_whitespace) {
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>().into()
    } else {
        text
    }
}

/// Reads what a text in base64 stands for.
pub(super) fn decoder(text: &[u8]) -> impl Read {
    fn reader<'a>(engine: &'static impl Engine, text: &'a [u8]) -> Box<dyn Read + 'a> {
        Box::new(DecoderReader::new(text, engine))
    }
    if text.iter().any(|byte| b"-_".contains(byte)) { reader(&OF_URLS, text) } else { reader(&USUAL, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_however_they_are_written() {
        let decoded = |text: &str| {
            let mut bytes = Vec::new();
            decoder(&unbroken(text.as_bytes().into())).read_to_end(&mut bytes).map(|_| bytes).ok()
        };
        for text in ["/+8AAQ==", "/+8AAQ", "_-8AAQ", "/+8A\r\nAQ==\n"] {
            assert_eq!(decoded(text), Some(vec![0xff, 0xef, 0, 1]), "{text}");
        }
        assert_eq!(decoded("no base64"), None);
    }
}
