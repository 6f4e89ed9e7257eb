//! Removing what has expired.

use crate::apply::Applier;
use crate::database::Database;
use crate::error::StoreError;
use crate::options::Options;
use crate::record::EXPIRIES;

/// Removes one bounded batch of expired entries; returns whether there may be
/// more. Looks with a read first, so that an idle store writes nothing.
pub(crate) fn sweep(database: &Database, options: &Options) -> Result<bool, StoreError> {
    let now_ms = (options.clock)();
    let due = database.read(|transaction| {
        let first_live = now_ms.saturating_add(1).to_be_bytes();
        let expiries = transaction.open_table(EXPIRIES)?;
        let due = expiries.range(..first_live.as_slice())?.next().transpose()?.is_some();
        Ok(due)
    })?;
    if !due {
        return Ok(false);
    }
    let entries_max = options.sweep_entries_max.max(1);
    let removed = database.write(|transaction| {
        let mut applier = Applier::new(transaction, options)?;
        let removed = applier.sweep(entries_max)?;
        applier.finish()?;
        Ok(removed)
    })?;
    Ok(removed == entries_max)
}
