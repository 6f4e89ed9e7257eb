//! Forgeries first, then the vectors of RFC 4231.

use proptest::prelude::*;

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f";
const SALT: &str = "73616c74";

fn keys() -> Keys {
    Keys::from_hexadecimal(KEY, SALT).expect("keys")
}

fn spelled(bytes: [u8; 32]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let value =
        |at: usize| (0..6).fold(0, |value, next| value << 1 | usize::from(bit(at * 6 + next)));
    (0..43).map(|at| char::from(ALPHABET[value(at)])).collect()
}

fn signed(target: &str) -> String {
    let key = hexadecimal(KEY).expect("hexadecimal");
    format!("/{}{target}", spelled(hmac(&key, &[b"salt", target.as_bytes()])))
}

#[test]
fn what_is_not_signed_or_signed_otherwise_is_refused() {
    let good = signed("/img/10x10/cover?src=https://h/a.jpg");
    assert!(keys().verify(&good).is_ok());
    let (_, rest) = good.split_at(44);
    for forged in [
        String::new(),
        "/".into(),
        "/img/10x10/cover".into(),
        rest.to_owned(),
        format!("/{rest}"),
        format!("/unsafe{rest}"),
        format!("{}{rest}", &good[..43]),
        format!("{}={rest}", &good[..44]),
        format!("/x{good}/img/1x1/cover"),
        format!("{good}&q=1"),
        good.replace("10x10", "11x10"),
        good.replace("cover", "cove%72"),
        good.replace("/img/", "//img/"),
        good[..good.len() - 1].to_owned(),
        good.replacen(&good[1..44], &"A".repeat(43), 1),
        good.replacen(&good[1..44], &"\u{fc}".repeat(21), 1),
    ] {
        let verified = keys().verify(&forged);
        assert!(matches!(verified, Err(Problem::Signature)), "{forged}");
    }
    // Whatever is mounted before it is not signed.
    assert!(keys().verify(&format!("/shop/pictures{good}")).is_ok());
    assert!(keys().verify(&signed("/cdn-cgi/image/w=1/img/a.jpg?v=1")).is_ok());
}

#[test]
fn every_bit_of_a_signature_counts() {
    let target = "/img/10x10/cover";
    let key = hexadecimal(KEY).expect("hexadecimal");
    let right = hmac(&key, &[b"salt", target.as_bytes()]);
    for bit in 0..256 {
        let mut wrong = right;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(keys().verify(&format!("/{}{target}", spelled(wrong))).is_err(), "{bit}");
    }
    // The last character has two spare bits.
    let mut spelling = spelled(right);
    let last = spelling.pop().expect("43 characters");
    let others = ('A'..='Z').chain('a'..='z').chain('0'..='9').filter(|other| *other != last);
    for other in others {
        assert!(keys().verify(&format!("/{spelling}{other}{target}")).is_err(), "{other}");
    }
}

#[test]
fn keys_that_protect_nothing_are_refused() {
    let long = "00".repeat(16);
    for (keys, salts) in [
        ("", ""),
        (KEY, ""),
        ("", SALT),
        ("0011", SALT),
        ("zz", SALT),
        (&KEY[1..], SALT),
        (&format!("{KEY},{long}"), SALT),
        (&[KEY; 5].join(","), &[SALT; 5].join(",")),
    ] {
        assert_eq!(Keys::from_hexadecimal(keys, salts), None, "{keys} {salts}");
    }
    assert!(!format!("{:?}", keys()).contains('0'), "a key is printed");
}

#[test]
fn an_old_key_may_stand_beside_a_new_one() {
    let pairs = format!("{}, {KEY}", "ff".repeat(32));
    let both = Keys::from_hexadecimal(&pairs, &format!("aa,{SALT}")).expect("two");
    assert!(both.verify(&signed("/img/10x10/cover")).is_ok());
    let crossed = Keys::from_hexadecimal(&pairs, &format!("{SALT},aa")).expect("two");
    assert!(crossed.verify(&signed("/img/10x10/cover")).is_err());
}

#[test]
fn the_vectors_of_rfc_4231_hold() {
    for (key, data, expected) in [
        (
            vec![0x0b; 20],
            "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            vec![0xaa; 131],
            "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ] {
        let (start, end) = data.as_bytes().split_at(3);
        assert_eq!(Some(hmac(&key, &[start, end]).to_vec()), hexadecimal(expected), "{data}");
    }
}

proptest! {
    #[test]
    fn no_target_panics_or_passes(target in ".{0,80}", before in "[A-Za-z0-9_-]{40,46}") {
        prop_assert!(keys().verify(&target).is_err());
        let forged = format!("/{before}/img/1x1/cover");
        prop_assert!(keys().verify(&forged).is_err());
    }

    #[test]
    fn spelling_is_read_back(bytes in any::<[u8; 32]>()) {
        prop_assert_eq!(base64url(&spelled(bytes)), Some(bytes));
    }
}
