"""Do we train as the reference framework does? `python -m benchmarks.agreement training CIFAR.npz`.

The residual recipe's network is built here and, node by node, in PyTorch (the `bench` extra); both
get the same first weights, the same batches and the same optimizer. Printed: the first 20 losses'
largest difference, in float64, where it shows the arithmetic, and in float32, where rounding alone
drives two trainings apart (at this rate by a factor of about three a step); and over five seeds the
difference of the final test accuracies with its 95 % interval (Student's t), which should hold
zero. Augmentation is left out, since its random streams cannot be the same.
"""

from __future__ import annotations

import math

import numpy as np
import torch

import nnviz as nv
from nnviz.engine.walk import Draw
from nnviz.training import CategoricalCrossentropy
from nnviz.training.losses import as_targets
from nnviz.training.recipes import RECIPES
from nnviz.training.step import Steps

from .twin import Twin, there

RATE, MOMENTUM, BATCH = 0.05, 0.9, 128
T_95 = {5: 2.776}
"""The 97.5 % point of Student's t for that many seeds (one degree of freedom less)."""


def batches(n: int, seed: int, epoch: int) -> list[np.ndarray]:
    """The pictures' numbers, batch by batch; the incomplete last one is left out."""
    order = np.random.default_rng((seed, epoch)).permutation(n)
    return [order[i : i + BATCH] for i in range(0, n - BATCH + 1, BATCH)]


class Pair:
    """Our network and its twin with the same first weights, trained side by side."""

    def __init__(self, data: dict[str, np.ndarray], seed: int, dtype: type) -> None:
        self.data, self.seed, self.made = data, seed, 0
        self.model = RECIPES["cifar-resnet"].model(data["train_x"], 10, None, seed).astype(dtype)
        self.twin = Twin(self.model).to(torch.float64 if dtype is np.float64 else torch.float32)
        self.steps = Steps(self.model, CategoricalCrossentropy(), nv.SGD(RATE, momentum=MOMENTUM))
        self.theirs = torch.optim.SGD(self.twin.parameters(), RATE, MOMENTUM)
        self.x = np.divide(data["train_x"], 255, dtype=dtype)
        self.y = data["train_y"].astype(np.int64)
        self.targets = as_targets(self.y, len(self.y), (10,), dtype)

    def ready(self, x: np.ndarray) -> torch.Tensor:
        """Pixels as the twin wants them: prepared, channels first."""
        return there(self.model.input.prepare(x))

    def train(self, batch: np.ndarray) -> tuple[float, float]:
        """One step of both on the same pictures; their losses before it."""
        total, _ = self.steps.step(self.x, self.targets, batch, Draw(self.seed, self.made))
        self.made += 1
        self.theirs.zero_grad()
        out = self.twin(self.ready(self.x[batch]))
        error = torch.nn.functional.cross_entropy(out, torch.tensor(self.y[batch]))
        error.backward()
        self.theirs.step()
        return total / len(batch), error.item()

    def gap(self, steps: int) -> float:
        """The largest difference of the losses over the first steps."""
        first = batches(len(self.x), self.seed, 0)[:steps]
        return max(abs(ours - theirs) for ours, theirs in map(self.train, first))

    def accuracies(self, epochs: int) -> tuple[float, float]:
        """Train for so many epochs; the accuracy of both on the test pictures."""
        for epoch in range(epochs):
            for batch in batches(len(self.x), self.seed, epoch):
                self.train(batch)
        x, y = self.data["test_x"], self.data["test_y"].astype(np.int64)
        self.twin.eval()
        with torch.no_grad():
            answers = self.twin(self.ready(x)).argmax(1).numpy()
        return self.model.evaluate(x, y).accuracy, float((answers == y).mean())


def compare(path: str, epochs: int, seeds: int) -> None:
    """Print how the losses and the final accuracies agree."""
    with np.load(path) as file:
        data = {key: file[key] for key in ("train_x", "train_y", "test_x", "test_y")}
    exact, usual = (Pair(data, 0, dtype).gap(20) for dtype in (np.float64, np.float32))
    print(
        f"first 20 losses differ by at most {exact:.1e} in float64 (goal: 1e-4), {usual:.1e} in "
        "float32",
        flush=True,
    )
    gaps = []
    for seed in range(seeds):
        a, b = Pair(data, seed, np.float32).accuracies(epochs)
        gaps.append(a - b)
        print(f"seed {seed}: test accuracy ours {a:.1%}, theirs {b:.1%}", flush=True)
    mean, error = np.mean(gaps), np.std(gaps, ddof=1) / math.sqrt(len(gaps))
    half = T_95.get(len(gaps), 1.96) * error
    inside = "holds" if abs(mean) <= half else "does not hold"
    print(
        f"difference of the final accuracies over {len(gaps)} seeds: {mean:+.2%} ± {half:.2%} "
        f"(95 %), which {inside} zero"
    )
