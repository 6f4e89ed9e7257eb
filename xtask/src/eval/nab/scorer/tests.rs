use super::*;

fn series(length: usize, windows: &[(usize, usize)]) -> Series {
    Series {
        name: "a/b.csv".to_owned(),
        times_s: (0..length).map(|index| index as f64).collect(),
        values: vec![0.0; length],
        windows: windows.to_vec(),
    }
}

fn standard() -> Profile {
    Profile { name: "standard".to_owned(), hit: 1.0, false_alarm: 0.11, miss: 1.0 }
}

/// Alarms at these readings.
fn alarms(length: usize, at: &[usize]) -> Vec<f64> {
    (0..length).map(|index| f64::from(u8::from(at.contains(&index)))).collect()
}

fn scored(length: usize, windows: &[(usize, usize)], at: &[usize]) -> f64 {
    score(&series(length, windows), &alarms(length, at), &standard(), 0.5).score
}

#[test]
fn a_file_without_readings_or_windows_scores_nothing() {
    let empty = score(&series(0, &[]), &[], &standard(), 0.5);
    assert_eq!(empty, Tally::default());
    assert_eq!(scored(100, &[], &[]), 0.0);
    assert!((scored(100, &[], &[50, 51]) + 0.22).abs() < 1e-12);
    assert_eq!(best_threshold([(&series(0, &[]), &[][..])], &standard()), f64::INFINITY);
}

#[test]
fn the_first_readings_are_not_scored() {
    assert_eq!(probation(100), 15);
    assert_eq!(probation(22_695), 750);
    assert_eq!(scored(100, &[(50, 59)], &[0, 5, 14]), -1.0);
    assert!((scored(100, &[(50, 59)], &[15]) + 1.11).abs() < 1e-12);
}

#[test]
fn only_the_earliest_alarm_in_a_window_counts() {
    let window = [(50, 59)];
    assert!((scored(100, &window, &[50]) - 1.0).abs() < 1e-12);
    assert_eq!(scored(100, &window, &[50, 55, 59]), scored(100, &window, &[50]));
    let late = scored(100, &window, &[59]);
    assert!(late > 0.0 && late < scored(100, &window, &[55]));
}

#[test]
fn an_alarm_just_behind_a_window_costs_less() {
    let cost = |at| scored(100, &[(50, 59)], &[50]) - scored(100, &[(50, 59)], &[50, at]);
    assert!(cost(60) > 0.0 && cost(60) < cost(62) && cost(62) < cost(80));
    assert!((cost(99) - 0.11).abs() < 1e-12);
    assert!((cost(40) - 0.11).abs() < 1e-12, "before any window it costs all");
}

#[test]
fn the_best_threshold_is_that_of_all_files_together() {
    let (one, other) = (series(100, &[(50, 59)]), series(100, &[(50, 59)]));
    let mut low = alarms(100, &[]);
    low[50] = 0.3;
    let mut high = alarms(100, &[]);
    (high[50], high[70]) = (0.9, 0.2);
    let files = [(&one, low.as_slice()), (&other, high.as_slice())];
    assert_eq!(best_threshold(files, &standard()), 0.3);
    let tally = total(files.map(|(series, scores)| score(series, scores, &standard(), 0.3)));
    assert_eq!((tally.found, tally.windows, tally.false_positives), (2, 2, 0));
    assert!((tally.normalized(&standard()) - 100.0).abs() < 1e-9);
}

#[test]
fn null_is_zero_and_perfect_a_hundred_in_every_profile() {
    let windows = [(30, 39), (60, 79)];
    for (miss, false_alarm) in [(1.0, 0.11), (1.0, 0.22), (2.0, 0.11)] {
        let profile = Profile { miss, false_alarm, ..standard() };
        let file = series(100, &windows);
        let null = score(&file, &alarms(100, &[]), &profile, 0.5);
        let perfect = score(&file, &alarms(100, &[30, 60]), &profile, 0.5);
        assert!(null.normalized(&profile).abs() < 1e-9);
        assert!((perfect.normalized(&profile) - 100.0).abs() < 1e-9);
    }
}
