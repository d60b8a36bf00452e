#!/bin/sh
# The memory that `phyla plan` foretells beside the most that `phyla run` held in three runs, of several kinds and sizes: some minutes.
# Fails where the two are more than 15 % apart. Three, because workers reach their peaks at different moments; a run holds most when several coincide.
#
#     sh tests/tools/memory.sh
#
# Needs `cargo build --release`, Python 3 and GNU time.
set -eu
cd "$(dirname "$0")/../.."
phyla=target/release/phyla
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

beside() {
    name=$1
    shift
    "$phyla" plan "$@" --json > "$folder/plan"
    for turn in 1 2 3; do
        /usr/bin/time -f %M -o "$folder/held$turn" "$phyla" run "$@" --fresh --out "$folder/run" > "$folder/log" 2>&1 ||
            { tail -n 20 "$folder/log"; exit 1; }
    done
    python3 - "$name" "$folder" << 'PYTHON'
import json, sys
name, folder = sys.argv[1:]
foretold = json.load(open(f"{folder}/plan"))["memory"]["peak"] / 2**20
held = sorted(int(open(f"{folder}/held{turn}").read().split()[-1]) / 2**10 for turn in (1, 2, 3))
share = foretold / held[2]
print(f"{name:<44} foretold {foretold:6.0f} MiB, held {held[0]:.0f} to {held[2]:.0f}: {share:.2f}")
sys.exit(not 0.85 < share < 1.15)
PYTHON
}

searched="experiments/smoke.phyla"
beside "a search" $searched
beside "a search, one worker" $searched --set workers=1
beside "a search, 256 wide" $searched --set model.hidden=256 --set model.feed_forward=1024
beside "a search, 256 wide, four workers" $searched --set model.hidden=256 --set model.feed_forward=1024 --set workers=4
beside "a search, 128 tokens" $searched --set model.hidden=128 --set model.length=128
one="experiments/austen_bert.phyla --experiment austen_bert --set final.pretrain.steps=20 --set final.seeds=1 --set final.suite.rows=200 --set final.suite.train.epochs=1"
small="--set model.hidden=256 --set model.heads=4 --set model.feed_forward=1024 --set model.length=128 --set model.vocabulary=8192"
wide="--set model.hidden=768 --set model.heads=12 --set model.feed_forward=3072 --set model.length=128 --set model.vocabulary=8192"
beside "a tiny BERT" $one
beside "a tiny BERT, eight workers" $one --set workers=8
beside "a tiny BERT, two seeds" $one --set final.seeds=2
beside "a small BERT, batches of 16" $one $small --set final.pretrain.batch=16
beside "a small BERT, batches of 16, eight workers" $one $small --set final.pretrain.batch=16 --set workers=8
beside "a small BERT, batches of 16 in four parts" $one $small --set final.pretrain.batch=16 --set final.pretrain.accumulate=4 --set final.suite.train.accumulate=4
beside "four layers of a base BERT" $one $wide --set final.pretrain.steps=3 --set final.suite.rows=40
