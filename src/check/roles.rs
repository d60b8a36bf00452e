//! Records in the roles an experiment gives them: fields of a training that its role never reads, and parts of a task that do not fit.

use super::Checker;
use super::value::Val;
use crate::diagnostic::{Code, Diagnostic, Span, counted};
use crate::settings::{Epoch, Experiment, Label, Metric, Objective, Order, Task, Train};

/// A field that makes no difference: whether it was changed, its name, and what to write instead.
type Idle = (bool, &'static str, &'static str);

impl Checker<'_> {
    /// Warns of fields of a training that were changed and that a training in its role never reads.
    pub(super) fn idle_fields(&self, value: &Val, settings: &Experiment) {
        let pretrained = settings.pretrainings().map(|(holder, train)| (vec![holder, "pretrain"], train, unread_by_mlm(train)));
        let tuned = settings.suites().map(|(holder, suite)| (vec![holder, "suite", "train"], &suite.train, unread_by_labels(&suite.train)));
        if settings.search.is_none()
            && settings.r#final.weights.is_some()
            && settings.corpus.as_ref().is_some_and(|corpus| !corpus.lowercase)
        {
            let span = value.get(&["corpus", "lowercase"]).unwrap_or(value).span();
            let message = "`lowercase` makes no difference beside `weights`";
            let help = "the vocabulary of the weights says whether letters become small";
            self.report(Diagnostic::warning(Code::IDLE_FIELD, message).at(span, "never read").help(help));
        }
        let mut told: Vec<Span> = Vec::new();
        for (mut path, train, idle) in pretrained.chain(tuned) {
            let role = if train.objective == Objective::Labels { "fine-tuning" } else { "pre-training" };
            for (_, field, help) in idle.into_iter().filter(|(changed, ..)| *changed) {
                path.push(field);
                let span = value.get(&path).unwrap_or(value).span();
                path.pop();
                // One record may be used twice.
                if !told.contains(&span) {
                    told.push(span);
                    let message = format!("`{field}` makes no difference to a {role}");
                    self.report(Diagnostic::warning(Code::IDLE_FIELD, message).at(span, "never read").help(help));
                }
            }
        }
    }

    /// Reports tasks of an experiment that could not be learnt or scored whatever their files hold.
    pub(super) fn tasks(&self, value: &Val, settings: &Experiment) {
        for (holder, suite) in settings.suites() {
            let Some(Val::List(items, _)) = value.get(&[holder, "suite", "tasks"]) else { continue };
            suite.tasks.iter().zip(items).for_each(|(task, item)| self.task(item, task));
        }
    }

    /// The same of a task by itself, as far as it has all its parts.
    pub(super) fn task_alone(&self, value: &Val) {
        if let Ok(task) = serde_json::from_value(value.to_json()) {
            self.task(value, &task);
        }
    }

    fn task(&self, value: &Val, task: &Task) {
        let at = |field: &str| value.get(&[field]).unwrap_or(value).span();
        let metric = task.metrics.iter().find(|metric| needs_classes(metric) != matches!(task.label, Label::Classes { .. }));
        let wrong = [
            metric.map(|metric| misfit(task, metric, &at)),
            columns(task, &at),
            codes(task, value),
            measured(task, &at).filter(|_| !task.metrics.is_empty() || self.world.sources.snippet(at("metrics")).contains("[]")),
            label(task, value),
            phrases(task, &at),
        ];
        for mistake in wrong.into_iter().flatten() {
            // A task may stand by itself and in several suites.
            let same = |told: &Diagnostic| told.code == mistake.code && told.labels.first() == mistake.labels.first();
            let told = self.diagnostics.borrow().iter().any(same);
            let _: Option<()> = if told { self.told_already() } else { self.fail(mistake) };
        }
    }
}

/// What masked-LM never reads; nothing where it learns something else, which is told elsewhere.
fn unread_by_mlm(train: &Train) -> Vec<Idle> {
    if train.objective == Objective::Labels {
        return Vec::new();
    }
    let fine_tuning = "it is a fine-tuning's: `suite.train`";
    vec![
        (train.epochs > 0, "epochs", "masked-LM counts `steps`; `epochs` are a fine-tuning's: `suite.train.epochs`"),
        (!train.lr.is_empty(), "lr", "the learning rate is `optimizer.lr`; `lr` lists those that a fine-tuning chooses from"),
        (train.keep != Epoch::Last, "keep", fine_tuning),
        (train.patience > 0, "patience", fine_tuning),
        (train.order != Order::Shuffled, "order", fine_tuning),
    ]
}

/// What learning from labels never reads.
fn unread_by_labels(train: &Train) -> Vec<Idle> {
    if train.objective != Objective::Labels {
        return Vec::new();
    }
    vec![
        (train.steps > 0, "steps", "a fine-tuning counts `epochs`"),
        (!train.phases.is_empty(), "phases", "a task's sentences keep their lengths; `phases` are a pre-training's"),
    ]
}

fn needs_classes(metric: &Metric) -> bool {
    match metric {
        Metric::Accuracy | Metric::F1 | Metric::Matthews => true,
        Metric::Pearson | Metric::Spearman => false,
    }
}

fn misfit(task: &Task, metric: &Metric, at: &dyn Fn(&str) -> Span) -> Diagnostic {
    let (wanted, found, help) = match task.label {
        Label::Classes { .. } => ("a score", "classes", "`metrics = [accuracy]`, or `matthews`, or `f1`"),
        Label::Score { .. } => ("classes", "a score", "`metrics = [pearson, spearman]`"),
    };
    let message = format!("`{}` measures {wanted}, and the label of `{}` is {found}", metric.name(), task.name);
    Diagnostic::error(Code::TASK_PARTS, message).at(at("metrics"), "cannot measure this label").at(at("label"), "the label").help(help)
}

/// The first of several that is the same as one before it.
pub(super) fn repeated<T>(all: &[T], same: impl Fn(&T, &T) -> bool) -> Option<&T> {
    all.iter().enumerate().find(|(place, one)| all.iter().take(*place).any(|other| same(one, other))).map(|(_, one)| one)
}

/// Metrics that are none, or named twice.
fn measured(task: &Task, at: &dyn Fn(&str) -> Span) -> Option<Diagnostic> {
    let twice = repeated(&task.metrics, |one, other| one == other).is_some();
    let message = match (task.metrics.is_empty(), twice) {
        (true, _) => format!("`{}` has no metric", task.name),
        (_, true) => format!("a metric of `{}` is named twice, and would count twice in its score", task.name),
        _ => return None,
    };
    Some(Diagnostic::error(Code::TASK_PARTS, message).at(at("metrics"), "its score is their mean").help("`metrics = [accuracy, f1]`"))
}

/// A label that tells nothing apart.
fn label(task: &Task, value: &Val) -> Option<Diagnostic> {
    let (message, field, help) = match &task.label {
        Label::Classes { names, .. } => {
            let message = match repeated(names, |one, other| one == other) {
                Some(name) => format!("`{}` names the label `{name}` twice", task.name),
                None if names.len() < 2 => format!("`{}` has {}, which tells nothing apart", task.name, counted(names.len(), "label")),
                None => return None,
            };
            (message, "names", "`names = [\"no\", \"yes\"]`")
        }
        Label::Score { low, high, .. } if low >= high => {
            (format!("the scores of `{}` go from {low} to {high}", task.name), "low", "`low` lies below `high`")
        }
        Label::Score { .. } => return None,
    };
    let at = value.get(&["label", field]).or_else(|| value.get(&["label"])).unwrap_or(value).span();
    Some(Diagnostic::error(Code::TASK_PARTS, message).at(at, "in this label").help(help))
}

fn columns(task: &Task, at: &dyn Fn(&str) -> Span) -> Option<Diagnostic> {
    let wrong = |field: &str, count: usize| {
        let message = format!("`{}` reads a sentence or a pair of them, and names {}", task.name, counted(count, "column"));
        let told = Diagnostic::error(Code::TASK_PARTS, message).at(at(field), "one or two are wanted");
        told.help(format!("`{field} = [\"sentence\"]`, or `{field} = [\"sentence1\", \"sentence2\"]`"))
    };
    match (task.text.len(), task.test_text.len()) {
        (count @ (0 | 3..), _) => Some(wrong("text", count)),
        (_, count @ 3..) => Some(wrong("test_text", count)),
        _ => None,
    }
}

/// Phrases left out of what is no single sentence.
fn phrases(task: &Task, at: &dyn Fn(&str) -> Span) -> Option<Diagnostic> {
    if !task.without_phrases() || task.text.len() < 2 {
        return None;
    }
    let message = format!("`phrases = false` leaves out rows within others, and `{}` reads pairs of sentences", task.name);
    let told = Diagnostic::error(Code::TASK_PARTS, message).at(at("phrases"), "for single sentences");
    Some(told.at(at("text"), "two columns").help("remove `phrases`"))
}

fn codes(task: &Task, value: &Val) -> Option<Diagnostic> {
    let Label::Classes { names, codes: Some(codes), .. } = &task.label else { return None };
    let message = match repeated(codes, |one, other| one == other) {
        _ if names.len() != codes.len() => {
            format!("`{}` has {} of labels and {}", task.name, counted(names.len(), "name"), counted(codes.len(), "code"))
        }
        Some(code) => format!("`{}` has the code `{code}` twice", task.name),
        None => return None,
    };
    let at = value.get(&["label", "codes"]).or_else(|| value.get(&["label"])).unwrap_or(value).span();
    let told = Diagnostic::error(Code::TASK_PARTS, message).at(at, "one for each name, in their order");
    Some(told.help("`codes` say what files write in place of the names; leave them out where files write the names"))
}
