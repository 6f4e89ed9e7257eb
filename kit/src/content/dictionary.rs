//! Dictionaries that client and server share (RFC 9842): what the fields say.

use super::list::trim;
use alloc::format;
use alloc::string::String;

/// The SHA-256 of a dictionary.
pub type Digest = [u8; 32];

/// What a frame with a dictionary begins with (RFC 9842 §5): a skippable frame of zstd's
/// that has the dictionary's digest as its content, which is to follow.
pub const DCZ_MAGIC: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0];

/// Reads `Available-Dictionary`: a byte sequence of structured fields (RFC 8941 §3.3.5),
/// of 32 bytes. Parameters, and all that is not well-formed, count as nothing.
pub fn available(value: &str) -> Option<Digest> {
    let inner = trim(value).strip_prefix(':')?.strip_suffix(':')?;
    let inner = inner.strip_suffix('=').unwrap_or(inner).as_bytes();
    if inner.len() != 43 {
        return None;
    }
    let mut digest = [0; 32];
    let (mut held, mut bits, mut at) = (0u32, 0, 0);
    for byte in inner {
        held = held << 6 | u32::from(sextet(*byte)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *digest.get_mut(at)? = (held >> bits) as u8;
            held &= (1 << bits) - 1;
            at += 1;
        }
    }
    // What is left over of the last character is nothing.
    (held == 0).then_some(digest)
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// `Use-As-Dictionary` for what was sent for this target: for later versions of the same.
/// In the last part of the path, pieces that look like a version or a digest become `*`;
/// everything else must be the same. `None` for paths that a pattern would take otherwise.
pub fn use_for(target: &str) -> Option<String> {
    let path = target.split(['?', '#']).next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%@!,=".contains(&byte);
    if !path.starts_with('/') || path.len() > 512 || !path.bytes().all(is_plain) {
        return None;
    }
    let (folder, name) = path.rsplit_once('/')?;
    let mut pattern = String::with_capacity(path.len() + 1);
    let mut rest = name;
    while !rest.is_empty() {
        let end = rest.find(['.', '-', '_', '~', '@']).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        let separator = &after[..after.len().min(1)];
        if !is_version(piece) {
            pattern.push_str(piece);
        } else if pattern.ends_with("*.") || pattern.ends_with("*-") {
            // Several in a row are one: `1.2.3`.
            pattern.pop();
        } else {
            pattern.push('*');
        }
        pattern.push_str(separator);
        rest = &after[separator.len()..];
    }
    if name.is_empty() || pattern.starts_with('*') {
        return None;
    }
    Some(format!("match=\"{folder}/{pattern}\""))
}

/// A number, or eight letters and digits or more of which some are digits.
fn is_version(piece: &str) -> bool {
    let has_digit = piece.bytes().any(|byte| byte.is_ascii_digit());
    let is_number = has_digit && piece.bytes().all(|byte| byte.is_ascii_digit());
    is_number || (has_digit && piece.len() >= 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_digest_is_none() {
        let right = ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:";
        let digest = available(right).expect("a digest");
        assert_eq!((digest[0], digest[31]), (0xa5, 0x6e));
        for value in [
            "",
            ":",
            "::",
            ":AA==:",
            "pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=",
            ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG5=:",
            ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2f-G4=:",
            ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4AA=:",
            ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:;a=1",
        ] {
            assert_eq!(available(value), None, "{value}");
        }
    }

    #[test]
    fn a_later_version_is_found_by_its_path() {
        let cases = [
            ("/style.css?a=b", Some("match=\"/style.css\"")),
            ("/a/app.3f2a1b9c.js", Some("match=\"/a/app.*.js\"")),
            ("/a/index-DiwrgTda1.js", Some("match=\"/a/index-*.js\"")),
            ("/lib/jquery-3.7.1.min.js", Some("match=\"/lib/jquery-*.min.js\"")),
            ("/mp3.js", Some("match=\"/mp3.js\"")),
            ("/a/", None),
            ("/3f2a1b9c.js", None),
            ("/a(b).js", None),
            ("/a*.js", None),
            ("/a\"b.js", None),
            ("a.js", None),
            ("", None),
        ];
        for (target, wanted) in cases {
            assert_eq!(use_for(target).as_deref(), wanted, "{target}");
        }
    }
}
