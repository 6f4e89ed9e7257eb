//! What is written anew of a request before it goes on.

use crate::document::Invalid;
use crate::mesh::Notes;
use crate::mesh::fields::At;
use crate::mesh::values::path;
use crate::routing::rule::{PathMatch, PathRewrite, Pattern, Rewrite};

/// What a rewrite says, before it is known what the path fitted.
#[derive(Clone, Debug, Default)]
pub(super) struct RawRewrite {
    uri: Option<String>,
    pattern: Option<PathRewrite>,
    pub(super) host: Option<String>,
}

pub(super) fn read(at: &At<'_>, notes: &mut Notes) -> Option<RawRewrite> {
    let mut fields = at.fields(notes)?;
    let uri = fields.take("uri").and_then(|at| at.parse(notes, path));
    let host = fields.take("authority").and_then(|at| at.name(notes)).map(str::to_owned);
    let regex = fields.take("uriRegexRewrite");
    fields.finish(notes);
    let pattern = regex.as_ref().and_then(|at| regex_rewrite(at, notes));
    if let Some(at) = regex.filter(|_| uri.is_some()) {
        let message = format!("`{}` stands beside `uri`", at.path);
        notes.wrong(&at.spot(), Invalid::new(message, "keep one of them"));
    }
    Some(RawRewrite { uri, pattern, host })
}

/// `{ match, rewrite }`; in the latter, `\\1` to `\\9` are groups of the former.
fn regex_rewrite(at: &At<'_>, notes: &mut Notes) -> Option<PathRewrite> {
    let mut fields = at.fields(notes)?;
    let pattern = fields.need("match", notes).and_then(|at| at.parse(notes, Pattern::within));
    let with = fields.need("rewrite", notes);
    fields.finish(notes);
    let (pattern, with) = (pattern?, with?);
    let groups = pattern.regex.captures_len();
    let text = with.text(notes)?;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let known = letter != '\\'
            || match letters.next() {
                Some('\\') => true,
                Some(digit) => digit.to_digit(10).is_some_and(|group| (group as usize) < groups),
                None => false,
            };
        if !known {
            let message = format!("`{}` names a group that `match` has not", with.path);
            let hint = "\\1 is the first group, \\0 is all, and \\\\ is a backslash";
            notes.wrong(&with.spot(), Invalid::new(message, hint));
            return None;
        }
    }
    Some(PathRewrite::Pattern { pattern, with: text.to_owned() })
}

/// What a rewrite means for a path that fitted; without a match of the path, it
/// is the prefix `/` that is replaced.
pub(super) fn for_path(raw: &RawRewrite, fits: &mut PathMatch) -> Rewrite {
    let host = raw.host.clone();
    let Some(uri) = raw.uri.clone() else { return Rewrite { path: raw.pattern.clone(), host } };
    if *fits == PathMatch::Any {
        *fits = PathMatch::Begins("/".to_owned());
    }
    let inner = match fits {
        PathMatch::AnyCase(inner) => inner,
        path => path,
    };
    let is_prefix = matches!(inner, PathMatch::Begins(_));
    let rewritten = if is_prefix { PathRewrite::Prefix(uri) } else { PathRewrite::Full(uri) };
    Rewrite { path: Some(rewritten), host }
}
