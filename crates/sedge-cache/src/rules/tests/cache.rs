//! A cache of the simplest kind: rules and two maps, one request after another.

use crate::key::Key;
use crate::rules::{
    Answer, AnswerBody, Ask, Combined, Failed, Fetch, HeadUpdate, Lookup, MultipartPiece, Policy,
    Reuse, Stale, StoredHead, Target, Times, Validated, Variants, answer, answer_unstored, combine,
    head_freshens, invalidated, on_error, prepare, reuse, storable, validated,
};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::collections::HashMap;

/// An origin's reply; none if it breaks off.
pub(super) type Reply = Option<(StatusCode, HeaderMap, Vec<u8>)>;

/// A reply without content worth mentioning. A value of `@-10` is the date 10 s before
/// the story begins.
pub(super) fn reply(status: u16, fields: &[(&str, &str)]) -> Reply {
    reply_with(status, fields, "content")
}

pub(super) fn reply_with(status: u16, fields: &[(&str, &str)], content: &str) -> Reply {
    Some((StatusCode::from_u16(status).unwrap(), head(fields), content.into()))
}

/// When all stories begin: in November 2026.
const BEGIN_MS: u64 = 1_795_000_000_250;

pub(super) fn head(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = match value.strip_prefix('@') {
            Some(seconds) => {
                let second = (BEGIN_MS / 1000).saturating_add_signed(seconds.parse().unwrap());
                crate::rules::date::format(second)
            }
            None => (*value).to_owned(),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// Where an answer comes from.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum From {
    /// Nobody was asked.
    Store,
    /// From the store, while the origin is asked behind.
    StoreBehind,
    /// From the store, after a `304`.
    Validated,
    /// From the store, because the origin failed.
    StoreInstead,
    /// From the store and the origin, put together.
    Both,
    Origin,
    Nowhere,
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) from: From,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) content: String,
    /// What the origin was asked, the last time.
    pub(super) sent: HeaderMap,
}

impl Outcome {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn sent(&self, name: &str) -> Option<&str> {
        self.sent.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(super) struct Cache {
    pub(super) policy: Policy,
    pub(super) now_ms: u64,
    heads: HashMap<Key, (StoredHead, Vec<u8>)>,
    variants: HashMap<Key, Variants>,
}

impl Cache {
    pub(super) fn new(policy: Policy) -> Self {
        let (heads, variants) = (HashMap::new(), HashMap::new());
        Cache { policy, now_ms: BEGIN_MS, heads, variants }
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now_ms += seconds * 1000;
    }

    pub(super) fn get(&mut self, fields: &[(&str, &str)], reply: Reply) -> Outcome {
        self.request("GET", "/", fields, |_| reply.clone())
    }

    /// A request whose reply depends on what is asked.
    pub(super) fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        origin: impl Fn(&HeaderMap) -> Reply,
    ) -> Outcome {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let headers = head(fields);
        let target = Target::new("https", "example.org", path, &self.policy);
        let ask = Ask::new(&method, &headers, false, &self.policy.clone());
        match ask.lookup() {
            Lookup::Store => {}
            Lookup::Pass(_) => return self.fetch(&ask, &target, Fetch::Pass, origin),
            Lookup::Unsafe => {
                let outcome = self.fetch(&ask, &target, Fetch::Pass, |sent| origin(sent));
                let status = StatusCode::from_u16(outcome.status).unwrap();
                let gone = invalidated(&method, &target, status, &outcome.headers, &self.policy);
                let stored = self.heads.remove(&Key([0; 16]));
                for target in gone.targets {
                    let key = target.key(&headers, &self.policy);
                    self.heads.remove(&key);
                    let variants = self.variants.remove(&key).unwrap_or_default();
                    variants.keys().for_each(|key| drop(self.heads.remove(&key)));
                }
                // What an unsafe request brings is stored after what it has made invalid.
                if let Some((stored, content)) = stored {
                    self.store(&target, &headers, stored, content);
                }
                return outcome;
            }
        }
        let primary = target.key(&headers, &self.policy);
        let key = match self.variants.get(&primary) {
            Some(variants) => variants.select(&headers, &self.policy),
            None => Some(primary),
        };
        match key.and_then(|key| self.heads.get(&key).cloned()) {
            Some((stored, content)) => self.reuse(&ask, &target, &stored, &content, origin),
            None if ask.only_if_cached() => nowhere(504),
            None => match self.variants.get(&primary).map(Variants::etags) {
                Some(etags) => self.fetch(&ask, &target, Fetch::Variants(&etags), origin),
                None => self.fetch(&ask, &target, Fetch::Miss, origin),
            },
        }
    }

    fn reuse(
        &mut self,
        ask: &Ask<'_>,
        target: &Target,
        stored: &StoredHead,
        content: &[u8],
        origin: impl Fn(&HeaderMap) -> Reply,
    ) -> Outcome {
        let len = content.len() as u64;
        let from_store =
            |from, now_ms| outcome(from, answer(ask, stored, Some(len), now_ms), content);
        match reuse(ask, stored, Some(len), self.now_ms, &self.policy).reuse {
            Reuse::Fresh | Reuse::Stale(Stale::MaxStale) => from_store(From::Store, self.now_ms),
            Reuse::Stale(Stale::WhileRevalidate) => {
                let outcome = from_store(From::StoreBehind, self.now_ms);
                self.validate(ask, target, stored, content, origin);
                outcome
            }
            Reuse::Validate(_) => self.validate(ask, target, stored, content, origin),
            Reuse::Forward(_) => self.fetch(ask, target, Fetch::Miss, origin),
            Reuse::GatewayTimeout => nowhere(504),
            Reuse::Complete(completion) => {
                let mut sent = ask.headers.clone();
                prepare(&mut sent, Fetch::Complete(&completion), &self.policy);
                let Some((status, headers, new)) = origin(&sent) else { return nowhere(502) };
                let times = self.times();
                let came = (status, &headers);
                match combine(ask, stored, &completion, came, times, &self.policy) {
                    Combined::Joined { head, insert_at, skip, take } => {
                        let (at, skip) = (insert_at as usize, skip as usize);
                        let mut all = content.to_vec();
                        all.splice(at..at, new[skip..skip + take as usize].iter().copied());
                        let len = Some(all.len() as u64);
                        let answer = answer(ask, &head, len, self.now_ms);
                        let outcome = Outcome { sent, ..outcome(From::Both, answer, &all) };
                        self.store(target, ask.headers, *head, all);
                        outcome
                    }
                    Combined::Replaced => {
                        let reply = Some((status, headers, new));
                        self.take(ask, target, sent, reply)
                    }
                    Combined::Mismatch => self.fetch(ask, target, Fetch::Miss, origin),
                }
            }
        }
    }

    fn validate(
        &mut self,
        ask: &Ask<'_>,
        target: &Target,
        stored: &StoredHead,
        content: &[u8],
        origin: impl Fn(&HeaderMap) -> Reply,
    ) -> Outcome {
        let mut sent = ask.headers.clone();
        prepare(&mut sent, Fetch::Validate(stored), &self.policy);
        let reply = origin(&sent);
        let len = Some(content.len() as u64);
        let now_ms = self.now_ms;
        let failed = match &reply {
            None => Failed::Disconnected,
            Some((status, ..)) => Failed::Status(*status),
        };
        let Some((status, headers, _)) = &reply else {
            return match on_error(ask, stored, failed, now_ms, &self.policy) {
                true => outcome(From::StoreInstead, answer(ask, stored, len, now_ms), content),
                false => nowhere(502),
            };
        };
        let came = (*status, headers);
        match validated(ask, target, stored, came, self.times(), &self.policy) {
            Validated::Freshened(head) => {
                let answer = answer(ask, &head, len, now_ms);
                self.store(target, ask.headers, *head, content.to_vec());
                Outcome { sent, ..outcome(From::Validated, answer, content) }
            }
            Validated::FreshenedOnce { head, remove } => {
                let answer = answer(ask, &head, len, now_ms);
                if remove {
                    self.heads.remove(&target.key(ask.headers, &self.policy));
                }
                Outcome { sent, ..outcome(From::Validated, answer, content) }
            }
            Validated::Mismatch => self.fetch(ask, target, Fetch::Miss, origin),
            Validated::Failed if on_error(ask, stored, failed, now_ms, &self.policy) => {
                outcome(From::StoreInstead, answer(ask, stored, len, now_ms), content)
            }
            Validated::Replaced if ask.method == crate::rules::MethodClass::Head => {
                let times = self.times();
                let mut stored = stored.clone();
                match head_freshens(ask, target, &stored, headers, times, &self.policy) {
                    HeadUpdate::Freshened(head) => stored = *head,
                    HeadUpdate::Stale => stored.expire(now_ms),
                }
                let answer = answer(ask, &stored, len, now_ms);
                self.store(target, ask.headers, stored, content.to_vec());
                Outcome { sent, ..outcome(From::Origin, answer, content) }
            }
            Validated::Failed | Validated::Replaced => self.take(ask, target, sent, reply),
        }
    }

    fn fetch(
        &mut self,
        ask: &Ask<'_>,
        target: &Target,
        fetch: Fetch<'_>,
        origin: impl Fn(&HeaderMap) -> Reply,
    ) -> Outcome {
        let mut sent = ask.headers.clone();
        prepare(&mut sent, fetch, &self.policy);
        let reply = origin(&sent);
        self.take(ask, target, sent, reply)
    }

    /// What an origin replied goes to the client, and into the store.
    fn take(&mut self, ask: &Ask<'_>, target: &Target, sent: HeaderMap, reply: Reply) -> Outcome {
        let Some((status, headers, content)) = reply else { return nowhere(502) };
        let times = self.times();
        match storable(ask, target, status, &headers, times, &self.policy) {
            Ok(stored) => {
                let len = Some(content.len() as u64);
                let answer = answer(ask, &stored, len, self.now_ms);
                let outcome = Outcome { sent, ..outcome(From::Origin, answer, &content) };
                if crate::rules::MethodClass::of(&Method::GET) == ask.method {
                    self.store(target, ask.headers, stored, content);
                } else {
                    self.heads.insert(Key([0; 16]), (stored, content));
                }
                outcome
            }
            Err(_) => {
                let passed = Answer { status, headers, body: AnswerBody::Whole };
                let unmodified = answer_unstored(ask, status, &passed.headers, times);
                Outcome { sent, ..outcome(From::Origin, unmodified.unwrap_or(passed), &content) }
            }
        }
    }

    /// Through bytes, as a disk would have it.
    fn store(&mut self, target: &Target, request: &HeaderMap, head: StoredHead, content: Vec<u8>) {
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        let head = StoredHead::decode(&bytes).unwrap();
        let primary = target.key(request, &self.policy);
        let mut key = primary;
        if !head.vary.is_empty() {
            let variants = self.variants.entry(primary).or_default();
            key = variants.insert(&head, primary, &self.policy).0;
            bytes.clear();
            variants.encode(&mut bytes);
            *variants = Variants::decode(&bytes).unwrap();
        }
        self.heads.insert(key, (head, content));
    }

    fn times(&self) -> Times {
        Times { request_ms: self.now_ms, response_ms: self.now_ms }
    }
}

fn nowhere(status: u16) -> Outcome {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, headers: HeaderMap::new(), body: AnswerBody::Empty };
    outcome(From::Nowhere, answer, b"")
}

fn outcome(from: From, answer: Answer, content: &[u8]) -> Outcome {
    let slice = |offset: u64, len: u64| &content[offset as usize..(offset + len) as usize];
    let content = match answer.body {
        AnswerBody::Empty => Vec::new(),
        AnswerBody::Whole => content.to_vec(),
        AnswerBody::Slice { offset, len } => slice(offset, len).to_vec(),
        AnswerBody::Multipart(multipart) => {
            let pieces = multipart.into_pieces().into_iter();
            pieces.fold(Vec::new(), |mut all, piece| {
                match piece {
                    MultipartPiece::Text(text) => all.extend_from_slice(&text),
                    MultipartPiece::Slice { offset, len } => {
                        all.extend_from_slice(slice(offset, len));
                    }
                }
                all
            })
        }
    };
    Outcome {
        from,
        status: answer.status.as_u16(),
        headers: answer.headers,
        content: String::from_utf8(content).unwrap(),
        sent: HeaderMap::new(),
    }
}
