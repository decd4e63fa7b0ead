"""There and back: the same numbers as a run and a walk back, chunk by chunk and without a trace."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, SEEN, pictures
from same import assert_same

import nnviz as nv
from nnviz.engine.graph import INPUT
from nnviz.engine.layer import Call, Layer, Mode
from nnviz.engine.layers import Dense
from nnviz.engine.sweep import sweep
from nnviz.errors import ArgumentError
from nnviz.training.step import finite

MODELS = {**ALL, **SEEN}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n", [1, 5, 70])
def test_the_numbers_are_those_of_a_run_and_a_walk_back(name, n):
    model = MODELS[name]()
    x = model.input.prepare(pictures(model, n))
    logits, middle = model.logits_name, model.nodes[0].name

    def seeds_for(outputs, rows):
        assert len(outputs[logits]) == len(range(n)[rows])
        return {logits: outputs[logits] * 2}

    got = sweep(model, x, seeds_for, read=(logits, INPUT), until=(INPUT, middle))
    trace = model.run(x, prepared=True)
    grads = model.backward(trace, {logits: trace[logits].y * 2}, until=(INPUT, middle))
    assert_same(got.outputs[logits], trace[logits].y)
    np.testing.assert_array_equal(got.outputs[INPUT], x)
    for end in (INPUT, middle):
        assert_same(got.gradients[end], grads[end])


def test_what_was_given_stays_as_it_was_when_the_memory_is_used_again():
    model = SEEN["wide"]()
    x = pictures(model, 9)
    x.setflags(write=False)
    ask = {"read": ("dense_1",), "until": (INPUT, "join")}
    first = sweep(model, x, lambda outputs, rows: {"dense_1": outputs["dense_1"]}, **ask)
    kept = {name: array.copy() for name, array in first.gradients.items()}
    sweep(model, x[::-1], lambda outputs, rows: {"dense_1": outputs["dense_1"]}, **ask)
    for name, array in kept.items():
        np.testing.assert_array_equal(first.gradients[name], array)


def test_where_nothing_leads_the_gradient_is_zero():
    model = ALL["inception"]()
    x = pictures(model, 2)
    got = sweep(
        model, x, lambda outputs, rows: {"conv2d_1": outputs["conv2d_1"]},
        read=("conv2d_1",), until=(INPUT, "conv2d_2"),
    )  # fmt: skip
    assert got.gradients[INPUT].any()
    assert not got.gradients["conv2d_2"].any()


def test_an_unknown_node():
    model = ALL["chain"]()
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        sweep(model, pictures(model, 1), lambda *_: {}, read=("preds",), until=("conv9",))


GATHERING = [cls for cls in Layer.registry.values() if cls.gathers]


@pytest.mark.parametrize("cls", GATHERING, ids=lambda cls: cls.__name__)
def test_layers_that_gather_need_nothing_but_x_and_dy(cls):
    rng = np.random.default_rng(0)
    for layer, shapes in cls.examples():
        layer.build(rng, *shapes)
        x = rng.standard_normal((6, *shapes[0]))
        y, saved = layer.forward(x, mode=Mode())
        dy = rng.standard_normal(y.shape)
        whole = layer.grads(dy, Call((x,), dy, None, Mode()))
        parts = [
            layer.grads(dy[rows], Call((x[rows],), y[rows], saved, Mode()))
            for rows in (slice(0, 2), slice(2, 6))
        ]
        for key, grad in whole.items():
            np.testing.assert_allclose(grad, parts[0][key] + parts[1][key], rtol=1e-10)


def test_a_dense_layer_at_two_places_gathers_at_both():
    x = nv.Input((4,))
    dense = Dense(4, activation="tanh")
    model = nv.Model(x, dense(dense(x)), seed=1).astype(np.float64)
    pixels = np.random.default_rng(0).random((70, 4))
    trace = model.run(pixels)
    seeds = {model.output_name: np.ones_like(trace.output)}
    grads = model.backward(trace, seeds, params=True).params
    weight = model.parameters()["dense_1/weight"]
    for at in ((0, 0), (3, 2)):
        ends = []
        for step in (1e-6, -1e-6):
            weight[at] += step
            ends.append(model.predict(pixels).sum())
            weight[at] -= step
        assert grads["dense_1/weight"][at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


@np.errstate(over="ignore", invalid="ignore")
def test_finite_is_exact_where_sums_are_not():
    assert finite(np.array([1.0, -2.0]))
    assert not finite(np.array([1.0, np.nan]))
    assert not finite(np.array([np.inf, 1.0]))
    assert not finite(np.array([np.inf, -np.inf]))
    assert finite(np.full(4, 3e38, np.float32))
