#!/usr/bin/env bash
# Compiles candle's kernels with NVIDIA's own compiler, taken from the wheels on PyPI, and checks the feature `cuda` against them:
# about a quarter of an hour of processor time and 300 MB. It needs neither a GPU nor a driver, and links nothing; on a machine that has
# CUDA's libraries, `tests/tools/cuda-build.sh build --release` makes the program.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=target/peers/cuda
[ -x "$tools/bin/python" ] || "${PYTHON:-python3}" -m venv "$tools"
wheels=()
for part in nvcc runtime cccl crt; do wheels+=("nvidia-cuda-$part==13.0.*"); done
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "${wheels[@]}" 'nvidia-nvvm==13.0.*'
CUDA_HOME="$(echo "$PWD/$tools"/lib/python3*/site-packages/nvidia/cu13)"

export CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
# The generation of the GPU: 80 is the A100's; NVIDIA's list says yours.
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-80}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda"
nvcc --version | tail -n 2
if [ $# -eq 0 ]; then
    # Of what the check compiles, only the kernels are to be fast.
    set -- check --config 'profile.dev.package."*".opt-level=0'
fi
cargo "$1" --locked --features cuda "${@:2}"
