"""PyTorch's count of the floating-point operations of models, for tests/peers.rs to compare with our formulas.

Standard input is a JSON list of models as `step_server.py` takes them; for each, `flops` of one sentence's forward pass, those of
a whole training step (`step_flops`), and `parameters` are printed. Nothing is computed: tensors on the device `meta` have shapes
only. Attention is taken as its plain products and convolution as a depthwise `conv1d`, since the counter knows no formula for the
fused kernels of the CPU and a banded matrix would count its zeros.
"""

import json
import math
import sys

import step_server
import torch
from torch.utils.flop_counter import FlopCounterMode


def count(size):
    with torch.device("meta"):
        net = step_server.Model(size)
        tokens = torch.zeros(1, size["width"], dtype=torch.long)
        places = math.ceil((size["width"] - 2) * 0.15) if net.masked else 1
        batch = {"tokens": tokens, "segments": tokens, "padding": None, "targets": torch.zeros(places, dtype=torch.long)}
        batch["at"] = torch.zeros(places, dtype=torch.long)
        for layer in net.layers:
            if isinstance(layer.mixer, step_server.Attention):
                layer.mixer.graph.way = step_server.explicit
        with FlopCounterMode(display=False) as forward:
            net(batch)
        with FlopCounterMode(display=False) as step:
            net.loss(batch).backward()
    return {
        "flops": forward.get_total_flops(),
        "step_flops": step.get_total_flops(),
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
    }


print(json.dumps({"torch": torch.__version__.split("+")[0], "counts": [count(size) for size in json.load(sys.stdin)]}))
