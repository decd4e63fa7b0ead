"""Do we train as the reference framework does? `python -m benchmarks.agreement CIFAR.npz`.

The residual recipe's network is built here and, node by node, in PyTorch (the `bench` extra); both
get the same first weights, the same batches and the same optimizer. Printed: the first 20 losses'
largest difference, and over five seeds the difference of the final test accuracies with its 95 %
interval (Student's t), which should hold zero. Augmentation is left out, since its random streams
cannot be the same.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import torch

import nnviz as nv
from nnviz.engine.graph import INPUT
from nnviz.engine.walk import Draw
from nnviz.training import CategoricalCrossentropy
from nnviz.training.losses import as_targets
from nnviz.training.recipes import RECIPES
from nnviz.training.step import train_step

RATE, MOMENTUM, BATCH = 0.05, 0.9, 128
T_95 = {5: 2.776}
"""The 97.5 % point of Student's t for that many seeds (one degree of freedom less)."""


def twin(layer: nv.Layer) -> torch.nn.Module:
    """One layer in PyTorch, with the same parameters."""
    if isinstance(layer, nv.Conv2D):
        weight = torch.tensor(layer.params["weight"].transpose(3, 2, 0, 1).copy())
        out, inside, *kernel = weight.shape
        pad = layer.padding[0][0]
        made = torch.nn.Conv2d(inside, out, kernel, layer.strides, pad, bias=layer.use_bias)
        made.weight.data = weight
        return made
    if isinstance(layer, nv.BatchNormalization):
        count = len(layer.params["gamma"])
        return torch.nn.BatchNorm2d(count, eps=layer.epsilon, momentum=1 - layer.momentum)
    if isinstance(layer, nv.Dense):
        made = torch.nn.Linear(*layer.params["weight"].shape)
        made.weight.data = torch.tensor(layer.params["weight"].T.copy())
        made.bias.data = torch.tensor(layer.params["bias"].copy())
        return made
    return {nv.ReLU: torch.nn.ReLU(), nv.Add: None}.get(type(layer))


class Twin(torch.nn.Module):
    """The same graph in PyTorch; it gives the logits."""

    def __init__(self, model: nv.Model) -> None:
        super().__init__()
        self.nodes = [node for node in model.nodes if not isinstance(node.layer, nv.Softmax)]
        made = {str(i): twin(node.layer) for i, node in enumerate(self.nodes)}
        self.parts = torch.nn.ModuleDict({k: v for k, v in made.items() if v is not None})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {INPUT: x}
        for i, node in enumerate(self.nodes):
            xs = [values[name] for name in node.inputs]
            if str(i) in self.parts:
                values[node.name] = self.parts[str(i)](xs[0])
            elif isinstance(node.layer, nv.Add):
                values[node.name] = sum(xs[1:], xs[0])
            else:
                values[node.name] = xs[0].mean(dim=(2, 3))
        return values[self.nodes[-1].name]


def batches(n: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The pictures' numbers, batch by batch; the incomplete last one is left out."""
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return [order[i : i + BATCH] for i in range(0, n - BATCH + 1, BATCH)]


def both(data: dict[str, np.ndarray], seed: int, epochs: int) -> tuple[list, list, float, float]:
    """Losses of ours and theirs, step by step, and the two test accuracies."""
    x, y = data["train_x"], data["train_y"].astype(np.int64)
    model = RECIPES["cifar-resnet"].model(x, 10, None, seed)
    other = Twin(model)
    ours, theirs = (
        nv.SGD(RATE, momentum=MOMENTUM),
        torch.optim.SGD(other.parameters(), RATE, MOMENTUM),
    )
    targets, loss = as_targets(y, len(x), (10,), np.float32), CategoricalCrossentropy()
    ready = model.input.prepare(x).transpose(0, 3, 1, 2)
    first, second, step = [], [], 0
    for epoch in range(epochs):
        for batch in batches(len(x), seed, epoch):
            total, _ = train_step(model, x, targets, batch, loss, ours, Draw(seed, step))
            first.append(total / len(batch))
            step += 1
            theirs.zero_grad()
            out = other(torch.tensor(ready[batch]))
            error = torch.nn.functional.cross_entropy(out, torch.tensor(y[batch]))
            error.backward()
            theirs.step()
            second.append(error.item())
    accuracy = model.evaluate(data["test_x"], data["test_y"].astype(np.int64)).accuracy
    other.eval()
    with torch.no_grad():
        out = other(torch.tensor(model.input.prepare(data["test_x"]).transpose(0, 3, 1, 2).copy()))
    return first, second, accuracy, float((out.argmax(1).numpy() == data["test_y"]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="an .npz with train_x, train_y, test_x, test_y")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    with np.load(args.data) as file:
        data = {key: file[key] for key in ("train_x", "train_y", "test_x", "test_y")}
    gaps = []
    for seed in range(args.seeds):
        ours, theirs, a, b = both(data, seed, args.epochs)
        apart = np.abs(np.array(ours) - np.array(theirs))[:20].max()
        gaps.append(a - b)
        print(
            f"seed {seed}: first 20 losses differ by at most {apart:.1e} (goal: 1e-4); "
            f"test accuracy ours {a:.1%}, theirs {b:.1%}",
            flush=True,
        )
    mean, error = np.mean(gaps), np.std(gaps, ddof=1) / math.sqrt(len(gaps))
    half = T_95.get(len(gaps), 1.96) * error
    inside = "holds" if abs(mean) <= half else "does not hold"
    print(
        f"difference of the final accuracies over {len(gaps)} seeds: {mean:+.2%} ± {half:.2%} "
        f"(95 %), which {inside} zero"
    )


if __name__ == "__main__":
    main()
