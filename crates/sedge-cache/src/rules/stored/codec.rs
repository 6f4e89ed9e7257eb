//! A stored head as bytes for a disk: little-endian, lengths before what they are of.

use super::StoredHead;
use crate::rules::directives::ResponseDirectives;
use crate::rules::freshness::{LifetimeSource, Times};
use crate::rules::groups::{Tag, TagKind};
use crate::rules::parts::Part;
use crate::rules::range::Span;
use crate::rules::vary::VaryField;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// What a head of this layout begins with.
const VERSION: u8 = 1;
/// The most of anything that there can be several of.
const COUNT_MAX: u64 = 4096;

/// The bytes are not a head that this version of this cache has written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bytes are not a stored response's head of a version that this cache writes")]
pub struct Undecodable;

type Read<T> = Result<T, Undecodable>;

impl StoredHead {
    /// Appends the head to `out`, for [`decode`](Self::decode).
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(self.status.as_u16().to_le_bytes());
        let numbers =
            [self.times.request_ms, self.times.response_ms, self.initial_age_ms, self.lifetime_ms];
        numbers.iter().for_each(|number| put_u64(out, *number));
        out.push(self.source as u8);
        put_directives(out, &self.directives);
        put_u64(out, self.headers.len() as u64);
        for (name, value) in &self.headers {
            put_bytes(out, name.as_str().as_bytes());
            put_bytes(out, value.as_bytes());
        }
        put_u64(out, self.vary.len() as u64);
        self.vary.iter().for_each(|field| put_vary(out, field));
        put_u64(out, self.tags.len() as u64);
        for tag in &self.tags {
            out.push(tag.kind as u8);
            put_bytes(out, tag.name.as_bytes());
        }
        put_u64(out, u64::from(self.part.is_some()));
        if let Some(part) = &self.part {
            put_optional(out, part.total);
            put_u64(out, part.spans.len() as u64);
            for span in &part.spans {
                put_u64(out, span.first);
                put_u64(out, span.last);
            }
            put_u64(out, u64::from(part.range.is_some()));
            put_bytes(out, part.range.as_ref().map(HeaderValue::as_bytes).unwrap_or_default());
        }
    }

    /// Reads a head that [`encode`](Self::encode) wrote, and nothing after it.
    ///
    /// # Errors
    ///
    /// For bytes that it did not write, unless they happen to be well-formed: whether a
    /// disk has changed them is for a checksum to say.
    pub fn decode(bytes: &[u8]) -> Read<StoredHead> {
        let mut reader = Reader { rest: bytes };
        if reader.byte()? != VERSION {
            return Err(Undecodable);
        }
        let status = reader.u16()?;
        let head = StoredHead {
            status: StatusCode::from_u16(status).map_err(|_| Undecodable)?,
            times: Times { request_ms: reader.u64()?, response_ms: reader.u64()? },
            initial_age_ms: reader.u64()?,
            lifetime_ms: reader.u64()?,
            source: reader.source()?,
            directives: reader.directives()?,
            headers: reader.headers()?,
            vary: reader.many(Reader::vary)?,
            tags: reader.many(Reader::tag)?,
            part: if reader.flag()? { Some(reader.part()?) } else { None },
        };
        if reader.rest.is_empty() { Ok(head) } else { Err(Undecodable) }
    }
}

pub(crate) fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A number that may be absent; none of ours is as large as what stands for that.
fn put_optional(out: &mut Vec<u8>, number: Option<u64>) {
    put_u64(out, number.unwrap_or(u64::MAX));
}

pub(crate) fn put_vary(out: &mut Vec<u8>, field: &VaryField) {
    put_bytes(out, field.name.as_str().as_bytes());
    put_u64(out, u64::from(field.value.is_some()));
    put_bytes(out, field.value.as_deref().unwrap_or_default());
}

fn put_directives(out: &mut Vec<u8>, directives: &ResponseDirectives) {
    let flags = [
        directives.no_store,
        directives.no_cache,
        directives.private,
        directives.public,
        directives.must_revalidate,
        directives.proxy_revalidate,
        directives.must_understand,
        directives.no_transform,
        directives.immutable,
        directives.targeted,
    ];
    let bits = flags.iter().rev().fold(0u16, |bits, flag| bits << 1 | u16::from(*flag));
    out.extend(bits.to_le_bytes());
    put_optional(out, directives.max_age);
    put_optional(out, directives.s_maxage);
    put_optional(out, directives.stale_while_revalidate);
    put_optional(out, directives.stale_if_error);
}

/// Reads what the functions above write.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take<const BYTES: usize>(&mut self) -> Read<[u8; BYTES]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Undecodable)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn byte(&mut self) -> Read<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Read<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn flag(&mut self) -> Read<bool> {
        match self.u64()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Undecodable),
        }
    }

    fn optional(&mut self) -> Read<Option<u64>> {
        self.u64().map(|number| (number != u64::MAX).then_some(number))
    }

    pub(crate) fn bytes(&mut self) -> Read<&'a [u8]> {
        let len = usize::try_from(self.u64()?).map_err(|_| Undecodable)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Undecodable)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn count(&mut self) -> Read<u64> {
        self.u64().and_then(|count| if count <= COUNT_MAX { Ok(count) } else { Err(Undecodable) })
    }

    pub(crate) fn many<T>(&mut self, one: impl Fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        (0..self.count()?).map(|_| one(self)).collect()
    }

    fn name(&mut self) -> Read<HeaderName> {
        HeaderName::from_bytes(self.bytes()?).map_err(|_| Undecodable)
    }

    fn value(&mut self) -> Read<HeaderValue> {
        HeaderValue::from_bytes(self.bytes()?).map_err(|_| Undecodable)
    }

    fn headers(&mut self) -> Read<HeaderMap> {
        let mut headers = HeaderMap::new();
        for _ in 0..self.count()? {
            let (name, value) = (self.name()?, self.value()?);
            headers.try_append(name, value).map_err(|_| Undecodable)?;
        }
        Ok(headers)
    }

    pub(crate) fn vary(&mut self) -> Read<VaryField> {
        let name = self.name()?;
        let there = self.flag()?;
        let value = self.bytes()?;
        Ok(VaryField { name, value: there.then(|| value.into()) })
    }

    fn tag(&mut self) -> Read<Tag> {
        let kind = match self.byte()? {
            kind if kind == TagKind::Group as u8 => TagKind::Group,
            kind if kind == TagKind::Surrogate as u8 => TagKind::Surrogate,
            _ => return Err(Undecodable),
        };
        let name = std::str::from_utf8(self.bytes()?).map_err(|_| Undecodable)?;
        Ok(Tag { kind, name: name.into() })
    }

    fn span(&mut self) -> Read<Span> {
        let span = Span { first: self.u64()?, last: self.u64()? };
        if span.first <= span.last { Ok(span) } else { Err(Undecodable) }
    }

    fn part(&mut self) -> Read<Part> {
        let total = self.optional()?;
        let spans = self.many(Reader::span)?;
        let there = self.flag()?;
        let range = HeaderValue::from_bytes(self.bytes()?).map_err(|_| Undecodable)?;
        Part::restored(total, spans, there.then_some(range)).ok_or(Undecodable)
    }

    fn source(&mut self) -> Read<LifetimeSource> {
        const ALL: [LifetimeSource; 4] = [
            LifetimeSource::Explicit,
            LifetimeSource::Heuristic,
            LifetimeSource::Policy,
            LifetimeSource::None,
        ];
        ALL.get(usize::from(self.byte()?)).copied().ok_or(Undecodable)
    }

    fn directives(&mut self) -> Read<ResponseDirectives> {
        let bits = self.u16()?;
        if bits >> 10 != 0 {
            return Err(Undecodable);
        }
        let flag = |at: u16| bits >> at & 1 == 1;
        Ok(ResponseDirectives {
            no_store: flag(0),
            no_cache: flag(1),
            private: flag(2),
            public: flag(3),
            must_revalidate: flag(4),
            proxy_revalidate: flag(5),
            must_understand: flag(6),
            no_transform: flag(7),
            immutable: flag(8),
            targeted: flag(9),
            max_age: self.optional()?,
            s_maxage: self.optional()?,
            stale_while_revalidate: self.optional()?,
            stale_if_error: self.optional()?,
        })
    }
}
