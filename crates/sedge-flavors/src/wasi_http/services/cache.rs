//! `sedge:cache/store`.

use super::bindings::sedge::cache::store;
use crate::wasi_http::state::State;
use sedge_model::failure::{Failure, Kind};
use sedge_services::cache::{CacheError, CacheScope, Found, Given, Lifetime, Maker, Taken, Wanted};
use std::time::Duration;
use wasmtime::Result;
use wasmtime::component::Resource;

/// What the guest is told, or a trap if this node is at fault.
fn told<T>(result: Result<T, CacheError>) -> Result<Result<T, store::Error>> {
    Ok(match result {
        Ok(value) => Ok(value),
        Err(CacheError::NotKept(error)) => {
            return Err(Failure::new(Kind::Internal, format!("the cache failed: {error}")).into());
        }
        Err(CacheError::NoSuchScope) => Err(store::Error::NoSuchScope),
        Err(CacheError::AccessDenied) => Err(store::Error::AccessDenied),
        Err(CacheError::Url(_)) => Err(store::Error::InvalidUrl),
        Err(CacheError::Field) => Err(store::Error::InvalidField),
        Err(CacheError::TooLarge) => Err(store::Error::TooLarge),
        Err(CacheError::NotPut(why)) => Err(store::Error::NotStorable(why.to_string())),
        Err(CacheError::TimedOut) => Err(store::Error::TimedOut),
    })
}

fn wanted(request: store::Request) -> Wanted {
    Wanted { url: request.url, fields: request.fields }
}

fn given(response: store::Response) -> Given {
    Given { status: response.status, fields: response.fields, body: response.body }
}

fn lifetime(lifetime: store::Lifetime) -> Lifetime {
    Lifetime {
        fresh: lifetime.ttl_ms.map(Duration::from_millis),
        stale_while_revalidate: lifetime.stale_while_revalidate_ms.map(Duration::from_millis),
        tags: lifetime.tags,
    }
}

fn stored(taken: Taken) -> store::Stored {
    store::Stored {
        status: taken.status,
        fields: taken.fields,
        body: taken.body,
        age_ms: taken.age_ms,
        ttl_ms: taken.ttl_ms,
    }
}

impl State {
    /// The scope of a handle. A clone does not keep the table borrowed while the cache
    /// works.
    fn scope(&self, handle: &Resource<CacheScope>) -> Result<CacheScope> {
        Ok(self.table.get(handle)?.clone())
    }
}

impl store::Host for State {}

impl store::HostScope for State {
    fn open(&mut self, name: String) -> Result<Result<Resource<CacheScope>, store::Error>> {
        match told(self.spec.services.cache.open(&name))? {
            Ok(scope) => Ok(Ok(self.table.push(scope)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn get(
        &mut self,
        scope: Resource<CacheScope>,
        request: store::Request,
    ) -> Result<Result<Option<store::Stored>, store::Error>> {
        let found = self.scope(&scope)?.get(wanted(request)).await;
        told(found.map(|taken| taken.map(stored)))
    }

    async fn get_or_begin(
        &mut self,
        scope: Resource<CacheScope>,
        request: store::Request,
        wait_ms: u64,
    ) -> Result<Result<store::Found, store::Error>> {
        let wait = Duration::from_millis(wait_ms);
        let found = self.scope(&scope)?.get_or_begin(wanted(request), wait).await;
        Ok(match told(found)? {
            Ok(Found::Stored(taken)) => Ok(store::Found::Stored(stored(taken))),
            Ok(Found::Begin(maker)) => Ok(store::Found::Begin(self.table.push(*maker)?)),
            Err(error) => Err(error),
        })
    }

    fn put(
        &mut self,
        scope: Resource<CacheScope>,
        request: store::Request,
        response: store::Response,
        life: store::Lifetime,
    ) -> Result<Result<(), store::Error>> {
        told(self.scope(&scope)?.put(wanted(request), given(response), &lifetime(life)))
    }

    async fn delete(
        &mut self,
        scope: Resource<CacheScope>,
        request: store::Request,
    ) -> Result<Result<(), store::Error>> {
        told(self.scope(&scope)?.delete(wanted(request)).await)
    }

    async fn purge_tag(
        &mut self,
        scope: Resource<CacheScope>,
        tag: String,
        soft: bool,
    ) -> Result<Result<(), store::Error>> {
        told(self.scope(&scope)?.purge_tag(&tag, soft).await)
    }

    fn drop(&mut self, scope: Resource<CacheScope>) -> Result<()> {
        self.table.delete(scope)?;
        Ok(())
    }
}

impl store::HostFill for State {
    fn stale(
        &mut self,
        fill: Resource<Maker>,
    ) -> Result<Result<Option<store::Stored>, store::Error>> {
        let stale = self.table.get(&fill)?.stale();
        told(stale.map(|taken| taken.map(stored)))
    }

    fn finish(
        &mut self,
        fill: Resource<Maker>,
        response: store::Response,
        life: store::Lifetime,
    ) -> Result<Result<(), store::Error>> {
        let maker = self.table.delete(fill)?;
        told(maker.finish(given(response), &lifetime(life)))
    }

    fn drop(&mut self, fill: Resource<Maker>) -> Result<()> {
        self.table.delete(fill)?;
        Ok(())
    }
}
