//! Runs compiled expressions. The same inputs give the same value on every machine: integers only, every collection in a
//! declared order, no locale, no clock but the one that is handed in.

use super::functions;
use super::node::{Arithmetic, Binding, Macro, Node};
use super::val::{Val, find};
use crate::limits::{BUILT_BYTES_MAX, EACH_ITEMS_MAX, WORK_BYTES, WORK_MAX};
use crate::state::{FieldRef, StateView};
use std::cell::Cell;
use sterna_crdt::{Clock, Field, FieldKind, Name, Value};

/// Why an expression has no value. In a command it refuses; in a view it fails the row.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EvalError {
    #[error("an integer overflows")]
    Overflow,
    #[error("a division by zero")]
    DivideByZero,
    #[error("there is no `{0}`")]
    Missing(String),
    #[error("a value is null")]
    Null,
    #[error("a value is not {0}")]
    NotA(&'static str),
    #[error("`{0}` is none of the enum's variants")]
    NotAVariant(String),
    #[error("`{text}` is not {wanted}")]
    Unreadable { text: String, wanted: &'static str },
    #[error("a result, or the work for it, is too large")]
    TooLarge,
    #[error("a value {0}")]
    Rule(String),
}

/// What an expression sees, and how much it may still do.
pub(crate) struct Scope<'a> {
    pub id: &'a str,
    pub exists: bool,
    pub state: &'a dyn StateView,
    pub args: &'a [Value],
    pub now: Clock,
    pub region: &'a str,
    pub actor: &'a str,
    pub created: Clock,
    pub updated: Clock,
    pub event_id: &'a str,
    pub event_name: &'a str,
    /// Of [`WORK_MAX`].
    pub work_left: Cell<usize>,
}

impl Scope<'_> {
    /// Before so many elements are visited.
    pub fn charge(&self, elements: usize) -> Result<()> {
        self.work_left.set(self.work_left.get().checked_sub(elements).ok_or(EvalError::TooLarge)?);
        Ok(())
    }

    /// Before so much text is read or built.
    pub fn charge_bytes(&self, bytes: usize) -> Result<()> {
        self.charge(bytes / WORK_BYTES)
    }
}

impl Default for Scope<'_> {
    fn default() -> Self {
        let never = Clock(0);
        Self {
            id: "",
            exists: false,
            state: &crate::state::NoState,
            args: &[],
            now: never,
            region: "",
            actor: "",
            created: never,
            updated: never,
            event_id: "",
            event_name: "",
            work_left: Cell::new(WORK_MAX),
        }
    }
}

/// The innermost `each` or macro variable.
pub(crate) struct Frame<'f, 'a> {
    pub value: Val<'a>,
    pub outer: Locals<'f, 'a>,
}

pub(crate) type Locals<'f, 'a> = Option<&'f Frame<'f, 'a>>;
type Result<T, E = EvalError> = std::result::Result<T, E>;

impl Node {
    pub fn eval<'a>(&'a self, scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Val<'a>> {
        Ok(match self {
            Self::Const(value) => Val::from(value),
            Self::Arg(at) => scope.args.get(*at).map_or(Val::Null, Val::from),
            Self::Field(at, unset) => match scope.state.field(*at) {
                FieldRef::Unset => Val::from(unset),
                FieldRef::Value(value) => Val::from(value),
                FieldRef::Field(field, kind) => field_val(field, kind),
            },
            Self::Binding(binding) => bound(*binding, scope),
            Self::Local(depth) => local(*depth, locals)?,
            Self::Member(of, name) => {
                let of = of.eval(scope, locals)?;
                if of.is_null() {
                    return Err(EvalError::Null);
                }
                of.member(name).unwrap_or(Val::Null)
            }
            Self::Index(of, key) => index(of.eval(scope, locals)?, &key.eval(scope, locals)?)?,
            Self::Not(of) => Val::Bool(!of.eval(scope, locals)?.bool()?),
            Self::And(a, b) => Val::Bool(a.eval(scope, locals)?.bool()? && b.eval(scope, locals)?.bool()?),
            Self::Or(a, b) => Val::Bool(a.eval(scope, locals)?.bool()? || b.eval(scope, locals)?.bool()?),
            Self::If(test, yes, no) => {
                let chosen = if test.eval(scope, locals)?.bool()? { yes } else { no };
                chosen.eval(scope, locals)?
            }
            Self::Negate(of) => match of.eval(scope, locals)? {
                Val::Duration(of) => Val::Duration(of.checked_neg().ok_or(EvalError::Overflow)?),
                of => Val::Int(of.int()?.checked_neg().ok_or(EvalError::Overflow)?),
            },
            Self::Equal(a, b) => Val::Bool(a.eval(scope, locals)?.order(&b.eval(scope, locals)?).is_eq()),
            Self::NotEqual(a, b) => Val::Bool(a.eval(scope, locals)?.order(&b.eval(scope, locals)?).is_ne()),
            Self::Compare(comparison, a, b) => {
                let (a, b) = (a.eval(scope, locals)?, b.eval(scope, locals)?);
                if a.is_null() || b.is_null() {
                    return Err(EvalError::Null);
                }
                Val::Bool(comparison.holds(a.order(&b)))
            }
            Self::Arithmetic(operator, a, b) => arithmetic(*operator, &a.eval(scope, locals)?, &b.eval(scope, locals)?, scope)?,
            Self::In(needle, haystack) => match (&**haystack, needle.eval(scope, locals)?) {
                (Self::List(items), needle) => {
                    let mut found = false;
                    for item in items {
                        found = found || item.eval(scope, locals)?.order(&needle).is_eq();
                    }
                    Val::Bool(found)
                }
                (haystack, needle) => Val::Bool(functions::contains_value(&haystack.eval(scope, locals)?, needle, scope)?),
            },
            Self::Has(of) => Val::Bool(match of.eval(scope, locals) {
                Ok(value) => !value.is_null(),
                Err(EvalError::Null | EvalError::Missing(_)) => false,
                Err(error) => return Err(error),
            }),
            Self::Matches(of, regex) => {
                let of = of.eval(scope, locals)?;
                scope.charge_bytes(of.str()?.len() * REGEX_WORK)?;
                Val::Bool(regex.is_match(of.str()?))
            }
            Self::Call(function, args) => functions::call(*function, args, scope, locals)?,
            Self::List(items) => Val::Made(Value::List(values(items.iter(), scope, locals)?)),
            Self::Object(members) => {
                let values = values(members.iter().map(|(_, node)| node), scope, locals)?;
                Val::Made(Value::Object(members.iter().map(|(name, _)| name.clone()).zip(values).collect()))
            }
            Self::Macro(kind, range, body) => run_macro(*kind, range.eval(scope, locals)?, body, scope, locals)?,
            Self::ToEnum(of, variants) => match of.eval(scope, locals)? {
                Val::Null => Val::Null,
                of => {
                    let name = of.str()?;
                    let rank = variants.iter().position(|variant| variant.as_ref() == name);
                    let rank = rank.ok_or_else(|| EvalError::NotAVariant(name.to_owned()))?;
                    Val::Enum(rank as u16, &variants[rank])
                }
            },
            Self::Fits(of, slot) => {
                let value = of.eval(scope, locals)?.into_value();
                slot.check(&value).map_err(EvalError::Rule)?;
                Val::made(value)
            }
        })
    }
}

/// A pattern may look at each byte more than once.
const REGEX_WORK: usize = 16;

fn values<'n, 'a: 'n>(nodes: impl Iterator<Item = &'a Node> + 'n, scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Vec<Value>> {
    let mut values = Vec::with_capacity(nodes.size_hint().0);
    for node in nodes {
        let value = node.eval(scope, locals)?;
        scope.charge(value.len())?;
        values.push(value.into_value());
    }
    Ok(values)
}

fn bound<'a>(binding: Binding, scope: &'a Scope<'a>) -> Val<'a> {
    match binding {
        Binding::Id => Val::Text(scope.id),
        Binding::Exists => Val::Bool(scope.exists),
        Binding::Now => Val::Timestamp(timestamp(scope.now)),
        Binding::Region => Val::Text(scope.region),
        Binding::Actor => Val::Text(scope.actor),
        Binding::CreatedAt => Val::Timestamp(timestamp(scope.created)),
        Binding::UpdatedAt => Val::Timestamp(timestamp(scope.updated)),
        Binding::EventId => Val::Text(scope.event_id),
        Binding::EventName => Val::Text(scope.event_name),
    }
}

/// A clock's wall time, in microseconds.
pub(crate) fn timestamp(clock: Clock) -> i64 {
    (clock.ms() as i64).saturating_mul(1000)
}

fn local<'a>(depth: usize, locals: Locals<'_, 'a>) -> Result<Val<'a>> {
    let mut frame = locals;
    for _ in 0..depth {
        frame = frame.and_then(|frame| frame.outer);
    }
    frame.map(|frame| frame.value.clone()).ok_or(EvalError::NotA("bound"))
}

/// A field's visible value, borrowed.
pub(crate) fn field_val<'a>(field: &'a Field, kind: &'a FieldKind) -> Val<'a> {
    match kind {
        FieldKind::Register(_) => field.winner(kind).map_or(Val::Null, |winner| Val::from(winner.value)),
        FieldKind::Counter | FieldKind::Bounded { .. } => Val::Int(field.int().unwrap_or(0)),
        FieldKind::Flag => Val::Bool(field.flag().unwrap_or(false)),
        FieldKind::Set => Val::Set(field),
        FieldKind::Map(inner) => Val::Map(field, inner),
    }
}

/// A map as a document holds it.
pub(crate) fn map_value(field: &Field, kind: &FieldKind) -> Value {
    let mut members: Vec<_> = field.entries().map(|(key, entry)| (sterna_crdt::key_text(key), entry.value(kind))).collect();
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    Value::Object(members)
}

fn index<'a>(of: Val<'a>, key: &Val<'_>) -> Result<Val<'a>> {
    let missing = |key: &Val<'_>| EvalError::Missing(key.key_text().map(|key| key.to_string()).unwrap_or_default());
    if let Val::Map(field, kind) = of {
        let entry = field.entry(&key.clone().into_value()).ok_or_else(|| missing(key))?;
        return Ok(field_val(entry, kind));
    }
    if of.items().is_some() {
        return functions::element(of, key.int()?).ok_or_else(|| missing(key));
    }
    let found = of.members().is_some_and(|members| key.key_text().is_ok_and(|key| find(members, &key).is_some()));
    match found {
        true => Ok(of.member(&key.key_text()?).unwrap_or(Val::Null)),
        false if of.members().is_some() => Err(missing(key)),
        false => Err(of.not("a map")),
    }
}

fn arithmetic<'a>(operator: Arithmetic, a: &Val<'_>, b: &Val<'_>, scope: &Scope<'_>) -> Result<Val<'a>> {
    let checked = |a: i64, b: i64| match operator {
        Arithmetic::Add => a.checked_add(b).ok_or(EvalError::Overflow),
        Arithmetic::Subtract => a.checked_sub(b).ok_or(EvalError::Overflow),
        Arithmetic::Multiply => a.checked_mul(b).ok_or(EvalError::Overflow),
        Arithmetic::Divide | Arithmetic::Remainder if b == 0 => Err(EvalError::DivideByZero),
        Arithmetic::Divide => a.checked_div(b).ok_or(EvalError::Overflow),
        Arithmetic::Remainder => a.checked_rem(b).ok_or(EvalError::Overflow),
    };
    Ok(match (a, b) {
        (Val::Int(a), Val::Int(b)) => Val::Int(checked(*a, *b)?),
        (Val::Null, _) | (_, Val::Null) => return Err(EvalError::Null),
        (Val::Timestamp(a), Val::Timestamp(b)) => Val::Duration(checked(*a, *b)?),
        (Val::Timestamp(a), Val::Duration(b)) | (Val::Duration(b), Val::Timestamp(a)) => Val::Timestamp(checked(*a, *b)?),
        (Val::Duration(a), Val::Duration(b) | Val::Int(b)) => Val::Duration(checked(*a, *b)?),
        (Val::Date(a), Val::Int(b)) => Val::Date(i32::try_from(checked(i64::from(*a), *b)?).map_err(|_| EvalError::Overflow)?),
        (Val::Date(a), Val::Date(b)) => Val::Int(checked(i64::from(*a), i64::from(*b))?),
        (a, b) if a.items().is_some() || matches!(a, Val::Set(_)) => {
            scope.charge(a.len() + b.len())?;
            let (a, b) = (a.clone().into_value(), b.clone().into_value());
            let (Value::List(mut a), Value::List(b)) = (a, b) else { return Err(EvalError::NotA("a list")) };
            a.extend(b);
            if a.len() > crate::limits::LIST_ITEMS_MAX as usize {
                return Err(EvalError::TooLarge);
            }
            Val::Made(Value::List(a))
        }
        (a, b) => {
            let (a, b) = (a.str()?, b.str()?);
            scope.charge_bytes(a.len() + b.len())?;
            if a.len() + b.len() > BUILT_BYTES_MAX {
                return Err(EvalError::TooLarge);
            }
            Val::Made(Value::Str(Name::from([a, b].concat())))
        }
    })
}

fn run_macro<'a>(kind: Macro, range: Val<'a>, body: &'a Node, scope: &'a Scope<'a>, locals: Locals<'_, 'a>) -> Result<Val<'a>> {
    let (mut kept, mut hits) = (Vec::new(), 0usize);
    let done = for_each(range, &mut |value| {
        scope.charge(1)?;
        let frame = Frame { value: value.clone(), outer: locals };
        let result = body.eval(scope, Some(&frame))?;
        match kind {
            Macro::Map => {
                scope.charge(result.len())?;
                kept.push(result.into_value());
            }
            Macro::Filter if result.bool()? => kept.push(value.into_value()),
            Macro::Exists | Macro::ExistsOne if result.bool()? => hits += 1,
            Macro::All if !result.bool()? => hits += 1,
            _ => {}
        }
        Ok(hits == 0 || kind == Macro::ExistsOne)
    });
    done?;
    Ok(match kind {
        Macro::Exists => Val::Bool(hits > 0),
        Macro::ExistsOne => Val::Bool(hits == 1),
        Macro::All => Val::Bool(hits == 0),
        Macro::Filter | Macro::Map => Val::Made(Value::List(kept)),
    })
}

/// Calls `visit` with a list's elements, or a map's keys, until it says false.
pub(crate) fn for_each<'a>(range: Val<'a>, visit: &mut dyn FnMut(Val<'a>) -> Result<bool>) -> Result<()> {
    match range {
        Val::List(items) => visit_all(items.iter().map(Val::from), visit),
        Val::Set(field) => visit_all(field.elements().map(Val::from), visit),
        Val::Map(field, _) => visit_all(field.entries().map(|(key, _)| Val::from(key)), visit),
        Val::Object(members) => visit_all(members.iter().map(|(key, _)| Val::Str(key)), visit),
        Val::Made(Value::List(items)) => visit_all(items.into_iter().map(Val::made), visit),
        Val::Made(Value::Object(members)) => visit_all(members.into_iter().map(|(key, _)| Val::Made(Value::Str(key))), visit),
        other => Err(other.not("a list")),
    }
}

fn visit_all<'a>(values: impl Iterator<Item = Val<'a>>, visit: &mut dyn FnMut(Val<'a>) -> Result<bool>) -> Result<()> {
    for value in values {
        if !visit(value)? {
            break;
        }
    }
    Ok(())
}

/// Runs `visit` once for each element of `each`, or once without one.
pub(crate) fn for_each_it<'a>(
    each: Option<&'a Node>,
    scope: &'a Scope<'a>,
    visit: &mut dyn FnMut(Locals<'_, 'a>) -> Result<()>,
) -> Result<()> {
    let mut count = 0;
    let mut bounded = |value: Val<'a>| {
        count += 1;
        if count > EACH_ITEMS_MAX {
            return Err(EvalError::TooLarge);
        }
        visit(Some(&Frame { value, outer: None })).map(|()| true)
    };
    match each {
        None => visit(None),
        // Without building the list.
        Some(Node::List(items)) => items.iter().try_for_each(|item| bounded(item.eval(scope, None)?).map(|_| ())),
        Some(each) => for_each(each.eval(scope, None)?, &mut bounded),
    }
}
