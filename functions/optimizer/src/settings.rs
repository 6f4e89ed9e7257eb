//! What the manifest says: environment variables, checked before anything is done.

use crate::html::Whitespace;
use crate::minify::Minified;
use sedge_kit::content::coding::Coding;
use std::fmt::Write;

/// The settings of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Codings to compress to, the preferred ones first; none: nothing is compressed.
    pub codings: Vec<Coding>,
    /// What stands behind is asked for its answers as they are, so that they can be
    /// worked on; else by what the client takes.
    pub asks_for_identity: bool,
    /// Bodies that are known to be smaller pass.
    pub bytes_min: u64,
    /// Bodies that are known to be larger pass.
    pub bytes_max: u64,
    /// Bytes that are held to be worked on as a whole; larger bodies are only
    /// compressed. Memory is taken for several times as much.
    pub held_bytes_max: usize,
    /// How long a body is waited for that is to be worked on as a whole.
    pub hold_ms: u64,
    /// Which answers get a lifetime in shared caches where they say nothing.
    pub lifetime: Lifetime,
    /// Clients are asked for hints.
    pub asks_for_hints: bool,
    /// What is written shorter.
    pub minified: Minified,
    /// Local names in scripts become shorter.
    pub shortens_names: bool,
    /// Where blanks in HTML are left out.
    pub whitespace: Whitespace,
    /// The scope of the node's cache in which dictionaries are kept; `None`: there are none.
    pub dictionaries: Option<String>,
    /// What stands before the options in the path of a picture that is asked for of
    /// the function `images`; `None`: pictures stay as they are.
    pub images: Option<String>,
    /// The quality of those pictures, 1 to 100; `None`: `auto`.
    pub images_quality: Option<u8>,
}

/// Which answers get a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Those of kinds that are the same for all: style sheets, scripts, fonts,
    /// pictures.
    Assets,
    /// All that nothing speaks against.
    All,
    /// None.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            codings: vec![Coding::Brotli, Coding::Zstd, Coding::Gzip],
            asks_for_identity: true,
            bytes_min: 256,
            bytes_max: 4 << 20,
            held_bytes_max: 1 << 20,
            hold_ms: 2_000,
            lifetime: Lifetime::Assets,
            asks_for_hints: true,
            minified: Minified { html: true, css: false, js: false, json: true },
            shortens_names: false,
            whitespace: Whitespace::Auto,
            dictionaries: None,
            images: None,
            images_quality: None,
        }
    }
}

/// All variables, so that one that is misspelled is found.
const NAMES: [&str; 14] = [
    "OPTIMIZER_CODINGS",
    "OPTIMIZER_BEHIND",
    "OPTIMIZER_BYTES_MIN",
    "OPTIMIZER_BYTES_MAX",
    "OPTIMIZER_HELD_BYTES_MAX",
    "OPTIMIZER_HOLD_MS",
    "OPTIMIZER_LIFETIME",
    "OPTIMIZER_HINTS",
    "OPTIMIZER_MINIFY",
    "OPTIMIZER_NAMES",
    "OPTIMIZER_WHITESPACE",
    "OPTIMIZER_DICTIONARIES",
    "OPTIMIZER_IMAGES",
    "OPTIMIZER_IMAGES_QUALITY",
];

impl Settings {
    /// The defaults, changed by the variables; others than those that begin with
    /// `OPTIMIZER_` are none of ours.
    ///
    /// # Errors
    /// All that is wrong, in one text.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut settings = Settings::default();
        let mut problems = String::new();
        for (name, value) in variables {
            if !name.starts_with("OPTIMIZER_") {
                continue;
            }
            if let Err(wanted) = settings.set(&name, value.trim()) {
                let separator = if problems.is_empty() { "" } else { "; " };
                let _ = write!(problems, "{separator}{name} = {value:?}: {wanted}");
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "OPTIMIZER_CODINGS" => self.codings = codings(value)?,
            "OPTIMIZER_BEHIND" => {
                self.asks_for_identity = one_of(value, [("identity", true), ("client", false)])?;
            }
            "OPTIMIZER_BYTES_MIN" => self.bytes_min = number(value, 0, 1 << 20)?,
            "OPTIMIZER_BYTES_MAX" => self.bytes_max = number(value, 0, 1 << 40)?,
            "OPTIMIZER_HELD_BYTES_MAX" => {
                self.held_bytes_max = number(value, 1 << 10, 16 << 20)? as usize;
            }
            "OPTIMIZER_HOLD_MS" => self.hold_ms = number(value, 0, 60_000)?,
            "OPTIMIZER_LIFETIME" => {
                let all =
                    [("assets", Lifetime::Assets), ("all", Lifetime::All), ("off", Lifetime::Off)];
                self.lifetime = one_of(value, all)?;
            }
            "OPTIMIZER_HINTS" => {
                self.asks_for_hints = one_of(value, [("on", true), ("off", false)])?;
            }
            "OPTIMIZER_MINIFY" => {
                let mut all = Minified { html: false, css: false, js: false, json: false };
                for item in list(value) {
                    let kinds = [
                        ("html", &mut all.html),
                        ("css", &mut all.css),
                        ("js", &mut all.js),
                        ("json", &mut all.json),
                    ];
                    *one_of(item, kinds)? = true;
                }
                self.minified = all;
            }
            "OPTIMIZER_NAMES" => {
                self.shortens_names = one_of(value, [("keep", false), ("shorten", true)])?;
            }
            "OPTIMIZER_WHITESPACE" => {
                let all = [
                    ("auto", Whitespace::Auto),
                    ("always", Whitespace::Always),
                    ("never", Whitespace::Never),
                ];
                self.whitespace = one_of(value, all)?;
            }
            "OPTIMIZER_DICTIONARIES" => self.dictionaries = scope(value)?,
            "OPTIMIZER_IMAGES" => self.images = images(value)?,
            "OPTIMIZER_IMAGES_QUALITY" => {
                self.images_quality = match value {
                    "auto" => None,
                    value => Some(number(value, 1, 100)? as u8),
                };
            }
            _ => return Err(format!("no such setting; there are {}", NAMES.join(", "))),
        }
        Ok(())
    }
}

/// A value of a few.
fn one_of<T, const N: usize>(value: &str, all: [(&str, T); N]) -> Result<T, String> {
    let names = all.each_ref().map(|(name, _)| *name).join(", ");
    let found = all.into_iter().find(|(name, _)| *name == value);
    found.map(|(_, value)| value).ok_or_else(|| format!("not one of {names}"))
}

/// The items of a list; `off` is the empty one.
fn list(value: &str) -> impl Iterator<Item = &str> {
    let items = value.split(',').map(str::trim);
    items.filter(move |item| value != "off" && !item.is_empty())
}

fn codings(value: &str) -> Result<Vec<Coding>, String> {
    let mut codings = Vec::new();
    for item in list(value) {
        let coding = Coding::of_token(item).filter(|coding| *coding != Coding::DictionaryZstd);
        let coding = coding.ok_or_else(|| format!("{item} is not one of zstd, br, gzip"))?;
        if !codings.contains(&coding) {
            codings.push(coding);
        }
    }
    if codings.is_empty() && value != "off" {
        return Err("empty; off is for none".into());
    }
    Ok(codings)
}

/// The name of a scope, as manifests have them.
fn scope(value: &str) -> Result<Option<String>, String> {
    if value == "off" {
        return Ok(None);
    }
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match !value.is_empty() && value.len() <= 63 && value.bytes().all(is_part) {
        true => Ok(Some(value.into())),
        false => Err("neither off nor a scope that `cache` grants".into()),
    }
}

/// A path without an end, in characters that need no quotes in markup.
fn images(value: &str) -> Result<Option<String>, String> {
    if value == "off" {
        return Ok(None);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let is_path = value.starts_with('/') && !value.starts_with("//") && !value.ends_with('/');
    if is_path && value.len() <= 100 && value.bytes().all(is_plain) {
        return Ok(Some(value.into()));
    }
    Err("neither off nor a path such as /cdn-cgi/image".into())
}

fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("not a number from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())))
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let problems = read(&[
            ("OPTIMIZER_CODINGS", "br, deflate"),
            ("OPTIMIZER_BYTES_MIN", "-1"),
            ("OPTIMIZER_HELD_BYTES_MAX", "1 MiB"),
            ("OPTIMIZER_LIFETIME", "some"),
            ("OPTIMIZER_CODING", "br"),
            ("OPTIMIZER_MINIFY", "html, xml"),
            ("OPTIMIZER_NAMES", "short"),
            ("OPTIMIZER_DICTIONARIES", "a/b"),
            ("OPTIMIZER_IMAGES", "//cdn.example"),
            ("OPTIMIZER_IMAGES_QUALITY", "0"),
            ("PATH", "/bin"),
        ])
        .expect_err("wrong");
        for part in [
            "OPTIMIZER_CODINGS = \"br, deflate\": deflate is not one of zstd, br, gzip",
            "OPTIMIZER_BYTES_MIN = \"-1\": not a number from 0 to 1048576",
            "OPTIMIZER_HELD_BYTES_MAX = \"1 MiB\": not a number",
            "OPTIMIZER_LIFETIME = \"some\": not one of assets, all, off",
            "OPTIMIZER_MINIFY = \"html, xml\": not one of html, css, js, json",
            "OPTIMIZER_NAMES = \"short\": not one of keep, shorten",
            "OPTIMIZER_DICTIONARIES = \"a/b\": neither off nor a scope",
            "OPTIMIZER_IMAGES = \"//cdn.example\": neither off nor a path",
            "OPTIMIZER_IMAGES_QUALITY = \"0\": not a number from 1 to 100",
            "OPTIMIZER_CODING = \"br\": no such setting; there are OPTIMIZER_CODINGS",
        ] {
            assert!(problems.contains(part), "{problems}");
        }
        assert!(read(&[("OPTIMIZER_CODINGS", " ")]).is_err(), "empty by mistake");
        assert!(read(&[("OPTIMIZER_CODINGS", "dcz")]).is_err());
    }

    #[test]
    fn what_is_said_is_done() {
        assert_eq!(read(&[]), Ok(Settings::default()));
        let settings = read(&[
            ("OPTIMIZER_CODINGS", "gzip, br,gzip"),
            ("OPTIMIZER_BEHIND", "client"),
            ("OPTIMIZER_HOLD_MS", "0"),
            ("OPTIMIZER_LIFETIME", "off"),
            ("OPTIMIZER_HINTS", "off"),
            ("OPTIMIZER_MINIFY", "json, css,js"),
            ("OPTIMIZER_NAMES", "shorten"),
            ("OPTIMIZER_IMAGES", "/cdn-cgi/image"),
        ])
        .expect("right");
        assert_eq!(settings.codings, [Coding::Gzip, Coding::Brotli]);
        assert!(!settings.asks_for_identity && !settings.asks_for_hints);
        let minified = Minified { html: false, css: true, js: true, json: true };
        assert_eq!((settings.minified, settings.shortens_names), (minified, true));
        assert_eq!(settings.images.as_deref(), Some("/cdn-cgi/image"));
        assert_eq!((settings.hold_ms, settings.lifetime), (0, Lifetime::Off));
        assert_eq!(read(&[("OPTIMIZER_CODINGS", "off")]).expect("right").codings, []);
    }
}
