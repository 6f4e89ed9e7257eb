//! Parts of a file that a request asks for (RFC 9110 §14).

/// Parts of one answer; a request that asks for more is sent the whole, as RFC
/// 9110 §14.2 allows: many small parts are what clients do that mean harm.
pub const RANGES_MAX: usize = 16;

/// Bytes of a file: from the first, to before the end; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub begin: u64,
    /// The byte after the last.
    pub end: u64,
}

impl Part {
    /// How many bytes.
    pub fn length(self) -> u64 {
        self.end - self.begin
    }
}

/// What a `Range` field means for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The whole: the field says nothing that is understood, or asks for more in
    /// parts than the whole has.
    Whole,
    /// These parts, in the order in which they were asked for; at least one, and
    /// not more than [`RANGES_MAX`].
    Parts(Vec<Part>),
    /// Nothing that the file has.
    Nothing,
}

/// Reads the value of a `Range` field for a file of `length` bytes.
pub fn asked(value: &[u8], length: u64) -> Asked {
    let Some(set) = std::str::from_utf8(value).ok().and_then(range_set) else {
        return Asked::Whole;
    };
    let mut parts = Vec::new();
    // A list may have empty entries (RFC 9110 §5.6.1.2).
    let specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t']));
    let mut count = 0;
    for spec in specs.filter(|spec| !spec.is_empty()) {
        count += 1;
        if count > RANGES_MAX {
            return Asked::Whole;
        }
        match part(spec, length) {
            Ok(found) => parts.extend(found),
            Err(NotValid) => return Asked::Whole,
        }
    }
    let total = parts.iter().try_fold(0u64, |sum, part: &Part| sum.checked_add(part.length()));
    match parts.len() {
        _ if count == 0 => Asked::Whole,
        // Of an empty file there is nothing that `Content-Range` could name.
        0 if length == 0 && is_suffixes_only(set) => Asked::Whole,
        0 => Asked::Nothing,
        1 => Asked::Parts(parts),
        // Parts that overlap would be sent more than once.
        _ if total.is_none_or(|total| total > length) => Asked::Whole,
        _ => Asked::Parts(parts),
    }
}

struct NotValid;

/// What follows `bytes=`; the unit is of any case (RFC 9110 §14.1).
fn range_set(value: &str) -> Option<&str> {
    let (unit, set) = value.split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(set)
}

/// One range (RFC 9110 §14.1.2); `None` if the file has nothing of it.
fn part(spec: &str, length: u64) -> Result<Option<Part>, NotValid> {
    let (first, last) = spec.split_once('-').ok_or(NotValid)?;
    if first.is_empty() {
        let suffix = number(last)?;
        let begin = length.saturating_sub(suffix);
        return Ok((begin < length).then_some(Part { begin, end: length }));
    }
    let begin = number(first)?;
    let end = match last {
        "" => length,
        last => {
            let last = number(last)?;
            if last < begin {
                return Err(NotValid);
            }
            length.min(last.saturating_add(1))
        }
    };
    Ok((begin < end).then_some(Part { begin, end }))
}

/// Digits only; a number that is larger than any file is as good as the largest.
fn number(digits: &str) -> Result<u64, NotValid> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotValid);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn is_suffixes_only(set: &str) -> bool {
    let mut specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t']));
    specs.all(|spec| spec.is_empty() || spec.starts_with('-') && spec.bytes().any(|b| b > b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, length: u64) -> String {
        match asked(value.as_bytes(), length) {
            Asked::Whole => "whole".to_owned(),
            Asked::Nothing => "nothing".to_owned(),
            Asked::Parts(parts) => {
                let parts = parts.iter().map(|part| format!("{}..{}", part.begin, part.end));
                parts.collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn what_is_not_understood_asks_for_the_whole() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes= ,\t,",
            "bytes=-",
            "bytes=--1",
            "bytes=a-b",
            "bytes=1-0",
            "bytes=5-4,0-1",
            "bytes=0-1,x",
            "bytes=0x0-1",
            "bytes=+0-1",
            "bytes=0-+1",
            "bytes=0 - 1",
            "bytes=1",
            "bytes =0-1",
            "items=0-1",
            "bytes:0-1",
            "bytes=0-1;2-3",
            "bytes=-1-2",
            "bytes=0-1-2",
            "seconds=1-2, bytes=0-1",
            "bytes=\u{ff10}-1",
        ] {
            assert_eq!(of(value, 10), "whole", "{value}");
        }
        assert_eq!(asked(b"bytes=0-\xff", 10), Asked::Whole);
    }

    #[test]
    fn parts_that_would_be_more_than_the_whole_are_not_sent() {
        let many = format!("bytes={}", "0-0,".repeat(17));
        assert_eq!(of(&many, 1_000), "whole");
        let endless = format!("bytes={}", "0-,".repeat(1_300));
        assert_eq!(of(&endless, 1_000), "whole");
        assert_eq!(of("bytes=0-,0-", 10), "whole");
        assert_eq!(of("bytes=0-5,5-9", 10), "whole");
        assert_eq!(of("bytes=0-4,5-9", 10), "0..5 5..10");
        let sixteen = (0..16).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(",");
        assert_eq!(of(&format!("bytes={sixteen}"), 16).split(' ').count(), 16);
        // More than any number of bytes there is.
        assert_eq!(of("bytes=5-,0-55551", u64::MAX), "whole");
    }

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (value, length, expected) in [
            ("bytes=0-0", 10, "0..1"),
            ("BYTES=0-9", 10, "0..10"),
            ("bytes=0-10", 10, "0..10"),
            ("bytes=9-", 10, "9..10"),
            ("bytes=10-", 10, "nothing"),
            ("bytes=10-20,30-", 10, "nothing"),
            ("bytes=10-,2-3", 10, "2..4"),
            ("bytes=-3", 10, "7..10"),
            ("bytes=-30", 10, "0..10"),
            ("bytes=-0", 10, "nothing"),
            ("bytes=7-8 ,\t1-2,", 10, "7..9 1..3"),
            ("bytes=0-18446744073709551615", 10, "0..10"),
            ("bytes=0-99999999999999999999999", 10, "0..10"),
            ("bytes=99999999999999999999999-", 10, "nothing"),
            ("bytes=-99999999999999999999999", 10, "0..10"),
            ("bytes=0-0", 0, "nothing"),
            ("bytes=0-", 0, "nothing"),
            ("bytes=-1", 0, "whole"),
            ("bytes=-0", 0, "nothing"),
        ] {
            assert_eq!(of(value, length), expected, "{value} of {length}");
        }
    }
}
