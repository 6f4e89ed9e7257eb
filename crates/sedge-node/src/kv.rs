//! Key-value pages without a node: the same requests and answers as on the
//! admin listener.

use crate::admin::kv::KvPages;
use crate::platform::{open_store, store_path};
use anyhow::{Result, bail};
use sedge_model::handler::{Request, Response};
use std::path::Path;

/// The store of a data folder, held by this process alone.
pub struct KvFolder {
    pages: KvPages,
}

impl KvFolder {
    /// Opens the store of a data folder.
    ///
    /// # Errors
    ///
    /// If there is none, or a node holds it.
    pub fn open(data: &Path) -> Result<Self> {
        // Opening creates; a mistyped folder must not look like an empty store.
        if !store_path(data).exists() {
            bail!("{} holds no key-value store", data.display());
        }
        Ok(KvFolder { pages: KvPages::new(open_store(data)?) })
    }

    /// Answers a request whose path begins with `/v1/kv`.
    pub async fn answer(&self, request: Request) -> Response {
        self.pages.answer(request).await
    }
}
