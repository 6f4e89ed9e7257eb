//! How far a consumer has come, as it is committed.

use thiserror::Error;

/// The version of the encoding, its first byte.
const VERSION: u8 = 1;

/// What is done with: everything below `horizon`, but the positions in `open`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The position after the last one that was looked at.
    pub horizon: u64,
    /// Positions below it that are not done with, in their order.
    pub open: Vec<u64>,
}

/// Why bytes are no progress.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProgressError {
    /// Another version has written them.
    #[error("the progress of a consumer was written by another version of this program")]
    Version,
    /// They are cut, too long, or not in order.
    #[error("the progress of a consumer cannot be read")]
    Malformed,
}

impl Progress {
    /// All below this position.
    pub fn all_below(horizon: u64) -> Self {
        Progress { horizon, open: Vec::new() }
    }

    /// The first position that is not done with: where a reader begins again.
    pub fn low(&self) -> u64 {
        self.open.first().copied().unwrap_or(self.horizon)
    }

    /// Whether a position is done with.
    pub fn is_done(&self, position: u64) -> bool {
        position < self.horizon && self.open.binary_search(&position).is_err()
    }

    /// The version, the horizon and the distances between open positions, from the horizon
    /// downwards, as LEB128: mostly one or two bytes for each.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut above = self.horizon;
        push(&mut bytes, above);
        for &position in self.open.iter().rev() {
            push(&mut bytes, above - position);
            above = position;
        }
        bytes
    }

    /// Reads what [`Progress::encode`] has written, with at most so many open positions.
    ///
    /// # Errors
    /// [`ProgressError`].
    pub fn decode(bytes: &[u8], open_max: usize) -> Result<Self, ProgressError> {
        let (&version, mut rest) = bytes.split_first().ok_or(ProgressError::Malformed)?;
        if version != VERSION {
            return Err(ProgressError::Version);
        }
        let horizon = pull(&mut rest)?;
        let (mut open, mut above) = (Vec::new(), horizon);
        while !rest.is_empty() {
            let distance = pull(&mut rest)?;
            if distance == 0 || open.len() == open_max {
                return Err(ProgressError::Malformed);
            }
            above = above.checked_sub(distance).ok_or(ProgressError::Malformed)?;
            open.push(above);
        }
        open.reverse();
        Ok(Progress { horizon, open })
    }
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A number in as few bytes as it needs: there is one way to write each.
fn pull(bytes: &mut &[u8]) -> Result<u64, ProgressError> {
    let mut number = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7F);
        if index == 9 && part > 1 {
            break;
        }
        number |= part << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                break;
            }
            *bytes = bytes.get(index + 1..).unwrap_or_default();
            return Ok(number);
        }
    }
    Err(ProgressError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_cut_long_or_from_another_version_is_refused() {
        let progress = Progress { horizon: 1_000_000, open: vec![3, 900, 999_999] };
        let bytes = progress.encode();
        assert_eq!(Progress::decode(&bytes, 3), Ok(progress.clone()));
        assert_eq!(Progress::decode(&bytes, 2), Err(ProgressError::Malformed));
        assert_eq!(Progress::decode(&[], 9), Err(ProgressError::Malformed));
        assert_eq!(Progress::decode(&[2, 0], 9), Err(ProgressError::Version));
        for bad in [&[1][..], &[1, 0x80], &[1, 5, 0], &[1, 5, 6], &[1, 0x80, 0], &[1, 0xFF]] {
            assert_eq!(Progress::decode(bad, 9), Err(ProgressError::Malformed), "{bad:?}");
        }
        let most = Progress { horizon: u64::MAX, open: vec![0] };
        assert_eq!(Progress::decode(&most.encode(), 1), Ok(most.clone()));
        assert_eq!((most.low(), most.is_done(0), most.is_done(1)), (0, false, true));
        assert!(!most.is_done(u64::MAX), "the horizon is not below itself");
    }

    proptest! {
        #[test]
        fn anything_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(progress) = Progress::decode(&bytes, 64) {
                prop_assert!(progress.open.is_sorted());
                prop_assert_eq!(progress.encode(), bytes);
            }
        }

        #[test]
        fn what_was_written_is_read(horizon in any::<u64>(), open in prop::collection::btree_set(any::<u64>(), 0..50)) {
            let open: Vec<u64> = open.into_iter().filter(|one| *one < horizon).collect();
            let progress = Progress { horizon, open };
            prop_assert_eq!(Progress::decode(&progress.encode(), 50), Ok(progress.clone()));
            prop_assert_eq!(progress.low(), progress.open.first().copied().unwrap_or(horizon));
        }
    }
}
