use super::*;
use crate::visitor::tests::Fake;
use serde_json::json;

fn keys() -> Keys {
    Keys::parse("0123456789abcdef").expect("a key")
}

fn payload() -> Value {
    json!({
        "features": {
            "layout": {"defaultValue": "old", "rules": [{
                "key": "homepage_layout", "variations": ["old", "new"],
                "meta": [{"key": "control"}, {"key": "new_design"}], "hashVersion": 2,
            }]},
            "banner": {"defaultValue": false, "rules": [
                {"force": true, "condition": {"country": "DE", "device": "mobile"}},
            ]},
            "Odd Name": {"defaultValue": 1},
        },
        "experiments": [{
            "key": "pricing", "variations": [{}, {"urlRedirect": "https://shop.example/prices"}],
            "urlPatterns": [{"type": "simple", "include": true, "pattern": "/pricing"}],
            "persistQueryString": true, "hashVersion": 2,
        }],
    })
}

/// One request, with a visitor of this id.
struct Case {
    settings: Settings,
    method: &'static str,
    target: &'static str,
    fields: Fields,
    flags: Flags,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            settings: Settings {
                attributes: vec![("id".into(), "sedge-user".into())],
                ..Settings::default()
            },
            method: "GET",
            target: "/a?b=c",
            fields: Fields::from([("sedge-user", "ann")]),
            flags: Flags::read(&payload().to_string(), None).expect("good"),
        }
    }
}

impl Case {
    fn decide(&self) -> Decision {
        let request = Request {
            method: self.method,
            is_secure: true,
            authority: "shop.example",
            target: self.target,
            fields: &self.fields,
        };
        let asks = self.flags.asks;
        let mut fake = Fake::default();
        let keys = keys();
        let visitor = Visitor::of(&self.settings, Some(&keys), asks, &request, &mut fake);
        decide(&self.settings, &self.flags, &keys, &request, &visitor)
    }

    /// The first of many visitors who gets a variation of the layout.
    fn with_layout(mut self, wanted: &str) -> Self {
        for n in 0..100 {
            self.fields.set("sedge-user", format!("visitor-{n}"));
            if self.decide().variations == [("homepage_layout".to_owned(), wanted.to_owned())] {
                return self;
            }
        }
        panic!("nobody gets {wanted}");
    }
}

#[test]
fn an_answer_that_stays_as_it_is_is_not_made_anew() {
    let settings = Settings::default();
    let received = |name: &str| match name {
        "cache-control" => vec![b"max-age=60".to_vec()],
        _ => Vec::new(),
    };
    let nobody = Decision::default();
    assert_eq!(answered(received, &settings, &nobody), None);
    let visitor = Decision { is_personal: true, cookies: vec!["a=b".into()], ..nobody };
    let fields = answered(received, &settings, &visitor).expect("others");
    assert_eq!(fields.one("set-cookie"), Some("a=b"));
    assert_eq!(fields.one("cache-control"), Some("private, max-age=60"));
    let again = |name: &str| fields.lines(name).map(|line| line.as_bytes().to_vec()).collect();
    let known = Decision { cookies: Vec::new(), ..visitor };
    assert_eq!(answered(again, &settings, &known), None);
    let sent = redirect(&settings, &known, "/b");
    assert_eq!(
        (sent.one("location"), sent.one("cache-control")),
        (Some("/b"), Some("private, no-store"))
    );
}

#[test]
fn values_are_told_and_exposures_noted() {
    let case = Case::default().with_layout("new_design");
    let decision = case.decide();
    assert_eq!(decision.field, "banner=?0, layout=\"new\"");
    let [exposure] = &decision.exposures[..] else { panic!("{:?}", decision.exposures) };
    assert_eq!((&*exposure.experiment, exposure.variation), ("homepage_layout", 1));
    assert!(exposure.value.starts_with("visitor-"), "{exposure:?}");
    // The same again, which nobody may count on but everybody does.
    assert_eq!(case.decide(), decision);
    let settings = Settings { features: Some(vec!["banner".into()]), ..case.settings.clone() };
    let case = Case { settings, ..case };
    let decision = case.decide();
    assert_eq!((&*decision.field, decision.exposures.len()), ("banner=?0", 0));
}

#[test]
fn what_the_client_sends_under_our_name_is_known() {
    let settings = Settings::default();
    for name in ["Sedge-Experiments", "SEDGE_EXPERIMENTS", "sedge-experiments"] {
        assert!(
            is_told(&settings, &Fields::from([("x", "1"), (name, "layout=\"new\"")])),
            "{name}"
        );
    }
    for name in ["sedge-experiment", "x-sedge-experiments", "sedge-experiments-"] {
        assert!(!is_told(&settings, &Fields::from([(name, "x")])), "{name}");
    }
}

#[test]
fn a_variation_cannot_be_chosen_unless_that_is_allowed() {
    let mut case = Case::default().with_layout("control");
    case.target = "/?homepage_layout=1";
    assert_eq!(case.decide().variations[0].1, "control");
    case.settings.may_override = true;
    let decision = case.decide();
    assert_eq!(decision.variations[0].1, "new_design");
    assert_eq!(decision.exposures, []);
}

#[test]
fn a_new_visitor_gets_a_cookie_and_a_private_answer() {
    let mut case = Case { fields: Fields::default(), ..Case::default() };
    let decision = case.decide();
    let [cookie] = &decision.cookies[..] else { panic!("{:?}", decision.cookies) };
    assert!(cookie.starts_with("sedge-exp=1AQEB") && cookie.ends_with("SameSite=Lax; Secure"));
    let mut fields = Fields::from([("cache-control", "public, max-age=60")]);
    answer(&mut fields, &case.settings, &decision);
    assert_eq!(fields.one("cache-control"), Some("private, max-age=60"));
    assert_eq!(fields.one("set-cookie"), Some(&**cookie));
    // Who comes with it has it.
    let value = cookie.split(';').next().expect("a pair").to_owned();
    case.fields = Fields::from([("cookie", &*value)]);
    let again = case.decide();
    assert_eq!((again.cookies.len(), &again.field), (0, &decision.field));
    let keeping = Settings { keeps_caching: true, ..case.settings.clone() };
    let mut fields = Fields::from([("cache-control", "public, max-age=60")]);
    answer(&mut fields, &keeping, &again);
    assert_eq!(fields.one("cache-control"), Some("public, max-age=60"));
    // One with a cookie is for nobody else in any case.
    answer(&mut fields, &keeping, &decision);
    assert_eq!(fields.one("cache-control"), Some("private, max-age=60"));
}

#[test]
fn without_a_payload_that_says_anything_nothing_happens() {
    let case = Case { flags: Flags::default(), fields: Fields::default(), ..Case::default() };
    assert_eq!(case.decide(), Decision::default());
}

#[test]
fn programs_get_the_control_and_no_cookie() {
    let fields = Fields::from([("user-agent", "bingbot/2.0")]);
    let decision = Case { fields, ..Case::default() }.decide();
    assert_eq!(decision.field, "banner=?0, layout=\"old\"");
    assert!(decision.cookies.is_empty() && decision.exposures.is_empty());
}

#[test]
fn experiments_on_urls_send_away() {
    let mut found = 0;
    for n in 0..20 {
        let id = format!("visitor-{n}");
        let fields = Fields::from([("sedge-user", &*id)]);
        let mut case = Case { target: "/pricing?a=1", fields, ..Case::default() };
        let decision = case.decide();
        assert!(decision.exposures.iter().any(|one| one.experiment == "pricing"));
        let Some(url) = &decision.redirect else { continue };
        assert_eq!(url, "https://shop.example/prices?a=1");
        // Who is sent away has not seen the features of this page.
        assert_eq!((decision.exposures.len(), &*decision.field), (1, ""));
        case.method = "POST";
        assert_eq!(case.decide().redirect, None);
        found += 1;
    }
    assert!((5..=15).contains(&found), "{found}");
}

#[test]
fn what_cannot_be_a_location_is_none() {
    for url in
        ["javascript:alert(1)", "//evil.example", "https://a/\r\nx: y", "https://ä/", "", "a"]
    {
        assert!(!is_location(url), "{url}");
    }
    assert!(is_location("/prices?a=1#b") && is_location("http://shop.example/%7E"));
}

#[test]
fn what_is_fetched_ahead_is_seen_by_nobody() {
    let mut case = Case::default();
    assert_eq!(case.decide().exposures.len(), 1);
    case.fields.add("Sec-Purpose", "prefetch;prerender");
    assert_eq!(case.decide().exposures.len(), 0);
}

#[test]
fn requests_go_where_the_value_says() {
    let mut case = Case::default().with_layout("new_design");
    let origins = |text: &str| {
        let pair = ("EXPERIMENTS_ORIGINS".to_owned(), text.to_owned());
        Settings::read([pair]).expect("right").origins
    };
    case.settings.origins = origins("layout=old: path /old, layout=new: host new.");
    let rewrite = case.decide().rewrite.expect("elsewhere");
    let to = |rewrite: &Rewrite| rewritten(rewrite, "shop.example", "/a?b");
    assert_eq!(to(&rewrite), ("new.shop.example".into(), "/a?b".into()));
    case.settings.origins = origins("banner=false: path /plain");
    let rewrite = case.decide().rewrite.expect("elsewhere");
    assert_eq!(to(&rewrite), ("shop.example".into(), "/plain/a?b".into()));
    assert_eq!(rewritten(&rewrite, "", "*"), ("".into(), "*".into()));
    case.settings.origins = origins("layout=3: authority far.example");
    assert_eq!(case.decide().rewrite, None);
}

#[test]
fn visitors_stay_although_weights_change() {
    let mut case = Case::default().with_layout("control");
    case.settings.is_sticky = true;
    let cookie = case.decide().cookies.pop().expect("the variation");
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    assert!(pair.starts_with("sedge-exp-sticky="));
    let mut changed = payload();
    changed["features"]["layout"]["rules"][0]["weights"] = json!([0.0, 1.0]);
    case.flags = Flags::read(&changed.to_string(), None).expect("good");
    assert_eq!(case.decide().variations[0].1, "new_design");
    case.fields.add("cookie", &*pair);
    let decision = case.decide();
    assert_eq!(decision.variations[0].1, "control");
    assert!(!decision.cookies.iter().any(|cookie| cookie.starts_with("sedge-exp-sticky")));
    // Another visitor's cookie, sealed as it is, says nothing of this one.
    case.fields.set("sedge-user", "somebody else");
    assert_eq!(case.decide().variations[0].1, "new_design");
}

#[test]
fn clients_are_told_if_that_is_wanted() {
    let mut case = Case::default().with_layout("new_design");
    case.settings.tells_client = true;
    let mut fields = Fields::from([("X-Variant", "of the origin")]);
    answer(&mut fields, &case.settings, &case.decide());
    assert_eq!(fields.one("x-experiment-id"), Some("homepage_layout"));
    assert_eq!(fields.one("x-variant"), Some("new_design"));
}
