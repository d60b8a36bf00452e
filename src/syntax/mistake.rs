//! What the parser could not read, in the words of the user.

use super::grammar::Rule;
use super::lexeme::{LexemeKind, lexemes};
use super::{KINDS, MAX_NESTING, UNITS};
use crate::diagnostic::{Code, Diagnostic, FileId, Span, nearest};
use pest::error::{Error, ErrorVariant, InputLocation};

/// The diagnostic for an error in `text`, which begins at byte `start` of its source.
pub(super) fn translate(file: FileId, text: &str, start: usize, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let rules = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        // The parser ran out of stack: only nesting does that.
        ErrorVariant::CustomError { .. } => {
            let message = format!("this is nested too deeply, though not more than {MAX_NESTING} brackets");
            return Diagnostic::error(Code::NESTING, message).at(Span::new(file, start, start + text.len()), "");
        }
    };
    let rest = text.get(at..).unwrap_or("");
    let (found, length) = found(rest);
    let expected = expected(rules);
    let message = match expected.as_slice() {
        [] => format!("{found} does not belong here"),
        [only] => format!("expected {only}, found {found}"),
        [most @ .., last] => format!("expected {} or {last}, found {found}", most.join(", ")),
    };
    let label = match expected.as_slice() {
        [] => "not expected here".to_owned(),
        [first, ..] if expected.len() == 1 => format!("expected {first}"),
        _ => "something else is expected here".to_owned(),
    };
    let kind = at == 0 && rest.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let diagnostic = Diagnostic::error(if kind { Code::UNKNOWN_KIND } else { Code::SYNTAX }, message)
        .at(Span::new(file, start + at, start + at + length), label);
    let wanted =
        expected.first().map_or_else(|| format!("remove {found}"), |first| format!("write {first} here, or remove what is in its place"));
    diagnostic.help(help(rules, text, at, rest).unwrap_or(wanted))
}

/// The diagnostic where there should be something and is nothing.
pub(super) fn nothing(file: FileId, start: usize) -> Diagnostic {
    Diagnostic::error(Code::SYNTAX, "expected something, found nothing").at(Span::new(file, start, start), "")
}

/// What stands at the place of the error, and its length in bytes.
fn found(rest: &str) -> (String, usize) {
    let Some(lexeme) = lexemes(rest, 0).find(|lexeme| lexeme.kind != LexemeKind::Blank) else {
        return ("the end of the line".to_owned(), 0);
    };
    let length = if lexeme.start == 0 { lexeme.text.len() } else { 0 };
    let words = match lexeme.kind {
        LexemeKind::Newline => "the end of the line".to_owned(),
        LexemeKind::Comment => "a comment".to_owned(),
        LexemeKind::Text { .. } => "a string".to_owned(),
        _ => {
            let shown: String = lexeme.text.chars().take(40).collect();
            let more = if shown.len() < lexeme.text.len() { "…" } else { "" };
            format!("`{shown}{more}`")
        }
    };
    (words, length)
}

/// What could have stood there instead, without what may stand almost anywhere.
fn expected(rules: &[Rule]) -> Vec<&'static str> {
    // After an operand a call, a block or a member may always follow.
    let after_operand = rules.contains(&Rule::operator);
    let mut all: Vec<(u8, &'static str)> = rules.iter().filter_map(|&rule| words(rule)).collect();
    all.sort_by_key(|&(rank, _)| rank);
    all.dedup();
    all.retain(|&(_, word)| !(after_operand && matches!(word, "`{`" | "`(`")));
    // Everything a value may begin with goes without saying.
    if all.contains(&(0, VALUE)) {
        all.retain(|&(rank, word)| word == VALUE || rank >= 5);
    }
    // The end is worth a word only where nothing else could have followed.
    if all.iter().any(|&(rank, _)| rank < LAST) {
        all.retain(|&(rank, _)| rank < LAST);
    }
    all.into_iter().map(|(_, word)| word).collect()
}

/// The rank of what is worth no word beside others.
const LAST: u8 = 9;

const VALUE: &str = "a value";

/// A rule in the words of the user, and where it stands in a list of them; nothing for what may follow nearly everything.
fn words(rule: Rule) -> Option<(u8, &'static str)> {
    Some(match rule {
        Rule::import | Rule::declaration | Rule::kind | Rule::use_word | Rule::whole_item => (0, "a declaration"),
        Rule::path => (0, "a path such as `std.layers`"),
        Rule::name | Rule::use_name => (0, "a name"),
        Rule::parameter => (0, "a parameter"),
        Rule::shape | Rule::graph_type | Rule::index_word | Rule::graph_word | Rule::type_input => (1, "a type such as `[n, h]`"),
        Rule::expression | Rule::number | Rule::list | Rule::group | Rule::minus | Rule::argument | Rule::whole_expression => (0, VALUE),
        Rule::field => (1, "a field"),
        Rule::text => (1, "a string"),
        Rule::assign => (2, "`=`"),
        Rule::colon => (2, "`:`"),
        Rule::arrow => (2, "`->`"),
        Rule::open_paren | Rule::parameters | Rule::type_inputs => (3, "`(`"),
        Rule::open_brace | Rule::block | Rule::names => (4, "`{`"),
        Rule::open_bracket => (4, "`[`"),
        Rule::comma => (5, "`,`"),
        Rule::newline => (6, "a new line"),
        Rule::close_brace => (7, "`}`"),
        Rule::close_bracket => (7, "`]`"),
        Rule::close_paren => (7, "`)`"),
        Rule::EOI | Rule::end => (LAST, "the end of the line"),
        _ => return None,
    })
}

/// The mend of the commonest mistakes.
fn help(rules: &[Rule], text: &str, at: usize, rest: &str) -> Option<String> {
    let word = lexemes(rest, 0).next().map_or("", |lexeme| lexeme.text);
    if at == 0 {
        if matches!(word, "import" | "from" | "include") {
            return Some("`use std.suites { mini }` takes names from a module".to_owned());
        }
        return Some(match nearest(word, KINDS.iter().copied().chain(["use"])) {
            Some(kind) => format!("did you mean `{kind}`?"),
            None => format!("an item begins with `use` or one of: {}", KINDS.join(", ")),
        });
    }
    let before = text.get(..at).unwrap_or("").trim_end_matches([' ', '\t', '\r']);
    let line_begins = before.ends_with('\n');
    if word == "=" && rest.starts_with("==") && rules.contains(&Rule::assign) {
        return Some("one `=` gives a field its value".to_owned());
    }
    if line_begins && (rest.starts_with('(') || rest.starts_with('{')) {
        return Some(format!("a `{word}` that continues something stands on the same line"));
    }
    let number = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
    if number.starts_with(|c: char| c.is_ascii_digit())
        && word.len() > 1
        && let Some(unit) = nearest(word, UNITS.iter().copied().filter(|unit| *unit != "%"))
    {
        return Some(format!("did you mean the unit `{unit}`?"));
    }
    if rest.starts_with("..") || before.ends_with("..") && word == "." {
        return Some("a range is written `2..=5`, both ends included".to_owned());
    }
    if rest.starts_with('#') {
        return Some("a comment begins with `//`".to_owned());
    }
    if rest.starts_with('\'') {
        return Some("text stands in double quotes".to_owned());
    }
    if rest.starts_with('^') || rest.starts_with('*') && before.ends_with('*') {
        return Some("there are no powers: `square(x)`, `sqrt(x)`, or a product `x * x`".to_owned());
    }
    if rest.starts_with('=') && !rest.starts_with("==") && rules.contains(&Rule::operator) && !rules.contains(&Rule::assign) {
        return Some("two values are compared with `==`".to_owned());
    }
    if rest.starts_with('/') {
        return Some(
            "there is no division; `scale(x)` divides by the square root of `d`, and an `op` can be made of the primitives".to_owned(),
        );
    }
    let line = before.rsplit('\n').next().unwrap_or("").trim();
    if line == "let" {
        return Some(format!("a binding has no word before it: `{word} = …`"));
    }
    if line == "return" {
        return Some("a body's last expression is its result; there is no `return`".to_owned());
    }
    if rules.contains(&Rule::operator) && word.chars().all(|c| c.is_ascii_alphanumeric()) && !word.is_empty() {
        return Some("in `{ }` and `[ ]` a comma or a new line stands between two items; in `( )` a comma".to_owned());
    }
    None
}
