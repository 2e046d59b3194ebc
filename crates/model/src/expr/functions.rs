//! The functions of the language.

use super::eval::{EvalError, Locals, Scope, field_val};
use super::node::{Function, Node};
use super::val::{Val, find};
use crate::limits::{BUILT_BYTES_MAX, LIST_ITEMS_MAX};
use crate::time;
use sterna_crdt::{Name, Value};

type Result<T, E = EvalError> = std::result::Result<T, E>;

pub(super) fn call<'a>(function: Function, args: &'a [Node], scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Val<'a>> {
    let arg = |at: usize| args.get(at).map_or(Ok(Val::Null), |node| node.eval(scope, locals));
    Ok(match function {
        Function::Size => Val::Int(size(&arg(0)?)?),
        Function::StartsWith => Val::Bool(arg(0)?.str()?.starts_with(arg(1)?.str()?)),
        Function::EndsWith => Val::Bool(arg(0)?.str()?.ends_with(arg(1)?.str()?)),
        Function::Contains => {
            let of = arg(0)?;
            scope.charge_bytes(of.str()?.len())?;
            Val::Bool(of.str()?.contains(arg(1)?.str()?))
        }
        Function::Get => match get(arg(0)?, &arg(1)?)? {
            Some(value) => value,
            None => arg(2)?,
        },
        Function::Sum => {
            let of = arg(0)?;
            scope.charge(of.len())?;
            Val::Int(sum(&of)?)
        }
        Function::Min => extreme(std::cmp::Ordering::Less, args, scope, locals)?,
        Function::Max => extreme(std::cmp::Ordering::Greater, args, scope, locals)?,
        Function::Lower => {
            let of = arg(0)?;
            scope.charge_bytes(of.str()?.len())?;
            Val::Made(Value::Str(Name::from(of.str()?.to_lowercase())))
        }
        Function::Split => {
            let of = arg(0)?;
            scope.charge_bytes(of.str()?.len())?;
            split(of.str()?, arg(1)?.str()?, scope)?
        }
        Function::String => match arg(0)? {
            value @ (Val::Str(_) | Val::Text(_)) => value,
            Val::Null => return Err(EvalError::Null),
            value => Val::Made(Value::Str(sterna_crdt::key_text(&value.into_value()))),
        },
        Function::Int => match arg(0)? {
            Val::Int(int) => Val::Int(int),
            text => Val::Int(read(text.str()?, |text| text.parse().ok(), "an int")?),
        },
        Function::Timestamp => match arg(0)? {
            Val::Timestamp(at) => Val::Timestamp(at),
            Val::Date(day) => Val::Timestamp(i64::from(day) * time::DAY_US),
            text => Val::Timestamp(read(text.str()?, time::parse_timestamp, "a timestamp")?),
        },
        Function::Date => match arg(0)? {
            Val::Date(day) => Val::Date(day),
            Val::Timestamp(at) => Val::Date(at.div_euclid(time::DAY_US) as i32),
            text => Val::Date(read(text.str()?, time::parse_date, "a date")?),
        },
        Function::Duration => Val::Duration(read(arg(0)?.str()?, time::parse_duration_us, "a duration")?),
    })
}

fn read<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>, wanted: &'static str) -> Result<T> {
    parse(text).ok_or_else(|| EvalError::Unreadable { text: text.chars().take(40).collect(), wanted })
}

/// Characters of a string; elements of a list, a set or a map.
fn size(of: &Val<'_>) -> Result<i64> {
    let size = match of {
        Val::Set(field) | Val::Map(field, _) => field.len(),
        of if of.items().is_some() => of.items().map_or(0, <[_]>::len),
        of if of.members().is_some() => of.members().map_or(0, <[_]>::len),
        of => of.str()?.chars().count(),
    };
    Ok(size as i64)
}

pub(super) fn contains_value(haystack: &Val<'_>, needle: Val<'_>, scope: &Scope<'_>) -> Result<bool> {
    if let Some(items) = haystack.items() {
        scope.charge(items.len())?;
    }
    Ok(match haystack {
        Val::Set(field) | Val::Map(field, _) => field.contains(&needle.into_value()),
        of if of.members().is_some() => {
            of.members().is_some_and(|members| needle.key_text().is_ok_and(|key| find(members, &key).is_some()))
        }
        of => of.items().ok_or_else(|| of.not("a list"))?.iter().any(|item| Val::from(item).order(&needle).is_eq()),
    })
}

/// A list's element, from 0.
pub(super) fn element<'a>(of: Val<'a>, at: i64) -> Option<Val<'a>> {
    let at = usize::try_from(at).ok()?;
    match of {
        Val::List(items) => items.get(at).map(Val::from),
        Val::Made(Value::List(mut items)) if at < items.len() => Some(Val::made(items.swap_remove(at))),
        _ => None,
    }
}

fn get<'a>(of: Val<'a>, key: &Val<'_>) -> Result<Option<Val<'a>>> {
    let found = match of {
        Val::Null => None,
        Val::Map(field, kind) => field.entry(&key.clone().into_value()).map(|entry| field_val(entry, kind)),
        of if of.items().is_some() => element(of, key.int()?),
        of => of.member(&key.key_text()?),
    };
    Ok(found.filter(|value| !value.is_null()))
}

/// Skips null; of nothing it is 0.
fn sum(of: &Val<'_>) -> Result<i64> {
    let mut total = 0i64;
    let mut add = |value: Val<'_>| {
        let value = if value.is_null() { 0 } else { value.int()? };
        total = total.checked_add(value).ok_or(EvalError::Overflow)?;
        Ok(())
    };
    visit_values(of, &mut add)?;
    Ok(total)
}

/// Of several arguments, or of a list's elements or a map's values. Skips null; of nothing it is null.
fn extreme<'a>(wanted: std::cmp::Ordering, args: &'a [Node], scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Val<'a>> {
    let mut best: Val<'a> = Val::Null;
    if let [only] = args {
        let of = only.eval(scope, locals)?;
        scope.charge(of.len())?;
        let mut made: Option<Value> = None;
        visit_values(&of, &mut |value| {
            let better = made.as_ref().is_none_or(|best| value.order(&Val::from(best)) == wanted);
            if !value.is_null() && better {
                made = Some(value.into_value());
            }
            Ok(())
        })?;
        return Ok(made.map_or(Val::Null, Val::made));
    }
    for node in args {
        let value = node.eval(scope, locals)?;
        if !value.is_null() && (best.is_null() || value.order(&best) == wanted) {
            best = value;
        }
    }
    Ok(best)
}

/// A list's elements, a map's values.
fn visit_values(of: &Val<'_>, visit: &mut dyn FnMut(Val<'_>) -> Result<()>) -> Result<()> {
    match of {
        Val::Set(field) => field.elements().map(Val::from).try_for_each(visit),
        Val::Map(field, kind) => field.entries().map(|(_, entry)| field_val(entry, kind)).try_for_each(visit),
        of if of.members().is_some() => of.members().unwrap_or_default().iter().map(|(_, value)| Val::from(value)).try_for_each(visit),
        of => of.items().ok_or_else(|| of.not("a list"))?.iter().map(Val::from).try_for_each(visit),
    }
}

fn split<'a>(text: &str, by: &str, scope: &Scope<'_>) -> Result<Val<'a>> {
    if by.is_empty() || text.len() > BUILT_BYTES_MAX {
        return Err(EvalError::TooLarge);
    }
    let parts: Vec<_> = text.split(by).take(LIST_ITEMS_MAX as usize + 1).map(Value::str).collect();
    scope.charge(parts.len())?;
    if parts.len() > LIST_ITEMS_MAX as usize {
        return Err(EvalError::TooLarge);
    }
    Ok(Val::Made(Value::List(parts)))
}
