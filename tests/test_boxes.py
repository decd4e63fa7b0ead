"""Incremental recomputation equals the full one, for every layer that takes part."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, SEEN, pictures

from nnviz.engine.rerun import rerun_boxes

MODELS = {k: f for k, f in {**ALL, **SEEN}.items() if len(f().input.shape) == 3}


def some_boxes(size, rng, count=12, patch=None):
    found = []
    for _ in range(count):
        high, wide = patch or (rng.integers(1, max(2, n // 2)) for n in size)
        top, left = rng.integers(0, size[0] - high + 1), rng.integers(0, size[1] - wide + 1)
        found.append((top, left, top + high, left + wide))
    return np.array(found)


def full(model, x, boxes, values, want):
    copies = np.repeat(x, len(boxes), axis=0)
    for i, (copy, (top, left, bottom, right)) in enumerate(zip(copies, boxes, strict=True)):
        copy[top:bottom, left:right] = values if np.ndim(values) < 4 else values[i]
    trace = model.run(copies, prepared=True)
    return {name: trace[name].y for name in want}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("patch", [(1, 1), (2, 3), (4, 4), None], ids=str)
def test_the_numbers_are_those_of_full_passes(name, patch):
    model = MODELS[name]().astype(np.float64)
    rng = np.random.default_rng(0)
    x = model.input.prepare(pictures(model, 3, np.float64))
    boxes = some_boxes(model.input.shape[:2], rng, 30, patch)
    trace = model.run(x, prepared=True)
    want = [model.output_name, model.nodes[0].name]
    got = rerun_boxes(model, trace, boxes, 0.25, want, sample=1)
    wanted = full(model, x[1:2], boxes, 0.25, want)
    for node in want:
        np.testing.assert_allclose(got[node], wanted[node], atol=1e-10, rtol=1e-10)
