//! Entity tags of content that was changed on its way (RFC 9110 §8.8.3).
//!
//! What was changed needs a tag of its own, and a weak one: the same content may be
//! compressed to other bytes the next time. The tag is the origin's with what was
//! done behind it, so that a condition of the client can be turned back into one that
//! the origin understands, without anything being stored.

use super::list::members;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// An entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// It promises the same bytes.
    pub is_strong: bool,
    /// What stands between the quotes.
    pub opaque: &'a str,
}

impl<'a> Tag<'a> {
    /// Parses one tag; `None` if it is not well-formed.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (is_strong, quoted) = match text.strip_prefix("W/") {
            Some(quoted) => (false, quoted),
            None => (true, text),
        };
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let is_valid = |byte: u8| byte == b'!' || (byte > b'"' && byte != 0x7f);
        opaque.bytes().all(is_valid).then_some(Tag { is_strong, opaque })
    }

    /// As it stands in a field.
    pub fn text(self) -> String {
        format!("{}\"{}\"", if self.is_strong { "" } else { "W/" }, self.opaque)
    }

    /// The tag of this content after it was changed as `mark` says: letters and
    /// digits that name what was done.
    pub fn marked(self, mark: &str) -> String {
        let strength = if self.is_strong { 's' } else { 'w' };
        format!("W/\"{}~{strength}{mark}\"", self.opaque)
    }

    /// The origin's tag and the mark, of a tag that [`Tag::marked`] made.
    fn unmarked(self) -> Option<(Tag<'a>, &'a str)> {
        let (opaque, mark) = self.opaque.rsplit_once('~')?;
        let is_strong = match mark.as_bytes().first()? {
            b's' => true,
            b'w' => false,
            _ => return None,
        };
        let mark = &mark[1..];
        let is_mark = !mark.is_empty() && mark.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_mark && !self.is_strong).then_some((Tag { is_strong, opaque }, mark))
    }
}

/// A condition (`If-None-Match`, `If-Match`) in the origin's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The field to send on; empty: every tag was one of ours that does not count.
    pub field: String,
    /// Which tags in it stand for which of the client's.
    stands: Vec<(String, String)>,
}

impl Condition {
    /// Translates a field's value. A tag that was marked counts if `is_ours` says so
    /// of its mark, and is left out if it says that it is another variant: `None`
    /// there means that the mark is none of ours, and the tag stays.
    ///
    /// Returns `None` where nothing has to be changed: `*`, no mark, or nothing that is
    /// a list of tags.
    pub fn translate(value: &str, is_ours: impl Fn(&str) -> Option<bool>) -> Option<Self> {
        let mut condition = Condition::default();
        let mut is_changed = false;
        for member in members(value) {
            let tag = Tag::parse(member)?;
            let marked = tag.unmarked().and_then(|(own, mark)| Some((own, is_ours(mark)?)));
            match marked {
                Some((_, false)) => is_changed = true,
                Some((own, true)) => {
                    is_changed = true;
                    condition.push(&own.text());
                    condition.stands.push((own.text(), member.into()));
                }
                None => condition.push(member),
            }
        }
        is_changed.then_some(condition)
    }

    fn push(&mut self, member: &str) {
        if !self.field.is_empty() {
            self.field.push_str(", ");
        }
        self.field.push_str(member);
    }

    /// The tag that the client knows, for the one in an answer of 304; they are
    /// compared weakly (RFC 9110 §8.8.3.2). Without a tag in the answer: the only one
    /// that was asked for.
    pub fn client_tag(&self, answered: Option<&str>) -> Option<&str> {
        let Some(answered) = answered else {
            return match &self.stands[..] {
                [(own, client)] if *own == self.field => Some(client),
                _ => None,
            };
        };
        let opaque = Tag::parse(answered)?.opaque;
        let stands = self
            .stands
            .iter()
            .find(|(own, _)| Tag::parse(own).is_some_and(|own| own.opaque == opaque));
        stands.map(|(_, client)| client.as_str())
    }
}

#[cfg(test)]
mod tests;
