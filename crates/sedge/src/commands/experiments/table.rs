//! A report as text.

use crate::show;
use serde_json::Value;

/// Writes a report. What is not there, because another version has written it, is left out.
pub(super) fn of(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let variations = report["variations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let visitors: u64 = variations.iter().filter_map(|one| one["visitors"].as_u64()).sum();
    let time_ms = |name: &str| report[name].as_u64().unwrap_or_default();
    let days = time_ms("last_ms").saturating_sub(time_ms("first_ms")) as f64 / 86_400_000.0;
    let mut out = text(&report["experiment"]);
    if let Some(name) = report["name"].as_str() {
        out += &format!(", {name}");
    }
    out += &format!(": {visitors} visitors in {days:.1} days\n");
    out += &match report["sizes"]["p"].as_f64() {
        Some(p) if report["sizes"]["is_odd"] == true => {
            format!("  SIZES ARE ODD (p {}): believe nothing below\n", p_text(p))
        }
        Some(p) => format!("  sizes are as they should be (p {})\n", p_text(p)),
        None => "  sizes cannot be checked\n".to_owned(),
    };
    let called = |index: usize| {
        let one = variations.get(index);
        let name = one.and_then(|one| one["name"].as_str().or_else(|| one["key"].as_str()));
        name.map_or_else(|| index.to_string(), ToOwned::to_owned)
    };
    let mut rows = vec![row(["  variation", "visitors", "share", "meant"])];
    for (index, one) in variations.iter().enumerate() {
        let count = one["visitors"].as_u64().unwrap_or_default();
        let share = percent(count as f64 / visitors.max(1) as f64);
        let meant = one["share"].as_f64().map(percent).unwrap_or_default();
        rows.push(row([&format!("  {}", called(index)), &count.to_string(), &share, &meant]));
    }
    out += &format!("\n{}", show::table(&rows));
    let level = report["level"].as_f64().unwrap_or(0.05);
    for measure in report["measures"].as_array().into_iter().flatten() {
        out += &format!("\n{}", measured(measure, level, &called));
    }
    for warning in report["warnings"].as_array().into_iter().flatten() {
        out += &format!("\n  warning: {}\n", text(warning));
    }
    out
}

fn measured(measure: &Value, level: f64, called: &dyn Fn(usize) -> String) -> String {
    let is_share = measure["kind"] == "converted";
    let goal = measure["goal"].as_str().unwrap_or_default();
    let title = match is_share {
        true => format!("  {goal}"),
        false => format!("  {goal}, value"),
    };
    let number = |value: &Value, is_signed: bool| match value.as_f64() {
        None => String::new(),
        Some(number) if is_share && is_signed => format!("{:+.2}", number * 100.0),
        Some(number) if is_share => percent(number),
        Some(number) if is_signed => format!("{number:+.4}"),
        Some(number) => format!("{number:.4}"),
    };
    let unit = if is_share { "difference, points" } else { "difference" };
    let interval = format!("{:.0} % interval", (1.0 - level) * 100.0);
    let mut rows = vec![row([&title, "mean", unit, &interval, "p", ""])];
    for (index, one) in measure["variations"].as_array().into_iter().flatten().enumerate() {
        let bounds = match (one["lower"].as_f64(), one["upper"].as_f64()) {
            (Some(_), Some(_)) => {
                format!("{} to {}", number(&one["lower"], true), number(&one["upper"], true))
            }
            _ if index > 0 => "too few visitors".to_owned(),
            _ => String::new(),
        };
        let verdict = match (one["is_decided"] == true, one["difference"].as_f64()) {
            (true, Some(difference)) if difference > 0.0 => "more",
            (true, Some(_)) => "less",
            _ => "",
        };
        let p = one["p"].as_f64().map(p_text).unwrap_or_default();
        let name = format!("  {}", called(index));
        let mean = number(&one["mean"], false);
        rows.push(row([&name, &mean, &number(&one["difference"], true), &bounds, &p, verdict]));
    }
    show::table(&rows)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.into_iter().map(ToOwned::to_owned).collect()
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn p_text(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn a_report_in_full() {
        let report = json!({
            "experiment": "checkout", "name": "The button", "first_ms": 0, "last_ms": 129_600_000,
            "level": 0.05,
            "variations": [
                {"index": 0, "key": "old", "name": null, "visitors": 1000, "share": 0.5},
                {"index": 1, "key": "new", "name": "Blue", "visitors": 1010, "share": 0.5},
            ],
            "sizes": {"p": 0.9, "is_odd": false},
            "measures": [
                {"goal": "order", "kind": "converted", "variations": [
                    {"mean": 0.05, "difference": null, "lower": null, "upper": null, "p": null, "is_decided": null},
                    {"mean": 0.12, "difference": 0.07, "lower": 0.01, "upper": 0.13, "p": 0.00001, "is_decided": true},
                ]},
                {"goal": "order", "kind": "value", "variations": [
                    {"mean": 3.5, "difference": null, "lower": null, "upper": null, "p": null, "is_decided": null},
                    {"mean": 3.25, "difference": -0.25, "lower": null, "upper": null, "p": 1.0, "is_decided": false},
                ]},
            ],
            "warnings": ["something is odd"],
        });
        expect![[r#"
            checkout, The button: 2010 visitors in 1.5 days
              sizes are as they should be (p 0.9000)

              variation  visitors  share    meant
              old        1000      49.75 %  50.00 %
              Blue       1010      50.25 %  50.00 %

              order  mean     difference, points  95 % interval    p
              old    5.00 %
              Blue   12.00 %  +7.00               +1.00 to +13.00  < 0.0001  more

              order, value  mean    difference  95 % interval     p
              old           3.5000
              Blue          3.2500  -0.2500     too few visitors  1.0000

              warning: something is odd
        "#]]
        .assert_eq(&of(&report));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        for report in [json!({}), json!([]), json!({"variations": 1, "measures": [{}]})] {
            assert!(of(&report).contains("sizes cannot be checked"), "{report}");
        }
        let odd = json!({"sizes": {"p": 0.0, "is_odd": true}});
        assert!(of(&odd).contains("SIZES ARE ODD (p < 0.0001)"));
    }
}
