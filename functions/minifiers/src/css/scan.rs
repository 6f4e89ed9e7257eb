//! What can be told of a style sheet without parsing it: how deep it nests, because a
//! stack that overflows ends the instance together with the answer, and what its parser
//! would lose.

use std::ops::Range;

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Comments that have to stay: those that begin with `!`, or say `@license` or
    /// `@preserve`; with their marks.
    pub legal: Vec<&'a str>,
    /// Characters beyond ASCII outside of comments.
    pub wide: usize,
    /// At-rules ask with `<`, `>` or `=`, as in `(width >= 40em)`.
    pub has_ranges: bool,
    /// At-rules ask with `min-` or `max-`.
    pub has_prefixes: bool,
    /// Where numbers stand, without signs and units; not those of colors, of which no
    /// screen shows as many digits as a printer writes.
    pub numbers: Vec<Range<usize>>,
}

/// A bracket that is open.
struct Frame {
    opener: u8,
    /// The signs of sums and products in it.
    signs: u32,
    is_color: bool,
}

/// Functions that are colors.
const COLORS: [&str; 10] =
    ["rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color"];

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    depth_max: usize,
    /// Between `@` and `{` or `;`.
    is_at_rule: bool,
    seen: Seen<'a>,
}

/// Looks through a style sheet; `None`: it nests deeper than `depth_max`, or is broken.
pub fn scan(text: &str, depth_max: usize) -> Option<Seen<'_>> {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        frames: vec![Frame { opener: b'{', signs: 0, is_color: false }],
        depth_max,
        is_at_rule: false,
        seen: Seen::default(),
    };
    while let Some(byte) = scanner.byte(0) {
        scanner.step(byte)?;
    }
    (scanner.frames.len() == 1).then_some(scanner.seen)
}

impl<'a> Scanner<'a> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts(&self, with: &str) -> bool {
        let rest = &self.bytes[self.at..];
        rest.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    }

    fn step(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'/' if self.byte(1) == Some(b'*') => return self.comment(),
            b'"' | b'\'' => return self.string(byte),
            b'\\' => {
                self.at += 1;
                return self.letter();
            }
            b'u' | b'U' if self.starts("url(") && !self.follows_name() => return self.address(),
            b'(' | b'[' | b'{' => {
                self.is_at_rule &= byte != b'{';
                let is_color = self.frames.last()?.is_color || self.is_color_before();
                self.frames.push(Frame { opener: byte, signs: 0, is_color });
                if self.frames.len() > self.depth_max {
                    return None;
                }
            }
            b')' | b']' | b'}' => {
                let opener = self.frames.pop()?.opener;
                let is_pair = matches!((opener, byte), (b'(', b')') | (b'[', b']') | (b'{', b'}'));
                if !is_pair || self.frames.is_empty() {
                    return None;
                }
            }
            b'@' if self.is_name_escaped() => return None,
            b'@' => self.is_at_rule = true,
            b';' | b',' => {
                self.is_at_rule &= byte == b',';
                self.frames.last_mut()?.signs = 0;
            }
            // The sign would not be written, and the two become one.
            b'+' if self.joins() => return None,
            b'*' | b'+' | b'/' => self.sign()?,
            b'-' if self.byte(1).is_some_and(|next| next.is_ascii_whitespace()) => self.sign()?,
            b'<' | b'>' | b'=' if self.is_at_rule => self.seen.has_ranges = true,
            b'm' | b'M' if self.is_at_rule && (self.starts("min-") || self.starts("max-")) => {
                self.seen.has_prefixes = true;
            }
            b'0'..=b'9' | b'.' if self.begins_number() => return self.number(),
            0x80.. => return self.letter(),
            _ => {}
        }
        self.at += 1;
        Some(())
    }

    /// The name of a color stands right before.
    fn is_color_before(&self) -> bool {
        let before = &self.bytes[..self.at];
        let letters = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = &before[before.len() - letters..];
        COLORS.iter().any(|color| name.eq_ignore_ascii_case(color.as_bytes()))
    }

    fn begins_number(&self) -> bool {
        if self.byte(0) == Some(b'.') {
            return self.byte(1).is_some_and(|next| next.is_ascii_digit());
        }
        // Those of a name, such as `h1` or `#123456`; a sign may stand before.
        let is_of_name =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-_\\#".contains(byte) || *byte >= 0x80;
        match self.bytes[..self.at] {
            [.., before, b'-'] => !is_of_name(&before),
            [.., before] => before == b'-' || !is_of_name(&before),
            [] => true,
        }
    }

    /// A number as CSS Syntax 3, section 4.3.12 has it, without its sign.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.digits();
        if self.byte(0) == Some(b'.') && self.byte(1).is_some_and(|next| next.is_ascii_digit()) {
            self.at += 1;
            self.digits();
        }
        let signs = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
        let is_power = matches!(self.byte(0), Some(b'e' | b'E'))
            && self.byte(1 + signs).is_some_and(|next| next.is_ascii_digit());
        if is_power {
            self.at += 1 + signs;
            self.digits();
        }
        if !self.frames.last()?.is_color {
            self.seen.numbers.push(start..self.at);
        }
        Some(())
    }

    fn digits(&mut self) {
        while self.byte(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// The name of a rule has an escape, which would be written as what it stands for.
    fn is_name_escaped(&self) -> bool {
        let name = self.bytes[self.at + 1..].iter();
        let mut rest = name.skip_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | 0x80..)
        });
        rest.next() == Some(&b'\\')
    }

    /// A sum nests as often as it has signs.
    fn sign(&mut self) -> Option<()> {
        let frame = self.frames.last_mut()?;
        frame.signs += 1;
        (frame.signs as usize <= self.depth_max).then_some(())
    }

    /// A number with `+` stands right behind another or a name, and not as in `2n+1` or
    /// `U+26`.
    fn joins(&self) -> bool {
        let is_digit = |ahead| self.byte(ahead).is_some_and(|next| next.is_ascii_digit());
        let is_number = is_digit(1) || (self.byte(1) == Some(b'.') && is_digit(2));
        let before = &self.bytes[..self.at];
        let is_step = before.ends_with(b"n") && !before.ends_with(b"in");
        let is_character = match before {
            [.., before, b'u' | b'U'] => before.is_ascii_whitespace() || b":,/".contains(before),
            _ => false,
        };
        is_number && !is_step && !is_character && (self.follows_name() || before.ends_with(b"%"))
    }

    fn follows_name(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
        before.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || b"-_\\".contains(byte) || *byte >= 0x80
        })
    }

    fn letter(&mut self) -> Option<()> {
        let letter = self.text.get(self.at..)?.chars().next()?;
        self.seen.wide += usize::from(!letter.is_ascii());
        self.at += letter.len_utf8();
        Some(())
    }

    fn comment(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let end = rest.get(2..)?.find("*/")? + 4;
        let comment = &rest[..end];
        let stays = ["@license", "@preserve"].iter().any(|word| comment.contains(word));
        if comment[2..].starts_with('!') || stays {
            self.seen.legal.push(comment);
        }
        self.at += end;
        Some(())
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            match self.byte(0)? {
                b'\n' | b'\r' | 0x0c => return None,
                b'\\' => {
                    self.at += if self.bytes[self.at + 1..].starts_with(b"\r\n") { 2 } else { 1 };
                    self.letter()?;
                }
                byte if byte == quote => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.letter()?,
            }
        }
    }

    /// `url(` with what is no string in it. One that is broken ends elsewhere.
    fn address(&mut self) -> Option<()> {
        self.at += 4;
        while self.byte(0).is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        if let Some(quote @ (b'"' | b'\'')) = self.byte(0) {
            self.string(quote)?;
        }
        loop {
            match self.byte(0)? {
                b'"' | b'\'' | b'(' | b'\\' => return None,
                b')' => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.letter()?,
            }
        }
    }
}

#[cfg(test)]
mod tests;
