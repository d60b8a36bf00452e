#!/bin/sh
# Shows that a corpus is never held whole: twenty files of a gigabyte, made of one text over and over, are read, counted, made into tokens and
# trained on for twenty steps. It prints the seconds, the most memory that was the process's own, and the most with the pages of the token
# file, which the system takes back when it wants them; it fails where its own was more than 256 MiB.
#
#     sh tests/tools/large-corpus.sh TEXT [FOLDER] [FILES]
#
# Needs `cargo build --release`, some 30 GB in FOLDER (else a new one under TMPDIR; what is made is removed) and Linux's /proc.
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
"$phyla" run large.phyla --out run > log 2>&1 &
process=$!
own=0 most=0
begun=$(date +%s)
while facts=$(cat "/proc/$process/status" 2> /dev/null) && now=$(echo "$facts" | awk '/^RssAnon/ { print $2 }') && [ -n "$now" ]; do
    [ "$now" -le "$own" ] || own=$now
    most=$(echo "$facts" | awk '/^VmHWM/ { print $2 }')
    sleep 0.2
done
wait "$process" || { tail -n 20 log; exit 1; }
echo "$(($(date +%s) - begun)) s, $((own / 1024)) MiB of its own at most, $((most / 1024)) MiB with pages of the token file"
grep -o '"train_tokens":[0-9]*' run/journal.jsonl
[ "$own" -lt 262144 ]
