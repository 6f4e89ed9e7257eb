//! What a stored response is found by.

/// The first 128 bits of a BLAKE3 hash: of what names a response within one cache.
///
/// Made of lengths and bytes, so that no two different lists of parts are alike; 128
/// bits, so that an attacker who chooses 2^40 of them finds no two alike but with a
/// chance of 2^-49.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// The key of these parts, in this order.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn parts_do_not_run_together() {
        let key = |parts: &[&str]| Key::of(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["", "a"]), key(&["a", ""]));
        assert_ne!(key(&[]), key(&[""]));
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
    }
}
