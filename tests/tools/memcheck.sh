#!/bin/sh
# The native executor's tests under valgrind, which sees every read and write of its unsafe parts. Takes some minutes.
set -eu
cd "$(dirname "$0")/../.."
command -v valgrind >/dev/null || { echo "valgrind is not here: skipped"; exit 0; }
CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --error-exitcode=9 --fair-sched=yes" \
    cargo test --lib exec::native -- --test-threads=1 "$@"
