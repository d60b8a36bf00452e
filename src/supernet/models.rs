//! The programs of an architecture: with the masked-LM head, and with a task's.

use crate::diagnostic::Result;
use crate::exec::Program;
use crate::graph::Graph;
use crate::graph::cost::Cost;
use crate::settings::Model;
use crate::space::{Architecture, Require, Space, masked_lm_cost, sizes, unmet, whole};
use std::sync::Arc;

/// The graphs around an encoder, and the sizes they are lowered for.
#[derive(Clone, Debug)]
pub struct Models {
    /// With the masked-LM head; its hole is `body`.
    pub masked_lm: Graph,
    /// With pooler and task head; its hole is `body`.
    pub classifier: Graph,
    /// Sizes.
    pub model: Model,
}

impl Models {
    /// The program that pre-trains an architecture.
    ///
    /// # Errors
    /// Where the architecture does not lie in the space.
    pub fn masked_lm(&self, space: &Space, architecture: &Architecture) -> Result<Arc<Program>> {
        let graph = whole(&self.masked_lm, space, architecture, &self.model)?;
        Program::lower(&graph, &sizes(&self.model, 1)).map(Arc::new)
    }

    /// The program that fine-tunes an architecture for `classes` classes.
    ///
    /// # Errors
    /// Where the architecture does not lie in the space.
    pub fn classifier(&self, space: &Space, architecture: &Architecture, classes: usize) -> Result<Arc<Program>> {
        let graph = whole(&self.classifier, space, architecture, &self.model)?;
        Program::lower(&graph, &sizes(&self.model, classes)).map(Arc::new)
    }

    /// What the masked-LM model of an architecture costs, for one sentence of full length of which 15 % are predicted.
    ///
    /// # Errors
    /// Where the architecture does not lie in the space.
    pub fn cost(&self, space: &Space, architecture: &Architecture) -> Result<Cost> {
        self.cost_at(space, architecture, None)
    }

    /// The first of the space's conditions that an architecture does not meet.
    ///
    /// # Errors
    /// Where the architecture does not lie in the space.
    pub fn unmet<'a>(&self, space: &'a Space, architecture: &Architecture) -> Result<Option<&'a Require>> {
        unmet(space, architecture, &|tokens| self.cost_at(space, architecture, tokens))
    }

    /// What the masked-LM model costs for one sentence of so many tokens; of the model's length where no number is given.
    ///
    /// # Errors
    /// Where the architecture does not lie in the space.
    pub fn cost_at(&self, space: &Space, architecture: &Architecture, tokens: Option<usize>) -> Result<Cost> {
        masked_lm_cost(&self.masked_lm, space, architecture, &self.model, tokens)
    }
}
