//! Terms as text: Phyla source to be read, and S-expressions to be kept and read back.

use super::term::{DEEPEST, Kind, Term};
use crate::graph::{Op, Shape};
use std::sync::Arc;

/// A term as a Phyla expression, with `+ - * @` between their operands and no more parentheses than needed.
pub fn to_source(term: &Term, names: &[String]) -> String {
    expression(term, names).0
}

/// How tightly an expression holds together; only where the context holds tighter does it need parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Sum,
    Product,
    Prefix,
    Call,
}

fn expression(term: &Term, names: &[String]) -> (String, Level) {
    let (op, arguments) = match term.kind() {
        Kind::Input(index) => return (names.get(usize::from(*index)).cloned().unwrap_or_else(|| format!("_{index}")), Level::Call),
        Kind::Apply { op, arguments } => (op, arguments),
    };
    let within = |argument: &Term, needed: Level| {
        let (text, level) = expression(argument, names);
        if level < needed { format!("({text})") } else { text }
    };
    let infix = match op.name.as_str() {
        _ if op.body.is_some() => None,
        "add" => Some(("+", Level::Sum, Level::Product)),
        "sub" => Some(("-", Level::Sum, Level::Product)),
        "mul" => Some(("*", Level::Product, Level::Prefix)),
        "matmul" => Some(("@", Level::Product, Level::Prefix)),
        _ => None,
    };
    match (arguments.as_slice(), infix) {
        ([left, right], Some((sign, level, tighter))) => (format!("{} {sign} {}", within(left, level), within(right, tighter)), level),
        ([argument], None) if op.name == "neg" && op.body.is_none() => (format!("-{}", within(argument, Level::Call)), Level::Prefix),
        _ => {
            let arguments: Vec<String> = arguments.iter().map(|argument| expression(argument, names).0).collect();
            (format!("{}({})", op.name, arguments.join(", ")), Level::Call)
        }
    }
}

/// A term as an S-expression over the names of its inputs: `(matmul q (transpose k))`.
pub fn show(term: &Term, names: &[String]) -> String {
    match term.kind() {
        Kind::Input(_) => to_source(term, names),
        Kind::Apply { op, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(|argument| format!(" {}", show(argument, names))).collect();
            format!("({}{})", op.name, arguments.concat())
        }
    }
}

/// The term that `show` wrote, over these inputs and operations.
///
/// # Errors
/// Where the text is no such term, in the user's terms.
pub fn parse(text: &str, inputs: &[(String, Shape)], ops: &[Op]) -> Result<Arc<Term>, String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut open: Vec<(&Op, Vec<Arc<Term>>)> = Vec::new();
    let mut words = spaced.split_whitespace();
    while let Some(word) = words.next() {
        let finished = match word {
            "(" => {
                let name = words.next().unwrap_or_default();
                let op = ops.iter().find(|op| op.name == name).ok_or_else(|| format!("`{name}` is not among the operations"))?;
                open.push((op, Vec::new()));
                if open.len() > DEEPEST as usize {
                    return Err("it is nested too deeply".to_owned());
                }
                continue;
            }
            ")" => {
                let (op, arguments) = open.pop().ok_or("a bracket is closed that was not opened")?;
                Term::apply(op, arguments).map_err(|(_, why)| why)?
            }
            name => {
                let input = (0u8..).zip(inputs).find(|(_, (label, _))| label == name);
                let (number, (_, shape)) = input.ok_or_else(|| format!("`{name}` is not among the inputs"))?;
                Term::input(number, shape.clone())
            }
        };
        match open.last_mut() {
            Some((_, arguments)) => arguments.push(finished),
            None if words.next().is_none() => return Ok(finished),
            None => return Err("something follows the term".to_owned()),
        }
    }
    Err("the term is not finished".to_owned())
}
