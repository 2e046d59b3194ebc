//! What a condition tells about null: the paths that can't be null where it is true, or where it is false.

use cel::common::ast::{CallExpr, Expr as Cel, IdedExpr, LiteralValue, operators};

/// `state.a.b` as text, for names and selections only.
pub(super) fn path(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Cel::Ident(name) => Some(name.clone()),
        Cel::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

/// Adds the paths that are not null wherever `expr` is `truth`.
pub(super) fn learn(expr: &IdedExpr, truth: bool, paths: &mut Vec<String>) {
    let Cel::Call(call) = &expr.expr else { return };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_AND, [a, b]) if truth => [a, b].iter().for_each(|side| learn(side, true, paths)),
        (operators::LOGICAL_OR, [a, b]) if !truth => [a, b].iter().for_each(|side| learn(side, false, paths)),
        (operators::LOGICAL_NOT, [of]) => learn(of, !truth, paths),
        (operators::NOT_EQUALS, [a, b]) => learn_equality(a, b, !truth, paths),
        (operators::EQUALS, [a, b]) => learn_equality(a, b, truth, paths),
        (operators::HAS, [of]) if truth && call.target.is_none() => paths.extend(path(of)),
        _ => {}
    }
}

fn learn_equality(a: &IdedExpr, b: &IdedExpr, equal: bool, paths: &mut Vec<String>) {
    for (of, other) in [(a, b), (b, a)] {
        if let Cel::Literal(literal) = &other.expr
            && (*literal == LiteralValue::Null) != equal
        {
            paths.extend(path(of));
        }
    }
}

/// A call that the grammar made of an operator.
pub(super) fn is_operator(call: &CallExpr) -> bool {
    call.target.is_none()
        && (call.func_name.contains('_') && !call.func_name.starts_with(char::is_alphabetic)
            || call.func_name == operators::IN
            || call.func_name == operators::LOGICAL_NOT)
}
