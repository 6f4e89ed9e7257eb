//! Responses of which only parts are stored: which requests they serve, what else to ask
//! for, and how what comes is joined to them (RFC 9111 §3.3, §3.4).

use super::ask::Ask;
use super::etag::EntityTag;
use super::freshness::date_field;
use super::policy::Policy;
use super::range::{ContentRange, Span, Wanted, ascii, wanted};
use super::stored::StoredHead;
use http::header::{DATE, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE};

/// The most parts of one response.
const SPANS_MAX: usize = 64;

/// Which parts of a response's content are stored: one after another, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// How long the whole is, if that is known.
    pub total: Option<u64>,
    /// Sorted, and with something missing between any two.
    pub(crate) spans: Vec<Span>,
    /// The `Range` that a single part was the answer to.
    pub(crate) range: Option<HeaderValue>,
}

impl Part {
    /// What a `206` brings.
    pub(crate) fn of(content_range: ContentRange, range: Option<&HeaderValue>) -> Self {
        Part { total: content_range.total, spans: vec![content_range.span], range: range.cloned() }
    }

    /// What was written to a disk, if it can be a part.
    pub(crate) fn restored(
        total: Option<u64>,
        spans: Vec<Span>,
        range: Option<HeaderValue>,
    ) -> Option<Self> {
        let last = spans.last()?.last;
        let sound = last < total.unwrap_or(u64::MAX)
            && spans.len() <= SPANS_MAX
            && spans
                .windows(2)
                .all(|pair| pair[0].last.checked_add(1).is_some_and(|next| next < pair[1].first));
        sound.then_some(Part { total, spans, range })
    }

    /// The stored parts.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// How many bytes all parts have.
    pub fn bytes(&self) -> u64 {
        self.spans.iter().map(|span| span.bytes()).sum()
    }

    /// How many stored bytes lie before a position.
    fn bytes_before(&self, position: u64) -> u64 {
        let before = |span: &Span| match position.checked_sub(1) {
            Some(last) if span.first <= last => {
                Span { first: span.first, last: span.last.min(last) }.bytes()
            }
            _ => 0,
        };
        self.spans.iter().map(before).sum()
    }

    fn has(&self, wanted: Span) -> bool {
        self.spans.iter().any(|span| span.first <= wanted.first && wanted.last <= span.last)
    }

    /// The one stretch of `wanted` that is missing; none if nothing is, or several are.
    pub(crate) fn gap(&self, wanted: Span) -> Option<Span> {
        let mut gaps = Vec::new();
        let mut next = wanted.first;
        for span in self.spans.iter().filter(|span| span.last >= wanted.first) {
            if span.first > wanted.last {
                break;
            }
            if span.first > next {
                gaps.push(Span { first: next, last: span.first - 1 });
            }
            next = span.last.saturating_add(1);
        }
        if next <= wanted.last {
            gaps.push(Span { first: next, last: wanted.last });
        }
        match gaps[..] {
            [gap] => Some(gap),
            _ => None,
        }
    }

    /// This part and a stretch that was missing. None if there would be too many.
    pub(crate) fn with(&self, gap: Span) -> Option<(Part, u64)> {
        let at = self.bytes_before(gap.first);
        let mut spans = self.spans.clone();
        spans.push(gap);
        spans.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(before) if span.first <= before.last.saturating_add(1) => {
                    before.last = before.last.max(span.last);
                }
                _ => joined.push(span),
            }
        }
        let part = Part { total: self.total, spans: joined, range: None };
        (part.spans.len() <= SPANS_MAX).then_some((part, at))
    }

    /// Whether nothing is missing.
    pub(crate) fn is_whole(&self) -> bool {
        matches!((&self.spans[..], self.total),
            ([span], Some(total)) if span.first == 0 && span.bytes() == total)
    }
}

/// A piece of the content to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Where it lies in the whole.
    pub(crate) span: Span,
    /// Where it lies in what is stored.
    pub(crate) offset: u64,
    /// How many bytes it has: as many as `span`, but for a part whose sender promised
    /// more than he sent.
    pub(crate) bytes: u64,
}

/// What a request asks of stored content, and whether it is there.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// All of it, and it is there.
    Whole,
    /// These pieces of a whole that is so long; they are there.
    Pieces(Vec<Piece>, Option<u64>),
    /// Nothing that a whole of so many bytes could have.
    Unsatisfiable(u64),
    /// This stretch is missing, and nothing else is.
    Gap(Span),
    /// More is missing than one request can bring.
    Missing,
}

/// Whether a stored response has what is asked. `body_len` is the number of bytes stored;
/// none if they are still arriving, when what `Content-Length` promises is trusted.
pub(crate) fn held(ask: &Ask<'_>, stored: &StoredHead, body_len: Option<u64>) -> Held {
    let range = range_that_applies(ask, stored);
    let ranges = range.and_then(wanted);
    match (&stored.part, ranges) {
        (None, None) => Held::Whole,
        (None, Some(ranges)) => match body_len.or_else(|| stored.content_length()) {
            Some(total) => held_of_whole(&ranges, total),
            None => Held::Whole,
        },
        (Some(part), None) => match part.total.and_then(|total| total.checked_sub(1)) {
            Some(last) => part.gap(Span { first: 0, last }).map_or(Held::Missing, Held::Gap),
            None => Held::Missing,
        },
        (Some(part), Some(ranges)) => held_of_part(part, range, &ranges, body_len),
    }
}

/// The request's `Range`, unless `If-Range` says otherwise (RFC 9110 §13.1.5) or the
/// stored status gives it no meaning.
fn range_that_applies<'a>(ask: &Ask<'a>, stored: &StoredHead) -> Option<&'a HeaderValue> {
    if !ask.range || !matches!(stored.status.as_u16(), 200 | 206) {
        return None;
    }
    let mut ranges = ask.headers.get_all(RANGE).into_iter();
    let range = ranges.next().filter(|_| ranges.next().is_none())?;
    match ask.headers.get(IF_RANGE) {
        Some(condition) if !is_same_as(condition, stored) => None,
        _ => Some(range),
    }
}

/// Whether an `If-Range` names the stored response: by its strong tag, or by its date of
/// modification if that is a strong validator, which it is once a second has passed
/// (RFC 9110 §8.8.2.2).
fn is_same_as(condition: &HeaderValue, stored: &StoredHead) -> bool {
    let tag = EntityTag::from_bytes(condition.as_bytes());
    if EntityTag::of(&stored.headers).is_some_and(|own| own.is_strongly(tag)) {
        return true;
    }
    let now_s = stored.times.response_ms / 1000;
    let named = super::date::parse(super::grammar::trim(condition.as_bytes()), now_s);
    let modified = date_field(&stored.headers, LAST_MODIFIED, now_s);
    let made = date_field(&stored.headers, DATE, now_s);
    match (named, modified, made) {
        (Some(named), Some(modified), Some(made)) => named == modified && modified < made,
        _ => false,
    }
}

fn held_of_whole(ranges: &[Wanted], total: u64) -> Held {
    let mut spans: Vec<Span> = ranges.iter().filter_map(|range| range.within(total)).collect();
    if spans.is_empty() {
        return Held::Unsatisfiable(total);
    }
    apart(&mut spans);
    let piece = |span: Span| Piece { span, offset: span.first, bytes: span.bytes() };
    Held::Pieces(spans.into_iter().map(piece).collect(), Some(total))
}

/// Joins stretches that overlap or touch, so that no byte is sent twice (RFC 9110
/// §14.2). Where none do, the order that the client wants is kept.
fn apart(spans: &mut Vec<Span>) {
    let mut sorted = spans.clone();
    sorted.sort_unstable();
    let touch = |pair: &[Span]| pair[1].first <= pair[0].last.saturating_add(1);
    if !sorted.windows(2).any(touch) {
        return;
    }
    spans.clear();
    for span in sorted {
        match spans.last_mut() {
            Some(before) if span.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(span.last);
            }
            _ => spans.push(span),
        }
    }
}

fn held_of_part(
    part: &Part,
    range: Option<&HeaderValue>,
    ranges: &[Wanted],
    body_len: Option<u64>,
) -> Held {
    if let [span] = part.spans[..] {
        let bytes = body_len.unwrap_or(span.bytes()).min(span.bytes());
        if range == part.range.as_ref() {
            return Held::Pieces(vec![Piece { span, offset: 0, bytes }], part.total);
        }
        if bytes < span.bytes() {
            return held_of_short(span, part.total, ranges, bytes);
        }
    }
    let spans = match part.total {
        Some(total) => ranges.iter().filter_map(|range| range.within(total)).collect(),
        None => bounded(ranges),
    };
    if let (true, Some(total)) = (spans.is_empty(), part.total) {
        return Held::Unsatisfiable(total);
    }
    let mut spans = spans;
    apart(&mut spans);
    match spans[..] {
        [] => Held::Missing,
        _ if spans.iter().all(|span| part.has(*span)) => {
            let piece = |span: Span| Piece {
                span,
                offset: part.bytes_before(span.first),
                bytes: span.bytes(),
            };
            Held::Pieces(spans.into_iter().map(piece).collect(), part.total)
        }
        [span] => part.gap(span).map_or(Held::Missing, Held::Gap),
        _ => Held::Missing,
    }
}

/// Ranges of a whole whose length nobody knows: all must have an end.
fn bounded(ranges: &[Wanted]) -> Vec<Span> {
    let spans = ranges.iter().map(|range| match *range {
        Wanted::From(first, Some(last)) => Some(Span { first, last }),
        _ => None,
    });
    spans.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// A range of a part that has fewer bytes than it promises: what there is of it, counted
/// from the end that the range counts from. A `206` may hold less than was asked for
/// (RFC 9110 §15.3.7).
fn held_of_short(span: Span, total: Option<u64>, ranges: &[Wanted], bytes: u64) -> Held {
    let ([range], Some(total), Some(most)) = (ranges, total, bytes.checked_sub(1)) else {
        return Held::Missing;
    };
    let Some(asked) = range.within(total) else {
        return Held::Unsatisfiable(total);
    };
    let from_end = matches!(range, Wanted::Suffix(_));
    if from_end && span.last == total - 1 && asked.bytes() <= bytes {
        let piece = Piece { span: asked, offset: bytes - asked.bytes(), bytes: asked.bytes() };
        return Held::Pieces(vec![piece], Some(total));
    }
    let last = asked.last.min(span.first + most);
    if from_end || asked.first < span.first || last < asked.first {
        return Held::Missing;
    }
    let span_sent = Span { first: asked.first, last };
    let piece =
        Piece { span: span_sent, offset: asked.first - span.first, bytes: span_sent.bytes() };
    Held::Pieces(vec![piece], Some(total))
}

/// What to ask the origin for, so that it and what is stored make what is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The `Range` to send.
    pub range: HeaderValue,
    /// The `If-Range` to send: the stored response's strong validator. Without one,
    /// nothing that comes can be joined to it.
    pub if_range: Option<HeaderValue>,
    /// What the range means.
    pub gap: Span,
}

/// The request that brings `gap`, or none if that would be in vain.
pub(crate) fn completion(
    stored: &StoredHead,
    gap: Span,
    body_len: Option<u64>,
    policy: &Policy,
) -> Option<Completion> {
    let part = stored.part.as_ref()?;
    if body_len.is_some_and(|bytes| bytes != part.bytes()) {
        return None;
    }
    let strong = EntityTag::of(&stored.headers).is_some_and(EntityTag::is_strong);
    let if_range = stored.etag().filter(|_| strong).cloned();
    if if_range.is_none() && !policy.complete_unvalidated {
        return None;
    }
    let open = part.total == gap.last.checked_add(1);
    let range = match open {
        true => format!("bytes={}-", gap.first),
        false => format!("bytes={}-{}", gap.first, gap.last),
    };
    Some(Completion { range: ascii(range), if_range, gap })
}

#[cfg(test)]
mod tests;
