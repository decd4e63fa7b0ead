"""The examples: each says what it is, stays short, is in the index, and shows its row's figures."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
INDEX = (ROOT / "examples" / "README.md").read_text()
INVENTORY = {"A": 8, "B": 6, "C": 13, "D": 7, "F": 1}
"""How many rows each part has that the examples show; E is the gallery's."""

Check = Callable[[list[float]], bool]


def near(*wanted: float, within: float = 1e-8) -> Check:
    """The line's numbers are these."""
    return lambda got: len(got) == len(wanted) and np.allclose(got, wanted, rtol=0, atol=within)


def below(*limits: float) -> Check:
    """Each of the line's numbers, none of them negative, is below its limit."""
    return lambda got: (
        len(got) == len(limits) and all(0 <= g < m for g, m in zip(got, limits, strict=True))
    )


ROUNDING = below(1e-12)
OPTIMIZERS = ("SGD", "momentum", "Nesterov", "AdaGrad", "RMSProp", "Adam", "AdamW")
SIZES = {"0, stride 1": "(7, 7, 4)", "1, stride 1": "(9, 9, 4)", "1, stride 2": "(5, 5, 4)",
         "2, stride 3": "(4, 4, 4)"}  # fmt: skip

FIGURES: dict[str, dict[str, Check]] = {
    "first_look": {},
    "perceptron_gates": {
        # Weights 8, 10 and 1 against 5: yes wherever the first or the second is yes.
        **{f"decision for {a} {b} {c}": near(a or b) for a, b, c in np.ndindex(2, 2, 2)},
        "AND of 00 10 01 11": near(0, 0, 0, 1),
        "NAND of 00 10 01 11": near(1, 1, 1, 0),
        "OR of 00 10 01 11": near(0, 1, 1, 1),
        "XOR of 00 10 01 11": near(0, 1, 1, 0),
    },
    "activations": {
        "sigmoid of -1000 and 1000": near(0, 1, within=0),
        "softmax of 1010 1000 990": lambda got: np.allclose(
            got, [0.99995460, 4.53978686e-05, 2.06106005e-09], rtol=1e-8, atol=0
        ),
        **{
            f"{name}, derivative off by": below(1e-4)
            for name in ("Step", "Sigmoid", "Tanh", "ReLU", "LeakyReLU", "GELU")
        },
    },
    "neuron": {
        "a neuron": near(0.9990889488055994, within=1e-15),
        "the 2-2-1 network": near(0.7216325609518421, within=1e-15),
        "mean squared error": near(0.5, within=0),
    },
    "learnable_network": {
        "by hand and numerical, off by": below(1e-12, 1e-8),
        "loss in the beginning and at the end": lambda got: got[1] < 0.01 < got[0],
    },
    "xor": {
        "errors at the beginning and the end": lambda got: got[1] < 0.001 < got[0],
        "outputs for 00 01 10 11": lambda got: np.abs(np.round(got)).tolist() == [0, 1, 1, 0],
        "seeds of 100 with an error below 0.001": lambda got: 57 <= got[0] <= 77,
    },
    "apples_and_tax": {
        "bill, its gradient": near(220, 1),
        "apple, its gradient": near(100, 2.2),
        "apple count, its gradient": near(2, 110),
        "tax, its gradient": near(1.1, 200),
    },
    "three_layers": {"dense_3/linear": near(0.31682708, 0.69627909)},
    "losses": {
        "half the sum of squares": near(0.0975),
        "cross-entropy": near(0.510825457, within=1e-9),
        "batch by class numbers and one-hot": lambda got: got[0] == got[1],
        "certain and wrong, finite": near(-np.log(1e-7), within=1e-6),
        "(y - t) / batch against the numerical, off by": below(1e-8),
    },
    "numerical_gradient": {
        "gradient at 2 3 5": near(2, 3, 10),
        "minimum of the bowl": near(1, 2, 0, within=1e-6),
        "the text's function from b = 3 comes to b": lambda got: 2 < got[0] < 2.1,
    },
    "optimizer_paths": {
        f"{name}, first step off by, f at the end": below(1e-9, 0.2) for name in OPTIMIZERS
    },
    "initialization": {
        # Mean squares of layers 1 and 10, share at an end of the curve, spread over the samples.
        "ReLU He": lambda got: all(0.8 <= g <= 1.2 for g in got[:2]),
        "ReLU 0.01": lambda got: got[1] < 1e-9,
        "ReLU 1.0": lambda got: got[1] > 1e20,
        "Tanh Xavier": lambda got: 0.01 < got[1] < got[0] and got[2] < 0.01,
        "Tanh 0.01": lambda got: got[1] < 1e-9,
        "Tanh 1.0": lambda got: got[2] > 0.9,
        "Sigmoid 0.01": lambda got: got[3] < 1e-4,
        "Sigmoid 1.0": lambda got: got[2] > 0.7,
    },
    "batch_normalization": {
        "training against its formula, off by": ROUNDING,
        "backward against the numerical, off by": below(1e-6),
        "prediction against its formula, off by": ROUNDING,
        "mean and std of the predictions": near(0, 1, within=0.15),
    },
    "overfitting": {
        # Training, test, gap; how the gaps compare stands in RELATIONS.
        "neither": lambda got: got[0] > 0.99 and got[2] > 0.12,
    },
    "convolution": {
        "Conv2D against scipy.signal.correlate2d, off by": ROUNDING,
        "TrueConv2D against scipy.signal.convolve2d, off by": ROUNDING,
        **{f"padding {how}, output {size}, off by": ROUNDING for how, size in SIZES.items()},
    },
    "pooling": {
        "max and average against loops, off by": below(1e-12, 1e-12),
        "gradient against the places remembered, off by": ROUNDING,
        "flattened and back, off by": below(1e-12, 1),
        "dropout 0.4, share left out and mean": near(0.4, 1, within=0.01),
    },
    "input_normalization": {"mean and std of the pixels": near(0.1214, 0.2973, within=1e-3)},
    "data_forms": {},
    "lenet": {
        "numerical gradient, largest relative error": below(1e-6),
        "accuracy on 300 digits not learnt": lambda got: got[0] > 0.85,
    },
    "sigmoid_cnn": {
        "sigmoid network, accuracy on 300 digits not learnt": lambda got: got[0] > 0.75,
        "relu network, accuracy on 300 digits not learnt": lambda got: got[0] > 0.87,
    },
    "keras_vis_notebook": {"classes whose picture is recognized": near(10)},
    "mnist_cnn": {"accuracy on digits not learnt": lambda got: got[0] > 0.9},
    "two_layer_network": {
        "steps in which the loss rose": near(0),
        "predictions for 001 011 101 111": near(0, 1, 1, 0, within=0.05),
    },
}
WORDS = {
    "first_look": ["Total params: 1,199,882", "the network says 7"],
    "losses": ["all gradients right: True"],
    "numerical_gradient": ["from b = 1.9: the descent ran away to infinity"],
    "data_forms": [
        "IDX: pictures equal, labels equal",
        "CSV: pictures equal, labels equal",
        "CSV without labels: pictures equal, labels none",
    ],
    "input_normalization": [
        "normalized by Model.input, answers the same when loaded: True",
        "normalized by a layer, answers the same when loaded: True",
    ],
}
"""What must be said in words."""

RELU, SIGMOID = (f"{end} network, accuracy on 300 digits not learnt" for end in ("relu", "sigmoid"))
RELATIONS: dict[str, Callable[[dict[str, list[float]]], bool]] = {
    "overfitting": lambda found: (
        found["neither"][2]
        > max(found["dropout"][2], found["weight decay"][2] + 0.02, found["both"][2] + 0.02)
    ),
    "sigmoid_cnn": lambda found: found[RELU] > found[SIGMOID],
    "initialization": lambda found: found["Tanh 0.01"][1] < found["Tanh Xavier"][1],
    "input_normalization": lambda found: (
        found["normalized by Model.input, loss and accuracy"][0]
        < found["raw pixels, loss and accuracy"][0]
    ),
}
"""What one line's numbers must be to another's."""


def run(name: str, folder: Path, *options: str) -> str:
    """What an example prints; its pictures go to `folder`."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py"), *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def numbers(said: str) -> dict[str, list[float]]:
    """`label: 1 2 3` lines as label -> numbers; of equal labels the first."""
    found: dict[str, list[float]] = {}
    for line in said.splitlines():
        label, colon, rest = line.strip().rpartition(": ")
        if colon:
            values = re.findall(r"(?<![\w.])[-+]?\d+\.?\d*(?:e[-+]?\d+)?(?![\w.])", rest)
            found.setdefault(label, [float(v) for v in values])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_an_example_shows_its_figures(name, tmp_path, capsys):
    began = time.perf_counter()
    said = run(name, tmp_path)
    with capsys.disabled():
        print(f"\n{name}: {time.perf_counter() - began:.1f} s", end="")
    found = numbers(said)
    for label, check in FIGURES[name].items():
        assert label in found, said
        assert check(found[label]), f"{label}: {found[label]}"
    for words in WORDS.get(name, []):
        assert words in said
    assert name not in RELATIONS or RELATIONS[name](found), said
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]
    with Image.open(tmp_path / f"{name}.png") as picture:
        grey = np.asarray(picture.convert("L"), float)
    assert min(grey.shape) > 100
    assert grey.std() > 5


@pytest.mark.slow
def test_the_data_forms_of_the_real_files(shared_data, tmp_path):
    said = run("data_forms", tmp_path, str(tmp_path), "--data", str(shared_data / "mnist"))
    found = numbers(said)["pictures, and the training set's mean and std"]
    assert found == pytest.approx([60_000, 10_000, 0.13066, 0.30811], abs=5e-6)


def test_every_example_has_its_figures():
    assert sorted(f"{name}.py" for name in FIGURES) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_and_says_what_it_is(name):
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) < 60
    assert len((ast.get_docstring(ast.parse(text)) or "").split()) > 30
    assert re.search(rf"^\| .*\[{name}\]\({name}\) \|.*\|.*\|$", INDEX, re.MULTILINE)


def test_the_index_reaches_every_row():
    rows = {row for line in INDEX.splitlines() for row in re.findall(r"\b[A-F]\d+\b", line[:40])}
    wanted = {f"{part}{i}" for part, count in INVENTORY.items() for i in range(1, count + 1)}
    assert rows == wanted
    for name in re.findall(r"\]\((\S+\.py)\)", INDEX):
        assert name in EXAMPLES
