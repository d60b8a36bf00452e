//! Jobs in parallel, one thread each, more where there are fewer jobs than workers; their results in order, or as they come.

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

/// As [`as_done`], but in the order of the inputs, each as soon as all before it are there.
pub(super) fn in_order<I: Sync, O: Send>(
    inputs: &[I],
    workers: usize,
    stop: &AtomicBool,
    job: &(dyn Fn(usize, &I) -> Result<O> + Sync),
    done: &mut dyn FnMut(usize, O) -> Result<()>,
) -> Result<()> {
    let (mut waiting, mut expected) = (BTreeMap::new(), 0);
    as_done(inputs, workers, stop, job, &mut |number, output| {
        waiting.insert(number, output);
        while let Some(output) = waiting.remove(&expected) {
            done(expected, output)?;
            expected += 1;
        }
        Ok(())
    })
}

/// Runs `job` for each of `inputs` on `workers` threads and gives each result to `done` as soon as it is there. The first error ends the work;
/// jobs in hand see it through `job`'s own watching of `stop`.
pub(super) fn as_done<I: Sync, O: Send>(
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
        let (mut all, mut first_error) = (0, None);
        for (number, result) in receiver {
            all += 1;
            let taken = result.and_then(|output| if first_error.is_none() { done(number, output) } else { Ok(()) });
            if let Err(error) = taken {
                failed.store(true, Ordering::Relaxed);
                first_error.get_or_insert(error);
            }
        }
        match first_error {
            Some(error) => Err(error),
            None if all < inputs.len() => Err(interrupted()),
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

#[cfg(test)]
mod tests {
    use super::{as_done, in_order};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    /// The order in which two jobs are handed over, of which the first waits for the second, or for a second.
    fn order(ordered: bool) -> Vec<usize> {
        let second = AtomicBool::new(false);
        let job = |number: usize, (): &()| {
            let begun = Instant::now();
            while number == 0 && !second.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(1) {
                std::thread::yield_now();
            }
            Ok(number)
        };
        let mut came = Vec::new();
        let mut done = |number, output| {
            assert_eq!(number, output);
            came.push(number);
            second.fetch_or(number == 1, Ordering::Relaxed);
            Ok(())
        };
        let (inputs, stop) = ([(), ()], AtomicBool::new(false));
        let run = if ordered { in_order(&inputs, 2, &stop, &job, &mut done) } else { as_done(&inputs, 2, &stop, &job, &mut done) };
        run.unwrap();
        came
    }

    #[test]
    fn results_come_in_order_or_as_they_are_done() {
        assert_eq!(order(true), [0, 1]);
        assert_eq!(order(false), [1, 0]);
    }
}
