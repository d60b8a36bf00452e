//! Operations applied to tensors: nodes, or why their shapes do not fit.

use super::Checker;
use super::frame::Value;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::dim::show_shape;
use crate::graph::op::show_type;
use crate::graph::weights::weights;
use crate::graph::{Attr, Builder, Dim, NodeIndex, Op, ShapeError, Symbol};
use std::collections::BTreeMap;

/// Whether a size is another for each sentence.
pub(super) fn varies(size: &Dim) -> bool {
    [Symbol::Tokens, Symbol::Predictions].iter().any(|symbol| size.contains(*symbol))
}

impl Checker<'_> {
    pub(super) fn apply(
        &self,
        b: &mut Builder,
        op: &Op,
        attrs: BTreeMap<String, Attr>,
        path: &str,
        args: &[(NodeIndex, Span)],
        span: Span,
    ) -> Option<NodeIndex> {
        let nodes: Vec<NodeIndex> = args.iter().map(|(node, _)| *node).collect();
        let result = b.apply(op, attrs, path, &nodes);
        if let Err(error) = &result
            && !error.world
        {
            let shapes: Vec<Vec<Dim>> = nodes.iter().map(|node| b.shape(*node)).collect();
            let mut diagnostic = Diagnostic::error(
                Code::SHAPE,
                format!("`{}` cannot take {}", op.name, shapes.iter().map(|shape| show_shape(shape)).collect::<Vec<_>>().join(" and ")),
            );
            for (position, ((_, at), shape)) in args.iter().zip(&shapes).enumerate() {
                let text = if position == error.argument { error.why.clone() } else { format!("this is {}", show_shape(shape)) };
                diagnostic = diagnostic.at(*at, text);
            }
            // The place at fault comes first.
            let at_fault = error.argument.min(diagnostic.labels.len().saturating_sub(1));
            if !diagnostic.labels.is_empty() {
                diagnostic.labels.swap(0, at_fault);
            }
            return self.fail(diagnostic.help(self.mend(op, &shapes, error.argument)));
        }
        if let Ok(node) = &result
            && let Some(owned) = b.node(*node).map(|node| weights(node, &nodes.iter().map(|node| b.shape(*node)).collect::<Vec<_>>()))
            && let Some(size) = owned.iter().flat_map(|weight| &weight.shape).find(|size| varies(size))
        {
            let message = format!("`{}` would own a parameter of size {size}, which differs from sentence to sentence", op.name);
            let told =
                Diagnostic::error(Code::SIZE, message).at(args.first().map_or(span, |(_, at)| *at), format!("its last axis is {size}"));
            return self.fail(told.help("a parameter's sizes are numbers, or those of the model: h, f, d, a, v, m"));
        }
        self.built(result, args, span)
    }

    /// Where transposing one operand mends a shape, says so; otherwise shows the signature.
    fn mend(&self, op: &Op, shapes: &[Vec<Dim>], at_fault: usize) -> String {
        let order = (at_fault..shapes.len()).chain(0..at_fault);
        for at in order {
            let mut turned = shapes.to_vec();
            if let Some(shape) = turned.get_mut(at).filter(|shape| shape.len() == 2) {
                shape.reverse();
            }
            if op.infer(&turned, &BTreeMap::new()).is_ok() {
                let name = op.inputs.get(at).map_or("", |(name, _)| name);
                return format!("`transpose` of the {} operand (`{name}`) would fit", if at == 0 { "first" } else { "second" });
            }
        }
        signature(op)
    }

    /// A built node, or the builder's complaint as a diagnostic.
    pub(super) fn built(&self, result: Result<NodeIndex, ShapeError>, args: &[(NodeIndex, Span)], span: Span) -> Option<NodeIndex> {
        match result {
            Ok(node) => Some(node),
            Err(error) => {
                let at = args.get(error.argument).map_or(span, |(_, at)| *at);
                let (code, help) = if error.world {
                    (Code::WORLD, "what is inside `per_head(…)` sees one head; pass values in as its arguments")
                } else {
                    (Code::SHAPE, "see `docs/language.md` for the shapes of the primitives")
                };
                self.fail(Diagnostic::error(code, error.why).at(at, "here").help(help))
            }
        }
    }
}

pub(super) fn attributes(statics: &BTreeMap<String, Value>) -> BTreeMap<String, Attr> {
    let attr = |value: &Value| match value {
        Value::Size(size) => Some(Attr::Size(size.clone())),
        Value::Number(value) => Some(Attr::Number(*value)),
        Value::Hole(hole) => Some(Attr::Hole(hole.clone())),
        _ => None,
    };
    statics.iter().filter_map(|(name, value)| Some((name.clone(), attr(value)?))).collect()
}

/// An operation with what it takes and gives.
pub(super) fn signature(op: &Op) -> String {
    let inputs: Vec<String> = op.inputs.iter().map(|(name, ty)| format!("{name}: {}", show_type(ty))).collect();
    format!("`{}({}) -> {}`", op.name, inputs.join(", "), show_type(&op.output))
}
