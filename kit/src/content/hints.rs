//! What a client tells of its device and its connection: client hints (RFC 8942 and
//! the lists of the WICG) and, without them, the user agent.

use super::list::{trim, unquoted};
use crate::device::{self, Agent, Kind};

/// What kind of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// A phone.
    Mobile,
    /// A tablet.
    Tablet,
    /// Everything else, and what does not tell.
    Desktop,
}

/// How fast the connection is: the effective types of the Network Information API,
/// with its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    /// `slow-2g` and `2g`: a round trip from 1,400 ms on, or less than 70 kbit/s.
    Slow,
    /// `3g`: a round trip from 270 ms on, or less than 700 kbit/s.
    Medium,
    /// `4g` and better, and what does not tell.
    Fast,
}

/// What was read of the hints. What is malformed or out of range is as if it had not
/// been sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hints {
    /// The device.
    pub device: Device,
    /// The connection.
    pub connection: Connection,
    /// The client asks for fewer bytes.
    pub saves_data: bool,
    /// The width of the viewport in CSS pixels, 1 to 32,767.
    pub viewport_px: Option<u16>,
    /// Device pixels for each CSS pixel in hundredths, 25 to 1,000.
    pub density_hundredths: Option<u16>,
}

/// Hints that are worth asking for, as `Accept-CH` has them (RFC 8942 §3.1). Those
/// that a client sends unasked are not among them.
pub const ACCEPT_CH: &str = "Sec-CH-UA-Form-Factors, Sec-CH-Viewport-Width, Sec-CH-DPR, \
                             Viewport-Width, DPR, ECT, RTT, Downlink, Save-Data";

impl Hints {
    /// Reads them; `field` gives the value of a field by its name in lower case.
    pub fn read<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Self {
        let number = |name: &str| field(name).and_then(milli);
        let either = |names: [&str; 2]| names.into_iter().find_map(number);
        let viewport = either(["sec-ch-viewport-width", "viewport-width"]);
        let density = either(["sec-ch-dpr", "dpr"]);
        let within = |value: u64, least: u64, most: u64| {
            (least..=most).contains(&value).then(|| u16::try_from(value).ok()).flatten()
        };
        Hints {
            device: device(&field),
            connection: connection(&field),
            saves_data: field("save-data").is_some_and(|value| {
                let token = value.split(';').next().unwrap_or_default();
                trim(token).eq_ignore_ascii_case("on")
            }),
            viewport_px: viewport.and_then(|milli| within(milli / 1000, 1, 32_767)),
            density_hundredths: density.and_then(|milli| within(milli / 10, 25, 1_000)),
        }
    }
}

/// By the words of the user agent, too. A crawler gets what the device gets that it looks with.
fn device<'a>(field: &impl Fn(&str) -> Option<&'a str>) -> Device {
    let agent = field("user-agent").map(Agent::parse).unwrap_or_default();
    match device::form(field, agent.form) {
        Kind::Mobile => Device::Mobile,
        Kind::Tablet => Device::Tablet,
        Kind::Desktop | Kind::Tv | Kind::Bot | Kind::Other => Device::Desktop,
    }
}

fn connection<'a>(field: &impl Fn(&str) -> Option<&'a str>) -> Connection {
    let told = field("ect").map(|value| trim(unquoted(trim(value))));
    let of_type = told.and_then(|told| {
        let is = |name: &str| told.eq_ignore_ascii_case(name);
        if is("slow-2g") || is("2g") {
            Some(Connection::Slow)
        } else if is("3g") {
            Some(Connection::Medium)
        } else if is("4g") || is("5g") {
            Some(Connection::Fast)
        } else {
            None
        }
    });
    let rtt = field("rtt").and_then(milli).map(|milli| match milli / 1000 {
        0..270 => Connection::Fast,
        270..1400 => Connection::Medium,
        _ => Connection::Slow,
    });
    let downlink = field("downlink").and_then(milli).map(|kbit| match kbit {
        0..70 => Connection::Slow,
        70..700 => Connection::Medium,
        _ => Connection::Fast,
    });
    // The type is the browser's own judgment of the same figures.
    of_type.or(rtt.into_iter().chain(downlink).min()).unwrap_or(Connection::Fast)
}

/// A number of RFC 9651 (§4.2.4) without its sign, in thousandths. A fourth digit
/// behind the point makes it none.
fn milli(text: &str) -> Option<u64> {
    let text = trim(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_valid = (1..=12).contains(&whole.len()) && fraction.len() <= 3;
    if !is_valid || !is_digits(whole) || !is_digits(fraction) || text.ends_with('.') {
        return None;
    }
    let value = |text: &str| text.bytes().fold(0u64, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    let scale = [1000, 100, 10, 1][fraction.len()];
    Some(value(whole) * 1000 + value(fraction) * scale)
}

#[cfg(test)]
mod tests;
