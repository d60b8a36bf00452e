#!/usr/bin/env bash
# Type-checks the features `cuda` and `cudnn` without NVIDIA's toolkit: Rust only, no kernel is compiled and nothing is linked.
set -euo pipefail
tools="$(cd "$(dirname "$0")" && pwd)"
cd "$tools/../.."

# A folder of its own below the usual one: what the stand-in leaves must never be taken for a real build.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/cuda-check"
unset CUDA_HOME CUDA_PATH CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR
export NVCC="$tools/nvcc-stand-in/nvcc" PATH="$tools/nvcc-stand-in:$PATH"
# The GPU would be asked for its generation, and there need be none.
export CUDA_COMPUTE_CAP=80
# What is compiled here, procedural macros and build scripts, runs once: it is not worth optimising.
cargo check --locked --all-targets --features cuda,cudnn --config 'profile.dev.package."*".opt-level=0' "$@"
