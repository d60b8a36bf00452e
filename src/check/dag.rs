//! `dag`: the expressions that may fill a place, from its six arguments.

use super::Checker;
use super::frame::{Frame, GraphType, Value};
use super::literal::{number, path_of};
use super::record::plain;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::{Builder, Dim, Pattern, Shape, Symbol};
use crate::settings::{Field, Kind, Unit};
use crate::space::{DagDomain, Domain};
use crate::syntax::ast::{Arg, Expr, ExprKind};
use std::ops::RangeInclusive;
use std::rc::Rc;

impl Checker<'_> {
    pub(super) fn dag(&self, frame: &Rc<Frame>, ty: Option<&GraphType>, args: &[Arg], span: Span) -> Option<Domain> {
        let mut inputs: Option<Vec<String>> = None;
        let mut ops = None;
        let mut output: Shape = vec![Symbol::Tokens.into(), Symbol::HeadWidth.into()];
        let (mut depth, mut size, mut uses) = (1..=8, 1..=8, None);
        let known = ["inputs", "ops", "depth", "size", "uses", "output"];
        self.in_order(args)?;
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for (position, arg) in args.iter().enumerate() {
            let name = match &arg.name {
                Some(name) => name.text.as_str(),
                None => known.get(position).copied().unwrap_or(""),
            };
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                return self.given_twice(name, arg.value.span, *first);
            }
            seen.push((name, arg.value.span));
            match name {
                "inputs" => {
                    let ExprKind::List(items) = &arg.value.kind else {
                        return self.fail(
                            Diagnostic::error(Code::INPUT_LIST, "`inputs` lists names")
                                .at(arg.value.span, "not a list")
                                .help("`inputs = [q, k, v]`"),
                        );
                    };
                    let names = items.iter().map(|item| match path_of(item).map(Vec::as_slice) {
                        Some([name]) => Some(name.text.clone()),
                        _ => self.fail(
                            Diagnostic::error(Code::INPUT_LIST, "an input is a name")
                                .at(item.span, "not a name")
                                .help("`inputs = [q, k, v]`"),
                        ),
                    });
                    inputs = Some(names.collect::<Option<Vec<_>>>()?);
                }
                "ops" => ops = Some(self.op_set(frame.module, &arg.value)?),
                "depth" => depth = self.range(&arg.value, "depth", 1)?,
                "size" => size = self.range(&arg.value, "size", 1)?,
                "uses" => uses = Some((self.range(&arg.value, "uses", 1)?, arg.value.span)),
                "output" => {
                    let ExprKind::List(items) = &arg.value.kind else {
                        return self.fail(
                            Diagnostic::error(Code::SHAPE_WANTED, "`output` is a shape")
                                .at(arg.value.span, "not a shape")
                                .help("`output = [n, d]`"),
                        );
                    };
                    output = items
                        .iter()
                        .map(|item| match self.eval(frame, &mut Builder::new(), item)? {
                            Value::Size(size) => Some(size),
                            _ => self.fail(Diagnostic::error(Code::SIZE_WANTED, "a size is wanted here").at(item.span, "not a size")),
                        })
                        .collect::<Option<_>>()?;
                }
                _ => match &arg.name {
                    Some(name) => return self.unknown_argument("`dag`", name, &known),
                    None => {
                        return self
                            .fail(Diagnostic::error(Code::ARGUMENTS, "`dag` takes six arguments").at(arg.value.span, "one too many"));
                    }
                },
            }
        }
        let Some(ops) = ops else {
            return self.fail(
                Diagnostic::error(Code::MISSING_ARGUMENT, "`dag` needs `ops`")
                    .at(span, "of which operations?")
                    .help("`dag(inputs = [q, k, v], ops = std.ops.autobert_zero)`"),
            );
        };
        let known: Vec<(String, Shape)> = match ty {
            Some(ty) => ty.inputs.iter().map(|(name, ty)| (name.clone(), fixed(&ty.axes))).collect(),
            None => Vec::new(),
        };
        // The inputs keep the order in which the graph's type names them.
        let inputs: Vec<(String, Shape)> = match inputs {
            None => known,
            Some(names) => {
                if let Some(stranger) = names.iter().find(|name| !known.iter().any(|(known, _)| known == *name)) {
                    let message = format!("there is no input `{stranger}` here");
                    let there: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
                    return self.fail(
                        Diagnostic::error(Code::UNKNOWN_INPUT, message)
                            .at(span, "in `inputs`")
                            .help(format!("the inputs are: {}", there.join(", "))),
                    );
                }
                known.into_iter().filter(|(name, _)| names.contains(name)).collect()
            }
        };
        if inputs.is_empty() {
            return self.fail(
                Diagnostic::error(Code::NO_INPUTS, "this `dag` has no inputs").at(span, "nothing to build on").help("`inputs = [q, k, v]`"),
            );
        }
        let all = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
        let uses = match uses {
            None => 1..=all,
            Some((uses, place)) => {
                if *uses.start() > all {
                    let message = format!("`uses` asks for {} inputs, and there are {all}", uses.start());
                    return self.fail(
                        Diagnostic::error(Code::TOO_MANY_USES, message)
                            .at(place, "more than there are")
                            .help("lower it, or list more inputs"),
                    );
                }
                *uses.start()..=(*uses.end()).min(all)
            }
        };
        let domain = match DagDomain::new(inputs, ops, depth, size, uses, output) {
            Ok(domain) => self.shared(domain),
            Err(why) => {
                return self.fail(
                    Diagnostic::error(Code::UNCOUNTABLE, why)
                        .at(span, "this `dag`")
                        .help("lower `size` and `depth`, or take fewer inputs and operations"),
                );
            }
        };
        if domain.count() == num_bigint::BigUint::ZERO {
            let message = "no graph fits this `dag`";
            return self.fail(Diagnostic::error(Code::EMPTY_SPACE, message).at(span, "has no members").help(self.members_with(&domain)));
        }
        for op in domain.idle() {
            let message = format!("`{}` stands in no graph of this `dag`", op.name);
            let help = "leave it out, or add an operation that leads from the shape it gives to the output's, as `matmul`";
            self.report(Diagnostic::warning(Code::IDLE_OP, message).at(span, "counted without it").help(help));
        }
        Some(Domain::Dag(domain))
    }

    /// `4..=10`, or one number for both ends.
    fn range(&self, expr: &Expr, name: &'static str, least: u32) -> Option<RangeInclusive<u32>> {
        let field = Field { name, doc: "A range such as `4..=10`.", kind: Kind::Int(Unit::Plain, 0), default: None };
        let end = |expr: &Expr| match number(expr) {
            Some((value, None)) if value.fract() == 0.0 && value >= f64::from(least) && value < 1e9 => Some(value as u32),
            _ => {
                let message = format!("`{}` is a range of whole numbers from {least}", plain(&field));
                self.fail(Diagnostic::error(Code::RANGE, message).at(expr.span, "not such a number").help(field.doc))
            }
        };
        let (from, to) = match &expr.kind {
            ExprKind::Range { from, to } => (end(from)?, end(to)?),
            ExprKind::Error => return self.told_already(),
            _ => {
                let both = end(expr)?;
                (both, both)
            }
        };
        if from > to {
            let message = format!("`{name}` is an empty range");
            return self.fail(
                Diagnostic::error(Code::EMPTY_RANGE, message)
                    .at(expr.span, format!("{from} is more than {to}"))
                    .help(format!("write `{to}..={from}`")),
            );
        }
        Some(from..=to)
    }
}

/// The sizes of a type whose letters are all the model's.
pub(super) fn fixed(axes: &[Pattern]) -> Vec<Dim> {
    axes.iter()
        .map(|axis| match axis {
            Pattern::Fixed(dim) => dim.clone(),
            Pattern::Any(_) | Pattern::Static(_) => Dim::default(),
        })
        .collect()
}
