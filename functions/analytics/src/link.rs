//! What a request becomes when it has been answered.

use sedge_kit::privacy::Pseudonyms;

use crate::person::{self, Source};
use crate::record::{Record, Request, What};
use crate::settings::Settings;

/// What the link asks of a request's head, and only of what it needs.
pub trait Asked {
    /// The value of a header field; the first one.
    fn field(&self, name: &str) -> Option<Vec<u8>>;
    /// The client's address, as far as it is believed.
    fn address(&self) -> Option<String>;
}

/// Who asks: the first of the sources that the request has.
pub fn user(settings: &Settings, names: &Pseudonyms, asked: &dyn Asked) -> Option<u64> {
    settings.users.iter().find_map(|source| match source {
        Source::Field(name) => {
            let value = asked.field(name).filter(|value| !value.is_empty())?;
            Some(person::account(names, &value))
        }
        Source::Cookie(name) => {
            let field = asked.field("cookie")?;
            Some(person::account(names, person::cookie(&field, name)?))
        }
        Source::Client => {
            let address = asked.address()?;
            let user_agent = asked.field("user-agent").unwrap_or_default();
            person::client(names, &address, &user_agent)
        }
    })
}

/// The head of an answer, or of what the client gets where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// `Content-Length`.
    pub length: Option<Vec<u8>>,
    /// `Content-Type`.
    pub media: Option<Vec<u8>>,
}

impl Answered {
    /// Of the fields of an answer, each by its name, no more than matter.
    pub fn of(status: u16, method: &str, field: impl Fn(&str) -> Option<Vec<u8>>) -> Self {
        let may_be_viewed = method == "GET" && status == 200;
        let media = may_be_viewed.then(|| field("content-type")).flatten();
        Answered { status, length: field("content-length"), media }
    }

    /// Bytes of the body, if the head says so.
    fn size_bytes(&self) -> Option<u64> {
        std::str::from_utf8(self.length.as_deref()?).ok()?.parse().ok()
    }

    /// Whether somebody views it: a page that is there, and not a part of one.
    fn is_view(&self, method: &str) -> bool {
        let is_html = |media: &Vec<u8>| {
            media.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case(b"text/html"))
        };
        method == "GET" && self.status == 200 && self.media.as_ref().is_some_and(is_html)
    }
}

/// When what was asked was answered how.
pub struct Exchange<'a> {
    /// The node's clock, milliseconds since 1970.
    pub clock_ms: i64,
    /// Microseconds to the head of the answer.
    pub latency_us: u64,
    /// The method, as far as it matters: GET and HEAD are told apart from others.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Who asked.
    pub user: Option<u64>,
    /// The answer.
    pub answered: Answered,
}

/// Its record. The path is only a class in it, and of a page that is viewed a name of the day,
/// if there are names.
pub fn record(settings: &Settings, names: Option<&Pseudonyms>, exchange: &Exchange) -> Vec<u8> {
    let Exchange { clock_ms, latency_us, method, target, user, answered } = exchange;
    let names = names.filter(|_| answered.is_view(method));
    let page = names.map(|names| person::page(names, target));
    // The answer to HEAD has none, whatever it says.
    let size_bytes = answered.size_bytes().filter(|_| *method != "HEAD");
    let (status, route) = (answered.status, settings.routes.of(target));
    let request = Request { user: *user, page, status, latency_us: *latency_us, size_bytes, route };
    Record { clock_ms: *clock_ms, what: What::Request(request) }.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Routes;
    use std::cell::RefCell;

    struct Fields(&'static [(&'static str, &'static str)], RefCell<Vec<String>>);

    impl Asked for Fields {
        fn field(&self, name: &str) -> Option<Vec<u8>> {
            self.1.borrow_mut().push(name.to_owned());
            let found = self.0.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_bytes().to_vec())
        }

        fn address(&self) -> Option<String> {
            self.1.borrow_mut().push("the address".to_owned());
            self.0.iter().find(|(known, _)| known.is_empty()).map(|(_, value)| value.to_string())
        }
    }

    fn names() -> Pseudonyms {
        Pseudonyms::new(&[1; 32])
    }

    #[test]
    fn somebody_is_known_by_the_first_source_that_is_there() {
        let users = ["field:x-user", "cookie:sid", "client"];
        let users = users.map(|source| Source::parse(source).expect("a source")).to_vec();
        let settings = Settings { users, ..Settings::default() };
        let of = |fields| {
            let fields = Fields(fields, RefCell::default());
            (user(&settings, &names(), &fields), fields.1.into_inner().join(", "))
        };
        let account = |id: &[u8]| Some(person::account(&names(), id));
        assert_eq!(of(&[]), (None, "x-user, cookie, the address".into()));
        assert_eq!(of(&[("x-user", "a"), ("cookie", "sid=b")]), (account(b"a"), "x-user".into()));
        let both = "x-user, cookie";
        assert_eq!(of(&[("x-user", ""), ("cookie", "sid=b")]), (account(b"b"), both.into()));
        let (client, _) = of(&[("cookie", "sid="), ("", "203.0.113.7"), ("user-agent", "x")]);
        assert_eq!(client, person::client(&names(), "203.0.113.9", b"x"));
        assert_eq!(of(&[("", "unix:/socket"), ("user-agent", "x")]).0, None);
    }

    #[test]
    fn of_an_answer_no_more_is_asked_than_matters() {
        let of = |status, method| {
            let asked = RefCell::new(Vec::new());
            let answered = Answered::of(status, method, |name| {
                asked.borrow_mut().push(name.to_owned());
                Some(name.as_bytes().to_vec())
            });
            assert_eq!(
                (answered.status, answered.length.as_deref()),
                (status, Some(&b"content-length"[..]))
            );
            (answered.media.is_some(), asked.into_inner().len())
        };
        assert_eq!(of(200, "GET"), (true, 2));
        for (status, method) in [(404, "GET"), (200, "HEAD"), (200, "")] {
            assert_eq!(of(status, method), (false, 1), "{status} {method}");
        }
    }

    #[test]
    fn a_request_is_a_class_a_status_and_two_numbers() {
        let routes = Routes::parse("shop=/shop/*").expect("a class");
        let settings = Settings { routes, ..Settings::default() };
        let of = |method, status, length: Option<&str>, media: Option<&str>| {
            let bytes = |text: &str| text.as_bytes().to_vec();
            let answered = Answered { status, length: length.map(bytes), media: media.map(bytes) };
            let (user, target) = (Some(5), "/shop/alice@example.org?q=secret");
            let exchange = Exchange { clock_ms: 7, latency_us: 9, method, target, user, answered };
            let bytes = record(&settings, Some(&names()), &exchange);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains("alice") && !text.contains("secret"), "{text}");
            match Record::read(&bytes).expect("a record").what {
                What::Request(Request { page, status, latency_us: 9, size_bytes, route, user }) => {
                    assert_eq!((route, user), ("shop", Some(5)));
                    (page.is_some(), status, size_bytes)
                }
                other => panic!("{other:?}"),
            }
        };
        let html = Some("Text/HTML; charset=utf-8");
        assert_eq!(of("GET", 200, Some("12"), html), (true, 200, Some(12)));
        assert_eq!(of("HEAD", 200, Some("12"), html), (false, 200, None));
        assert_eq!(of("", 200, None, html), (false, 200, None));
        assert_eq!(of("GET", 404, Some("x"), html), (false, 404, None));
        assert_eq!(of("GET", 200, Some("-1"), Some("text/htm")), (false, 200, None));
        assert_eq!(of("GET", 200, Some("99999999999999999999"), None), (false, 200, None));
    }
}
