//! Which declaration a name means; the expected kinds pick the namespace.

use std::collections::BTreeSet;

use super::Checker;
use super::modules::{ItemId, Module};
use super::record::article;
use crate::diagnostic::{Code, Diagnostic, Span, nearest};
use crate::syntax::KINDS;
use crate::syntax::ast::{Item, Name};

/// The kinds that can be called with tensors.
pub(super) const CALLABLE: &[&str] = &["graph", "op", "primitive"];

impl<'w> Checker<'w> {
    /// The declaration itself.
    pub(super) fn item(&self, id: ItemId) -> Option<&'w Item> {
        self.world.item(id)
    }

    /// The declaration that `path` names within `module`, if there is one of these kinds. Members that follow the name
    /// (`bert.first`) are not part of `path`.
    pub(super) fn find(&self, module: usize, path: &[Name], kinds: &[&str]) -> Option<ItemId> {
        let found = match path {
            [name] => self.find_local(module, &name.text, kinds),
            [root, .., name] if root.text == "std" => {
                let modules = path.get(..path.len() - 1)?;
                let key = modules.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
                self.world.own(self.world.module_of(&key)?, &name.text, kinds)
            }
            _ => None,
        }?;
        let span = path.iter().map(|name| name.span).reduce(Span::to)?;
        self.references.borrow_mut().insert(span, found);
        Some(found)
    }

    fn find_local(&self, module: usize, name: &str, kinds: &[&str]) -> Option<ItemId> {
        if let Some(own) = self.world.own(module, name, kinds) {
            return Some(own);
        }
        let imports = &self.world.modules.get(module)?.imports;
        let imported =
            imports.iter().filter(|(local, ..)| local == name).find_map(|(_, target, there, _)| self.world.own(*target, there, kinds));
        imported.or_else(|| self.world.standard("prelude", name, kinds))
    }

    /// Reports that `path` names nothing of these kinds, with the nearest name among those that would do.
    pub(super) fn unknown<T>(&self, module: usize, path: &[Name], kinds: &[&str], extra: &[&str]) -> Option<T> {
        let span = path.iter().map(|name| name.span).reduce(Span::to).unwrap_or_default();
        let written = path.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(".");
        // The mistake that hides this name has been reported where it stands.
        let hidden = |module: &Module| path.first().is_some_and(|first| module.broken.contains(&first.text));
        if self.world.modules.get(module).is_some_and(|module| hidden(module)) {
            return self.told_already();
        }
        let what = match kinds {
            kinds if kinds == CALLABLE => "graph or operation",
            ["op", "primitive"] => "operation",
            [kind, ..] => kind,
            [] => "value",
        };
        let code = if kinds.contains(&"op") { Code::UNKNOWN_OP } else { Code::UNKNOWN_NAME };
        let diagnostic = Diagnostic::error(code, format!("there is no {what} `{written}`")).at(span, "not declared");
        let known = self.known(module, kinds, extra);
        self.fail(diagnostic.help(self.instead(module, path, &written, kinds, what, known)))
    }

    /// What to write in place of `written`, which means nothing here: the best of what can be said.
    fn instead(&self, module: usize, path: &[Name], written: &str, kinds: &[&str], what: &str, known: Vec<String>) -> String {
        if let [name] = path
            && let Some(module) = self.exporter(&name.text, kinds)
        {
            return format!("it is declared in {module}: write `use {module} {{ {written} }}`, or `{module}.{written}` here");
        }
        if let Some(near) = nearest(written, known.iter().map(String::as_str)) {
            return format!("did you mean `{near}`?");
        }
        if let Some(kind) = self.another_kind(module, path) {
            return format!("`{written}` is {} {kind}, and {} {what} is wanted", article(kind), article(what));
        }
        if let Some(alike) = path.last().and_then(|name| self.resembling(&name.text, kinds)) {
            return format!("the library has `{alike}`");
        }
        if known.is_empty() { format!("declare it: `{what} {written} …`") } else { format!("known here: {}", known.join(", ")) }
    }

    /// The names of these kinds that can be written in `module`, and `extra`, sorted.
    fn known(&self, module: usize, kinds: &[&str], extra: &[&str]) -> Vec<String> {
        let mut names: BTreeSet<&str> = extra.iter().copied().collect();
        for number in [Some(module), self.world.module_of("std.prelude")].into_iter().flatten() {
            let Some(module) = self.world.modules.get(number) else { continue };
            let own = module.ast.items.iter().filter(|item| kinds.contains(&item.kind.text.as_str()));
            names.extend(own.map(|item| item.name.text.as_str()));
            let imported = module.imports.iter().filter(|(_, target, there, _)| self.world.own(*target, there, kinds).is_some());
            names.extend(imported.map(|(local, ..)| local.as_str()));
        }
        names.into_iter().map(str::to_owned).collect()
    }

    /// The standard module that declares this name, for the hint to import it.
    fn exporter(&self, name: &str, kinds: &[&str]) -> Option<&'w str> {
        let standard = self.world.modules.iter().enumerate().filter(|(_, module)| module.key.starts_with("std."));
        standard.filter(|(number, _)| self.world.own(*number, name, kinds).is_some()).map(|(_, module)| module.key.as_str()).next()
    }

    /// The kind of a declaration of this name that can be seen here, whichever it is.
    fn another_kind(&self, module: usize, path: &[Name]) -> Option<&'w str> {
        self.find(module, path, KINDS).and_then(|id| self.item(id)).map(|item| item.kind.text.as_str())
    }

    /// A declaration of the library whose name holds this one, with its module: `std.search.uniform_mutation` for `uniform`.
    fn resembling(&self, name: &str, kinds: &[&str]) -> Option<String> {
        let standard = self.world.modules.iter().filter(|module| module.key.starts_with("std."));
        let mut items = standard.flat_map(|module| module.ast.items.iter().map(move |item| (&module.key, item)));
        let found = items.find(|(_, item)| {
            kinds.contains(&item.kind.text.as_str()) && name.len() > 2 && item.name.text.split('_').any(|part| part == name)
        });
        found.map(|(key, item)| format!("{key}.{}", item.name.text))
    }

    /// Runs `work` with the declaration marked as in work; a declaration met again is a circle, reported at `span`.
    ///
    /// A graph may stand inside itself as an argument (`encoder_layer(encoder_layer(mixer))`), so for graphs only many
    /// levels are taken for a circle.
    pub(super) fn within<T>(&self, id: ItemId, span: Span, work: impl FnOnce() -> Option<T>) -> Option<T> {
        let levels = if self.item(id).is_some_and(|item| item.kind.text == "graph") { 8 } else { 1 };
        if self.busy.borrow().iter().filter(|busy| **busy == id).count() >= levels {
            let name = self.item(id).map_or("", |item| &item.name.text);
            let place = self.item(id).map_or(span, |item| item.name.span);
            // Where the declaration in work names this one; who asked for it knows no more than its name.
            let user = self.busy.borrow().last().and_then(|busy| self.item(*busy)).map_or(place, |item| item.span);
            let inside = |used: &Span| used.file == user.file && user.start <= used.start && used.end <= user.end;
            let used = self.references.borrow().iter().find(|(used, target)| **target == id && inside(used)).map(|(used, _)| *used);
            let span = used.unwrap_or(span);
            let message = format!("`{name}` is defined through itself");
            let diagnostic =
                Diagnostic::error(Code::CYCLE, message).at(span, "used here, within its own definition").at(place, "declared here");
            return self.fail(diagnostic.help("recursion is not part of the language; `repeat(k) { … }` repeats a layer"));
        }
        self.busy.borrow_mut().push(id);
        let result = self.asked_at(span, work);
        self.busy.borrow_mut().pop();
        result
    }
}
