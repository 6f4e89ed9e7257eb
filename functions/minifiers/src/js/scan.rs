//! What can be told of a script without parsing it: above all an upper bound for how
//! deep it nests. A parser calls itself for what is nested, and a stack that overflows
//! ends the instance together with the answer.
//!
//! The scanner keeps a frame for each bracket. Within one, everything that may nest
//! without a bracket (operators, `if (a) if (b)`, `a => b => c`, `a.b.c`) counts until
//! what certainly ends it: a comma, a semicolon, a line break or brace that certainly
//! ends a statement. Where it cannot be told whether `/` divides or begins an
//! expression, it gives up, so that nothing can hide in what it takes for a string.

mod literals;

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Comments that have to stay: those that begin with `!`, or say `@license` or
    /// `@preserve`; with their marks.
    pub legal: Vec<&'a str>,
    /// Characters beyond ASCII outside of comments.
    pub wide: usize,
    /// `eval` or `with` may reach what is local by its name.
    pub reaches_names: bool,
    /// A name is written with escapes.
    pub has_escaped_names: bool,
}

/// One open bracket.
#[derive(Clone, Copy)]
struct Frame {
    opener: u8,
    /// It holds the head of `if`, `for`, `while` or `with`.
    is_head: bool,
    /// Statements within statements so far.
    statements: u32,
    /// Expressions within expressions so far.
    expressions: u32,
}

/// What stood before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The beginning, an operator or an opening bracket: an operand comes next.
    Operator,
    /// A word that an operand or a statement comes after.
    Prefix,
    /// `if`, `for`, `while`, `with`.
    Head,
    /// `break` or `continue`.
    Leap,
    /// A name, a literal, `)` or `]`.
    Operand,
    /// `)` of a head.
    HeadEnd,
    /// `}`.
    Brace,
    /// `.` or `?.`: a name comes next, whatever the word.
    Dot,
    /// After it `/` may mean either.
    Unclear,
}

/// Words after which an expression or a statement begins.
const PREFIXES: [&str; 27] = [
    "typeof",
    "void",
    "delete",
    "new",
    "throw",
    "return",
    "case",
    "in",
    "instanceof",
    "extends",
    "else",
    "do",
    "try",
    "finally",
    "default",
    "export",
    "import",
    "var",
    "const",
    "function",
    "class",
    "switch",
    "catch",
    "debugger",
    "async",
    "let",
    "static",
];
/// Of these, the ones that an identifier may be, too.
const NAMES: [&str; 3] = ["async", "let", "static"];
/// Words that go on with what stood before a `}` or a line break.
const CONTINUES: [&str; 10] =
    ["else", "catch", "finally", "while", "in", "instanceof", "of", "as", "from", "extends"];

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    frames: Vec<Frame>,
    depth: u32,
    depth_max: u32,
    before: Before,
    /// A line break stood before what comes.
    is_new_line: bool,
    /// A semicolon ended a statement, unless `else` or `while` comes.
    is_ended: bool,
    /// What comes may begin a statement.
    begins: bool,
    /// A name stood before that may be a label.
    is_label: bool,
    seen: Seen<'a>,
}

/// Looks through a script; `None`: it nests deeper than `depth_max`, or cannot be told.
pub fn scan(text: &str, depth_max: u32) -> Option<Seen<'_>> {
    let outermost = Frame { opener: b'{', is_head: false, statements: 0, expressions: 0 };
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        frames: vec![outermost],
        depth: 0,
        depth_max,
        before: Before::Operator,
        is_new_line: true,
        is_ended: false,
        begins: true,
        is_label: false,
        seen: Seen::default(),
    };
    while scanner.skip_blanks()? {
        scanner.token()?;
        scanner.is_new_line = false;
    }
    (scanner.frames.len() == 1).then_some(scanner.seen)
}

impl<'a> Scanner<'a> {
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts(&self, with: &str) -> bool {
        self.bytes[self.at..].starts_with(with.as_bytes())
    }

    fn letter(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    /// To the next token; `Some(false)`: there is none.
    fn skip_blanks(&mut self) -> Option<bool> {
        loop {
            let Some(byte) = self.byte(0) else { return Some(false) };
            match byte {
                b'\n' | b'\r' => self.is_new_line = true,
                b' ' | b'\t' | 0x0b | 0x0c => {}
                b'/' if matches!(self.byte(1), Some(b'/' | b'*')) => {
                    self.comment()?;
                    continue;
                }
                // Comments as old browsers had them, and what is no part of a script.
                b'<' if self.starts("<!--") => return None,
                b'-' if self.starts("-->") => return None,
                b'#' if self.at == 0 => return None,
                0x80.. => {
                    let letter = self.letter()?;
                    if !letter.is_whitespace() && letter != '\u{feff}' {
                        return Some(true);
                    }
                    self.is_new_line |= matches!(letter, '\u{2028}' | '\u{2029}');
                    self.at += letter.len_utf8();
                    continue;
                }
                _ => return Some(true),
            }
            self.at += 1;
        }
    }

    fn token(&mut self) -> Option<()> {
        let byte = self.byte(0)?;
        let is_label = std::mem::take(&mut self.is_label);
        match byte {
            b':' if is_label => {
                self.at += 1;
                self.begins = true;
                self.before = Before::Operator;
                return self.nest(true);
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | b'\\' | b'#' | 0x80.. => {
                return self.word();
            }
            _ => {
                self.end_statement(false);
                self.begins = false;
                return self.punctuator(byte);
            }
        }
        self.operand();
        Some(())
    }

    /// A statement ended before this token, if it did.
    fn end_statement(&mut self, goes_on: bool) {
        if std::mem::take(&mut self.is_ended) && !goes_on {
            self.reset(true);
            self.begins = true;
        }
    }

    /// Nothing of what is open in this frame goes on; with `is_whole`, no statement.
    fn reset(&mut self, is_whole: bool) {
        if let Some(frame) = self.frames.last_mut() {
            self.depth -= std::mem::take(&mut frame.expressions);
            if is_whole {
                self.depth -= std::mem::take(&mut frame.statements);
            }
        }
    }

    fn nest(&mut self, is_statement: bool) -> Option<()> {
        let frame = self.frames.last_mut()?;
        match is_statement {
            true => frame.statements += 1,
            false => frame.expressions += 1,
        }
        self.deeper()
    }

    fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= self.depth_max).then_some(())
    }

    fn operand(&mut self) {
        self.end_statement(false);
        self.before = Before::Operand;
    }

    fn number(&mut self) {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._".contains(byte);
        self.at += self.bytes[self.at..].iter().take_while(|byte| is_part(byte)).count();
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' => self.at += 1,
                b'#' if self.at == start => self.at += 1,
                b'\\' if self.byte(1) == Some(b'u') && self.byte(2) == Some(b'{') => {
                    self.at += self.text.get(self.at..)?.find('}')? + 1;
                }
                b'\\' => self.at += 1,
                0x80.. => {
                    let letter = self.letter()?;
                    if letter.is_whitespace() || letter == '\u{feff}' {
                        break;
                    }
                    self.seen.wide += 1;
                    self.at += letter.len_utf8();
                }
                _ => break,
            }
        }
        let word = &self.text[start..self.at];
        // A name may be written with escapes; no other word may.
        self.seen.has_escaped_names |= word.contains('\\');
        if self.before == Before::Dot {
            self.before = Before::Operand;
            return Some(());
        }
        self.seen.reaches_names |= matches!(word, "eval" | "with") || word.contains('\\');
        let goes_on = CONTINUES.contains(&word);
        let is_list = self.frames.last().is_some_and(|frame| frame.opener == b'{');
        let may_end = match self.before {
            Before::Brace => true,
            Before::Operand => self.is_new_line,
            _ => false,
        };
        self.is_ended |= may_end && is_list && !goes_on;
        // `do x; while (y)` goes on, too.
        self.end_statement(matches!(word, "else" | "while"));
        self.is_label =
            std::mem::replace(&mut self.begins, false) || self.before == Before::HeadEnd;
        self.words(word)
    }

    fn words(&mut self, word: &str) -> Option<()> {
        self.before = match word {
            "if" | "for" | "while" | "with" => {
                self.nest(true)?;
                Before::Head
            }
            "await" if self.before == Before::Head => Before::Head,
            "await" | "yield" | "of" => {
                self.nest(false)?;
                Before::Unclear
            }
            "break" | "continue" => Before::Leap,
            // A label; its statement may end where the line does.
            _ if self.before == Before::Leap && !self.is_new_line => Before::Unclear,
            "else" | "do" | "try" | "finally" | "catch" | "switch" => {
                self.nest(true)?;
                self.begins = true;
                Before::Prefix
            }
            _ if PREFIXES.contains(&word) => {
                self.nest(false)?;
                if NAMES.contains(&word) { Before::Unclear } else { Before::Prefix }
            }
            _ => Before::Operand,
        };
        Some(())
    }

    fn punctuator(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'"' | b'\'' => {
                self.string(byte)?;
                self.before = Before::Operand;
            }
            b'`' => {
                if matches!(self.before, Before::Operand | Before::Brace) {
                    self.nest(false)?;
                }
                self.at += 1;
                self.template()?;
            }
            b'(' | b'[' | b'{' => self.open(byte)?,
            b')' | b']' | b'}' => self.close(byte)?,
            b'/' => self.slash()?,
            b';' => {
                self.at += 1;
                self.is_ended = true;
                self.begins = true;
                self.before = Before::Operator;
            }
            b',' => {
                self.at += 1;
                self.reset(false);
                self.before = Before::Operator;
            }
            b'!' | b'%' | b'&' | b'*' | b'+' | b'-' | b'.' | b':' | b'<' | b'=' | b'>' | b'?'
            | b'^' | b'|' | b'~' => self.operator(byte)?,
            // Decorators, and what is no script.
            _ => return None,
        }
        Some(())
    }

    fn operator(&mut self, byte: u8) -> Option<()> {
        self.nest(false)?;
        if (byte == b'+' || byte == b'-') && self.byte(1) == Some(byte) {
            self.at += 2;
            self.before = Before::Unclear;
            return Some(());
        }
        if self.starts("...") {
            self.at += 3;
            self.before = Before::Operator;
            return Some(());
        }
        if byte == b'.' || self.starts("?.") {
            self.at += if byte == b'.' { 1 } else { 2 };
            // `?.5:` has a number, and `?.[` an index.
            self.before = if byte == b'.' { Before::Dot } else { Before::Operator };
            if self.byte(0).is_some_and(|next| next.is_ascii_alphabetic() || next == b'_') {
                self.before = Before::Dot;
            }
            return Some(());
        }
        self.at += 1;
        // The rest of an operator of several characters: none of these is one alone.
        while self.byte(0).is_some_and(|next| b"=&|*<>?".contains(&next)) {
            if self.starts("<!--") || self.starts("?.") {
                break;
            }
            self.at += 1;
        }
        self.before = Before::Operator;
        Some(())
    }

    fn open(&mut self, opener: u8) -> Option<()> {
        let is_after = matches!(self.before, Before::Operand | Before::Brace | Before::HeadEnd);
        if opener != b'{' && is_after {
            // A call or an index is around what stands before it.
            self.nest(false)?;
        }
        let is_head = opener == b'(' && self.before == Before::Head;
        self.at += 1;
        self.push(opener, is_head)
    }

    fn push(&mut self, opener: u8, is_head: bool) -> Option<()> {
        self.frames.push(Frame { opener, is_head, statements: 0, expressions: 0 });
        self.before = Before::Operator;
        self.begins = opener == b'{';
        self.deeper()
    }

    fn close(&mut self, closer: u8) -> Option<()> {
        self.reset(true);
        let frame = self.frames.pop()?;
        self.depth = self.depth.checked_sub(1)?;
        self.at += 1;
        self.before = match (frame.opener, closer) {
            (b'(', b')') if frame.is_head => Before::HeadEnd,
            (b'(', b')') | (b'[', b']') => Before::Operand,
            (b'{', b'}') if !self.frames.is_empty() => {
                self.begins = true;
                Before::Brace
            }
            (b'$', b'}') => return self.template(),
            _ => return None,
        };
        Some(())
    }

    fn slash(&mut self) -> Option<()> {
        match self.before {
            Before::Operand if !self.is_new_line => {
                self.nest(false)?;
                self.at += 1;
                self.before = Before::Operator;
                Some(())
            }
            Before::Operator | Before::Prefix | Before::HeadEnd | Before::Leap => self.expression(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
