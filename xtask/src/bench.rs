//! `cargo xtask bench`: measured side by side, in one run, on pinned cores.
//!
//! [`http`] is the promise of the table: [`throughput`] and latency of
//! [`subjects`] beside each other, then what a function costs that is cold or
//! idle ([`many`]). [`hostile`] is what a neighbor feels of each hostile guest,
//! [`chain`] what a link of a chain costs, [`proxy`] what passing on costs beside
//! other [`proxies`], [`cache`] what a caching link is worth beside other caches,
//! [`images`] how fast and how small pictures become beside others who resize them,
//! [`log`] how many records a second are durable, [`mqtt`] how many messages a core passes on,
//! [`reaction`] how long it takes from a sensor's reading to the actuator's message,
//! [`primitives`] what the kit's loops are worth beside plain ones, [`windows`] how many events
//! a second become windows.
//! [`report`] prints and writes the common form, [`closed_loop`] and [`open_loop`]
//! are the two load generators.

mod arguments;
mod cache;
mod chain;
mod closed_loop;
mod hostile;
mod http;
mod images;
mod log;
mod many;
mod mqtt;
mod open_loop;
mod primitives;
mod proxies;
mod proxy;
mod reaction;
mod report;
mod subjects;
mod throughput;
mod windows;

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use arguments::Arguments;

pub(crate) use report::{Bar, Report, figure, table, thousands};

/// The CPU of the server under test.
const SERVER_CORE: usize = 0;
/// The CPU of the load generator.
const CLIENT_CORE: usize = 1;

/// Runs the bench that the first argument names.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("which bench?\nhint: `cargo xtask bench http` or `cargo xtask bench hostile`");
    };
    match name.as_str() {
        "cache" => cache::run(workspace, &Arguments::parse(rest, 5, 3)?),
        "chain" => chain::run(workspace, &Arguments::parse(rest, 11, 1)?),
        "http" => http::run(workspace, &Arguments::parse(rest, 5, 5)?),
        "hostile" => hostile::run(workspace, &Arguments::parse(rest, 7, 1)?),
        "images" => images::run(workspace, &Arguments::parse(rest, 3, 2)?),
        "log" => log::run(workspace, &Arguments::parse(rest, 3, 3)?),
        "mqtt" => mqtt::run(workspace, &Arguments::parse(rest, 3, 4)?),
        "primitives" => primitives::run(workspace, &Arguments::parse(rest, 7, 2)?),
        "proxy" => proxy::run(workspace, &Arguments::parse(rest, 5, 3)?),
        "reaction" => reaction::run(workspace, &Arguments::parse(rest, 5, 1)?),
        "windows" => windows::run(workspace, &Arguments::parse(rest, 5, 5)?),
        unknown => {
            bail!(
                "there is no bench `{unknown}`\nhint: `cache`, `chain`, `hostile`, `http`, `images`, \
                 `log`, `mqtt`, `primitives`, `proxy`, `reaction` or `windows`"
            )
        }
    }
}

/// The middle value; of two, the mean. Zero if there is none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_ignores_outliers() {
        for (values, expected) in
            [(&[][..], 0.0), (&[3.0], 3.0), (&[9e9, 1.0, 2.0], 2.0), (&[1.0, 2.0, 3.0, 9e9], 2.5)]
        {
            assert_eq!(median(values), expected, "{values:?}");
        }
    }
}
