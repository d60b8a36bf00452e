//! GLUE's submission from what a finished run left: its predictions checked, named as the server wants them, and zipped.

use super::answers::file;
use super::files::reason;
use super::folder::write_whole;
use crate::data::{Answered, SUBMISSION, unfit};
use crate::diagnostic::{Code, Diagnostic, Result};
use crate::settings::Suite;
use serde::Deserialize;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// The archive's name.
const ARCHIVE: &str = "submission.zip";

/// What a submission is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The files, by name, with their texts.
    pub files: Vec<(String, String)>,
    /// Files that are missing, each with the reason; only a partial submission has any.
    pub missing: Vec<String>,
}

/// What is read of a run's resolved experiment.
#[derive(Deserialize)]
struct Resolved {
    r#final: Last,
}

#[derive(Deserialize)]
struct Last {
    suite: Suite,
}

/// The submission of a run; a `partial` one leaves out what is missing.
///
/// # Errors
/// Where the folder holds no run, a file is missing and none may be, or a file is not fit to be submitted; all reasons are given.
pub fn submission(run: &Path, partial: bool) -> Result<Submission> {
    let path = run.join("experiment.yaml");
    let text = fs::read_to_string(&path).map_err(|error| {
        let message = format!("`{}` cannot be read: {}", path.display(), reason(&error));
        Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("give the folder of a run, as `runs/quickstart-1a2b3c4d-s42`"))
    })?;
    let suite = serde_yaml::from_str::<Resolved>(&text).map(|resolved| resolved.r#final.suite).map_err(|error| {
        let message = format!("`{}` is damaged: {error}", path.display());
        Box::new(Diagnostic::error(Code::RUN_FOLDER, message).help("restore it from a copy"))
    })?;
    let (mut files, mut missing, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for Answered { name, task, field, words } in SUBMISSION {
        let name = format!("{name}.tsv");
        let Some(known) = suite.tasks.iter().find(|known| known.name == task) else {
            missing.push(format!("{name} (the run has no task `{task}`)"));
            continue;
        };
        let Some(part) = known.parts().find(|part| part.field == field) else {
            missing.push(format!("{name} (`{task}` names no `{field}` file)"));
            continue;
        };
        match fs::read_to_string(run.join(file(task, field))) {
            Err(error) => missing.push(format!("{name} (`{}`: {})", file(task, field), reason(&error))),
            Ok(text) => match unfit(words, &part, &text) {
                Some(why) => wrong.push(format!("{name}: {why}")),
                None => files.push((name, text)),
            },
        }
    }
    let refused =
        |why: String, help: &str| Diagnostic::error(Code::SUBMISSION, format!("`{}` cannot be submitted: {why}", run.display())).help(help);
    if !wrong.is_empty() {
        return refused(wrong.join("; "), "run again on the official test files, whole").into();
    }
    if !missing.is_empty() && (!partial || files.is_empty()) {
        let help = match partial {
            true => "let the run end, with `final.suite = glue`",
            false => "let the run end, with `final.suite = glue`; or leave out what is missing with `--partial`",
        };
        return refused(format!("it lacks {}", missing.join(", ")), help).into();
    }
    Ok(Submission { files, missing })
}

impl Submission {
    /// Writes the files and the archive of them into a folder; others of these names, from before, are removed.
    ///
    /// # Errors
    /// Where something cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(|error| {
            let message = format!("`{}` cannot be made: {}", folder.display(), reason(&error));
            Box::new(Diagnostic::error(Code::WRITE, message).help("name another folder with `--out DIR`"))
        })?;
        for Answered { name, .. } in SUBMISSION {
            let _was_not_there = fs::remove_file(folder.join(format!("{name}.tsv")));
        }
        for (name, text) in &self.files {
            write_whole(&folder.join(name), text.as_bytes())?;
        }
        let archive = self.archive().map_err(|error| {
            Box::new(Diagnostic::error(Code::WRITE, format!("the archive cannot be made: {error}")).help("make room on the disk"))
        })?;
        write_whole(&folder.join(ARCHIVE), &archive)
    }

    fn archive(&self) -> zip::result::ZipResult<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in &self.files {
            archive.start_file(name, SimpleFileOptions::default())?;
            archive.write_all(text.as_bytes())?;
        }
        archive.finish().map(Cursor::into_inner)
    }
}
