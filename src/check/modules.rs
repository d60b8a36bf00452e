//! Files and the standard library: reading, parsing, imports, circles.

use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span, nearest};
use crate::syntax::{self, Known, ast};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// How the reason begins that [`Files::read`] gives for a source that is no text.
pub const NOT_TEXT: &str = "it is not UTF-8 text";

/// Where sources and data come from.
pub trait Files {
    /// The text of a source.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    fn read(&self, path: &str) -> Result<String, String>;

    /// The path of `path` as seen from the folder of the file `from`, in a form that is the same for the same file.
    fn join(&self, from: &str, path: &str) -> String;

    /// The path as a reader knows it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The path in a form that means the same file from everywhere.
    fn absolute(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The files that a data path stands for (itself, or the `.txt` files of a folder) with a hash of the contents of each.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    fn data(&self, path: &str) -> Result<Vec<(String, String)>, String>;

    /// What tells whether [`Files::data`] would say something else, at less cost where that can be had.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    fn stamp(&self, path: &str) -> Result<String, String> {
        self.data(path).map(|files| format!("{files:?}"))
    }

    /// The value of an environment variable that a data path names.
    fn variable(&self, name: &str) -> Option<String>;
}

macro_rules! standard_library {
    ($($name:literal),*) => {
        &[$((concat!("std.", $name), include_str!(concat!("../../stdlib/", $name, ".phyla")))),*]
    };
}

/// The modules of the standard library with their texts.
pub const STANDARD_LIBRARY: &[(&str, &str)] =
    standard_library!["prelude", "ops", "layers", "spaces", "architectures", "models", "train", "search", "tasks", "suites", "hub"];

/// The standard library, parsed once for the whole process: it is the same for every file.
static STANDARD: LazyLock<World> = LazyLock::new(|| {
    let mut world = World::default();
    for (name, text) in STANDARD_LIBRARY {
        world.parsed(name, (*text).to_owned(), &mut Loading { files: &NoFiles, known: &mut BTreeMap::new(), open: Vec::new() }, None);
    }
    world
});

/// The standard library imports nothing but itself.
struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("there are no files here".to_owned())
    }

    fn join(&self, _: &str, path: &str) -> String {
        path.to_owned()
    }

    fn data(&self, path: &str) -> Result<Vec<(String, String)>, String> {
        self.read(path).map(|_| Vec::new())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// What stays the same while files are loaded, and the files that are being read, outermost first, with the place that imports each.
struct Loading<'a> {
    files: &'a dyn Files,
    known: &'a mut BTreeMap<String, Known>,
    open: Vec<(String, Span)>,
}

/// A parsed source with its imports resolved to modules.
#[derive(Debug)]
pub struct Module {
    /// `std.ops`, or the path of a file.
    pub key: String,
    /// Its tree.
    pub ast: ast::File,
    /// Local name, module, name there, place.
    pub imports: Vec<(String, usize, String, Span)>,
    /// Local names of imports that failed and of declarations that could not be read: their mistake is reported already.
    pub broken: Vec<String>,
}

/// A declaration: module and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// The module's number.
    pub module: usize,
    /// The declaration's number within it.
    pub item: usize,
}

/// All modules that one file needs, with what was found wrong on the way.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Sources by number.
    pub sources: Sources,
    pub(super) modules: Vec<Arc<Module>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    by_key: BTreeMap<String, usize>,
}

impl World {
    /// Loads each of these files with what they import, beside the standard library.
    pub fn load(files: &dyn Files, paths: &[String]) -> Self {
        Self::load_again(files, paths, &mut BTreeMap::new())
    }

    /// Loads like [`World::load`]; of each file, by its key, only those items are parsed that are not `known` from last time.
    pub(super) fn load_again(files: &dyn Files, paths: &[String], known: &mut BTreeMap<String, Known>) -> Self {
        let mut world = STANDARD.clone();
        for path in paths {
            world.module(path, &mut Loading { files, known, open: Vec::new() }, None);
        }
        world
    }

    /// The number of a loaded module, by its key.
    pub fn module_of(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The tree of a module, if it was read.
    pub(super) fn file_of(&self, key: &str) -> Option<&ast::File> {
        self.module_of(key).and_then(|module| self.modules.get(module)).map(|module| &module.ast)
    }

    /// The keys of the loaded files, the standard library aside.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(|module| module.key.as_str()).filter(|key| !key.starts_with("std."))
    }

    /// The declarations of a module, in order.
    pub fn items_of(&self, key: &str) -> Vec<ItemId> {
        let Some(module) = self.module_of(key) else { return Vec::new() };
        let count = self.modules.get(module).map_or(0, |module| module.ast.items.len());
        (0..count).map(|item| ItemId { module, item }).collect()
    }

    pub(super) fn item(&self, id: ItemId) -> Option<&ast::Item> {
        self.modules.get(id.module)?.ast.items.get(id.item)
    }

    /// A declaration of the standard library.
    pub(super) fn standard(&self, module: &str, name: &str, kinds: &[&str]) -> Option<ItemId> {
        let module = self.module_of(&format!("std.{module}"))?;
        self.own(module, name, kinds)
    }

    /// A declaration of a module itself, imports aside.
    pub(super) fn own(&self, module: usize, name: &str, kinds: &[&str]) -> Option<ItemId> {
        let items = &self.modules.get(module)?.ast.items;
        let item = items.iter().position(|item| item.name.text == name && kinds.contains(&item.kind.text.as_str()))?;
        Some(ItemId { module, item })
    }

    /// Whether this source belongs to the standard library.
    pub(super) fn is_standard(&self, file: FileId) -> bool {
        STANDARD_LIBRARY.iter().any(|(name, _)| *name == self.sources.name(file))
    }

    fn module(&mut self, key: &str, loading: &mut Loading<'_>, import: Option<Span>) -> Option<usize> {
        if let Some(at) = loading.open.iter().position(|(open, _)| open == key) {
            let circle: Vec<&str> = loading.open.iter().skip(at).map(|(key, _)| key.as_str()).chain([key]).collect();
            let mut diagnostic = Diagnostic::error(Code::IMPORT_CYCLE, format!("these files import one another: {}", circle.join(" → ")));
            if let Some(span) = import {
                diagnostic = diagnostic.at(span, "this import closes the circle");
            }
            let help = "move what both need into a third file that imports neither";
            self.diagnostics.push(diagnostic.help(help));
            return None;
        }
        if let Some(known) = self.by_key.get(key) {
            return Some(*known);
        }
        let embedded = STANDARD_LIBRARY.iter().find(|(name, _)| *name == key).map(|(_, text)| (*text).to_owned());
        match embedded.map_or_else(|| loading.files.read(key), Ok) {
            Ok(text) => Some(self.parsed(key, text, loading, import)),
            Err(why) => {
                let (code, help) = match import {
                    _ if why.starts_with(NOT_TEXT) => (Code::NOT_TEXT, "a source is plain text: save it as UTF-8, or name another file"),
                    Some(_) => (Code::SOURCE, "paths in `use` are relative to the file that says them"),
                    None => (Code::SOURCE, "name a `.phyla` file"),
                };
                let mut diagnostic = Diagnostic::error(code, format!("`{key}` cannot be read: {why}"));
                if let Some(span) = import {
                    diagnostic = diagnostic.at(span, "imported here");
                }
                self.diagnostics.push(diagnostic.help(help));
                None
            }
        }
    }

    /// Parses a source that is not loaded yet, and loads what it imports.
    fn parsed(&mut self, key: &str, text: String, loading: &mut Loading<'_>, import: Option<Span>) -> usize {
        if let Some(known) = self.by_key.get(key) {
            return *known;
        }
        let file = self.sources.add(key, text.clone());
        let parsed = syntax::parse_again(file, &text, loading.known.entry(key.to_owned()).or_default());
        self.diagnostics.extend(parsed.diagnostics);
        loading.open.push((key.to_owned(), import.unwrap_or_default()));
        let mut imports = Vec::new();
        let mut broken: Vec<String> = parsed.file.broken.iter().map(|name| name.text.clone()).collect();
        for import in &parsed.file.uses {
            let target = match &import.source {
                ast::UseSource::Module(names) => self.standard_module(names, loading),
                ast::UseSource::File { path: wanted, span } => {
                    let target = loading.files.join(key, wanted);
                    self.module(&target, loading, Some(*span))
                }
            };
            let local = |name: &ast::Name, alias: &Option<ast::Name>| alias.as_ref().unwrap_or(name).text.clone();
            let Some(target) = target else {
                broken.extend(import.names.iter().map(|(name, alias)| local(name, alias)));
                continue;
            };
            for (name, alias) in &import.names {
                let exists = self.modules.get(target).is_some_and(|module| module.ast.items.iter().any(|item| item.name.text == name.text));
                let unreadable = self.modules.get(target).is_some_and(|module| module.broken.contains(&name.text));
                if unreadable {
                    broken.push(local(name, alias));
                    continue;
                }
                if !exists {
                    let items = self.modules.get(target).map_or(&[][..], |module| &module.ast.items);
                    // A test's name is a sentence, and no one's to import.
                    let there: Vec<&str> =
                        items.iter().filter(|item| item.kind.text != "test").map(|item| item.name.text.as_str()).collect();
                    let from = self.modules.get(target).map_or("", |module| &module.key);
                    let help = match nearest(&name.text, there.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("`{from}` declares: {}", there.join(", ")),
                    };
                    let message = format!("`{from}` declares no `{}`", name.text);
                    self.diagnostics
                        .push(Diagnostic::error(Code::NOT_DECLARED_THERE, message).at(name.span, "not declared there").help(help));
                    broken.push(local(name, alias));
                    continue;
                }
                let local = alias.as_ref().unwrap_or(name);
                // A space and an architecture may share a name: what is wanted tells which is meant.
                let groups = self.groups(target, &name.text);
                let again = |(known, module, there, _): &&(String, usize, String, Span)| {
                    let other = *known == local.text && (*module, there) != (target, &name.text);
                    other && self.groups(*module, there).iter().any(|group| groups.contains(group))
                };
                if let Some((.., first)) = imports.iter().find(again) {
                    let told = Diagnostic::error(Code::DUPLICATE_NAME, format!("two imports are called `{}`", local.text));
                    let told = told.at(local.span, "imported again").at(*first, "imported here first");
                    self.diagnostics.push(told.help(format!("give one of them another name: `{} as …`", name.text)));
                }
                imports.push((local.text.clone(), target, name.text.clone(), local.span));
            }
        }
        loading.open.pop();
        self.modules.push(Arc::new(Module { key: key.to_owned(), ast: parsed.file, imports, broken }));
        let number = self.modules.len() - 1;
        self.by_key.insert(key.to_owned(), number);
        self.duplicates(number);
        number
    }

    fn standard_module(&mut self, names: &[ast::Name], loading: &mut Loading<'_>) -> Option<usize> {
        let key = names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
        if STANDARD_LIBRARY.iter().any(|(name, _)| *name == key) {
            let span = names.first().map(|name| name.span);
            return self.module(&key, loading, span);
        }
        let known = STANDARD_LIBRARY.iter().map(|(name, _)| *name);
        let help = match nearest(&key, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the standard library has: {}", known.collect::<Vec<_>>().join(", ")),
        };
        let span = names.iter().map(|name| name.span).reduce(Span::to).unwrap_or_default();
        self.diagnostics.push(Diagnostic::error(Code::MODULE, format!("there is no module `{key}`")).at(span, "not found").help(help));
        None
    }

    /// The groups in which a module declares a name.
    fn groups(&self, module: usize, name: &str) -> Vec<&str> {
        let items = self.modules.get(module).map_or(&[][..], |module| &module.ast.items);
        items.iter().filter(|item| item.name.text == name).map(|item| group(&item.kind.text)).collect()
    }

    /// Two declarations of one name are a mistake where one place could mean both.
    fn duplicates(&mut self, module: usize) {
        let Some(ast) = self.modules.get(module).map(|module| &module.ast) else { return };
        let mut seen: BTreeMap<(&str, &str), Span> = BTreeMap::new();
        let mut found = Vec::new();
        for item in &ast.items {
            if let Some(first) = seen.insert((group(&item.kind.text), &item.name.text), item.name.span) {
                found.push(
                    Diagnostic::error(Code::DUPLICATE_NAME, format!("`{}` is declared twice", item.name.text))
                        .at(item.name.span, "declared again")
                        .at(first, "declared here first")
                        .help("give one of them another name"),
                );
            }
        }
        self.diagnostics.extend(found);
    }
}

/// Kinds that share their names: two declarations of one group with one name would be a mistake.
pub(super) fn group(kind: &str) -> &str {
    match kind {
        "primitive" | "op" | "graph" => "graph",
        kind => kind,
    }
}
