//! Who asks, and what is known of the one who does.

use crate::cookies::{self, ID_BYTES};
use crate::flags::Asks;
use crate::head::Fields;
use crate::seal::Keys;
use crate::settings::Settings;
use sedge_kit::device::Kind;
use serde_json::{Map, Value};

/// Bytes of an attribute that comes from the request; longer ones are not there.
const ATTRIBUTE_BYTES_MAX: usize = 1_000;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// It came over TLS.
    pub is_secure: bool,
    /// Host and port; may be empty.
    pub authority: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// The fields.
    pub fields: &'a Fields,
}

impl<'a> Request<'a> {
    /// The whole URL.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.target)
    }

    /// The path without its query.
    pub fn path(&self) -> &'a str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The host in lower case, without its port.
    fn host(&self) -> String {
        let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if is_port(port) => host,
            _ => self.authority,
        };
        host.to_ascii_lowercase()
    }
}

/// Where a visitor is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-1.
    pub country: Option<String>,
    /// ISO 3166-2, without the country.
    pub region: Option<String>,
    /// In English.
    pub city: Option<String>,
}

/// What a visitor looks with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The family of the browser.
    pub browser: Option<String>,
    /// The family of the operating system.
    pub os: Option<String>,
}

/// What the node can be asked.
pub trait Lookups {
    /// Where the visitor is; nothing if nobody knows or it is not granted.
    fn place(&mut self) -> Place;

    /// What a user agent is of; likewise.
    fn program(&mut self, agent: &str) -> Program;

    /// Bytes that nobody can guess.
    fn random(&mut self) -> [u8; ID_BYTES];
}

/// A visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Visitor {
    /// What conditions may name.
    pub attributes: Value,
    /// The id of the cookie, to be set if it is new.
    pub new_id: Option<String>,
    /// It takes no part: a program that visits by itself.
    pub is_out: bool,
}

impl Visitor {
    /// Who has sent a request. Without keys nobody is known by a cookie, and nobody gets one.
    pub fn of(
        settings: &Settings,
        keys: Option<&Keys>,
        asks: Asks,
        request: &Request<'_>,
        lookups: &mut dyn Lookups,
    ) -> Self {
        let fields = request.fields;
        let kind = Kind::of_fields(|name| fields.one(name));
        let is_out = kind == Kind::Bot && !settings.takes_bots;
        let mut all = Map::new();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() && value.len() <= ATTRIBUTE_BYTES_MAX {
                all.insert(name.to_owned(), Value::String(value.to_owned()));
            }
        };
        if asks.url {
            add("url", &request.url());
            add("host", &request.host());
            add("path", request.path());
            add("query", request.query());
        }
        if asks.device {
            add("device", kind.label());
        }
        if asks.language {
            add("language", &language(fields));
        }
        if asks.place {
            let place = lookups.place();
            add("country", place.country.as_deref().unwrap_or_default());
            add("region", place.region.as_deref().unwrap_or_default());
            add("city", place.city.as_deref().unwrap_or_default());
        }
        if asks.agent
            && let Some(agent) = fields.one("user-agent")
        {
            let program = lookups.program(agent);
            add("browser", program.browser.as_deref().unwrap_or_default());
            add("os", program.os.as_deref().unwrap_or_default());
        }
        let mut new_id = None;
        if let Some(keys) = keys.filter(|_| settings.is_anonymous && !is_out) {
            let lines: Vec<&str> = fields.lines("cookie").collect();
            let own = cookies::id(keys, &lines, &settings.cookie).map(ToOwned::to_owned);
            let id =
                own.unwrap_or_else(|| new_id.insert(cookies::new_id(&lookups.random())).clone());
            add("deviceId", &id);
            add("id", &id);
        }
        // What a link before this one says of the visitor goes before what a cookie says.
        for (name, field) in &settings.attributes {
            add(name, fields.one(field).map_or("", str::trim));
        }
        Visitor { attributes: Value::Object(all), new_id, is_out }
    }

    /// The attributes by which a visitor may be known, `id` first: what it does counts for each
    /// of them.
    pub fn identities<'a>(&'a self, settings: &'a Settings) -> Vec<(&'a str, &'a str)> {
        let configured = settings.attributes.iter().map(|(name, _)| &**name);
        let mut names: Vec<&str> = ["id", "deviceId"].into_iter().chain(configured).collect();
        names.sort_unstable_by_key(|name| (*name != "id", *name));
        names.dedup();
        let text = |name: &str| self.attributes.get(name).and_then(Value::as_str);
        names.into_iter().filter_map(|name| Some((name, text(name)?))).collect()
    }
}

/// The first language of those that are wanted most (RFC 9110 §12.5.4), in lower case.
fn language(fields: &Fields) -> String {
    let Some(wanted) = fields.one("accept-language") else { return String::new() };
    let mut best = ("", 0.0);
    for item in wanted.split(',').take(20) {
        let (tag, quality) = match item.split_once(';') {
            Some((tag, quality)) => {
                let quality = quality.trim().strip_prefix("q=").and_then(|q| q.parse().ok());
                (tag.trim(), quality.unwrap_or(0.0))
            }
            None => (item.trim(), 1.0_f64),
        };
        let is_tag = tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_tag && !tag.is_empty() && quality > best.1 {
            best = (tag, quality);
        }
    }
    best.0.to_ascii_lowercase()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A node that knows everybody in Berlin.
    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) next: u8,
        pub(crate) looked: usize,
    }

    impl Lookups for Fake {
        fn place(&mut self) -> Place {
            self.looked += 1;
            Place { country: Some("DE".into()), region: Some("BE".into()), city: None }
        }

        fn program(&mut self, _: &str) -> Program {
            self.looked += 1;
            Program { browser: Some("Firefox".into()), os: Some("Linux".into()) }
        }

        fn random(&mut self) -> [u8; ID_BYTES] {
            self.next += 1;
            [self.next; ID_BYTES]
        }
    }

    fn keys() -> Keys {
        Keys::parse("0123456789abcdef").expect("a key")
    }

    fn of(settings: &Settings, asks: Asks, fields: &Fields) -> (Visitor, Fake) {
        let request = Request {
            method: "GET",
            is_secure: true,
            authority: "Shop.example:8443",
            target: "/a?b=c",
            fields,
        };
        let mut fake = Fake::default();
        (Visitor::of(settings, Some(&keys()), asks, &request, &mut fake), fake)
    }

    #[test]
    fn what_is_known_of_a_visitor() {
        let fields = Fields::from([
            ("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) Mobile/15E148"),
            ("accept-language", "de;q=0.5, en-GB, fr;q=x, ü;q=2"),
            ("x-plan", " gold "),
        ]);
        let settings =
            Settings { attributes: vec![("plan".into(), "x-plan".into())], ..Settings::default() };
        let all = Asks { place: true, agent: true, url: true, language: true, device: true };
        let (visitor, fake) = of(&settings, all, &fields);
        let id = visitor.new_id.clone().expect("a new one");
        assert_eq!(
            visitor.attributes,
            json!({
                "url": "https://Shop.example:8443/a?b=c", "host": "shop.example", "path": "/a",
                "query": "b=c", "device": "mobile", "language": "en-gb", "country": "DE",
                "region": "BE", "browser": "Firefox", "os": "Linux", "id": id, "deviceId": id,
                "plan": "gold",
            })
        );
        assert_eq!(fake.looked, 2);
        let names = visitor.identities(&settings).into_iter().map(|(name, _)| name);
        assert_eq!(names.collect::<Vec<_>>(), ["id", "deviceId", "plan"]);
        let (visitor, fake) = of(&settings, Asks::default(), &fields);
        let known = visitor.attributes.as_object().map(Map::len);
        assert_eq!((fake.looked, known), (0, Some(3)));
    }

    #[test]
    fn who_is_known_keeps_the_id() {
        let line = format!("sedge-exp={}", cookies::of_id(&keys(), &cookies::new_id(&[9; 16])));
        let settings = Settings {
            attributes: vec![("id".into(), "sedge-user".into())],
            ..Settings::default()
        };
        let fields = Fields::from([("cookie", &*line)]);
        let (visitor, fake) = of(&settings, Asks::default(), &fields);
        assert_eq!((visitor.new_id, fake.next), (None, 0));
        assert_eq!(visitor.attributes["id"], visitor.attributes["deviceId"]);
        // Somebody before says who it is.
        let fields = Fields::from([("cookie", &*line), ("sedge-user", "ann")]);
        let (visitor, _) = of(&settings, Asks::default(), &fields);
        assert_eq!(visitor.attributes["id"], "ann");
        assert_eq!(visitor.attributes["deviceId"], cookies::new_id(&[9; 16]));
        // Of two fields nobody knows which one is meant; and what is too long is nobody.
        let fields =
            Fields::from([("cookie", &*line), ("sedge-user", "ann"), ("sedge-user", "bob")]);
        assert_eq!(
            of(&settings, Asks::default(), &fields).0.attributes["id"].as_str().map(str::len),
            Some(22)
        );
        let long = "a".repeat(ATTRIBUTE_BYTES_MAX + 1);
        let fields = Fields::from([("sedge-user", &*long)]);
        assert!(of(&settings, Asks::default(), &fields).0.new_id.is_some());
    }

    #[test]
    fn programs_get_no_cookie_unless_it_is_wanted() {
        let fields = Fields::from([("user-agent", "Googlebot/2.1")]);
        let (visitor, _) = of(&Settings::default(), Asks::default(), &fields);
        assert!(
            visitor.is_out && visitor.new_id.is_none() && visitor.attributes.get("id").is_none()
        );
        let settings = Settings { takes_bots: true, ..Settings::default() };
        assert!(of(&settings, Asks::default(), &fields).0.new_id.is_some());
        let settings = Settings { is_anonymous: false, ..Settings::default() };
        assert!(of(&settings, Asks::default(), &Fields::default()).0.new_id.is_none());
    }
}
