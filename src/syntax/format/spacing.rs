//! Where a space stands between two neighbours.

use crate::syntax::tree::{Kind, Node};

/// Whether a space stands before `next` in a node of kind `parent`; `before` is what it follows there.
pub(super) fn space(parent: Kind, before: Option<&Node>, next: &Node, text: &str) -> bool {
    let Some(before) = before else { return false };
    match parent {
        Kind::Expression => match (before.kind, next.kind) {
            (Kind::Minus, _) | (_, Kind::Member | Kind::Arguments) => false,
            (Kind::Operator, _) => before.text(text) != "..=",
            (_, Kind::Operator) => next.text(text) != "..=",
            (_, next) => next == Kind::Block,
        },
        Kind::Path | Kind::Member | Kind::Shape => false,
        _ => !matches!(next.kind, Kind::Parameters | Kind::TypeInputs) && next.text(text) != ":",
    }
}

/// What stands inside brackets of this kind where they hold something.
pub(super) fn padding(kind: Kind) -> &'static str {
    if matches!(kind, Kind::Block | Kind::Names) { " " } else { "" }
}
