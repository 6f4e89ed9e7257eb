use super::*;

#[test]
fn absent_data_is_said_plainly() {
    let workspace = Workspace { root: "/nowhere/checkout".into(), target: "/nowhere".into() };
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    for (words, expected) in [
        (vec![], "the benchmark's data is not in /nowhere/checkout/../shared/data/nab"),
        (words("--tune --data /nowhere"), "the benchmark's data is not in /nowhere"),
        (words("--data"), "`--data` needs a value"),
        (words("--fast"), "there is no option `--fast`"),
    ] {
        let error = run(&workspace, &words).expect_err("no data").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn the_baseline_is_certain_of_nothing_at_first() {
    let scores = gaussian::scores(&[5.0, 5.0, 5.0, 9.0]);
    assert_eq!(scores, [0.0, 0.5, 0.5, 1.0]);
    let many: Vec<f64> = (0..7_000).map(|index| f64::from(index % 10)).collect();
    let scores = gaussian::scores(&many);
    assert!(scores[100..].iter().all(|score| (0.5..0.96).contains(score)));
}

#[test]
fn a_detector_of_ours_finds_what_is_new_and_keeps_its_state_small() {
    let wave = |index: usize| (index % 24) as f64;
    let mut values: Vec<f64> = (0..2_000).map(wave).collect();
    values[1_500] = 60.0;
    let times_s = (0..values.len()).map(|index| index as f64 * 3_600.0).collect();
    let windows = vec![(1_490, 1_520)];
    let name = "a/b.csv".to_owned();
    let profile = Profile { name: "standard".into(), hit: 1.0, false_alarm: 0.11, miss: 1.0 };
    let series = vec![Series { name, times_s, values, windows }];
    let corpus = Corpus { series, profiles: vec![profile.clone()] };
    let ours = subjects::ours(&corpus, Joining::default());
    assert!(ours.state_bytes > 1_000 && ours.state_bytes < 1_000_000);
    assert!(best(&corpus, &ours, &profile) > 60.0);
    assert!(best(&corpus, &subjects::null(&corpus), &profile).abs() < 1e-9);
}
