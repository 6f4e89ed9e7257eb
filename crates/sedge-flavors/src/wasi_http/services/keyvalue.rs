//! `wasi:keyvalue` (store, atomics, batch) and `sedge:keyvalue/expiry`.

use super::bindings::sedge::keyvalue::expiry;
use super::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::wasi_http::state::State;
use sedge_model::failure::{Failure, Kind};
use sedge_services::kv::{Bucket, Cas, CasError, KvError};
use std::time::Duration;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A compare-and-swap handle. Public because the generated bindings re-export
/// it, in a module that is not.
#[expect(unreachable_pub, reason = "re-exported by generated code")]
pub struct Handle(Cas);

/// What the guest is told, or a trap if this node is at fault.
fn told<T>(result: Result<T, KvError>) -> Result<Result<T, store::Error>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => convert(error).map(Err),
    }
}

fn convert(error: KvError) -> Result<store::Error> {
    if error.is_platform() {
        return Err(Failure::new(Kind::Internal, format!("the store failed: {error}")).into());
    }
    Ok(match error {
        KvError::NoSuchStore => store::Error::NoSuchStore,
        KvError::AccessDenied => store::Error::AccessDenied,
        KvError::Other(error) => store::Error::Other(error.to_string()),
    })
}

impl State {
    /// The bucket of a handle. Buckets are cheap to clone, and a clone does
    /// not keep the table borrowed while the store works.
    fn bucket(&self, handle: &Resource<Bucket>) -> Result<Bucket> {
        Ok(self.table.get(handle)?.clone())
    }
}

impl store::Host for State {
    fn open(&mut self, name: String) -> Result<Result<Resource<Bucket>, store::Error>> {
        match told(self.spec.services.kv.open(&name))? {
            Ok(bucket) => Ok(Ok(self.table.push(bucket)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl store::HostBucket for State {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Option<Vec<u8>>, store::Error>> {
        told(self.bucket(&bucket)?.get(&key).await)
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), store::Error>> {
        told(self.bucket(&bucket)?.set(&key, value, None).await)
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<(), store::Error>> {
        told(self.bucket(&bucket)?.delete(&key).await)
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<bool, store::Error>> {
        told(self.bucket(&bucket)?.exists(&key).await)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> Result<Result<store::KeyResponse, store::Error>> {
        let page = self.bucket(&bucket)?.list_keys(cursor.as_deref()).await;
        told(page.map(|page| store::KeyResponse { keys: page.keys, cursor: page.cursor }))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, store::Error>> {
        told(self.bucket(&bucket)?.increment(&key, delta).await)
    }

    async fn swap(
        &mut self,
        handle: Resource<Handle>,
        value: Vec<u8>,
    ) -> Result<Result<(), atomics::CasError>> {
        let Handle(cas) = self.table.delete(handle)?;
        match cas.swap(value).await {
            Ok(()) => Ok(Ok(())),
            Err(CasError::Stale(fresh)) => {
                let handle = self.table.push(Handle(fresh))?;
                Ok(Err(atomics::CasError::CasFailed(handle)))
            }
            Err(CasError::Store(error)) => Ok(Err(atomics::CasError::StoreError(convert(error)?))),
        }
    }
}

impl atomics::HostCas for State {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Result<Resource<Handle>, store::Error>> {
        let bucket = self.bucket(&bucket)?;
        match told(Cas::new(&bucket, &key).await)? {
            Ok(cas) => Ok(Ok(self.table.push(Handle(cas))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn current(
        &mut self,
        handle: Resource<Handle>,
    ) -> Result<Result<Option<Vec<u8>>, store::Error>> {
        Ok(Ok(self.table.get(&handle)?.0.current().map(<[u8]>::to_vec)))
    }

    fn drop(&mut self, handle: Resource<Handle>) -> Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl batch::Host for State {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<Vec<(String, Option<Vec<u8>>)>, store::Error>> {
        let values = self.bucket(&bucket)?.get_many(&keys).await;
        told(values.map(|values| keys.into_iter().zip(values).collect()))
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Result<Result<(), store::Error>> {
        told(self.bucket(&bucket)?.set_many(entries, None).await)
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Result<Result<(), store::Error>> {
        told(self.bucket(&bucket)?.delete_many(keys).await)
    }
}

impl expiry::Host for State {
    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> Result<Result<(), store::Error>> {
        let ttl = Some(Duration::from_millis(ttl_ms));
        told(self.bucket(&bucket)?.set(&key, value, ttl).await)
    }
}
