//! What tells two states of a file apart, and whether a request still wants it
//! (RFC 9110 §8.8 and §13).

use http::header::{
    HeaderMap, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that was changed within this time may be changed again without another
/// time stamp, which some file systems keep in steps of two seconds. Until then its
/// tag is weak.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The validators of one state of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validators {
    /// `"…"`, without `W/`.
    opaque: String,
    is_weak: bool,
    /// In whole seconds, not later than now (RFC 9110 §8.8.2.1).
    modified: SystemTime,
}

/// What becomes of a request with conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered.
    Send,
    /// 304: the client has it.
    NotModified,
    /// 412: it is not what the client thinks.
    Failed,
}

impl Validators {
    /// Those of a file as it is now. The tag is made of the time of its last change
    /// too, which nobody can set: files that were unpacked have the time stamps of
    /// their archive, whatever is in them.
    pub(super) fn of(metadata: &Metadata, now: SystemTime) -> Self {
        let mut hasher = DefaultHasher::new();
        metadata.dev().hash(&mut hasher);
        metadata.ino().hash(&mut hasher);
        metadata.size().hash(&mut hasher);
        (metadata.mtime(), metadata.mtime_nsec()).hash(&mut hasher);
        (metadata.ctime(), metadata.ctime_nsec()).hash(&mut hasher);
        let changed = at(metadata.ctime()).max(at(metadata.mtime()));
        Validators {
            opaque: format!("\"{:016x}\"", hasher.finish()),
            is_weak: now.duration_since(changed).is_ok_and(|age| age <= SETTLED_AFTER),
            modified: at(metadata.mtime()).min(whole_seconds(now)),
        }
    }

    /// `ETag`.
    pub(super) fn tag(&self) -> Option<HeaderValue> {
        let weak = if self.is_weak { "W/" } else { "" };
        HeaderValue::try_from(format!("{weak}{}", self.opaque)).ok()
    }

    /// `Last-Modified`.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(httpdate::fmt_http_date(self.modified)).ok()
    }

    /// The conditions of a `GET` or `HEAD`, in the order of RFC 9110 §13.2.2.
    /// Dates that are none are as if they were not there (§13.1.3, §13.1.4).
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(IF_MATCH) {
            if !self.is_named(headers, &IF_MATCH, true) {
                return Verdict::Failed;
            }
        } else if date(headers, &IF_UNMODIFIED_SINCE).is_some_and(|date| self.modified > date) {
            return Verdict::Failed;
        }
        if headers.contains_key(IF_NONE_MATCH) {
            if self.is_named(headers, &IF_NONE_MATCH, false) {
                return Verdict::NotModified;
            }
        } else if date(headers, &IF_MODIFIED_SINCE).is_some_and(|date| self.modified <= date) {
            return Verdict::NotModified;
        }
        Verdict::Send
    }

    /// Whether parts are wanted of this state (RFC 9110 §13.1.5): only a strong tag,
    /// or a date that is as good as one, says that they fit what the client has.
    pub(super) fn allows_parts(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(IF_RANGE).iter();
        let Some(value) = values.next() else { return true };
        if values.next().is_some() || self.is_weak {
            return false;
        }
        if value.as_bytes() == self.opaque.as_bytes() {
            return true;
        }
        let date = value.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
        date == Some(self.modified)
    }

    /// Whether a list of tags, or `*`, names this state.
    fn is_named(&self, headers: &HeaderMap, name: &http::HeaderName, strongly: bool) -> bool {
        let lists = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        lists.into_iter().any(|list| {
            list.trim_ascii() == b"*"
                || Tags(list).any(|(is_weak, opaque)| {
                    let fits = !strongly || !is_weak && !self.is_weak;
                    fits && opaque == self.opaque.as_bytes()
                })
        })
    }
}

/// The tags of a list (RFC 9110 §8.8.3): whether each is weak, and its quoted text.
/// It ends where the list is none.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = (bool, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0;
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        let (is_weak, rest) = match rest {
            [b'W', b'/', after @ ..] => (true, after),
            rest => (false, rest),
        };
        let inner = rest.strip_prefix(b"\"")?;
        let end = inner.iter().position(|byte| *byte == b'"')? + 2;
        let (tag, after) = rest.split_at(end);
        // What follows a tag is a comma, or nothing.
        let after = after.trim_ascii_start();
        self.0 = if after.is_empty() || after[0] == b',' { after } else { b"" };
        Some((is_weak, tag))
    }
}

/// A date, if there is one and it is one.
fn date(headers: &HeaderMap, name: &http::HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// Seconds since 1970; a file from before is as old as that.
fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.clamp(0, LATEST_S).cast_unsigned())
}

/// The end of the year 9999, after which there are no dates (RFC 9110 §5.6.7).
const LATEST_S: i64 = 253_402_300_799;

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests;
