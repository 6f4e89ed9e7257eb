//! What the manifest says: environment variables, checked before anything is done.

use crate::policy::StepUp;
use crate::token::Expected;
use std::fmt::Write;

/// The settings of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Requests are judged and told of, and all of them pass.
    pub reports_only: bool,
    /// Whether tokens are looked at, and have to be there.
    pub tokens: Tokens,
    /// What they have to claim; `None` without an issuer.
    pub expected: Option<Expected>,
    /// Where the issuer's keys are got from; `None`: they are in the configuration.
    pub keys_url: Option<Url>,
    /// For how long they are not got again.
    pub keys_s: u64,
    /// For how long they are used while they cannot be got again, after that.
    pub keys_stale_s: u64,
    /// Signatures that were good are kept in the store, for other instances.
    pub shares_verified: bool,
    /// The cookie that has the token where `Authorization` has none.
    pub cookie: Option<String>,
    /// Policies hear of the risk, and it alone refuses nobody.
    pub risk_only_advises: bool,
    /// What has to be proved where the risk asks for more.
    pub step_up: StepUp,
    /// Requests without TLS are as if they had a version that is too old.
    pub tls_is_required: bool,
    /// The namespace in which sightings, reputation and keys are kept.
    pub store: Option<String>,
    /// Below which path others may ask for decisions.
    pub endpoint: Option<String>,
    /// Where others may ask as AuthZEN says.
    pub authzen: Option<Authzen>,
    /// What is told of in the log.
    pub log: Log,
    /// Of how many of a hundred requests that pass.
    pub log_percent: u64,
}

/// Whether tokens are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// They are not.
    Off,
    /// One that is there has to be good.
    Optional,
    /// There has to be one, or a certificate of the client.
    Required,
}

/// What is told of in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Nothing.
    Off,
    /// What did not pass, or would not have.
    Refused,
    /// All.
    All,
}

/// Where something is got from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Not only `http`.
    pub is_https: bool,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

/// A policy decision point of AuthZEN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authzen {
    /// Its identifier: an `https` URL.
    pub identifier: String,
    /// The path of that, without a slash at its end.
    pub path: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            reports_only: false,
            tokens: Tokens::Off,
            expected: None,
            keys_url: None,
            keys_s: 3_600,
            keys_stale_s: 86_400,
            shares_verified: false,
            cookie: None,
            risk_only_advises: false,
            step_up: StepUp::default(),
            tls_is_required: false,
            store: None,
            endpoint: None,
            authzen: None,
            log: Log::Refused,
            log_percent: 100,
        }
    }
}

/// All variables, so that one that is misspelled is found.
const NAMES: [&str; 22] = [
    "GUARD_MODE",
    "GUARD_TOKENS",
    "GUARD_ISSUER",
    "GUARD_AUDIENCE",
    "GUARD_LEEWAY_S",
    "GUARD_TOKEN_AGE_S_MAX",
    "GUARD_GROUPS",
    "GUARD_KEYS",
    "GUARD_KEYS_S",
    "GUARD_KEYS_STALE_S",
    "GUARD_VERIFIED",
    "GUARD_COOKIE",
    "GUARD_RISK",
    "GUARD_ACR",
    "GUARD_MAX_AGE_S",
    "GUARD_TLS",
    "GUARD_STORE",
    "GUARD_PATH",
    "GUARD_AUTHZEN",
    "GUARD_LOG",
    "GUARD_LOG_PERCENT",
    "GUARD_TOKEN",
];

impl Settings {
    /// The defaults, changed by the variables; others than those that begin with `GUARD_` are
    /// none of ours.
    ///
    /// # Errors
    /// All that is wrong, in one text.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut settings = Settings::default();
        let mut expected = Expected {
            issuer: String::new(),
            audience: String::new(),
            leeway_s: 30,
            age_s_max: None,
            groups: "groups".into(),
        };
        let (mut tokens, mut problems) = (None, String::new());
        let mut wrong = |told: &str| {
            let separator = if problems.is_empty() { "" } else { "; " };
            let _ = write!(problems, "{separator}{told}");
        };
        for (name, value) in variables {
            if !name.starts_with("GUARD_") {
                continue;
            }
            let value = value.trim();
            let set = match name.as_str() {
                "GUARD_TOKENS" => {
                    let all = [
                        ("off", Tokens::Off),
                        ("optional", Tokens::Optional),
                        ("required", Tokens::Required),
                    ];
                    one_of(value, all).map(|chosen| tokens = Some(chosen))
                }
                name => match settings.set_expected(&mut expected, name, value) {
                    Some(set) => set,
                    None => settings.set(name, value),
                },
            };
            if let Err(wanted) = set {
                wrong(&format!("{name} = {value:?}: {wanted}"));
            }
        }
        let has_issuer = !expected.issuer.is_empty();
        let otherwise = if has_issuer { Tokens::Optional } else { Tokens::Off };
        settings.tokens = tokens.unwrap_or(otherwise);
        if has_issuer == expected.audience.is_empty() {
            wrong("GUARD_ISSUER and GUARD_AUDIENCE: one is not without the other");
        }
        if settings.tokens != Tokens::Off && !has_issuer {
            wrong("GUARD_TOKENS: nobody is named by GUARD_ISSUER who could have signed them");
        }
        if settings.shares_verified && settings.store.is_none() {
            wrong("GUARD_VERIFIED: there is no GUARD_STORE in which it could be shared");
        }
        settings.expected = has_issuer.then_some(expected);
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    /// What tokens have to claim; `None` if the variable is another one.
    fn set_expected(
        &mut self,
        expected: &mut Expected,
        name: &str,
        value: &str,
    ) -> Option<Result<(), String>> {
        Some(match name {
            "GUARD_ISSUER" => filled(value).map(|it| expected.issuer = it),
            "GUARD_AUDIENCE" => filled(value).map(|it| expected.audience = it),
            "GUARD_GROUPS" => filled(value).map(|it| expected.groups = it),
            "GUARD_LEEWAY_S" => number(value, 0, 300).map(|it| expected.leeway_s = it),
            "GUARD_TOKEN_AGE_S_MAX" => unless_off(value, |value| number(value, 1, 31_622_400))
                .map(|it| expected.age_s_max = it),
            _ => return None,
        })
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "GUARD_MODE" => {
                self.reports_only = one_of(value, [("enforce", false), ("report-only", true)])?;
            }
            "GUARD_KEYS" => self.keys_url = unless_off(value, url)?,
            "GUARD_KEYS_S" => self.keys_s = number(value, 10, 604_800)?,
            "GUARD_KEYS_STALE_S" => self.keys_stale_s = number(value, 0, 2_592_000)?,
            "GUARD_VERIFIED" => {
                self.shares_verified = one_of(value, [("off", false), ("shared", true)])?;
            }
            "GUARD_COOKIE" => self.cookie = unless_off(value, token)?,
            "GUARD_RISK" => {
                self.risk_only_advises = one_of(value, [("enforce", false), ("advise", true)])?;
            }
            "GUARD_ACR" => {
                let classes = value.split_whitespace().map(class);
                self.step_up.context_classes = classes.collect::<Result<_, _>>()?;
            }
            "GUARD_MAX_AGE_S" => {
                let age_s = unless_off(value, |value| number(value, 0, 31_622_400))?;
                self.step_up.age_s_max = age_s;
            }
            "GUARD_TLS" => {
                self.tls_is_required = one_of(value, [("any", false), ("required", true)])?;
            }
            "GUARD_STORE" => self.store = unless_off(value, token)?,
            "GUARD_PATH" => self.endpoint = unless_off(value, path)?,
            "GUARD_AUTHZEN" => self.authzen = unless_off(value, identifier)?,
            "GUARD_LOG" => {
                let all = [("off", Log::Off), ("refused", Log::Refused), ("all", Log::All)];
                self.log = one_of(value, all)?;
            }
            "GUARD_LOG_PERCENT" => self.log_percent = number(value, 0, 100)?,
            "GUARD_TOKEN" => {
                return Err("a secret is none of the environment; it is named in `secrets`".into());
            }
            _ => return Err(format!("no such setting; there are {}", NAMES[..21].join(", "))),
        }
        Ok(())
    }
}

fn one_of<T, const N: usize>(value: &str, all: [(&str, T); N]) -> Result<T, String> {
    let names = all.each_ref().map(|(name, _)| *name).join(", ");
    let found = all.into_iter().find(|(name, _)| *name == value);
    found.map(|(_, value)| value).ok_or_else(|| format!("not one of {names}"))
}

fn unless_off<T>(
    value: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value == "off" { Ok(None) } else { read(value).map(Some) }
}

fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("not a number from {least} to {most}"))
}

fn filled(value: &str) -> Result<String, String> {
    match value.len() {
        1..=512 => Ok(value.to_owned()),
        _ => Err("not 1 to 512 bytes".into()),
    }
}

/// A name of a cookie or of a namespace.
fn token(value: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=63).contains(&value.len()) && value.bytes().all(is_part) {
        true => Ok(value.to_owned()),
        false => Err("not 1 to 63 letters, digits, or any of -_.".into()),
    }
}

/// A value of `acr`.
fn class(value: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    match value.bytes().all(is_part) {
        true => Ok(value.to_owned()),
        false => Err("not values of letters, digits and any of -_.:/".into()),
    }
}

fn path(value: &str) -> Result<String, String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let is_path = value.starts_with('/') && !value.starts_with("//") && !value.ends_with('/');
    match is_path && value.len() <= 100 && value.bytes().all(is_part) {
        true => Ok(value.to_owned()),
        false => Err("neither off nor a path such as /guard".into()),
    }
}

/// The identifier of a policy decision point (AuthZEN, section 9.1.1).
fn identifier(value: &str) -> Result<Authzen, String> {
    let wrong = "neither off nor a URL such as https://pdp.example or https://pdp.example/shop";
    let read = url(value).ok().filter(|url| url.is_https);
    let url = read.ok_or(wrong)?;
    let path = match &*url.target {
        "/" if !value.ends_with('/') => String::new(),
        target => path(target).map_err(|_| wrong)?,
    };
    Ok(Authzen { identifier: value.to_owned(), path })
}

fn url(value: &str) -> Result<Url, String> {
    let wrong = || "neither off nor a URL such as https://id.example/keys".to_owned();
    let (scheme, rest) = value.split_once("://").ok_or_else(wrong)?;
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let is_authority = !authority.is_empty() && !authority.contains(['@', '?']);
    if !is_authority || !is_plain(value) || value.len() > 2_048 {
        return Err(wrong());
    }
    let is_https = match scheme {
        "https" => true,
        "http" => false,
        _ => return Err(wrong()),
    };
    let target = if target.is_empty() { "/" } else { target };
    Ok(Url { is_https, authority: authority.into(), target: target.into() })
}

#[cfg(test)]
mod tests;
