"""The battery on every layer class of nnviz: adding a class is enough to have it tested."""

from __future__ import annotations

import pytest

import nnviz.engine.layers  # noqa: F401  (fills the registry)
from nnviz.engine import patches
from nnviz.engine.layer import Layer
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
