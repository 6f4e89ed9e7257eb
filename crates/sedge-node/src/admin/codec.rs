//! What `/metrics` says of the encoders.

use super::exposition::{Exposition, Labels, Type};
use sedge_services::codec::{CodecMetrics, Format};
use std::sync::atomic::Ordering::Relaxed;

/// Counters of the node's encoders; nothing before a function has asked for one.
pub(super) fn page(page: &mut Exposition, metrics: &CodecMetrics) {
    let outcomes = |format: Format| metrics.outcomes(format).map(|(_, count)| count).sum::<u64>();
    let is_used = |format: &Format| outcomes(*format) > 0;
    let used: Vec<Format> = Format::ALL.into_iter().filter(is_used).collect();
    let (none, memory_full) = (Labels::default(), metrics.memory_full.load(Relaxed));
    if used.is_empty() && memory_full == 0 {
        return;
    }
    let labels = |format: Format| Labels::new(&[("format", format.name())]);
    let name = "sedge_codec_pictures_total";
    page.metric(name, Type::Counter, "Pictures to be encoded, by what came of them.");
    for &format in &used {
        for (outcome, count) in metrics.outcomes(format) {
            page.sample(name, &labels(format).with("outcome", outcome.name()), count);
        }
    }
    let name = "sedge_codec_memory_full_total";
    page.metric(name, Type::Counter, "Pictures that were not taken for want of memory.");
    page.sample(name, &none, memory_full);
    let name = "sedge_codec_encodings_total";
    page.metric(name, Type::Counter, "Encodings of pictures that were done, searches included.");
    for &format in &used {
        page.sample(name, &labels(format), metrics.encodings(format));
    }
    let name = "sedge_codec_duration_seconds";
    page.metric(name, Type::Histogram, "Time that a picture took on a thread.");
    for &format in &used {
        page.histogram(name, &labels(format), metrics.duration(format));
    }
    for (name, help, value) in [
        ("sedge_codec_waiting", "Pictures that wait for a thread.", &metrics.waiting),
        ("sedge_codec_running", "Pictures that are being encoded.", &metrics.running),
        ("sedge_codec_held_bytes", "Bytes of pixels that are held.", &metrics.bytes_held),
    ] {
        page.metric(name, Type::Gauge, help);
        page.sample(name, &none, value.load(Relaxed));
    }
}
