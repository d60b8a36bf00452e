#!/bin/sh
# The native executor's tests, two thousand random graphs included, under the address sanitizer, which sees reads and writes outside of
# what was allocated. Needs a nightly toolchain, whose compiler alone has it; takes some minutes for the build and one for the tests.
set -eu
cd "$(dirname "$0")/../.."
rustc +nightly --version >/dev/null 2>&1 || { echo "no nightly toolchain is here: skipped"; exit 0; }
host=$(rustc +nightly -vV | sed -n 's/^host: //p')
# What a newer compiler warns of is no business of this test.
RUSTFLAGS="-Zsanitizer=address --cap-lints=warn" CARGO_TARGET_DIR=target/sanitized \
    cargo +nightly test --locked --target "$host" --lib exec::native "$@"
