//! The experiment that a command line names, checked, with its changes.

use super::commands::{ExecutorName, Which};
use super::source::{err, show_all, show_one};
use crate::check::{Checked, Checker, NamedArchitecture, World};
use crate::diagnostic::{Code, Diagnostic, Result, nearest};
use crate::exec::candle::device::gpu;
use crate::exec::{CandleExecutor, NativeExecutor};
use crate::run::files::Disk;
use crate::run::{Executors, acceptance};
use crate::settings;
use crate::syntax::parse_expression;
use candle_core::{DType, Device};
use std::path::Path;

/// What carries the experiment out: the executor that was asked for, or the fastest there is on the experiment's device.
pub(super) fn executor(checked: &Checked, which: &Which) -> Result<Executors> {
    match (&checked.settings.device, which.executor) {
        (settings::Device::Cpu, None | Some(ExecutorName::Native)) => {
            let native = |recompute| Box::new(NativeExecutor::new().recomputing(recompute));
            Ok(Executors::new(native(false)).recomputing(native(true)))
        }
        (settings::Device::Cpu, Some(ExecutorName::Candle)) => Ok(Executors::new(Box::new(CandleExecutor::new(Device::Cpu, DType::F32)))),
        (settings::Device::Cuda { .. }, Some(ExecutorName::Native)) => {
            Diagnostic::error(Code::DEVICE, "the native executor computes on the CPU alone").help("leave `--executor` out").into()
        }
        (settings::Device::Cuda { index }, _) => {
            let single = CandleExecutor::new(gpu(*index)?, DType::F32);
            let bf16 = single.in_bf16();
            Ok(Executors::new(Box::new(single)).in_bf16(Box::new(bf16)))
        }
    }
}

/// Loads and checks a file and gives its experiment; the exit code where that fails.
pub(super) fn load(file: &Path, which: &Which) -> std::result::Result<Checked, u8> {
    with_architecture(file, which, None).map(|(checked, _)| checked)
}

/// Loads and checks a file and gives all its experiments, or those of these names in their order; the exit code where that fails.
pub(super) fn load_all(file: &Path, names: &[String]) -> std::result::Result<Vec<Checked>, u8> {
    let key = file.display().to_string();
    let world = World::load(&Disk, std::slice::from_ref(&key));
    let checker = Checker::new(&world, &Disk);
    checker.check_module(&key);
    if checker.failed() {
        return Err(show_all(&checker.diagnostics(), &world.sources, false));
    }
    let known = checker.experiments(&key);
    let listed: Vec<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
    let of = |name: &String| known.iter().find(|(_, known)| known == name).map(|(id, _)| *id).ok_or_else(|| name.clone());
    let chosen = if names.is_empty() { Ok(known.iter().map(|(id, _)| *id).collect()) } else { names.iter().map(of).collect() };
    let ids: Vec<_> = chosen.map_err(|missing: String| {
        let message = format!("`{key}` declares no experiment `{missing}`");
        show_one(&Diagnostic::error(Code::USAGE, message).help(format!("it declares: {}", listed.join(", "))))
    })?;
    let checked: Option<Vec<Checked>> = ids.into_iter().map(|id| checker.experiment(id, &[])).collect();
    match checked {
        Some(checked) if !checked.is_empty() => Ok(checked),
        Some(_) => {
            Err(show_one(&Diagnostic::error(Code::USAGE, format!("`{key}` declares no experiment")).help("`experiment name { … }`")))
        }
        None => Err(show_all(&checker.diagnostics(), &world.sources, false).max(1)),
    }
}

/// Likewise, with an architecture by name.
pub(super) fn with_architecture(
    file: &Path,
    which: &Which,
    name: Option<&str>,
) -> std::result::Result<(Checked, Option<NamedArchitecture>), u8> {
    let key = file.display().to_string();
    let mut world = World::load(&Disk, std::slice::from_ref(&key));
    let mut changes = Vec::new();
    // A device is a change like any other: what it rules is checked with it.
    for text in which.set.iter().chain(&which.device) {
        let parts = text.split_once('=').map(|(path, value)| (path.trim(), value.trim()));
        let Some((path, value)) = parts.filter(|(path, value)| !path.is_empty() && !value.is_empty()) else {
            let message = format!("`--set {text}` is not `path=value`");
            return Err(show_one(&Diagnostic::error(Code::USAGE, message).help("as in `--set search.evaluations=60`")).max(2));
        };
        let mut parse = |what: &str, name: &str| {
            let source = world.sources.add(name, what);
            parse_expression(source, what).map_err(|error| show_all(&[*error], &world.sources, false).max(2))
        };
        let path = parse(path, "--set")?;
        let value = parse(value, "--set")?;
        let crate::syntax::ast::ExprKind::Path(path) = path.kind else {
            let message = format!("`--set {text}` does not begin with the path of a field");
            return Err(show_one(&Diagnostic::error(Code::USAGE, message).help("as in `--set search.evaluations=60`")).max(2));
        };
        changes.push((path, value));
    }
    let place = world.sources.add("NAME", name.unwrap_or_default());
    let checker = Checker::new(&world, &Disk);
    let experiments = checker.experiments(&key);
    let chosen = match &which.experiment {
        Some(name) => experiments.iter().find(|(_, known)| known == name),
        None => experiments.first().filter(|_| experiments.len() == 1),
    };
    let Some((id, _)) = chosen else {
        checker.check_module(&key);
        if checker.failed() {
            return Err(show_all(&checker.diagnostics(), &world.sources, false));
        }
        return Err(show_one(&no_experiment(&key, which, &experiments.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>())));
    };
    // Everything else in the file is checked too, except the experiment as it stands unchanged.
    let checked = checker.experiment(*id, &changes);
    if changes.is_empty() {
        checker.check_module(&key);
    }
    let architecture = match name {
        None => None,
        Some(name) => match checker.named_architecture(&key, name, place) {
            Some(architecture) => Some(architecture),
            None if checker.failed() => None,
            None => return Err(show_one(&unknown_name(&checker, name, &key, &["architecture"]))),
        },
    };
    let mut diagnostics = checker.diagnostics();
    if let Some(checked) = checked.as_ref().filter(|_| !checker.failed()) {
        diagnostics.extend(acceptance(checked).err().map(|error| *error));
    }
    let code = show_all(&diagnostics, &world.sources, false);
    match checked {
        Some(checked) if code == 0 => Ok((checked, architecture)),
        _ => {
            err("nothing was run\n");
            Err(code.max(1))
        }
    }
}

/// The complaint about a name that a file does not know as one of these kinds.
pub(super) fn unknown_name(checker: &Checker<'_>, name: &str, file: &str, kinds: &[&str]) -> Diagnostic {
    let written = match kinds {
        [only] => (*only).to_owned(),
        kinds => kinds.split_last().map_or(String::new(), |(last, others)| format!("{} or {last}", others.join(", "))),
    };
    let message = format!("`{name}` is no {written} that `{file}` can see");
    let help = match checker.meant(file, name, kinds) {
        Some(full) => format!("did you mean `{full}`?"),
        None => "declare it there, import it, or name it in full, as `std.architectures.bert`".to_owned(),
    };
    Diagnostic::error(Code::UNKNOWN_NAME, message).help(help)
}

fn no_experiment(file: &str, which: &Which, known: &[&str]) -> Diagnostic {
    match &which.experiment {
        _ if known.is_empty() => {
            let message = format!("`{file}` declares no experiment");
            Diagnostic::error(Code::UNKNOWN_NAME, message).help("`phyla new NAME` begins one")
        }
        Some(name) => {
            let help = nearest(name, known.iter().copied())
                .map_or_else(|| format!("it declares: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            Diagnostic::error(Code::UNKNOWN_NAME, format!("`{file}` declares no experiment `{name}`")).help(help)
        }
        None => {
            let message = format!("`{file}` declares several experiments");
            Diagnostic::error(Code::USAGE, message).help(format!("choose one with `--experiment`: {}", known.join(", ")))
        }
    }
}
