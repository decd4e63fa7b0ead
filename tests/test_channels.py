"""Runs without one channel equal full runs, for every layer that there is."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, SEEN, pictures
from test_boxes import EXAMPLES, around, drawn

import nnviz as nv
from nnviz.engine.channels import without_channels
from nnviz.engine.graph import Input
from nnviz.engine.layers import (
    Add,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
    ReLU,
    TrueConv2D,
    UpSampling2D,
)
from nnviz.engine.model import Model

MODELS = {k: f for k, f in {**ALL, **SEEN}.items() if len(f().input.shape) == 3}


def agree(model, x, name, ks, want):
    trace = model.run(x, prepared=True)
    got = without_channels(model, trace, name, ks, want)
    for place, k in enumerate(ks):
        changed = trace[name].y.copy()
        changed[..., k] = 0
        again = model.rerun(trace, {name: changed})
        for node in want:
            there = again[node].y
            scale = np.abs(there).max() or 1
            np.testing.assert_allclose(
                got[node][place], there, rtol=0, atol=1e-10 * scale, err_msg=f"{name} {node}"
            )


@pytest.mark.parametrize("name", MODELS)
def test_any_channel_of_any_map(name):
    model = drawn(MODELS[name](), np.float64)
    x = model.input.prepare(pictures(model, 3, np.float64))
    for node in model.nodes:
        channels = model.shapes[node.name][-1]
        want = [model.nodes[0].name, model.output_name]
        agree(model, x, node.name, range(channels)[:3], want)
        agree(model, x, node.name, range(channels - 1, channels), want)


@pytest.mark.parametrize(("name", "i"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_every_layer(name, i):
    model = drawn(around(name, i), np.float64)
    x = pictures(model, 2, np.float64)
    for node in model.nodes:
        if node.name.startswith("in_"):
            channels = model.shapes[node.name][-1]
            agree(model, x, node.name, range(channels), [n.name for n in model.nodes])


@pytest.mark.parametrize("size", [2, (3, 1)], ids=str)
def test_a_map_that_does_not_lie_in_one_piece(size):
    x = Input((10, 15, 2))
    y = UpSampling2D(size, interpolation="bilinear")(Conv2D(12, 2, name="stem")(x))
    other = Multiply(broadcast=True)(y, GlobalAveragePooling2D()(y))
    model = Model(x, Dense(3)(Flatten()(other)))
    model = drawn(model, np.float64)
    x = pictures(model, 2, np.float64)
    agree(model, x, "stem", range(3), [n.name for n in model.nodes])


def joined():
    """Ways that meet unmixed and mixed, a gate of one number a channel, and kernels turned."""
    x = Input((9, 8, 2))
    stem = Conv2D(4, 3, name="stem")(x)
    kept = Add()(ReLU()(stem), stem)
    gate = Multiply(broadcast=True)(kept, GlobalAveragePooling2D()(stem))
    one = Multiply(broadcast=True)(gate, Conv2D(1, 1)(stem))
    mixed = TrueConv2D(4, 3, padding="same")(one)
    y = Concatenate()([Conv2D(4, 3, padding="same", groups=2)(gate), mixed, kept])
    return Model(x, Dense(3)(Flatten()(y)), seed=0)


@pytest.mark.parametrize("count", [1, 2])
def test_ways_that_meet(count):
    model = drawn(joined(), np.float64)
    x = pictures(model, 2, np.float64)
    with nv.threads(count):
        agree(model, x, "stem", range(4), [n.name for n in model.nodes])


def test_the_bits_do_not_depend_on_the_threads():
    model = SEEN["digits"]()
    trace, want = model.run(pictures(model, 2)), [model.output_name]
    answers = []
    for count in (1, 2, 3):
        with nv.threads(count):
            found = without_channels(model, trace, model.nodes[0].name, range(4), want)
            answers.append(found[want[0]])
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
