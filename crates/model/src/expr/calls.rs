//! Checks functions and macros.

use super::check::{Checked, Checker, with_article};
use super::node::{Function, Macro, Node};
use super::ty::{Ty, Typ};
use crate::diagnostic::did_you_mean;
use crate::limits::MACRO_NESTING_MAX;
use cel::common::ast::{CallExpr, Expr as Cel, IdedExpr, LiteralValue};
use std::sync::Arc;
use sterna_crdt::Value;

/// Name and how it is called; the subject of a method is its first argument.
const FUNCTIONS: &[(&str, &str, usize, usize)] = &[
    ("size", "size(x)", 1, 1),
    ("startsWith", "text.startsWith(prefix)", 2, 2),
    ("endsWith", "text.endsWith(suffix)", 2, 2),
    ("contains", "text.contains(part)", 2, 2),
    ("matches", "text.matches('pattern')", 2, 2),
    ("has", "has(state.field)", 1, 1),
    ("get", "get(map, key, default)", 3, 3),
    ("sum", "sum(list)", 1, 1),
    ("min", "min(a, b, …) or min(list)", 1, 16),
    ("max", "max(a, b, …) or max(list)", 1, 16),
    ("lower", "lower(text)", 1, 1),
    ("split", "split(text, separator)", 2, 2),
    ("string", "string(x)", 1, 1),
    ("int", "int(text)", 1, 1),
    ("timestamp", "timestamp('2013-01-31T05:17:00Z')", 1, 1),
    ("date", "date('2013-01-31')", 1, 1),
    ("duration", "duration('24h')", 1, 1),
    ("exists", "list.exists(x, condition)", 3, 3),
    ("exists_one", "list.exists_one(x, condition)", 3, 3),
    ("all", "list.all(x, condition)", 3, 3),
    ("filter", "list.filter(x, condition)", 3, 3),
    ("map", "list.map(x, value)", 3, 3),
];

/// What other languages call them.
const OTHERS: &[(&str, &str)] = &[
    ("len", "a length is `size(x)`"),
    ("length", "a length is `size(x)`"),
    ("count", "a length is `size(x)`; for a part of a list, `size(x.filter(e, condition))`"),
    ("avg", "an average is a rollup's `avg`; else `sum(x) / size(x)`"),
    ("toLower", "it is `lower(x)`"),
    ("lowerAscii", "it is `lower(x)`"),
    ("any", "it is `list.exists(x, condition)`"),
    ("str", "it is `string(x)`"),
    ("coalesce", "write `x != null ? x : y`; for a map, `get(map, key, default)`"),
    ("now", "`now` is no function: write it without brackets"),
];

impl Checker<'_, '_, '_> {
    pub fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Checked {
        let name = call.func_name.as_str();
        let Some((_, usage, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let hint = did_you_mean(name, FUNCTIONS.iter().map(|(name, ..)| *name));
            let hint = hint.or_else(|| OTHERS.iter().find(|(other, _)| *other == name).map(|(_, hint)| (*hint).to_owned()));
            return self.fail("unknown-function", expr, format!("there is no function `{name}`"), hint);
        };
        let args: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        if args.len() < *least || args.len() > *most {
            return self.fail(
                "wrong-arguments",
                expr,
                format!("`{name}` can't be called with {} arguments", args.len()),
                Some(format!("it is called `{usage}`")),
            );
        }
        let kind = match name {
            "exists" => Macro::Exists,
            "exists_one" => Macro::ExistsOne,
            "all" => Macro::All,
            "filter" => Macro::Filter,
            "map" => Macro::Map,
            _ => return self.function(expr, name, &args),
        };
        match (&call.target, args.as_slice()) {
            (Some(_), [range, variable, body]) => self.macro_call(kind, range, variable, body),
            _ => self.fail("wrong-arguments", expr, format!("`{name}` runs over a list"), Some(format!("it is called `{usage}`"))),
        }
    }

    fn function(&mut self, expr: &IdedExpr, name: &str, args: &[&IdedExpr]) -> Checked {
        let call = |function, nodes: Vec<Node>, ty| Ok((Node::Call(function, nodes), Typ::some(ty)));
        match (name, args) {
            ("size", [of]) => {
                let (node, typ) = self.some(of)?;
                match typ.ty {
                    Ty::String | Ty::List(_) | Ty::Map { .. } | Ty::Any => call(Function::Size, vec![node], Ty::Int),
                    ty => self.wrong(of, &ty, "a string, a list, a set or a map"),
                }
            }
            ("startsWith" | "endsWith" | "contains" | "split", [of, part]) => {
                let (of, part) = (self.texted(of), self.texted(part));
                let nodes = vec![of?, part?];
                match name {
                    "startsWith" => call(Function::StartsWith, nodes, Ty::Bool),
                    "endsWith" => call(Function::EndsWith, nodes, Ty::Bool),
                    "contains" => call(Function::Contains, nodes, Ty::Bool),
                    _ => call(Function::Split, nodes, Ty::List(Arc::new(Typ::some(Ty::String)))),
                }
            }
            ("lower", [of]) => {
                let node = self.texted(of)?;
                call(Function::Lower, vec![node], Ty::String)
            }
            ("matches", [of, pattern]) => self.matches(of, pattern),
            ("has", [of]) => match of.expr {
                Cel::Select(_) | Cel::Call(_) => {
                    let (node, _) = self.check(of)?;
                    Ok((Node::Has(Box::new(node)), Typ::some(Ty::Bool)))
                }
                _ => self.fail("wrong-arguments", of, "`has` needs a path such as `state.note`", None),
            },
            ("get", [map, key, default]) => self.get(map, key, default),
            ("sum", [of]) => {
                let (node, typ) = self.some(of)?;
                match values_of(&typ.ty) {
                    Some(value) if matches!(value.ty, Ty::Int | Ty::Any | Ty::Never) => call(Function::Sum, vec![node], Ty::Int),
                    _ => self.wrong(of, &typ.ty, "a list, a set or a map of ints"),
                }
            }
            ("min" | "max", _) => self.extreme(if name == "min" { Function::Min } else { Function::Max }, args),
            ("string", [of]) => {
                let (node, typ) = self.some(of)?;
                match typ.ty {
                    Ty::Duration => self.wrong(of, &typ.ty, "a simple value"),
                    ty if ty.is_scalar() || ty == Ty::Any => call(Function::String, vec![node], Ty::String),
                    ty => self.wrong(of, &ty, "a simple value"),
                }
            }
            ("int", [of]) => self.converted(of, Function::Int, Ty::Int, &[Ty::Int]),
            ("timestamp", [of]) => self.converted(of, Function::Timestamp, Ty::Timestamp, &[Ty::Timestamp, Ty::Date]),
            ("date", [of]) => self.converted(of, Function::Date, Ty::Date, &[Ty::Date, Ty::Timestamp]),
            ("duration", [of]) => self.duration(of),
            _ => self.fail("wrong-arguments", expr, format!("`{name}` can't be called like this"), None),
        }
    }

    fn wrong<T>(&mut self, expr: &IdedExpr, ty: &Ty, wanted: &str) -> Checked<T> {
        let text = self.text(expr);
        self.fail("type-mismatch", expr, format!("`{text}` is {}, not {wanted}", with_article(ty)), None)
    }

    /// A string or a variant's name.
    fn texted(&mut self, expr: &IdedExpr) -> Checked<Node> {
        let (node, typ) = self.some(expr)?;
        match typ.ty {
            Ty::String | Ty::Enum(_) | Ty::Any => Ok(node),
            ty => self.wrong(expr, &ty, "a string"),
        }
    }

    fn matches(&mut self, of: &IdedExpr, pattern: &IdedExpr) -> Checked {
        let node = self.texted(of)?;
        let Cel::Literal(LiteralValue::String(text)) = &pattern.expr else {
            return self.fail("wrong-arguments", pattern, "the pattern must be a literal string", None);
        };
        match regex::RegexBuilder::new(text.inner()).size_limit(1 << 18).build() {
            Ok(regex) => Ok((Node::Matches(Box::new(node), regex), Typ::some(Ty::Bool))),
            Err(error) => {
                let why = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.fail("bad-pattern", pattern, format!("this pattern can't be read: {why}"), None)
            }
        }
    }

    fn get(&mut self, map: &IdedExpr, key: &IdedExpr, default: &IdedExpr) -> Checked {
        let (of, at, otherwise) = (self.check(map), self.some(key), self.check(default));
        let ((node, typ), (key_node, key_typ), (default_node, default_typ)) = (of?, at?, otherwise?);
        let (key_ty, value) = match &typ.ty {
            Ty::Map { key, value } => (Ty::clone(key), Typ::clone(value)),
            Ty::List(of) => (Ty::Int, Typ::clone(of)),
            Ty::Any | Ty::Never => (Ty::Never, default_typ.clone()),
            ty => return self.wrong(map, ty, "a map or a list"),
        };
        let key_node = self.coerced(key, key_node, &key_typ, &key_ty)?;
        let default_node = self.coerced(default, default_node, &default_typ, &value.ty)?;
        let typ = Typ { ty: value.ty, null: default_typ.null };
        Ok((Node::Call(Function::Get, vec![node, key_node, default_node]), typ))
    }

    fn extreme(&mut self, function: Function, args: &[&IdedExpr]) -> Checked {
        if let [of] = args {
            let (node, typ) = self.some(of)?;
            return match values_of(&typ.ty) {
                Some(value) if value.ty.is_scalar() => Ok((Node::Call(function, vec![node]), Typ::maybe(value.ty))),
                _ => self.wrong(of, &typ.ty, "a list, a set or a map of values with an order"),
            };
        }
        let (mut nodes, mut joined, mut all_null) = (Vec::new(), Typ::some(Ty::Never), true);
        let checked: Vec<_> = args.iter().map(|arg| self.check(arg)).collect();
        for (arg, checked) in args.iter().zip(checked) {
            let (node, typ) = checked?;
            if !typ.ty.is_scalar() && typ.ty != Ty::Null {
                return self.wrong(arg, &typ.ty, "a value with an order");
            }
            all_null &= typ.null;
            joined = self.join(arg, &mut nodes, joined, node, typ)?;
        }
        let nodes = nodes.into_iter().map(|(node, _)| node).collect();
        Ok((Node::Call(function, nodes), Typ { ty: joined.ty, null: all_null }))
    }

    /// From a string, or from one of `others`.
    fn converted(&mut self, of: &IdedExpr, function: Function, to: Ty, others: &[Ty]) -> Checked {
        let (node, typ) = self.some(of)?;
        match &typ.ty {
            Ty::String if matches!(to, Ty::Date | Ty::Timestamp) && matches!(node, Node::Const(_)) => {
                Ok((self.coerced(of, node, &typ, &to)?, Typ::some(to)))
            }
            ty if *ty == Ty::String || *ty == Ty::Any || others.contains(ty) => Ok((Node::Call(function, vec![node]), Typ::some(to))),
            ty => self.wrong(of, ty, "something that converts"),
        }
    }

    fn duration(&mut self, of: &IdedExpr) -> Checked {
        match &of.expr {
            Cel::Literal(LiteralValue::String(text)) if crate::time::parse_duration_us(text.inner()).is_some() => {
                let text = Node::Const(Value::str(text.inner()));
                Ok((Node::Call(Function::Duration, vec![text]), Typ::some(Ty::Duration)))
            }
            _ => self.fail("wrong-arguments", of, "a duration is a literal", Some("such as duration('90s') or duration('24h')".to_owned())),
        }
    }

    fn macro_call(&mut self, kind: Macro, range: &IdedExpr, variable: &IdedExpr, body: &IdedExpr) -> Checked {
        let (node, typ) = self.some(range)?;
        let element = match &typ.ty {
            Ty::List(of) => Typ::clone(of),
            Ty::Map { key, .. } => Typ::some(Ty::clone(key)),
            Ty::Any => Typ::maybe(Ty::Any),
            ty => return self.wrong(range, ty, "a list, a set or a map"),
        };
        let Cel::Ident(name) = &variable.expr else {
            return self.fail("wrong-arguments", variable, "the variable is a plain name", None);
        };
        if self.names.all().contains(&name.as_str()) || self.locals.iter().any(|(local, _)| local == name) {
            return self.fail(
                "duplicate",
                variable,
                format!("`{name}` already means something here"),
                Some("choose another name".to_owned()),
            );
        }
        if self.macros == MACRO_NESTING_MAX {
            let hint = format!("at most {MACRO_NESTING_MAX} of `exists`, `all`, `filter` and `map` in each other");
            return self.fail("too-large", range, "this runs over too many lists at once", Some(hint));
        }
        self.macros += 1;
        self.locals.push((name.clone(), element.clone()));
        let checked =
            if kind == Macro::Map { self.check(body) } else { self.typed(body, &Ty::Bool).map(|node| (node, Typ::some(Ty::Bool))) };
        self.locals.pop();
        self.macros -= 1;
        let (body, body_typ) = checked?;
        let typ = match kind {
            Macro::Exists | Macro::ExistsOne | Macro::All => Ty::Bool,
            Macro::Filter => Ty::List(Arc::new(element)),
            Macro::Map => Ty::List(Arc::new(body_typ)),
        };
        Ok((Node::Macro(kind, Box::new(node), Box::new(body)), Typ::some(typ)))
    }
}

/// A list's elements, a map's values.
fn values_of(ty: &Ty) -> Option<Typ> {
    match ty {
        Ty::List(of) => Some(Typ::clone(of)),
        Ty::Map { value, .. } => Some(Typ::clone(value)),
        Ty::Any => Some(Typ::maybe(Ty::Any)),
        _ => None,
    }
}
