//! What kind of device a client says that it is: by client hints (RFC 8942 and the lists of
//! the WICG) and by the words of its `User-Agent` (RFC 9110 §10.1.5).
//!
//! Anybody can say anything, so it is for what is shown and counted, not for what is allowed.
//! Words are looked at, no list of products: those that makers of browsers promise to keep
//! ("Mobile" above all), and those by which crawlers and television sets name themselves. An
//! iPad that asks for desktop sites, as it does by default, says that it is a Macintosh.

use crate::content::list::{members, trim, unquoted};

/// What kind of device it is, as `sedge:client/agent` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A browser on a computer.
    Desktop,
    /// A phone, or what is worn.
    Mobile,
    /// A tablet or a reader.
    Tablet,
    /// A television set, or a box for one.
    Tv,
    /// A program that visits by itself, and says so: a crawler, a monitor, a preview.
    Bot,
    /// None of these, such as a game console or a library for HTTP, or nothing is known.
    Other,
}

/// What a `User-Agent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The device that it speaks of; never [`Kind::Bot`]. Crawlers say which device they
    /// look with, and want what that gets.
    pub form: Kind,
    /// It is a program that visits by itself.
    pub is_bot: bool,
}

/// A text of more bytes says nothing. Those of browsers have 80 to 300.
pub const AGENT_BYTES_MAX: usize = 2048;

/// No word that means something has more letters.
const WORD_BYTES_MAX: usize = 24;

impl Kind {
    /// Reads the fields of a request; `field` gives the value of a field by its name in
    /// lower case. Hints decide on the form, since browsers that send them freeze the rest;
    /// only the `User-Agent` says what is a bot or a television set.
    pub fn of_fields<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Self {
        let agent = field("user-agent").map(Agent::parse).unwrap_or_default();
        if agent.is_bot { Kind::Bot } else { form(&field, agent.form) }
    }

    /// Reads a `User-Agent` alone.
    pub fn of_user_agent(agent: &str) -> Self {
        let agent = Agent::parse(agent);
        if agent.is_bot { Kind::Bot } else { agent.form }
    }

    /// Its name in `sedge:client`.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Desktop => "desktop",
            Kind::Mobile => "mobile",
            Kind::Tablet => "tablet",
            Kind::Tv => "tv",
            Kind::Bot => "bot",
            Kind::Other => "other",
        }
    }

    /// How large a screen it probably has, 0 to 100: below 30 it is a phone, below 70 a
    /// tablet, else neither.
    pub fn score(self) -> u8 {
        match self {
            Kind::Mobile => 10,
            Kind::Tablet => 50,
            Kind::Desktop | Kind::Tv | Kind::Bot | Kind::Other => 90,
        }
    }
}

/// The form by the hints, else what the `User-Agent` has said.
pub(crate) fn form<'a>(field: &impl Fn(&str) -> Option<&'a str>, agent: Kind) -> Kind {
    // A list of strings; of several, the one that is held in the hand most.
    if let Some(factors) = field("sec-ch-ua-form-factors") {
        let has = |name: &str| members(factors).any(|one| unquoted(one).eq_ignore_ascii_case(name));
        if has("Mobile") || has("Watch") {
            return Kind::Mobile;
        }
        if has("Tablet") || has("EInk") {
            return Kind::Tablet;
        }
        if has("Desktop") {
            return Kind::Desktop;
        }
        if has("XR") || has("Automotive") {
            return Kind::Other;
        }
    }
    match field("sec-ch-ua-mobile").map(trim) {
        Some("?1") => Kind::Mobile,
        // Tablets say so, too.
        Some("?0") if agent == Kind::Mobile => Kind::Desktop,
        _ => agent,
    }
}

impl Default for Agent {
    fn default() -> Self {
        Agent { form: Kind::Other, is_bot: false }
    }
}

impl Agent {
    /// Reads a `User-Agent`.
    pub fn parse(text: &str) -> Self {
        if text.len() > AGENT_BYTES_MAX {
            return Agent::default();
        }
        let mut words = Words { is_bot: text.contains("+http"), ..Words::default() };
        for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            words.take(word);
        }
        // All browsers begin so; Opera's had its own name.
        words.is_browser = text.starts_with("Mozilla/") || text.starts_with("Opera/");
        Agent { form: words.form(), is_bot: words.is_bot }
    }
}

/// What the words of a text say.
#[derive(Default)]
struct Words {
    is_bot: bool,
    is_browser: bool,
    tv: bool,
    console: bool,
    phone: bool,
    tablet: bool,
    /// Said by phones, and by some tablets beside their own word.
    mobile: bool,
    android: bool,
    silk: bool,
    desktop: bool,
    /// The word before was `Tablet`.
    after_tablet: bool,
    /// The word before was `Opera`.
    after_opera: bool,
}

impl Words {
    /// Takes one more word, of ASCII letters and digits.
    fn take(&mut self, word: &str) {
        let mut letters = [0; WORD_BYTES_MAX];
        let Some(letters) = letters.get_mut(..word.len()).filter(|letters| !letters.is_empty())
        else {
            return;
        };
        letters.copy_from_slice(word.as_bytes());
        letters.make_ascii_lowercase();
        let after_tablet = core::mem::take(&mut self.after_tablet);
        let after_opera = core::mem::take(&mut self.after_opera);
        match &*letters {
            b"android" => self.android = true,
            b"mobi" | b"mobile" | b"iemobile" => self.mobile = true,
            b"mini" => self.phone |= after_opera,
            b"opera" => self.after_opera = true,
            b"blackberry" | b"bb10" => self.phone = true,
            b"tablet" => (self.tablet, self.after_tablet) = (true, true),
            // `Tablet PC 2.0` is a part of Windows that desktops have.
            b"pc" => self.tablet &= !after_tablet,
            b"playbook" | b"kindle" => self.tablet = true,
            b"silk" => self.silk = true,
            b"windows" | b"macintosh" | b"x11" | b"cros" | b"linux" => self.desktop = true,
            b"tv" | b"smarttv" | b"hbbtv" | b"dtv" | b"googletv" | b"bravia" | b"crkey"
            | b"roku" | b"netcast" | b"viera" | b"web0s" => self.tv = true,
            b"xbox" | b"playstation" | b"nintendo" => self.console = true,
            // A make of phones.
            b"cubot" => {}
            other => self.take_other(other, word),
        }
    }

    /// Words that have something behind or before what matters.
    fn take_other(&mut self, letters: &[u8], word: &str) {
        let starts = |with: &[u8]| letters.starts_with(with);
        if starts(b"iphone") || starts(b"ipod") {
            self.phone = true;
        } else if starts(b"ipad") {
            self.tablet = true;
        } else if starts(b"appletv") || is_fire_tv(word) {
            self.tv = true;
        } else if is_of_bots(letters) {
            self.is_bot = true;
        }
    }

    fn form(&self) -> Kind {
        // `MOBILE SAFARI` is what some sets say, too.
        if self.tv {
            return Kind::Tv;
        }
        if self.console {
            return Kind::Other;
        }
        // Without "Mobile", these are made for larger screens; but only browsers keep to that.
        let is_implied = !self.mobile && self.is_browser && (self.silk || self.android);
        if self.tablet || is_implied {
            Kind::Tablet
        } else if self.mobile || self.phone || self.android {
            Kind::Mobile
        } else if self.desktop && self.is_browser {
            Kind::Desktop
        } else {
            Kind::Other
        }
    }
}

/// Amazon's sets and sticks: `AFTT`, `AFTMM`, `AFTKA002`.
fn is_fire_tv(word: &str) -> bool {
    let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (4..=9).contains(&word.len()) && word.starts_with("AFT") && word.bytes().all(is_code)
}

/// How programs that visit by themselves name themselves: by what they are, and the large
/// ones that do not say it. They also leave an address (`+http…`).
fn is_of_bots(letters: &[u8]) -> bool {
    let kinds: [&[u8]; 7] =
        [b"bot", b"bots", b"crawler", b"spider", b"scraper", b"monitor", b"monitoring"];
    let names: [&[u8]; 20] = [
        b"slurp",
        b"mediapartners",
        b"facebookexternalhit",
        b"facebookcatalog",
        b"archiver",
        b"headlesschrome",
        b"phantomjs",
        b"lighthouse",
        b"bingpreview",
        b"skypeuripreview",
        b"whatsapp",
        b"pingdom",
        b"googleother",
        b"inspectiontool",
        b"feedfetcher",
        b"validator",
        b"scrapy",
        b"nutch",
        b"embedly",
        b"iframely",
    ];
    kinds.iter().any(|kind| letters.ends_with(kind)) || names.contains(&letters)
}

#[cfg(test)]
mod tests;
