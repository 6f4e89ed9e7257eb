//! What a token claims, after its signature was found to be good.

use super::TokenError;
use serde_json::{Map, Value};

/// The most bytes of a text that is claimed.
const TEXT_BYTES_MAX: usize = 1_024;
/// The most items of a list that is claimed; more are a token of another purpose.
const ITEMS_MAX: usize = 1_000;

/// What a token has to claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Who has to have issued it, exactly.
    pub issuer: String,
    /// For whom it has to be, among others.
    pub audience: String,
    /// By how many seconds clocks may differ.
    pub leeway_s: u64,
    /// How old it may be by `iat`, in seconds; `None`: it need not say.
    pub age_s_max: Option<u64>,
    /// The claim that has the user's groups.
    pub groups: String,
}

/// What is known of a user by a token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    /// Who it is, for this issuer.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// Until when it holds, in seconds since 1970.
    pub expires_s: u64,
    /// When the user has authenticated, in seconds since 1970 (OpenID Connect Core, section 2).
    pub authenticated_s: Option<u64>,
    /// How well (`acr`).
    pub context_class: Option<String>,
    /// By what (`amr`, RFC 8176).
    pub methods: Vec<String>,
    /// What it is for (`scope`, RFC 8693).
    pub scopes: Vec<String>,
    /// The groups that the user belongs to.
    pub groups: Vec<String>,
}

impl Claims {
    pub(super) fn read(
        claims: Map<String, Value>,
        expected: &Expected,
        now_s: u64,
    ) -> Result<Self, TokenError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&*expected.issuer) {
            return Err(TokenError::Claim("iss"));
        }
        if !is_for(claims.get("aud"), &expected.audience) {
            return Err(TokenError::Claim("aud"));
        }
        let expires_s = times(&claims, expected, now_s)?;
        let subject = text("sub").filter(|it| (1..=TEXT_BYTES_MAX).contains(&it.len()));
        let context_class = match claims.get("acr") {
            None => None,
            Some(Value::String(class)) if class.len() <= TEXT_BYTES_MAX => Some(class.clone()),
            Some(_) => return Err(TokenError::Claim("acr")),
        };
        let scopes = match claims.get("scope") {
            None => Vec::new(),
            Some(Value::String(scopes)) => scopes.split(' ').map(str::to_owned).collect(),
            Some(_) => return Err(TokenError::Claim("scope")),
        };
        let methods = texts(claims.get("amr")).ok_or(TokenError::Claim("amr"))?;
        let groups = texts(claims.get(&expected.groups)).ok_or(TokenError::Claim("groups"))?;
        if scopes.len() > ITEMS_MAX {
            return Err(TokenError::Claim("scope"));
        }
        Ok(Claims {
            subject: subject.ok_or(TokenError::Claim("sub"))?.to_owned(),
            issuer: expected.issuer.clone(),
            expires_s,
            authenticated_s: seconds(&claims, "auth_time")?.map(|time_s| time_s as u64),
            context_class,
            methods,
            scopes,
            groups,
        })
    }
}

/// When it expires, if it is valid now.
fn times(claims: &Map<String, Value>, expected: &Expected, now_s: u64) -> Result<u64, TokenError> {
    let (now, leeway) = (now_s as f64, expected.leeway_s as f64);
    let expires = seconds(claims, "exp")?.ok_or(TokenError::Claim("exp"))?;
    if now >= expires + leeway {
        return Err(TokenError::Expired);
    }
    if seconds(claims, "nbf")?.is_some_and(|from| now + leeway < from) {
        return Err(TokenError::Early);
    }
    let issued = seconds(claims, "iat")?;
    if issued.is_some_and(|issued| now + leeway < issued) {
        return Err(TokenError::Early);
    }
    if let Some(age_s_max) = expected.age_s_max {
        let issued = issued.ok_or(TokenError::Claim("iat"))?;
        if now - issued > age_s_max as f64 + leeway {
            return Err(TokenError::Expired);
        }
    }
    Ok(expires as u64)
}

/// A date (RFC 7519, section 2): seconds, which may have a fraction; not before 1970 and not
/// beyond what is exact.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let bounds = 0.0..=9_007_199_254_740_992.0;
    let seconds = value.as_f64().filter(|seconds| bounds.contains(seconds));
    seconds.map(Some).ok_or(TokenError::Claim(name))
}

/// Whether an audience is named (RFC 7519, section 4.1.3).
fn is_for(audiences: Option<&Value>, wanted: &str) -> bool {
    match audiences {
        Some(Value::String(audience)) => audience == wanted,
        Some(Value::Array(all)) => {
            all.len() <= ITEMS_MAX && all.iter().any(|audience| audience == wanted)
        }
        _ => false,
    }
}

/// A list of texts, or one.
fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let is_short = |text: &&str| text.len() <= TEXT_BYTES_MAX;
    match value {
        None => Some(Vec::new()),
        Some(Value::String(one)) if one.len() <= TEXT_BYTES_MAX => Some(vec![one.clone()]),
        Some(Value::Array(all)) if all.len() <= ITEMS_MAX => {
            all.iter().map(|it| it.as_str().filter(is_short).map(str::to_owned)).collect()
        }
        Some(_) => None,
    }
}
