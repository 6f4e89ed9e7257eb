//! The payload in use: where it comes from, and what is done when it is broken.

use sedge_kit::experiments::definitions::Definitions;
use std::rc::Rc;

/// Mistakes that are told of one payload; the others are counted.
const TOLD_MAX: usize = 20;

/// A payload that was read without a mistake.
#[derive(Debug, Default)]
pub struct Flags {
    /// What it says.
    pub definitions: Definitions,
    /// Which attributes that cost something it may ask for.
    pub asks: Asks,
}

/// Attributes that cost something to find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// Where the visitor is.
    pub place: bool,
    /// Which browser it has.
    pub agent: bool,
    /// Which URL it is at, or a part of that.
    pub url: bool,
    /// Which languages it wants.
    pub language: bool,
    /// Which kind of device it has.
    pub device: bool,
}

impl Asks {
    /// By the names that are there at all.
    fn of(text: &str) -> Self {
        // What is encrypted or escaped may be any name.
        let is_hidden = text.contains("\"encrypted") || text.contains("\\u");
        let names = |names: &[&str]| is_hidden || names.iter().any(|name| text.contains(name));
        Asks {
            place: names(&["\"country\"", "\"region\"", "\"city\""]),
            agent: names(&["\"browser\"", "\"os\""]),
            url: names(&["\"url\"", "\"host\"", "\"path\"", "\"query\""]),
            language: names(&["\"language\""]),
            device: names(&["\"device\""]),
        }
    }
}

impl Flags {
    fn of_bytes(bytes: &[u8], key: Option<&str>) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "the definitions are not UTF-8".to_owned())?;
        Flags::read(text, key)
    }

    /// Reads a payload. One with a mistake anywhere is not used: half of what was meant may
    /// be the opposite of it.
    ///
    /// # Errors
    ///
    /// All mistakes, one a line.
    pub fn read(text: &str, key: Option<&str>) -> Result<Self, String> {
        let (definitions, findings) =
            Definitions::parse(text, key).map_err(|error| error.to_string())?;
        if findings.mistakes.is_empty() {
            return Ok(Flags { definitions, asks: Asks::of(text) });
        }
        let told = findings.mistakes.iter().take(TOLD_MAX).map(ToString::to_string);
        let mut lines: Vec<String> = told.collect();
        let more = findings.mistakes.len() - lines.len() + findings.mistakes_more;
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        Err(lines.join("\n"))
    }
}

/// Where payloads come from: the node, or a test.
pub trait Source {
    /// The payload of the function's configuration.
    fn configured(&mut self) -> Result<Option<String>, String>;

    /// The payload in kv, if there is a place for one.
    fn stored(&mut self) -> Result<Option<Vec<u8>>, String>;

    /// The last good payload of kv that any instance has kept.
    fn kept(&mut self) -> Option<Vec<u8>>;

    /// Keeps a good payload of kv, so that all instances go on with the same one when the next
    /// is broken.
    fn keep(&mut self, payload: &[u8]);

    /// The key of an encrypted payload.
    fn key(&mut self) -> Option<String>;

    /// Tells whoever runs the app.
    fn log(&mut self, line: &str);
}

/// The payload that an instance uses, and when it has looked.
#[derive(Debug, Default)]
pub struct Holder {
    flags: Option<Rc<Flags>>,
    /// What the stored payload was when it was looked at last, good or not.
    seen: Option<Vec<u8>>,
    /// That of the configuration was read; it stays as it is while an instance lives.
    is_configured_read: bool,
    /// When kv was looked at last.
    looked_ms: Option<u64>,
}

impl Holder {
    /// Reads the payload of the configuration before there is a request. Nothing is told; one
    /// with a mistake is an error.
    ///
    /// # Errors
    ///
    /// All mistakes, one a line, or the node's failure.
    pub fn prepare(&mut self, source: &mut dyn Source) -> Result<(), String> {
        if let Some(text) = source.configured()? {
            let flags = Flags::read(&text, None).map_err(|mistakes| {
                format!("the payload of the configuration is broken: {mistakes}")
            })?;
            (self.flags, self.is_configured_read) = (Some(Rc::new(flags)), true);
        }
        Ok(())
    }

    /// The flags in use, none if there were never good ones. What lies in kv goes before
    /// what is configured; a broken one leaves the last good one in use.
    pub fn flags(
        &mut self,
        source: &mut dyn Source,
        now_ms: u64,
        refresh_ms: u64,
    ) -> Option<Rc<Flags>> {
        // A clock that was set back does not stop the looking.
        let is_due = self.looked_ms.is_none_or(|last| now_ms.abs_diff(last) >= refresh_ms);
        if is_due {
            self.looked_ms = Some(now_ms);
            self.look(source);
        }
        if self.flags.is_none() && !self.is_configured_read {
            self.is_configured_read = true;
            self.configured(source);
        }
        self.flags.clone()
    }

    fn look(&mut self, source: &mut dyn Source) {
        let stored = match source.stored() {
            Ok(stored) => stored,
            Err(error) => return source.log(&format!("experiments: read the payload: {error}")),
        };
        if stored == self.seen {
            return;
        }
        match &stored {
            // It was taken away: what is configured counts again.
            None => (self.flags, self.is_configured_read) = (None, false),
            Some(bytes) => self.stored(source, bytes),
        }
        self.seen = stored;
    }

    /// Takes the payload of kv, or else the last good one that was there.
    fn stored(&mut self, source: &mut dyn Source, bytes: &[u8]) {
        let key = source.key();
        match Flags::of_bytes(bytes, key.as_deref()) {
            Ok(flags) => {
                self.flags = Some(Rc::new(flags));
                source.keep(bytes);
            }
            Err(mistakes) => {
                // Another instance may have seen it, and this one not.
                let kept =
                    source.kept().and_then(|kept| Flags::of_bytes(&kept, key.as_deref()).ok());
                let then = match kept {
                    Some(kept) => {
                        self.flags = Some(Rc::new(kept));
                        "the last good one stays in use"
                    }
                    None => "it is not used",
                };
                source
                    .log(&format!("experiments: the payload of kv is broken, {then}: {mistakes}"));
            }
        }
    }

    fn configured(&mut self, source: &mut dyn Source) {
        match source.configured() {
            Ok(Some(text)) => match Flags::read(&text, source.key().as_deref()) {
                Ok(flags) => self.flags = Some(Rc::new(flags)),
                Err(mistakes) => source.log(&format!(
                    "experiments: the payload of the configuration is broken, it is not used: \
                     {mistakes}"
                )),
            },
            Ok(None) => {
                source.log("experiments: there is no payload: set the value `features` in config");
            }
            Err(error) => source.log(&format!("experiments: read the configuration: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fake {
        configured: Option<String>,
        stored: Option<Result<Vec<u8>, String>>,
        kept: Option<Vec<u8>>,
        log: Vec<String>,
        looks: usize,
    }

    impl Source for Fake {
        fn configured(&mut self) -> Result<Option<String>, String> {
            Ok(self.configured.clone())
        }

        fn stored(&mut self) -> Result<Option<Vec<u8>>, String> {
            self.looks += 1;
            self.stored.clone().transpose()
        }

        fn kept(&mut self) -> Option<Vec<u8>> {
            self.kept.clone()
        }

        fn keep(&mut self, payload: &[u8]) {
            self.kept = Some(payload.to_vec());
        }

        fn key(&mut self) -> Option<String> {
            None
        }

        fn log(&mut self, line: &str) {
            self.log.push(line.to_owned());
        }
    }

    fn payload(name: &str) -> String {
        format!("{{\"features\": {{\"{name}\": {{\"defaultValue\": 1}}}}}}")
    }

    fn names(flags: Option<Rc<Flags>>) -> Vec<String> {
        let flags = flags.expect("flags");
        flags.definitions.features().iter().map(|feature| feature.id().to_owned()).collect()
    }

    #[test]
    fn broken_payloads_are_told_and_never_used() {
        for text in [
            "",
            "[]",
            "{\"features\": 1}",
            "{\"features\": {\"a\": {\"rules\": [{\"force\": 1, \"condition\": []}]}}}",
            "{\"encryptedFeatures\": \"x\"}",
            &"[".repeat(10_000),
        ] {
            let mut fake = Fake { configured: Some(text.into()), ..Fake::default() };
            let mut holder = Holder::default();
            assert!(holder.flags(&mut fake, 0, 10).is_none());
            assert!(holder.flags(&mut fake, 5, 10).is_none());
            assert_eq!(fake.log.len(), 1, "told once: {:?}", fake.log);
            assert!(fake.log[0].contains("is broken, it is not used"), "{:?}", fake.log);
        }
        let rules = "{\"force\": 1, \"condition\": []},".repeat(30);
        let many = format!("{{\"features\": {{\"a\": {{\"rules\": [{}{{}}]}}}}}}", rules);
        let error = Flags::read(&many, None).expect_err("mistakes");
        assert_eq!(error.lines().count(), TOLD_MAX + 1);
        assert!(error.ends_with("and 10 more"), "{error}");
    }

    #[test]
    fn what_is_stored_goes_first_and_a_broken_one_changes_nothing() {
        let stored = |text: &str| Some(Ok(text.as_bytes().to_vec()));
        let mut fake = Fake { configured: Some(payload("configured")), ..Fake::default() };
        let mut holder = Holder::default();
        assert_eq!(names(holder.flags(&mut fake, 0, 10)), ["configured"]);
        fake.stored = stored(&payload("stored"));
        assert_eq!(names(holder.flags(&mut fake, 9, 10)), ["configured"], "not looked yet");
        assert_eq!(names(holder.flags(&mut fake, 10, 10)), ["stored"]);
        for broken in ["{", "\u{0}"] {
            fake.stored = stored(broken);
            assert_eq!(names(holder.flags(&mut fake, 20, 0)), ["stored"]);
        }
        fake.stored = Some(Ok(vec![0xff]));
        assert_eq!(names(holder.flags(&mut fake, 20, 0)), ["stored"]);
        // Another instance, which has never seen the good one.
        let mut other = Holder::default();
        assert_eq!(names(other.flags(&mut fake, 20, 0)), ["stored"]);
        fake.stored = Some(Err("gone".into()));
        assert_eq!(names(holder.flags(&mut fake, 20, 0)), ["stored"]);
        assert_eq!(fake.log.len(), 5, "{:?}", fake.log);
        assert!(fake.log[0].contains("the last good one stays in use"), "{:?}", fake.log);
        // Taken away, and with the clock set back.
        fake.stored = None;
        assert_eq!(names(holder.flags(&mut fake, 0, 10)), ["configured"]);
        assert_eq!(fake.looks, 8);
    }

    #[test]
    fn what_was_prepared_is_not_read_again_and_a_broken_one_is_an_error() {
        let mut fake = Fake { configured: Some("{".into()), ..Fake::default() };
        let mut holder = Holder::default();
        let error = holder.prepare(&mut fake).expect_err("is broken");
        assert!(error.starts_with("the payload of the configuration is broken: "), "{error}");
        fake.configured = Some(payload("prepared"));
        holder.prepare(&mut fake).expect("is good");
        fake.configured = None;
        assert_eq!(names(holder.flags(&mut fake, 0, 10)), ["prepared"]);
        fake.stored = Some(Ok(payload("stored").into_bytes()));
        assert_eq!(names(holder.flags(&mut fake, 10, 10)), ["stored"]);
        assert_eq!(fake.log, [""; 0]);
        // There may be none, if there is one in kv.
        Holder::default().prepare(&mut fake).expect("nothing to read");
    }

    const ALL: Asks = Asks { place: true, agent: true, url: true, language: true, device: true };

    #[test]
    fn only_what_a_payload_names_is_looked_up() {
        let flags = |condition: &str| {
            let text = format!(
                "{{\"features\": {{\"a\": {{\"rules\": [{{\"force\": 1, \"condition\": {{{condition}}}}}]}}}}}}"
            );
            Flags::read(&text, None).expect("good").asks
        };
        assert_eq!(flags("\"plan\": 1"), Asks::default());
        let none = Asks::default();
        assert_eq!(flags("\"country\": \"DE\""), Asks { place: true, ..none });
        assert_eq!(flags("\"browser\": \"Firefox\""), Asks { agent: true, ..none });
        assert_eq!(flags("\"path\": \"/\""), Asks { url: true, ..none });
        // Written otherwise, it is the same name.
        assert_eq!(flags("\"p\\u0061th\": \"/\""), ALL);
        assert_eq!(Asks::of("{\"encryptedFeatures\": \"x\"}"), ALL);
    }
}
