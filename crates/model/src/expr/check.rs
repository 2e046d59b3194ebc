//! Types every expression against the names that it can see, and compiles it. What passes can still fail on a run: by overflow, a
//! missing key, a value that breaks a rule.

use super::facts::{is_operator, learn, path};
use super::names::{ArgNames, EVENT, Names, field_typ};
use super::node::Node;
use super::syntax::Syntax;
use super::ty::{Ty, Typ};
use super::{Expr, coerce};
use crate::args::ArgDef;
use crate::diagnostic::{Report, did_you_mean};
use crate::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use crate::reader::{Item, list};
use cel::common::ast::{EntryExpr, Expr as Cel, IdedExpr, LiteralValue, SelectExpr};
use std::sync::Arc;
use sterna_crdt::{Name, Value};

/// A mistake was reported.
#[derive(Debug)]
pub(crate) struct Reported;

pub(super) type Checked<T = (Node, Typ)> = Result<T, Reported>;

pub(super) struct Checker<'c, 'm, 't> {
    pub names: &'c Names<'m>,
    pub report: &'c mut Report<'t>,
    pub syntax: &'c Syntax<'c>,
    /// Paths that can't be null here.
    pub facts: Vec<String>,
    /// `it` and macro variables, the innermost last.
    pub locals: Vec<(String, Typ)>,
    pub macros: usize,
    nodes: usize,
    depth: usize,
}

/// Checks the expression in `item`. `facts` are the paths that can't be null here; the ones that it establishes where it is true
/// are added.
pub(crate) fn check(
    item: &Item<'_>,
    names: &Names<'_>,
    facts: &mut Vec<String>,
    want: &coerce::Want<'_>,
    report: &mut Report<'_>,
) -> Option<Expr> {
    let source = item.value.as_str();
    let Some(source) = source else {
        let hint = "write it as a string, such as \"args.quantity\" or \"1\"";
        report.error_with("wrong-kind", item.span.clone(), format!("`{}` needs an expression", item.key), hint);
        return None;
    };
    let syntax = match Syntax::parse(item, source, report.text()) {
        Ok(syntax) => syntax,
        Err(error) => {
            report.error_maybe(error.code, error.span, error.message, error.hint);
            return None;
        }
    };
    let locals = names.it.iter().map(|it| ("it".to_owned(), it.clone())).collect();
    let mut checker = Checker { names, report, syntax: &syntax, facts: facts.clone(), locals, macros: 0, nodes: 0, depth: 0 };
    let (node, typ) = checker.check(&syntax.root).ok()?;
    let (node, typ) = checker.wanted(&syntax.root, node, typ, want).ok()?;
    learn(&syntax.root, true, facts);
    Some(Expr { node, typ, source: Name::from(source) })
}

impl Checker<'_, '_, '_> {
    pub fn check(&mut self, expr: &IdedExpr) -> Checked {
        self.nodes += 1;
        if self.nodes > EXPRESSION_NODES_MAX || self.depth == EXPRESSION_DEPTH_MAX {
            let hint = format!("at most {EXPRESSION_NODES_MAX} steps, {EXPRESSION_DEPTH_MAX} deep");
            return self.fail("too-large", expr, "this expression is too large", Some(hint));
        }
        self.depth += 1;
        let checked = self.check_node(expr);
        self.depth -= 1;
        checked
    }

    fn check_node(&mut self, expr: &IdedExpr) -> Checked {
        match &expr.expr {
            Cel::Literal(literal) => self.literal(expr, literal),
            Cel::Ident(name) => self.ident(expr, name),
            Cel::Select(select) => self.select(expr, select),
            Cel::List(items) => self.list(&items.elements),
            Cel::Map(map) => self.object(expr, map.entries.iter().map(|entry| &entry.expr)),
            Cel::Call(call) if is_operator(call) => self.operator(expr, call),
            Cel::Call(call) => self.call(expr, call),
            Cel::Struct(_) | Cel::Comprehension(_) | Cel::Unspecified => self.fail("syntax", expr, "this can't be used here", None),
        }
    }

    pub fn fail<T>(&mut self, code: &'static str, at: &IdedExpr, message: impl Into<String>, hint: Option<String>) -> Checked<T> {
        self.report.error_maybe(code, self.syntax.span(at), message, hint);
        Err(Reported)
    }

    /// The text of a part, for messages.
    pub fn text(&self, expr: &IdedExpr) -> String {
        let text = self.report.text().get(self.syntax.span(expr)).unwrap_or_default();
        text.trim_matches('"').chars().take(60).collect()
    }

    /// A value that can't be null.
    pub fn some(&mut self, expr: &IdedExpr) -> Checked {
        let (node, typ) = self.check(expr)?;
        self.not_null(expr, &typ)?;
        Ok((node, typ))
    }

    pub fn not_null(&mut self, expr: &IdedExpr, typ: &Typ) -> Checked<()> {
        if !typ.null {
            return Ok(());
        }
        let text = self.text(expr);
        if typ.ty == Ty::Null {
            return self.fail("possible-null", expr, "null has no value to work with", None);
        }
        let hint = match path(expr) {
            Some(path) if path.starts_with("state.") => format!("a register is null until it is set; test it first: `{path} != null && …`"),
            Some(path) => format!("test it first: `{path} != null && …`"),
            None => "test it first, or give a default".to_owned(),
        };
        self.fail("possible-null", expr, format!("`{text}` may be null here"), Some(hint))
    }

    pub fn typed(&mut self, expr: &IdedExpr, wanted: &Ty) -> Checked<Node> {
        let (node, typ) = self.some(expr)?;
        if typ.ty.loose() || typ.ty == *wanted {
            return Ok(node);
        }
        let text = self.text(expr);
        self.fail("type-mismatch", expr, format!("`{text}` is {}, not {wanted}", with_article(&typ.ty)), None)
    }

    fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Checked {
        let (value, typ) = match literal {
            LiteralValue::Null => (Value::Null, Typ::maybe(Ty::Null)),
            LiteralValue::Boolean(bool) => (Value::Bool(*bool.inner()), Typ::some(Ty::Bool)),
            LiteralValue::Int(int) => (Value::Int(*int.inner()), Typ::some(Ty::Int)),
            LiteralValue::String(text) => (Value::str(text.inner()), Typ::some(Ty::String)),
            LiteralValue::Double(_) => {
                let hint = "sums of floats depend on their order; count in smaller units, such as cents";
                return self.fail("no-floats", expr, "there are no floats", Some(hint.to_owned()));
            }
            LiteralValue::UInt(_) => {
                return self.fail("no-floats", expr, "there are no unsigned integers", Some("leave the `u` out".to_owned()));
            }
            LiteralValue::Bytes(_) => return self.fail("type-mismatch", expr, "there are no bytes", Some("use a string".to_owned())),
        };
        Ok((Node::Const(value), typ))
    }

    fn ident(&mut self, expr: &IdedExpr, name: &str) -> Checked {
        if let Some(at) = self.locals.iter().rposition(|(local, _)| local == name) {
            let typ = self.narrowed(expr, self.locals[at].1.clone());
            return Ok((Node::Local(self.locals.len() - 1 - at), typ));
        }
        if name == "it" && self.names.it_is_broken {
            return Err(Reported);
        }
        if let Some((_, binding, ty)) = self.names.simple.iter().find(|(simple, ..)| *simple == name) {
            return Ok((Node::Binding(*binding), Typ::some(ty.clone())));
        }
        if name == "args" && matches!(self.names.args, ArgNames::Any) {
            return Ok((Node::Arg(0), Typ::some(Ty::Any)));
        }
        if self.names.all().contains(&name) {
            let hint = format!("take a part of it, such as `{name}.{}`", self.members(name).first().map_or("x", |first| first));
            return self.fail("type-mismatch", expr, format!("`{name}` alone is no value"), Some(hint));
        }
        self.unknown_name(expr, name)
    }

    fn unknown_name(&mut self, expr: &IdedExpr, name: &str) -> Checked {
        let all: Vec<String> =
            self.names.all().into_iter().map(str::to_owned).chain(self.locals.iter().map(|(name, _)| name.clone())).collect();
        if name == "it" {
            let hint = "`it` is the element of an `each`, which is missing here".to_owned();
            return self.fail("unknown-name", expr, "`it` is nothing here", Some(hint));
        }
        let owners = ["state", "args"].into_iter().find(|owner| self.members(owner).contains(&name));
        let hint = match (owners, self.is_variant(name)) {
            (Some(owner), _) => format!("did you mean `{owner}.{name}`?"),
            (None, true) => format!("a variant is written in quotes: '{name}'"),
            (None, false) => did_you_mean(name, all.iter().map(String::as_str)).unwrap_or_else(|| crate::reader::there(&all)),
        };
        self.fail("unknown-name", expr, format!("`{name}` is no name in {}", self.names.place), Some(hint))
    }

    fn is_variant(&self, name: &str) -> bool {
        let fields = self.names.fields.unwrap_or_default();
        fields.iter().any(|def| matches!(&def.slot.value_type, crate::ValueType::Enum(variants) if variants.iter().any(|variant| variant.as_ref() == name)))
    }

    /// What can follow `owner.`.
    fn members(&self, owner: &str) -> Vec<&str> {
        match (owner, self.names.args) {
            ("state", _) => self.names.fields.unwrap_or_default().iter().map(|def| def.name.as_ref()).collect(),
            ("args", ArgNames::Declared(args)) => args.iter().map(|arg| arg.name.as_ref()).collect(),
            ("event", _) => EVENT.iter().map(|(name, ..)| *name).chain(["args"]).collect(),
            ("event.args", _) => self.names.event.unwrap_or_default().iter().map(|arg| arg.name.as_ref()).collect(),
            _ => Vec::new(),
        }
    }

    fn narrowed(&self, expr: &IdedExpr, typ: Typ) -> Typ {
        let known = typ.null && path(expr).is_some_and(|path| self.facts.contains(&path));
        Typ { null: typ.null && !known, ..typ }
    }

    pub fn select(&mut self, expr: &IdedExpr, select: &SelectExpr) -> Checked {
        let owner = path(&select.operand);
        let shadowed = |name: &str| self.locals.iter().any(|(local, _)| local == name);
        let (field, fields) = (select.field.as_str(), self.names.fields);
        let found = match (owner.as_deref().filter(|owner| !shadowed(owner)), fields, self.names.args, self.names.event) {
            (Some("state"), Some(fields), ..) => {
                let at = fields.iter().position(|def| def.name.as_ref() == field);
                at.map(|at| (Node::Field(at, fields[at].kind.unset()), field_typ(&fields[at]), fields[at].broken))
            }
            (Some("args"), _, ArgNames::Declared(args), _) => arg(args, field),
            (Some("event.args"), _, _, Some(args)) => arg(args, field),
            (Some("event"), _, _, Some(_)) if field != "args" => {
                let part = EVENT.iter().find(|(name, ..)| *name == field);
                part.map(|(_, binding, ty)| (Node::Binding(*binding), Typ::some(ty.clone()), false))
            }
            _ => return self.member(expr, select),
        };
        match found {
            // Its declaration was reported.
            Some((.., true)) => return Err(Reported),
            Some((node, typ, false)) => return Ok((node, self.narrowed(expr, typ))),
            None => {}
        }
        let owner = owner.unwrap_or_default();
        let members = self.members(&owner);
        let hint = did_you_mean(field, members.iter().copied()).unwrap_or_else(|| match members.is_empty() {
            true => "it has nothing".to_owned(),
            false => format!("it has {}", list(&members)),
        });
        let (code, what) = match owner.as_str() {
            "state" => ("unknown-field", "field"),
            "event" => ("unknown-name", "part"),
            _ => ("unknown-argument", "argument"),
        };
        self.fail(code, expr, format!("there is no {what} `{field}`"), Some(hint))
    }

    /// A member of an object, a map or old arguments.
    pub fn member(&mut self, expr: &IdedExpr, select: &SelectExpr) -> Checked {
        let (of, typ) = self.some(&select.operand)?;
        let name = Name::from(select.field.as_str());
        match typ.ty {
            Ty::Object(members) => match members.iter().find(|(member, _)| *member == name) {
                Some((_, typ)) => Ok((Node::Member(Box::new(of), name), self.narrowed(expr, typ.clone()))),
                None => {
                    let names: Vec<_> = members.iter().map(|(name, _)| name.as_ref()).collect();
                    let hint = did_you_mean(&name, names.iter().copied()).unwrap_or_else(|| format!("it has {}", list(&names)));
                    self.fail("unknown-member", expr, format!("the object has no `{name}`"), Some(hint))
                }
            },
            Ty::Map { key, value } if *key == Ty::String => {
                let key = Node::Const(Value::Str(name));
                Ok((Node::Index(Box::new(of), Box::new(key)), Typ::clone(&value)))
            }
            Ty::Any => Ok((Node::Member(Box::new(of), name), Typ::maybe(Ty::Any))),
            ty => {
                let text = self.text(&select.operand);
                self.fail("type-mismatch", expr, format!("`{text}` is {} and has no members", with_article(&ty)), None)
            }
        }
    }

    fn list(&mut self, items: &[IdedExpr]) -> Checked {
        let mut nodes: Vec<(Node, Typ)> = Vec::new();
        let mut joined = Typ::some(Ty::Never);
        let checked: Vec<_> = items.iter().map(|item| self.check(item)).collect();
        for (item, checked) in items.iter().zip(checked) {
            let (node, typ) = checked?;
            joined = self.join(item, &mut nodes, joined, node, typ)?;
        }
        Ok((Node::List(nodes.into_iter().map(|(node, _)| node).collect()), Typ::some(Ty::List(Arc::new(joined)))))
    }

    /// Adds a branch or an element; all have one type, literals follow the others.
    pub fn join(&mut self, expr: &IdedExpr, nodes: &mut Vec<(Node, Typ)>, joined: Typ, node: Node, typ: Typ) -> Checked<Typ> {
        let null = joined.null || typ.null;
        let ty = match (&joined.ty, &typ.ty) {
            (Ty::Never | Ty::Null, ty) => ty.clone(),
            (ty, Ty::Null | Ty::Never | Ty::Any) => ty.clone(),
            (Ty::Any, ty) => ty.clone(),
            (a, b) if coerce::same(a, b) => a.clone(),
            (Ty::String, wider @ (Ty::Enum(_) | Ty::Date | Ty::Timestamp))
                if nodes.iter().all(|(node, typ)| typ.ty == Ty::Null || matches!(node, Node::Const(Value::Str(_)))) =>
            {
                let wider = wider.clone();
                for (earlier, typ) in nodes.iter_mut().filter(|(_, typ)| typ.ty == Ty::String) {
                    let text = std::mem::replace(earlier, Node::Const(Value::Null));
                    *earlier = self.coerced(expr, text, typ, &wider)?;
                    typ.ty = wider.clone();
                }
                wider
            }
            (wider, _) => {
                let wider = wider.clone();
                let node = self.coerced(expr, node, &typ, &wider)?;
                nodes.push((node, Typ { ty: wider.clone(), null: typ.null }));
                return Ok(Typ { ty: wider, null });
            }
        };
        nodes.push((node, typ));
        Ok(Typ { ty, null })
    }

    fn object<'e>(&mut self, expr: &IdedExpr, entries: impl Iterator<Item = &'e EntryExpr>) -> Checked {
        let mut members = Vec::new();
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry else { return self.fail("syntax", expr, "this can't be used here", None) };
            let Cel::Literal(LiteralValue::String(name)) = &entry.key.expr else {
                return self.fail("type-mismatch", &entry.key, "an object's names are literal strings", None);
            };
            members.push((Name::from(name.inner()), self.check(&entry.value)));
        }
        let mut members: Vec<_> =
            members.into_iter().map(|(name, checked)| checked.map(|(node, typ)| (name, node, typ))).collect::<Checked<_>>()?;
        members.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return self.fail("duplicate", expr, "a name is given twice in this object", None);
        }
        let typ = Ty::Object(members.iter().map(|(name, _, typ)| (name.clone(), typ.clone())).collect());
        Ok((Node::Object(members.into_iter().map(|(name, node, _)| (name, node)).collect()), Typ::some(typ)))
    }
}

/// And whether it is broken.
fn arg(args: &[ArgDef], name: &str) -> Option<(Node, Typ, bool)> {
    let at = args.iter().position(|arg| arg.name.as_ref() == name)?;
    Some((Node::Arg(at), Typ::of(&args[at].slot), args[at].broken))
}

/// "an int", "a string".
pub(crate) fn with_article(ty: &Ty) -> String {
    let name = ty.to_string();
    match ty {
        Ty::Null | Ty::Never => name,
        _ if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        _ => format!("a {name}"),
    }
}
