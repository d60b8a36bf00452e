//! Items and comments of a file, and the blank lines between them.

use super::flat::Broken;
use super::printer::Printer;
use super::units::units;
use crate::syntax::tree::Node;

/// A printed item with the comments on its line, or a comment with a line of its own.
struct Block {
    printed: String,
    blank_before: bool,
    is_comment: bool,
}

impl Block {
    fn is_file_doc(&self) -> bool {
        self.is_comment && self.printed.starts_with("//!")
    }

    fn takes_lines(&self) -> bool {
        self.printed.contains('\n')
    }
}

/// The whole file in the canonical layout.
pub(super) fn print(root: &Node, text: &str) -> String {
    let broken = Broken::find(root, text);
    let mut blocks: Vec<Block> = Vec::new();
    for unit in units(root) {
        if !unit.is_comment() {
            let mut printer = Printer::new(text, &broken);
            printer.node(unit.node, 0);
            blocks.push(Block { printed: printer.out, blank_before: unit.blank_before, is_comment: false });
            continue;
        }
        let comment = unit.node.text(text).trim_end();
        match blocks.last_mut() {
            Some(item) if !unit.own_line => item.printed += &format!(" {comment}"),
            _ => blocks.push(Block { printed: comment.to_owned(), blank_before: unit.blank_before, is_comment: true }),
        }
    }
    separate(&mut blocks);
    let mut out = String::new();
    for (index, block) in blocks.iter().enumerate() {
        out.push_str(if block.blank_before && index > 0 { "\n" } else { "" });
        out.push_str(&block.printed);
        out.push('\n');
    }
    out
}

/// Sets blank lines around an item that takes several lines, the comments right before it included, and after the
/// documentation of the file.
fn separate(blocks: &mut [Block]) {
    let mut separated = Vec::new();
    // Where the comments that stand right before the block in hand begin.
    let mut first = 0;
    let mut previous: Option<&Block> = None;
    for (index, block) in blocks.iter().enumerate() {
        let after_doc = previous.is_some_and(Block::is_file_doc) && !block.is_file_doc();
        if block.blank_before || after_doc || previous.is_some_and(|previous| !previous.is_comment) {
            first = index;
        }
        if after_doc {
            separated.push(index);
        }
        if block.takes_lines() {
            separated.extend([first, index + 1]);
        }
        previous = Some(block);
    }
    for index in separated {
        if let Some(block) = blocks.get_mut(index) {
            block.blank_before = true;
        }
    }
}
