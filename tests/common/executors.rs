//! The executors that a law is tested on.

use candle_core::{DType, Device};
use phyla::exec::candle::device::devices;
use phyla::exec::{CandleExecutor, Executor};

/// Every executor in every precision of at least 32 bits, on every device that is here: a new one joins by one line.
pub fn executors() -> Vec<(String, Box<dyn Executor>)> {
    let mut all: Vec<(String, Box<dyn Executor>)> = Vec::new();
    for device in devices() {
        for dtype in [DType::F32, DType::F64] {
            all.push((format!("candle, {dtype:?} on {:?}", device.location()), Box::new(CandleExecutor::plain(device.clone(), dtype))));
        }
    }
    all.push(("candle's fast way".to_owned(), Box::new(CandleExecutor::new(Device::Cpu, DType::F32))));
    all
}
