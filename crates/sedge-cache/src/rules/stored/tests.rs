use super::{StoredHead, content_length};
use crate::rules::groups::{Tag, TagKind};
use crate::rules::parts::Part;
use crate::rules::range::Span;
use crate::rules::vary::VaryField;
use crate::rules::{LifetimeSource, ResponseDirectives, Times};
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

fn numbers() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(0u64..u64::MAX)
}

prop_compose! {
    fn directives()(bits: u16, times in [numbers(), numbers(), numbers(), numbers()]) -> ResponseDirectives {
        let flag = |at: u16| bits >> at & 1 == 1;
        ResponseDirectives {
            no_store: flag(0),
            no_cache: flag(1),
            private: flag(2),
            public: flag(3),
            must_revalidate: flag(4),
            proxy_revalidate: flag(5),
            must_understand: flag(6),
            no_transform: flag(7),
            immutable: flag(8),
            targeted: flag(9),
            max_age: times[0],
            s_maxage: times[1],
            stale_while_revalidate: times[2],
            stale_if_error: times[3],
        }
    }
}

fn fields() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let value = proptest::collection::vec(0x20u8..0x7f, 0..20);
    proptest::collection::vec(("[a-z][a-z0-9-]{0,12}", value), 0..12)
}

prop_compose! {
    fn heads()(
        status in 100u16..1000,
        times: [u64; 4],
        source in 0usize..4,
        directives in directives(),
        fields in fields(),
        vary in proptest::collection::vec(("[a-z]{1,9}", proptest::option::of(any::<Vec<u8>>())), 0..4),
        tags in proptest::collection::vec((any::<bool>(), any::<String>()), 0..4),
        part in proptest::option::of((numbers(), 0u64..1000, "[ -~]{0,20}")),
    ) -> StoredHead {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        let field = |(name, value): (String, Option<Vec<u8>>)| VaryField {
            name: HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value: value.map(Into::into),
        };
        let tag = |(group, name): (bool, String)| Tag {
            kind: if group { TagKind::Group } else { TagKind::Surrogate },
            name: name.into(),
        };
        StoredHead {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            times: Times { request_ms: times[0], response_ms: times[1] },
            initial_age_ms: times[2],
            lifetime_ms: times[3],
            source: [
                LifetimeSource::Explicit,
                LifetimeSource::Heuristic,
                LifetimeSource::Policy,
                LifetimeSource::None,
            ][source],
            directives,
            vary: vary.into_iter().map(field).collect(),
            tags: tags.into_iter().map(tag).collect(),
            part: part.and_then(|(total, first, range)| {
                let span = Span { first, last: first + 9 };
                Part::restored(total, vec![span], HeaderValue::from_str(&range).ok())
            }),
        }
    }
}

fn encoded(head: &StoredHead) -> Vec<u8> {
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = StoredHead::decode(&bytes);
    }

    #[test]
    fn no_changed_byte_panics_and_no_shorter_head_is_one(
        head in heads(), at: prop::sample::Index, to: u8, cut: prop::sample::Index,
    ) {
        let mut bytes = encoded(&head);
        prop_assert!(StoredHead::decode(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = StoredHead::decode(&bytes);
        bytes[at] = 0xff;
        let _ = StoredHead::decode(&bytes);
    }

    #[test]
    fn a_head_comes_back(head in heads()) {
        let mut bytes = encoded(&head);
        prop_assert_eq!(StoredHead::decode(&bytes), Ok(head));
        bytes.push(0);
        prop_assert!(StoredHead::decode(&bytes).is_err());
    }

    #[test]
    fn times_do_not_overflow(head in heads(), now_ms: u64) {
        let mut head = head;
        prop_assert!(head.age_ms(now_ms) >= head.initial_age_ms);
        let _ = head.ttl_ms(now_ms);
        head.expire(now_ms);
        prop_assert!(head.ttl_ms(now_ms) <= 0);
    }
}

#[test]
fn a_version_that_nobody_has_written_is_not_read() {
    assert!(StoredHead::decode(&[]).is_err());
    assert!(StoredHead::decode(&[0]).is_err());
    assert!(StoredHead::decode(&[2; 200]).is_err());
}

#[test]
fn lengths() {
    let of = |lines: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("content-length", HeaderValue::from_static(line));
        }
        content_length(&headers)
    };
    for bad in [&["x"][..], &["-1"], &["1", "2"], &["1, 2"], &["1 2"], &["18446744073709551615"]] {
        assert_eq!(of(bad), Err(()), "{bad:?}");
    }
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&["7"]), Ok(Some(7)));
    assert_eq!(of(&["7, 7", "7"]), Ok(Some(7)));
}
