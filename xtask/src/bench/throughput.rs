//! Requests per second and latency of all subjects, in rounds, so that a
//! disturbance of the machine hits all of them alike.

use super::arguments::Arguments;
use super::report::{Report, figure, table};
use super::subjects::{self, BASELINE, Start, Subject};
use super::{closed_loop, median, open_loop};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};

/// Medians of one subject.
pub(super) struct Figures {
    pub name: &'static str,
    pub requests_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// CPU time of the server's process for each answer, the kernel's included.
    pub cpu_us: f64,
    pub rss_mb: f64,
}

/// What one measurement saw.
struct Once {
    run: closed_loop::Run,
    cpu_us: f64,
    rss_mb: f64,
}

/// Measures every subject that is here; names those that are absent.
pub(super) fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<Vec<Figures>> {
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    for subject in subjects::all(workspace, arguments)? {
        match subject {
            Subject { name, start: Ok(start) } => present.push((name, start, Vec::new())),
            Subject { name, start: Err(why) } => absent.push((name, why)),
        }
    }
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        for (name, start, runs) in &mut present {
            let run =
                once(workspace, arguments, start).with_context(|| format!("measuring {name}"))?;
            runs.push(run);
        }
    }
    let figures: Vec<Figures> =
        present.iter().map(|(name, _, runs)| summary(name, runs, arguments, report)).collect();
    print(&figures, &absent);
    for (name, why) in &absent {
        report.absent(name, why);
    }
    Ok(figures)
}

/// One measurement: start, warm up for a second, measure, stop.
fn once(workspace: &Workspace, arguments: &Arguments, start: &Start) -> Result<Once> {
    let server = start.start()?;
    let (answer, _) = crate::http::get(server.address(), "/")?;
    if answer.text() != "hello, world\n" {
        bail!("the server answered {:?}", answer.text());
    }
    let load = |seconds| closed_loop::run(workspace, arguments.wrk, server.address(), seconds);
    load(1)?;
    let before = server.cpu_seconds();
    let run = load(arguments.seconds)?;
    let cpu_us = (server.cpu_seconds() - before) * 1e6 / run.answered;
    Ok(Once { run, cpu_us, rss_mb: server.rss_mb() })
}

fn summary(
    name: &'static str,
    runs: &[Once],
    arguments: &Arguments,
    report: &mut Report,
) -> Figures {
    let of = |pick: fn(&Once) -> f64| median(&runs.iter().map(pick).collect::<Vec<_>>());
    let figures = Figures {
        name,
        requests_per_s: of(|once| once.run.requests_per_s),
        p50_ms: of(|once| once.run.p50_ms),
        p99_ms: of(|once| once.run.p99_ms),
        cpu_us: of(|once| once.cpu_us),
        rss_mb: of(|once| once.rss_mb),
    };
    let case = closed_loop::case(arguments.wrk);
    report.row(name, case, "requests", figures.requests_per_s, "1/s");
    report.row(name, case, "p50", figures.p50_ms, "ms");
    report.row(name, case, "p99", figures.p99_ms, "ms");
    report.row(name, case, "cpu", figures.cpu_us, "µs");
    report.row(name, case, "rss", figures.rss_mb, "MB");
    figures
}

fn print(figures: &[Figures], absent: &[(&str, String)]) {
    let baseline = figures.iter().find(|one| one.name == BASELINE);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for one in figures {
        let ratio = baseline.map(|baseline| one.requests_per_s / baseline.requests_per_s);
        rows.push(vec![
            one.name.to_owned(),
            figure(one.requests_per_s),
            figure(one.p50_ms),
            figure(one.p99_ms),
            figure(one.cpu_us),
            figure(one.rss_mb),
            ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
        ]);
    }
    let heading = ["server, one core", "req/s", "p50 ms", "p99 ms", "CPU µs", "RSS MB", "of hyper"];
    println!("\n{}", table(&heading, &rows));
    for (name, why) in absent {
        println!("{name}: absent ({why})");
    }
}

/// Latency of a subject at half of its highest load, from when each request was
/// due: the median p99 over the rounds.
pub(super) fn at_half_load(
    workspace: &Workspace,
    arguments: &Arguments,
    report: &mut Report,
    figures: &Figures,
) -> Result<f64> {
    let subjects = subjects::all(workspace, arguments)?;
    let subject = subjects.into_iter().find(|subject| subject.name == figures.name);
    let start = subject.and_then(|subject| subject.start.ok()).context("finding the subject")?;
    let rate = figures.requests_per_s / 2.0;
    let mut runs = Vec::new();
    for _ in 0..arguments.rounds {
        let server = start.start()?;
        closed_loop::run(workspace, arguments.wrk, server.address(), 1)?;
        let run = open_loop::run(workspace, server.address(), "/", rate, arguments.seconds)?;
        if run.failed > 0.0 {
            bail!("{} requests failed at half of the highest load", run.failed);
        }
        runs.push(run);
    }
    let p50 = median(&runs.iter().map(|run| run.p50_ms).collect::<Vec<_>>());
    let p99 = median(&runs.iter().map(|run| run.p99_ms).collect::<Vec<_>>());
    let disturbed = median(&runs.iter().map(|run| run.disturbed).collect::<Vec<_>>());
    let disturbed = 100.0 * disturbed / (rate * arguments.seconds as f64);
    println!(
        "{} at {} req/s, half of its highest load: p50 {} ms, p99 {} ms \
         ({disturbed:.1} % not measured: the machine paused the generator)",
        figures.name,
        figure(rate),
        figure(p50),
        figure(p99)
    );
    let case = "open loop, half of the highest load";
    report.row(figures.name, case, "p50", p50, "ms");
    report.row(figures.name, case, "p99", p99, "ms");
    report.row(figures.name, case, "disturbed", disturbed, "%");
    Ok(p99)
}
