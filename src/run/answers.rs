//! What a run answers to files without labels: kept by each model of the best, the best of these left in the run folder.

use super::folder::Folder;
use super::journal::{Entry, Journal};
use crate::data::{Answers, predictions};
use crate::diagnostic::Result;
use crate::settings::Task;

/// The file of the answers to one of a task's files, named by its field.
pub(super) fn file(task: &str, field: &str) -> String {
    format!("predictions/{task}.{field}.tsv")
}

/// Those of one pre-training, until all are done.
fn kept(seed: u64, task: &str, field: &str) -> String {
    format!("work/{seed}-{}", file(task, field).replace('/', "-"))
}

/// Writes the answers of one pre-training.
pub(super) fn keep(folder: &Folder, seed: u64, tasks: &[Task], answers: &[(String, &'static str, Answers)]) -> Result<()> {
    answers.iter().try_for_each(|(name, field, answers)| {
        let Some(task) = tasks.iter().find(|task| task.name == *name) else { return Ok(()) };
        folder.write(&kept(seed, name, field), predictions(task, answers).as_bytes())
    })
}

/// Leaves the answers of the model's pre-training that scored best on dev; the first of equals.
pub(super) fn choose(folder: &Folder, tasks: &[Task], journal: &Journal, name: &str) -> Result<()> {
    let models = journal.entries().iter().filter_map(|entry| if let Entry::Final(model) = entry { Some(model) } else { None });
    let best =
        models.filter(|model| model.name == name).reduce(|best, next| if next.scores.score > best.scores.score { next } else { best });
    let Some(best) = best else { return Ok(()) };
    for task in tasks {
        for part in task.parts().filter(|part| !part.labelled) {
            if let Some(bytes) = folder.read(&kept(best.seed, &task.name, part.field))? {
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

    fn model(name: &str, seed: u64, score: f64) -> Entry {
        let scores = Scores { tasks: Vec::new(), score };
        let (hash, layers) = (String::new(), Vec::new());
        Entry::Final(FinalModel { name: name.into(), seed, hash, layers, params: 0, flops: 0, held_out_loss: 0.0, scores, seconds: 0.0 })
    }

    #[test]
    fn the_answers_of_the_best_on_dev_are_left() {
        let out = tempfile::tempdir().unwrap();
        let folder = Folder::open(&out.path().join("run"), false).unwrap();
        let mut journal = Journal::open(&folder.join("journal.jsonl")).unwrap();
        let label = Label::Classes { column: "b".into(), names: vec!["no".into(), "yes".into()] };
        let mut task = Task::without_files("t", &["a"], label);
        task.files.test = Some("test.tsv".into());
        let tasks = [task];
        choose(&folder, &tasks, &journal, "best").unwrap();
        for (name, seed, score, answer) in [("best", 0, 0.5, 0), ("random", 0, 0.9, 0), ("best", 1, 0.7, 1), ("best", 2, 0.7, 0)] {
            if name == "best" {
                keep(&folder, seed, &tasks, &[("t".to_owned(), "test", Answers::Classes(vec![answer]))]).unwrap();
            }
            journal.append(model(name, seed, score)).unwrap();
        }
        choose(&folder, &tasks, &journal, "best").unwrap();
        assert_eq!(folder.read("predictions/t.test.tsv").unwrap().unwrap(), b"index\tprediction\n0\tyes\n");
    }
}
