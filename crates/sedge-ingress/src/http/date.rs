//! `Date`, made once a second for each thread.

use http::HeaderValue;
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// The second since 1970 that it was made for.
    static MADE: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// The time as RFC 9110 §5.6.7 writes it.
pub(crate) fn now() -> HeaderValue {
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    MADE.with_borrow_mut(|made| match made {
        Some((known, date)) if *known == second => date.clone(),
        _ => {
            let date = date_of(second);
            *made = Some((second, date.clone()));
            date
        }
    })
}

fn date_of(second: u64) -> HeaderValue {
    // Later than the year 9999 there is no such date.
    let time = UNIX_EPOCH + Duration::from_secs(second.min(253_402_300_799));
    HeaderValue::from_str(&httpdate::fmt_http_date(time))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_one_date() {
        assert_eq!(date_of(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date_of(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date_of(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        let (one, other) = (now(), now());
        assert!(one == other || now() == other, "{one:?} {other:?}");
    }
}
