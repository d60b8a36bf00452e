//! What no single field can tell: values of an experiment that do not go together.

use super::Checker;
use super::roles::repeated;
use super::value::Val;
use crate::diagnostic::{Code, Diagnostic, Span, nearest};
use crate::settings::{self, Experiment};

impl Checker<'_> {
    /// Reports architectures of `compare` whose rows and files could not be told apart, from one another or from what the search finds.
    pub(super) fn told_apart(&self, experiment: &Val, searched: bool) {
        let Some(Val::List(items, _)) = experiment.get(&["compare"]) else { return };
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for item in items {
            let Val::Architecture(architecture, span) = item else { continue };
            let name = architecture.name.as_str();
            let help = format!("import or declare it under another name: `{{ {name} as another }}`");
            if name == "best" && searched {
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
        self.has_all(value, settings);
        for (holder, train) in settings.pretrainings() {
            let path = &[holder, "pretrain"];
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
            let shortest = match &settings.evaluate {
                Some(evaluate) if holder == "evaluate" => {
                    [evaluate.warmup, evaluate.adapt].into_iter().filter(|steps| *steps > 0).min().unwrap_or(0)
                }
                _ => train.steps,
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
            let phases: f64 = train.phases.iter().map(|settings::Phase::Phase { share, .. }| share).sum();
            if !train.phases.is_empty() && (phases - 1.0).abs() > ROUNDED {
                self.report(
                    Diagnostic::error(Code::SHARES, format!("the shares of the phases are {}% of the steps", percent(phases)))
                        .at(field(path, &["phases"]), "in these phases")
                        .help("their shares come to 100% in all: `phases = [phase(90%, length = 128), phase(10%, length = 512)]`"),
                );
            }
            if let settings::Objective::Mlm { mask, .. } = &train.objective
                && *mask <= 0.0
            {
                self.report(
                    Diagnostic::error(Code::OBJECTIVE, "nothing is masked, so nothing is predicted and nothing learnt")
                        .at(field(path, &["objective"]), "`mask` is 0")
                        .help("`mask = 15%`"),
                );
            }
            if let settings::Objective::Mlm { replace, random, .. } = &train.objective
                && replace + random > 1.0 + ROUNDED
            {
                let message = format!("{}% are to be replaced by `[MASK]` or by a random token", percent(replace + random));
                self.report(
                    Diagnostic::error(Code::SHARES, message)
                        .at(field(path, &["objective"]), "in its objective")
                        .help("`replace` and `random` come to at most 100%; the rest stay as they are: BERT's are 80% and 10%"),
                );
            }
        }
        let pretrained = settings.pretrainings().map(|(holder, train)| (vec![holder, "pretrain"], train));
        let tuned = settings.suites().map(|(holder, suite)| (vec![holder, "suite", "train"], &suite.train));
        for (path, train) in pretrained.chain(tuned) {
            if let settings::Optimizer::Adamw { betas, .. } = &train.optimizer
                && (betas.len() != 2 || betas.iter().any(|beta| *beta >= 1.0))
            {
                self.report(
                    Diagnostic::error(Code::BETAS, "`betas` are two numbers from 0 to below 1")
                        .at(field(&path, &["optimizer", "betas"]), "in its optimizer")
                        .help("`betas = [0.9, 0.999]`"),
                );
            }
            if train.precision == settings::Precision::Bf16 && settings.device == settings::Device::Cpu {
                self.report(
                    Diagnostic::error(Code::PRECISION, "bf16 needs a GPU, and the device is the CPU")
                        .at(field(&path, &["precision"]), "asks for `precision = bf16`")
                        .help("`device = cuda` in the experiment, or `--device cuda:0`; or `precision = f32`"),
                );
            }
        }
        if settings.r#final.pretrain.as_ref().is_some_and(|pretrain| pretrain.steps == 0) {
            self.report(
                Diagnostic::error(Code::NO_STEPS, "the final pre-training has no steps")
                    .at(span(&["final", "pretrain", "steps"]), "`steps` is 0")
                    .help("`steps = 800`"),
            );
        }
        for (holder, suite) in settings.suites() {
            let path = &[holder, "suite"];
            if suite.tasks.is_empty() {
                self.report(
                    Diagnostic::error(Code::NO_TASKS, "this suite has no tasks")
                        .at(field(path, &["tasks"]), "nothing to score on")
                        .help("`tasks = [order, kin, overlap]`"),
                );
            }
            if let Some(task) = repeated(&suite.tasks, |one, other| one.name == other.name) {
                let message = format!("two tasks of this suite are called `{}`", task.name);
                let help = format!("declare one of them under a name of its own: `task {}_2 = {} {{ … }}`", task.name, task.name);
                self.report(
                    Diagnostic::error(Code::TASK_PARTS, message).at(field(path, &["tasks"]), "told apart by their names").help(help),
                );
            }
            if let Some(task) = suite.tasks.iter().find(|task| suite.tasks.iter().any(|other| other.second() == task.name)) {
                let message = format!("`{}` is what the second dev set of another task of this suite is called", task.name);
                let help = "declare it under another name";
                self.report(
                    Diagnostic::error(Code::TASK_PARTS, message).at(field(path, &["tasks"]), "told apart by their names").help(help),
                );
            }
            self.intermediate(suite, &|below| field(path, below));
            if suite.train.objective != settings::Objective::Labels || suite.train.epochs == 0 {
                let learns = suite.train.objective == settings::Objective::Labels;
                let (wrong, text) = if learns { ("epochs", "this is 0") } else { ("objective", "this one does not") };
                self.report(
                    Diagnostic::error(Code::OBJECTIVE, "a suite's `train` learns labels, by epochs")
                        .at(field(path, &["train", wrong]), text)
                        .help("`train = finetune { epochs = 3 }`"),
                );
            }
        }
        if let (Some(search), Some(evaluate)) = (&settings.search, &settings.evaluate) {
            self.sense_of_search(value, settings, search, evaluate);
        }
    }

    /// Reports what is missing from an experiment that would be whole with a search, or without one.
    fn has_all(&self, value: &Val, settings: &Experiment) {
        let Experiment { search, evaluate, r#final: last, .. } = settings;
        let at = |path: &[&str]| (0..=path.len()).rev().find_map(|far| value.get(path.get(..far)?)).unwrap_or(value).span();
        let missing = |field: &str, at: Span, text: &str, help: &str| {
            self.report(Diagnostic::error(Code::MISSING_FIELD, format!("`{field}` is missing")).at(at, text).help(help));
        };
        match (search, evaluate) {
            (Some(_), None) => {
                missing("evaluate", at(&["search"]), "this search judges candidates, and nothing says how", "`evaluate = biws { … }`")
            }
            (None, Some(_)) => missing(
                "search",
                at(&["evaluate"]),
                "nothing is proposed that could be judged",
                "`search = op_nas`, or leave `evaluate` out",
            ),
            (Some(_), Some(_)) if settings.space.is_empty() => {
                missing("space", at(&["search"]), "nothing says what is searched", "`space = std.spaces.autobert_zero { layers = 4 }`");
            }
            _ => {}
        }
        if search.is_none() {
            let needs = [("compare_random", settings.compare_random > 0), ("agreement", settings.agreement.is_some())];
            for (field, given) in needs {
                if given {
                    let message = format!("`{field}` draws members of a space that is searched, and nothing is searched here");
                    self.report(
                        Diagnostic::error(Code::NO_SEARCH, message).at(at(&[field]), "needs a search").help(format!("leave `{field}` out")),
                    );
                }
            }
            if settings.compare.is_empty() {
                let message = "nothing is searched here, and nothing is compared";
                let help = "give it `search` and `evaluate`, or architectures: `compare = [std.architectures.bert.first(4)]`";
                self.report(Diagnostic::error(Code::NO_SEARCH, message).at(value.span(), "there is nothing to train").help(help));
            }
        }
        if last.pretrain.is_none() && last.weights.is_none() {
            missing(
                "pretrain",
                at(&["final"]),
                "models start from random weights and are never pre-trained",
                "`pretrain = std.train.pretrain`, or `weights`",
            );
        }
        if settings.corpus.is_none() && (last.pretrain.is_some() || search.is_some()) {
            missing("corpus", value.span(), "nothing says what is pre-trained on", "`corpus = text(\"my.txt\")`");
        }
        if search.is_some() && last.weights.is_some() {
            let message = "what a search finds does not fit weights that were trained elsewhere";
            let help = "leave `weights` out, or compare known architectures without a search";
            self.report(
                Diagnostic::error(Code::WEIGHTS, message)
                    .at(at(&["final", "weights"]), "every model would start from these")
                    .at(at(&["search"]), "and this finds models of its own")
                    .help(help),
            );
        }
    }

    /// Reports values of a search and of its evaluation that do not go together.
    fn sense_of_search(&self, value: &Val, settings: &Experiment, search: &settings::Search, evaluate: &settings::Evaluate) {
        let span = |path: &[&str]| (0..=path.len()).rev().find_map(|far| value.get(path.get(..far)?)).unwrap_or(value).span();
        if settings.agreement.is_some() && evaluate.method == settings::Method::Scratch {
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
        if let settings::Method::Biws { paths: settings::PathSampling::ByPriority, refresh: 0, .. } = evaluate.method {
            let message = "`paths = by_priority` makes no difference: priorities are known after a generation, and nothing is learnt then";
            self.report(
                Diagnostic::warning(Code::IDLE_PATHS, message)
                    .at(span(&["evaluate", "method", "paths"]), "`refresh` is 0")
                    .help("`refresh = 100 steps`"),
            );
        }
        if let settings::Method::Biws { rescore_parents: true, .. } = evaluate.method
            && search.algorithm == settings::Algorithm::Random
        {
            let message = "`rescore_parents` makes no difference: random search has no parents";
            self.report(Diagnostic::warning(Code::IDLE_FIELD, message).at(span(&["evaluate", "method", "rescore_parents"]), "not used"));
        }
        if let Some(halving) = &search.halving {
            // Beyond some hundred rungs the first has no step, and no list of them is needed.
            let rungs: Vec<u64> = (0..halving.rungs.min(1_000)).map(|rung| halving.steps(evaluate.adapt, rung)).collect();
            let first = evaluate.adapt as f64 * halving.keep.powi(i32::try_from(halving.rungs).unwrap_or(i32::MAX) - 1);
            let why = match rungs.windows(2).position(|pair| pair.first() == pair.last()) {
                _ if first < 1.0 => Some("leave less than a step to the first".to_owned()),
                Some(rung) => Some(format!("leave no step between rungs {} and {}", rung + 1, rung + 2)),
                None => None,
            };
            if let Some(why) = why {
                let message = format!("{} rungs of {} steps of adaptation {why}", halving.rungs, evaluate.adapt);
                self.report(
                    Diagnostic::error(Code::RUNGS, message)
                        .at(span(&["search", "halving"]), "too many rungs")
                        .at(span(&["evaluate", "adapt"]), "too few steps")
                        .help("raise `evaluate.adapt`, or take fewer rungs"),
                );
            }
        }
        let measures: Vec<&settings::Measure> = settings.objective.iter().map(|goal| goal.sought().0).collect();
        let twice = repeated(&measures, |one, other| one == other).is_some();
        if measures.is_empty() || twice {
            let message = if twice { "two objectives are about the same measure" } else { "a search needs an objective" };
            self.report(
                Diagnostic::error(Code::OBJECTIVES, message)
                    .at(span(&["objective"]), if twice { "named twice" } else { "nothing is sought" })
                    .help("`objective = maximize(score)`, or several: `[maximize(score), minimize(params)]`"),
            );
        }
        for goal in settings.objective.iter().filter(|_| !twice) {
            let (measure, other) = match goal {
                settings::Goal::Minimize { of: settings::Measure::Score } => ("score", "maximize(score)"),
                settings::Goal::Maximize { of: settings::Measure::Loss } => ("loss", "minimize(loss)"),
                _ => continue,
            };
            let message = format!("this search looks for the worst `{measure}`");
            self.report(
                Diagnostic::warning(Code::BACKWARD, message).at(span(&["objective"]), "the wrong way round").help(format!("`{other}`")),
            );
        }
        self.search_numbers(search, &span);
        if let Some(settings::Stop::Any { plateau, .. }) = &search.stop {
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
        if evaluate.holdout <= 0.0 {
            let message = "candidates need a hold-out to be scored on";
            self.report(
                Diagnostic::error(Code::HOLD_OUT, message).at(span(&["evaluate", "holdout"]), "`holdout` is 0").help("`holdout = 10%`"),
            );
        }
    }

    /// Reports tasks of an intermediate training that the suite does not have.
    fn intermediate(&self, suite: &settings::Suite, at: &dyn Fn(&[&str]) -> Span) {
        let Some(settings::Intermediate { task, before }) = &suite.intermediate else { return };
        let tasks = || suite.tasks.iter().map(|task| task.name.as_str());
        let named = [("task", task)].into_iter().chain(before.iter().map(|name| ("before", name)));
        for (field, name) in named {
            if !tasks().any(|known| known == name) {
                let help = nearest(name, tasks()).map_or_else(
                    || format!("its tasks: {}", tasks().map(|task| format!("`{task}`")).collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("this suite has no task `{name}`");
                self.report(Diagnostic::error(Code::NO_SUCH_TASK, message).at(at(&["intermediate", field]), "named here").help(help));
            } else if field == "before" && name == task {
                let message = format!("`{name}` cannot begin with what it has learnt itself");
                let told = Diagnostic::error(Code::NO_SUCH_TASK, message).at(at(&["intermediate", field]), "named here");
                self.report(told.help(format!("leave `{name}` out of `before`")));
            }
        }
    }

    /// Warns of numbers that leave a search without generations, or without children.
    fn search_numbers(&self, search: &settings::Search, span: &dyn Fn(&[&str]) -> Span) {
        use settings::Algorithm;
        let warn = |message: String, path: &[&str], text: &str, help: &str| {
            self.report(Diagnostic::warning(Code::SEARCH_NUMBERS, message).at(span(path), text).help(help));
        };
        let settings::Search { population, parents, evaluations, mutation, .. } = search;
        if population > evaluations {
            let message = format!("the initial population has {population} candidates, and the search ends after {evaluations}");
            warn(message, &["search", "evaluations"], "no generation follows", "raise `evaluations`, or lower `population`");
        }
        if search.algorithm == Algorithm::Evolution && parents > population {
            let message = format!("a generation has {parents} parents, and the initial population is {population}");
            warn(message, &["search", "parents"], "more than there are", "lower `parents`, or raise `population`");
        }
        let settings::Mutation { inter, intra, .. } = mutation;
        let weights = [inter.swap_mixer, inter.change_kernel, intra.replace_op, intra.insert_op, intra.delete_op, intra.rewire];
        if search.algorithm != Algorithm::Random && weights.iter().all(|weight| *weight <= 0.0) {
            let message = "no kind of mutation has a weight: the search ends with its initial population".to_owned();
            warn(message, &["search", "mutation"], "a child cannot differ from its parent", "`search.mutation.intra = { replace_op = 1 }`");
        }
    }
}

/// By how much shares may miss their whole: `33.3%` is a third.
const ROUNDED: f64 = 2e-3;

/// A share in hundredths, to two places.
fn percent(share: f64) -> f64 {
    (share * 1e4).round() / 1e2
}
