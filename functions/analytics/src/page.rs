//! The page for people: plots and tables, without scripts, and with nothing from elsewhere.

use std::fmt::Write;

use crate::plot::{self, clock, shown};
use crate::query::Question;
use crate::summary::{Figures, Summary};

/// What the page may load: nothing but its own style sheet, named by its digest.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-j4wVG4yRJGCkzKjMW3UHlLU7X3mkuEjjoUHiiVq0AqI='; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page/style.css");

const RANGES: [&str; 5] = ["5m", "15m", "60m", "6h", "24h"];

/// The page of an answer; `None`: nothing was counted yet. `path` is where the link answers.
pub fn html(path: &str, question: &Question, summary: Option<&Summary>) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"refresh\" content=\"30\"><title>Analytics</title>\
         <style>{STYLE}</style><main><h1>Analytics</h1>"
    );
    ranges(&mut out, path, question);
    match summary {
        None => out.push_str("<p>Nothing was counted yet."),
        Some(summary) => {
            figures(&mut out, summary);
            out.push_str("<h2>Requests <small>red: failed</small></h2>");
            out.push_str(&plot::requests(&summary.points));
            out.push_str("<h2>Latency <small>half of the answers, and 99 %, in ms</small></h2>");
            out.push_str(&plot::latencies(&summary.points));
            routes(&mut out, path, summary);
            alerts(&mut out, summary);
            rest(&mut out, summary);
        }
    }
    out.push_str("</main></html>\n");
    out
}

/// Text between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

fn ranges(out: &mut String, path: &str, question: &Question) {
    let route = question.route.as_deref().unwrap_or_default();
    let range = question.range.shown();
    out.push_str("<nav>");
    for one in RANGES {
        let current = if one == range { " aria-current=\"true\"" } else { "" };
        let (path, route) = (escaped(path), escaped(route));
        let _ = write!(out, "<a{current} href=\"{path}?route={route}&amp;range={one}\">{one}</a> ");
    }
    if !route.is_empty() {
        let _ = write!(
            out,
            "<strong>{}</strong> <a href=\"{}?range={range}\">all routes</a>",
            escaped(route),
            escaped(path)
        );
    }
    out.push_str("</nav>");
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), shown)
}

fn figures(out: &mut String, summary: &Summary) {
    let all = &summary.all;
    out.push_str("<dl>");
    for (name, value) in [
        ("requests", shown(all.requests as f64)),
        ("failed", percent(all.errors)),
        ("users", shown(all.users as f64)),
        ("p50 ms", maybe(all.latency_ms.p50)),
        ("p99 ms", maybe(all.latency_ms.p99)),
        ("bytes", shown(all.size_bytes.sum)),
        ("sessions", shown(summary.sessions.open as f64)),
    ] {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    let _ = write!(
        out,
        "</dl><p>{} to {} UTC, counted until {}.",
        clock(summary.from_ms),
        clock(summary.to_ms),
        clock(summary.as_of_ms)
    );
    for raised in &summary.raised {
        let name = raised.about.name.as_deref().unwrap_or("all routes");
        let _ = write!(
            out,
            "<p class=\"{}\">{}: {} of {}",
            escaped(&raised.level),
            escaped(&raised.level),
            escaped(&raised.about.cause),
            escaped(name)
        );
    }
}

fn row(out: &mut String, head: &str, cells: &[String]) {
    let _ = write!(out, "<tr><th>{head}</th>");
    for cell in cells {
        let _ = write!(out, "<td>{cell}</td>");
    }
    out.push_str("</tr>");
}

fn routes(out: &mut String, path: &str, summary: &Summary) {
    out.push_str(
        "<h2>Routes</h2><table><tr><th>route<th>requests<th>failed<th>users<th>p50 ms<th>p99 ms</tr>",
    );
    for (name, Figures { requests, errors, users, latency_ms, .. }) in &summary.routes {
        let name = escaped(name);
        let (path, range) = (escaped(path), escaped(&summary.range));
        let link = format!("<a href=\"{path}?route={name}&amp;range={range}\">{name}</a>");
        let cells = [
            shown(*requests as f64),
            percent(*errors),
            shown(*users as f64),
            maybe(latency_ms.p50),
            maybe(latency_ms.p99),
        ];
        row(out, &link, &cells);
    }
    out.push_str("</table>");
}

fn alerts(out: &mut String, summary: &Summary) {
    if summary.alerts.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Alerts</h2><table><tr><th>at<th>of<th>cause<th>level<th>seen<th>well to</tr>",
    );
    for told in summary.alerts.iter().rev() {
        let name = told.about.name.as_deref().unwrap_or(&told.about.subject);
        let cells = [
            escaped(name),
            escaped(&told.about.cause),
            escaped(&told.level),
            shown(told.value),
            shown(told.limit),
        ];
        row(out, &clock(told.time_ms), &cells);
    }
    out.push_str("</table>");
}

fn rest(out: &mut String, summary: &Summary) {
    if !summary.events.is_empty() {
        out.push_str("<h2>Events</h2><table><tr><th>name<th>count<th>too high by</tr>");
        for event in &summary.events {
            let cells = [shown(event.count as f64), shown(event.over as f64)];
            row(out, &escaped(&event.name), &cells);
        }
        out.push_str("</table>");
    }
    let sessions = &summary.sessions;
    let ended: u64 = sessions.ended.values().sum();
    let _ = write!(
        out,
        "<h2>Sessions</h2><p>{} open, {} of them unlike a person's; {} ended, half of them after \
         less than {} s.",
        sessions.open,
        sessions.unusual,
        ended,
        maybe(sessions.median_s)
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{About, Told};
    use crate::query::Range;
    use crate::summary::Raised;
    use crate::summary::tests::asked;
    use crate::view::Named;
    use sha2::{Digest, Sha256};

    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Base64 of 32 bytes.
    fn base64(bytes: &[u8]) -> String {
        let mut out = String::new();
        for three in bytes.chunks(3) {
            let word = three.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
            let word = word << (8 * (3 - three.len()));
            for at in 0..=three.len() {
                out.push(char::from(LETTERS[(word >> (18 - 6 * at) & 63) as usize]));
            }
        }
        out + "="
    }

    #[test]
    fn the_policy_names_the_style_sheet_and_nothing_else() {
        let digest = base64(&Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("'sha256-{digest}'")), "it is sha256-{digest}");
        assert!(!STYLE.contains('<') && !STYLE.contains("url("));
    }

    #[test]
    fn whatever_is_shown_is_text() {
        let bad = "<script>'\"&".to_owned();
        let mut summary = asked(Some("shop"), Range::Minutes(60));
        let about = About { subject: bad.clone(), name: Some(bad.clone()), cause: bad.clone() };
        summary.raised.push(Raised { about: about.clone(), level: bad.clone() });
        let told = Told { time_ms: 0, about, level: bad.clone(), value: 1.0, limit: f64::NAN };
        summary.alerts.push(told);
        summary.events.push(Named { name: bad.clone(), count: 1, over: 0 });
        let figures = summary.all.clone();
        summary.routes.insert(bad.clone(), figures);
        let question = Question { route: Some(bad.clone()), range: Range::Hours(6) };
        let html = html("/a'b", &question, Some(&summary));
        assert!(!html.contains("<script") && !html.contains(" on"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;&#39;&quot;&amp;").count(), 16, "{html}");
        assert!(html.contains("href=\"/a&#39;b?") && html.contains(" aria-current=\"true\" href"));
        assert!(!html.contains("src=") && !html.contains("http://") && !html.contains("https://"));
    }

    #[test]
    fn a_page_has_its_figures_and_says_when_there_are_none() {
        let question = Question { route: None, range: Range::Minutes(60) };
        let summary = asked(None, Range::Minutes(60));
        let page = html("/analytics", &question, Some(&summary));
        assert!(page.contains("<dt>requests</dt><dd>31</dd>"), "{page}");
        assert!(page.contains("?route=shop&amp;range=60m\">shop</a>"), "{page}");
        assert_eq!(page.matches("<svg ").count(), 2);
        let empty = html("/analytics", &question, None);
        assert!(empty.contains("Nothing was counted yet") && empty.ends_with("</main></html>\n"));
    }
}
