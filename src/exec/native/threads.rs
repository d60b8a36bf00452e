//! Work shared by the threads of the pool that a step runs in.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Turns that a thread without work waits for the others, awake: they last a tenth of a millisecond or two, and to be woken takes as long.
const TURNS: u32 = 4096;

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
    let (next, busy) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let run = |thread: usize| {
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                break;
            }
            work(thread, part);
        }
        busy.fetch_sub(1, Ordering::Relaxed);
        for _ in 0..TURNS {
            if busy.load(Ordering::Relaxed) == 0 {
                break;
            }
            std::hint::spin_loop();
        }
    };
    rayon::scope(|scope| {
        for thread in 1..threads {
            let (run, busy) = (&run, &busy);
            scope.spawn(move |_| {
                busy.fetch_add(1, Ordering::Relaxed);
                run(thread);
            });
        }
        run(0);
    });
}
