//! When functions are called by the clock.

use super::texts;
use sedge_model::cron::{Cron, Zone};
use std::sync::OnceLock;

pub(super) const WORDS: &[&str] =
    &["*", "*/", "-", ",", "#", "L", "?", "59", "MON", "feb", "@daily", "0 0 29 2 *", " "];

pub(super) fn expressions() -> Vec<Vec<u8>> {
    texts(&[
        "* * * * *",
        "30 2 * * *",
        "*/15 0-6,8-17/3 1,15 jan-mar MON-FRI",
        "0 0 0 L 2 FRI#5",
        "59 23 31 12 SUNL",
        "0 0 */2 * 0,7",
        "@hourly",
        "0 0 30 2 *",
    ])
}

/// Times that are near the ends of what can be told, or at which clocks are changed.
const TIMES: &[u64] = &[
    0,
    1_774_746_000_000,
    1_775_314_800_000,
    1_792_890_000_000,
    4_107_542_400_000,
    253_402_207_200_000,
    u64::MAX,
];

/// An expression of a manifest. What it says is due must come later, and be the same from
/// whenever it is asked for.
pub(super) fn cron(data: &[u8]) {
    static ZONES: OnceLock<Vec<Zone>> = OnceLock::new();
    let zones = ZONES.get_or_init(|| {
        let names = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"];
        names.iter().filter_map(|name| Zone::parse(name).ok()).collect()
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    let cron = match Cron::parse(text) {
        Ok(cron) => cron,
        Err(invalid) => {
            assert!(!invalid.message.is_empty() && invalid.hint.is_some());
            return;
        }
    };
    assert_eq!(cron.to_string(), text);
    assert_eq!(Cron::parse(text).as_ref(), Ok(&cron));
    for zone in zones {
        for &after in TIMES {
            let Some(next) = cron.next(zone, after) else {
                assert!(after > TIMES[4], "{text:?} is never due after {after} in {zone}");
                continue;
            };
            assert!(next > after && next % 1_000 == 0, "{text:?}: {next} after {after} in {zone}");
            let from = after + (next - after) / 2;
            assert_eq!(cron.next(zone, from), Some(next), "{text:?} from {from} in {zone}");
            assert_eq!(cron.next(zone, next - 1), Some(next), "{text:?} just before, in {zone}");
        }
    }
}
