//! The executors that a law is tested on.

use candle_core::DType;
use phyla::exec::candle::device::devices;
use phyla::exec::{CandleExecutor, Executor, NativeExecutor};

/// An executor under test.
pub struct Tested {
    pub name: String,
    pub executor: Box<dyn Executor>,
    /// Whether it computes in double precision.
    pub double: bool,
}

/// Every executor in every precision of at least 32 bits, on every device that is here: a new one joins by one line.
pub fn executors() -> Vec<Tested> {
    let tested = |name: &str, executor, double| Tested { name: name.to_owned(), executor: Box::new(executor), double };
    let mut all = vec![Tested { name: "native".to_owned(), executor: Box::new(NativeExecutor::new()), double: false }];
    for device in devices() {
        for dtype in [DType::F32, DType::F64] {
            let name = format!("candle, {dtype:?} on {:?}", device.location());
            all.push(tested(&name, CandleExecutor::new(device.clone(), dtype), dtype == DType::F64));
        }
    }
    all
}
