use super::*;
use AddressClass::*;
use proptest::prelude::*;

fn check(address: &str, expected: AddressClass) {
    assert_eq!(classify(address.parse().expect(address)), expected, "{address}");
}

#[test]
fn knows_both_ends_of_each_range() {
    for (first, last, class) in [
        ("0.0.0.0", "0.255.255.255", ThisNetwork),
        ("10.0.0.0", "10.255.255.255", Private),
        ("100.64.0.0", "100.127.255.255", Shared),
        ("127.0.0.0", "127.255.255.255", Loopback),
        ("169.254.0.0", "169.254.255.255", LinkLocal),
        ("172.16.0.0", "172.31.255.255", Private),
        ("192.0.0.0", "192.0.0.255", Protocol),
        ("192.0.2.0", "192.0.2.255", Documentation),
        ("192.88.99.0", "192.88.99.255", Protocol),
        ("192.168.0.0", "192.168.255.255", Private),
        ("198.18.0.0", "198.19.255.255", Benchmarking),
        ("198.51.100.0", "198.51.100.255", Documentation),
        ("203.0.113.0", "203.0.113.255", Documentation),
        ("224.0.0.0", "239.255.255.255", Multicast),
        ("240.0.0.0", "255.255.255.254", Reserved),
        ("255.255.255.255", "255.255.255.255", Broadcast),
        ("2001:1::", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", Protocol),
        ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", Benchmarking),
        ("2001:2:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Protocol),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Documentation),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Documentation),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", UniqueLocal),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LinkLocal),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", SiteLocal),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Multicast),
        ("100::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
        ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Reserved),
    ] {
        check(first, class);
        check(last, class);
    }
    check("::", ThisNetwork);
    check("::1", Loopback);
    check("fd00:ec2::254", LinkLocal);
}

#[test]
fn knows_the_neighbors_of_each_range() {
    for address in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "8.8.8.8",
        "2000::",
        "2001:200::1",
        "2001:db7::1",
        "2001:db9::1",
        "2606:4700::1",
        "3ffe::1",
    ] {
        check(address, Global);
    }
}

#[test]
fn looks_through_every_way_to_carry_ipv4() {
    for (carrier, class) in [
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:169.254.169.254", LinkLocal),
        ("::127.0.0.1", Loopback),
        ("::ffff:0:10.0.0.1", Private),
        ("64:ff9b::192.168.0.1", Private),
        ("64:ff9b::169.254.169.254", LinkLocal),
        ("2002:7f00:1::", Loopback),
        ("2002:a9fe:a9fe::1", LinkLocal),
        ("2002:0a00:0001:0:0:0:0:1", Private),
        // Teredo: server 65.54.227.120, client 192.168.0.1 inverted.
        ("2001:0:4136:e378:8000:63bf:3f57:fffe", Private),
        // Teredo: server 127.0.0.1, client 8.8.8.8 inverted.
        ("2001:0:7f00:1:8000:63bf:f7f7:f7f7", Loopback),
        ("2606:4700::5efe:127.0.0.1", Loopback),
        ("2606:4700::200:5efe:10.0.0.1", Private),
        ("2002:808:808:0:0:5efe:a00:1", Private),
        ("::ffff:8.8.8.8", Global),
        ("64:ff9b::8.8.8.8", Global),
        ("2002:808:808::1", Global),
        ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", Global),
    ] {
        check(carrier, class);
    }
}

proptest! {
    #[test]
    fn carriers_never_hide_what_they_carry(bits: u32, tail: u16) {
        let v4 = Ipv4Addr::from_bits(bits);
        let class = classify(v4.into());
        let [a, b] = [(bits >> 16) as u16, bits as u16];
        for carrier in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
            Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, tail),
            Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !a, !b),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
        ] {
            prop_assert_eq!(classify(carrier.into()), class, "{}", carrier);
        }
    }

    #[test]
    fn agrees_with_the_standard_library_on_what_is_not_global(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_loopback() || v4.is_private() || v4.is_link_local()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_multicast()
            || v4.is_unspecified();
        prop_assert!(!special || classify(v4.into()) != Global);
    }
}
