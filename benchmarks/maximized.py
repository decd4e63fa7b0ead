"""Does activation maximization find what a class looks like?

`python -m benchmarks.maximized MNIST`. Printed: for the shipped network each class's probability
and logit for its picture, beside the best and the 99th percentile of the 1,000 sample digits; how
many of the ten pictures two other networks recognize (another seed, and another seed and
architecture; both trained here on all of MNIST's training pictures, the folder of its IDX files);
how many filters of the second convolution rise above the sample's largest; and the time for a
224×224 network, which is the shipped residual network, whose convolutions take any size. `--out` is
where the pictures go.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import nnviz as nv
from nnviz.draw.gif import save_animation
from nnviz.training.recipes import RECIPES


def judges(folder: str, epochs: int) -> dict[str, nv.Model]:
    """Two networks that had no part in making the pictures."""
    data = nv.data.load(folder, "train")
    layers = [
        nv.Conv2D(12, 5, activation="elu"),
        nv.AveragePooling2D(2),
        nv.Conv2D(24, 5, activation="elu"),
        nv.AveragePooling2D(2),
        nv.Flatten(),
        nv.Dense(64, activation="tanh"),
        nv.Dense(10, activation="softmax"),
    ]
    made = {
        "the same architecture, seed 101": RECIPES["mnist-cnn-plain"].model(data.x, 10, None, 101),
        "LeNet-like, seed 202": nv.Sequential(layers, (28, 28, 1), seed=202),
    }
    for seed, (name, model) in enumerate(made.items(), 5):
        model.fit(data.x, data.y, epochs=epochs, optimizer=nv.Adam(1e-3), seed=seed, verbose=False)
        test = nv.data.load(folder, "test")
        print(f"{name}: test accuracy {model.evaluate(test.x, test.y).accuracy:.2%}", flush=True)
    return made


def classes(model: nv.Model, others: dict[str, nv.Model], seeds: int, out: Path) -> None:
    """The table of the ten classes, and what the judges say, seed by seed."""
    sample = nv.data.load("sample")
    for seed in range(seeds):
        began = time.perf_counter()
        got = nv.maximize(model, list(range(10)), against=sample.x, snapshots=24, seed=seed)
        took = time.perf_counter() - began
        assert got.probability is not None
        assert got.best is not None
        assert got.high is not None
        print(
            f"\nseed {seed}, {took:.1f} s\nclass  probability   logit   best   99 %  " + "  judges"
        )
        answers = {name: other.predict(got.values) for name, other in others.items()}
        for c in range(10):
            told = "  ".join(f"{y[c].argmax()} ({y[c].max():.0%})" for y in answers.values())
            print(
                f"{c:5}  {got.probability[c]:11.5f} {got.activation[c]:7.2f} {got.best[c]:6.2f} "
                f"{got.high[c]:6.2f}    {told}"
            )
        sure, above = (got.probability > 0.99).sum(), (got.activation > got.best).sum()
        print(f"above 0.99: {sure} of 10; above the best digit: {above} of 10")
        for name, y in answers.items():
            print(f"{name}: {(y.argmax(axis=1) == np.arange(10)).sum()} of 10 recognized")
        nv.save_picture(got, out / f"classes-{seed}.png")
        save_animation(got, out / f"classes-{seed}.gif")


def channels(model: nv.Model, out: Path) -> None:
    """Every filter of the second convolution, before and after its ReLU, and one neuron of it."""
    x, every = nv.data.load("sample").x, tuple(range(64))
    for what, target in (
        ("mean", nv.Channel("conv2d_2", every)),
        ("mean after the ReLU", nv.Channel("conv2d_2/relu", every)),
        ("neuron (12, 12)", nv.Channel("conv2d_2", every, at=(12, 12))),
        ("neuron (12, 12) after the ReLU", nv.Channel("conv2d_2/relu", every, at=(12, 12))),
    ):
        got = nv.maximize(model, target, against=x)
        assert got.best is not None
        margin = (got.activation - got.best).min()
        print(
            f"conv2d_2, {what}: {(got.activation > got.best).sum()} of 64 filters above the "
            f"sample's largest, the closest by {margin:.3g}"
        )
        nv.save_picture(got, out / f"conv2d_2 {what}.png")


def large(path: str, out: Path) -> None:
    """One class, one channel and one neuron of a 224×224 network."""
    small = nv.load(path)
    spec = replace(small.input, shape=(224, 224, 3))
    model = nv.Model.from_nodes(small.nodes, input=spec, classes=small.classes)
    for name, target in (
        ("horse", "horse"),
        ("automobile", "automobile"),
        ("channel", nv.Channel("stage3/block1/relu2", 5)),
    ):
        began = time.perf_counter()
        got = nv.maximize(model, target)
        print(
            f"224×224, {name}: {time.perf_counter() - began:.1f} s, from {got.start[0]:.2f} to "
            f"{got.activation[0]:.2f}",
            flush=True,
        )
        nv.save_picture(got, out / f"large-{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mnist", help="the folder of MNIST's IDX files")
    parser.add_argument("--large", default="models/cifar-resnet.npz")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("."))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    large(args.large, args.out)
    model = nv.load("mnist-cnn")
    channels(model, args.out)
    classes(model, judges(args.mnist, args.epochs), args.seeds, args.out)


if __name__ == "__main__":
    main()
