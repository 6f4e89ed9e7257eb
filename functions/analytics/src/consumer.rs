//! Records in, counts and alerts out.

use std::collections::BTreeSet;

use crate::counted::Counted;
use crate::host::{Host, HostError};
use crate::journal::{Head, Kept};
use crate::record::{Record, What};
use crate::settings::Settings;
use crate::view::{self, View, rings_bytes, rings_key};

/// The media type of an alert.
const ALERT_MEDIA_TYPE: &str = "application/json";

/// What an instance that handles batches remembers between them.
#[derive(Default)]
pub struct Consumer {
    kept: Option<Kept>,
    /// Classes whose windows have changed since they were shown; `None`: all may have.
    changed: Option<BTreeSet<String>>,
}

impl Consumer {
    /// Takes a batch. What it has brought about takes effect with the batch's progress.
    ///
    /// # Errors
    /// The node does not do what it must; nothing of the batch counts.
    pub fn take(
        &mut self,
        host: &mut dyn Host,
        settings: &Settings,
        payloads: &[&[u8]],
    ) -> Result<(), HostError> {
        let mut head = Head::load(host)?;
        let mut kept = match self.kept.take().filter(|kept| kept.is_of(&head)) {
            Some(kept) => kept,
            None => {
                self.changed = None;
                Kept::load(host, &mut head, settings.options, &settings.routes)?
            }
        };
        let wall_ms = host.now_ms();
        let told = kept.counted.take(wall_ms, payloads.iter().copied(), &settings.routes);
        for told in told {
            let json = told.to_json();
            host.emit(&settings.alerts, ALERT_MEDIA_TYPE, &json)?;
            if let Some(topic) = &settings.publish {
                host.publish(topic, &json)?;
            }
        }
        kept.keep(host, &mut head, wall_ms, payloads)?;
        self.note(payloads, settings);
        // A clock that was set back must not keep it hidden.
        let since_ms = wall_ms.saturating_sub(head.shown_ms);
        if !(0..settings.refresh_ms).contains(&since_ms) {
            head.shown_ms = wall_ms;
            self.show(host, &kept.counted);
        }
        head.store(host)?;
        self.kept = Some(kept);
        Ok(())
    }

    /// Notes whose windows a batch has changed.
    fn note(&mut self, payloads: &[&[u8]], settings: &Settings) {
        let Some(changed) = &mut self.changed else { return };
        for payload in payloads {
            if let Some(Record { what: What::Request(request), .. }) = Record::read(payload) {
                let route = settings.routes.named(request.route);
                if !changed.contains(route) {
                    changed.insert(route.to_owned());
                }
            }
        }
    }

    /// Shows what was counted. It does not take effect with the batch; where that is undone, or
    /// this fails, the next one shows it.
    fn show(&mut self, host: &mut dyn Host, counted: &Counted) {
        let analytics = &counted.analytics;
        let is_changed =
            |name: &str| self.changed.as_ref().is_none_or(|changed| changed.contains(name));
        let mut shown = Ok(());
        let mut show = |key: &str, bytes: &[u8]| {
            if shown.is_ok() {
                shown = host.show(key, bytes);
            }
        };
        if self.changed.as_ref().is_none_or(|changed| !changed.is_empty()) {
            show(&rings_key(None), &rings_bytes(analytics.node()));
        }
        for (name, series) in analytics.routes().filter(|(name, _)| is_changed(name)) {
            show(&rings_key(Some(name)), &rings_bytes(series));
        }
        show(view::KEY, &View::of(counted).to_json());
        match shown {
            Ok(()) => self.changed = Some(BTreeSet::new()),
            Err(error) => {
                self.changed = None;
                host.log(&format!("what was counted cannot be shown: {}", error.reason));
            }
        }
    }
}

#[cfg(test)]
mod tests;
