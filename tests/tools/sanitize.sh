#!/bin/sh
# The native executor's tests, two thousand random graphs included, under the address sanitizer, which sees reads and writes outside of
# what was allocated. Needs a nightly toolchain, whose compiler alone has it; takes some minutes for the build and one for the tests.
set -eu
cd "$(dirname "$0")/../.."
rustc +nightly --version >/dev/null 2>&1 || { echo "no nightly toolchain is here: skipped"; exit 0; }
RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=target/sanitized \
    cargo +nightly test --locked --target x86_64-unknown-linux-gnu --lib exec::native "$@"
