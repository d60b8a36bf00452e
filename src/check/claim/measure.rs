//! What a test can ask: shapes, counts, membership, distances, costs, mistakes.

use super::side::Side;
use crate::check::Checker;
use crate::check::architecture::ArchitectureValue;
use crate::check::literal::{join, path_of, were};
use crate::check::value::Val;
use crate::diagnostic::counted;
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::graph::{Cost, Symbol, mixes};
use crate::settings::{Experiment, Kind, Model};
use crate::space::{contains, distance, instantiate, lies_in, masked_lm_cost, same};
use crate::syntax::ast::{Arg, Expr};
use num_bigint::BigUint;
use std::rc::Rc;

/// A measure: its name, its arguments as they are written, and what it tells.
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// What it tells, in one sentence.
    pub doc: &'static str,
}

/// What can be asked.
pub const MEASURES: &[Measure] = &[
    Measure { name: "shape", arguments: &["GRAPH"], doc: "The shape of a tensor, or of what a graph gives." },
    Measure { name: "size", arguments: &["GRAPH"], doc: "The operations of a graph's canonical form, written out." },
    Measure { name: "depth", arguments: &["GRAPH"], doc: "The operations on the longest path of its canonical form." },
    Measure {
        name: "mixes",
        arguments: &["GRAPH", "AXIS"],
        doc: "Whether places along an axis, as `n`, see one another; also of an architecture.",
    },
    Measure { name: "count", arguments: &["SPACE"], doc: "How many architectures a space has, exactly." },
    Measure { name: "contains", arguments: &["SPACE", "ARCHITECTURE"], doc: "Whether an architecture is a member." },
    Measure { name: "distance", arguments: &["ARCHITECTURE", "ARCHITECTURE"], doc: "How many edits lie between two architectures." },
    Measure { name: "params", arguments: &["ARCHITECTURE", "MODEL"], doc: "The parameters of its masked-LM model at a model's sizes." },
    Measure {
        name: "flops",
        arguments: &["ARCHITECTURE", "MODEL"],
        doc: "The floating-point operations of its masked-LM model for one sentence of the model's length; of 128 tokens with `n = 128`.",
    },
    Measure { name: "error", arguments: &["ANYTHING"], doc: "The code of what is wrong with an expression, as `E0401`." },
];

impl Checker<'_> {
    /// What `name(args)` tells; `None` where there is no such measure.
    pub(super) fn measure(&self, module: usize, name: &str, args: &[Arg], span: Span) -> Option<Option<Side>> {
        let measure = MEASURES.iter().find(|measure| measure.name == name)?;
        let (named, plain): (Vec<&Arg>, Vec<&Arg>) = args.iter().partition(|arg| arg.name.is_some());
        let given: Vec<&Expr> = plain.iter().map(|arg| &arg.value).collect();
        let tokens = named.iter().find(|arg| name == "flops" && arg.name.as_ref().is_some_and(|name| name.text == "n"));
        if given.len() != measure.arguments.len() || named.len() != usize::from(tokens.is_some()) {
            let wanted = counted(measure.arguments.len(), "argument");
            let message = match named.first().filter(|_| tokens.is_none()) {
                Some(_) => format!("`{name}` takes {wanted} in order, without names"),
                None => format!("`{name}` takes {wanted}, and {} given", were(args.len())),
            };
            let help = format!("`{name}({})`: {}", measure.arguments.join(", "), measure.doc);
            return Some(self.fail(Diagnostic::error(Code::ARGUMENTS, message).at(span, "here").help(help)));
        }
        Some(match (name, given.as_slice()) {
            ("error", [anything]) => Some(Side::Codes(self.mistakes_of(module, anything))),
            ("contains", [space, member]) => self.contained(module, space, member),
            ("distance", [one, other]) => self.edits(module, one, other, span),
            ("params", [architecture, model]) => {
                self.cost(module, architecture, model, None).map(|cost| Side::Count(BigUint::from(cost.params)))
            }
            ("flops", [architecture, model]) => {
                self.cost(module, architecture, model, tokens.map(|arg| &arg.value)).map(|cost| Side::Count(BigUint::from(cost.flops)))
            }
            ("mixes", [graph, axis]) => self.mixing(module, graph, axis),
            (_, [of]) => self.of_one(module, name, of),
            _ => None,
        })
    }

    fn of_one(&self, module: usize, name: &str, of: &Expr) -> Option<Side> {
        let side = if name == "count" { self.space_side(module, of) } else { self.side(module, of, None) }?;
        match (name, side) {
            ("shape", Side::Graph { output, .. }) => Some(Side::Shape(output)),
            ("count", Side::Space(space)) => Some(Side::Count(space.count())),
            ("size", Side::Graph { term: Some(term), .. }) => Some(Side::Count(BigUint::from(term.size()))),
            ("depth", Side::Graph { term: Some(term), .. }) => Some(Side::Count(BigUint::from(term.depth()))),
            ("size" | "depth", Side::Graph { .. }) => {
                let message = format!("`{name}` is told of graphs without parameters");
                self.fail(Diagnostic::error(Code::CLAIM_WANTED, message).at(of.span, "this owns some").help("`shape` is told of all"))
            }
            ("count", other) => self.wanted(of, "a space", &other),
            (_, other) => self.wanted(of, "a graph", &other),
        }
    }

    fn wanted<T>(&self, expr: &Expr, wanted: &str, found: &Side) -> Option<T> {
        let code = match wanted {
            "a space" => Code::SPACE_WANTED,
            "an architecture" => Code::ARCHITECTURE_WANTED,
            _ => Code::GRAPH_WANTED,
        };
        let message = format!("{wanted} is wanted here, and this is {}", found.what());
        self.fail(Diagnostic::error(code, message).at(expr.span, format!("not {wanted}")).help(super::HELP))
    }

    fn member(&self, module: usize, expr: &Expr) -> Option<Rc<ArchitectureValue>> {
        match self.side(module, expr, None)? {
            Side::Architecture(value) => Some(value),
            other => self.wanted(expr, "an architecture", &other),
        }
    }

    fn contained(&self, module: usize, space: &Expr, member: &Expr) -> Option<Side> {
        let (space, member) = match (self.space_side(module, space)?, self.member(module, member)?) {
            (Side::Space(space), member) => (space, member),
            (other, _) => return self.wanted(space, "a space", &other),
        };
        let why = lies_in(&space, &member.space, &member.architecture).err();
        Some(Side::Truth(why.is_none(), why))
    }

    fn edits(&self, module: usize, one: &Expr, other: &Expr, span: Span) -> Option<Side> {
        let (left, right) = (self.member(module, one)?, self.member(module, other)?);
        let fits = contains(&left.space, &right.architecture).is_ok();
        if fits && !same(&left.space, &right.architecture, &right.space, &right.architecture) {
            let message = format!("`{}` and `{}` are of spaces that mean different graphs", left.name, right.name);
            return self.fail(
                Diagnostic::error(Code::NOT_A_MEMBER, message)
                    .at(span, "the same fillings are another graph there")
                    .help("compare members of one space"),
            );
        }
        match distance(&left.space, &left.architecture, &right.architecture) {
            Some(edits) => Some(Side::Count(BigUint::from(edits))),
            None => {
                let message = format!("`{}` and `{}` do not fill the same holes as often", left.name, right.name);
                let failure = Diagnostic::error(Code::NOT_A_MEMBER, message).at(span, "no distance");
                self.fail(failure.help("compare as many layers of each: `bert.first(4)`"))
            }
        }
    }

    fn mixing(&self, module: usize, of: &Expr, axis: &Expr) -> Option<Side> {
        let Some(symbol) = path_of(axis).and_then(|path| Symbol::from_letter(&join(path))) else {
            let message = "`mixes` takes the size of an axis";
            return self.fail(Diagnostic::error(Code::SIZE_WANTED, message).at(axis.span, "no such size").help("`mixes(graph, n)`"));
        };
        let mixed = match self.side(module, of, None)? {
            Side::Graph { graph, .. } => mixes(&graph, symbol),
            Side::Architecture(value) => match instantiate(&value.space, &value.architecture) {
                Ok(graph) => mixes(&graph, symbol),
                Err(error) => return self.fail(*error),
            },
            other => return self.wanted(of, "a graph", &other),
        };
        Some(Side::Truth(mixed, (!mixed).then(|| format!("nothing joins what stands along `{}`", symbol.letter()))))
    }

    fn cost(&self, module: usize, architecture: &Expr, model: &Expr, tokens: Option<&Expr>) -> Option<Cost> {
        let value = self.member(module, architecture)?;
        let written = self.record(module, Model::schema(), model)?;
        self.complete(&written, Model::schema(), "");
        let sizes: Model = serde_json::from_value(written.to_json()).ok()?;
        let tokens = match tokens {
            None => None,
            Some(expr) => Some(self.tokens(expr, expr.span)?),
        };
        match masked_lm_cost(&self.models()?.masked_lm, &value.space, &value.architecture, &sizes, tokens) {
            Ok(cost) => Some(cost),
            Err(error) => self.fail(*error),
        }
    }

    /// The codes of what is wrong with an expression, each once; warnings only where there is nothing worse.
    fn mistakes_of(&self, module: usize, expr: &Expr) -> Vec<(String, String)> {
        let (_, mut found) = self.apart(|| {
            let (side, mistakes) = self.apart(|| self.side(module, expr, None));
            let sound = mistakes.iter().all(|mistake| mistake.severity == Severity::Warning);
            mistakes.into_iter().for_each(|mistake| self.report(mistake));
            if let Some(Side::Record(value @ Val::Record(..), kind, None)) = side.filter(|_| sound) {
                self.whole(&value, kind);
            }
        });
        if found.iter().any(|mistake| mistake.severity == Severity::Error) {
            found.retain(|mistake| mistake.severity == Severity::Error);
        }
        let mut codes: Vec<(String, String)> = found.into_iter().map(|mistake| (mistake.code.0.to_owned(), mistake.message)).collect();
        codes.sort();
        codes.dedup_by(|one, other| one.0 == other.0);
        codes
    }

    /// Reports what is wrong with an experiment as a whole.
    fn whole(&self, value: &Val, kind: Kind) {
        let Kind::Record(schema) = kind else { return };
        if schema().kind != "experiment" {
            return;
        }
        self.complete(value, schema(), "");
        if let Some(Val::Space(space, _)) = value.get(&["space"]) {
            let _mistakes = self.built_space(space);
        }
        if let Ok(settings) = serde_json::from_value::<Experiment>(value.to_json()) {
            self.sense(value, &settings);
        }
    }
}
