//! Tests of the whole module.

mod editors;
mod hostile;
mod layouts;
mod programs;
mod trees;

use crate::syntax::ast::{Arg, BinaryOp, Block, Body, Expr, ExprKind, Name};

/// An expression with parentheses around everything an operator made.
fn shown(expr: &Expr) -> String {
    let path = |names: &[Name]| names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
    match &expr.kind {
        ExprKind::Number { value, unit: None } => value.to_string(),
        ExprKind::Number { value, unit: Some(unit) } => format!("{value} {unit}"),
        ExprKind::Text(text) => format!("{text:?}"),
        ExprKind::Path(names) => path(names),
        ExprKind::Call { callee, args } => format!("{}({})", shown(callee), arguments(args)),
        ExprKind::Member { base, name } => format!("{}.{}", shown(base), name.text),
        ExprKind::With { base: Some(base), block } => format!("{} {}", shown(base), fields(block)),
        ExprKind::With { base: None, block } => fields(block),
        ExprKind::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        ExprKind::Graph { params, body } => {
            let params: Vec<&str> = params.iter().map(|name| name.text.as_str()).collect();
            format!("graph({}) {}", params.join(", "), inside(body))
        }
        ExprKind::Repeat { args, body } => format!("repeat({}) {}", arguments(args), inside(body)),
        ExprKind::Neg(inner) => format!("(-{})", shown(inner)),
        ExprKind::Binary { op, left, right } => format!("({} {} {})", shown(left), sign(*op), shown(right)),
        ExprKind::Range { from, to } => format!("({}..={})", shown(from), shown(to)),
        ExprKind::Pipe { value, into } => format!("({} |> {})", shown(value), shown(into)),
        ExprKind::Error => "error".to_owned(),
    }
}

fn arguments(args: &[Arg]) -> String {
    let shown = |arg: &Arg| match &arg.name {
        Some(name) => format!("{} = {}", name.text, shown(&arg.value)),
        None => shown(&arg.value),
    };
    args.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn fields(block: &Block) -> String {
    let mut lines: Vec<String> = Vec::new();
    for field in &block.fields {
        let path: Vec<&str> = field.path.iter().map(|name| name.text.as_str()).collect();
        lines.push(format!("{} = {}", path.join("."), shown(&field.value)));
    }
    lines.extend(block.requires.iter().map(|require| format!("require {}", shown(require))));
    if lines.is_empty() { "{ }".to_owned() } else { format!("{{ {} }}", lines.join("; ")) }
}

fn inside(body: &Body) -> String {
    let mut lines: Vec<String> = body.bindings.iter().map(|(name, value)| format!("{} = {}", name.text, shown(value))).collect();
    lines.extend(body.result.iter().map(|result| shown(result)));
    format!("{{ {} }}", lines.join("; "))
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::MatMul => "@",
        BinaryOp::AtMost => "<=",
        BinaryOp::AtLeast => ">=",
        BinaryOp::Less => "<",
        BinaryOp::Greater => ">",
        BinaryOp::Equal => "==",
        BinaryOp::Unequal => "!=",
    }
}
