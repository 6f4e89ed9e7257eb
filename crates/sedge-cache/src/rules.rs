//! What the RFCs say of storing and reusing, without IO and without a clock.
//!
//! In reading order, as a request meets them: [`Ask`] and [`Target`], what it says and
//! what it is for; [`Variants`], which of the stored responses it selects; [`reuse`],
//! whether that one may answer it; [`answer`], the answer from it; [`prepare`], what goes
//! to the origin where it may not; [`validated`], [`head_freshens`] and [`combine`], what
//! the origin's answer makes of what was stored; [`storable`], whether that answer is
//! stored; [`invalidated`], what is no longer valid; and [`CacheStatus`], what the client
//! is told. [`Policy`] is what an operator decides.
//!
//! For a shared cache that stands before an origin: RFC 9110 (semantics), RFC 9111
//! (caching), RFC 9211 (`Cache-Status`), RFC 9213 (targeted cache control), RFC 5861
//! (stale content), RFC 9875 (cache groups). Times are milliseconds since the Unix epoch,
//! and are handed in.

mod answer;
mod ask;
mod cache_status;
mod date;
mod directives;
mod etag;
mod forward;
mod freshen;
mod freshness;
mod grammar;
mod groups;
mod invalidate;
mod parts;
mod policy;
mod range;
mod reuse;
mod storable;
mod stored;
mod structured;
mod target;
mod variants;
mod vary;

pub use answer::{Answer, AnswerBody, Multipart, MultipartPiece, answer, answer_unstored};
pub use ask::{Ask, Lookup, MethodClass, Pass};
pub use cache_status::{CacheStatus, Fwd};
pub use directives::{RequestDirectives, ResponseDirectives};
pub use forward::{Fetch, prepare};
pub use freshen::{Combined, HeadUpdate, Validated, combine, head_freshens, validated};
pub use freshness::{LifetimeSource, Times};
pub use groups::{Tag, TagKind};
pub use invalidate::{Invalidated, invalidated};
pub use parts::{Completion, Part};
pub use policy::{Policy, SetCookie, ShortParts};
pub use range::{ContentRange, Span};
pub use reuse::{Because, Failed, Reuse, Stale, Verdict, on_error, reuse};
pub use storable::{Unstorable, storable};
pub use stored::{StoredHead, Undecodable};
pub use target::Target;
pub use variants::Variants;
pub use vary::VaryField;

#[cfg(test)]
mod tests;
