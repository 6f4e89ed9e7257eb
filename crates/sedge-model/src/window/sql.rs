//! Queries as SQL: one SELECT of one stream, grouped by keys and one window, in the words of
//! Apache Flink's SQL (group window functions).
//!
//! ```sql
//! SELECT device, window_start, AVG(temperature) AS mean
//! FROM "plant/+/climate" GROUP BY device, TUMBLE(time, INTERVAL '10' SECOND)
//! ```
//!
//! Whatever else SQL has is refused: each clause is looked at, and in the end what was
//! understood is written out again and must be all that there was.

mod columns;
pub(crate) mod lengths;
mod mistake;

pub use mistake::SqlMistake;

use super::{Column, ColumnValue, KEY_FIELDS_MAX, Kind, Query};
use crate::topic::{self, TopicFilter};
use columns::plain;
use sqlparser::ast::{
    Expr, GroupByExpr, Query as Parsed, Select, SetExpr, TableFactor, TableWithJoins,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// A query is not longer than this.
pub const SQL_BYTES_MAX: usize = 16 << 10;
/// A query has no more words, names, numbers and signs than this.
const TOKENS_MAX: usize = 1_000;
/// Expressions are not nested deeper than this.
const DEPTH_MAX: usize = 24;

/// Reads a query.
///
/// # Errors
/// The first thing that is wrong, or that a query cannot have.
pub fn read(text: &str) -> Result<Query, SqlMistake> {
    if text.len() > SQL_BYTES_MAX {
        return Err(SqlMistake::whole(format!("the query is longer than {SQL_BYTES_MAX} bytes")));
    }
    let query = parse(text)?;
    let select = select(&query)?;
    let from = source(select)?;
    let groups = groups(select)?;
    let (mut key, mut window) = (Vec::new(), None);
    for group in groups {
        match group {
            Expr::Function(function) => {
                let (time, kind) = lengths::window(function)?;
                if window.replace((time, kind)).is_some() {
                    let hint = "group by one of TUMBLE, HOP, CUMULATE and SESSION";
                    return Err(SqlMistake::at(group, "there are two windows").hint(hint));
                }
            }
            _ => {
                let field = plain(group).ok_or_else(|| {
                    let hint = "group by fields, and by one window as TUMBLE(time, '10 s')";
                    SqlMistake::at(group, format!("`{group}` is no field")).hint(hint)
                })?;
                if key.iter().any(|known| known == field) {
                    return Err(SqlMistake::at(group, format!("`{field}` is named twice")));
                }
                key.push(field.to_owned());
            }
        }
    }
    if key.len() > KEY_FIELDS_MAX {
        let message = format!("the key has more than {KEY_FIELDS_MAX} fields");
        return Err(SqlMistake::at(select, message));
    }
    let Some((time, kind)) = window else {
        let hint = "GROUP BY device, TUMBLE(time, '10 s')";
        return Err(SqlMistake::at(select, "the query has no window").hint(hint));
    };
    let columns = columns::read(select, &key)?;
    nothing_else(&query, select)?;
    check(select, &columns, kind)?;
    Ok(Query { from: vec![from], key, time, kind, columns })
}

fn parse(text: &str) -> Result<Parsed, SqlMistake> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| SqlMistake::of(&error.into()))?;
    let is_space = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_));
    // The parser's limit is one of its own calls. A chain as `a AND a AND a` it makes without
    // any, of which the tree is deep all the same.
    if let Some(token) = tokens.iter().filter(|token| !is_space(token)).nth(TOKENS_MAX) {
        let message = format!("the query has more than {TOKENS_MAX} words and signs");
        return Err(SqlMistake::on(token.span, message));
    }
    let parser = Parser::new(&GenericDialect {}).with_recursion_limit(DEPTH_MAX);
    let mut parser = parser.with_tokens_with_locations(tokens);
    if *parser.peek_token_ref() == Token::EOF {
        return Err(SqlMistake::whole("the query is empty")
            .hint("SELECT device, AVG(v) FROM \"a/+\" GROUP BY device, TUMBLE(time, '10 s')"));
    }
    let query = parser.parse_query().map_err(|error| SqlMistake::of(&error))?;
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token_ref();
    if *rest != Token::EOF {
        let message = format!("`{}` is not expected here", rest.token);
        return Err(SqlMistake::on(rest.span, message).hint("the query ends before it"));
    }
    Ok(*query)
}

/// The SELECT that is all of the query.
fn select(query: &Parsed) -> Result<&Select, SqlMistake> {
    for (is_there, what) in [
        (query.with.is_some(), "WITH"),
        (query.order_by.is_some(), "ORDER BY"),
        (query.limit_clause.is_some() || query.fetch.is_some(), "LIMIT"),
    ] {
        if is_there {
            return Err(SqlMistake::unknown(query, what));
        }
    }
    let SetExpr::Select(select) = &*query.body else {
        let hint = "write one SELECT of one stream";
        return Err(SqlMistake::at(query, "the query is no SELECT").hint(hint));
    };
    for (is_there, what) in [
        (select.distinct.is_some(), "DISTINCT"),
        (select.having.is_some(), "HAVING"),
        (select.qualify.is_some(), "QUALIFY"),
    ] {
        if is_there {
            return Err(SqlMistake::unknown(&**select, what));
        }
    }
    if let Some(condition) = &select.selection {
        let hint = "choose by topic, or let a function write what is to be counted to another one";
        return Err(SqlMistake::unknown(condition, "WHERE").hint(hint));
    }
    Ok(select)
}

/// The topics that it is about.
fn source(select: &Select) -> Result<String, SqlMistake> {
    let hint = "FROM \"plant/+/climate\"";
    let [TableWithJoins { relation, joins }] = &select.from[..] else {
        return Err(SqlMistake::at(select, "the query is not of one stream").hint(hint));
    };
    if let Some(join) = joins.first() {
        return Err(SqlMistake::unknown(join, "JOIN"));
    }
    let name = match relation {
        TableFactor::Table { name, .. } => name,
        _ => {
            let hint = "write the stream here, and the window into GROUP BY";
            return Err(SqlMistake::at(relation, "the source is no stream").hint(hint));
        }
    };
    let [part] = &name.0[..] else {
        let message = format!("`{name}` has several parts");
        return Err(SqlMistake::at(relation, message).hint(hint));
    };
    let Some(ident) = part.as_ident() else {
        return Err(SqlMistake::at(relation, "the source is no stream").hint(hint));
    };
    let filter = &ident.value;
    if let Err(error) = TopicFilter::parse(filter) {
        let message = format!("the topic filter `{}` {error}", filter.escape_debug());
        return Err(SqlMistake::on(ident.span, message).hint(error.hint()));
    }
    if topic::is_reserved(filter) {
        let message = format!("the topic filter `{}` begins with `$`", filter.escape_debug());
        let hint = "such topics are for the node itself";
        return Err(SqlMistake::on(ident.span, message).hint(hint));
    }
    Ok(filter.clone())
}

fn groups(select: &Select) -> Result<&[Expr], SqlMistake> {
    match &select.group_by {
        GroupByExpr::Expressions(groups, modifiers) if modifiers.is_empty() => Ok(groups),
        _ => Err(SqlMistake::at(select, "the query has no list of groups")
            .hint("GROUP BY device, TUMBLE(time, '10 s')")),
    }
}

/// What was understood, written as SQL, is the query; else there is something more.
fn nothing_else(query: &Parsed, select: &Select) -> Result<(), SqlMistake> {
    let list = |parts: Vec<String>| parts.join(", ");
    let columns = list(select.projection.iter().map(ToString::to_string).collect());
    let groups = list(groups(select)?.iter().map(ToString::to_string).collect());
    let TableFactor::Table { name, .. } = &select.from[0].relation else {
        return Err(SqlMistake::at(select, "the source is no stream"));
    };
    let group_by = if groups.is_empty() { String::new() } else { format!(" GROUP BY {groups}") };
    let known = format!("SELECT {columns} FROM {name}{group_by}");
    if known == query.to_string() {
        return Ok(());
    }
    let hint = format!("this is all that is understood: {known}");
    Err(SqlMistake::at(query, "the query has something that a window cannot have").hint(hint))
}

/// What no clause can know by itself.
fn check(select: &Select, columns: &[Column], kind: Kind) -> Result<(), SqlMistake> {
    let is_aggregate = |column: &Column| matches!(column.value, ColumnValue::Aggregate { .. });
    if !columns.iter().any(is_aggregate) {
        let hint = "add COUNT(*), AVG(field) or another one";
        return Err(SqlMistake::at(select, "the query computes nothing").hint(hint));
    }
    lengths::check(kind).map_err(|message| SqlMistake::at(select, message))
}

#[cfg(test)]
mod tests;
