//! What no single field can tell: values of an experiment that do not go together.

use super::Checker;
use super::value::Val;
use crate::diagnostic::{Code, Diagnostic, Span, counted};
use crate::settings::{self, Experiment};
use crate::space::Space;

impl Checker<'_> {
    /// Reports architectures of `compare` whose rows and files could not be told apart, from one another or from what the search finds.
    pub(super) fn told_apart(&self, experiment: &Val) {
        let Some(Val::List(items, _)) = experiment.get(&["compare"]) else { return };
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for item in items {
            let Val::Architecture(architecture, span) = item else { continue };
            let name = architecture.name.as_str();
            let help = format!("import or declare it under another name: `{{ {name} as another }}`");
            if name == "best" {
                let message = "in the table `best` is what this search finds";
                self.report(Diagnostic::error(Code::DUPLICATE_NAME, message).at(*span, "another one of that name").help(help));
            } else if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name) {
                let message = format!("`compare` has two architectures called `{name}`");
                self.report(
                    Diagnostic::error(Code::DUPLICATE_NAME, message).at(*span, "named again").at(*first, "named here first").help(help),
                );
            }
            seen.push((name, *span));
        }
    }

    /// Warns of architectures of `compare` that are deeper or flatter than what is searched.
    pub(super) fn other_depth(&self, experiment: &Val, space: &Space) {
        let Some(Val::List(items, _)) = experiment.get(&["compare"]) else { return };
        let depth = |space: &Space| space.declared.unwrap_or(space.layers);
        let wanted = depth(space);
        for item in items {
            let Val::Architecture(known, span) = item else { continue };
            let found = depth(&known.space);
            if found != wanted {
                let message = format!("`{}` has {}, and the space {wanted}", known.name, counted(found, "layer"));
                let name = self.world.sources.snippet(*span);
                let help = if found > wanted {
                    format!("`{name}.first({wanted})`")
                } else {
                    format!("a space with `layers = {found}`, or another architecture")
                };
                self.report(Diagnostic::warning(Code::OTHER_DEPTH, message).at(*span, "differs in depth too").help(help));
            }
        }
    }

    /// Reports values that do not go together.
    pub(super) fn sense(&self, value: &Val, settings: &Experiment) {
        let span = |path: &[&str]| (0..=path.len()).rev().find_map(|far| value.get(path.get(..far)?)).unwrap_or(value).span();
        // A field of a record that may have been changed far from where the record is declared.
        let field = |path: &[&str], name: &[&str]| span(&[path, name].concat());
        let model = &settings.model;
        if !model.hidden.is_multiple_of(model.heads) {
            let message = format!("{} heads do not divide a width of {}", model.heads, model.hidden);
            let mut places = [(span(&["model", "hidden"]), "this width"), (span(&["model", "heads"]), "these heads")];
            // What the standard library says is not what was changed.
            places.sort_by_key(|(span, _)| self.world.sources.name(span.file).starts_with("std."));
            self.report(
                places
                    .into_iter()
                    .fold(Diagnostic::error(Code::HEADS, message), |told, (span, text)| told.at(span, text))
                    .help("choose `heads` so that `hidden / heads` is whole"),
            );
        }
        let trains = [(&["final", "pretrain"][..], &settings.r#final.pretrain), (&["evaluate", "pretrain"], &settings.evaluate.pretrain)];
        for (path, train) in trains {
            if !matches!(train.objective, settings::Objective::Mlm { .. }) {
                self.report(
                    Diagnostic::error(Code::OBJECTIVE, "pre-training needs `objective = mlm { … }`")
                        .at(span(path), "learns from labels")
                        .help("`std.train.pretrain`"),
                );
            }
            for settings::Phase::Phase { length, .. } in &train.phases {
                if *length > model.length {
                    let message = format!("a phase of length {length} exceeds the model's {}", model.length);
                    self.report(
                        Diagnostic::error(Code::PHASE, message).at(field(path, &["phases"]), "in its phases").help("raise `model.length`"),
                    );
                }
            }
            let evaluate = &settings.evaluate;
            let shortest = if path.first() == Some(&"final") {
                train.steps
            } else {
                [evaluate.warmup, evaluate.adapt].into_iter().filter(|steps| *steps > 0).min().unwrap_or(0)
            };
            if let settings::Schedule::Linear { warmup, .. } | settings::Schedule::Cosine { warmup, .. } = &train.schedule
                && *warmup >= 1.0
                && *warmup >= shortest as f64
                && shortest > 0
            {
                let message = format!("the learning rate warms up over {warmup} steps, and a training here has only {shortest}");
                let help = "give the warm-up as a share: `pretrain { schedule.warmup = 10% }`";
                self.report(
                    Diagnostic::warning(Code::WARM_UP, message)
                        .at(field(path, &["schedule", "warmup"]), "it never reaches its full learning rate")
                        .help(help),
                );
            }
            if let settings::Optimizer::Adamw { betas, .. } = &train.optimizer
                && betas.len() != 2
            {
                self.report(
                    Diagnostic::error(Code::BETAS, "`betas` are two numbers")
                        .at(field(path, &["optimizer", "betas"]), "in its optimizer")
                        .help("`betas = [0.9, 0.999]`"),
                );
            }
        }
        let suites = [
            (&["final", "suite", "train"][..], &settings.r#final.suite.train),
            (&["evaluate", "suite", "train"], &settings.evaluate.suite.train),
        ];
        for (path, train) in trains.into_iter().chain(suites) {
            if train.precision == settings::Precision::Bf16 && settings.device == settings::Device::Cpu {
                self.report(
                    Diagnostic::error(Code::PRECISION, "bf16 needs a GPU, and the device is the CPU")
                        .at(field(path, &["precision"]), "asks for `precision = bf16`")
                        .help("`device = cuda` in the experiment, or `--device cuda:0`; or `precision = f32`"),
                );
            }
        }
        if settings.r#final.pretrain.steps == 0 {
            self.report(
                Diagnostic::error(Code::NO_STEPS, "the final pre-training has no steps")
                    .at(span(&["final", "pretrain", "steps"]), "`steps` is 0")
                    .help("`steps = 800`"),
            );
        }
        for (path, suite) in [(&["final", "suite"][..], &settings.r#final.suite), (&["evaluate", "suite"], &settings.evaluate.suite)] {
            if suite.tasks.is_empty() {
                self.report(
                    Diagnostic::error(Code::NO_TASKS, "this suite has no tasks")
                        .at(field(path, &["tasks"]), "nothing to score on")
                        .help("`tasks = [order, kin, overlap]`"),
                );
            }
            if suite.train.objective != settings::Objective::Labels || suite.train.epochs == 0 {
                self.report(
                    Diagnostic::error(Code::OBJECTIVE, "a suite's `train` learns labels, by epochs")
                        .at(field(path, &["train"]), "this one does not")
                        .help("`train = finetune { epochs = 3 }`"),
                );
            }
        }
        if settings.agreement.is_some() && settings.evaluate.method == settings::Method::Scratch {
            self.report(
                Diagnostic::error(
                    Code::AGREEMENT,
                    "rank agreement compares shared weights with training from scratch, and nothing is shared here",
                )
                .at(span(&["agreement"]), "asks for it")
                .at(span(&["evaluate", "method"]), "trains from scratch")
                .help("`evaluate = biws { … }`, or leave `agreement` out"),
            );
        }
        if let settings::Method::Biws { paths: settings::PathSampling::ByPriority, refresh: 0, .. } = settings.evaluate.method {
            let message = "`paths = by_priority` makes no difference: priorities are known after a generation, and nothing is learnt then";
            self.report(
                Diagnostic::warning(Code::IDLE_PATHS, message)
                    .at(span(&["evaluate", "method", "paths"]), "`refresh` is 0")
                    .help("`refresh = 100 steps`"),
            );
        }
        if let Some(halving) = &settings.search.halving {
            let first = settings.evaluate.adapt as f64 * halving.keep.powi(i32::try_from(halving.rungs).unwrap_or(i32::MAX) - 1);
            if first < 1.0 {
                let message = format!(
                    "{} rungs of {} steps of adaptation leave less than a step to the first",
                    halving.rungs, settings.evaluate.adapt
                );
                self.report(
                    Diagnostic::error(Code::RUNGS, message)
                        .at(span(&["search", "halving"]), "too many rungs")
                        .at(span(&["evaluate", "adapt"]), "too few steps")
                        .help("raise `evaluate.adapt`, or take fewer rungs"),
                );
            }
        }
        let measures: Vec<&settings::Measure> = settings.objective.iter().map(|goal| goal.sought().0).collect();
        let twice = measures.iter().enumerate().any(|(place, measure)| measures.iter().skip(place + 1).any(|other| other == measure));
        if measures.is_empty() || twice {
            let message = if twice { "two objectives are about the same measure" } else { "a search needs an objective" };
            self.report(
                Diagnostic::error(Code::OBJECTIVES, message)
                    .at(span(&["objective"]), if twice { "named twice" } else { "nothing is sought" })
                    .help("`objective = maximize(score)`, or several: `[maximize(score), minimize(params)]`"),
            );
        }
        if let Some(settings::Stop::Any { plateau, .. }) = &settings.search.stop {
            let search = &settings.search;
            let later =
                search.evaluations.saturating_sub(search.population).div_ceil(search.parents.saturating_mul(search.children).max(1));
            if *plateau > 0 && *plateau >= later as u64 {
                let message = format!("a plateau of {plateau} generations never comes about: this search has {later} after the first");
                self.report(
                    Diagnostic::warning(Code::IDLE_STOP, message)
                        .at(span(&["search", "stop", "plateau"]), "as long as the search itself, or longer")
                        .help("lower it, or raise `search.evaluations`"),
                );
            }
        }
        if settings.evaluate.holdout <= 0.0 {
            let message = "candidates need a hold-out to be scored on";
            self.report(
                Diagnostic::error(Code::HOLD_OUT, message).at(span(&["evaluate", "holdout"]), "`holdout` is 0").help("`holdout = 10%`"),
            );
        }
    }
}
