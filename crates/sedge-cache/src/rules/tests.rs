//! Stories of a client, this cache's rules and an origin.
//!
//! The tables below ask for every behavior that the public suite `http-tests/cache-tests`
//! asks for and that rules alone can decide; each row names the suite's test. Words and
//! tables are ours.

mod cache;
mod control;
mod fresh;
mod partial;
mod selecting;
mod stale;
mod validating;

use super::{Policy, SetCookie, ShortParts};
use cache::{Cache, From, Reply, reply};

/// The suite goes by the letter of the RFC where the default policy is more careful.
fn suite() -> Policy {
    Policy {
        all_errors: true,
        set_cookie: SetCookie::Store,
        short_parts: ShortParts::Serve,
        complete_unvalidated: true,
        ..Policy::default()
    }
}

/// A row: the suite's name, the first response's fields, and whether the store answers a
/// second request three seconds later.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);

/// Plays each row with responses of `status`.
fn play(status: u16, rows: &[Row<'_>]) {
    for (name, fields, reused) in rows {
        let mut cache = Cache::new(suite());
        cache.get(&[], reply(status, fields));
        cache.wait(3);
        let second = cache.get(&[], reply(200, &[]));
        let wanted = if *reused { From::Store } else { From::Origin };
        assert_eq!(second.from, wanted, "{name}: {fields:?}");
    }
}
