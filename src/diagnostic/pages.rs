//! The error index: what each code means, with an example that fails and the same mended. Its text is that of the documents.

use super::code::Code;

/// The documents, in the order of the codes.
const DOCUMENTS: [&str; 10] = [
    include_str!("../../docs/errors/syntax.md"),
    include_str!("../../docs/errors/names.md"),
    include_str!("../../docs/errors/types.md"),
    include_str!("../../docs/errors/shapes.md"),
    include_str!("../../docs/errors/spaces.md"),
    include_str!("../../docs/errors/records.md"),
    include_str!("../../docs/errors/modules.md"),
    include_str!("../../docs/errors/data.md"),
    include_str!("../../docs/errors/running.md"),
    include_str!("../../docs/errors/tests.md"),
];
/// What stands before an example that fails, one that is sound, and after either.
const FENCES: [&str; 3] = ["```phyla-error\n", "```phyla\n", "```\n"];

/// A code explained.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    /// The code.
    pub code: &'static str,
    /// What it stands for, in one sentence.
    pub title: &'static str,
    /// More on it, as Markdown; may be empty.
    pub text: String,
    /// A source that makes the mistake, where one file can.
    pub failing: Option<&'static str>,
    /// The same, mended.
    pub mended: Option<&'static str>,
}

/// The page of a code; `None` where there is no such code.
pub fn page(code: &str) -> Option<Page> {
    pages().find(|page| page.code.eq_ignore_ascii_case(code))
}

/// Every page, in the order of the codes.
pub fn pages() -> impl Iterator<Item = Page> {
    DOCUMENTS.into_iter().flat_map(|document| document.split("\n## ").skip(1)).filter_map(read)
}

fn read(section: &'static str) -> Option<Page> {
    let (heading, body) = section.split_once('\n')?;
    let (code, title) = heading.split_once(": ")?;
    let [failing, mended, end] = FENCES;
    let example = |fence: &str| Some(body.split_once(fence)?.1.split_once(end)?.0);
    let text = body.split_once("```").map_or(body, |(before, _)| before);
    Some(Page { code, title, text: text.trim().to_owned(), failing: example(failing), mended: example(mended) })
}

impl Page {
    /// For a terminal.
    pub fn told(&self) -> String {
        let mut parts = vec![format!("{}: {}", self.code, self.title)];
        parts.extend(Some(self.text.clone()).filter(|text| !text.is_empty()));
        for (heading, example) in [("This fails:", self.failing), ("Mended:", self.mended)] {
            let lines = example.into_iter().flat_map(str::lines);
            let indented: Vec<String> = lines.map(|line| format!("    {line}").trim_end().to_owned()).collect();
            parts.extend(example.map(|_| format!("{heading}\n\n{}", indented.join("\n"))));
        }
        parts.join("\n\n") + "\n"
    }
}

impl Code {
    /// Its page.
    pub fn page(self) -> Option<Page> {
        page(self.0)
    }
}
