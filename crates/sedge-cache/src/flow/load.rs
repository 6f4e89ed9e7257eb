//! What the tiers hold for a request, the disk among them.

use super::arriving::Arriving;
use super::asked::{Asked, within};
use super::cache::Found;
use super::disk::{Disk, Record};
use super::flights::{Entered, Lead, Outcome};
use super::handler::Link;
use super::object::{Entry, Marks, Object};
use crate::key::Key;
use crate::rules::{StoredHead, Variants};
use crate::transfer::{Reader, Writer};
use bytes::Bytes;
use http_body_util::BodyExt;
use sedge_model::failure::{Failure, Kind};
use sedge_store::segments::Reader as DiskReader;
use std::future::poll_fn;
use std::sync::Arc;

/// Sets reads of the disk apart from fetches for the same key.
const DISK: Key = Key(*b"read of the disk");

/// Looks at the disk, for the list of variants and for one of them, and once more if
/// others have read meanwhile.
const LOADS_MAX: usize = 4;

/// Blocks that are read at a stretch.
const BLOCKS_AT_A_STRETCH: u32 = 8;

/// What the tiers hold for a request.
pub(super) enum Held {
    Object(Key, Arc<Object>),
    /// A large response that is being read.
    Arriving(Key, Arc<Arriving>, Reader),
    /// Responses for other requests.
    Variant(Key, Arc<Variants>),
    /// Requests go alone.
    Uncollapsed,
    Nothing,
}

/// What a look at the disk came to.
enum Loaded {
    Object(Arc<Object>),
    Arriving(Arc<Arriving>, Reader),
    /// Memory has more than before.
    More,
    Nothing,
}

impl Link {
    pub(super) async fn held(self: &Arc<Self>, asked: &Asked) -> Held {
        let cache = &self.cache;
        for turn in 0.. {
            let now_ms = cache.runtime.now_ms();
            let found = cache.find(asked.primary, asked.headers(), &self.policy, now_ms);
            let key = match &found {
                Found::Object(key, object) => return Held::Object(*key, Arc::clone(object)),
                Found::Uncollapsed => return Held::Uncollapsed,
                Found::Variant(key, _) => *key,
                Found::Nothing => asked.primary,
            };
            let loaded = match &cache.disk {
                Some(disk) if turn < LOADS_MAX && disk.contains(&key) => {
                    self.load(asked.primary, key).await
                }
                _ => Loaded::Nothing,
            };
            match loaded {
                Loaded::More => {}
                Loaded::Object(object) if object.head.matches(asked.headers(), &self.policy) => {
                    return Held::Object(key, object);
                }
                Loaded::Arriving(arriving, reader)
                    if arriving.head.matches(asked.headers(), &self.policy) =>
                {
                    return Held::Arriving(key, arriving, reader);
                }
                _ => match found {
                    Found::Variant(key, variants) => return Held::Variant(key, variants),
                    _ => return Held::Nothing,
                },
            }
        }
        Held::Nothing
    }

    /// Reads what the disk has under a key; of several that want it, one reads.
    async fn load(self: &Arc<Self>, primary: Key, key: Key) -> Loaded {
        let epoch = self.cache.epoch(&primary);
        match self.cache.flights.enter(within(&DISK, &key), epoch) {
            Entered::Lead(lead) => self.read(primary, key, lead).await,
            Entered::Arriving(arriving, reader) => Loaded::Arriving(arriving, reader),
            Entered::Apart => Loaded::Nothing,
            Entered::Follow(told) => {
                match self.cache.runtime.within(self.settings.collapse_wait, told).await {
                    Some(Ok(Outcome::Object(object))) => Loaded::Object(object),
                    Some(Ok(Outcome::Arriving(arriving, reader))) => {
                        Loaded::Arriving(arriving, reader)
                    }
                    Some(_) => Loaded::More,
                    None => Loaded::Nothing,
                }
            }
        }
    }

    async fn read(self: &Arc<Self>, primary: Key, key: Key, lead: Lead) -> Loaded {
        let cache = &self.cache;
        let epoch = cache.epoch(&primary);
        let Some(reading) = cache.disk.as_ref().and_then(Disk::begin_reading) else {
            return Loaded::Nothing;
        };
        let Some(record) = cache.runtime.block(move || reading.read(&key)).await.flatten() else {
            return Loaded::Nothing;
        };
        match record {
            Record::Variants(variants) => {
                cache.insert_if(primary, key, Entry::Variants(variants), epoch);
                Loaded::More
            }
            Record::Object(object) => {
                if cache.is_gone(&object.head, &object.marks) {
                    cache.forget(&key);
                    return Loaded::Nothing;
                }
                cache.insert_if(primary, key, Entry::Object(Arc::clone(&object)), epoch);
                lead.ends(|| Outcome::Object(Arc::clone(&object)));
                Loaded::Object(object)
            }
            Record::Large(head, marks, reader) => {
                let url_marks = (head, marks);
                self.stream(primary, key, url_marks, reader, lead, epoch)
            }
        }
    }

    /// Reads a large response block by block, for all that want it, and puts it into
    /// memory.
    fn stream(
        self: &Arc<Self>,
        primary: Key,
        key: Key,
        (head, marks): (Arc<StoredHead>, Arc<Marks>),
        disk: DiskReader,
        lead: Lead,
        epoch: u64,
    ) -> Loaded {
        let announced = Some(disk.body_bytes());
        let (writer, transfer, reader) = self.cache.begin_transfer(announced, u64::MAX);
        let arriving = Arc::new(Arriving { head, marks, transfer });
        if self.cache.is_gone(&arriving.head, &arriving.marks) {
            self.cache.forget(&key);
            return Loaded::Nothing;
        }
        lead.arrives(&arriving);
        let (link, task_arriving) = (Arc::clone(self), Arc::clone(&arriving));
        self.cache.runtime.spawn(async move {
            if let Some(object) = link.blocks(&task_arriving, writer, disk).await {
                let entry = Entry::Object(Arc::new(Object { is_on_disk: true, ..object }));
                link.cache.insert_if(primary, key, entry, epoch);
            }
            drop(lead);
            task_arriving.transfer.close();
        });
        Loaded::Arriving(arriving, reader)
    }

    /// `None` if it is not whole, or not kept.
    async fn blocks(
        &self,
        arriving: &Arriving,
        mut writer: Writer,
        disk: DiskReader,
    ) -> Option<Object> {
        let (mut next, blocks) = (0, disk.blocks());
        while next < blocks {
            poll_fn(|cx| writer.poll_room(cx)).await.ok()?;
            let (reader, end) = (disk.clone(), blocks.min(next + BLOCKS_AT_A_STRETCH));
            let read = self.cache.runtime.block(move || {
                (next..end).map(|block| reader.block(block)).collect::<Result<Vec<Bytes>, _>>()
            });
            match read.await {
                Some(Ok(chunks)) => {
                    for chunk in chunks {
                        writer.append(chunk).ok()?;
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "a stored response cannot be read from the disk");
                    writer.fail(Failure::new(Kind::Internal, "a stored response is damaged"));
                    return None;
                }
                None => return None,
            }
            next = end;
        }
        arriving.as_object(writer.finish(None).ok()?, &self.cache).ok()
    }

    /// All of a response that is being read.
    pub(super) async fn collect(&self, arriving: &Arriving, reader: Reader) -> Option<Arc<Object>> {
        let body = reader.collect().await.ok()?.to_bytes();
        let body_bytes = body.len() as u64;
        Some(Arc::new(Object {
            head: Arc::clone(&arriving.head),
            marks: Arc::clone(&arriving.marks),
            body: Arc::from([body]),
            body_bytes,
            is_on_disk: true,
        }))
    }
}
