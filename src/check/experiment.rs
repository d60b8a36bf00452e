//! The whole experiment: settings, space, architectures to compare, data.

use super::bundle::{Bundle, SpaceSource};
use super::data::{Data, Places, places};
use super::fingerprint::{describe, evaluation, paths};
use super::literal::path_of;
use super::modules::ItemId;
use super::value::Val;
use super::{Checker, SharedSpace};
use crate::diagnostic::{Code, Diagnostic, FileId, Result, Sources, Span, nearest};
use crate::graph::{Graph, Hash};
use crate::settings::{self, Experiment};
use crate::space::{self, Architecture};
use crate::syntax::ast::{Expr, ExprKind, ItemBody, Name};

/// An experiment that has been checked and can be carried out.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Every record, resolved.
    pub settings: Experiment,
    /// The space that is searched.
    pub space: SharedSpace,
    /// Known architectures to train beside the best found.
    pub compare: Vec<NamedArchitecture>,
    /// The graphs around an encoder.
    pub models: Models,
    /// The data files, with a hash of the contents of each; empty where an environment variable that names them is not set.
    pub data: Data,
    /// Where each path of data is named, the declaration first.
    pub places: Places,
    /// The sources that these places lie in.
    pub sources: Sources,
    /// The hash of the experiment's meaning.
    pub fingerprint: Hash,
    /// The identity of what the loss of an architecture trained from scratch depends on, besides the seed and
    /// names: space, model, text, training.
    pub evaluation: Hash,
    /// The experiment as one self-contained source.
    pub source: String,
    /// Its space, as a source of its own; `None` where it names none.
    pub space_source: Option<SpaceSource>,
}

impl Checked {
    /// How architectures are proposed.
    ///
    /// # Errors
    /// Where the experiment searches nothing.
    pub fn search(&self) -> Result<&settings::Search> {
        self.settings.search.as_ref().ok_or_else(|| self.lacks("search"))
    }

    /// How candidates are judged.
    ///
    /// # Errors
    /// Where the experiment judges none.
    pub fn evaluate(&self) -> Result<&settings::Evaluate> {
        self.settings.evaluate.as_ref().ok_or_else(|| self.lacks("evaluate"))
    }

    /// The space as a source of its own.
    ///
    /// # Errors
    /// Where the experiment names no space.
    pub fn space_source(&self) -> Result<&SpaceSource> {
        self.space_source.as_ref().ok_or_else(|| self.lacks("space"))
    }

    fn lacks(&self, field: &str) -> Box<Diagnostic> {
        let message = format!("`{}` has no `{field}`, which this needs", self.settings.name);
        Box::new(Diagnostic::error(Code::NO_SEARCH, message).help("`search = op_nas`, `evaluate = biws { … }`"))
    }
}

/// An architecture with its name and the space it fills.
#[derive(Clone, Debug)]
pub struct NamedArchitecture {
    /// Its name, as `bert.first(4)`.
    pub name: String,
    /// The space it fills.
    pub space: SharedSpace,
    /// Its fillings.
    pub architecture: Architecture,
}

impl NamedArchitecture {
    /// What it computes and with which parameters, whatever it is called: its space's graph and its fillings.
    pub fn identity(&self) -> Hash {
        identity(&self.space, &self.architecture)
    }
}

/// What an architecture computes and with which parameters.
pub(super) fn identity(space: &space::Space, architecture: &Architecture) -> Hash {
    let fillings = space::hash(space, architecture).to_string();
    crate::graph::identity::Digest::new().text(&describe(space)).text(&paths(space)).text(&fillings).finish()
}

/// The graphs around an encoder, each with a hole named `body`.
#[derive(Clone, Debug)]
pub struct Models {
    /// With the masked-LM head: `tokens`, `segments`, `at` to `[p, v]`.
    pub masked_lm: Graph,
    /// With pooler and task head: `tokens`, `segments` to `[1, c]`.
    pub classifier: Graph,
}

/// An experiment's records and what they name.
struct Resolved {
    value: Val,
    settings: Experiment,
    space: SharedSpace,
    compare: Vec<NamedArchitecture>,
    data: Data,
    places: Places,
}

impl Checker<'_> {
    /// Checks every declaration of a module by itself.
    pub fn check_module(&self, key: &str) {
        self.in_turn(key).into_iter().for_each(|id| self.check_item(id));
        self.check_whole(key);
    }

    /// The declarations of a module, tests last: what a test finds on the way to a claim it keeps to itself.
    pub(super) fn in_turn(&self, key: &str) -> Vec<ItemId> {
        let is_test = |id: &ItemId| self.item(*id).is_some_and(|item| item.kind.text == "test");
        let (tests, others): (Vec<_>, Vec<_>) = self.world.items_of(key).into_iter().partition(is_test);
        others.into_iter().chain(tests).collect()
    }

    /// Checks what no declaration shows by itself.
    pub(super) fn check_whole(&self, key: &str) {
        // A mistake may hide a use: a misspelt name, an item that was not read.
        if !self.failed() {
            self.world.file_of(key).iter().for_each(|file| self.unused(file));
        }
    }

    pub(super) fn check_item(&self, id: ItemId) {
        let Some(item) = self.item(id) else { return };
        if !self.checked.borrow_mut().insert(id) {
            return;
        }
        match item.kind.text.as_str() {
            "primitive" | "op" => drop(self.op(id)),
            "ops" => match &item.body {
                ItemBody::Value(expr) => drop(self.op_set(id.module, expr)),
                _ => self.report(
                    Diagnostic::error(Code::OPS_WANTED, "a set of operations is a list")
                        .at(item.name.span, "not a list")
                        .help("`ops mine = [add, matmul]`"),
                ),
            },
            "graph" => drop(self.graph(id)),
            "space" => drop(self.space_item(id, item.name.span).and_then(|space| self.built_space(&space))),
            "architecture" => drop(self.architecture_item(id, item.name.span)),
            "experiment" => drop(self.resolved(id, &[])),
            "test" => self.check_test(id),
            // The grammar knows no other kind.
            kind => {
                let value = settings::schema_of(kind).and_then(|schema| self.record_item(id, schema(), item.name.span));
                value.filter(|_| kind == "task").iter().for_each(|value| self.task_alone(value));
            }
        }
    }

    /// The experiments that a module declares, with their names.
    pub fn experiments(&self, key: &str) -> Vec<(ItemId, String)> {
        let items = self.world.items_of(key).into_iter();
        items
            .filter_map(|id| self.item(id).filter(|item| item.kind.text == "experiment").map(|item| (id, item.name.text.clone())))
            .collect()
    }

    /// What a name says: a declared graph, operation, space or architecture, as a graph. The name is the text of the source `place`.
    pub fn named_graph(&self, key: &str, name: &str, place: FileId) -> Option<Graph> {
        let module = self.world.module_of(key)?;
        let expr = self.named(name, place)?;
        if self.is_architecture(module, &expr) {
            let architecture = self.architecture_expr(module, &expr)?;
            return match space::instantiate(&architecture.space, &architecture.architecture) {
                Ok(graph) => Some(graph),
                Err(error) => self.fail(*error),
            };
        }
        let path = path_of(&expr)?;
        if let Some(id) = self.find(module, path, &["graph"]) {
            return self.graph(id);
        }
        if let Some(id) = self.find(module, path, &["op"]) {
            return self.op(id)?.body.clone();
        }
        let id = self.find(module, path, &["space"])?;
        let space = self.space_item(id, expr.span)?;
        Some(self.built_space(&space)?.body.clone())
    }

    /// A declared architecture by name, with or without `.first(k)`. The name is the text of the source `place`.
    pub fn named_architecture(&self, key: &str, name: &str, place: FileId) -> Option<NamedArchitecture> {
        let module = self.world.module_of(key)?;
        let expr = self.named(name, place)?;
        let value = if self.is_architecture(module, &expr) { self.architecture_expr(module, &expr) } else { None }?;
        Some(NamedArchitecture { name: value.name.clone(), space: value.space.clone(), architecture: value.architecture.clone() })
    }

    fn named(&self, name: &str, place: FileId) -> Option<Expr> {
        crate::syntax::parse_expression(place, name).map_or_else(|mistake| self.fail(*mistake), Some)
    }

    /// Whether the expression begins with the name of an architecture.
    pub(super) fn is_architecture(&self, module: usize, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Call { callee, .. } => self.is_architecture(module, callee),
            ExprKind::Member { base, .. } => self.is_architecture(module, base),
            ExprKind::Path(path) => {
                let head = path.split_last().map_or(&[][..], |(_, head)| head);
                [path.as_slice(), head].into_iter().any(|path| self.find(module, path, &["architecture"]).is_some())
            }
            _ => false,
        }
    }

    /// The declaration of one of these kinds that a name which means nothing in the module may stand for, in full.
    pub fn meant(&self, key: &str, name: &str, kinds: &[&str]) -> Option<String> {
        let module = self.world.module_of(key)?;
        let last = name.rsplit('.').next().unwrap_or(name);
        let modules = self.world.modules.iter().enumerate().filter(|(number, known)| *number == module || known.key.starts_with("std."));
        let items = modules.flat_map(|(number, known)| known.ast.items.iter().map(move |item| (number == module, &known.key, item)));
        let known: Vec<(&str, String)> = items
            .filter(|(.., item)| kinds.contains(&item.kind.text.as_str()))
            .map(|(own, key, item)| {
                (item.name.text.as_str(), if own { item.name.text.clone() } else { format!("{key}.{}", item.name.text) })
            })
            .collect();
        let near = known.iter().find(|(known, _)| *known == last).map(|(known, _)| *known);
        let near = near.or_else(|| nearest(last, known.iter().map(|(known, _)| *known)))?;
        known.into_iter().find(|(known, _)| *known == near).map(|(_, full)| full)
    }

    /// A `space` declaration by name.
    pub fn named_space(&self, key: &str, name: &str) -> Option<SharedSpace> {
        let module = self.world.module_of(key)?;
        let path: Vec<Name> = name.split('.').map(|part| Name { text: part.to_owned(), span: Span::default() }).collect();
        let id = self.find(module, &path, &["space"])?;
        let space = self.space_item(id, Span::default())?;
        self.built_space(&space)
    }

    /// The spaces of a module's experiments, each once; where there is no experiment, the spaces it declares.
    pub fn spaces_of(&self, key: &str) -> Vec<SharedSpace> {
        let mut found: Vec<SharedSpace> = Vec::new();
        for (id, _) in self.experiments(key) {
            let value = self.item(id).and_then(|item| self.record_item(id, Experiment::schema(), item.name.span));
            if let Some(Val::Space(space, _)) = value.as_ref().and_then(|value| value.get(&["space"])) {
                found.extend(self.built_space(space).filter(|space| !found.iter().any(|known| std::sync::Arc::ptr_eq(known, space))));
            }
        }
        if found.is_empty() {
            let declared = self.world.items_of(key).into_iter().filter_map(|id| Some((id, self.item(id)?)));
            let spaces = declared.filter(|(_, item)| item.kind.text == "space");
            found.extend(spaces.filter_map(|(id, item)| self.space_item(id, item.name.span)).filter_map(|space| self.built_space(&space)));
        }
        found
    }

    /// The graphs around an encoder, from the standard library.
    pub fn models(&self) -> Option<Models> {
        let graph = |name: &str| self.world.standard("layers", name, &["graph"]).and_then(|id| self.graph(id));
        Some(Models { masked_lm: graph("masked_lm")?, classifier: graph("classifier")? })
    }

    /// An experiment with fields changed as `--set` says; `None` where it has a mistake.
    pub fn experiment(&self, id: ItemId, changes: &[(Vec<Name>, Expr)]) -> Option<Checked> {
        let Resolved { value, settings, space, compare, data, places } = self.resolved(id, changes)?;
        // Nothing is carried out of a file with mistakes, whoever's they are.
        if self.failed() {
            return None;
        }
        let models = self.models()?;
        let fingerprint = self.fingerprint(&settings, &space, &compare, &data);
        let evaluation = evaluation(&settings, &space, &data);
        let bundle = Bundle::new(self, id, &value);
        let space_source = bundle.space();
        let source = bundle.experiment(&settings);
        let sources = self.world.sources.clone();
        Some(Checked { settings, space, compare, models, data, places, sources, fingerprint, evaluation, source, space_source })
    }

    /// The records and graphs of an experiment, whose mistakes are found here.
    fn resolved(&self, id: ItemId, changes: &[(Vec<Name>, Expr)]) -> Option<Resolved> {
        let before = self.mistakes();
        let schema = Experiment::schema();
        let mut value = self.record_item(id, schema, self.item(id)?.name.span)?;
        if let Val::Record(fields, _) = &mut value {
            for (path, expr) in changes {
                self.set(id.module, schema.fields, "an experiment", fields, path, expr);
            }
        }
        self.complete(&value, schema, "");
        let searched = match value.get(&["space"]) {
            Some(Val::Space(space, _)) => Some(self.built_space(space)),
            _ => None,
        };
        let compare = match value.get(&["compare"]) {
            Some(Val::List(items, _)) => items
                .iter()
                .filter_map(|item| match item {
                    Val::Architecture(value, _) => Some(NamedArchitecture {
                        name: value.name.clone(),
                        space: value.space.clone(),
                        architecture: value.architecture.clone(),
                    }),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        self.told_apart(&value, value.get(&["search"]).is_some());
        if self.mistakes() > before {
            return None;
        }
        let settings: Experiment = match serde_json::from_value(value.to_json()) {
            Ok(settings) => settings,
            Err(error) => {
                return self.fail(
                    Diagnostic::error(Code::INTERNAL, format!("the experiment cannot be read back: {error}"))
                        .at(value.span(), "in this experiment"),
                );
            }
        };
        self.sense(&value, &settings);
        self.idle_fields(&value, &settings);
        self.tasks(&value, &settings);
        let places = places(&value, &settings, self.files);
        let data = self.data_of(&places);
        if self.mistakes() > before {
            return None;
        }
        // Without a search, architectures are all there is.
        let space = searched.unwrap_or_else(|| compare.first().map(|known| known.space.clone()))?;
        if settings.search.is_some() {
            self.other_depth(&value, &space);
            self.parities(&value, &settings, &space);
            self.more_than_there_are(&value, &settings, &space);
        }
        Some(Resolved { value, settings, space, compare, data, places })
    }
}
