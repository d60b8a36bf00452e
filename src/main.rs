//! The `phyla` command.

use clap::Parser;
use std::process::ExitCode;

// Training allocates and frees a tensor for every operation: the system's allocator costs a third of a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Deeply nested sources recurse; the main thread's stack is the platform's, this one is ours.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    // One training has one thread, and several run at once; candle's products read this variable each time they run, and without
    // it the list of processors, which costs a fifth of a small model's step.
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        #[expect(unsafe_code, reason = "the environment may be changed while there is one thread, as here")]
        // SAFETY: no other thread has been started yet, so none can read the environment meanwhile.
        unsafe {
            std::env::set_var("RAYON_NUM_THREADS", "1");
        }
    }
    let cli = phyla::cli::Cli::parse();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || phyla::cli::run(cli));
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    }
}
