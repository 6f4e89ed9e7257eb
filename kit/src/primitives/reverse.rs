//! Text turned round in place.

use core::mem::swap;

/// Why a text is not turned round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8 {
    /// Bytes before the first that is wrong.
    pub valid_bytes: usize,
}

/// Puts the characters of UTF-8 text in the opposite order, without other memory; what is
/// not UTF-8 stays as it is. Twice gives the text again.
///
/// A character is a Unicode scalar value, so that what comes out is UTF-8 again. What is
/// written with several of them does not stay together: an accent that follows its letter
/// comes to stand on the one that was behind it, and flags and families of emoji fall
/// apart. To keep these takes the tables of UAX #29, which change with Unicode; in
/// JavaScript, `Intl.Segmenter` has them.
///
/// # Errors
/// The bytes are not UTF-8.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn reverse(bytes: &mut [u8]) -> Result<(), NotUtf8> {
    let text = str::from_utf8(bytes);
    text.map_err(|error| NotUtf8 { valid_bytes: error.valid_up_to() })?;
    if !bytes.is_ascii() {
        turn_characters(bytes);
    }
    bytes.reverse();
    Ok(())
}

/// Puts the bytes of each character in the opposite order: its first byte says how many
/// there are (RFC 3629 §3).
fn turn_characters(bytes: &mut [u8]) {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [0x00..0x80, rest @ ..] => rest,
            [first @ 0x80..0xE0, last, rest @ ..] => {
                swap(first, last);
                rest
            }
            [first @ 0xE0..0xF0, _, last, rest @ ..] => {
                swap(first, last);
                rest
            }
            [first, second, third, last, rest @ ..] => {
                swap(first, last);
                swap(second, third);
                rest
            }
            // The end; what is cut off is not UTF-8, and was refused.
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_utf8_stays() {
        for (bytes, valid_bytes) in [
            (&b"\xff"[..], 0),
            (b"ab\xc3", 2),
            (b"a\xed\xa0\x80", 1),
            (b"\x80a", 0),
            (b"abc\xc0\xaf", 3),
            (b"\xf4\x90\x80\x80", 0),
        ] {
            let mut given = bytes.to_vec();
            assert_eq!(reverse(&mut given), Err(NotUtf8 { valid_bytes }), "{bytes:?}");
            assert_eq!(given, bytes);
        }
    }

    #[test]
    fn characters_stay_whole() {
        for (text, expected) in [
            ("", ""),
            ("a", "a"),
            ("abc", "cba"),
            ("é", "é"),
            ("aé€😀b", "b😀€éa"),
            ("😀😁", "😁😀"),
            // An accent of its own goes to what was behind it.
            ("e\u{301}x", "x\u{301}e"),
        ] {
            let mut given = text.as_bytes().to_vec();
            assert_eq!(reverse(&mut given), Ok(()));
            assert_eq!(str::from_utf8(&given), Ok(expected));
        }
    }

    proptest! {
        #[test]
        fn it_is_what_chars_in_reverse_are(text in "\\PC{0,60}") {
            let mut given = text.as_bytes().to_vec();
            prop_assert_eq!(reverse(&mut given), Ok(()));
            prop_assert_eq!(str::from_utf8(&given), Ok(&*text.chars().rev().collect::<String>()));
            prop_assert_eq!(reverse(&mut given), Ok(()));
            prop_assert_eq!(&given, text.as_bytes());
        }
    }
}
