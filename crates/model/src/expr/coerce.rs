//! What a place wants of an expression, and how a value gets there: a literal string becomes a variant, a date or a timestamp, and
//! a value keeps the rules of the place.

use super::check::{Checked, Checker, with_article};
use super::names::ArgNames;
use super::node::Node;
use super::ty::{Ty, Typ};
use crate::diagnostic::did_you_mean;
use crate::reader::list;
use crate::value_type::{Slot, ValueType};
use crate::{limits::INT_MAX, time};
use cel::common::ast::IdedExpr;
use sterna_crdt::Value;

pub(crate) enum Want<'w> {
    /// True or false, never null.
    Bool,
    /// Never null.
    Int,
    /// Never null; a name of an aggregate.
    Id,
    /// A value of this slot, by its rules. The name is for messages.
    Slot(&'w Slot, &'w str),
    /// A list, a set or a map to run over.
    Range,
    /// Something with an order, null or not.
    Sortable,
    /// An int, null or not.
    MaybeInt,
    /// True, false or null.
    MaybeBool,
    /// Whatever a column can hold.
    Column,
    /// A map's key: a scalar, never null.
    Key,
    /// Whatever has a type: nobody knows where it goes.
    Anything,
}

/// Equal but for nulls and unknowns.
pub(crate) fn same(a: &Ty, b: &Ty) -> bool {
    match (a, b) {
        (Ty::Any | Ty::Never, _) | (_, Ty::Any | Ty::Never) => true,
        (Ty::List(a), Ty::List(b)) => same(&a.ty, &b.ty),
        (Ty::Map { key, value }, Ty::Map { key: other_key, value: other }) => same(key, other_key) && same(&value.ty, &other.ty),
        (Ty::Object(a), Ty::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((name, a), (other, b))| name == other && same(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

impl Checker<'_, '_, '_> {
    pub fn wanted(&mut self, expr: &IdedExpr, node: Node, typ: Typ, want: &Want<'_>) -> Checked {
        let maybe = matches!(want, Want::Sortable | Want::MaybeInt | Want::MaybeBool | Want::Column | Want::Slot(..) | Want::Anything);
        if !maybe {
            self.not_null(expr, &typ)?;
        }
        let (fits, wanted) = match (want, &typ.ty) {
            (Want::Slot(slot, name), _) => return self.fitted(expr, node, &typ, slot, name),
            (Want::Bool | Want::MaybeBool, ty) => (*ty == Ty::Bool || *ty == Ty::Null && maybe, "true or false"),
            (Want::Int | Want::MaybeInt, ty) => (*ty == Ty::Int || *ty == Ty::Null && maybe, "an int"),
            (Want::Id, ty) => (*ty == Ty::String, "a string (an aggregate's id)"),
            (Want::Range, ty) => (matches!(ty, Ty::List(_) | Ty::Map { .. }), "a list, a set or a map"),
            (Want::Sortable, ty) => (ty.is_scalar() && ty.value_type().is_some(), "a value with an order"),
            (Want::Key, ty) => (ty.is_scalar() && ty.value_type().is_some(), "a string, an int or another simple value"),
            (Want::Anything, _) => (true, ""),
            (Want::Column, ty) => (ty.value_type().is_some(), "a value that a column can hold"),
        };
        if fits {
            return Ok((node, typ));
        }
        let hint = (typ.ty == Ty::Duration).then(|| "a duration can only be compared, or added to a timestamp".to_owned());
        self.fail("type-mismatch", expr, format!("this must be {wanted}, and is {}", with_article(&typ.ty)), hint)
    }

    fn fitted(&mut self, expr: &IdedExpr, node: Node, typ: &Typ, slot: &Slot, name: &str) -> Checked {
        if typ.null && !slot.nullable() {
            let text = self.text(expr);
            let hint = format!("declare it as `\"{}?\"`, or test it first", slot.value_type.name());
            return self.fail("possible-null", expr, format!("`{text}` may be null, and `{name}` must not"), Some(hint));
        }
        let wanted = Typ::of(slot);
        let node = self.coerced(expr, node, typ, &wanted.ty)?;
        if let Node::Const(value) = &node
            && let Err(why) = slot.check(value)
        {
            return self.fail("rule-broken", expr, format!("`{name}` {why}"), None);
        }
        let kept = match (&node, self.names.args) {
            (Node::Arg(at), ArgNames::Declared(args)) => args[*at].slot.value_type == slot.value_type,
            (node, _) => matches!(node, Node::Const(_)),
        };
        let free = kept || !ruled(&slot.value_type) && !typ.ty.loose();
        Ok((if free { node } else { Node::Fits(Box::new(node), slot.clone()) }, wanted))
    }

    /// `node` as a value of type `to`, if that can't go wrong in its type.
    pub fn coerced(&mut self, expr: &IdedExpr, node: Node, typ: &Typ, to: &Ty) -> Checked<Node> {
        let literal = match &node {
            Node::Const(Value::Str(text)) => Some(text.clone()),
            _ => None,
        };
        match (&typ.ty, to, literal) {
            (Ty::Null | Ty::Never, ..) | (_, Ty::Never | Ty::Any, _) => Ok(node),
            (Ty::String | Ty::Any, Ty::Enum(variants), Some(text)) => match variants.iter().position(|variant| *variant == text) {
                Some(rank) => Ok(Node::Const(Value::Enum { rank: rank as u16, name: variants[rank].clone() })),
                None => {
                    let hint = did_you_mean(&text, variants.iter().map(AsRef::as_ref)).unwrap_or_else(|| crate::reader::there(variants));
                    self.fail("unknown-variant", expr, format!("the enum has no `{text}`"), Some(hint))
                }
            },
            (Ty::String, Ty::Enum(_) | Ty::Date | Ty::Timestamp, None) => match node {
                // Each branch for itself.
                Node::If(test, yes, no) => {
                    let (yes, no) = (self.coerced(expr, *yes, typ, to)?, self.coerced(expr, *no, typ, to)?);
                    Ok(Node::If(test, Box::new(yes), Box::new(no)))
                }
                Node::Const(Value::Null) => Ok(node),
                _ => self.mismatch(expr, &typ.ty, to),
            },
            (Ty::Any, Ty::Enum(variants), None) => Ok(Node::ToEnum(Box::new(node), variants.clone())),
            (Ty::String | Ty::Any, Ty::Date, Some(text)) => match time::parse_date(&text) {
                Some(day) => Ok(Node::Const(Value::Date(day))),
                None => self.fail("type-mismatch", expr, format!("`{text}` is no date"), Some("such as 2013-01-31".to_owned())),
            },
            (Ty::String | Ty::Any, Ty::Timestamp, Some(text)) => match time::parse_timestamp(&text) {
                Some(at) => Ok(Node::Const(Value::Timestamp(at))),
                None => {
                    self.fail("type-mismatch", expr, format!("`{text}` is no timestamp"), Some("such as 2013-01-31T05:17:00Z".to_owned()))
                }
            },
            (Ty::Enum(from), Ty::Enum(into), _) if from != into && from.iter().all(|variant| into.contains(variant)) => {
                Ok(Node::ToEnum(Box::new(node), into.clone()))
            }
            (Ty::Enum(_), Ty::Enum(into), _) if typ.ty != *to => {
                let hint = format!("it takes {}", list(into));
                self.fail("type-mismatch", expr, format!("{} has other variants", with_article(&typ.ty)), Some(hint))
            }
            (Ty::List(from), Ty::List(into), _) if !same(&typ.ty, to) => match node {
                Node::List(items) => {
                    let items = items.into_iter().map(|item| self.coerced(expr, item, from, &into.ty)).collect::<Checked<Vec<_>>>()?;
                    Ok(Node::List(items))
                }
                _ => self.mismatch(expr, &typ.ty, to),
            },
            (Ty::Object(from), Ty::Object(into), _) => match node {
                Node::Object(members) => self.object_into(expr, members, from, into),
                node if same(&typ.ty, to) => Ok(node),
                _ => self.mismatch(expr, &typ.ty, to),
            },
            (from, to, _) if same(from, to) => Ok(node),
            (from, to, _) => self.mismatch(expr, from, to),
        }
    }

    fn object_into(
        &mut self,
        expr: &IdedExpr,
        members: Vec<(sterna_crdt::Name, Node)>,
        from: &[(sterna_crdt::Name, Typ)],
        into: &[(sterna_crdt::Name, Typ)],
    ) -> Checked<Node> {
        if let Some((name, _)) = from.iter().find(|(name, _)| !into.iter().any(|(wanted, _)| wanted == name)) {
            let hint = did_you_mean(name, into.iter().map(|(name, _)| name.as_ref()));
            return self.fail("unknown-member", expr, format!("the object has no `{name}`"), hint);
        }
        let mut given = members.into_iter().zip(from).peekable();
        let mut coerced = Vec::with_capacity(into.len());
        for (name, wanted) in into {
            let node = match given.next_if(|((given, _), _)| given == name) {
                Some(((_, node), (_, typ))) if typ.null && !wanted.null => {
                    let _ = node;
                    return self.fail("possible-null", expr, format!("`{name}` may be null, and must not"), None);
                }
                Some(((_, node), (_, typ))) => self.coerced(expr, node, typ, &wanted.ty)?,
                None if wanted.null => Node::Const(Value::Null),
                None => return self.fail("unknown-member", expr, format!("the object needs `{name}`"), None),
            };
            coerced.push((name.clone(), node));
        }
        Ok(Node::Object(coerced))
    }

    fn mismatch<T>(&mut self, expr: &IdedExpr, from: &Ty, to: &Ty) -> Checked<T> {
        let hint = match (from, to) {
            (Ty::String, Ty::Int) => Some("`int(…)` reads a string"),
            (Ty::Int | Ty::Enum(_) | Ty::Date, Ty::String) => Some("`string(…)` makes a value a string"),
            (Ty::String, Ty::Date) | (Ty::Timestamp, Ty::Date) => Some("`date(…)` makes a date"),
            (Ty::String, Ty::Timestamp) | (Ty::Date, Ty::Timestamp) => Some("`timestamp(…)` makes a timestamp"),
            _ => None,
        };
        let text = self.text(expr);
        let message = format!("`{text}` is {}, and this must be {}", with_article(from), with_article(to));
        self.fail("type-mismatch", expr, message, hint.map(str::to_owned))
    }
}

/// Whether a value of the right type may still break a rule.
fn ruled(value_type: &ValueType) -> bool {
    match value_type {
        ValueType::String { .. } | ValueType::List { .. } | ValueType::Object(_) => true,
        ValueType::Int { min, max } => *min > i64::MIN || *max < i64::MAX || INT_MAX < i64::MAX,
        _ => false,
    }
}
