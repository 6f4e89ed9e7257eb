//! Scripts, parsed and written again without comments and blanks, and with shorter
//! names where they are local, if that is wished.
//!
//! What a script does is not calculated in advance: nothing is inlined, merged or left
//! out. It is written as ECMAScript 2015 has it at least: strings may become templates,
//! `{ a: a }` becomes `{a}`. Whether it is a module is not in its media type, so that what can be read as a
//! script of either kind stays one of either kind: names outside of functions stay.

mod scan;

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions, LegalComment};
use oxc_mangler::{MangleOptions, MangleOptionsKeepNames, Mangler};
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use scan::{Seen, scan};

/// What kind of script it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As `<script>` without a type has it.
    Classic,
    /// `<script type=module>`, `.mjs`.
    Module,
    /// A file that may be used as either.
    Either,
}

/// What is done to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// What kind it is.
    pub kind: Kind,
    /// Whoever reads it may take it for another charset than UTF-8.
    pub charset_is_open: bool,
    /// Local names become shorter.
    pub shortens_names: bool,
}

/// How deep a script may nest, as `scan` counts. With the default `stack_bytes_max`,
/// 512 KiB, what takes the most of the stack ends the guest at twice as much.
pub const DEPTH_MAX: u32 = 200;

/// The script in fewer bytes that does the same; `None`: it stays as it is.
pub fn shorter(text: &str, task: Task) -> Option<String> {
    let (mark, code) = match text.strip_prefix('\u{feff}') {
        Some(code) => ("\u{feff}", code),
        None => ("", text),
    };
    let seen = scan(code, DEPTH_MAX)?;
    let may_be = |kind| task.kind == kind || task.kind == Kind::Either;
    let classic = || write(code, SourceType::script(), task, &seen);
    let module = || write(code, SourceType::mjs(), task, &seen);
    // What is read as a classic script means the same as a module, if it is one; a
    // module is mostly nothing that could be read as a classic script.
    let written = may_be(Kind::Classic).then(classic).flatten();
    let written = written.or_else(|| may_be(Kind::Module).then(module).flatten())?;
    let is_told = !task.charset_is_open || !mark.is_empty();
    let written = if is_told { written } else { in_any_charset(written, &seen)? };
    let short = format!("{mark}{written}");
    (short.len() < text.len()).then_some(short)
}

/// Escapes are written as the characters that they stand for. Where the charset is
/// open, none may come in that way: they become escapes again, if all are.
fn in_any_charset(written: String, seen: &Seen<'_>) -> Option<String> {
    let wide = |text: &str| text.chars().filter(|letter| !letter.is_ascii()).count();
    let legal: usize = seen.legal.iter().map(|comment| wide(comment)).sum();
    if wide(&written) <= seen.wide + legal {
        return Some(written);
    }
    // Then they stand in strings, or in names that were strings.
    if seen.wide + legal > 0 || seen.has_escaped_names {
        return None;
    }
    let mut escaped = String::with_capacity(written.len() + 16);
    for letter in written.chars() {
        if letter.is_ascii() {
            escaped.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Some(escaped)
}

fn write(code: &str, source_type: SourceType, task: Task, seen: &Seen<'_>) -> Option<String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, code, source_type).parse();
    if parsed.panicked || !parsed.diagnostics.is_empty() {
        return None;
    }
    let program = parsed.program;
    let mut codegen = Codegen::new();
    if task.shortens_names && !seen.reaches_names {
        codegen = shorten_names(codegen, &program)?;
    }
    let comments = CommentOptions { legal: LegalComment::Inline, ..CommentOptions::disabled() };
    let options = CodegenOptions { comments, ..CodegenOptions::minify() };
    let mut written = codegen.with_options(options).build(&program).code;
    // Those within expressions are not written where they stood.
    for comment in &seen.legal {
        if !written.contains(comment) {
            written.push('\n');
            written.push_str(comment);
        }
    }
    Some(written)
}

/// Names of functions and classes stay, because they can be asked for. `None`: there are
/// mistakes that only show now.
fn shorten_names<'a>(codegen: Codegen<'a>, program: &Program<'a>) -> Option<Codegen<'a>> {
    let built = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_build_nodes(true)
        .with_class_table(true)
        .build(program);
    if !built.diagnostics.is_empty() {
        return None;
    }
    let mut semantic = built.semantic;
    let options = MangleOptions {
        // What stands outside of functions is the module's own, or everybody's.
        top_level: Some(program.source_type.is_module()),
        keep_names: MangleOptionsKeepNames::all_true(),
        ..MangleOptions::default()
    };
    let privates = Mangler::new().with_options(options).build_with_semantic(&mut semantic, program);
    let codegen = codegen.with_scoping(Some(semantic.into_scoping()));
    Some(codegen.with_private_member_mappings(Some(privates)))
}

#[cfg(test)]
mod tests;
