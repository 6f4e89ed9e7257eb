use super::Variants;
use crate::key::Key;
use crate::rules::{Ask, Policy, StoredHead, Target, Times, storable};
use http::header::{HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use proptest::prelude::*;

fn request(foo: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("foo", HeaderValue::from_str(foo).unwrap());
    headers
}

fn stored(foo: &str) -> StoredHead {
    let policy = Policy::default();
    let request = request(foo);
    let mut response = HeaderMap::new();
    response.insert("cache-control", HeaderValue::from_static("max-age=60"));
    response.insert("vary", HeaderValue::from_static("foo"));
    response.insert("content-language", HeaderValue::from_static("de"));
    response.insert("etag", HeaderValue::from_str(&format!("\"{foo}\"")).unwrap());
    let ask = Ask::new(&Method::GET, &request, false, &policy);
    let target = Target::new("https", "example.org", "/", &policy);
    let times = Times { request_ms: 0, response_ms: 0 };
    storable(&ask, &target, StatusCode::OK, &response, times, &policy).unwrap()
}

const PRIMARY: Key = Key([7; 16]);

#[test]
fn the_oldest_goes_when_there_are_too_many() {
    let policy = Policy { variants_max: 2, ..Policy::default() };
    let mut variants = Variants::default();
    let (one, gone) = variants.insert(&stored("1"), PRIMARY, &policy);
    assert!(gone.is_empty());
    variants.insert(&stored("2"), PRIMARY, &policy);
    let (again, gone) = variants.insert(&stored("1"), PRIMARY, &policy);
    assert_eq!((again, gone), (one, vec![]), "what is stored anew takes its own place");
    let two = variants.select(&request("2"), &policy).unwrap();
    let (_, gone) = variants.insert(&stored("3"), PRIMARY, &policy);
    assert_eq!(gone, [two]);
    assert_eq!(variants.select(&request("2"), &policy), None);
    assert_eq!(variants.select(&request("1"), &policy), Some(one));
    assert_eq!(variants.etags(), ["\"3\"", "\"1\""]);
    assert_eq!(variants.with_etag(&HeaderValue::from_static("\"1\"")), Some(one));
    variants.remove(one);
    assert_eq!((variants.keys().count(), variants.is_empty()), (1, false));
    let none = Policy { variants_max: 0, ..Policy::default() };
    assert_eq!(Variants::default().insert(&stored("1"), PRIMARY, &none).1, []);
}

#[test]
fn keys_of_what_is_not_stored_yet() {
    let policy = Policy::default();
    let mut variants = Variants::default();
    assert_eq!(variants.key_for(PRIMARY, &request("1"), &policy), PRIMARY);
    let head = stored("1");
    let (one, _) = variants.insert(&head, PRIMARY, &policy);
    assert_eq!(variants.key_for(PRIMARY, &request("1"), &policy), one);
    let two = variants.key_for(PRIMARY, &request("2"), &policy);
    assert_ne!(two, one);
    assert_eq!(head.variant_key(PRIMARY, &request("2"), &policy), two);
    assert_eq!(variants.insert(&stored("2"), PRIMARY, &policy).0, two);
    assert!(head.matches(&request("1"), &policy) && !head.matches(&request("2"), &policy));
    assert!(head.selected_by(&request("2"), &policy).matches(&request("2"), &policy));
    assert_ne!(head.variant_key(Key([8; 16]), &request("1"), &policy), one);
}

#[test]
fn bytes_are_told_apart_from_a_head_s() {
    let mut bytes = Vec::new();
    stored("1").encode(&mut bytes);
    assert!(!Variants::are_these(&bytes) && Variants::decode(&bytes).is_err());
    bytes.clear();
    Variants::default().encode(&mut bytes);
    assert!(Variants::are_these(&bytes) && StoredHead::decode(&bytes).is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Variants::decode(&bytes);
        let _ = Variants::decode(&[&[super::VERSION], &bytes[..]].concat());
    }

    #[test]
    fn variants_come_back(values in proptest::collection::vec("[a-z]{0,5}", 0..9), cut: prop::sample::Index) {
        let mut variants = Variants::default();
        for value in values {
            variants.insert(&stored(&value), PRIMARY, &Policy::default());
        }
        let mut bytes = Vec::new();
        variants.encode(&mut bytes);
        prop_assert!(Variants::decode(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(Variants::decode(&bytes), Ok(variants));
        bytes.push(0);
        prop_assert!(Variants::decode(&bytes).is_err());
    }
}
