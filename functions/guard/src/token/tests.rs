//! The vectors were made with pyca/cryptography 48, an implementation that shares no code with
//! what is tested; their private keys were not kept. Those of the RFCs are beside them.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).expect("vectors")
}

fn expected() -> Expected {
    Expected {
        issuer: "https://id.test".into(),
        audience: "api".into(),
        leeway_s: 30,
        age_s_max: None,
        groups: "groups".into(),
    }
}

fn keys(vectors: &Value) -> KeySet {
    KeySet::read(vectors["keys"].to_string().as_bytes()).expect("keys")
}

fn judge(vectors: &Value, name: &str) -> Result<Claims, TokenError> {
    let token = vectors["tokens"][name].as_str().unwrap_or_else(|| panic!("no vector {name}"));
    verify(token, &keys(vectors), &expected(), vectors["now_s"].as_u64().expect("a time"))
}

#[test]
fn hostile_tokens_are_refused_for_what_they_are() {
    let vectors = vectors();
    let bad = vectors["bad"].as_object().expect("vectors");
    assert_eq!(bad.len(), 75);
    for (name, told) in bad {
        let error = judge(&vectors, name).expect_err(name);
        assert_eq!(error.name(), told, "{name}: {error}");
    }
}

#[test]
fn tokens_of_all_algorithms_are_believed() {
    let vectors = vectors();
    let good = vectors["good"].as_array().expect("vectors");
    assert_eq!(good.len(), 17);
    for name in good.iter().filter_map(Value::as_str) {
        let claims = judge(&vectors, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((&*claims.subject, &*claims.issuer), ("alice", "https://id.test"), "{name}");
    }
    let claims = judge(&vectors, "es256").expect("good");
    assert_eq!(claims.groups, ["staff", "admins"]);
    assert_eq!(claims.scopes, ["read", "write"]);
    assert_eq!(claims.methods, ["pwd", "otp"]);
    assert_eq!(claims.context_class.as_deref(), Some("urn:test:mfa"));
    assert_eq!(claims.authenticated_s, Some(1_800_000_000 - 60));
    let minimal = judge(&vectors, "minimal").expect("good");
    assert!(minimal.groups.is_empty() && minimal.authenticated_s.is_none());
}

#[test]
fn keys_that_prove_nothing_are_left_out() {
    let keys = keys(&vectors());
    let told = keys.left_out().join("\n");
    for why in [
        "it is not for signatures",
        "it is not only public",
        "a modulus of 1024 bits",
        "there are two keys \"twice\"",
        "an alg that is not that of its kind",
        "not a point of the curve",
        "a point of small order",
        "a curve that is not known",
    ] {
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[test]
fn what_is_no_key_set_is_told() {
    let set = |keys: Value| KeySet::read(json!({ "keys": keys }).to_string().as_bytes());
    for (bad, told) in [
        (KeySet::read(b"[]"), "has no list of keys"),
        (KeySet::read(b"{\"keys\":[],\"keys\":[]}"), "is there twice"),
        (KeySet::read(b"<html>"), "the key set: "),
        (KeySet::read(&vec![b' '; (256 << 10) + 1]), "more than 262144 bytes"),
        (set(json!([])), "no key to verify with"),
        (set(json!([1])), "key 0: not an object"),
        (set(json!([{"kty": "oct", "k": "AAAA"}])), "key 0: it is not only public"),
        (set(json!([{"kty": "oct"}])), "key 0: a shared secret"),
        (set(json!([{"kty": "RSA", "n": "AQAB", "e": ""}])), "key 0: e is no number"),
        (set(json!([{"kty": "RSA", "n": "AQAB", "e": "AQAB"}])), "key 0: a modulus of 17 bits"),
        (set(json!([{"kty": "RSA", "n": "AQAB", "e": "AQABAQAB"}])), "that is too large"),
        (set(json!([{"kty": "EC", "crv": "P-256", "x": "AA"}])), "key 0: x is not 32 bytes"),
        (set(json!([{"kty": "EC", "alg": "HS256"}])), "an algorithm that is not known"),
        (set(json!([{"kty": "EC", "kid": 1}])), "a kid that is no text"),
        (set(json!(vec![json!({}); 101])), "more than 100 keys"),
    ] {
        let error = bad.expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn size_is_looked_at_first() {
    let vectors = vectors();
    let huge = format!("{}.{}", "a".repeat(TOKEN_BYTES_MAX), "b");
    let verified = verify(&huge, &keys(&vectors), &expected(), 0);
    assert_eq!(verified, Err(TokenError::TooLarge));
    let head = format!("{}.e30.AA", "a".repeat(HEADER_BYTES_MAX + 1));
    let verified = verify(&head, &keys(&vectors), &expected(), 0);
    assert_eq!(verified, Err(TokenError::Malformed("a header that is too long")));
}

#[test]
fn an_age_is_only_asked_for_where_it_is_set() {
    let vectors = vectors();
    let token = vectors["tokens"]["es256"].as_str().expect("a token");
    let old = |age_s_max: u64, now_s: u64| {
        let expected = Expected { age_s_max: Some(age_s_max), ..expected() };
        verify(token, &keys(&vectors), &expected, now_s).map(|_| ())
    };
    assert_eq!(old(10, 1_800_000_000), Ok(()));
    assert_eq!(old(10, 1_800_000_100), Err(TokenError::Expired));
    let minimal = vectors["tokens"]["minimal"].as_str().expect("a token");
    let expected = Expected { age_s_max: Some(10), ..expected() };
    let judged = verify(minimal, &keys(&vectors), &expected, 1_800_000_000);
    assert_eq!(judged, Err(TokenError::Claim("iat")));
}

/// A clock that is wrong by years makes tokens expired or early, whichever way.
#[test]
fn clocks_that_are_wrong_let_nobody_in() {
    let vectors = vectors();
    let token = vectors["tokens"]["es256"].as_str().expect("a token");
    for (now_s, error) in [(0, TokenError::Early), (u64::MAX, TokenError::Expired)] {
        assert_eq!(verify(token, &keys(&vectors), &expected(), now_s), Err(error));
    }
}

/// RFC 7515, appendices A.2 and A.3, and RFC 8037, appendix A.4: their signatures are good, and
/// their claims are not what is expected.
#[test]
fn the_signatures_of_the_rfcs_are_good() {
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc\
                  19yb290Ijp0cnVlfQ";
    let rsa = json!({"kty": "RSA", "e": "AQAB", "n":
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0\
         Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXnd\
         S5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5Ihl\
         JH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"});
    let rsa_signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4B\
        h-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5\
        h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7\
        noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe7\
        7Rw";
    let ec = json!({"kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let ec_signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTU\
        JqPP3-Kg6NU1Q";
    let ed = json!({"kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let ed_signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7s\
        VvpAr_MuM0KAg";
    let text = "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    for (key, header, payload, signature, after) in [
        (rsa, "eyJhbGciOiJSUzI1NiJ9", claims, rsa_signature, TokenError::Claim("iss")),
        (ec, "eyJhbGciOiJFUzI1NiJ9", claims, ec_signature, TokenError::Claim("iss")),
        (
            ed,
            "eyJhbGciOiJFZERTQSJ9",
            text,
            ed_signature,
            TokenError::Malformed("the claims are not an object"),
        ),
    ] {
        let keys = KeySet::read(json!({"keys": [key]}).to_string().as_bytes()).expect("a key");
        let judged = |signature: &str| {
            verify(&format!("{header}.{payload}.{signature}"), &keys, &expected(), 0)
        };
        assert_eq!(judged(signature), Err(after), "{header}");
        let other = signature.replacen('g', "h", 1);
        assert_eq!(judged(&other), Err(TokenError::BadSignature), "{header}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// One bit of a good token is another one, anywhere: it is not believed.
    #[test]
    fn no_bit_may_change(at: prop::sample::Index, bit in 0..7_u8) {
        let vectors = vectors();
        let token = vectors["tokens"]["ed"].as_str().expect("a token");
        let mut bytes = token.as_bytes().to_vec();
        bytes[at.index(token.len())] ^= 1 << bit;
        let other = String::from_utf8(bytes).expect("ASCII");
        let now_s = vectors["now_s"].as_u64().expect("a time");
        prop_assert!(verify(&other, &keys(&vectors), &expected(), now_s).is_err(), "{}", other);
    }

    #[test]
    fn nothing_panics(header: String, payload: String, signature in "[A-Za-z0-9_-]{0,90}") {
        let vectors = vectors();
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!("{}.{}.{signature}", encoded(&header), encoded(&payload));
        prop_assert!(verify(&token, &keys(&vectors), &expected(), 0).is_err());
        prop_assert!(verify(&header, &keys(&vectors), &expected(), 0).is_err());
    }
}
