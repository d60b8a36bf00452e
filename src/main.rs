//! The `phyla` command.

use clap::Parser;
use std::process::ExitCode;

// Training allocates and frees a tensor for every operation: the system's allocator costs a third of a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Deeply nested sources recurse; the main thread's stack is the platform's, this one is ours.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    let cli = phyla::cli::Cli::parse();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || phyla::cli::run(cli));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    }
}
