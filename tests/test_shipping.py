"""What ships: the default model and the sample are found from a wheel, an editable install and a
checkout, and are what their cards say."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

import nnviz as nv
from nnviz.formats.shipped import find_model, shipped_models

ROOT = Path(__file__).resolve().parents[1]
REGISTRY = json.loads((ROOT / "models" / "registry.json").read_text())
LOOK = (
    "import nnviz, sys; from nnviz.formats.shipped import find_model; "
    "model = nnviz.load('mnist-cnn'); data = nnviz.data.load('sample'); "
    "print(find_model('mnist-cnn')); print(model.evaluate(data.x, data.y).accuracy)"
)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_registry_tells_the_truth(name):
    entry, path = REGISTRY[name], ROOT / "models" / f"{name}.npz"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    model = nv.load(name)
    assert sum(a.size for a in model.parameters().values()) == entry["parameters"]
    assert model.made["command"] == entry["command"]
    assert model.made["seed"] == entry["seed"]
    card = (ROOT / "models" / f"{name}.md").read_text()
    for fact in (entry["command"], f"{entry['test_accuracy']:.2%}", entry["sha256"]):
        assert fact in card


@pytest.mark.slow
def test_the_shipped_model_has_the_accuracy_of_its_card(shared_data):
    entry = REGISTRY["mnist-cnn"]
    test = nv.data.load(shared_data / "mnist", "test")
    got = nv.load("mnist-cnn").evaluate(test.x, test.y)
    assert got.accuracy == pytest.approx(entry["test_accuracy"], abs=1e-4)
    assert got.accuracy >= 0.992


def test_the_sample_is_a_hundred_of_each_digit():
    sample = nv.data.load("sample")
    assert sample.x.shape == (1000, 28, 28, 1)
    assert np.bincount(sample.y).tolist() == [100] * 10


def test_a_checkout_finds_its_models():
    assert find_model("mnist-cnn") == ROOT / "models" / "mnist-cnn.npz"
    assert set(shipped_models()) == set(REGISTRY)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["wheel", "editable"])
def test_an_installation_finds_model_and_sample(how, tmp_path):
    """A fresh environment that sees this one's packages, so that only nnviz is installed."""
    home = tmp_path / "env"
    venv.create(home, with_pip=True, system_site_packages=True)
    python = home / "bin" / "python"
    site = subprocess.check_output(
        [sys.executable, "-c", "import numpy as n, os; print(os.path.dirname(n.__path__[0]))"],
        text=True,
    ).strip()
    env = {**os.environ, "PYTHONPATH": site}
    env.pop("PYTHONHOME", None)
    words = [str(ROOT)] if how == "wheel" else ["-e", str(ROOT)]
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", *words]
    subprocess.run(install, check=True, env=env, cwd=tmp_path)
    said = subprocess.check_output([python, "-c", LOOK], text=True, env=env, cwd=tmp_path)
    path, accuracy = said.split()
    inside = Path(path).is_relative_to(home)
    assert inside == (how == "wheel"), path
    assert float(accuracy) > 0.98
