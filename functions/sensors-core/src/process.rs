//! The exports that judge.

use sedge_kit::alert::AlertLevel;
use sedge_kit::anomaly::decimal_resolution;
use sedge_kit::behavior::session_score;
use sedge_kit::sensors::{SensorOptions, assess};
use sedge_kit::timeline::Timeline;

use crate::buffers::array;
use crate::layout::{ProcessedData, SensorReading};

/// Judges the latest of `count` readings after `historical_count` earlier
/// temperatures, both oldest first and at equal steps of time.
///
/// Readings that all have a timestamp are put in order, missing steps become
/// gaps, and a daily, weekly or yearly cycle is looked for. Temperatures that
/// are not finite are left out. Thresholds are the defaults, in °C.
///
/// # Safety
///
/// `readings` and `historical` must point to that many elements (they may be
/// null if the count is 0), which nobody writes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn process_sensor_data(
    readings: *const SensorReading,
    count: usize,
    historical: *const f32,
    historical_count: usize,
) -> ProcessedData {
    // SAFETY: promised by the caller; what can be checked is checked inside.
    let (readings, historical) =
        unsafe { (array(readings, count), array(historical, historical_count)) };
    process(readings, historical)
}

fn process(readings: &[SensorReading], historical: &[f32]) -> ProcessedData {
    let history: Vec<f64> = historical.iter().copied().map(f64::from).collect();
    let values: Vec<f64> = readings.iter().map(|r| f64::from(r.temperature)).collect();
    let times_s: Vec<f64> = readings.iter().map(|r| time_s(r.timestamp)).collect();
    let timeline = Timeline::new(&times_s, &values);
    let options = SensorOptions {
        period: timeline.natural_period(),
        resolution: decimal_resolution(
            history.iter().chain(&values).copied(),
            f64::from(f32::EPSILON),
        ),
        ..SensorOptions::default()
    };
    let assessment = assess(&history, &timeline.values, &options);
    let predictions = assessment.forecast.map_or([0.0; 3], |forecast| {
        forecast.next.map(|next| (next.value as f32).clamp(-f32::MAX, f32::MAX))
    });
    ProcessedData {
        alert_level: assessment.level.code(),
        predictions,
        anomaly_score: assessment.score.score as f32,
        action_required: assessment.action_required,
    }
}

/// Zero is what a host without a clock writes.
fn time_s(timestamp: u64) -> f64 {
    if timestamp == 0 { f64::NAN } else { timestamp as f64 }
}

/// What an alert level asks for: 1 if it needs action now (critical), 0 if it
/// does not (normal, warning, and numbers that are no level).
#[unsafe(no_mangle)]
pub extern "C" fn handle_emergency(alert_level: u8) -> u8 {
    u8::from(alert_level == AlertLevel::Critical.code())
}

/// How unusual a visitor's session is, 0 to 1: see [`sedge_kit::behavior`].
/// `duration_ms` is the length of the session; 0 if unknown.
#[unsafe(no_mangle)]
pub extern "C" fn calculate_anomaly_score(
    total_events: u32,
    duration_ms: f64,
    error_count: u32,
) -> f64 {
    session_score(total_events, duration_ms, error_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: u64, temperature: f32) -> SensorReading {
        SensorReading { timestamp, temperature, ..SensorReading::default() }
    }

    #[test]
    fn nothing_is_normal() {
        // SAFETY: counts of zero read nothing.
        let got = unsafe { process_sensor_data(std::ptr::null(), 0, std::ptr::null(), 0) };
        assert_eq!(got, ProcessedData::default());
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let readings = [at(0, 20.0), at(0, f32::NAN), at(0, f32::INFINITY)];
        let got = process(&readings, &[f32::NAN, f32::NEG_INFINITY]);
        assert_eq!((got.alert_level, got.anomaly_score), (0, 0.0));
        assert_eq!(got.predictions, [20.0; 3]);
    }

    #[test]
    fn a_constant_history_is_defined() {
        let calm = process(&[at(0, 20.0)], &[20.0; 100]);
        assert_eq!((calm.alert_level, calm.anomaly_score, calm.predictions), (0, 0.0, [20.0; 3]));
        let step = process(&[at(0, 20.1)], &[20.0; 100]);
        assert!(step.alert_level == 0 && step.anomaly_score < 0.2, "{step:?}");
        let leap = process(&[at(0, 35.0)], &[20.0; 100]);
        assert!(leap.action_required && leap.anomaly_score > 0.8, "{leap:?}");
    }

    #[test]
    fn extremes_stay_finite() {
        let got = process(&[at(1, f32::MAX), at(2, f32::MIN), at(3, f32::MAX)], &[f32::MIN; 9]);
        assert!(got.predictions.iter().all(|value| value.is_finite()));
        assert!((0.0..=1.0).contains(&got.anomaly_score));
        assert_eq!(got.alert_level, 2);
    }

    #[test]
    fn levels_and_sessions() {
        for (level, expected) in [(0, 0), (1, 0), (2, 1), (3, 0), (255, 0)] {
            assert_eq!(handle_emergency(level), expected);
        }
        assert_eq!(calculate_anomaly_score(3, 0.0, 3), 0.0);
        assert!(calculate_anomaly_score(200, 60_000.0, 190) > 0.9);
    }
}
