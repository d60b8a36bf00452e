//! What a run answers to files without labels: kept by each fine-tuning, the best of these left in the run folder.

use super::folder::Folder;
use super::journal::{Entry, Journal};
use crate::data::{Answers, predictions};
use crate::diagnostic::Result;
use crate::settings::Task;
use crate::train::{Tuning, best_of};

/// The file of the answers to one of a task's files, named by its field.
pub(super) fn file(task: &str, field: &str) -> String {
    format!("predictions/{task}.{field}.tsv")
}

/// Those of one fine-tuning, until all are done.
fn kept(seed: u64, tuning: Tuning, task: &str, field: &str) -> String {
    format!("work/{seed}-{}-{}-{}", tuning.run, tuning.rate, file(task, field).replace('/', "-"))
}

/// Writes the answers of one fine-tuning of the training with this number.
pub(super) fn keep(folder: &Folder, (seed, tuning): (u64, Tuning), task: &Task, answers: &[(&'static str, Answers)]) -> Result<()> {
    answers
        .iter()
        .try_for_each(|(field, answers)| folder.write(&kept(seed, tuning, &task.name, field), predictions(task, answers).as_bytes()))
}

/// Leaves the answers of the model's training that scored best on dev, of each task those of its best fine-tuning; the first of equals.
pub(super) fn choose(folder: &Folder, tasks: &[Task], journal: &Journal, wanted: &str) -> Result<()> {
    let models = journal.entries().iter().filter_map(|entry| if let Entry::Final(model) = entry { Some(model) } else { None });
    let best =
        models.filter(|model| model.name == wanted).reduce(|best, next| if next.scores.score > best.scores.score { next } else { best });
    let Some(best) = best else { return Ok(()) };
    for (place, task) in tasks.iter().enumerate() {
        let mut tuned: Vec<(Tuning, &[Vec<f64>])> = journal
            .entries()
            .iter()
            .filter_map(|entry| match entry {
                Entry::Tuned { name, seed, task: of, run, rate, metrics, .. }
                    if name == wanted && *seed == best.seed && *of == task.name =>
                {
                    Some((Tuning { task: place, run: *run, rate: *rate }, metrics.as_slice()))
                }
                _ => None,
            })
            .collect();
        // The journal has them as they came to an end.
        tuned.sort_by_key(|(tuning, _)| *tuning);
        let Some((tuning, _)) = best_of(tuned.iter().map(|(_, metrics)| *metrics)).and_then(|best| tuned.get(best)) else { continue };
        for part in task.parts().filter(|part| !part.labelled) {
            if let Some(bytes) = folder.read(&kept(best.seed, *tuning, &task.name, part.field))? {
                folder.write(&file(&task.name, part.field), &bytes)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{choose, keep};
    use crate::data::Answers;
    use crate::run::folder::Folder;
    use crate::run::journal::{Entry, FinalModel, Journal, Scores};
    use crate::settings::{Label, Task};
    use crate::train::Tuning;

    fn model(name: &str, seed: u64, score: f64) -> Entry {
        let scores = Scores { tasks: Vec::new(), score };
        let (name, hash, layers) = (name.into(), String::new(), Vec::new());
        Entry::Final(FinalModel { name, seed, hash, layers, params: 0, flops: 0, held_out_loss: None, scores, seconds: 0.0 })
    }

    #[test]
    fn the_answers_of_the_best_on_dev_are_left() {
        let out = tempfile::tempdir().unwrap();
        let folder = Folder::open(&out.path().join("run"), false).unwrap();
        let mut journal = Journal::open(&folder.join("journal.jsonl")).unwrap();
        let label = Label::Classes { column: "b".into(), names: vec!["no".into(), "yes".into()], codes: None };
        let mut task = Task::without_files("t", &["a"], label);
        task.files.test = Some("test.tsv".into());
        let tasks = [task];
        choose(&folder, &tasks, &journal, "best").unwrap();
        // Model, training, its score; of two fine-tunings the metric of each, and what it answered.
        let runs =
            [("best", 0, 0.5, [(0.9, 0), (0.1, 0)]), ("random", 0, 0.9, [(0.9, 0), (0.9, 0)]), ("best", 1, 0.7, [(0.8, 1), (0.8, 0)])];
        for (name, seed, score, tuned) in runs.into_iter().chain([("best", 2, 0.7, [(0.9, 0), (0.9, 0)])]) {
            // The last to be done is told first: which of equals is taken does not go by that.
            for (run, (metric, answer)) in (0..).zip(tuned).collect::<Vec<_>>().into_iter().rev() {
                if name == "best" {
                    let tuning = Tuning { task: 0, run, rate: 0 };
                    keep(&folder, (seed, tuning), &tasks[0], &[("test", Answers::Classes(vec![answer]))]).unwrap();
                }
                let (name, task) = (name.into(), "t".into());
                journal.append(Entry::Tuned { name, seed, task, run, rate: 0, metrics: vec![vec![metric]], seconds: 0.0 }).unwrap();
            }
            journal.append(model(name, seed, score)).unwrap();
        }
        choose(&folder, &tasks, &journal, "best").unwrap();
        assert_eq!(folder.read("predictions/t.test.tsv").unwrap().unwrap(), b"index\tprediction\n0\tyes\n");
    }
}
