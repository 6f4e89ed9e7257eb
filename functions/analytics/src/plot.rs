//! Plots as SVG within a page: no script, and colors from its style sheet.

use std::fmt::Write;

use crate::summary::Point;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 140.0;
/// Room for the labels of the axis.
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 18.0;

/// Requests of each window as bars, those that failed at their foot.
pub fn requests(points: &[Point]) -> String {
    let most = points.iter().map(|point| point.requests).max().unwrap_or(0);
    let top = nice(most as f64);
    let mut out = begin("Requests", top, points);
    let step = step(points);
    for (at, point) in points.iter().enumerate().filter(|(_, point)| point.requests > 0) {
        let (all, failed) = (y(point.requests as f64, top), y(point.failed as f64, top));
        let x = LEFT + at as f64 * step;
        let width = (step - 1.0).max(0.5);
        let _ = write!(
            out,
            "<g><title>{}: {} requests, {} failed</title>",
            clock(point.from_ms),
            point.requests,
            point.failed
        );
        let foot = HEIGHT - BOTTOM;
        bar(&mut out, "all", x, all, width, foot - all);
        bar(&mut out, "failed", x, failed, width, foot - failed);
        out.push_str("</g>");
    }
    out + "</svg>"
}

/// Half and 99 % of the latencies of each window as lines, in milliseconds.
pub fn latencies(points: &[Point]) -> String {
    let all = points.iter().filter_map(|point| point.p99_ms);
    let top = nice(all.fold(0.0, f64::max));
    let mut out = begin("Latency in milliseconds", top, points);
    let half = |point: &Point| point.p50_ms;
    let most = |point: &Point| point.p99_ms;
    line(&mut out, "most", points, top, most);
    line(&mut out, "half", points, top, half);
    out + "</svg>"
}

fn begin(title: &str, top: f64, points: &[Point]) -> String {
    let (foot, right) = (HEIGHT - BOTTOM, WIDTH);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
         <path class=\"axis\" d=\"M{LEFT} 8V{foot}H{right}\"/>\
         <text x=\"{}\" y=\"14\" class=\"end\">{}</text>\
         <text x=\"{}\" y=\"{foot}\" class=\"end\">0</text>",
        LEFT - 4.0,
        shown(top),
        LEFT - 4.0,
    );
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let _ = write!(
            out,
            "<text x=\"{LEFT}\" y=\"{}\">{}</text>\
             <text x=\"{right}\" y=\"{}\" class=\"end\">{}</text>",
            HEIGHT - 4.0,
            clock(first.from_ms),
            HEIGHT - 4.0,
            clock(last.from_ms),
        );
    }
    out
}

fn bar(out: &mut String, class: &str, x: f64, y: f64, width: f64, height: f64) {
    if height > 0.0 {
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"/>"
        );
    }
}

/// A line that is broken where there is nothing; a single point is a short one.
fn line(
    out: &mut String,
    class: &str,
    points: &[Point],
    top: f64,
    of: impl Fn(&Point) -> Option<f64>,
) {
    let step = step(points);
    let mut path = String::new();
    let mut is_on = false;
    for (at, point) in points.iter().enumerate() {
        let Some(value) = of(point) else {
            is_on = false;
            continue;
        };
        let x = LEFT + (at as f64 + 0.5) * step;
        let y = y(value, top);
        let _ = match is_on {
            true => write!(path, "L{x:.1} {y:.1}"),
            false => write!(path, "M{x:.1} {y:.1}h0.1"),
        };
        is_on = true;
    }
    if !path.is_empty() {
        let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
    }
}

fn step(points: &[Point]) -> f64 {
    (WIDTH - LEFT) / points.len().max(1) as f64
}

fn y(value: f64, top: f64) -> f64 {
    let foot = HEIGHT - BOTTOM;
    foot - (value / top).clamp(0.0, 1.0) * (foot - 8.0)
}

/// The next of 1, 2 and 5 times a power of ten, at least 1.
fn nice(most: f64) -> f64 {
    let mut unit = 1.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if factor * unit >= most || unit > 1e18 {
                return factor * unit;
            }
        }
        unit *= 10.0;
    }
}

/// A number for people: `1.5`, `12`, `3.4 k`.
pub fn shown(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value >= 1e9 => format!("{:.1} G", value / 1e9),
        _ if value >= 1e6 => format!("{:.1} M", value / 1e6),
        _ if value >= 1e4 => format!("{:.1} k", value / 1e3),
        _ if value >= 10.0 || value == value.trunc() => format!("{value:.0}"),
        _ if value >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// Hour and minute, UTC.
pub fn clock(time_ms: i64) -> String {
    let minutes = time_ms.div_euclid(60_000).rem_euclid(1_440);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(at: i64, requests: u64, p50_ms: Option<f64>) -> Point {
        let (failed, users) = (requests / 2, 1);
        let p99_ms = p50_ms.map(|half| half * 2.0);
        Point { from_ms: at * 60_000, requests, failed, users, p50_ms, p99_ms }
    }

    #[test]
    fn numbers_and_times_are_for_people() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.250"),
            (1.5, "1.5"),
            (9.0, "9"),
            (1234.5, "1234"),
            (12_345.0, "12.3 k"),
            (2e6, "2.0 M"),
            (3e12, "3000.0 G"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(shown(value), text, "{value}");
        }
        assert_eq!((clock(-60_000), clock(3_660_000)), ("23:59".into(), "01:01".into()));
        for (most, top) in [(0.0, 1.0), (1.1, 2.0), (20.0, 20.0), (21.0, 50.0), (f64::NAN, 1e19)] {
            assert!(nice(most) == top || most.is_nan(), "{most} {}", nice(most));
        }
    }

    #[test]
    fn what_is_not_there_breaks_a_line() {
        let points = [(0, Some(1.0)), (1, None), (2, Some(2.0)), (3, Some(3.0))];
        let points: Vec<_> = points.map(|(at, half)| point(at, 4, half)).into();
        let svg = latencies(&points);
        assert_eq!(svg.matches('M').count(), 1 + 2 * 2, "{svg}");
        assert_eq!(svg.matches("L636.0 ").count(), 2, "{svg}");
        let bars = requests(&points);
        assert_eq!(bars.matches("<rect").count(), 8, "{bars}");
        assert!(bars.contains("00:02: 4 requests, 2 failed"));
    }

    proptest! {
        #[test]
        fn any_numbers_make_a_plot(
            all in proptest::collection::vec((any::<u64>(), proptest::option::of(0.0..1e300)), 0..60)
        ) {
            let points: Vec<_> = all.iter().enumerate()
                .map(|(at, (requests, half))| point(at as i64, *requests, *half)).collect();
            for svg in [requests(&points), latencies(&points)] {
                prop_assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
                prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
            }
        }
    }
}
