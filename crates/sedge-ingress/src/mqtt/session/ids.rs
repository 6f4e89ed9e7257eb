//! Packet identifiers follow from sequences, so that nothing must be written down for a client
//! to recognize, after a restart of the server, what it has been sent before.

/// How many there are: 1 to 65,535.
const COUNT: u64 = 65_535;

/// How far apart the oldest and the newest sequence may be that a client is owed: so no two
/// have the same identifier.
pub(super) const SPAN: u64 = COUNT;

/// The identifier of a sequence, which begins with 1.
pub(super) fn of(sequence: u64) -> u16 {
    (sequence.saturating_sub(1) % COUNT + 1) as u16
}

/// The sequence of an identifier, among the [`SPAN`] from `oldest` on; `None` for 0.
pub(super) fn sequence(packet_id: u16, oldest: u64) -> Option<u64> {
    let wanted = u64::from(packet_id).checked_sub(1)?;
    let first = oldest.saturating_sub(1) % COUNT;
    Some(oldest.max(1) + (wanted + COUNT - first) % COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_a_span_has_its_own_and_is_found_by_it() {
        for oldest in [1, 2, 65_534, 65_535, 65_536, 131_070, 1 << 40] {
            for offset in [0, 1, 2, 65_533, 65_534] {
                let id = of(oldest + offset);
                assert_ne!(id, 0);
                assert_eq!(sequence(id, oldest), Some(oldest + offset), "{oldest} {offset}");
            }
            assert_eq!(of(oldest), of(oldest + SPAN));
        }
        assert_eq!(sequence(0, 1), None);
    }
}
