//! Checks operators.

use super::check::{Checked, Checker, Reported, with_article};
use super::coerce;
use super::facts::learn;
use super::node::{Arithmetic, Comparison, Node};
use super::ty::{Ty, Typ};
use cel::common::ast::{CallExpr, Expr as Cel, IdedExpr, LiteralValue, SelectExpr, operators};
use std::sync::Arc;
use sterna_crdt::Value;

impl Checker<'_, '_, '_> {
    /// Checks `expr` where `condition` is `truth`.
    fn under(&mut self, condition: &IdedExpr, truth: bool, expr: &IdedExpr) -> Checked {
        let known = self.facts.len();
        learn(condition, truth, &mut self.facts);
        let checked = self.check(expr);
        self.facts.truncate(known);
        checked
    }

    pub fn operator(&mut self, expr: &IdedExpr, call: &CallExpr) -> Checked {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [test, yes, no]) => self.conditional(test, yes, no),
            (operators::LOGICAL_AND, [a, b]) => self.logical(a, b, true),
            (operators::LOGICAL_OR, [a, b]) => self.logical(a, b, false),
            (operators::LOGICAL_NOT, [of]) => {
                let node = self.typed(of, &Ty::Bool)?;
                Ok((Node::Not(Box::new(node)), Typ::some(Ty::Bool)))
            }
            (operators::NEGATE, [of]) => {
                let (node, typ) = self.some(of)?;
                match typ.ty {
                    Ty::Int | Ty::Duration | Ty::Any | Ty::Never => Ok((Node::Negate(Box::new(node)), typ)),
                    ty => self.fail("type-mismatch", of, format!("`-` needs an int, not {}", with_article(&ty)), None),
                }
            }
            (operators::EQUALS, [a, b]) => {
                let (a, b, _) = self.aligned(expr, a, b, true)?;
                Ok((Node::Equal(a, b), Typ::some(Ty::Bool)))
            }
            (operators::NOT_EQUALS, [a, b]) => {
                let (a, b, _) = self.aligned(expr, a, b, true)?;
                Ok((Node::NotEqual(a, b), Typ::some(Ty::Bool)))
            }
            (operators::LESS, [a, b]) => self.compare(expr, Comparison::Less, a, b),
            (operators::LESS_EQUALS, [a, b]) => self.compare(expr, Comparison::LessOrEqual, a, b),
            (operators::GREATER, [a, b]) => self.compare(expr, Comparison::Greater, a, b),
            (operators::GREATER_EQUALS, [a, b]) => self.compare(expr, Comparison::GreaterOrEqual, a, b),
            (operators::ADD, [a, b]) => self.arithmetic(expr, Arithmetic::Add, a, b),
            (operators::SUBSTRACT, [a, b]) => self.arithmetic(expr, Arithmetic::Subtract, a, b),
            (operators::MULTIPLY, [a, b]) => self.arithmetic(expr, Arithmetic::Multiply, a, b),
            (operators::DIVIDE, [a, b]) => self.arithmetic(expr, Arithmetic::Divide, a, b),
            (operators::MODULO, [a, b]) => self.arithmetic(expr, Arithmetic::Remainder, a, b),
            (operators::IN, [needle, haystack]) => self.contained(expr, needle, haystack),
            (operators::INDEX, [of, key]) => self.index(expr, of, key),
            _ => self.fail("syntax", expr, "this operator can't be used", Some("for a default, use `get(map, key, default)`".to_owned())),
        }
    }

    fn conditional(&mut self, test: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Checked {
        let condition = self.typed(test, &Ty::Bool);
        let (if_true, if_false) = (self.under(test, true, yes), self.under(test, false, no));
        let (condition, (node, typ), (other, other_typ)) = (condition?, if_true?, if_false?);
        let (mut nodes, none) = (Vec::new(), Typ::some(Ty::Never));
        let joined = self.join(yes, &mut nodes, none, node, typ)?;
        let (node, typ) = (other, other_typ);
        let joined = self.join(no, &mut nodes, joined, node, typ)?;
        let [(yes, _), (no, _)]: [(Node, Typ); 2] = nodes.try_into().map_err(|_| Reported)?;
        Ok((Node::If(Box::new(condition), Box::new(yes), Box::new(no)), joined))
    }

    fn logical(&mut self, a: &IdedExpr, b: &IdedExpr, and: bool) -> Checked {
        let left = self.typed(a, &Ty::Bool);
        let known = self.facts.len();
        learn(a, and, &mut self.facts);
        let right = self.typed(b, &Ty::Bool);
        self.facts.truncate(known);
        let (left, right) = (Box::new(left?), Box::new(right?));
        Ok((if and { Node::And(left, right) } else { Node::Or(left, right) }, Typ::some(Ty::Bool)))
    }

    /// Two values of one type; a literal becomes what the other side is.
    pub fn aligned(&mut self, expr: &IdedExpr, a: &IdedExpr, b: &IdedExpr, nulls: bool) -> Checked<(Box<Node>, Box<Node>, Ty)> {
        let (left, right) = (self.check(a), self.check(b));
        let ((left, left_typ), (right, right_typ)) = (left?, right?);
        if !nulls {
            self.not_null(a, &left_typ)?;
            self.not_null(b, &right_typ)?;
        }
        let text = |node: &Node| matches!(node, Node::Const(Value::Str(_)));
        let (left_ty, right_ty) = (left_typ.ty.clone(), right_typ.ty.clone());
        let fits = coerce::same(&left_ty, &right_ty) || left_ty == Ty::Null || right_ty == Ty::Null;
        let (left, right, ty) = match (text(&left), text(&right)) {
            _ if fits => (left, right, if left_ty == Ty::Null { right_ty } else { left_ty }),
            (true, false) => (self.coerced(a, left, &left_typ, &right_ty)?, right, right_ty),
            (false, true) => (left, self.coerced(b, right, &right_typ, &left_ty)?, left_ty),
            _ => {
                let hint = matches!((&left_ty, &right_ty), (Ty::Enum(_), Ty::String) | (Ty::String, Ty::Enum(_)))
                    .then(|| "`string(…)` makes a variant a string".to_owned());
                let message = format!("{} can't be compared with {}", with_article(&left_ty), with_article(&right_ty));
                return self.fail("type-mismatch", expr, message, hint);
            }
        };
        Ok((Box::new(left), Box::new(right), ty))
    }

    fn compare(&mut self, expr: &IdedExpr, comparison: Comparison, a: &IdedExpr, b: &IdedExpr) -> Checked {
        let (left, right, ty) = self.aligned(expr, a, b, false)?;
        if !ty.is_scalar() && !ty.loose() {
            return self.fail("type-mismatch", expr, format!("{} has no order", with_article(&ty)), None);
        }
        Ok((Node::Compare(comparison, left, right), Typ::some(Ty::Bool)))
    }

    fn arithmetic(&mut self, expr: &IdedExpr, operator: Arithmetic, a: &IdedExpr, b: &IdedExpr) -> Checked {
        let (left, right) = (self.some(a), self.some(b));
        let ((left, left_typ), (right, right_typ)) = (left?, right?);
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        let ty = match (operator, &left_typ.ty, &right_typ.ty) {
            (_, a, b) if a.loose() || b.loose() => {
                if a.loose() {
                    b.clone()
                } else {
                    a.clone()
                }
            }
            (_, Ty::Int, Ty::Int) => Ty::Int,
            (Add, Ty::String, Ty::String) => Ty::String,
            (Add, Ty::List(of), Ty::List(other)) if coerce::same(&left_typ.ty, &right_typ.ty) => {
                let of = if of.ty == Ty::Never { other } else { of };
                Ty::List(Arc::new(Typ { ty: of.ty.clone(), null: of.null || other.null }))
            }
            (Subtract, Ty::Timestamp, Ty::Timestamp) => Ty::Duration,
            (Add | Subtract, Ty::Timestamp, Ty::Duration) | (Add, Ty::Duration, Ty::Timestamp) => Ty::Timestamp,
            (Add | Subtract, Ty::Duration, Ty::Duration) | (Multiply | Divide, Ty::Duration, Ty::Int) => Ty::Duration,
            (Add | Subtract, Ty::Date, Ty::Int) => Ty::Date,
            (Subtract, Ty::Date, Ty::Date) => Ty::Int,
            (_, a, b) => {
                let sign = ["+", "-", "*", "/", "%"][operator as usize];
                let hint = (operator == Add && [a, b].contains(&&Ty::String)).then(|| "`string(…)` makes a value a string".to_owned());
                let message = format!("`{sign}` can't join {} and {}", with_article(a), with_article(b));
                return self.fail("type-mismatch", expr, message, hint);
            }
        };
        Ok((Node::Arithmetic(operator, Box::new(left), Box::new(right)), Typ::some(ty)))
    }

    fn contained(&mut self, expr: &IdedExpr, needle: &IdedExpr, haystack: &IdedExpr) -> Checked {
        let (needles, haystacks) = (self.check(needle), self.some(haystack));
        let ((node, typ), (range, range_typ)) = (needles?, haystacks?);
        let (element, null) = match &range_typ.ty {
            Ty::List(of) => (of.ty.clone(), true),
            Ty::Map { key, .. } => (Ty::clone(key), false),
            Ty::Any | Ty::Never => (Ty::Never, true),
            ty => {
                let hint = (*ty == Ty::String).then(|| "for a part of a string, use `contains`".to_owned());
                return self.fail("type-mismatch", expr, format!("`in` needs a list, a set or a map, not {}", with_article(ty)), hint);
            }
        };
        if !null {
            self.not_null(needle, &typ)?;
        }
        // A list of literals follows what is looked for.
        if let (Node::List(items), Ty::Enum(_) | Ty::Date | Ty::Timestamp, Ty::String) = (range, &typ.ty, &element) {
            let items =
                items.into_iter().map(|item| self.coerced(haystack, item, &Typ::some(Ty::String), &typ.ty)).collect::<Checked<_>>()?;
            return Ok((Node::In(Box::new(node), Box::new(Node::List(items))), Typ::some(Ty::Bool)));
        }
        let (range, _) = self.some(haystack)?;
        let node = self.coerced(needle, node, &typ, &element)?;
        Ok((Node::In(Box::new(node), Box::new(range)), Typ::some(Ty::Bool)))
    }

    fn index(&mut self, expr: &IdedExpr, of: &IdedExpr, key: &IdedExpr) -> Checked {
        let checked = self.some(of);
        if checked.is_err() {
            let _reported = self.check(key);
        }
        let (node, typ) = checked?;
        match &typ.ty {
            Ty::Map { key: wanted, value } => {
                let (key_node, key_typ) = self.some(key)?;
                let key_node = self.coerced(key, key_node, &key_typ, wanted)?;
                Ok((Node::Index(Box::new(node), Box::new(key_node)), Typ::clone(value)))
            }
            Ty::List(of) => {
                let key = self.typed(key, &Ty::Int)?;
                Ok((Node::Index(Box::new(node), Box::new(key)), Typ::clone(of)))
            }
            Ty::Object(_) => match &key.expr {
                Cel::Literal(LiteralValue::String(name)) => {
                    let select = SelectExpr { operand: Box::new(of.clone()), field: name.inner().to_owned(), test: false };
                    self.member(expr, &select)
                }
                _ => self.fail("type-mismatch", key, "an object's member is named by a literal string", None),
            },
            Ty::Any => {
                let (key, _) = self.some(key)?;
                Ok((Node::Index(Box::new(node), Box::new(key)), Typ::maybe(Ty::Any)))
            }
            ty => self.fail("type-mismatch", expr, format!("{} has no elements", with_article(ty)), None),
        }
    }
}
