//! The values of a model's symbols.

use crate::graph::{Sizes, Symbol};
use crate::settings::Model;

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
