//! Definitions that were encrypted: AES-128 in CBC mode (FIPS 197, NIST SP 800-38A) with
//! padding as in PKCS #7 (RFC 5652, section 6.3), written as `IV.TEXT` in Base64.
//!
//! It keeps definitions from those who only pass them on. It does **not** show that they are
//! as they were made: there is no authentication in this format, and most wrong keys are found
//! out by the padding only. Definitions must come over a connection that is trusted.

use aes::Aes128;
use alloc::string::String;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use core::fmt;

/// Why there is no plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecryptError {
    /// The key is not 16 bytes in Base64.
    Key,
    /// The text is not `IV.TEXT`, both in Base64, the first of them 16 bytes.
    Form,
    /// The key is another one, or the text was damaged.
    WrongKey,
}

impl fmt::Display for DecryptError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            DecryptError::Key => "the key is not 16 bytes in Base64",
            DecryptError::Form => "what is encrypted is not of the form IV.TEXT in Base64",
            DecryptError::WrongKey => "it cannot be decrypted with this key",
        })
    }
}

impl core::error::Error for DecryptError {}

/// The text that was encrypted, with a key that is 16 bytes in Base64.
///
/// # Errors
///
/// If one of them is not of its form, or they do not belong together.
pub fn decrypt(encrypted: &str, key: &str) -> Result<String, DecryptError> {
    let bytes = |text: &str| BASE64_STANDARD.decode(text);
    let key = bytes(key).map_err(|_| DecryptError::Key)?;
    let key: [u8; 16] = key.try_into().map_err(|_| DecryptError::Key)?;
    let (iv, text) = encrypted.split_once('.').ok_or(DecryptError::Form)?;
    let iv = bytes(iv).map_err(|_| DecryptError::Form)?;
    let iv: [u8; 16] = iv.try_into().map_err(|_| DecryptError::Form)?;
    let mut text = bytes(text).map_err(|_| DecryptError::Form)?;
    let length = Decryptor::<Aes128>::new(&key.into(), &iv.into())
        .decrypt_padded::<Pkcs7>(&mut text)
        .map_err(|_| DecryptError::WrongKey)?
        .len();
    text.truncate(length);
    String::from_utf8(text).map_err(|_| DecryptError::WrongKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use cbc::Encryptor;
    use cbc::cipher::BlockModeEncrypt;
    use proptest::prelude::*;

    const KEY: [u8; 16] = *b"sixteen  letters";

    fn encrypt(text: &[u8], iv: [u8; 16]) -> String {
        let mut bytes: Vec<u8> = text.to_vec();
        bytes.resize(text.len() + 16, 0);
        let encrypted = Encryptor::<Aes128>::new(&KEY.into(), &iv.into())
            .encrypt_padded::<Pkcs7>(&mut bytes, text.len())
            .expect("there is room for the padding");
        format!("{}.{}", BASE64_STANDARD.encode(iv), BASE64_STANDARD.encode(encrypted))
    }

    fn key() -> String {
        BASE64_STANDARD.encode(KEY)
    }

    #[test]
    fn what_is_not_of_its_form_says_which() {
        let good = encrypt(b"{}", [7; 16]);
        for key in ["", "AAAA", "%%%%", &BASE64_STANDARD.encode([0; 32])] {
            assert_eq!(decrypt(&good, key), Err(DecryptError::Key), "{key}");
        }
        let body = good.split_once('.').expect("two parts").1;
        for text in ["", ".", body, &format!("AAAA.{body}"), &format!("{good}!")] {
            assert_eq!(decrypt(text, &key()), Err(DecryptError::Form), "{text}");
        }
        let nothing = good.split_once('.').expect("two parts").0;
        assert_eq!(decrypt(&format!("{nothing}."), &key()), Err(DecryptError::WrongKey));
        let half = format!("{nothing}.{}", BASE64_STANDARD.encode([1; 15]));
        assert_eq!(decrypt(&half, &key()), Err(DecryptError::WrongKey));
        assert_eq!(decrypt(&encrypt(b"\xff", [0; 16]), &key()), Err(DecryptError::WrongKey));
    }

    proptest! {
        #[test]
        fn what_was_encrypted_is_decrypted(text: String, iv: [u8; 16]) {
            prop_assert_eq!(decrypt(&encrypt(text.as_bytes(), iv), &key()), Ok(text));
        }

        #[test]
        fn anything_is_survived(text: String, key: String) {
            prop_assert!(decrypt(&text, &key).is_err());
        }
    }
}
