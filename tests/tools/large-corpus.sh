#!/bin/sh
# Shows that a corpus is never held whole: twenty files of a gigabyte, made of one text over and over, are read, counted, made into tokens and
# trained on for twenty steps. It prints the seconds and the most memory that was held, and fails where that is more than 256 MiB.
#
#     sh tests/tools/large-corpus.sh TEXT [FOLDER] [FILES]
#
# Needs `cargo build --release`, some 30 GB in FOLDER (else a new one under TMPDIR; what is made is removed) and GNU time.
set -eu
text=$(realpath "$1")
phyla=$(cd "$(dirname "$0")/../.." && pwd)/target/release/phyla
folder=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/large.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
cd "$folder"
mkdir text
size=$(stat -c %s "$text")
for file in $(seq "${3:-20}"); do
    # The same text under two names would be refused: each has a first line of its own.
    { echo "Volume $file."; for _ in $(seq $((1000000000 / size + 1))); do cat "$text"; done; } > "text/$file.txt"
done
cat > large.phyla <<'PHYLA'
use std.architectures { bert }
use std.models { micro }
use std.suites { mini }
use std.train { finetune_tiny, pretrain_tiny }

experiment large {
    model = micro
    corpus = text("text")
    compare = [bert.first(1)]
    final = { pretrain = pretrain_tiny { steps = 20 }, suite = mini { train = finetune_tiny { epochs = 1 }, rows = 100 } }
}
PHYLA
du -sh text
/usr/bin/time -f '%e s (%U s of a processor), %M KiB at most' -o told "$phyla" run large.phyla --out run > log 2>&1 || { tail -n 20 log; exit 1; }
tail -n 1 told
grep -o '"train_tokens":[0-9]*' run/journal.jsonl
[ "$(sed -n 's/.* \([0-9]*\) KiB.*/\1/p' told)" -lt 262144 ]
