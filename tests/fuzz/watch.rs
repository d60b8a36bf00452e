//! Looks after inputs that take too long, and after panics.

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, Weak};
use std::time::{Duration, Instant};

/// Seconds of the processor that one input may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Seconds by the clock after which an input hangs, however little the processor had to do.
const STUCK: Duration = Duration::from_secs(120);

thread_local! {
    /// What the last panic of this thread said; `None` where panics are not expected.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The input in work, kept in a file too: an overflow of the stack leaves nothing else.
struct Work {
    text: String,
    begun: Instant,
    used: Duration,
}

/// Watches the inputs of one target.
pub struct Watch {
    path: PathBuf,
    work: Arc<Mutex<Option<Work>>>,
    clock: Option<PathBuf>,
}

impl Watch {
    /// Watches this thread; the input in work stands in the file.
    pub fn new(target: &'static str, path: &Path) -> Self {
        hush();
        // Linux tells how long a thread had the processor; elsewhere the clock on the wall has to do.
        let thread = fs::read_link("/proc/thread-self").ok();
        let clock = thread.map(|thread| Path::new("/proc").join(thread).join("schedstat"));
        let watch = Self { path: path.to_owned(), work: Arc::default(), clock };
        let (work, path, clock) = (Arc::downgrade(&watch.work), watch.path.clone(), watch.clock.clone());
        std::thread::spawn(move || look(&work, target, &path, clock.as_deref()));
        watch
    }

    /// Does some work on an input; a panic is an error that tells where, and what called it.
    pub fn run<T>(&self, text: &str, work: impl FnOnce() -> T) -> (Result<T, String>, Duration) {
        let _ = fs::write(&self.path, text);
        let (begun, used) = (Instant::now(), used(self.clock.as_deref()));
        *self.work.lock().expect("no panic holds it") = Some(Work { text: text.to_owned(), begun, used });
        PANIC.with(|panic| *panic.borrow_mut() = Some(String::new()));
        let result = catch_unwind(AssertUnwindSafe(work));
        let said = PANIC.with(|panic| panic.borrow_mut().take()).unwrap_or_default();
        *self.work.lock().expect("no panic holds it") = None;
        (result.map_err(|_| said), begun.elapsed())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// How long the thread behind this file has had the processor.
fn used(clock: Option<&Path>) -> Duration {
    let told = clock.and_then(|clock| fs::read_to_string(clock).ok());
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or(Duration::ZERO, Duration::from_nanos)
}

/// Ends the process, the input printed, where one takes too long.
fn look(work: &Weak<Mutex<Option<Work>>>, target: &str, path: &Path, clock: Option<&Path>) {
    while let Some(work) = work.upgrade() {
        if let Some(Work { text, begun, used: before }) = work.lock().expect("no panic holds it").as_ref() {
            let passed = begun.elapsed();
            let busy = if clock.is_some() { used(clock).saturating_sub(*before) } else { passed };
            if busy > LIMIT || passed > STUCK {
                let told = format!("\n{target}: an input takes more than {} s. It lies in {}:\n{text}\n", LIMIT.as_secs(), path.display());
                // Past the capture of a test's output, which an abort would lose.
                let _ = std::io::stderr().write_all(told.as_bytes());
                std::process::abort();
            }
        }
        drop(work);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Keeps panics of threads that expect them from the terminal.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = PANIC.with(|panic| {
                let mut panic = panic.borrow_mut();
                if let Some(said) = panic.as_mut() {
                    let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
                    let why = info.payload_as_str().unwrap_or("a panic");
                    *said = format!("panic at {place}\n{why}\n{}", callers());
                }
                panic.is_some()
            });
            if !expected {
                before(info);
            }
        }));
    });
}

/// The functions of the crate that are being called, the innermost first.
fn callers() -> String {
    let trace = std::backtrace::Backtrace::force_capture().to_string();
    let own = trace.lines().map(str::trim).filter(|line| line.contains("phyla::") || line.starts_with("at ./src"));
    own.take(24).map(|line| format!("    {line}\n")).collect()
}
