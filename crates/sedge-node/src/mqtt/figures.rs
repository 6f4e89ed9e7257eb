//! What is counted of the front and its journal.

use super::journal::DiskJournal;
use crate::admin::exposition::{Exposition, Labels, Type};
use sedge_ingress::mqtt::metrics::MqttMetrics;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The counters of a front; cheap to clone.
#[derive(Clone)]
pub(crate) struct MqttFigures {
    pub(crate) front: MqttMetrics,
    /// `None`: nothing is kept on the disk.
    pub(crate) journal: Option<Arc<DiskJournal>>,
}

impl MqttFigures {
    /// Appends what the journal has counted.
    pub(crate) fn render_journal(&self, page: &mut Exposition) {
        let Some(journal) = &self.journal else { return };
        let (usage, figures) = (journal.log().usage(), journal.figures());
        let failed = u64::from(journal.log().failure().is_some());
        let gauges = [
            ("sedge_mqtt_journal_bytes", "Bytes of the log of changes.", usage.bytes),
            (
                "sedge_mqtt_journal_waiting_bytes",
                "Bytes of changes that wait for the disk.",
                journal.waiting_bytes() as u64,
            ),
            (
                "sedge_mqtt_journal_snapshot_bytes",
                "Bytes of the newest snapshot.",
                figures.snapshot_bytes.load(Relaxed),
            ),
            (
                "sedge_mqtt_journal_failed",
                "1 since a write or a sync has failed: nothing is acknowledged any more.",
                failed,
            ),
        ];
        let counters = [
            (
                "sedge_mqtt_journal_records_total",
                "Records of the log: each was brought to the disk by one sync.",
                usage.end,
            ),
            (
                "sedge_mqtt_journal_snapshots_total",
                "Snapshots that were written.",
                figures.snapshots.load(Relaxed),
            ),
            (
                "sedge_mqtt_journal_snapshot_failures_total",
                "Snapshots that could not be written.",
                figures.snapshot_failures.load(Relaxed),
            ),
            (
                "sedge_mqtt_journal_lost_total",
                "Records and snapshots that were damaged when the node started.",
                figures.lost.load(Relaxed),
            ),
        ];
        let none = Labels::default();
        for (name, help, value) in gauges {
            page.metric(name, Type::Gauge, help);
            page.sample(name, &none, value);
        }
        for (name, help, value) in counters {
            page.metric(name, Type::Counter, help);
            page.sample(name, &none, value);
        }
    }
}
