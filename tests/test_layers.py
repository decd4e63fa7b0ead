"""The battery on every layer class of nnviz: adding a class is enough to have it tested."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz.engine.layers  # noqa: F401  (fills the registry)
from nnviz.engine import patches
from nnviz.engine.layer import Call, Layer, Mode
from nnviz.engine.layers import dense
from nnviz.testing import check_layer

OURS = [cls for cls in Layer.registry.values() if cls.__module__.startswith("nnviz.")]
CASES = [(layer, shapes) for cls in OURS for layer, shapes in cls.examples()]


def label(case):
    return f"{type(case[0]).__name__}-{'x'.join(map(str, case[1][0]))}"


@pytest.mark.parametrize("case", CASES, ids=label)
def test_every_example_passes_the_battery(case):
    layer, shapes = case
    check_layer(layer, *shapes)
    assert layer.params == {}, "the battery must not change the layer that it is given"


@pytest.mark.parametrize("case", [c for c in CASES if "Conv" in type(c[0]).__name__], ids=label)
def test_convolutions_pass_when_the_patch_matrix_is_cut_into_many_blocks(case, monkeypatch):
    monkeypatch.setattr(patches, "CACHE_BYTES", 600)
    layer, shapes = case
    check_layer(layer, *shapes)


def test_all_layers_have_examples_and_bases_are_not_registered():
    assert len(OURS) >= 14
    assert all(cls.examples() for cls in OURS)
    assert not [name for name in Layer.registry if name.startswith("_")]


def test_a_dense_layer_takes_a_wider_input_part_by_part_of_its_weight(monkeypatch):
    """As if its weight had been converted as a whole, forward and back."""
    monkeypatch.setattr(dense, "PART_BYTES", 200)
    rng = np.random.default_rng(0)
    layer = dense.Dense(5)
    layer.build(rng, (23,))
    x, dy = rng.standard_normal((4, 23)), rng.standard_normal((4, 5))
    found = []
    for one in (layer, layer.astype(np.float64)):
        y, saved = one.forward(x, mode=Mode())
        found.append((y, one.backward(dy, Call((x,), y, saved, Mode()))))
    for made, wanted in zip(*found, strict=True):
        assert made.dtype == np.float64
        np.testing.assert_allclose(made, wanted, rtol=1e-13, atol=1e-13)


def test_a_dense_layers_gradient_is_the_same_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    layer = dense.Dense(5)
    layer.build(rng, (23,))
    x, dy = rng.standard_normal((4, 23)), rng.standard_normal((4, 5))
    call = Call((x,), dy, None, Mode())
    whole = layer.grads(dy, call)["weight"]
    monkeypatch.setattr(dense, "MANY", 100)
    np.testing.assert_allclose(layer.grads(dy, call)["weight"], whole, rtol=1e-13, atol=1e-13)
