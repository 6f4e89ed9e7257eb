//! Scores and forecasts on a real series: hourly temperatures of Seattle, with
//! spikes put in at known places, and a lost hour that the data came with.

use sedge_kit::anomaly;
use sedge_kit::forecast;
use sedge_kit::online::monitor::{Monitor, MonitorOptions};
use sedge_kit::timeline::Timeline;

const HOUR_S: f64 = 3600.0;

/// The series as the sensors function lays it out: `date,temp` lines with one
/// reading per hour; on March 14 an hour is missing (daylight saving time).
fn seattle() -> Timeline {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/sensors/seattle-temps.csv");
    let text = std::fs::read_to_string(path).expect("the example series is in the checkout");
    let days_before = [0.0, 31.0, 59.0];
    let (mut times_s, mut values) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let number = |from: usize, to: usize| line[from..to].parse::<f64>().expect("a date");
        let day = days_before[number(5, 7) as usize - 1] + number(8, 10);
        times_s.push((day * 24.0 + number(11, 13)) * HOUR_S);
        values.push(line[17..].parse().expect("a temperature"));
    }
    Timeline::new(&times_s, &values)
}

struct Found {
    hits: usize,
    missed: usize,
    false_alarms: usize,
}

impl Found {
    fn precision(&self) -> f64 {
        self.hits as f64 / (self.hits + self.false_alarms) as f64
    }

    fn recall(&self) -> f64 {
        self.hits as f64 / (self.hits + self.missed) as f64
    }
}

/// Puts a spike of 6 to 15 °F, up or down, into about every fortieth reading
/// from `from` on, and counts which readings score above 0.5.
fn find_spikes(series: &Timeline, from: usize, period: Option<usize>) -> Found {
    let mut state = 2010u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut values = series.values.clone();
    let mut odd = vec![false; values.len()];
    let mut index = from;
    while index < values.len() {
        let size = 6.0 + 9.0 * random();
        values[index] += if random() < 0.5 { -size } else { size };
        odd[index] = values[index].is_finite();
        index += 20 + (40.0 * random()) as usize;
    }
    let mut found = Found { hits: 0, missed: 0, false_alarms: 0 };
    let scores = anomaly::scan(&values, 0, period, 0.1);
    for (score, odd) in scores.iter().zip(odd).skip(from) {
        match (score.score > 0.5, odd) {
            (true, true) => found.hits += 1,
            (false, true) => found.missed += 1,
            (true, false) => found.false_alarms += 1,
            (false, false) => {}
        }
    }
    found
}

#[test]
fn the_lost_hour_is_a_gap_and_the_day_is_found() {
    let series = seattle();
    assert_eq!(series.step_s, Some(HOUR_S));
    assert_eq!(series.natural_period(), Some(24));
    assert_eq!(series.origins.iter().filter(|origin| origin.is_none()).count(), 1);
    assert_eq!(series.values.len(), 90 * 24);
}

#[test]
fn spikes_are_found_and_little_else() {
    let series = seattle();
    let daily = find_spikes(&series, 100, Some(24));
    println!("with the cycle: precision {:.3}, recall {:.3}", daily.precision(), daily.recall());
    assert!(daily.hits > 40, "{} spikes", daily.hits);
    assert!(daily.precision() >= 0.95, "precision {}", daily.precision());
    assert!(daily.recall() >= 0.99, "recall {}", daily.recall());

    let blind = find_spikes(&series, 100, None);
    println!("without it: precision {:.3}, recall {:.3}", blind.precision(), blind.recall());
    assert!(blind.precision() >= 0.95, "precision {}", blind.precision());
    assert!(blind.recall() >= 0.95, "recall {}", blind.recall());
}

#[test]
fn a_healthy_series_raises_hardly_an_alarm() {
    let series = seattle();
    let scores = anomaly::scan(&series.values, 0, Some(24), 0.1);
    let alarms = scores.iter().filter(|score| score.score > 0.5).count();
    println!("{alarms} alarms in {} readings", scores.len());
    assert!(alarms <= 4, "{alarms} alarms");
}

#[test]
fn forecasts_beat_the_last_value_and_intervals_hold() {
    let series = seattle();
    let values = &series.values;
    let (mut error, mut naive, mut held, mut asked) = (0.0, 0.0, 0, 0);
    for now in (200..values.len() - forecast::HORIZON).step_by(29) {
        let known = &values[now.saturating_sub(400)..now];
        let got = forecast::forecast(known, Some(24), 0.9).expect("there are readings");
        for (step, prediction) in got.next.iter().enumerate() {
            let truth = values[now + step];
            if !truth.is_finite() || !values[now - 1].is_finite() {
                continue;
            }
            let (low, high) = prediction.interval.expect("there are enough readings");
            held += usize::from((low..=high).contains(&truth));
            asked += 1;
            error += (truth - prediction.value).abs();
            naive += (truth - values[now - 1]).abs();
        }
    }
    let share = f64::from(held as u32) / f64::from(asked as u32);
    println!("error {:.3} of naive, {share:.3} held", error / naive);
    assert!(error < 0.2 * naive, "{error} against {naive}");
    assert!((0.85..=0.98).contains(&share), "{held} of {asked}");
}

/// Reading by reading, in constant memory: a spike in every hundred and fiftieth reading,
/// most of them well within the range of the series.
#[test]
fn a_monitor_finds_spikes_and_its_intervals_hold() {
    let mut values = seattle().values;
    let spikes: Vec<usize> = (700..values.len()).step_by(151).collect();
    for (turn, &index) in spikes.iter().enumerate() {
        values[index] += if turn % 2 == 0 { 14.0 } else { -14.0 };
    }
    let mut monitor = Monitor::new(MonitorOptions::default());
    let (mut hits, mut alarms, mut held, mut asked) = (0, 0, 0, 0);
    let mut next = None;
    for (index, &value) in values.iter().enumerate() {
        let seen = monitor.observe(index as f64 * HOUR_S, value);
        let spike = spikes.contains(&index);
        if index >= 400 {
            hits += usize::from(spike && seen.verdict.score > 0.5);
            alarms += usize::from(!spike && seen.verdict.news > 0.5);
        }
        let interval = next.and_then(|next: [forecast::Prediction; 3]| next[0].interval);
        if let (Some((low, high)), true, true) = (interval, value.is_finite(), index >= 200) {
            held += usize::from((low..=high).contains(&value));
            asked += 1;
        }
        next = seen.next;
    }
    let share = held as f64 / asked as f64;
    println!("{hits} of {} spikes, {alarms} false alarms, {share:.3} held", spikes.len());
    assert!(hits >= spikes.len() - 2, "{hits} of {}", spikes.len());
    assert!(alarms <= 12, "{alarms} false alarms");
    assert!((0.88..=0.92).contains(&share), "{held} of {asked}");
}
