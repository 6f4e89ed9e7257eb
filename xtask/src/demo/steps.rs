//! The stops of the tour, in order.

use super::expect_status;
use super::tour::{PATIENCE, Tour};
use crate::bench::{table, thousands};
use crate::http::{self, Request};
use crate::{jpeg, json};
use anyhow::{Context, Result, bail};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PHOTOGRAPH: &str = "examples/images/rocket.jpg";
const SERIES: &str = "examples/sensors";
/// Requests to each function, from which its cold start is known.
const COLD_STARTS: usize = 10;

/// A real photograph, resized to another ratio; the written file is read by a
/// parser that has nothing to do with the function.
pub(super) fn photograph(tour: &mut Tour) -> Result<String> {
    let picture = tour.input(PHOTOGRAPH)?;
    let from = jpeg::size(&picture).context("reading the photograph's size")?;
    println!("  {PHOTOGRAPH}: {}×{}, {} bytes", from.0, from.1, thousands(picture.len() as i64));
    let request = Request {
        method: "POST",
        path: "/img/320x200/cover",
        headers: &[("content-type", "image/jpeg"), ("accept", "image/jpeg")],
        body: &picture,
    };
    let (response, time) = tour.show(&request)?;
    expect_status(&response, 200)?;
    let file = tour.scratch.join("rocket-320x200.jpg");
    fs::write(&file, &response.body).context("writing the picture")?;
    let written = fs::read(&file).context("reading the picture back")?;
    match jpeg::size(&written) {
        Some((320, 200)) => {}
        Some(size) => bail!("the picture is {size:?} instead of 320×200"),
        None => bail!("what was written is no JPEG"),
    }
    println!("    written to target/demo/rocket-320x200.jpg: a JPEG of 320×200");
    Ok(format!(
        "{}×{} → 320×200, {} → {} bytes in {:.1} ms",
        from.0,
        from.1,
        thousands(picture.len() as i64),
        thousands(written.len() as i64),
        time.as_secs_f64() * 1e3
    ))
}

/// Real temperature series: as they were measured, and with a broken sensor at
/// the end, which must score higher.
pub(super) fn temperatures(tour: &mut Tour) -> Result<String> {
    let mut seen = Vec::new();
    for file in series(tour)? {
        let csv = String::from_utf8(tour.input(&file)?).context("reading a series")?;
        println!("  {file}: {} readings", csv.lines().count().saturating_sub(1));
        let calm = score(tour, csv.as_bytes())?;
        println!("  the same, its last reading replaced by 999");
        let broken = score(tour, break_last(&csv)?.as_bytes())?;
        if broken <= calm {
            bail!("a reading of 999 scored {broken}, no more than the real one ({calm})");
        }
        let name = file.rsplit('/').next().unwrap_or(&file).trim_end_matches(".csv");
        seen.push(format!("{name}: {calm:.2}, broken {broken:.2}"));
    }
    Ok(seen.join("; "))
}

fn series(tour: &Tour) -> Result<Vec<String>> {
    let folder = tour.workspace.root.join(SERIES);
    let mut files: Vec<String> = fs::read_dir(&folder)
        .with_context(|| format!("reading {SERIES}"))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".csv"))
        .map(|name| format!("{SERIES}/{name}"))
        .collect();
    files.sort();
    files.truncate(2);
    if files.is_empty() {
        bail!("no series in {SERIES}");
    }
    Ok(files)
}

fn score(tour: &Tour, csv: &[u8]) -> Result<f64> {
    let headers = [("content-type", "text/csv")];
    let request =
        Request { method: "POST", path: "/sensors/score?unit=F", headers: &headers, body: csv };
    let (response, _) = tour.show(&request)?;
    expect_status(&response, 200)?;
    json::number(&response.json()?, "anomaly_score")
}

/// Replaces the number of the last line, in whichever column it is.
fn break_last(csv: &str) -> Result<String> {
    let csv = csv.trim_end();
    let (before, last) = csv.rsplit_once('\n').context("the series has one line only")?;
    let cells: Vec<&str> = last.split(',').collect();
    let reading = cells.iter().rposition(|cell| cell.trim().parse::<f64>().is_ok());
    let reading = reading.context("the series' last line has no number")?;
    let cells: Vec<&str> =
        (0..cells.len()).map(|index| if index == reading { "999" } else { cells[index] }).collect();
    Ok(format!("{before}\n{}\n", cells.join(",")))
}

/// A counter in the node's store, before and after the node is killed.
pub(super) fn counter(tour: &mut Tour) -> Result<String> {
    for expected in 1..=3 {
        count(tour, expected)?;
    }
    tour.kill_node()?;
    let start = Instant::now();
    tour.start_node()?;
    count(tour, 4)?;
    let back = start.elapsed().as_secs_f64() * 1e3;
    Ok(format!("1, 2, 3, kill -9, 4; back after {back:.0} ms"))
}

fn count(tour: &Tour, expected: i64) -> Result<()> {
    let (response, _) = tour.show_get("/count/visitors")?;
    expect_status(&response, 200)?;
    let count = json::number(&response.json()?, "count")?;
    if count != expected as f64 {
        bail!("the counter says {count} instead of {expected}");
    }
    Ok(())
}

/// A guest that never ends, and a neighbor that is asked all the while.
pub(super) fn endless_loop(tour: &mut Tour) -> Result<String> {
    let to = tour.node()?.listen;
    let ended = AtomicBool::new(false);
    let (looped, neighbor) = std::thread::scope(|scope| {
        let neighbor = scope.spawn(|| ask_until(to, "/hello", &ended));
        let looped = tour.show_get("/endless-loop");
        ended.store(true, Ordering::Relaxed);
        (looped, neighbor.join())
    });
    let (response, time) = looped?;
    let Ok(neighbor) = neighbor else { bail!("the thread that asks the neighbor crashed") };
    println!(
        "  meanwhile GET /hello: {} answers, {} failures, longest {:.2} ms",
        neighbor.answers,
        neighbor.failures,
        neighbor.longest.as_secs_f64() * 1e3
    );
    if response.status < 500 {
        bail!("an endless loop answered {}", response.status);
    }
    if neighbor.failures > 0 || neighbor.answers == 0 {
        bail!("the neighbor failed {} times, answered {}", neighbor.failures, neighbor.answers);
    }
    Ok(format!(
        "cut off after {:.0} ms; neighbor: {} answers, 0 failures",
        time.as_secs_f64() * 1e3,
        neighbor.answers
    ))
}

/// What a function costs, as the node itself reports it, after a few requests
/// to each.
pub(super) fn functions(tour: &mut Tour) -> Result<String> {
    let to = tour.node()?.listen;
    let picture = tour.input(PHOTOGRAPH)?;
    let csv = tour.input(&series(tour)?[0])?;
    let post = |path, body| Request { method: "POST", path, headers: &[], body };
    for _ in 0..COLD_STARTS {
        http::send(to, &post("/img/320x200/cover", &picture), PATIENCE)?;
        http::send(to, &post("/sensors/score?unit=F", &csv), PATIENCE)?;
        http::get(to, "/count/visitors")?;
        http::get(to, "/hello")?;
    }
    let functions = tour.node()?.functions()?;
    let functions = json::list(&functions, "functions")?;
    let rows = functions.iter().map(costs).collect::<Result<Vec<_>>>()?;
    let heading =
        ["function", "requests", "cold starts", "p50 ms", "p99 ms", "peak memory MB", "code MB"];
    let shown = table(&heading, &rows);
    shown.lines().for_each(|line| println!("  {line}"));
    let slowest = functions.iter().filter_map(|function| function["cold_start_ms"]["p50"].as_f64());
    Ok(format!("a fresh instance in at most {:.2} ms (median)", slowest.fold(0.0, f64::max)))
}

fn costs(function: &serde_json::Value) -> Result<Vec<String>> {
    let cold = &function["cold_start_ms"];
    Ok(vec![
        json::text(function, "function")?.to_owned(),
        json::number(function, "requests")?.to_string(),
        json::number(function, "cold_starts")?.to_string(),
        format!("{:.2}", json::number(cold, "p50")?),
        format!("{:.2}", json::number(cold, "p99")?),
        format!("{:.2}", json::number(function, "memory_bytes_peak")? / 1e6),
        format!("{:.2}", json::number(function, "code_bytes")? / 1e6),
    ])
}

/// What a neighbor's client saw.
#[derive(Default)]
struct Neighbor {
    answers: usize,
    failures: usize,
    longest: Duration,
}

/// Asks without a pause until told to end, at most for a minute.
fn ask_until(to: std::net::SocketAddr, path: &str, ended: &AtomicBool) -> Neighbor {
    let mut seen = Neighbor::default();
    let start = Instant::now();
    while !ended.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(60) {
        match http::get(to, path) {
            Ok((response, time)) if response.status == 200 => {
                seen.answers += 1;
                seen.longest = seen.longest.max(time);
            }
            _ => seen.failures += 1,
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_without_readings_cannot_be_broken() {
        for bad in ["", "temp", "date,temp\nnever,unknown"] {
            assert!(break_last(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_last_reading_is_replaced_in_whichever_column_it_is() {
        for (csv, expected) in [
            ("date,temp\n2010/01/01 00:00,39.4\n", "date,temp\n2010/01/01 00:00,999\n"),
            ("temp,date\n1,a\n47.8,2010/01/01\n", "temp,date\n1,a\n999,2010/01/01\n"),
        ] {
            assert_eq!(break_last(csv).expect("valid"), expected);
        }
    }
}
