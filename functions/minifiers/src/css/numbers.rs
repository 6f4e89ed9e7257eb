//! Numbers with more digits than the printer writes.
//!
//! It writes six, so that `33.33333333%` became `33.3333%`: a column of Bootstrap's is
//! narrower by a 64th of a pixel then, the step in which browsers place boxes. So each such
//! number is stood in for by one of six digits close by, which stands nowhere else in the
//! sheet, and comes back when that has been written. Close by, because what is within bounds
//! then stays so.

use super::DEPTH_MAX;
use super::scan::{Seen, scan};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// How many digits of a number the printer writes.
const DIGITS: usize = 6;
/// How many numbers close by are tried.
const TRIES_MAX: u32 = 200;

/// What a number is, however it is spelled: its digits without zeros at either end, and the
/// power of ten of the last one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Value {
    digits: String,
    power: i32,
}

impl Value {
    /// From digits with perhaps a point and a power.
    fn of(text: &str) -> Self {
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        // Those beyond are no number that a browser tells from nothing or from infinity.
        let power = power.parse::<i32>().unwrap_or(i32::MAX / 4).clamp(-100_000, 100_000);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        let zeros = all.len() - all.trim_end_matches('0').len();
        let places = |count: usize| i32::try_from(count).unwrap_or(i32::MAX / 4);
        let power = power.saturating_add(places(zeros)).saturating_sub(places(fraction.len()));
        match digits {
            "" => Self { digits: String::new(), power: 0 },
            _ => Self { digits: digits.to_owned(), power },
        }
    }
}

/// A number and its unit, in lower case.
type Quantity = (Value, String);

/// The long numbers of a style sheet, and what stands in for each.
pub struct StandIns {
    /// The digits of every number that is not long.
    known: HashSet<String>,
    /// What stands in for a number, spelled as it is.
    by_spelling: HashMap<String, String>,
    /// From the digits that are written to what they stand for: which quantities, by the one
    /// that is read.
    by_digits: HashMap<String, Vec<(Quantity, String)>>,
}

impl StandIns {
    /// Finds one for each long number; `None`: there are too many that are alike.
    pub fn of(code: &str, seen: &Seen<'_>) -> Option<Self> {
        let texts = seen.numbers.iter().map(|number| &code[number.clone()]);
        let values: Vec<(&str, Value)> = texts.map(|text| (text, Value::of(text))).collect();
        let is_long = |value: &Value| value.digits.len() > DIGITS;
        let short = values.iter().filter(|(_, value)| !is_long(value));
        let known: HashSet<String> = short.map(|(_, value)| value.digits.clone()).collect();
        let mut all = Self { known, by_spelling: HashMap::new(), by_digits: HashMap::new() };
        let mut taken: HashMap<Value, String> = HashMap::new();
        for (number, (text, value)) in seen.numbers.iter().zip(&values) {
            if !is_long(value) {
                continue;
            }
            let digits = match taken.get(value) {
                Some(digits) => digits.clone(),
                None => {
                    let digits = all.free(&value.digits[..DIGITS])?;
                    taken.insert(value.clone(), digits.clone());
                    digits
                }
            };
            let instead = respell(text, &digits);
            let quantity = (Value::of(&instead), unit(&code[number.end..]));
            all.by_spelling.insert((*text).to_owned(), instead);
            let places = all.by_digits.entry(digits).or_default();
            if !places.iter().any(|(other, _)| *other == quantity) {
                places.push((quantity, shortest(text)));
            }
        }
        Some(all)
    }

    /// The digits closest to these that stand for nothing yet, and do not end in a zero.
    fn free(&self, digits: &str) -> Option<String> {
        let near: u32 = digits.parse().ok()?;
        let around = (0..TRIES_MAX).flat_map(|step| [near + step, near.saturating_sub(step)]);
        let mut around = around.filter(|digits| digits % 10 != 0).map(|digits| digits.to_string());
        around.find(|digits| {
            let is_used = self.known.contains(digits) || self.by_digits.contains_key(digits);
            digits.len() == DIGITS && !is_used
        })
    }

    /// The style sheet with all of them in place.
    pub fn instead<'a>(&self, code: &'a str, seen: &Seen<'_>) -> Cow<'a, str> {
        if self.by_spelling.is_empty() {
            return Cow::Borrowed(code);
        }
        let mut text = String::with_capacity(code.len());
        let mut from = 0;
        for number in &seen.numbers {
            if let Some(instead) = self.by_spelling.get(&code[number.clone()]) {
                text.push_str(&code[from..number.start]);
                text.push_str(instead);
                from = number.end;
            }
        }
        text.push_str(&code[from..]);
        Cow::Owned(text)
    }

    /// What was written, with the numbers themselves again. `None`: one of them was not
    /// written as it was read, or another one was calculated and perhaps rounded.
    pub fn undo(&self, written: &str) -> Option<String> {
        // What is written nests as deep as what was read, give or take what it adds.
        let seen = scan(written, DEPTH_MAX * 2)?;
        let mut text = String::with_capacity(written.len());
        let mut from = 0;
        let mut met = HashSet::new();
        for number in &seen.numbers {
            let value = Value::of(&written[number.clone()]);
            let Some(places) = self.by_digits.get(&value.digits) else {
                if value.digits.len() >= DIGITS && !self.known.contains(&value.digits) {
                    return None;
                }
                continue;
            };
            let quantity = (value, unit(&written[number.end..]));
            let (_, original) = places.iter().find(|(place, _)| *place == quantity)?;
            text.push_str(&written[from..number.start]);
            text.push_str(original);
            from = number.end;
            met.insert(quantity);
        }
        text.push_str(&written[from..]);
        let wanted: usize = self.by_digits.values().map(Vec::len).sum();
        (met.len() == wanted).then_some(text)
    }
}

/// The unit that a text begins with, in lower case.
fn unit(text: &str) -> String {
    let is_unit = |letter: &char| letter.is_ascii_alphabetic() || *letter == '%';
    text.chars().take_while(is_unit).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The number with other digits, from the first one that is not zero on, and zeros behind
/// them: with as many places, so that what was whole stays so.
fn respell(text: &str, digits: &str) -> String {
    let mantissa = text.find(['e', 'E']).unwrap_or(text.len());
    let mut digits = digits.chars();
    let mut has_begun = false;
    let change = |(at, letter): (usize, char)| {
        has_begun |= letter.is_ascii_digit() && letter != '0';
        match letter.is_ascii_digit() && has_begun && at < mantissa {
            true => digits.next().unwrap_or('0'),
            false => letter,
        }
    };
    text.char_indices().map(change).collect()
}

/// Without zeros that say nothing.
fn shortest(text: &str) -> String {
    if text.contains(['e', 'E']) || !text.contains('.') {
        return text.to_owned();
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let whole = text.trim_start_matches('0');
    if whole.is_empty() { "0".to_owned() } else { whole.to_owned() }
}

#[cfg(test)]
mod tests;
