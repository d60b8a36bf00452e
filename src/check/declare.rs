//! Declarations of operations and graphs.

use super::Checker;
use super::call::LARGEST;
use super::frame::{CallKind, Callable, Frame, Scope, Value};
use super::literal::{join, number};
use super::modules::ItemId;
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::graph::dim::{in_letters, show_shape};
use crate::graph::{Builder, Dim, Graph, Laws, Node, NodeIndex, NodeKind, Op, OpDef, Pattern, Type};
use crate::syntax::ast::{Body, ExprKind, Item, ItemBody, Param, Type as AstType};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// Stands for a size that only a caller knows, where a declaration is checked by itself.
const UNKNOWN_SIZE: i64 = 1_000_003;

impl Checker<'_> {
    /// The operation that a `primitive` or `op` declares.
    pub(super) fn op(&self, id: ItemId) -> Option<Op> {
        if let Some(known) = self.ops.borrow().get(&id) {
            return known.clone().or_else(|| self.told_already());
        }
        let item = self.item(id)?;
        let op = self.within(id, item.name.span, || self.declare_op(id));
        self.ops.borrow_mut().insert(id, op.clone());
        op
    }

    fn declare_op(&self, id: ItemId) -> Option<Op> {
        let item = self.item(id)?;
        let ItemBody::Signature { statics, inputs, output, body, fields } = &item.body else { return self.no_signature(item) };
        self.distinct(statics.iter().chain(inputs).map(|param| &param.name));
        let static_names: Vec<String> = statics.iter().map(|param| param.name.text.clone()).collect();
        let inputs = self.input_types(inputs, &static_names)?;
        let Some(output) = output else {
            let message = format!("`{}` does not state its result", item.name.text);
            return self.fail(
                Diagnostic::error(Code::NO_RESULT_SHAPE, message)
                    .at(item.name.span, "add `-> [i, j]`")
                    .help("every operation states the shape of its result"),
            );
        };
        let mut op = OpDef {
            name: item.name.text.clone(),
            identity: item.name.text.clone(),
            doc: item.doc.join(" "),
            statics: static_names.clone(),
            output: self.signature_type(output, &static_names)?,
            inputs,
            laws: self.laws(fields),
            body: None,
        };
        if let Some(body) = body {
            let graph = self.op_body(id, &op, body, output)?;
            op.identity = format!("{}#{}", op.name, crate::graph::canonical::hash(&graph));
            op.body = Some(graph);
        }
        if item.kind.text == "primitive" && !self.world.is_standard(item.span.file) {
            self.same_primitive(item, &op);
        }
        Some(Arc::new(op))
    }

    /// Reports a primitive that the standard library does not declare so: its kernels and its laws are the executors' own.
    fn same_primitive(&self, item: &Item, op: &OpDef) {
        let known = self.world.standard("prelude", &op.name, &["primitive"]).and_then(|id| Some((self.item(id)?, self.op(id)?)));
        let same = known.is_some_and(|(known, law)| self.world.signature(known) == self.world.signature(item) && law.laws == op.laws);
        if !same && !self.has_mistake(item) {
            let message = format!("the standard library declares no such primitive `{}`, and no kernel computes another", op.name);
            let told = Diagnostic::error(Code::UNKNOWN_KIND, message).at(item.kind.span, "not for files of one's own");
            self.report(told.help(format!("an operation made of others: `op {}(x: [i, j]) -> [i, j] {{ … }}`", op.name)));
        }
    }

    /// Whether something within a declaration was found wrong.
    fn has_mistake(&self, item: &Item) -> bool {
        let within = |span: Span| span.file == item.span.file && (item.span.start..=item.span.end).contains(&span.start);
        let wrong = |one: &&Diagnostic| one.severity == Severity::Error && one.labels.first().is_some_and(|label| within(label.span));
        self.diagnostics.borrow().iter().any(|one| wrong(&one))
    }

    /// A graph or an operation is told by what it takes and gives, and cannot be another name for something.
    fn no_signature<T>(&self, item: &Item) -> Option<T> {
        let (kind, name) = (&item.kind.text, &item.name.text);
        // Parameters before `=` are a mistake of their own.
        if self.has_mistake(item) {
            return self.told_already();
        }
        let told = Diagnostic::error(Code::SIGNATURE, format!("`{name}` does not say what it takes")).at(item.name.span, "no parameters");
        self.fail(told.help(format!("`{kind} {name}(x: [n, h]) -> [n, h] {{ … }}`; for a name alone, `use … {{ long as {name} }}`")))
    }

    /// The body of a user's own operation, over inputs of unknown sizes.
    fn op_body(&self, id: ItemId, op: &OpDef, body: &Body, output: &AstType) -> Option<Graph> {
        let mut b = Builder::new();
        let frame = Rc::new(Frame::root(id.module, Scope::at("")));
        let mut letters: BTreeMap<String, Dim> = BTreeMap::new();
        for (name, ty) in &op.inputs {
            let shape = self.opaque_shape(ty, &mut letters);
            let node = b.input(name, shape, ty.index, false);
            frame.bind(name, Value::Node(node));
        }
        let wanted = self.opaque_shape(&op.output, &mut letters);
        // A letter is a size too, which names of tensors may hide.
        let sizes = letters.iter().filter(|(letter, _)| !op.inputs.iter().any(|(name, _)| name == *letter));
        sizes.for_each(|(letter, size)| frame.bind(letter, Value::Size(size.clone())));
        let node = self.in_letters(&letters, || {
            let result = self.body(&frame, &mut b, body)?;
            let place = body.result.as_ref().map_or(body.span, |result| result.span);
            let node = self.node(result, place)?;
            let found = b.shape(node);
            if found == wanted { Some(node) } else { self.other_result(&op.name, place, &found, &wanted, output) }
        })?;
        let graph = b.finish(node).with_letters(letters);
        // An operation that uses another twice is twice as large, once it is written out.
        if written_out(&graph, &mut BTreeMap::new()) > LARGEST {
            let message = format!("written out, `{}` has more than {LARGEST} operations", op.name);
            let told = Diagnostic::error(Code::GRAPH_SIZE, message).at(body.span, "too large with the operations that it uses");
            return self.fail(told.help("bind what is used twice to a name, and use fewer operations of your own within one another"));
        }
        let owns = graph.order().iter().filter_map(|node| graph.node(*node)).any(|node| !node.path.is_empty());
        if owns {
            let message = format!("`{}` owns parameters, which an operation cannot", op.name);
            return self
                .fail(Diagnostic::error(Code::PARAMETERS_IN_OP, message).at(body.span, "in this body").help("declare it as a `graph`"));
        }
        Some(graph)
    }

    /// Letters that stand for any size become sizes that equal nothing else.
    pub(super) fn opaque_shape(&self, ty: &Type, letters: &mut BTreeMap<String, Dim>) -> Vec<Dim> {
        ty.axes
            .iter()
            .map(|axis| match axis {
                Pattern::Fixed(dim) => dim.clone(),
                Pattern::Any(letter) | Pattern::Static(letter) => self.opaque_size(letter, letters),
            })
            .collect()
    }

    fn opaque_size(&self, letter: &str, letters: &mut BTreeMap<String, Dim>) -> Dim {
        let fresh = Dim::from(UNKNOWN_SIZE + 2 * i64::try_from(letters.len()).unwrap_or(0));
        letters.entry(letter.to_owned()).or_insert(fresh).clone()
    }

    /// Does some work in which sizes stand for letters, and names the letters in what it reports.
    fn in_letters<T>(&self, letters: &BTreeMap<String, Dim>, work: impl FnOnce() -> Option<T>) -> Option<T> {
        let (result, mistakes) = self.apart(work);
        mistakes.into_iter().for_each(|mistake| self.report(lettered(mistake, letters)));
        result
    }

    /// Reports a result of another shape than stated.
    fn other_result<T>(&self, name: &str, place: Span, found: &[Dim], wanted: &[Dim], output: &AstType) -> Option<T> {
        let message = format!("`{name}` states {} and gives {}", show_shape(wanted), show_shape(found));
        let mut diagnostic = Diagnostic::error(Code::RESULT_SHAPE, message).at(place, format!("this is {}", show_shape(found)));
        if let AstType::Shape { span, .. } = output {
            diagnostic = diagnostic.at(*span, format!("{} is stated here", show_shape(wanted)));
        }
        let help = if found.iter().rev().eq(wanted) {
            "`transpose` of the result would fit"
        } else {
            "correct the result, or the shape after `->`"
        };
        self.fail(diagnostic.help(help))
    }

    #[expect(clippy::too_many_arguments, reason = "a call is its callee, its arguments and where they stand")]
    pub(super) fn call_declared(
        &self,
        b: &mut Builder,
        item: ItemId,
        statics: &BTreeMap<String, Value>,
        path: &str,
        args: &[(NodeIndex, Span)],
        names: Option<&[String]>,
        span: Span,
    ) -> Option<NodeIndex> {
        let declared = self.item(item)?;
        let ItemBody::Signature { statics: params, inputs, output, body: Some(body), .. } = &declared.body else {
            return self.told_already();
        };
        if self.enormous.borrow().contains(&item) {
            return self.told_already();
        }
        let static_names: Vec<String> = params.iter().map(|param| param.name.text.clone()).collect();
        let input_names: Vec<String> = inputs.iter().map(|param| param.name.text.clone()).collect();
        let ordered = self.bind_inputs(&input_names, args, names, &declared.name.text, &|| self.called(declared), span)?;
        let types = self.input_types(inputs, &static_names)?;
        let stated = match output {
            Some(output) => Some(self.signature_type(output, &static_names)?),
            None => None,
        };
        let shapes: Vec<Vec<Dim>> = ordered.iter().map(|(node, _)| b.shape(*node)).collect();
        let sizes = statics.iter().filter_map(|(name, value)| match value {
            Value::Size(size) => Some((name.clone(), size.clone())),
            _ => None,
        });
        let sizes: BTreeMap<String, Dim> = sizes.collect();
        let anything = Type { axes: Vec::new(), index: false };
        let signature = OpDef {
            name: declared.name.text.clone(),
            identity: String::new(),
            doc: String::new(),
            statics: static_names,
            inputs: types,
            output: stated.clone().unwrap_or(anything),
            laws: Laws::default(),
            body: None,
        };
        let wanted = match signature.infer(&shapes, &sizes) {
            Ok(shape) => shape,
            Err((at, why)) => {
                let place = ordered.get(at).map_or(span, |(_, place)| *place);
                let stated = inputs.get(at).map_or(declared.name.span, |param| param.name.span);
                let message = format!("`{}` cannot take this", declared.name.text);
                let diagnostic = Diagnostic::error(Code::INPUT_SHAPE, message).at(place, why).at(stated, "its shape is stated here");
                return self
                    .fail(diagnostic.help("every size is a symbol of its own: `n` and `d` never fit each other, whatever their values"));
            }
        };
        self.within(item, span, || {
            let frame = Rc::new(Frame::root(item.module, Scope::at(path)));
            for (name, value) in statics {
                frame.bind(name, value.clone());
            }
            for (name, (node, _)) in input_names.iter().zip(&ordered) {
                frame.bind(name, Value::Node(*node));
            }
            let place = body.result.as_ref().map_or(body.span, |result| result.span);
            let result = self.body(&frame, b, body)?;
            let node = self.node(result, place)?;
            let found = b.shape(node);
            match output {
                Some(output) if found != wanted => self.other_result(&declared.name.text, place, &found, &wanted, output),
                _ => Some(node),
            }
        })
    }

    /// A declared graph by itself, its static graphs opaque; `None` where it has a mistake.
    pub fn graph(&self, id: ItemId) -> Option<Graph> {
        let item = self.item(id)?;
        let ItemBody::Signature { statics, inputs, .. } = &item.body else { return self.no_signature(item) };
        self.distinct(statics.iter().chain(inputs).map(|param| &param.name));
        let mut b = Builder::new();
        let mut bound = BTreeMap::new();
        for param in statics {
            // Defaults are evaluated for their mistakes; the declaration itself is checked without them.
            if let Some(default) = &param.default {
                let home = Rc::new(Frame::root(id.module, Scope::at("")));
                self.static_argument(&home, &mut Builder::new(), id, param, default);
            }
            let value = match &param.ty {
                Some(AstType::Graph { inputs, output, span }) => {
                    let kind = CallKind::Opaque(self.graph_type(inputs, output)?);
                    Value::Graph(Rc::new(Callable { kind, path: param.name.text.clone(), span: *span }))
                }
                Some(AstType::Named(name)) if name.text == "number" => Value::Number(0.0),
                Some(AstType::Named(name)) if name.text == "text" => Value::Text(String::new()),
                _ => Value::Size(
                    param.default.as_ref().and_then(number).map_or(Dim::from(UNKNOWN_SIZE), |(value, _)| Dim::from(value as i64)),
                ),
            };
            bound.insert(param.name.text.clone(), value);
        }
        let names: Vec<String> = bound.keys().cloned().collect();
        let per_head = inputs.iter().any(mentions_head);
        let mut letters = BTreeMap::new();
        let nodes = inputs.iter().map(|param| {
            let ty = self.signature_type(param.ty.as_ref()?, &names)?;
            let shape = self.opaque_shape(&ty, &mut letters);
            Some((b.input(&param.name.text, shape, ty.index, per_head), param.name.span))
        });
        let nodes = nodes.collect::<Option<Vec<_>>>()?;
        // Letters of the declaration stand for sizes of their own here, so its statics do too.
        for (name, value) in &mut bound {
            if let Value::Size(size) = value
                && (letters.contains_key(name) || *size == Dim::from(UNKNOWN_SIZE))
            {
                *size = self.opaque_size(name, &mut letters);
            }
        }
        let node = self.in_letters(&letters, || self.call_declared(&mut b, id, &bound, "", &nodes, None, item.name.span))?;
        Some(b.finish(node).with_letters(letters))
    }
}

/// The letters for the sizes of something whose own are not known here.
pub(super) fn letters() -> BTreeMap<String, Dim> {
    let sizes = (0..).map(|number| Dim::from(UNKNOWN_SIZE + 2 * number));
    ["i", "j", "k", "l", "o"].map(str::to_owned).into_iter().zip(sizes).collect()
}

/// The mistake with letters in place of the sizes that stand for them.
pub(super) fn lettered(mut mistake: Diagnostic, letters: &BTreeMap<String, Dim>) -> Diagnostic {
    let named = |text: &str| in_letters(text, letters);
    mistake.message = named(&mistake.message);
    mistake.labels.iter_mut().for_each(|label| label.text = named(&label.text));
    mistake.help = mistake.help.as_deref().map(named);
    mistake
}

/// Whether a tensor lives in the world of one head: only there is `d` a size.
fn mentions_head(param: &Param) -> bool {
    match &param.ty {
        Some(AstType::Shape { sizes, .. }) => sizes.iter().any(|size| matches!(&size.kind, ExprKind::Path(path) if join(path) == "d")),
        _ => false,
    }
}

/// The operations of a body once those of its own operations stand in their places; `known` by identity.
fn written_out(graph: &Graph, known: &mut BTreeMap<String, usize>) -> usize {
    let size = |node: &Node, known: &mut BTreeMap<String, usize>| match &node.kind {
        NodeKind::Op(op) => match (&op.body, known.get(&op.identity)) {
            (None, _) => 1,
            (Some(_), Some(size)) => *size,
            (Some(body), None) => {
                let size = written_out(body, known);
                known.insert(op.identity.clone(), size);
                size
            }
        },
        _ => 1,
    };
    let nodes = graph.order().into_iter().filter_map(|node| graph.node(node).map(|node| size(node, known)));
    nodes.fold(0, usize::saturating_add)
}
