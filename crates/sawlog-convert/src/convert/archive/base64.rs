//! The members of documents that have data in base64: see [`sawlog_formats::base64_texts`].

use std::borrow::Cow;
use std::io::{Error, Read, Result};

use base64::DecodeError;
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

/// Decodes a text in base64.
pub(super) fn decoder(text: &[u8]) -> impl Read {
    fn reader<'a>(engine: &'static impl Engine, text: &'a [u8]) -> Box<dyn Read + 'a> {
        Box::new(DecoderReader::new(text, engine))
    }
    Decoder(if text.iter().any(|byte| b"-_".contains(byte)) { reader(&OF_URLS, text) } else { reader(&USUAL, text) })
}

/// Says in words what is wrong with a text.
struct Decoder<'a>(Box<dyn Read + 'a>);

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let what = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(DecodeError::InvalidByte(at, _)) => format!("byte {at} of its text is not base64"),
                _ => "its base64 is cut off".to_owned(),
            };
            Error::new(error.kind(), what)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_however_they_are_written() {
        let decoded = |text: &str| {
            let mut bytes = Vec::new();
            let read = decoder(&unbroken(text.as_bytes().into())).read_to_end(&mut bytes);
            read.map(|_| bytes).map_err(|error| error.to_string())
        };
        for text in ["/+8AAQ==", "/+8AAQ", "_-8AAQ", "/+8A\r\nAQ==\n"] {
            assert_eq!(decoded(text), Ok(vec![0xff, 0xef, 0, 1]), "{text}");
        }
        assert_eq!(decoded("no*base64"), Err("byte 2 of its text is not base64".to_owned()));
        assert_eq!(decoded("/+8AA"), Err("its base64 is cut off".to_owned()));
    }
}
