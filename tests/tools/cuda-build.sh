#!/usr/bin/env bash
# Builds the program for CUDA with NVIDIA's own compiler and libraries, taken from the wheels on PyPI, and tries what can be tried without a
# GPU: that it starts and trains on the CPU where there is no driver, and what it says then of GPUs. About half an hour of processor time
# and 3 GB; it needs neither CUDA, nor a driver, nor a GPU.
#
#     tests/tools/cuda-build.sh           # build and try
#     tests/tools/cuda-build.sh test      # any other command of cargo, with the same compiler and libraries
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=target/peers/cuda
[ -x "$tools/bin/python" ] || "${PYTHON:-python3}" -m venv "$tools"
wheels=()
for part in cuda-nvcc cuda-runtime cuda-cccl cuda-crt cuda-nvrtc nvvm cublas; do wheels+=("nvidia-$part==13.0.*"); done
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "${wheels[@]}" 'nvidia-curand==10.4.0.*'
CUDA_HOME="$(echo "$PWD/$tools"/lib/python3*/site-packages/nvidia/cu13)"
# The wheels have libraries for running. Linking asks for their names without a version, and for the driver's.
for library in "$CUDA_HOME"/lib/lib{cublas,cublasLt,cudart,curand,nvrtc}.so.*; do
    ln -sf "$(basename "$library")" "${library%%.so.*}.so"
done
# It defines the functions of driver.rs, as the one in CUDA's own folder of stubs does: one that is missing there fails to link.
grep -o '"cu[A-Z][A-Za-z0-9_]*"' src/exec/candle/driver.rs | sed 's/"\(.*\)"/int \1(void) { return 0; }/' |
    cc -shared -fPIC -w -x c -Wl,-soname,libcuda.so.1 -o "$CUDA_HOME/lib/libcuda.so" -

unset CUDA_PATH CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR
export CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
# The generation of the GPU: 80 is the A100's; NVIDIA's list says yours.
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-80}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda"
export LD_LIBRARY_PATH="$CUDA_HOME/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
nvcc --version | tail -n 2
if [ $# -gt 0 ]; then
    exec cargo "$1" --locked --features cuda "${@:2}"
fi
cargo build --locked --release --features cuda

program="$CARGO_TARGET_DIR/release/phyla"
wanted="$(readelf -d "$program")"
shown="$(nm -D --defined-only "$program")"
if grep 'libcuda\.so' <<<"$wanted" || grep ' cu[A-Z]' <<<"$shown"; then
    echo "the program is linked to the driver, or shows its functions to others"
    exit 1
fi

tried="$(mktemp -d)"
trap 'rm -rf "$tried"' EXIT
cc -shared -fPIC -o "$tried/libcuda.so.1" tests/tools/driver-stand-in.c
phyla() {
    LD_LIBRARY_PATH="$1$LD_LIBRARY_PATH" "$program" "${@:2}" --fresh --out "$tried/run" 2>&1
}
says() {
    local said
    said="$(phyla "$1" run experiments/smoke.phyla --device "$2")" && { echo "\`$2\` was taken, which is not there"; exit 1; }
    printf '%s\n' "$said"
    grep -qF -- "$3" <<<"$said" || { echo "this was to be said: $3"; exit 1; }
}

if PATH="$PATH:/sbin" ldconfig -p | grep 'libcuda\.so\.1' >/dev/null; then
    echo "there is a driver here: what happens without one is not tried"
else
    echo "== without a driver"
    says "" cuda:0 "NVIDIA's driver cannot be loaded"
fi
phyla "" run experiments/smoke.phyla --device cpu | tail -n 3
echo "== with a driver, without a GPU"
says "$tried:" cuda:0 "there is no GPU here"
echo "== with a driver that tells of two GPUs"
STAND_IN_GPUS=2 says "$tried:" cuda:7 "the devices here: cpu, cuda:0 (stand-in 0), cuda:1 (stand-in 1)"
