//! What an address is for, from the special-purpose registries of IANA
//! (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for. Only [`AddressClass::Global`] is reached without a
/// grant that says `private`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Anybody on the internet.
    Global,
    /// `0.0.0.0/8` and `::`, which reach this machine (RFC 1122 §3.2.1.3).
    ThisNetwork,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// `10/8`, `172.16/12`, `192.168/16` (RFC 1918).
    Private,
    /// `100.64/10`, between a provider and its customers (RFC 6598).
    Shared,
    /// `169.254/16`, `fe80::/10` (RFC 3927, RFC 4291), and `fd00:ec2::254`:
    /// where clouds serve the credentials of a machine.
    LinkLocal,
    /// `fc00::/7` (RFC 4193).
    UniqueLocal,
    /// `fec0::/10` (RFC 3879).
    SiteLocal,
    /// `192.0.0.0/24`, `192.88.99.0/24`, `2001::/23` but Teredo.
    Protocol,
    /// `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`,
    /// `3fff::/20`.
    Documentation,
    /// `198.18/15` and `2001:2::/48` (RFC 2544, RFC 5180).
    Benchmarking,
    /// `224/4`, `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// `240/4`, and whatever of IPv6 is not handed out.
    Reserved,
}

/// What an address is for. An IPv6 address that carries an IPv4 address (mapped,
/// translated, NAT64, 6to4, Teredo, ISATAP) is what that address is for.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    use AddressClass::*;
    match address.octets() {
        [0, ..] => ThisNetwork,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Private,
        [100, 64..=127, ..] => Shared,
        [127, ..] => Loopback,
        [169, 254, ..] => LinkLocal,
        [192, 0, 0, _] | [192, 88, 99, _] => Protocol,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Documentation,
        [198, 18..=19, ..] => Benchmarking,
        [224..=239, ..] => Multicast,
        [255, 255, 255, 255] => Broadcast,
        [240..=255, ..] => Reserved,
        _ => Global,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    use AddressClass::*;
    let own = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => ThisNetwork,
        [0, 0, 0, 0, 0, 0, 0, 1] => Loopback,
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => LinkLocal,
        [0xfc00..=0xfdff, ..] => UniqueLocal,
        [0xfe80..=0xfebf, ..] => LinkLocal,
        [0xfec0..=0xfeff, ..] => SiteLocal,
        [0xff00..=0xffff, ..] => Multicast,
        // Compatible (RFC 4291 §2.5.5.1), mapped (§2.5.5.2), translated
        // (RFC 2765), and the well-known prefix of NAT64 (RFC 6052): the IPv4
        // address alone decides.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Global,
        [0x2001, 0, ..] | [0x2002, ..] => Global,
        [0x2001, 2, 0, ..] => Benchmarking,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Documentation,
        [0x2001, 0..=0x01ff, ..] => Protocol,
        [0x2000..=0x3fff, ..] => Global,
        _ => Reserved,
    };
    if own != Global {
        return own;
    }
    let carried = embedded(address).into_iter().flatten();
    carried.map(classify_v4).find(|&class| class != Global).unwrap_or(Global)
}

/// The IPv4 addresses that a packet to this address may end up at.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let v4 =
        |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b]
        | [0, 0, 0, 0, 0xffff, 0, a, b]
        | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => [v4(a, b), None],
        // 6to4 (RFC 3056): the router.
        [0x2002, a, b, ..] => [v4(a, b), isatap(address)],
        // Teredo (RFC 4380 §4): the server, and the client with inverted bits.
        [0x2001, 0, a, b, _, _, c, d] => [v4(a, b), v4(!c, !d)],
        _ => [isatap(address), None],
    }
}

/// The host in the interface identifier of ISATAP (RFC 5214 §6.1).
fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [_, _, _, _, 0 | 0x0200, 0x5efe, a, b] => {
            Some(Ipv4Addr::from_bits(u32::from(a) << 16 | u32::from(b)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
