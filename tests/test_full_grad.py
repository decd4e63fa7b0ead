"""FullGrad: its decomposition is complete in every network, and its map is that of the loops."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import reference_cam as reference
from networks import ALL, SEEN, pictures

import nnviz as nv
from nnviz.engine.graph import Input
from nnviz.errors import ArgumentError
from nnviz.inspection import attribution as at
from nnviz.inspection.anatomy.receptive import place_on_picture
from nnviz.inspection.attribution.question import Question

module = sys.modules[at.full_grad.__module__]  # its function has the same name


def with_biases(model, seed=0):
    """The model in float64, every bias and statistic somewhere else than at its beginning."""
    rng = np.random.default_rng(seed)
    model = model.astype(np.float64)
    for key, array in model.parameters().items():
        if not key.endswith("weight"):
            array[...] += rng.normal(0, 0.5, array.shape)
    for node in model.nodes:
        for key, array in node.layer.buffers.items():
            array[...] = rng.uniform(0.5, 2, array.shape) if "variance" in key else rng.normal(
                0, 0.5, array.shape
            )  # fmt: skip
    return model


def bent():
    """Every kind of node that adds something of its own without a bias of its own."""
    x = Input((6, 7, 2))
    y = nv.Normalization(0.4, 0.3)(x)
    y = nv.DepthwiseConv2D(3, activation="softplus")(y)
    y = nv.LocalResponseNormalization(3, alpha=0.5)(y)
    gates = nv.Conv2D(2, 1, activation="sigmoid")(y)
    y = nv.Multiply()([y, gates])
    y = nv.UpSampling2D(2)(nv.Conv2DTranspose(3, 2, activation="elu")(y))
    y = nv.ZeroPadding2D(1)(nv.Subsampling2D(2, activation="tanh")(y))
    return nv.Model(x, nv.Dense(3)(nv.Flatten()(y)))


MODELS = {**ALL, **SEEN, "bent": bent}
MODELS.pop("normalized")  # no node with places


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("target", [1, nv.Probability(1), nv.Logit(0) - 2 * nv.LogProbability(1)])
def test_the_terms_add_up_to_the_target(name, target):
    model = with_biases(MODELS[name]())
    x = pictures(model, 3, np.float64)
    got = at.full_grad(model, x, target)
    np.testing.assert_allclose(got.gap, 0, atol=1e-9)


def test_without_biases_all_lies_in_the_picture():
    layers = [nv.Conv2D(4, 3, use_bias=False, activation="relu"), nv.MaxPooling2D(2), nv.Flatten()]
    model = nv.Sequential([*layers, nv.Dense(3, use_bias=False)], (8, 8, 1)).astype(np.float64)
    question = Question.of(model, pictures(model, 2, np.float64), 1, "full_grad")
    shared = module.full_gradients(question)
    assert shared.biases == {}
    np.testing.assert_allclose(shared.pixels.sum(axis=(1, 2, 3)), shared.scores, rtol=1e-12)


def test_the_terms_are_gradients_times_biases():
    model = with_biases(ALL["residual"]())
    x = pictures(model, 3, np.float64)
    shared = module.full_gradients(Question.of(model, x, [2, 0, 1], "full_grad"))
    assert list(shared.biases) == ["stem", "batch_normalization_1", "dense_1"]
    trace = model.run(x)
    dz = np.eye(3)[[2, 0, 1]]
    names = ("input", "stem", "batch_normalization_1")
    slopes = model.backward(trace, {model.logits_name: dz}, until=names)
    np.testing.assert_allclose(shared.pixels, slopes["input"] * x, rtol=1e-12)
    bias = model.parameters()["stem/bias"]
    np.testing.assert_allclose(shared.biases["stem"], slopes["stem"] * bias, rtol=1e-12)
    norm = model.node("batch_normalization_1").layer
    root = np.sqrt(norm.buffers["moving_variance"] + norm.epsilon)
    shift = norm.params["beta"] - norm.params["gamma"] * norm.buffers["moving_mean"] / root
    wanted = slopes["batch_normalization_1"] * shift
    np.testing.assert_allclose(shared.biases["batch_normalization_1"], wanted, rtol=1e-12)
    got = at.full_grad(model, x, [2, 0, 1])
    for i in range(3):
        map_ = reference.psi(shared.pixels[i])
        for name in names[1:]:
            small = reference.psi(shared.biases[name][i])
            map_ = map_ + place_on_picture(model, name, small[None])[0]
        np.testing.assert_allclose(got.values[i], map_, rtol=1e-12)


def test_smooth_full_grad_is_the_mean_over_noisy_copies():
    model = with_biases(ALL["chain"]())
    x = pictures(model, 2, np.float64)
    got = at.smooth_full_grad(model, x, 1, samples=3, noise=0.2, seed=4)
    rng = np.random.default_rng(4)
    eps = [rng.standard_normal(x.shape[1:]) for _ in range(3)]
    for i in range(2):
        size = 0.2 * np.ptp(x[i])
        maps = [at.full_grad(model, x[i] + size * e, 1).values[0] for e in eps]
        np.testing.assert_allclose(got.values[i], np.mean(maps, axis=0), rtol=1e-9)
        error = np.std(maps, axis=0, ddof=1) / np.sqrt(3)
        np.testing.assert_allclose(got.error[i], error, rtol=1e-6, atol=1e-12)
    still = at.smooth_full_grad(model, x, 1, samples=2, noise=0).values
    np.testing.assert_allclose(still, at.full_grad(model, x, 1).values, rtol=1e-12)


def test_pictures_in_slices_give_the_same(monkeypatch):
    model = SEEN["wide"]()
    x = pictures(model, 3)
    whole = at.full_grad(model, x, [0, 1, 2])
    monkeypatch.setattr(Question, "most_traces", lambda self, size=2: 1)
    again = at.full_grad(model, x, [0, 1, 2])
    np.testing.assert_allclose(again.values, whole.values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples of smooth_full_grad must be a whole number"),
        ({"noise": -0.1}, "noise of smooth_full_grad must be a finite number of at least 0"),
        ({"seed": "one"}, "seed of smooth_full_grad must be a whole number"),
    ],
)
def test_bad_options_are_one_clear_error(options, message):
    model = SEEN["digits"]()
    with pytest.raises(ArgumentError, match=message):
        at.smooth_full_grad(model, pictures(model, 1), 1, **options)
