//! What is kept of a person: an address without its end, and a name that is another one each day.
//!
//! **Addresses** are cut to the network: the first 24 bits of IPv4, the first 48 of IPv6, what a
//! provider gives to one customer or more. An IPv4 address that is written as IPv6 is cut as what
//! it is.
//!
//! **Ids** are replaced by a keyed hash, [`Pseudonyms`]. Addresses and account numbers are few
//! enough to try all of them, so a hash without a secret hides nothing; with one it hides as long
//! as the secret is. The secret is a *salt* of 32 random bytes that the caller makes anew each
//! day and forgets: then nobody, the node included, can say which of today's ids is which of
//! yesterday's. A salt that is derived from a lasting secret would not do that.
//!
//! The hash is BLAKE2s with a key (RFC 7693), which is a pseudorandom function by design: it
//! takes the 32 bytes of the salt as they are, and an id of up to 64 bytes in one step.

pub mod blake2s;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use blake2s::Keyed;

/// Bits of an IPv4 address that are kept.
pub const IPV4_BITS: u32 = 24;
/// Bits of an IPv6 address that are kept.
pub const IPV6_BITS: u32 = 48;

/// The address with its end set to zero.
pub fn truncate(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & (!0 << (32 - IPV4_BITS))))
        }
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (!0 << (128 - IPV6_BITS))))
        }
    }
}

/// Names for one day.
#[derive(Clone)]
pub struct Pseudonyms {
    keyed: Keyed,
}

/// The salt is not shown.
impl core::fmt::Debug for Pseudonyms {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Pseudonyms { .. }")
    }
}

impl Pseudonyms {
    /// By the salt of a day: 32 bytes from a cryptographic source, never used for another day.
    /// Nodes that count their users together need the same one.
    pub fn new(salt: &[u8; 32]) -> Self {
        let mut keyed = Keyed::new(salt);
        keyed.settle();
        Pseudonyms { keyed }
    }

    /// The name of `id` among ids of this `kind` (`address`, `account`): as good as random, so it
    /// needs no further hashing for [`crate::sketch::distinct::Distinct::insert_hash`]. The same
    /// id of another kind has another name. Of a million ids, two share one with a probability of
    /// 3·10⁻⁸.
    pub fn name(&self, kind: &str, id: &[u8]) -> u64 {
        let mut hash = self.keyed.clone();
        // With its length before it, no kind is the beginning of another one with its id.
        hash.update(&(kind.len() as u64).to_le_bytes());
        hash.update(kind.as_bytes());
        hash.update(id);
        let [a, b, c, d, e, f, g, h, ..] = hash.finish();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::format;
    use proptest::prelude::*;

    #[test]
    fn addresses_lose_their_end() {
        for (address, expected) in [
            ("203.0.113.77", "203.0.113.0"),
            ("255.255.255.255", "255.255.255.0"),
            ("0.0.0.1", "0.0.0.0"),
            ("2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:1234::"),
            ("::1", "::"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff::"),
        ] {
            assert_eq!(format!("{}", truncate(address.parse().unwrap())), expected, "{address}");
        }
    }

    /// Guards the form: nodes of different versions must agree on a name.
    #[test]
    fn a_name_is_that_of_the_reference() {
        let salt: [u8; 32] = core::array::from_fn(|at| at as u8);
        let name = Pseudonyms::new(&salt).name("account", b"alice");
        assert_eq!(name, 0x5143_5481_08D9_C533);
    }

    #[test]
    fn names_differ_by_day_kind_and_id() {
        let mut names = BTreeSet::new();
        for salt in [[0; 32], [1; 32]] {
            let day = Pseudonyms::new(&salt);
            for (kind, id) in [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a", "bd")] {
                assert!(names.insert(day.name(kind, id.as_bytes())), "{kind} {id}");
                assert_eq!(day.name(kind, id.as_bytes()), day.name(kind, id.as_bytes()));
            }
        }
        assert_eq!(format!("{:?}", Pseudonyms::new(&[7; 32])), "Pseudonyms { .. }");
    }

    /// Two days' names of the same ids have as little to do with each other as random ones: the
    /// sum of equal bits of n pairs is 32·n ± 4·√n.
    #[test]
    fn days_cannot_be_joined() {
        let [today, yesterday] = [[3; 32], [4; 32]].map(|salt| Pseudonyms::new(&salt));
        let equal: u32 = (0..10_000_u32)
            .map(|id| {
                let id = id.to_le_bytes();
                (today.name("address", &id) ^ yesterday.name("address", &id)).count_zeros()
            })
            .sum();
        assert!(equal.abs_diff(320_000) < 1_600, "{equal}");
    }

    proptest! {
        #[test]
        fn what_was_cut_is_not_cut_again_and_neighbors_are_the_same(bits: u128, end: u128) {
            let address = IpAddr::V6(Ipv6Addr::from_bits(bits | 1 << 127));
            let cut = truncate(address);
            prop_assert_eq!(truncate(cut), cut);
            let neighbor = Ipv6Addr::from_bits((bits | 1 << 127) ^ (end & (!0 >> IPV6_BITS)));
            prop_assert_eq!(truncate(IpAddr::V6(neighbor)), cut);
        }
    }
}
