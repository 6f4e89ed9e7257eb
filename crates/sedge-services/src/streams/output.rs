//! What a function says that answers a request. It has no progress that its words could be
//! committed with: they are handed on when its call has ended well, and nobody waits for them.

use super::{AtOnce, Effects, Topics, Transaction};
use std::sync::Arc;

/// Appends to the node's log what a call has brought about. Must not block.
pub type Append = Arc<dyn Fn(Effects) + Send + Sync>;

/// What a function may say, and where it goes. By default nothing. Cheap to clone.
#[derive(Clone, Default)]
pub struct Output {
    topics: Arc<Topics>,
    at_once: Option<AtOnce>,
    append: Option<Append>,
}

impl Output {
    /// `at_once`: where it may publish; `None`: nobody is there to publish to.
    pub fn new(topics: Topics, at_once: Option<AtOnce>, append: Append) -> Self {
        Output { topics: Arc::new(topics), at_once, append: Some(append) }
    }

    /// A call that answers a request begins. `None`: it may say nothing.
    pub fn begin(&self) -> Option<Transaction> {
        self.append.as_ref()?;
        if self.topics.emit.is_empty() && self.topics.publish.is_empty() {
            return None;
        }
        Some(Transaction::begin(&self.topics, None, self.at_once.clone()))
    }

    /// Such a call has ended well.
    pub fn end(&self, call: Transaction) {
        let effects = call.end();
        if !effects.is_empty()
            && let Some(append) = &self.append
        {
            append(effects);
        }
    }
}
