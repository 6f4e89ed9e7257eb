//! The answers on a real series, bit for bit: `golden.csv` is checked here
//! natively and by `test.mjs` in WebAssembly, so the two agree with each other.
//!
//! `UPDATE_GOLDEN=1 cargo test -p sensors-core` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use sensors_core::layout::SensorReading;
use sensors_core::process_sensor_data;

/// Every how many readings an answer is taken, and from how many before it.
const STRIDE: usize = 97;
const READINGS: usize = 200;

fn temperatures() -> Vec<f32> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sensors/seattle-temps.csv");
    let text = std::fs::read_to_string(path).expect("the example series is in the checkout");
    let column =
        text.lines().skip(1).map(|line| line.split(',').nth(1).and_then(|c| c.parse().ok()));
    column.map(|fahrenheit: Option<f32>| (fahrenheit.expect("a number") - 32.0) / 1.8).collect()
}

fn answers() -> String {
    let mut values = temperatures();
    // Some spikes, or all scores would be small.
    for index in (STRIDE..values.len()).step_by(4 * STRIDE) {
        values[index - 1] += 9.0;
    }
    let mut text =
        String::from("end,alert_level,action,score_bits,next1_bits,next2_bits,next3_bits\n");
    for end in (STRIDE..values.len()).step_by(STRIDE) {
        let from = end.saturating_sub(READINGS);
        let readings: Vec<SensorReading> = (from..end)
            .map(|index| SensorReading {
                timestamp: 1_262_304_000 + 3600 * index as u64,
                temperature: values[index],
                ..SensorReading::default()
            })
            .collect();
        let history = &values[..from];
        // SAFETY: pointers and lengths are those of live slices.
        let got = unsafe {
            process_sensor_data(readings.as_ptr(), readings.len(), history.as_ptr(), from)
        };
        let [a, b, c] = got.predictions.map(f32::to_bits);
        let (level, action) = (got.alert_level, u8::from(got.action_required));
        let score = got.anomaly_score.to_bits();
        writeln!(text, "{end},{level},{action},{score},{a},{b},{c}").expect("a string grows");
    }
    text
}

#[test]
fn the_answers_are_those_of_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden.csv");
    let got = answers();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("the source folder can be written");
    }
    let want = std::fs::read_to_string(&path).expect("golden.csv is in the checkout");
    assert_eq!(got, want);
    assert!(want.lines().filter(|line| line.contains(",2,1,")).count() >= 4, "spikes are seen");
}
