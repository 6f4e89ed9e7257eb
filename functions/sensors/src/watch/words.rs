//! A line of the settings as words. Words are separated by blanks; one that begins with `'`
//! or `"` goes on to the next such character, blanks included.

/// How many bytes of settings are read at most.
pub const SETTINGS_BYTES_MAX: usize = 64 * 1024;
/// How many lines that say something.
pub const LINES_MAX: usize = 64;

/// The lines that say something, with their numbers from 1: blank ones and those that begin
/// with `;` say nothing. Fails if there are too many.
pub fn lines(text: &str) -> Result<Vec<(usize, &str)>, String> {
    if text.len() > SETTINGS_BYTES_MAX {
        return Err(format!("the settings have more than {SETTINGS_BYTES_MAX} bytes"));
    }
    let lines: Vec<_> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(';'))
        .collect();
    if lines.len() > LINES_MAX {
        return Err(format!("the settings have more than {LINES_MAX} lines"));
    }
    Ok(lines)
}

/// The words of a line, without their quotes.
pub fn words(line: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if let '\'' | '"' = first {
            let quoted = &rest[1..];
            let (word, after) = quoted
                .split_once(first)
                .ok_or_else(|| format!("the quote {first} is opened and not closed"))?;
            if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                return Err(format!("a blank must follow the closing {first}"));
            }
            (word, after)
        } else {
            rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()))
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// A duration such as `500ms`, `10s`, `5m` or `1h`, in milliseconds; `None` if it is none.
pub fn duration_ms(word: &str) -> Option<u64> {
    let (number, unit) = word.split_at(word.find(|c: char| !c.is_ascii_digit())?);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for word in ["", "5", "m", "5 m", "-5m", "1.5h", "5d", "99999999999999999999h"] {
            assert_eq!(duration_ms(word), None, "{word}");
        }
        assert_eq!(duration_ms("18446744073709551615h"), None);
        let all = ["500ms", "10s", "5m", "0h", "26h"].map(duration_ms);
        assert_eq!(all, [Some(500), Some(10_000), Some(300_000), Some(0), Some(93_600_000)]);
    }

    #[test]
    fn what_is_no_line() {
        assert!(words("a 'b").is_err());
        assert!(words("'a'b").is_err());
        assert!(lines(&"a\n".repeat(LINES_MAX + 1)).is_err());
        assert!(lines(&" ".repeat(SETTINGS_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn words_are_told_apart() {
        assert_eq!(words(" a  b\t'c d' \"e'\" ''").unwrap(), ["a", "b", "c d", "e'", ""]);
        assert_eq!(words("publish {\"on\":1}").unwrap(), ["publish", "{\"on\":1}"]);
        assert_eq!(lines("\n ; no\n# a=b\n").unwrap(), [(3, "# a=b")]);
    }
}
