//! Comments and literals: where they end, and what is told of them.

use super::{Before, Scanner};

impl<'a> Scanner<'a> {
    pub(super) fn comment(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let end = match self.byte(1) {
            Some(b'*') => rest.get(2..)?.find("*/")? + 4,
            _ => rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len()),
        };
        let comment = &rest[..end];
        let says = |word| comment.contains(word);
        // What Internet Explorer compiles is no comment there.
        if says("@cc_on") {
            return None;
        }
        self.is_new_line |= comment.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
        if comment[2..].starts_with('!') || says("@license") || says("@preserve") {
            self.seen.legal.push(comment);
        }
        self.at += end;
        Some(())
    }

    /// From within a template to its end, or to what is put into it.
    pub(super) fn template(&mut self) -> Option<()> {
        loop {
            match self.byte(0)? {
                b'`' => {
                    self.at += 1;
                    self.before = Before::Operand;
                    return Some(());
                }
                b'$' if self.byte(1) == Some(b'{') => {
                    self.at += 2;
                    return self.push(b'$', false);
                }
                b'\\' => self.escape()?,
                _ => self.letter_of_literal()?,
            }
        }
    }

    pub(super) fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            match self.byte(0)? {
                b'\n' | b'\r' => return None,
                b'\\' => self.escape()?,
                byte if byte == quote => {
                    self.at += 1;
                    return Some(());
                }
                _ => self.letter_of_literal()?,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        match self.starts("\r\n") {
            true => self.at += 2,
            false => self.letter_of_literal()?,
        }
        Some(())
    }

    fn letter_of_literal(&mut self) -> Option<()> {
        if self.byte(0)? < 0x80 {
            self.at += 1;
            return Some(());
        }
        self.seen.wide += 1;
        self.at += self.letter()?.len_utf8();
        Some(())
    }

    /// A regular expression.
    pub(super) fn expression(&mut self) -> Option<()> {
        self.at += 1;
        let mut is_class = false;
        loop {
            match self.byte(0)? {
                b'\n' | b'\r' => return None,
                b'\\' => {
                    self.at += 1;
                    if matches!(self.byte(0)?, b'\n' | b'\r') {
                        return None;
                    }
                }
                b'[' => is_class = true,
                b']' => is_class = false,
                b'/' if !is_class => break,
                0x80.. if matches!(self.letter()?, '\u{2028}' | '\u{2029}') => return None,
                _ => {}
            }
            self.letter_of_literal()?;
        }
        self.at += 1;
        self.number();
        self.before = Before::Operand;
        Some(())
    }
}
