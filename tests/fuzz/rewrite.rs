//! Ways to write the same program otherwise, and ways to change what it says.

use crate::dice::Dice;
use crate::reading::parsed;
use phyla::diagnostic::Span;
use phyla::syntax::ast::{ExprKind, File, Item, ItemBody};
use phyla::syntax::lexeme::{LexemeKind, lexemes};
use std::collections::BTreeSet;

/// What stands at a place.
fn at(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

/// Comments at the ends of lines and on lines of their own.
pub fn with_comments(dice: &mut Dice, text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out += dice.word(&["", "", "", "// apart { \"\n", "\t// indented (\n"]);
        out += line;
        out += dice.word(&["\n", "\n", " // on the line ]\n", "//\n"]);
    }
    out
}

/// Blank lines and blanks at the ends of lines.
pub fn with_blanks(dice: &mut Dice, text: &str) -> String {
    text.lines().map(|line| format!("{}{line}{}", dice.word(&["", "", "\n", "\n\n  \n"]), dice.word(&["\n", "  \n", "\t\r\n"]))).collect()
}

/// The imports and then the declarations in another order, without comments around them.
pub fn reordered(dice: &mut Dice, text: &str) -> String {
    let file = parsed(text).file;
    let mut items: Vec<&Item> = file.items.iter().collect();
    dice.shuffle(&mut items);
    imports(text, &file) + &declarations(text, &items)
}

fn imports(text: &str, file: &File) -> String {
    file.uses.iter().map(|import| format!("{}\n", at(text, import.span))).collect()
}

fn declarations(text: &str, items: &[&Item]) -> String {
    items.iter().map(|item| format!("{}\n", at(text, item.span))).collect()
}

/// The words of a text.
fn words(text: &str) -> BTreeSet<&str> {
    lexemes(text, 0).filter(|lexeme| lexeme.kind == LexemeKind::Word).map(|lexeme| lexeme.text).collect()
}

/// The program as two files, the second imported by the first; `None` where nothing can be moved.
pub fn split(dice: &mut Dice, text: &str) -> Option<(String, String)> {
    let file = parsed(text).file;
    let movable = |item: &Item| !["experiment", "test"].contains(&item.kind.text.as_str());
    let first = dice
        .pick(&file.items.iter().filter(|item| movable(item)).collect::<Vec<_>>().into_iter().chain(&file.items).collect::<Vec<_>>())
        .name
        .text
        .clone();
    // What is moved takes along all that it may name.
    let mut moved = BTreeSet::from([first.as_str()]);
    loop {
        let taken = file.items.iter().filter(|item| moved.contains(item.name.text.as_str()));
        let needed: BTreeSet<&str> = taken.flat_map(|item| words(at(text, item.span))).collect();
        let before = moved.len();
        moved.extend(file.items.iter().map(|item| item.name.text.as_str()).filter(|name| needed.contains(name)));
        if moved.len() == before {
            break;
        }
    }
    let (there, here): (Vec<&Item>, Vec<&Item>) = file.items.iter().partition(|item| moved.contains(item.name.text.as_str()));
    // A name that is imported from elsewhere too would mean two things.
    let imported =
        file.uses.iter().flat_map(|import| &import.names).any(|(name, alias)| moved.contains(alias.as_ref().unwrap_or(name).text.as_str()));
    if imported || here.is_empty() || !there.iter().all(|item| movable(item)) {
        return None;
    }
    let names = moved.into_iter().collect::<Vec<_>>().join(", ");
    let main = format!("use \"moved.phyla\" {{ {names} }}\n{}{}", imports(text, &file), declarations(text, &here));
    Some((main, imports(text, &file) + &declarations(text, &there)))
}

/// The program with an operation more or one fewer in a set; `None` where there is no set.
pub fn other_set(dice: &mut Dice, text: &str) -> Option<String> {
    let file = parsed(text).file;
    let lists = file.items.iter().filter(|item| item.kind.text == "ops").filter_map(|item| match &item.body {
        ItemBody::Value(value) => match &value.kind {
            ExprKind::List(items) => Some((value.span, items)),
            _ => None,
        },
        _ => None,
    });
    let lists: Vec<_> = lists.collect();
    if lists.is_empty() {
        return None;
    }
    let (span, items) = *dice.pick(&lists);
    let mut names: Vec<&str> = items.iter().map(|item| at(text, item.span)).collect();
    if names.len() > 1 && dice.chance(50) {
        names.remove(dice.below(names.len()));
    } else {
        names.push(dice.word(&["tanh", "gelu", "square", "max", "mul", "sub", "cosine", "matmul", "transpose"]));
    }
    let (before, after) = (&text[..span.start as usize], &text[span.end as usize..]);
    Some(format!("{before}[{}]{after}", names.join(", ")))
}
