//! `phyla explain`: what a code means.

use super::source::{out, show_one};
use crate::diagnostic::{CODES, Code, Diagnostic, nearest, page, pages};

/// Prints the page of a code, or the list of all.
pub fn explain(code: Option<&str>, json: bool) -> u8 {
    let text = match code {
        None if json => serde_json::to_string(&pages().collect::<Vec<_>>()).unwrap_or_default() + "\n",
        None => CODES.iter().map(|(code, title)| format!("{}  {title}\n", code.0)).collect(),
        Some(code) => match page(code) {
            Some(page) if json => serde_json::to_string(&page).unwrap_or_default() + "\n",
            Some(page) => page.told(),
            None => {
                let near = nearest(&code.to_uppercase(), CODES.iter().map(|(code, _)| code.0));
                let help = near.map_or_else(|| "`phyla explain` lists them all".to_owned(), |near| format!("did you mean `{near}`?"));
                return show_one(&Diagnostic::error(Code::USAGE, format!("there is no code `{code}`")).help(help));
            }
        },
    };
    out(&text);
    0
}
