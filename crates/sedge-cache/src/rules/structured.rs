//! Structured fields (RFC 9651): dictionaries and lists read, strings written.
//!
//! Read strictly, as the RFC wants: one mistake and the field is as if absent. Nothing
//! is built while reading; each member is told to whoever asked, who must forget all he
//! has heard if it ends in [`Malformed`].

use super::grammar::is_token_char;

/// The bytes are not a structured field of the wanted kind.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Malformed;

type Read<T> = Result<T, Malformed>;

/// A member's value. What this cache has no use for is read, and not kept.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Bare<'a> {
    Integer(i64),
    Boolean(bool),
    /// What stands between the quotes, escapes and all: see [`unescaped`].
    String(&'a [u8]),
    Token(&'a [u8]),
    /// A decimal, byte sequence, date or display string.
    Other,
    InnerList,
}

/// Reads a dictionary (§4.2.2). A key that comes twice is told twice; the later counts.
pub(crate) fn dictionary<'a>(
    bytes: &'a [u8],
    mut member: impl FnMut(&'a [u8], Bare<'a>) -> Read<()>,
) -> Read<()> {
    let mut reader = Reader::new(bytes);
    while !reader.at_end() {
        let key = reader.key()?;
        let value = if reader.eat(b'=') {
            reader.item_or_inner_list()?
        } else {
            reader.parameters()?;
            Bare::Boolean(true)
        };
        member(key, value)?;
        reader.comma()?;
    }
    Ok(())
}

/// Reads a list (§4.2.1).
pub(crate) fn list<'a>(bytes: &'a [u8], mut member: impl FnMut(Bare<'a>) -> Read<()>) -> Read<()> {
    let mut reader = Reader::new(bytes);
    while !reader.at_end() {
        let value = reader.item_or_inner_list()?;
        member(value)?;
        reader.comma()?;
    }
    Ok(())
}

/// What a string says, without its escapes.
pub(crate) fn unescaped(string: &[u8]) -> Box<str> {
    let mut escaped = false;
    let text = string.iter().filter(|byte| {
        let skip = **byte == b'\\' && !escaped;
        escaped = skip;
        !skip
    });
    text.map(|byte| char::from(*byte)).collect::<String>().into()
}

/// Writes a string (§4.1.6); what a string cannot hold is written as `?`.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend([b'\\', character as u8]),
            ' '..='~' => out.push(character as u8),
            _ => out.push(b'?'),
        }
    }
    out.push(b'"');
}

/// Writes a token if `text` is one, else a string.
pub(crate) fn write_token_or_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let begins = bytes.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'*');
    if begins && bytes.iter().all(|byte| is_item_token_char(*byte)) {
        out.extend_from_slice(bytes);
    } else {
        write_string(out, text);
    }
}

const fn is_item_token_char(byte: u8) -> bool {
    is_token_char(byte) || matches!(byte, b':' | b'/')
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// §4.2: spaces around the whole do not count.
    fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.trim_ascii_end();
        let at = bytes.iter().take_while(|byte| **byte == b' ').count();
        Reader { bytes, at }
    }

    fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    fn skip(&mut self, which: impl Fn(u8) -> bool) -> &'a [u8] {
        let from = self.at;
        while self.peek().is_some_and(&which) {
            self.at += 1;
        }
        &self.bytes[from..self.at]
    }

    /// Between members: a comma with something after it, or the end.
    fn comma(&mut self) -> Read<()> {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        if self.at_end() {
            return Ok(());
        }
        if !self.eat(b',') {
            return Err(Malformed);
        }
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
        if self.at_end() { Err(Malformed) } else { Ok(()) }
    }

    fn key(&mut self) -> Read<&'a [u8]> {
        if !matches!(self.peek(), Some(b'a'..=b'z' | b'*')) {
            return Err(Malformed);
        }
        Ok(self.skip(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
    }

    fn item_or_inner_list(&mut self) -> Read<Bare<'a>> {
        if !self.eat(b'(') {
            let item = self.bare()?;
            self.parameters()?;
            return Ok(item);
        }
        loop {
            self.skip(|byte| byte == b' ');
            if self.eat(b')') {
                self.parameters()?;
                return Ok(Bare::InnerList);
            }
            self.bare()?;
            self.parameters()?;
            if !matches!(self.peek(), Some(b' ' | b')')) {
                return Err(Malformed);
            }
        }
    }

    fn parameters(&mut self) -> Read<()> {
        while self.eat(b';') {
            self.skip(|byte| byte == b' ');
            self.key()?;
            if self.eat(b'=') {
                self.bare()?;
            }
        }
        Ok(())
    }

    fn bare(&mut self) -> Read<Bare<'a>> {
        match self.peek().ok_or(Malformed)? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string().map(Bare::String),
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => Ok(Bare::Token(self.skip(is_item_token_char))),
            b':' => self.bytes_between_colons(),
            b'?' => self.boolean(),
            b'@' => {
                self.at += 1;
                match self.number()? {
                    Bare::Integer(_) => Ok(Bare::Other),
                    _ => Err(Malformed),
                }
            }
            b'%' => {
                self.at += 1;
                self.display_string()
            }
            _ => Err(Malformed),
        }
    }

    /// §4.2.4: an integer has 15 digits at most; a decimal 12, a point and 1 to 3 more.
    fn number(&mut self) -> Read<Bare<'a>> {
        let negative = self.eat(b'-');
        let whole = self.skip(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return Err(Malformed);
        }
        if self.eat(b'.') {
            let fraction = self.skip(|byte| byte.is_ascii_digit());
            let fits = whole.len() <= 12 && (1..=3).contains(&fraction.len());
            return if fits { Ok(Bare::Other) } else { Err(Malformed) };
        }
        let number = whole.iter().fold(0i64, |number, digit| number * 10 + i64::from(digit - b'0'));
        Ok(Bare::Integer(if negative { -number } else { number }))
    }

    fn string(&mut self) -> Read<&'a [u8]> {
        if !self.eat(b'"') {
            return Err(Malformed);
        }
        let from = self.at;
        loop {
            match self.peek().ok_or(Malformed)? {
                b'"' => {
                    self.at += 1;
                    return Ok(&self.bytes[from..self.at - 1]);
                }
                b'\\' => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(b'"' | b'\\')) {
                        return Err(Malformed);
                    }
                    self.at += 1;
                }
                b' '..=b'~' => self.at += 1,
                _ => return Err(Malformed),
            }
        }
    }

    fn bytes_between_colons(&mut self) -> Read<Bare<'a>> {
        self.at += 1;
        self.skip(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        if self.eat(b':') { Ok(Bare::Other) } else { Err(Malformed) }
    }

    fn boolean(&mut self) -> Read<Bare<'a>> {
        self.at += 1;
        match self.peek() {
            Some(digit @ (b'0' | b'1')) => {
                self.at += 1;
                Ok(Bare::Boolean(digit == b'1'))
            }
            _ => Err(Malformed),
        }
    }

    /// §4.2.10, without asking whether the escaped bytes are UTF-8: nobody reads them.
    fn display_string(&mut self) -> Read<Bare<'a>> {
        if !self.eat(b'"') {
            return Err(Malformed);
        }
        loop {
            match self.peek().ok_or(Malformed)? {
                b'"' => {
                    self.at += 1;
                    return Ok(Bare::Other);
                }
                b'%' => {
                    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                    match self.bytes.get(self.at + 1..self.at + 3) {
                        Some(hex) if hex.iter().all(is_hex) => self.at += 3,
                        _ => return Err(Malformed),
                    }
                }
                b' '..=b'~' => self.at += 1,
                _ => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests;
