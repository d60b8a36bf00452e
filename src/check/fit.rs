//! What a space and the rest of an experiment do not agree on.

use super::Checker;
use super::value::Val;
use crate::diagnostic::{Code, Diagnostic, counted};
use crate::graph::{Attr, Graph, Node};
use crate::settings::{self, Experiment};
use crate::space::{Domain, Space};
use num_bigint::BigUint;

impl Checker<'_> {
    /// Warns of architectures of `compare` that are deeper or flatter than what is searched.
    pub(super) fn other_depth(&self, experiment: &Val, space: &Space) {
        let Some(Val::List(items, _)) = experiment.get(&["compare"]) else { return };
        let depth = |space: &Space| space.declared.unwrap_or(space.layers);
        let wanted = depth(space);
        for item in items {
            let Val::Architecture(known, span) = item else { continue };
            let found = depth(&known.space);
            if found != wanted {
                let message = format!("`{}` has {}, and the space {wanted}", known.name, counted(found, "layer"));
                let written = self.world.sources.snippet(*span);
                let name = written.split_once(".first(").map_or(written, |(name, _)| name);
                let help = if found > wanted {
                    format!("`{name}.first({wanted})`")
                } else {
                    format!("a space with `layers = {found}`, or another architecture")
                };
                self.report(Diagnostic::warning(Code::OTHER_DEPTH, message).at(*span, "differs in depth too").help(help));
            }
        }
    }

    /// Warns of a search that is to evaluate more candidates than its space has.
    pub(super) fn more_than_there_are(&self, value: &Val, settings: &Experiment, space: &Space) {
        let Some(search) = &settings.search else { return };
        let count = space.count();
        if count < BigUint::from(search.evaluations) {
            let span = |path: &[&str]| value.get(path).unwrap_or(value).span();
            let message =
                format!("`{}` has {}, and the search ends after {}", space.name, counted(&count, "architecture"), search.evaluations);
            let told = Diagnostic::warning(Code::SEARCH_NUMBERS, message).at(span(&["search", "evaluations"]), "more than there are");
            self.report(told.help("lower `evaluations`, or give the space more room"));
        }
    }

    /// Reports kernels that cannot share weights: a smaller one is the centre of a larger, which has no centre of an odd number less.
    pub(super) fn parities(&self, value: &Val, settings: &Experiment, space: &Space) {
        let shares = settings.evaluate.as_ref().is_some_and(|evaluate| evaluate.method != settings::Method::Scratch);
        let mixed = space.holes.iter().any(|hole| mixed(&space.body, &hole.name, &hole.domain));
        if shares && mixed {
            let span = value.get(&["space"]).unwrap_or(value).span();
            let message = "even and odd kernels of one choice cannot share weights";
            let told = Diagnostic::error(Code::MIXED_CHOICE, message).at(span, "a choice in this space has both");
            let told = told.at(value.get(&["evaluate", "method"]).unwrap_or(value).span(), "shares weights");
            self.report(told.help("a smaller kernel is the centre of a larger one: choose among odd ones, or `evaluate = scratch { … }`"));
        }
    }
}

/// Whether a choice, or one within it, has both even and odd kernels.
fn mixed(graph: &Graph, name: &str, domain: &Domain) -> bool {
    match domain {
        Domain::Values(values) => {
            let fills = |node: &Node| matches!(node.attr("kernel"), Some(Attr::Hole(hole)) if hole.name == name);
            values.iter().any(|kernel| (kernel - values.first().unwrap_or(kernel)) % 2 != 0)
                && graph.order().into_iter().filter_map(|index| graph.node(index)).any(fills)
        }
        Domain::Choose(arms) => arms.iter().any(|arm| arm.holes.iter().any(|(name, domain)| mixed(&arm.body, name, domain))),
        _ => false,
    }
}
