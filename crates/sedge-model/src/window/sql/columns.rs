//! What is selected: fields of the key, ends of the window, aggregates.

use super::SqlMistake;
use crate::window::{COLUMNS_MAX, Column, ColumnValue, Measure};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select, SelectItem, Value,
};

/// Aggregates of one field, by the names that Flink has for them.
const MEASURES: &[(&str, Measure)] = &[
    ("COUNT", Measure::Count),
    ("SUM", Measure::Sum),
    ("AVG", Measure::Mean),
    ("VAR_SAMP", Measure::VarianceSample),
    ("VARIANCE", Measure::VarianceSample),
    ("VAR_POP", Measure::VariancePopulation),
    ("STDDEV_SAMP", Measure::DeviationSample),
    ("STDDEV_POP", Measure::DeviationPopulation),
    ("MIN", Measure::Min),
    ("MAX", Measure::Max),
    ("FIRST_VALUE", Measure::First),
    ("LAST_VALUE", Measure::Last),
    ("APPROX_COUNT_DISTINCT", Measure::Distinct),
    ("RATE", Measure::Rate),
];

/// The name of a field, if the expression is nothing else.
pub(super) fn plain(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Identifier(ident) => Some(&ident.value),
        _ => None,
    }
}

pub(super) fn read(select: &Select, key: &[String]) -> Result<Vec<Column>, SqlMistake> {
    if select.projection.len() > COLUMNS_MAX {
        let message = format!("the query has more than {COLUMNS_MAX} columns");
        return Err(SqlMistake::at(select, message));
    }
    let mut columns: Vec<Column> = Vec::new();
    for item in &select.projection {
        let (expression, alias) = match item {
            SelectItem::UnnamedExpr(expression) => (expression, None),
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.clone())),
            _ => {
                let hint = "name the columns: SELECT device, window_start, COUNT(*)";
                return Err(SqlMistake::at(item, format!("`{item}` is no column")).hint(hint));
            }
        };
        let (own, value) = value(expression, key)?;
        let name = alias.unwrap_or(own);
        if columns.iter().any(|column| column.name == name) {
            let message = format!("two columns have the name `{}`", name.escape_debug());
            return Err(SqlMistake::at(item, message).hint("give one of them another: … AS name"));
        }
        columns.push(Column { name, value });
    }
    Ok(columns)
}

/// What an expression is, and how it is called if nobody says.
fn value(expression: &Expr, key: &[String]) -> Result<(String, ColumnValue), SqlMistake> {
    if let Expr::Function(function) = expression {
        let (measure, field) = aggregate(function)?;
        let name = function.name.to_string().to_lowercase();
        let name = field.as_ref().map_or(name.clone(), |field| format!("{name}_{field}"));
        return Ok((name, ColumnValue::Aggregate { measure, field }));
    }
    let Some(field) = plain(expression) else {
        let hint = "select fields of the key, window_start, window_end and aggregates";
        let message = format!("`{expression}` cannot be computed");
        return Err(SqlMistake::at(expression, message).hint(hint));
    };
    let value = match (key.iter().position(|known| known == field), field) {
        (Some(at), _) => ColumnValue::Key(at),
        (None, "window_start") => ColumnValue::Start,
        (None, "window_end") => ColumnValue::End,
        (None, _) => {
            let message = format!("`{field}` is not grouped by");
            let hint = format!("LAST_VALUE({field}), say, or GROUP BY {field}");
            return Err(SqlMistake::at(expression, message).hint(hint));
        }
    };
    Ok((field.to_owned(), value))
}

/// The arguments of a call that is nothing but a name and arguments.
pub(super) fn arguments(function: &Function) -> Result<Vec<&FunctionArgExpr>, SqlMistake> {
    let odd = |what: String| SqlMistake::at(function, what);
    let FunctionArguments::List(list) = &function.args else {
        return Err(odd(format!("`{function}` is no call with arguments")));
    };
    let mut arguments = Vec::new();
    for argument in &list.args {
        let FunctionArg::Unnamed(argument) = argument else {
            return Err(odd(format!("`{function}` has an argument with a name")));
        };
        arguments.push(argument);
    }
    let texts: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    if function.to_string() != format!("{}({})", function.name, texts.join(", ")) {
        let hint = match list.duplicate_treatment {
            Some(_) => "APPROX_COUNT_DISTINCT(field) counts different values",
            None => "write the name and the arguments only",
        };
        let message = format!("`{function}` says more than a window can do");
        return Err(odd(message).hint(hint));
    }
    Ok(arguments)
}

fn aggregate(function: &Function) -> Result<(Measure, Option<String>), SqlMistake> {
    let name = function.name.to_string().to_uppercase();
    let arguments = arguments(function)?;
    if name == "APPROX_PERCENTILE" {
        let hint = "APPROX_PERCENTILE(field, 0.95)";
        let odd = |message: &str| SqlMistake::at(function, message).hint(hint);
        let [FunctionArgExpr::Expr(of), FunctionArgExpr::Expr(share)] = arguments[..] else {
            return Err(odd("a percentile is of a field and a share"));
        };
        let field = plain(of).ok_or_else(|| odd("the first argument is no field"))?;
        let share = number(share).filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or_else(|| odd("the share is no number from 0 to 1"))?;
        return Ok((Measure::Quantile(share), Some(field.to_owned())));
    }
    let Some((_, measure)) = MEASURES.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
        let hint = format!("{} or APPROX_PERCENTILE", names.join(", "));
        return Err(SqlMistake::at(function, format!("there is no aggregate `{name}`")).hint(hint));
    };
    match arguments[..] {
        [FunctionArgExpr::Wildcard] if matches!(measure, Measure::Count | Measure::Rate) => {
            Ok((*measure, None))
        }
        [FunctionArgExpr::Expr(of)] if plain(of).is_some() => {
            Ok((*measure, plain(of).map(str::to_owned)))
        }
        _ => {
            let message = format!("`{name}` is of one field");
            Err(SqlMistake::at(function, message).hint(format!("{name}(temperature)")))
        }
    }
}

/// A number that is written out.
fn number(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(text, false) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
