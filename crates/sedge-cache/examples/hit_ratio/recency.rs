//! Textbook LRU and S3-FIFO, bounded by bytes, slow and plain.

use super::{Policy, Request};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The least recently used goes first.
pub(crate) struct Lru {
    bytes_max: u64,
    pub(crate) bytes: u64,
    /// When an object was last asked for, and its size.
    objects: HashMap<u64, (u64, u64)>,
    by_time: BTreeMap<u64, u64>,
    now: u64,
}

impl Lru {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let (objects, by_time) = (HashMap::new(), BTreeMap::new());
        Lru { bytes_max, bytes: 0, objects, by_time, now: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// Makes an object the most recent, if it is there.
    pub(crate) fn touch(&mut self, id: u64) -> bool {
        let Some((time, _)) = self.objects.get_mut(&id) else { return false };
        self.now += 1;
        self.by_time.remove(time);
        *time = self.now;
        self.by_time.insert(self.now, id);
        true
    }

    pub(crate) fn add(&mut self, Request { id, bytes }: Request) {
        self.now += 1;
        self.objects.insert(id, (self.now, bytes));
        self.by_time.insert(self.now, id);
        self.bytes += bytes;
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Request> {
        let (time, bytes) = self.objects.remove(&id)?;
        self.by_time.remove(&time);
        self.bytes -= bytes;
        Some(Request { id, bytes })
    }

    pub(crate) fn oldest(&self) -> Option<u64> {
        self.by_time.values().next().copied()
    }

    pub(crate) fn pop(&mut self) -> Option<Request> {
        self.oldest().and_then(|id| self.remove(id))
    }
}

impl Policy for Lru {
    fn name(&self) -> &'static str {
        "LRU"
    }

    fn request(&mut self, request: Request) -> bool {
        let is_hit = self.touch(request.id);
        if !is_hit && request.bytes <= self.bytes_max {
            self.add(request);
            while self.bytes > self.bytes_max {
                self.pop();
            }
        }
        is_hit
    }
}

/// Yang et al., "FIFO Queues Are All You Need for Cache Eviction", SOSP 2023.
pub(crate) struct S3Fifo {
    small: VecDeque<u64>,
    main: VecDeque<u64>,
    ghost: VecDeque<u64>,
    /// Ids in the ghost queue, with their number there.
    ghosts: HashMap<u64, u32>,
    /// Size, and how often it was asked for.
    objects: HashMap<u64, (u64, u8)>,
    small_bytes: u64,
    main_bytes: u64,
    bytes_max: u64,
}

impl S3Fifo {
    pub(crate) fn new(bytes_max: u64) -> Self {
        S3Fifo {
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghost: VecDeque::new(),
            ghosts: HashMap::new(),
            objects: HashMap::new(),
            small_bytes: 0,
            main_bytes: 0,
            bytes_max,
        }
    }

    fn evict(&mut self) {
        if self.small_bytes > self.bytes_max / 10 || self.main.is_empty() {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self) {
        let Some(id) = self.small.pop_front() else { return };
        let Some(object) = self.objects.get_mut(&id) else { return };
        self.small_bytes -= object.0;
        if object.1 > 0 {
            object.1 = 0;
            self.main_bytes += object.0;
            self.main.push_back(id);
            return;
        }
        self.objects.remove(&id);
        self.ghost.push_back(id);
        *self.ghosts.entry(id).or_default() += 1;
        while self.ghost.len() > self.main.len().max(16) {
            let Some(id) = self.ghost.pop_front() else { break };
            if let Some(count) = self.ghosts.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    self.ghosts.remove(&id);
                }
            }
        }
    }

    fn evict_main(&mut self) {
        while let Some(id) = self.main.pop_front() {
            let Some(object) = self.objects.get_mut(&id) else { continue };
            if object.1 > 0 {
                object.1 -= 1;
                self.main.push_back(id);
                continue;
            }
            self.main_bytes -= object.0;
            self.objects.remove(&id);
            return;
        }
    }
}

impl Policy for S3Fifo {
    fn name(&self) -> &'static str {
        "S3-FIFO"
    }

    fn request(&mut self, Request { id, bytes }: Request) -> bool {
        if let Some(object) = self.objects.get_mut(&id) {
            object.1 = (object.1 + 1).min(3);
            return true;
        }
        if bytes > self.bytes_max / 2 {
            return false;
        }
        while self.small_bytes + self.main_bytes + bytes > self.bytes_max {
            self.evict();
        }
        self.objects.insert(id, (bytes, 0));
        if self.ghosts.contains_key(&id) {
            self.main.push_back(id);
            self.main_bytes += bytes;
        } else {
            self.small.push_back(id);
            self.small_bytes += bytes;
        }
        false
    }
}
