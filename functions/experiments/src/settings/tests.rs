use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    Settings::read(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())))
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let problems = read(&[
        ("EXPERIMENTS_FEATURES", "a, B"),
        ("EXPERIMENTS_STORE", "a/b"),
        ("EXPERIMENTS_REFRESH_MS", "1"),
        ("EXPERIMENTS_ATTRIBUTES", "plan"),
        ("EXPERIMENTS_COOKIE", "a b"),
        ("EXPERIMENTS_COOKIE_S", "never"),
        ("EXPERIMENTS_STICKY", "kv"),
        ("EXPERIMENTS_ORIGINS", "layout=new: host new"),
        ("EXPERIMENTS_GOALS", "order=post 2xx /orders"),
        ("EXPERIMENTS_TRACK", "track"),
        ("EXPERIMENTS_TRACK_GOALS", "a b"),
        ("EXPERIMENTS_TOPIC", "experiments/#"),
        ("EXPERIMENTS_OFREP", "on"),
        ("EXPERIMENTS_COOKIES", "x"),
        ("PATH", "/bin"),
    ])
    .expect_err("wrong");
    for part in [
        "EXPERIMENTS_FEATURES = \"a, B\": \"B\" cannot be told in a field",
        "EXPERIMENTS_STORE = \"a/b\": not a name",
        "EXPERIMENTS_REFRESH_MS = \"1\": not a number from 100 to 3600000",
        "EXPERIMENTS_ATTRIBUTES = \"plan\": \"plan\": ATTRIBUTE=FIELD is expected",
        "EXPERIMENTS_COOKIE = \"a b\": not a token",
        "EXPERIMENTS_COOKIE_S = \"never\": not a number from 60",
        "EXPERIMENTS_STICKY = \"kv\": not one of cookie, off",
        "EXPERIMENTS_ORIGINS = \"layout=new: host new\": \"layout=new: host new\": FEATURE=VALUE",
        "EXPERIMENTS_GOALS = \"order=post 2xx /orders\": \"order=post 2xx /orders\": NAME=METHOD",
        "EXPERIMENTS_TRACK = \"track\": not a path",
        "EXPERIMENTS_TRACK_GOALS = \"a b\": \"a b\": not a name",
        "EXPERIMENTS_TOPIC = \"experiments/#\": not a topic",
        "EXPERIMENTS_OFREP = \"on\": not one of off, open, secret:NAME",
        "EXPERIMENTS_COOKIES = \"x\": no such setting; there are EXPERIMENTS_FEATURES",
    ] {
        assert!(problems.contains(part), "{part}\n{problems}");
    }
    for (name, value) in [
        ("EXPERIMENTS_FEATURES", ""),
        ("EXPERIMENTS_GOALS", "a=GET 6xx /"),
        ("EXPERIMENTS_GOALS", "a=GET 2xx //x"),
        ("EXPERIMENTS_GOALS", "a=GET 2xx"),
        ("EXPERIMENTS_ORIGINS", "layout: path /new"),
        ("EXPERIMENTS_ORIGINS", "layout=b: path new"),
        ("EXPERIMENTS_ORIGINS", "Layout=b: path /new"),
        ("EXPERIMENTS_ORIGINS", "layout=b: authority a b"),
        ("EXPERIMENTS_TOPIC", "a/"),
        ("EXPERIMENTS_OFREP", "secret:"),
    ] {
        assert!(read(&[(name, value)]).is_err(), "{name}={value}");
    }
    let many: Vec<String> = (0..=FEATURES_MAX).map(|n| format!("f{n}")).collect();
    assert!(read(&[("EXPERIMENTS_FEATURES", &many.join(","))]).is_err());
}

#[test]
fn what_is_said_is_done() {
    assert_eq!(read(&[]), Ok(Settings::default()));
    let settings = read(&[
        ("EXPERIMENTS_FEATURES", "layout, banner,layout"),
        ("EXPERIMENTS_STORE", "flags"),
        ("EXPERIMENTS_ATTRIBUTES", "id=sedge-user, plan = x-plan"),
        ("EXPERIMENTS_COOKIE_DOMAIN", "shop.example"),
        ("EXPERIMENTS_STICKY", "cookie"),
        ("EXPERIMENTS_ORIGINS", "layout=new: path /new/, layout=far: authority far.example:8080"),
        ("EXPERIMENTS_TOPIC", "off"),
        ("EXPERIMENTS_OFREP", "secret:ofrep"),
    ])
    .expect("right");
    assert_eq!(settings.features.as_deref(), Some(&["banner".into(), "layout".into()][..]));
    assert_eq!(settings.attributes[1], ("plan".into(), "x-plan".into()));
    assert_eq!(settings.origins[0].rewrite, Rewrite::Path("/new".into()));
    assert_eq!(settings.origins[1].rewrite, Rewrite::Host("far.example:8080".into()));
    assert_eq!(settings.exposures_topic(), None);
    assert_eq!(settings.ofrep, Ofrep::Secret("ofrep".into()));
    let off = read(&[("EXPERIMENTS_FEATURES", "off")]).expect("right");
    assert_eq!(off.features, Some(Vec::new()));
}

#[test]
fn goals_by_method_status_and_path() {
    let goals = read(&[("EXPERIMENTS_GOALS", "order=POST 2xx /orders*, seen=any 200 /thanks")])
        .expect("right")
        .goals;
    assert!(goals[0].is_met("POST", "/orders/7", 201) && goals[0].is_met("POST", "/orders", 299));
    assert!(!goals[0].is_met("GET", "/orders", 200) && !goals[0].is_met("POST", "/orders", 302));
    assert!(goals[1].is_met("GET", "/thanks", 200) && !goals[1].is_met("GET", "/thanks/", 200));
}
