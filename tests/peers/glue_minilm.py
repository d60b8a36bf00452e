"""experiments/glue_minilm.phyla by PyTorch and the transformers library: the same weights, files, order, steps and settings.

It reads the official files and tokenises them by itself. The order of the sentences comes from Phyla, since no other program draws its
streams: `cargo test --test peers -- --ignored glue_order` writes target/peers/glue_order.json. GLUE_ROWS, GLUE_EPOCHS and GLUE_RUNS before
it make it shorter, as `--set final.suite.rows=…`, `….train.epochs=…` and `….seeds=…` do with Phyla; GLUE_RATE is `….train.optimizer.lr`, GLUE_DROPOUT
`model.dropout`, and GLUE_ONLY picks runs by their numbers, `0,2`. Heads begin with Phyla's own numbers. What differs is the draw of dropout, so
scores agree within the spread of seeds, and without dropout to the rounding of some steps.

    PHYLA_GLUE=… target/peers/venv/bin/python tests/peers/glue_minilm.py

Needs transformers beside what tests/peers/setup.sh installs: `target/peers/venv/bin/python -m pip install transformers==5.24.0`.
"""

import json
import os
import sys
import time

import numpy as np
import torch
from transformers import BertForSequenceClassification, BertTokenizerFast

FOLDER = os.environ.get("PHYLA_MINILM", "target/peers/minilm")
GLUE = os.environ["PHYLA_GLUE"]
BATCH, LENGTH, WARMUP = 16, 128, 0.1
DROPOUT = float(os.environ.get("GLUE_DROPOUT", "0.1"))
RATE = float(os.environ.get("GLUE_RATE", "1e-4"))
# Folder, columns of the text (train and dev), column of the label, its words; None where it is a score from 0 to 5.
TASKS = {
    "cola": ("CoLA", [3], 1, ["0", "1"]),
    "sst2": ("SST-2", ["sentence"], "label", ["0", "1"]),
    "mrpc": ("MRPC", ["#1 String", "#2 String"], "Quality", ["0", "1"]),
    "stsb": ("STS-B", ["sentence1", "sentence2"], "score", None),
    "rte": ("RTE", ["sentence1", "sentence2"], "label", ["entailment", "not_entailment"]),
}


def rows(folder, part, text, label, names):
    lines = open(f"{GLUE}/{folder}/{part}.tsv", encoding="utf-8-sig", newline="").read().split("\n")
    lines = [line.rstrip("\r").split("\t") for line in lines if line]
    if isinstance(label, str):
        header = [name.strip() for name in lines.pop(0)]
        text, label = [header.index(name) for name in text], header.index(label)
    value = (lambda cell: names.index(cell)) if names else (lambda cell: float(cell) / 2.5 - 1.0)
    # A score is learnt on the scale from -1 to 1, as Phyla learns it.
    return [([line[at].strip() for at in text], value(line[label].strip())) for line in lines if len(line) > max(text + [label])]


def sentences(examples):
    """The rows that no other row has within it, of equal ones the first: SST-2's without the phrases of its sentences."""
    words = [tuple(text[0].split()) for text, _ in examples]
    kept, spans = [], set()
    for at in sorted(range(len(words)), key=lambda at: -len(words[at])):
        if words[at] not in spans:
            kept.append(at)
            spans.update(words[at][i : j + 1] for i in range(len(words[at])) for j in range(i, len(words[at])))
    return [examples[at] for at in sorted(kept)]


def ranks(values):
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + 1 + ends) / 2.0)[inverse]


def metrics(task, gold, found):
    gold, found = np.asarray(gold, float), np.asarray(found, float)
    if task == "stsb":
        found = found.clip(-1, 1)
        return {"pearson": np.corrcoef(gold, found)[0, 1], "spearman": np.corrcoef(ranks(gold), ranks(found))[0, 1]}
    accuracy = float((gold == found).mean())
    if task == "cola":
        return {"matthews": 0.0 if found.std() == 0 else np.corrcoef(gold, found)[0, 1]}
    if task == "mrpc":
        hits = ((gold == 1) & (found == 1)).sum()
        return {"accuracy": accuracy, "f1": 2 * hits / ((gold == 1).sum() + (found == 1).sum())}
    return {"accuracy": accuracy}


def share(step, total):
    warmup = round(WARMUP * total)
    return (step + 1) / warmup if step < warmup else max(0.0, 1 - (step - warmup) / max(total - warmup, 1))


def main():
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    order = json.load(open("target/peers/glue_order.json"))
    wanted = sys.argv[1:] or list(TASKS)
    tokenizer = BertTokenizerFast.from_pretrained(FOLDER)
    begun = time.perf_counter()
    for task in wanted:
        folder, text, label, names = TASKS[task]
        train, dev = (rows(folder, part, text, label, names) for part in ("train", "dev"))
        if task == "sst2":
            train = sentences(train)
        # The places of the order are those of just these rows.
        assert len(train) == order[task]["rows"], (task, len(train))
        train = [train[at] for at in order[task]["used"]]

        def encoded(examples):
            sides = [[example[0][side] for example in examples] for side in range(len(text))]
            return tokenizer(*sides, truncation=True, max_length=LENGTH)

        tokens, judged = encoded(train), encoded(dev)

        def batch(tokens, places):
            picked = {name: [values[at] for at in places] for name, values in tokens.items()}
            return tokenizer.pad(picked, return_tensors="pt")

        for run, epochs in enumerate(order[task]["runs"]):
            if str(run) not in os.environ.get("GLUE_ONLY", str(run)).split(","):
                continue
            started = time.perf_counter()
            torch.manual_seed(run)
            model = BertForSequenceClassification.from_pretrained(
                FOLDER, num_labels=len(names) if names else 1, hidden_dropout_prob=DROPOUT, attention_probs_dropout_prob=0.0
            )
            with torch.no_grad():
                head = model.classifier.weight
                head.copy_(torch.tensor(order[task]["heads"][run]).view_as(head))
                model.classifier.bias.zero_()
            model.train()
            plain = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
            decayed = [p for name, p in model.named_parameters() if not (name.endswith("bias") or "LayerNorm" in name)]
            groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
            optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.999), eps=1e-6, fused=True)
            total, step = len(epochs) * -(-len(train) // BATCH), 0
            for places in epochs:
                for at in range(0, len(places), BATCH):
                    chosen = places[at : at + BATCH]
                    gold = torch.tensor([train[place][1] for place in chosen])
                    logits = model(**batch(tokens, chosen)).logits
                    if names:
                        loss = torch.nn.functional.cross_entropy(logits, gold)
                    else:
                        loss = torch.nn.functional.mse_loss(logits[:, 0], gold.float())
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
                    for group in optimizer.param_groups:
                        group["lr"] = RATE * share(step, total)
                    optimizer.step()
                    step += 1
            model.eval()
            # Like lengths together, so that little is padding.
            by_length = sorted(range(len(dev)), key=lambda place: len(judged["input_ids"][place]))
            found = [0.0] * len(dev)
            with torch.inference_mode():
                for at in range(0, len(dev), 64):
                    chosen = by_length[at : at + 64]
                    logits = model(**batch(judged, chosen)).logits
                    values = logits.argmax(-1) if names else logits[:, 0]
                    for place, value in zip(chosen, values.tolist()):
                        found[place] = value
            scores = metrics(task, [example[1] for example in dev], found)
            line = {"task": task, "run": run, "seconds": round(time.perf_counter() - started, 1)}
            print(json.dumps(line | {name: round(float(value), 4) for name, value in scores.items()}), flush=True)
    print(json.dumps({"seconds": round(time.perf_counter() - begun, 1)}))


main()
