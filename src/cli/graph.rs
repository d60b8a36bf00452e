//! `phyla graph`: DOT on standard output, or a drawing.

use super::experiment::unknown_name;
use super::source::{free, out, show_all, show_one};
use crate::check::{Checker, World};
use crate::graph::draw::{dot, svg};
use crate::run::files::Disk;
use crate::run::folder::write_whole;
use std::path::Path;

/// What can be drawn.
const DRAWN: &[&str] = &["graph", "op", "architecture", "space"];

/// Draws what `name` means in `file`.
pub(super) fn graph(file: &Path, name: &str, target: Option<&Path>) -> u8 {
    let key = file.display().to_string();
    let mut world = World::load(&Disk, std::slice::from_ref(&key));
    let place = world.sources.add("NAME", name);
    let checker = Checker::new(&world, &Disk);
    let graph = checker.named_graph(&key, name, place);
    let code = show_all(&checker.diagnostics(), &world.sources, false);
    if code != 0 {
        return code;
    }
    let Some(graph) = graph else { return show_one(&unknown_name(&checker, name, &key, DRAWN)) };
    let Some(target) = target else {
        out(&dot(&graph));
        return 0;
    };
    match free(target, &[file]).and_then(|()| svg(&graph)).and_then(|text| write_whole(target, text.as_bytes())) {
        Ok(()) => 0,
        Err(error) => show_one(&error),
    }
}
