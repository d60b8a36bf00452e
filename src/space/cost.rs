//! What an architecture costs as a model of given sizes.

use super::domain::{Architecture, Space};
use super::instantiate::instantiate;
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::graph::cost::{Cost, cost};
use crate::graph::{Attr, Dim, Graph, Sizes, Symbol, assemble};
use crate::settings::Model;

/// The graph of a whole model: an encoder in the hole `body` of what stands around it.
///
/// # Errors
/// Where the architecture does not lie in the space.
pub fn whole(around: &Graph, space: &Space, architecture: &Architecture, model: &Model) -> Result<Graph> {
    let encoder = instantiate(space, architecture)?;
    assemble(around, "body", &encoder, model.dropout).map_err(|error| Box::new(Diagnostic::error(Code::SHAPE, error.why)))
}

/// What the masked-LM model of an architecture costs, for one sentence of so many tokens of which 15 % are predicted; of the model's
/// length where no number is given. `around` is the graph around the encoder.
///
/// # Errors
/// Where the architecture does not lie in the space.
pub fn masked_lm_cost(around: &Graph, space: &Space, architecture: &Architecture, model: &Model, tokens: Option<usize>) -> Result<Cost> {
    let tokens = tokens.unwrap_or(model.length);
    let graph = whole(around, space, architecture, model)?;
    let predictions = (tokens.saturating_sub(2) as f64 * 0.15).ceil() as usize;
    let sizes = sizes(model, 1).with(Symbol::Tokens, tokens).with(Symbol::Predictions, predictions);
    if let Some((size, value)) = empty(&graph, &sizes) {
        let message = format!("`{size}` is {value} in a model of these sizes, and a size is at least 1");
        return Diagnostic::error(Code::SIZE, message).help("raise the sizes of `model`, or take less away").into();
    }
    cost(&graph, &sizes).ok_or_else(|| {
        let message = "a model of these sizes has more parameters, or takes more operations, than can be counted";
        Box::new(
            Diagnostic::error(Code::MEMORY, message).help("lower the sizes of `model`: `length`, `hidden`, `feed_forward` or `vocabulary`"),
        )
    })
}

/// A size of the graph that leaves nothing, with its value.
fn empty(graph: &Graph, sizes: &Sizes) -> Option<(Dim, i64)> {
    let nodes = graph.order().into_iter().filter_map(|index| graph.node(index));
    let all = nodes.flat_map(|node| {
        let given = node.attrs.values().filter_map(|attr| if let Attr::Size(size) = attr { Some(size) } else { None });
        node.shape.iter().chain(given)
    });
    all.filter_map(|size| Some((size, size.value(sizes)?))).find(|(_, value)| *value < 1).map(|(size, value)| (size.clone(), value))
}

/// The sizes of a model whose task has `classes` classes (1 for a score); `n` and `p` come with each batch.
pub fn sizes(model: &Model, classes: usize) -> Sizes {
    Sizes::default()
        .with(Symbol::Positions, model.length)
        .with(Symbol::Hidden, model.hidden)
        .with(Symbol::Heads, model.heads)
        .with(Symbol::HeadWidth, model.hidden / model.heads.max(1))
        .with(Symbol::FeedForward, model.feed_forward)
        .with(Symbol::Vocabulary, model.vocabulary)
        .with(Symbol::Classes, classes)
        .with(Symbol::Segments, 2)
}
