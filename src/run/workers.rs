//! Jobs in parallel, one thread each, more where there are fewer jobs than workers; their results in order.

use crate::diagnostic::{Code, Diagnostic, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// A pool of `threads` threads.
pub(super) fn pool(threads: usize) -> Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.max(1)).stack_size(16 << 20).build();
    pool.map_err(|error| Box::new(Diagnostic::error(Code::EXECUTOR, format!("threads cannot be started: {error}"))))
}

/// Runs `job` for each of `inputs` on `workers` threads and gives the results to `done` in the order of the inputs, each as soon as
/// all before it are there. The first error ends the work; jobs in hand see it through `job`'s own watching of `stop`.
pub(super) fn in_order<I: Sync, O: Send>(
    inputs: &[I],
    workers: usize,
    stop: &AtomicBool,
    job: &(dyn Fn(usize, &I) -> Result<O> + Sync),
    done: &mut dyn FnMut(usize, O) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let beside = workers.clamp(1, inputs.len().max(1));
    let threads = (workers / beside).max(1);
    let (sender, receiver) = mpsc::channel::<(usize, Result<O>)>();
    std::thread::scope(|scope| {
        for _ in 0..beside {
            let (sender, next, failed) = (sender.clone(), &next, &failed);
            scope.spawn(move || {
                let pool = match pool(threads) {
                    Ok(pool) => pool,
                    Err(error) => return drop(sender.send((0, Err(error)))),
                };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(number).filter(|_| !failed.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed))
                    else {
                        return;
                    };
                    let result = pool.install(|| job(number, input));
                    if sender.send((number, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: BTreeMap<usize, O> = BTreeMap::new();
        let mut expected = 0;
        let mut first_error = None;
        for (number, result) in receiver {
            match result {
                Ok(output) => drop(waiting.insert(number, output)),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    first_error.get_or_insert(error);
                }
            }
            while let Some(output) = waiting.remove(&expected) {
                if first_error.is_none()
                    && let Err(error) = done(expected, output)
                {
                    failed.store(true, Ordering::Relaxed);
                    first_error.get_or_insert(error);
                }
                expected += 1;
            }
        }
        match first_error {
            Some(error) => Err(error),
            None if expected < inputs.len() => Err(interrupted()),
            None => Ok(()),
        }
    })
}

/// The error that ends a run which was asked to stop.
pub(super) fn interrupted() -> Box<Diagnostic> {
    Box::new(Diagnostic::error(Code::INTERRUPTED, "the run was interrupted").help("start the same command again: it goes on where it was"))
}

/// An error if the run was asked to stop.
pub(super) fn go_on(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) { Err(interrupted()) } else { Ok(()) }
}
