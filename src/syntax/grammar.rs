//! The parser that grammar/phyla.pest describes.

#![allow(missing_docs, reason = "the names of rules are generated")]

#[derive(pest_derive::Parser)]
#[grammar = "grammar/phyla.pest"]
pub(super) struct Grammar;
