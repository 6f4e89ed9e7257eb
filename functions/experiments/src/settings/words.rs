//! Values of settings that have a form of their own.

/// Items of a list.
const ITEMS_MAX: usize = 32;

/// A value of a feature that sends requests elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The feature.
    pub feature: String,
    /// Its value, as text.
    pub value: String,
    /// Where to.
    pub rewrite: Rewrite,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// The path gets this prefix.
    Path(String),
    /// The host gets this prefix, such as `new.`.
    HostPrefix(String),
    /// The host is this one.
    Host(String),
}

/// What an answer says of what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Its name.
    pub name: String,
    /// The method; none: any.
    pub method: Option<String>,
    /// The first and last status.
    pub status: (u16, u16),
    /// The path; if it ended with a star, what it begins with.
    pub path: String,
    /// The path may go on.
    pub is_prefix: bool,
}

impl Goal {
    /// Whether an answer is one.
    pub fn is_met(&self, method: &str, path: &str, status: u16) -> bool {
        self.method.as_ref().is_none_or(|own| own == method)
            && (self.status.0..=self.status.1).contains(&status)
            && if self.is_prefix { path.starts_with(&self.path) } else { path == self.path }
    }
}

/// A value of a few.
pub(super) fn one_of<T, const N: usize>(value: &str, all: [(&str, T); N]) -> Result<T, String> {
    let names = all.each_ref().map(|(name, _)| *name).join(", ");
    let found = all.into_iter().find(|(name, _)| *name == value);
    found.map(|(_, value)| value).ok_or_else(|| format!("not one of {names}"))
}

/// The items of a list; `off` is the empty one.
pub(super) fn list(value: &str) -> impl Iterator<Item = &str> {
    let items = value.split(',').map(str::trim);
    items.filter(move |item| value != "off" && !item.is_empty())
}

fn items<T>(value: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let all = list(value).map(|item| read(item).map_err(|wanted| format!("{item:?}: {wanted}")));
    let all: Vec<T> = all.collect::<Result<_, _>>()?;
    if all.len() > ITEMS_MAX { Err(format!("more than {ITEMS_MAX}")) } else { Ok(all) }
}

pub(super) fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("not a number from {least} to {most}"))
}

/// A text of up to 100 of these bytes.
fn plain(value: &str, is_allowed: impl Fn(u8) -> bool, what: &str) -> Result<String, String> {
    let is_well = (1..=100).contains(&value.len()) && value.bytes().all(is_allowed);
    is_well.then(|| value.to_owned()).ok_or_else(|| format!("not {what}"))
}

/// The name of a namespace or a secret, as manifests have them.
pub(super) fn store_name(value: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    plain(value, is_allowed, "a name of letters, digits, -, _ and .")
}

/// The name of a field or a cookie (RFC 9110 §5.6.2).
pub(super) fn field_name(value: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    plain(value, is_allowed, "a token, as names of fields are")
}

pub(super) fn host(value: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    plain(value, is_allowed, "a host")
}

/// A topic, or the beginning of one, without wildcards.
pub(super) fn topic(value: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"+#$\"\\".contains(&byte);
    let topic = plain(value, is_allowed, "a topic without wildcards")?;
    let is_odd = topic.starts_with('/') || topic.ends_with('/');
    if is_odd { Err("it begins or ends with a slash".into()) } else { Ok(topic) }
}

/// A path without a query (RFC 3986 §3.3).
pub(super) fn path(value: &str) -> Result<String, String> {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte);
    let path = plain(value, is_allowed, "a path")?;
    let is_path = path.starts_with('/') && !path.starts_with("//");
    if is_path { Ok(path) } else { Err("not a path such as /track".into()) }
}

/// The name of something that visitors do.
pub fn is_goal_name(value: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&value.len()) && value.bytes().all(is_allowed)
}

fn goal_name(value: &str) -> Result<String, String> {
    let is_well = is_goal_name(value);
    is_well
        .then(|| value.to_owned())
        .ok_or_else(|| "not a name of up to 64 letters, digits, -, _ and .".into())
}

pub(super) fn names(value: &str) -> Result<Vec<String>, String> {
    items(value, goal_name)
}

/// `plan=x-plan, id=sedge-user`: an attribute and the field that says it.
pub(super) fn attributes(value: &str) -> Result<Vec<(String, String)>, String> {
    items(value, |item| {
        let (name, field) = item.split_once('=').ok_or("ATTRIBUTE=FIELD is expected")?;
        let name = store_name(name.trim())?;
        Ok((name, field_name(field.trim())?))
    })
}

/// `layout=new: path /new`, `layout=new: host new.`, `layout=new: authority shop.example`.
pub(super) fn origins(value: &str) -> Result<Vec<Origin>, String> {
    items(value, |item| {
        let wanted = "FEATURE=VALUE: path /PREFIX, host PREFIX. or authority HOST is expected";
        let (condition, place) = item.split_once(':').ok_or(wanted)?;
        let (feature, value) = condition.split_once('=').ok_or(wanted)?;
        let (kind, text) = place.trim().split_once(' ').ok_or(wanted)?;
        let text = text.trim();
        let rewrite = match kind {
            "path" => Rewrite::Path(path(text.strip_suffix('/').unwrap_or(text))?),
            "host" if text.ends_with('.') => Rewrite::HostPrefix(host(text)?),
            "authority" => Rewrite::Host(host(text)?),
            _ => return Err(wanted.into()),
        };
        let (feature, value) = (feature.trim().to_owned(), value.trim().to_owned());
        if !crate::field::is_key(&feature) {
            return Err(format!("{feature:?} cannot be evaluated: a key of a field is expected"));
        }
        Ok(Origin { feature, value, rewrite })
    })
}

/// `order=POST 2xx /orders*`, `visit=any 200 /thanks`.
pub(super) fn goals(value: &str) -> Result<Vec<Goal>, String> {
    items(value, |item| {
        let wanted = "NAME=METHOD STATUS /PATH is expected, as in order=POST 2xx /orders*";
        let (name, rule) = item.split_once('=').ok_or(wanted)?;
        let words: Vec<&str> = rule.split_whitespace().collect();
        let [method, status, place] = words[..] else { return Err(wanted.into()) };
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_method && method != "any" {
            return Err(wanted.into());
        }
        let class = status.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok());
        let status = match (class, status.parse::<u16>()) {
            (Some(class @ 1..=5), _) => (class * 100, class * 100 + 99),
            (None, Ok(status @ 100..=599)) => (status, status),
            _ => return Err(wanted.into()),
        };
        let (place, is_prefix) = match place.strip_suffix('*') {
            Some(place) => (place, true),
            None => (place, false),
        };
        Ok(Goal {
            name: goal_name(name.trim())?,
            method: is_method.then(|| method.to_owned()),
            status,
            path: path(place)?,
            is_prefix,
        })
    })
}
