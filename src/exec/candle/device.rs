//! The devices of this machine, found without relying on candle: what it calls available is what it was compiled for.

use crate::diagnostic::{Code, Diagnostic, Result};
use candle_core::Device;

/// The GPU of this number.
///
/// # Errors
/// Where the build has no CUDA, the driver cannot be used, or there is no such GPU; the mend names the devices there are.
pub fn gpu(index: usize) -> Result<Device> {
    let names = gpus()?;
    if index >= names.len() {
        let message = if names.is_empty() { "there is no GPU here".to_owned() } else { format!("there is no device `cuda:{index}` here") };
        return Err(unusable(message, &names));
    }
    Device::new_cuda(index).map_err(|error| unusable(format!("the device `cuda:{index}` cannot be used: {error}"), &names))
}

/// The GPUs that the driver tells of, each as `cuda:0 (its maker's name)`.
///
/// # Errors
/// Where the build has no CUDA or the driver cannot be used.
#[cfg(feature = "cuda")]
pub fn gpus() -> Result<Vec<String>> {
    use candle_core::cuda_backend::cudarc::driver::result::{self, DriverError};
    use candle_core::cuda_backend::cudarc::driver::sys::CUresult;
    // On other systems the program is linked to the driver, and does not start without it.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    super::driver::load().map_err(|why| {
        let help = format!("{why}; the devices here: cpu");
        Box::new(Diagnostic::error(Code::DEVICE, "NVIDIA's driver cannot be loaded").help(help))
    })?;
    let found = || {
        result::init()?;
        let name = |index: i32| Ok(format!("cuda:{index} ({})", result::device::get_name(result::device::get(index)?)?));
        (0..result::device::get_count()?).map(name).collect::<std::result::Result<Vec<String>, DriverError>>()
    };
    match found() {
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => Ok(Vec::new()),
        found => found.map_err(|error| unusable(format!("the GPU's driver cannot be used: {error}"), &[])),
    }
}

/// None: this build has no CUDA.
///
/// # Errors
/// Always.
#[cfg(not(feature = "cuda"))]
pub fn gpus() -> Result<Vec<String>> {
    let message = "this build drives no GPU: it was made without the feature `cuda`";
    let help = "the devices here: cpu; for a GPU build it with `cargo build --release --features cuda` (docs/cuda.md)";
    Err(Box::new(Diagnostic::error(Code::DEVICE, message).help(help)))
}

/// All devices of this machine that this build drives: the CPU, then the GPUs that answer.
pub fn devices() -> Vec<Device> {
    let gpus = (0..gpus().map_or(0, |names| names.len())).filter_map(|index| gpu(index).ok());
    std::iter::once(Device::Cpu).chain(gpus).collect()
}

fn unusable(message: String, gpus: &[String]) -> Box<Diagnostic> {
    let devices: Vec<&str> = std::iter::once("cpu").chain(gpus.iter().map(String::as_str)).collect();
    Box::new(Diagnostic::error(Code::DEVICE, message).help(format!("the devices here: {}", devices.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::{gpu, gpus};
    use crate::diagnostic::Code;

    #[test]
    fn a_gpu_that_is_not_there_is_refused_with_the_devices_that_are() {
        // Whatever this machine and this build have, they have no thousandth GPU.
        let error = gpu(999).unwrap_err();
        assert_eq!(error.code, Code::DEVICE);
        assert!(!error.message.contains('\n'));
        let help = error.help.unwrap_or_default();
        match gpus() {
            Ok(names) => assert!(std::iter::once("cpu").chain(names.iter().map(String::as_str)).all(|name| help.contains(name)), "{help}"),
            Err(refused) => assert_eq!((refused.message, refused.help.unwrap_or_default()), (error.message, help)),
        }
    }
}
