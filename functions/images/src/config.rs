//! How a function is configured, by its environment in the manifest.

use crate::allow::AllowList;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::signature::Keys;
use crate::source::SourceUrl;

/// What the environment says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What an image may cost.
    pub limits: Limits,
    /// Where sources are that are given as a path.
    pub origin: Option<SourceUrl>,
    /// The sources that may be fetched; `None` leaves that to the node.
    pub sources: Option<AllowList>,
    /// The keys of which one must have signed a URL; `None` where none need.
    pub keys: Option<Keys>,
}

impl Config {
    /// Reads the environment, of which `variable` looks one up, and the secrets.
    /// An empty variable is as none.
    ///
    /// # Errors
    /// [`Problem::Configuration`] with the name of the variable that is wrong:
    /// what guards sources must not be skipped because of a slip.
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let filled = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let wrong = Problem::Configuration;
        let origin = filled("IMAGES_ORIGIN").map(|url| SourceUrl::parse(url.trim())).transpose();
        let origin = origin.map_err(|_| wrong("IMAGES_ORIGIN"))?;
        let sources = match filled("IMAGES_SOURCES") {
            None => None,
            Some(list) => {
                let list = AllowList::parse(&list, origin.as_ref());
                Some(list.ok_or(wrong("IMAGES_SOURCES"))?)
            }
        };
        let keys = match filled("IMAGES_SIGNATURE").as_deref().map(str::trim) {
            None | Some("none") => None,
            Some("required") => {
                let key = secret("images_key").ok_or(wrong("the secret images_key"))?;
                let salt = secret("images_salt").ok_or(wrong("the secret images_salt"))?;
                let keys = Keys::from_hexadecimal(&key, &salt);
                Some(keys.ok_or(wrong("images_key with images_salt"))?)
            }
            Some(_) => return Err(wrong("IMAGES_SIGNATURE")),
        };
        Ok(Self { limits: Limits::from_environment(&variable), origin, sources, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, value: &str) -> Result<Config, Problem> {
        let variable = |asked: &str| (asked == name).then(|| value.to_owned());
        Config::from_environment(variable, |_| None)
    }

    #[test]
    fn guards_that_are_misspelled_do_not_stand_open() {
        for (name, value) in [
            ("IMAGES_SIGNATURE", "true"),
            ("IMAGES_SIGNATURE", "Required"),
            ("IMAGES_SIGNATURE", "required"),
            ("IMAGES_SOURCES", "https://"),
            ("IMAGES_SOURCES", "/uploads"),
        ] {
            let problem = config(name, value).expect_err(value);
            assert!(matches!(problem, Problem::Configuration(_)), "{name}={value}: {problem}");
        }
        let required = |name: &str| (name == "IMAGES_SIGNATURE").then(|| "required".to_owned());
        let short = |name: &str| Some(if name == "images_key" { "00" } else { "aa" }.to_owned());
        assert!(Config::from_environment(required, short).is_err());
        let good = |_: &str| Some("00112233445566778899aabbccddeeff".to_owned());
        assert!(Config::from_environment(required, good).expect("good").keys.is_some());
        assert_eq!(config("IMAGES_SIGNATURE", "none").expect("none").keys, None);
    }

    #[test]
    fn an_origin_that_is_none_is_told() {
        for wrong in ["shop.example", "ftp://shop.example", "/images"] {
            let problem = config("IMAGES_ORIGIN", wrong).expect_err(wrong);
            assert!(matches!(problem, Problem::Configuration("IMAGES_ORIGIN")), "{problem}");
        }
        assert_eq!(config("IMAGES_ORIGIN", " ").expect("none").origin, None);
        let origin = config("IMAGES_ORIGIN", "https://Shop.example").expect("one").origin;
        assert_eq!(origin.map(|url| url.authority).as_deref(), Some("shop.example"));
    }
}
