//! Declarations of operations, sets of operations and graphs.

use super::Checker;
use super::elaborate::{CallKind, Callable, Frame, GraphType, Scope, Value};
use super::modules::ItemId;
use super::record::{join, number};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::graph::dim::{in_letters, show_shape};
use crate::graph::weights::PARAMETERISED;
use crate::graph::{Builder, Dim, Graph, Laws, NodeIndex, Op, OpDef, Pattern, Symbol, Type};
use crate::syntax::ast::{BinaryOp, Body, Expr, ExprKind, ItemBody, Name, Param, Type as AstType};
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
        let ItemBody::Signature { statics, inputs, output, body, fields } = &item.body else { return None };
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
        Some(Arc::new(op))
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

    pub(super) fn input_types(&self, params: &[Param], statics: &[String]) -> Option<Vec<(String, Type)>> {
        let types = params.iter().map(|param| match &param.ty {
            Some(ty) => Some((param.name.text.clone(), self.signature_type(ty, statics)?)),
            None => {
                let message = format!("`{}` has no shape", param.name.text);
                self.fail(
                    Diagnostic::error(Code::SHAPE_WANTED, message)
                        .at(param.name.span, "add its shape")
                        .help("every tensor states its shape: `: [n, h]` of tokens, `: [i, j]` where any sizes will do"),
                )
            }
        });
        types.collect()
    }

    pub(super) fn signature_type(&self, ty: &AstType, statics: &[String]) -> Option<Type> {
        match ty {
            AstType::Shape { index, sizes, .. } => {
                let axes = sizes.iter().map(|size| self.axis(size, statics)).collect::<Option<Vec<_>>>()?;
                Some(Type { axes, index: *index })
            }
            AstType::Graph { span, .. } => self.fail(
                Diagnostic::error(Code::SHAPE_WANTED, "a graph is a static parameter")
                    .at(*span, "not a tensor")
                    .help("put it into a parameter list of its own, before the tensors"),
            ),
            AstType::Named(name) => self.fail(
                Diagnostic::error(Code::SHAPE_WANTED, format!("`{}` is no shape", name.text))
                    .at(name.span, "a tensor is wanted")
                    .help("shapes are written `[n, h]`"),
            ),
        }
    }

    fn axis(&self, size: &Expr, statics: &[String]) -> Option<Pattern> {
        if let ExprKind::Path(path) = &size.kind
            && let [name] = path.as_slice()
        {
            let text = &name.text;
            if statics.contains(text) {
                return Some(Pattern::Static(text.clone()));
            }
            if let Some(symbol) = Symbol::from_letter(text) {
                return Some(Pattern::Fixed(symbol.into()));
            }
            if text.chars().count() == 1 && text.chars().all(|letter| letter.is_ascii_lowercase()) {
                return Some(Pattern::Any(text.clone()));
            }
        }
        self.size(size).map(Pattern::Fixed)
    }

    /// A size over the model's symbols alone.
    pub(super) fn size(&self, expr: &Expr) -> Option<Dim> {
        let wrong =
            |help: &str| self.fail(Diagnostic::error(Code::SIZE_WANTED, "a size is wanted here").at(expr.span, "not a size").help(help));
        match &expr.kind {
            ExprKind::Path(path) => match Symbol::from_letter(&join(path)) {
                Some(symbol) => Some(symbol.into()),
                None => wrong("sizes are n, m, h, a, d, f, v, p, c, s, whole numbers, and letters that stand for any size"),
            },
            ExprKind::Number { .. } => match number(expr) {
                Some((value, None)) if value.fract() == 0.0 && (0.0..9e15).contains(&value) => Some(Dim::from(value as i64)),
                _ => wrong("a whole number"),
            },
            ExprKind::Binary { op, left, right } => {
                let (x, y) = (self.size(left)?, self.size(right)?);
                let size = match op {
                    BinaryOp::Add => x.plus(&y, 1),
                    BinaryOp::Sub => x.plus(&y, -1),
                    BinaryOp::Mul => x.times(&y),
                    _ => None,
                };
                size.or_else(|| wrong("sizes are built with + - *"))
            }
            _ => wrong("sizes are built of symbols and numbers"),
        }
    }

    pub(super) fn graph_type(&self, _module: usize, inputs: &[(Option<Name>, AstType)], output: &AstType) -> Option<GraphType> {
        let named = inputs.iter().all(|(name, _)| name.is_some());
        let types = inputs.iter().enumerate().map(|(position, (name, ty))| {
            let name = name.as_ref().map_or_else(|| format!("input {position}"), |name| name.text.clone());
            Some((name, self.signature_type(ty, &[])?))
        });
        let inputs = types.collect::<Option<Vec<_>>>()?;
        Some(GraphType { inputs, output: self.signature_type(output, &[])?, named })
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
        let ItemBody::Signature { statics: params, inputs, output, body: Some(body), .. } = &declared.body else { return None };
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
        let ItemBody::Signature { statics, inputs, .. } = &item.body else { return None };
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
                    let kind = CallKind::Opaque(self.graph_type(id.module, inputs, output)?);
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

    /// The operations of a set: a list, a declared set, or sets joined with `+`.
    pub(super) fn op_set(&self, module: usize, expr: &Expr) -> Option<Vec<Op>> {
        let mut ops: Vec<Op> = match &expr.kind {
            ExprKind::List(items) => {
                let found: Vec<Option<Op>> = items
                    .iter()
                    .map(|item| match &item.kind {
                        ExprKind::Path(path) => self.dag_op(module, path, item.span),
                        ExprKind::Error => self.told_already(),
                        _ => self.fail(
                            Diagnostic::error(Code::OPS_WANTED, "a set of operations lists their names")
                                .at(item.span, "not a name")
                                .help("as in `[add, matmul, softmax]`"),
                        ),
                    })
                    .collect();
                found.into_iter().collect::<Option<_>>()?
            }
            ExprKind::Path(path) => match self.find(module, path, &["ops"]) {
                Some(id) => match &self.item(id)?.body {
                    ItemBody::Value(inner) => self.within(id, expr.span, || self.op_set(id.module, inner))?,
                    _ => {
                        let message = "a set of operations is a list";
                        return self.fail(
                            Diagnostic::error(Code::OPS_WANTED, message)
                                .at(expr.span, "not a list")
                                .help("`ops mine = [add, matmul, softmax]`"),
                        );
                    }
                },
                None => return self.unknown(module, path, &["ops"], &[]),
            },
            ExprKind::Binary { op: BinaryOp::Add, left, right } => {
                let (left, right) = (self.op_set(module, left), self.op_set(module, right));
                left?.into_iter().chain(right?).collect()
            }
            ExprKind::Binary { .. } => {
                return self.fail(
                    Diagnostic::error(Code::OPS_WANTED, "sets of operations are joined with `+`, and nothing else is done with them")
                        .at(expr.span, "another operator")
                        .help("list the operations that are wanted: `[add, matmul]`"),
                );
            }
            _ => {
                return self.fail(
                    Diagnostic::error(Code::OPS_WANTED, "a set of operations is wanted here")
                        .at(expr.span, "not a set")
                        .help("`[add, matmul]`, a declared set, or sets joined with `+`"),
                );
            }
        };
        let mut seen = Vec::new();
        ops.retain(|op| {
            let fresh = !seen.contains(&op.identity);
            seen.push(op.identity.clone());
            fresh
        });
        if ops.is_empty() {
            return self.fail(
                Diagnostic::error(Code::EMPTY_OPS, "this set of operations is empty")
                    .at(expr.span, "no members")
                    .help("`std.ops.autobert_zero` is the paper's set"),
            );
        }
        Some(ops)
    }

    /// An operation that a `dag` may hold: parameter-free, of one or two tensors.
    fn dag_op(&self, module: usize, path: &[Name], span: Span) -> Option<Op> {
        if self.find(module, path, &["op", "primitive"]).is_none()
            && let Some(graph) = self.find(module, path, &["graph"])
        {
            let name = self.item(graph).map_or("", |item| &item.name.text);
            return self.unfit(name, span, "a graph is no operation", "declare it as an `op`: `op name(x: [i, j]) -> [i, j] { … }`");
        }
        let op = self.op_named(module, path)?;
        let any = |ty: &Type| ty.axes.iter().all(|axis| matches!(axis, Pattern::Any(_)));
        let fixed = "operations inside a `dag` are of any size: `[i, j] -> [i, j]`";
        let why = if !op.statics.is_empty() || PARAMETERISED.contains(&op.name.as_str()) {
            Some(("owns parameters", "operations inside a `dag` are primitives without parameters, or an `op` of one's own"))
        } else if op.name == "dropout" {
            Some(("is random", "operations inside a `dag` give the same result each time"))
        } else if !(1..=2).contains(&op.inputs.len()) {
            Some(("takes neither one tensor nor two", "operations inside a `dag` take one tensor or two"))
        } else if op.inputs.iter().any(|(_, ty)| ty.index) {
            Some(("takes indices", "operations inside a `dag` take numbers"))
        } else if op.inputs.iter().any(|(_, ty)| ty.axes.len() != 2) {
            Some(("takes a tensor that has not two axes", fixed))
        } else if !any(&op.output) {
            Some(("fixes a size of its result", fixed))
        } else {
            None
        };
        match why {
            Some((why, help)) => self.unfit(&op.name, span, why, help),
            None => Some(op),
        }
    }

    fn unfit<T>(&self, name: &str, span: Span, why: &str, help: &str) -> Option<T> {
        let message = format!("`{name}` cannot be an operation of a `dag`");
        self.fail(Diagnostic::error(Code::OP_IN_DAG, message).at(span, why).help(help))
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
