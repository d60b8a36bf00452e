//! The first line of a journal: what was begun, or a check that a folder holds the same.

use super::folder::Folder;
use super::journal::{Entry, Journal, Start};
use super::{Executors, Progress, outputs};
use crate::check::Checked;
use crate::diagnostic::{Code, Diagnostic, Result};

impl Start {
    /// What is begun on an experiment's texts, under this name and fingerprint, by this version and these executors.
    pub(super) fn new(checked: &Checked, executors: &Executors, experiment: String, fingerprint: String) -> Self {
        Self {
            experiment,
            fingerprint,
            seed: checked.settings.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            executor: executors.name().to_owned(),
            space_size: String::new(),
            objectives: Vec::new(),
        }
    }

    /// Says where another version or executor began what is gone on with.
    fn compare(&self, now: &Self, progress: &dyn Progress) {
        let Self { version, executor, .. } = self;
        if *version != now.version {
            progress.line(&format!("Phyla {version} began it, and this is {}: what follows may round differently", now.version));
        }
        if !executor.is_empty() && *executor != now.executor {
            progress.line(&format!("the executor `{executor}` began it, and `{}` goes on: what follows rounds differently", now.executor));
        }
    }
}

/// Begins a journal, or goes on with one that begins with the `same`; gives whether it goes on.
///
/// # Errors
/// Where the folder holds something else's work, or cannot be written.
pub(super) fn begin(
    checked: &Checked,
    folder: &Folder,
    journal: &mut Journal,
    own: Start,
    same: impl Fn(&Start, &Start) -> bool,
    progress: &dyn Progress,
) -> Result<bool> {
    match journal.entries().first() {
        None => {
            outputs::experiment(checked, folder)?;
            journal.append(Entry::Start(own)).map(|()| false)
        }
        Some(Entry::Start(known)) if same(known, &own) => {
            if !journal.entries().iter().any(|entry| matches!(entry, Entry::Finished { .. })) {
                known.compare(&own, progress);
            }
            Ok(true)
        }
        Some(_) => {
            let message = format!("`{}` holds the run of another experiment", folder.path().display());
            let help = "choose another folder with `--out DIR`, or start over in this one with `--fresh`";
            Diagnostic::error(Code::RUN_FOLDER, message).help(help).into()
        }
    }
}

/// Whether two runs are of the same experiment.
pub(super) fn same_experiment(known: &Start, own: &Start) -> bool {
    known.experiment == own.experiment && known.fingerprint == own.fingerprint
}

#[cfg(test)]
mod tests {
    use super::{Progress, Start};
    use std::sync::Mutex;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Progress for Heard {
        fn stage(&self, _: &str, _: u64, _: &str) {}
        fn at(&self, _: u64, _: &str) {}
        fn line(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    #[test]
    fn who_began_a_run_is_told_where_another_goes_on() {
        let by = |version: &str, executor: &str| Start {
            experiment: "e".to_owned(),
            fingerprint: "f".to_owned(),
            seed: 1,
            version: version.to_owned(),
            executor: executor.to_owned(),
            space_size: String::new(),
            objectives: Vec::new(),
        };
        let told = |known: &Start, now: &Start| {
            let heard = Heard::default();
            known.compare(now, &heard);
            heard.0.into_inner().unwrap()
        };
        assert!(told(&by("1", "native"), &by("1", "native")).is_empty());
        // Journals of before this was written down say nothing.
        assert!(told(&by("1", ""), &by("1", "native")).is_empty());
        let both = told(&by("1", "candle"), &by("2", "native"));
        assert!(both.len() == 2 && both[0].contains("Phyla 1 began it") && both[1].contains("`candle` began it"), "{both:?}");
    }
}
