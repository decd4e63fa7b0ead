"""keras-vis's `visualize_activation`: its loss by hand, its range, its arguments in its order."""

from __future__ import annotations

import numpy as np
import pytest
from keras_style import digit, linear
from networks import SEEN, normalized

import nnviz as nv
from nnviz.compat.keras_vis import (
    Jitter,
    visualize_activation,
    visualize_saliency,
)
from nnviz.errors import ArgumentError

QUICK = {"input_range": (0.0, 1.0), "max_iter": 12}


@pytest.fixture
def model():
    return linear(SEEN["digits"]())


def test_the_walk_by_its_formula():
    """Loss, normalized gradient and RMSProp as documented, on a linear model by hand."""
    net = nv.Sequential([nv.Flatten(), nv.Dense(2, use_bias=False)], (3, 4, 1))
    weight = net.parameters()["dense_1/weight"][:, 1].reshape(3, 4).astype(np.float64)
    x = np.random.default_rng(0).random((3, 4)) * 4 + 3
    low, high = 0.0, 10.0
    told = []
    got = visualize_activation(
        net, 1, 1, None, x[..., None], (low, high), None, None, 2.0, 3.0, 0.5, 6,
        callbacks=lambda *given: told.append(given),
    )  # fmt: skip
    h, best, least = np.zeros((3, 4)), None, np.inf

    def loss(x):
        act = 2 * (weight * x / 10).sum()
        lp = 3 * (np.abs(x) ** 6).sum() ** (1 / 6) / 12
        tv = 0.5 * ((np.diff(x, axis=0) ** 2).sum() + (np.diff(x, axis=1) ** 2).sum()) / 12
        return lp + tv - act

    for step in range(6):
        value = loss(x)
        assert told[step][2] == pytest.approx(value, rel=1e-4)
        if value < least:
            best, least = x.copy(), value
        gradient = np.zeros((3, 4))
        for place in np.ndindex(3, 4):
            poke = np.zeros((3, 4))
            poke[place] = 1e-5
            gradient[place] = (loss(x + poke) - loss(x - poke)) / 2e-5
        gradient /= np.linalg.norm(gradient)
        np.testing.assert_allclose(told[step][3][..., 0], gradient, atol=1e-4)
        h = 0.95 * h + 0.05 * gradient**2
        x = np.clip(x - 10 / 255 * gradient / np.sqrt(h + 1e-7), low, high)
    np.testing.assert_allclose(got[..., 0], best, rtol=1e-3)


def test_the_picture_is_in_its_range_and_is_the_best_one_seen(model):
    seen = []
    got = visualize_activation(
        model, 5, 1, input_range=(-1.0, 3.0), max_iter=30, callbacks=[lambda *t: seen.append(t)]
    )
    assert got.shape == (28, 28, 1)
    assert got.dtype == np.float32
    assert got.min() >= -1
    assert got.max() <= 3
    best = min(seen, key=lambda t: t[2])
    np.testing.assert_array_equal(got, best[4])
    assert best[2] < seen[0][2]
    assert [name for name, _ in seen[0][1]] == ["ActivationMax Loss", "LpNorm", "TotalVariation"]
    # It begins around the middle, 5 % of the range wide.
    assert seen[0][4].mean() == pytest.approx(1, abs=0.05)
    assert seen[0][4].std() == pytest.approx(0.2, rel=0.1)


def test_the_range_changes_nothing_but_the_units(model):
    settings = {"max_iter": 10, "lp_norm_weight": 0, "tv_weight": 0}
    one = visualize_activation(model, 5, 0, input_range=(0, 1), **settings)
    other = visualize_activation(model, 5, 0, input_range=(0, 255), **settings)
    np.testing.assert_allclose(one * 255, other, atol=0.05)


def test_the_same_seed_the_same_picture(model):
    one, two = (visualize_activation(model, 5, 0, seed=3, **QUICK) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != visualize_activation(model, 5, 0, **QUICK).tobytes()


def test_filters_and_all_of_a_layer(model):
    for filters in (2, [0, 2], None):
        got = visualize_activation(model, 2, filters, **QUICK)
        assert got.shape == (28, 28, 1)
    with pytest.raises(ArgumentError, match="has 5 channels 0 … 4, got 7"):
        visualize_activation(model, 2, 7, **QUICK)
    with pytest.raises(ArgumentError, match="filter_indices is empty"):
        visualize_activation(model, 2, [], **QUICK)
    with pytest.raises(ArgumentError, match="layer_idx must be a whole number in -6 … 5, got 6"):
        visualize_activation(model, 6, 0, **QUICK)


def test_jitter_is_undone():
    """With a jitter the gradient is moved back: only the pixels that a neuron reads change."""
    layers = [nv.Conv2D(1, 3, use_bias=False), nv.Flatten(), nv.Dense(1, use_bias=False)]
    net = nv.Sequential(layers, (8, 8, 1))
    dense = net.parameters()["dense_1/weight"]
    dense[...] = 0
    dense[14] = 1
    start = np.full((8, 8, 1), 0.5, np.float32)
    got = visualize_activation(
        net, 2, 0, None, start, (0, 1), None, None, 1, 0, 0, 12, input_modifiers=[Jitter(1)]
    )
    changed = (got != 0.5)[..., 0]
    assert changed.any()
    assert not changed[7:].any()  # rows 2 … 4 are read, moved by one at the most
    assert Jitter(0.25).draw(np.random.default_rng(0), (8, 8)).forward(start[None]).shape[1] == 8


def test_the_releases_order_of_arguments(model):
    old = visualize_activation(model, 5, 0, digit(), **QUICK)
    new = visualize_activation(model, 5, 0, seed_input=digit(), **QUICK)
    np.testing.assert_array_equal(old, new)
    with pytest.raises(ArgumentError, match="wrt_tensor has no meaning here"):
        visualize_activation(model, 5, 0, digit(), digit(), **QUICK)
    with pytest.raises(ArgumentError, match="wrt_tensor has no meaning here"):
        visualize_activation(model, 5, 0, "guided", **QUICK)
    with pytest.raises(ArgumentError, match="wrt_tensor has no meaning here"):
        visualize_saliency(model, 5, 0, digit(), digit())


UNIT = (0.0, 1.0)
OLD = [
    ((None, UNIT), {}, {}),
    ((None, list(UNIT)), {}, {}),
    ((digit(), UNIT), {}, {"seed_input": digit()}),
    ((digit(), UNIT, "guided"), {}, {"seed_input": digit(), "backprop_modifier": "guided"}),
    ((None, UNIT, "guided"), {}, {"backprop_modifier": "guided"}),
    ((None, UNIT, None, "relu"), {}, {"grad_modifier": "relu"}),
    ((None, UNIT, None, np.abs), {}, {"grad_modifier": np.abs}),
    ((None, UNIT, "guided"), {"grad_modifier": "relu"},
     {"backprop_modifier": "guided", "grad_modifier": "relu"}),
    ((None, UNIT), {"backprop_modifier": "guided"}, {"backprop_modifier": "guided"}),
    ((None, UNIT, "guided", "relu"), {"tv_weight": 0},
     {"backprop_modifier": "guided", "grad_modifier": "relu", "tv_weight": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("places", "named", "means"), OLD)
def test_calls_by_place_of_the_release(model, places, named, means):
    old = visualize_activation(model, 5, 0, *places, max_iter=4, **named)
    new = visualize_activation(model, 5, 0, max_iter=4, input_range=UNIT, **means)
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "places",
    [(UNIT, None, None, 2.0), (UNIT, None, None, 2.0, 5.0), (UNIT, UNIT), (UNIT, "relu", "a", "b")],
)
def test_calls_that_could_mean_two_things(model, places):
    with pytest.raises(
        ArgumentError, match=r"could mean two things .* what follows the input_range"
    ):
        visualize_activation(model, 5, 0, None, *places)


def test_modifiers_and_talk(model, capsys):
    class Counter:
        steps = 0

        def callback(self, step, *_):
            self.steps += 1

    counter = Counter()
    visualize_activation(
        model, 5, 0, grad_modifier="relu", backprop_modifier="guided", callbacks=[counter],
        verbose=True, **QUICK,
    )  # fmt: skip
    assert counter.steps == 12
    assert "step 12: ActivationMax Loss" in capsys.readouterr().out


def test_a_model_that_wants_other_pixels():
    got = visualize_activation(normalized(), 1, 0, **QUICK)
    assert got.shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_range": 3}, r"input_range must be \(low, high\), got 3"),
        ({"input_range": (0, float("nan"))}, r"input_range must be \(low, high\)"),
        ({"input_range": (1, 0)}, "input_range must rise from low to high"),
        ({"input_range": (0, 1e30)}, "input_range of visualize_activation must be a finite number"),
        ({"max_iter": 0}, "max_iter of visualize_activation must be a whole number from 1"),
        ({"seed": -1}, "seed of visualize_activation must be a whole number from 0"),
        ({"act_max_weight": "a"}, "act_max_weight of visualize_activation must be a finite"),
        ({"act_max_weight": float("nan")}, "act_max_weight of visualize_activation must be a"),
        ({"input_modifiers": [3]}, r"input_modifiers must be a list of transforms .* got \[3\]"),
        ({"input_modifiers": Jitter(3)}, r"such as \[Jitter\(16\)\], got Jitter\(jitter=3\)"),
        ({"callbacks": 3}, "callbacks must be functions, or objects with a callback, got 3"),
        ({"callbacks": [print, 3]}, "callbacks must be functions"),
        ({"grad_modifier": "abs"}, "no grad_modifier named 'abs'"),
        ({"backprop_modifier": "giuded"}, r"no rule named 'giuded' \(did you mean 'guided'"),
        ({"tv_weight": -1}, "weight of TotalVariation must be a finite number of at least 0"),
        ({"seed_input": np.zeros((2, 28, 28, 1))}, "seed_input is one picture, got 2"),
    ],
)
def test_nonsense_is_told(model, settings, message):
    with pytest.raises(ArgumentError, match=message):
        visualize_activation(model, 5, 0, **settings)


def test_no_modifiers_and_no_callbacks_are_none(model):
    got = visualize_activation(model, 5, 0, input_modifiers=None, callbacks=None, **QUICK)
    np.testing.assert_array_equal(got, visualize_activation(model, 5, 0, **QUICK))
    settings = {**QUICK, "input_range": np.array([0.0, 1.0])}
    np.testing.assert_array_equal(got, visualize_activation(model, 5, 0, **settings))


@pytest.mark.parametrize("jitter", [-3, float("nan"), "far", 1e9])
def test_a_jitter_that_is_none(jitter):
    with pytest.raises(ArgumentError, match="jitter of Jitter must be a finite number"):
        Jitter(jitter)
