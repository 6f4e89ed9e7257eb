use super::*;

fn read(body: &str) -> Result<Question, Problem> {
    Question::read(body.as_bytes())
}

#[test]
fn what_is_no_question_is_refused() {
    for (body, status, hint) in [
        ("", 400, "object"),
        ("[1, 2]", 400, "object"),
        ("{\"values\": [1", 400, "EOF"),
        ("{}", 400, "values"),
        (r#"{"values": [1, "2"]}"#, 400, "f64"),
        (r#"{"values": [1], "horizont": 3}"#, 400, "horizont"),
        (r#"{"values": [1], "horizon": -3}"#, 400, "usize"),
        (r#"{"values": [1], "model": "prophet"}"#, 400, "optimized-theta"),
        (r#"{"values": [1, 2], "times_s": [1]}"#, 400, "1 `times_s` of 2"),
        (r#"{"values": [1, 2, 3], "times_s": [1, null, 3]}"#, 400, "no step"),
        (r#"{"values": [1, 2, 3], "times_s": [5, 5, 5]}"#, 400, "no step"),
        (r#"{"values": [1], "values": [2]}"#, 400, "duplicate"),
    ] {
        let problem = read(body).expect_err(body);
        assert_eq!(problem.status, status, "{body}");
        assert!(problem.detail.contains(hint), "{body}: {}", problem.detail);
    }
    let many = format!("{{\"values\": [{}1]}}", "1,".repeat(VALUES_MAX));
    assert_eq!(read(&many).expect_err("too many").status, 413);
}

#[test]
fn a_series_alone_is_enough() {
    let question = read(r#"{"values": [1, null, 2.5e3]}"#).unwrap();
    assert_eq!(question.values[0], 1.0);
    assert!(question.values[1].is_nan());
    assert_eq!(question.options.horizon, HORIZON_DEFAULT);
    assert_eq!(question.options.coverages, COVERAGES_DEFAULT);
    assert_eq!((question.options.periods, question.options.model), (None, None));
    assert_eq!(question.times, None);
}

#[test]
fn times_put_values_in_order_and_leave_gaps() {
    let question = read(r#"{"values": [3, 1, 2, 5], "times_s": [180, 60, 120, 300]}"#).unwrap();
    assert_eq!(question.times, Some(Times { step_s: 60.0, last_s: 300.0 }));
    assert_eq!(question.values[..3], [1.0, 2.0, 3.0]);
    assert!(question.values[3].is_nan());
    assert_eq!(question.values[4], 5.0);
}

#[test]
fn models_go_by_their_names() {
    for model in Model::ALL {
        let body = format!("{{\"values\": [1], \"model\": \"{}\"}}", model.name());
        assert_eq!(read(&body).unwrap().options.model, Some(model));
    }
    let automatic = read(r#"{"values": [1], "model": "automatic"}"#).unwrap();
    assert_eq!(automatic.options.model, None);
}

proptest::proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(body in ".{0,200}") {
        if let Err(problem) = read(&body) {
            assert!((400..500).contains(&problem.status));
        }
    }
}
