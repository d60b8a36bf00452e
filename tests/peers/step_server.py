"""PyTorch's side of `phyla bench`: JSON lines in, one JSON line out for each.

The rival is eager PyTorch as someone would write it who wants it fast. What was chosen, and why:

- Projections of one layer are one product (`query`, `key`, `value` stacked; `gate`, `value` likewise), and only of the inputs
  that the attention graph uses.
- An attention graph of the form `softmax(scale(A @ transpose(B))) @ C`, which is BERT's and every one of AutoBERT-Zero's, is
  `scaled_dot_product_attention(A, B, C)`, or three plain operations where those are faster. Other graphs are refused.
- Lightweight convolution is whichever is fastest of: depthwise `conv1d`; depthwise `conv2d` over a channels-last view, which
  copies nothing; a banded matrix a head and one batched product; a sum of shifted copies.
- Which of several ways is the fastest is measured forward and backward on the model's own shapes before the warm-up, so neither
  the number of threads nor PyTorch's version decides it by surprise.
- The masked-LM head runs on the masked positions only. AdamW is `fused=True`, clipping is `foreach`, gradients are set to None.
- All rows of the last layer are computed, as the transformers library does. With PHYLA_PEER_PICKS=1 the rows that the head reads are picked
  before the last layer's output projection: Phyla picks early by itself, there before the queries, too.
- `torch.compile` is not used: it takes minutes to compile and was 0.93 of eager time where it was tried.

Commands (`do`): model, batches, steps, forwards, task, epochs, gradients, memory, quit.
"""

import ast
import json
import math
import os
import random
import struct
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


# Whether the rows that the head reads are picked in the last layer.
PICKS = os.environ.get("PHYLA_PEER_PICKS", "") not in ("", "0")


def fastest(ways, inputs):
    """The one of `ways` that is fastest forward and backward on `inputs`; each is tried five times after a warm-up."""
    best = (math.inf, ways[0])
    for way in ways if len(ways) > 1 else []:
        taken = []
        for turn in range(7):
            leaves = [x.detach().requires_grad_() for x in inputs]
            begun = time.perf_counter()
            way(*leaves).sum().backward()
            if turn > 1:
                taken.append(time.perf_counter() - begun)
        best = min(best, (min(taken), way), key=lambda pair: pair[0])
    return best[1]


# Attention.


def flash(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def explicit(q, k, v, mask):
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores + mask
    return torch.matmul(torch.softmax(scores, -1), v)


class Graph:
    """An attention graph in Phyla's words, whose expressions are Python's too."""

    def __init__(self, text):
        tree = ast.parse(text, mode="eval").body
        try:
            (scores,), values = tree.left.args, tree.right
            (product,) = scores.args
            (keys,) = product.right.args
            named = [tree.left.func.id, scores.func.id, product.right.func.id]
            if named != ["softmax", "scale", "transpose"] or not isinstance(product.op, ast.MatMult):
                raise AttributeError
        except (AttributeError, ValueError, TypeError) as error:
            raise ValueError(f"no fast way is known here for the graph {text}") from error
        self.parts = [compile(ast.Expression(part), text, "eval") for part in (product.left, keys, values)]
        self.inputs = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"q", "k", "v"}, key="qkv".index)
        self.way = flash

    def __call__(self, given, mask):
        width = next(iter(given.values())).shape[-1]
        names = {"scale": lambda x: x / math.sqrt(width), "logsigmoid": F.logsigmoid, "softsign": F.softsign, **given}
        return self.way(*(eval(part, {"__builtins__": {}}, names) for part in self.parts), mask)


class Attention(nn.Module):
    def __init__(self, text, size):
        super().__init__()
        self.graph, self.heads = Graph(text), size["heads"]
        names = {"q": "query", "k": "key", "v": "value"}
        self.projection = nn.Linear(size["hidden"], size["hidden"] * len(self.graph.inputs))
        self.output = nn.Linear(size["hidden"], size["hidden"])
        self.stacked = {"projection": [names[name] for name in self.graph.inputs]}

    def calibrate(self, rows, width, hidden):
        shape = (rows, self.heads, width, hidden // self.heads)
        ways = [lambda q, k, v, way=way: way(q, k, v, None) for way in (flash, explicit)]
        chosen = fastest(ways, [torch.randn(shape) for _ in range(3)])
        self.graph.way = (flash, explicit)[ways.index(chosen)]
        return self.graph.way.__name__

    def forward(self, x, padding, pick):
        rows, width, hidden = x.shape
        parts = self.projection(x).view(rows, width, len(self.graph.inputs), self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mask = None if padding is None else padding["scores"]
        y = self.graph(dict(zip(self.graph.inputs, parts)), mask)
        return self.output(pick(y.transpose(1, 2).reshape(rows, width, hidden)))


# Lightweight convolution: x [rows, tokens, hidden], taps [heads, kernel] after their softmax.


def conv1d(x, taps):
    weight = taps.repeat_interleave(x.shape[2] // taps.shape[0], 0).unsqueeze(1)
    return F.conv1d(x.transpose(1, 2), weight, padding=taps.shape[1] // 2, groups=x.shape[2]).transpose(1, 2)


def conv2d(x, taps):
    weight = taps.repeat_interleave(x.shape[2] // taps.shape[0], 0)[:, None, None, :]
    view = x.transpose(1, 2).unsqueeze(2)
    return F.conv2d(view, weight, padding=(0, taps.shape[1] // 2), groups=x.shape[2]).squeeze(2).transpose(1, 2)


def banded(x, taps):
    rows, tokens, hidden = x.shape
    heads, kernel = taps.shape
    side = tokens - 1 - kernel // 2
    # Tap s - t + kernel // 2 stands in row t and column s; what the sentence is too short for is cut off.
    windows = F.pad(taps, (side, side)).unfold(1, tokens, 1).flip(1)
    values = x.view(rows, tokens, heads, -1).permute(2, 1, 0, 3).reshape(heads, tokens, -1)
    return torch.bmm(windows, values).view(heads, tokens, rows, -1).permute(2, 1, 0, 3).reshape(rows, tokens, hidden)


def shifted(x, taps):
    rows, tokens, hidden = x.shape
    heads, kernel = taps.shape
    wide = F.pad(x, (0, 0, kernel // 2, kernel // 2)).view(rows, tokens + kernel - 1, heads, -1)
    pieces = (wide[:, place : place + tokens] * taps[:, place, None] for place in range(kernel))
    return sum(pieces).reshape(rows, tokens, hidden)


class Convolution(nn.Module):
    def __init__(self, kernel, size):
        super().__init__()
        hidden = size["hidden"]
        self.projection = nn.Linear(hidden, 2 * hidden)
        self.taps = nn.Parameter(torch.randn(size["heads"], kernel) * 0.02)
        self.output = nn.Linear(hidden, hidden)
        self.stacked = {"projection": ["gate", "value"]}
        self.way = conv1d

    def calibrate(self, rows, width, hidden):
        ways = [conv1d, conv2d, banded] + ([shifted] if self.taps.shape[1] <= 9 else [])
        self.way = fastest(ways, [torch.randn(rows, width, hidden), torch.softmax(self.taps.detach(), -1)])
        return self.way.__name__

    def forward(self, x, padding, pick):
        gate, value = self.projection(x).chunk(2, -1)
        x = value * torch.sigmoid(gate)
        if padding is not None:
            x = x * padding["tokens"]
        return self.output(pick(self.way(x, torch.softmax(self.taps, -1))))


class Layer(nn.Module):
    def __init__(self, text, size):
        super().__init__()
        kind, _, rest = text.partition("(")
        if kind == "conv":
            self.mixer = Convolution(int(rest.rstrip(")").split("=")[1]), size)
        else:
            self.mixer = Attention(rest[rest.index("{") + 1 : rest.rindex("}")].strip(), size)
        hidden = size["hidden"]
        self.up, self.down = nn.Linear(hidden, size["feed_forward"]), nn.Linear(size["feed_forward"], hidden)
        self.norm1, self.norm2 = (nn.LayerNorm(hidden, eps=1e-12) for _ in range(2))
        self.dropout = size["dropout"]

    def forward(self, x, padding, pick):
        drop = lambda x: F.dropout(x, self.dropout, self.training) if self.dropout else x
        y = self.norm1(pick(x) + drop(self.mixer(x, padding, pick)))
        return self.norm2(y + drop(self.down(F.gelu(self.up(y)))))


class Model(nn.Module):
    def __init__(self, size):
        super().__init__()
        hidden, vocabulary = size["hidden"], size["vocabulary"]
        self.word, self.segments = nn.Embedding(vocabulary, hidden), nn.Embedding(2, hidden)
        self.positions = nn.Parameter(torch.randn(size["length"], hidden))
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(text, size) for text in size["layers"])
        self.dropout = size["dropout"]
        self.masked = size["head"] == "masked_lm"
        if self.masked:
            self.transform, self.head_norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden, eps=1e-12)
            self.bias = nn.Parameter(torch.zeros(vocabulary))
        else:
            self.pooler, self.classifier = nn.Linear(hidden, hidden), nn.Linear(hidden, size["classes"])
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, batch):
        drop = lambda x: F.dropout(x, self.dropout, self.training) if self.dropout else x
        tokens = batch["tokens"]
        x = drop(self.norm(self.word(tokens) + self.segments(batch["segments"]) + self.positions[: tokens.shape[1]]))
        wanted = lambda x: x.reshape(-1, x.shape[-1])[batch["at"]] if self.masked else x[:, 0]
        for layer in self.layers[:-1]:
            x = layer(x, batch["padding"], lambda x: x)
        x = self.layers[-1](x, batch["padding"], wanted) if PICKS else wanted(self.layers[-1](x, batch["padding"], lambda x: x))
        if self.masked:
            return F.linear(self.head_norm(F.gelu(self.transform(x))), self.word.weight, self.bias)
        return self.classifier(drop(torch.tanh(self.pooler(x))))

    def loss(self, batch):
        return F.cross_entropy(self(batch), batch["targets"])

    def named(self):
        """The parameters under plain names, stacked ones apart: name, parameter, the rows it takes of it."""
        for name, parameter in self.named_parameters():
            owner, _, role = name.rpartition(".")
            place, _, leaf = owner.rpartition(".")
            stacked = getattr(self.get_submodule(place), "stacked", {}).get(leaf)
            if stacked is None:
                yield name, parameter, slice(None)
                continue
            height = parameter.shape[0] // len(stacked)
            for number, part in enumerate(stacked):
                yield f"{place}.{part}.{role}", parameter, slice(number * height, (number + 1) * height)


def tensors(batch):
    """A batch of the wire as tensors; `padding` is None where there is none."""
    rows, width = len(batch["lengths"]), batch["width"]
    shaped = lambda name: torch.tensor(batch[name]).view(rows, width)
    made = {"tokens": shaped("tokens"), "segments": shaped("segments"), "padding": None}
    if "targets" in batch:
        made["targets"] = torch.tensor([-100 if target is None else target for target in batch["targets"]])
    if "at" in batch:
        made["at"] = (torch.tensor(batch["at"]).view(rows, -1) + torch.arange(rows)[:, None] * width).flatten()
    lengths = torch.tensor(batch["lengths"])
    if int(lengths.min()) < width:
        real = torch.arange(width) < lengths[:, None]
        scores = torch.zeros(rows, 1, 1, width).masked_fill(~real[:, None, None], -math.inf)
        made["padding"] = {"tokens": real[:, :, None].float(), "scores": scores}
    return made


def read_weights(path):
    """The tensors of a safetensors file, single precision."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    entries = ((name, entry) for name, entry in header.items() if name != "__metadata__")
    return {name: torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=torch.float32).view(entry["shape"]) for name, entry in entries}


def write_weights(path, given):
    header, end, parts = {}, 0, []
    for name, tensor in given.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + len(raw)]}
        end += len(raw)
        parts.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


class Server:
    def model(self, size):
        torch.set_num_threads(size["threads"])
        torch.manual_seed(0)
        self.size, self.net, self.data, self.next = size, Model(size), [], 0
        ways = [layer.mixer.calibrate(size["rows"], size["width"], size["hidden"]) for layer in self.net.layers]
        rule = size["optimizer"]
        # Biases and norms, which are vectors, do not decay.
        groups = [
            {"params": [p for p in self.net.parameters() if p.dim() > 1], "weight_decay": rule["weight_decay"]},
            {"params": [p for p in self.net.parameters() if p.dim() == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=rule["lr"], betas=rule["betas"], eps=rule["eps"], fused=True)
        about = {
            "torch": torch.__version__.split("+")[0],
            "threads": torch.get_num_threads(),
            "mkl": torch.backends.mkl.is_available(),
            "onednn": torch.backends.mkldnn.is_available(),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "picks": PICKS,
        }
        return {"parameters": sum(p.numel() for p in self.net.parameters()), "about": about, "ways": ways}

    def batches(self, message):
        self.data, self.next = [tensors(batch) for batch in message["batches"]], 0
        return {"batches": len(self.data)}

    def turn(self):
        batch = self.data[self.next % len(self.data)]
        self.next += 1
        return batch

    def step(self, batch):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.net.loss(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.size["optimizer"]["clip"], foreach=True)
        self.optimizer.step()
        return loss.item()

    def steps(self, message):
        self.net.train()
        begun, loss = time.perf_counter(), 0.0
        for _ in range(message["count"]):
            loss = self.step(self.turn())
        return {"seconds": time.perf_counter() - begun, "loss": loss}

    def forwards(self, message):
        self.net.eval()
        with torch.inference_mode():
            begun = time.perf_counter()
            for _ in range(message["count"]):
                self.net(self.turn())
            return {"seconds": time.perf_counter() - begun}

    def task(self, message):
        self.lengths, self.rows = message["lengths"], message["batch"]
        return {}

    def epochs(self, message):
        """One pass over the task in a fresh order, each batch padded to its longest sentence; making the batches counts, too."""
        self.net.train()
        order = random.Random(message["seed"])
        begun, loss = time.perf_counter(), 0.0
        places = list(range(len(self.lengths)))
        order.shuffle(places)
        for start in range(0, len(places), self.rows):
            lengths = [self.lengths[place] for place in places[start : start + self.rows]]
            width = max(lengths)
            tokens = torch.randint(5, self.size["vocabulary"], (len(lengths), width)).flatten().tolist()
            targets = [place % self.size["classes"] for place in places[start : start + self.rows]]
            batch = {"lengths": lengths, "width": width, "tokens": tokens, "segments": [0] * len(tokens), "targets": targets}
            loss = self.step(tensors(batch))
        return {"seconds": time.perf_counter() - begun, "loss": loss}

    def gradients(self, message):
        """The loss and all gradients of the first batch, with the weights of a file; `check` and correctness, not speed."""
        given = read_weights(message["weights"])
        with torch.no_grad():
            for name, parameter, rows in self.net.named():
                parameter[rows] = given[name]
        self.net.eval()
        self.net.zero_grad()
        loss = self.net.loss(self.data[0])
        loss.backward()
        write_weights(message["gradients"], {name: parameter.grad[rows] for name, parameter, rows in self.net.named()})
        return {"loss": loss.item()}

    def memory(self, _):
        try:
            with open("/proc/self/status") as file:
                peak = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            import resource

            # Bytes on macOS, KiB elsewhere.
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)
        return {"peak_bytes": peak}


def main():
    torch.set_num_interop_threads(1)
    server = Server()
    for line in sys.stdin:
        message = json.loads(line)
        if message["do"] == "quit":
            break
        try:
            reply = getattr(server, message["do"])(message)
        except Exception as error:  # What went wrong belongs on the wire, where it is read.
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
