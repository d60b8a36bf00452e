//! Work shared by the threads of the pool that a step runs in.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads that a step may use.
pub fn threads() -> usize {
    rayon::current_num_threads().max(1)
}

/// Does `work` for each of `parts`, each thread taking the next that is left; the first argument numbers the threads. No result may
/// depend on which thread did what.
pub fn share(threads: usize, parts: usize, work: &(dyn Fn(usize, usize) + Sync)) {
    let threads = threads.min(parts);
    if threads <= 1 {
        for part in 0..parts {
            work(0, part);
        }
        return;
    }
    let next = AtomicUsize::new(0);
    let run = |thread: usize| {
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            work(thread, part);
        }
    };
    rayon::scope(|scope| {
        for thread in 1..threads {
            let run = &run;
            scope.spawn(move |_| run(thread));
        }
        run(0);
    });
}
