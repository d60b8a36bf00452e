//! NVIDIA's driver, looked up when a GPU is first asked for.
//!
//! Candle links a program for CUDA to `libcuda.so.1`, which comes with the driver, and without it such a program would not even start. So
//! each of the driver's functions that it uses is defined here, as a jump to an address in a table, which is filled from the library where
//! there is one. The linker that comes with Rust (lld) then finds nothing that it wants of the library, and leaves it out.

#![expect(unsafe_code, reason = "functions of a library that may not be there, by their names")]

use std::arch::global_asm;
use std::error::Error;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// What a function answers that the driver does not have: CUDA_ERROR_NOT_SUPPORTED.
extern "C" fn refused() -> c_int {
    801
}

/// Defines the functions, and `NAMES` and `TABLE` in one order.
macro_rules! functions {
    ($($name:literal)*) => {
        const NAMES: &[&str] = &[$($name),*];

        // Arguments stay where the caller put them: whatever a function takes, the jump passes it on.
        global_asm!(
            ".pushsection .data.phyla_driver,\"aw\"",
            ".p2align 3",
            ".globl phyla_driver_table",
            ".hidden phyla_driver_table",
            "phyla_driver_table:",
            ".popsection",
            $(concat!(
                ".pushsection .data.phyla_driver,\"aw\"\n",
                "2: .quad {refused}\n",
                ".popsection\n",
                ".pushsection .text.phyla_driver,\"ax\"\n",
                ".globl ", $name, "\n",
                // Not for other libraries to find: those that want the driver look for it themselves.
                ".hidden ", $name, "\n",
                ".type ", $name, ",@function\n",
                $name, ": jmp qword ptr [rip + 2b]\n",
                ".popsection",
            ),)*
            refused = sym refused,
        );

        unsafe extern "C" {
            #[link_name = "phyla_driver_table"]
            static TABLE: [AtomicPtr<c_void>; NAMES.len()];
        }
    };
}

// What a linked program wants of the library otherwise. If one were missing here, `tests/tools/cuda-build.sh` would fail to link, and with
// CUDA's own libraries `readelf -d` would show `libcuda.so.1` again, and `nm -D -u` which.
functions! {
    "cuCtxDestroy_v2" "cuCtxGetCurrent" "cuCtxSetCurrent" "cuDeviceGet" "cuDeviceGetAttribute" "cuDeviceGetCount" "cuDeviceGetName"
    "cuDevicePrimaryCtxRelease_v2" "cuDevicePrimaryCtxRetain" "cuEventCreate" "cuEventDestroy_v2" "cuEventRecord" "cuGetErrorString"
    "cuInit" "cuLaunchKernel" "cuMemAllocAsync" "cuMemAlloc_v2" "cuMemFreeAsync" "cuMemFree_v2" "cuMemcpyDtoDAsync_v2"
    "cuMemcpyDtoHAsync_v2" "cuMemcpyHtoDAsync_v2" "cuMemcpyPeerAsync" "cuMemsetD8Async" "cuModuleGetFunction" "cuModuleLoad"
    "cuModuleLoadData" "cuModuleUnload" "cuStreamDestroy_v2" "cuStreamIsCapturing" "cuStreamSynchronize" "cuStreamWaitEvent"
}

/// Looks the driver up, once.
///
/// # Errors
/// What the system says where there is none.
pub fn load() -> Result<(), String> {
    static LOADED: OnceLock<Result<libloading::Library, String>> = OnceLock::new();
    let load = || {
        // SAFETY: what runs when the driver's library is loaded is the driver's, as it would be if the program were linked to it.
        let library = unsafe { libloading::Library::new("libcuda.so.1") };
        // The error itself says that loading failed; what it came from says why.
        let library = library.map_err(|error| error.source().map_or_else(|| error.to_string(), ToString::to_string))?;
        // SAFETY: the table has as many addresses as there are names, all initialised, and is only read and written as atomic.
        let table = unsafe { &TABLE };
        for (name, place) in NAMES.iter().zip(table) {
            // SAFETY: the symbol is only used as an address, by callers that declare the function as the driver's headers do.
            if let Ok(function) = unsafe { library.get::<*mut c_void>(name.as_bytes()) } {
                place.store(*function, Ordering::Relaxed);
            }
        }
        Ok(library)
    };
    LOADED.get_or_init(load).as_ref().map(|_| ()).map_err(Clone::clone)
}
