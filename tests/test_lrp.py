"""Relevance propagation: every rule on every linear layer against the loops, and its identities."""

from __future__ import annotations

from itertools import pairwise

import networks
import numpy as np
import pytest
import reference_lrp as loops
from test_rewrite import lively

import nnviz as nv
from nnviz.engine.graph import Input
from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    Subsampling2D,
    TrueConv2D,
    UpSampling2D,
    ZeroPadding2D,
)
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    COMPOSITES,
    deep_taylor,
    input_x_gradient,
    lrp,
    lrp_alpha_beta,
    lrp_epsilon,
    lrp_gamma,
    lrp_zero,
)
from nnviz.inspection.attribution.composites import LAYER_RULES, Settings, z_box
from nnviz.inspection.attribution.relevance import sharing

SETTINGS = Settings(epsilon=0.3, gamma=0.7, alpha=3.0, beta=2.0)
WEIGHTED = (Conv2D, TrueConv2D, Conv2DTranspose, DepthwiseConv2D, Dense, Subsampling2D)
FIXED = (AveragePooling2D, GlobalAveragePooling2D, UpSampling2D)
CASES = [
    (layer, shapes[0], f"{kind.__name__}{i}")
    for kind in (*WEIGHTED, *FIXED)
    for i, (layer, shapes) in enumerate(kind.examples())
]
BY_THE_LOOPS = {
    "zero": lambda x, w, b, r: loops.epsilon(x, w, b, r, 0),
    "epsilon": lambda x, w, b, r: loops.epsilon(x, w, b, r, 0.3),
    "gamma": lambda x, w, b, r: loops.gamma(x, w, b, r, 0.7),
    "alpha_beta": lambda x, w, b, r: loops.alpha_beta(x, w, b, r, 3, 2),
    "alpha2_beta1": lambda x, w, b, r: loops.alpha_beta(x, w, b, r, 2, 1),
    "z_plus": lambda x, w, b, r: loops.alpha_beta(x, w, b, r, 1, 0),
    "z_plus_unbiased": lambda x, w, b, r: loops.alpha_beta(x, w, 0 * b, r, 1, 0),
    "w_square": lambda x, w, b, r: loops.w_square(w, r),
    "flat": lambda x, w, b, r: loops.flat(w != 0, r),
    "even": lambda x, w, b, r: loops.flat(w != 0, r),
    "positive": lambda x, w, b, r: loops.z_plus(np.maximum(x, 0), w, r),
}


def filled(layer, shape):
    """The layer with random float64 parameters, a bias among them."""
    rng = np.random.default_rng(4)
    layer.build(rng, shape)
    arrays = {k: rng.standard_normal(v.shape) for k, v in layer.params.items()}
    return layer.with_params(**arrays)


def applied(layer, shares, x, r):
    y, saved = layer.forward(x, mode=Mode())
    (got,) = sharing(layer, shares)(layer, r.reshape(y.shape), Call((x,), y, saved, Mode()))
    return got.ravel()


def meet(layer, rule):
    """Whether a composite gives this layer this rule."""
    if rule == "even" and isinstance(layer, UpSampling2D):
        return False  # its own weights are uneven: it shares by them
    if isinstance(layer, FIXED):
        return rule in ("zero", "epsilon", "even", "positive")
    return rule not in ("even", "positive")


MEETINGS = [(*case, rule) for case in CASES for rule in BY_THE_LOOPS if meet(case[0], rule)]


@pytest.mark.parametrize(
    ("layer", "shape", "rule"),
    [(layer, shape, rule) for layer, shape, _, rule in MEETINGS],
    ids=[f"{name}-{rule}" for *_, name, rule in MEETINGS],
)
def test_every_rule_on_every_linear_layer_is_that_of_the_loops(layer, shape, rule):
    layer = filled(layer, shape)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, *shape))
    w, b = loops.matrix(layer, shape)
    r = rng.standard_normal(w.shape[1])
    wanted = BY_THE_LOOPS[rule](x.ravel(), w, b, r)
    got = applied(layer, LAYER_RULES[rule](SETTINGS), x, r)
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize(("layer", "shape"), [c[:2] for c in CASES[:12]], ids=lambda c: None)
def test_the_box_rule_is_that_of_the_loops_and_conserves(layer, shape):
    layer = filled(layer, shape)
    rng = np.random.default_rng(0)
    x = rng.random((1, *shape)) * 3 - 1
    low, high = np.full((1, *shape), -1.0), np.full((1, *shape), 2.0)
    w, _ = loops.matrix(layer, shape)
    r = rng.standard_normal(w.shape[1])
    wanted = loops.z_box(x.ravel(), w, r, low.ravel(), high.ravel())
    got = applied(layer, z_box((low, high)), x, r)
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11)
    assert got.sum() == pytest.approx(r[w.any(axis=0)].sum(), rel=1e-9)  # some read only padding


# Whole networks -------------------------------------------------------------------------------


def bias_free(seed=3, *, rectified=False):
    """Convolutions of all kinds, pools, sums, means and concatenation, ReLUs, and no bias.

    rectified: both ways of the sum are at least 0, as every other input of a layer is.
    """
    x = Input((9, 8, 2))
    a = Conv2D(4, 3, padding="same", activation="relu", use_bias=False)(x)
    b = Conv2D(4, (3, 2), padding="same", dilation_rate=2, groups=2, use_bias=False)(a)
    b = ReLU()(b) if rectified else b
    joined = ReLU()(Add()(a, b))
    pooled = MaxPooling2D(2)(joined)
    deep = DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False)(pooled)
    norm = BatchNormalization()(deep)
    mean = AveragePooling2D(2, strides=2, padding="same")(ReLU()(norm))
    up = UpSampling2D(2)(mean)
    turned = Conv2DTranspose(3, 2, strides=2, use_bias=False, activation="relu")(mean)
    wide = ZeroPadding2D(1)(Concatenate()(up, turned))
    last = TrueConv2D(3, 2, strides=2, use_bias=False, activation="relu")(Dropout(0.3)(wide))
    y = Dense(3, use_bias=False)(Dense(5, use_bias=False, activation="relu")(Flatten()(last)))
    return Model(x, y, seed=seed).astype(np.float64)


def test_zero_conserves_on_nets_without_biases_and_is_input_times_gradient():
    model = bias_free()
    x = networks.pictures(model, 3, np.float64) - 0.3
    got = lrp_zero(model, x, [0, 1, 2])
    np.testing.assert_allclose(got.values.sum(axis=(1, 2)), got.scores, rtol=1e-8)
    assert np.abs(got.gap).max() < 1e-8
    product = input_x_gradient(model, x, [0, 1, 2])
    np.testing.assert_allclose(got.raw, product.raw, rtol=1e-7, atol=1e-10)
    same = lrp(model, x, [0, 1, 2], composite="zero")
    np.testing.assert_array_equal(same.raw, got.raw)


def test_epsilon_tends_to_zero_as_it_falls():
    model = bias_free()
    x = networks.pictures(model, 2, np.float64)
    exact = lrp_zero(model, x, 1)
    away = [
        np.abs(lrp_epsilon(model, x, 1, epsilon=e).raw - exact.raw).max()
        for e in (1e-1, 1e-3, 1e-5, 1e-7, 0.0)
    ]
    assert all(a > b for a, b in pairwise(away))
    assert away[-2] < 1e-3 * np.abs(exact.raw).max()
    assert away[-1] == 0
    gaps = [np.abs(lrp_epsilon(model, x, 1, epsilon=e).gap).max() for e in (1e-3, 1e-5, 1e-9)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-6


@pytest.mark.parametrize("composite", COMPOSITES)
def test_composites_conserve_on_nets_without_biases(composite):
    """z⁺ only where something speaks for every output, αβ where something speaks against it too."""
    model = bias_free(rectified="plus" in composite)
    x = networks.pictures(model, 3, np.float64)
    got = lrp(model, x, 1, composite=composite, epsilon=0.0)
    assert np.isfinite(got.values).all()
    if composite in ("w_square", "flat"):
        assert np.abs(got.gap).max() < 0.9  # the frame of zeros has taken its share
    elif "alpha" not in composite and composite != "z_plus":
        assert np.abs(got.gap).max() < 1e-8
    assert got.provenance.settings["composite"] == composite


@pytest.mark.parametrize("composite", ["w_square", "flat"])
def test_shares_by_the_weights_alone_conserve(composite):
    model = lively(networks.wide()).astype(np.float64)
    got = lrp(model, networks.pictures(model, 2, np.float64), 1, composite=composite)
    assert np.abs(got.gap).max() < 1e-8


def test_with_biases_the_gap_is_what_they_took():
    model = Sequential([Flatten(), Dense(2)], (2, 2, 1), seed=0).astype(np.float64)
    model.parameters()["dense_1/bias"][:] = 0.5, -0.25
    x = networks.pictures(model, 1, np.float64)
    got = lrp_zero(model, x, 0)
    w = model.parameters()["dense_1/weight"][:, 0]
    np.testing.assert_allclose(got.values.ravel(), x.ravel() * w, rtol=1e-12)
    np.testing.assert_allclose(got.gap, -0.5 / got.scores, rtol=1e-9)


def test_alpha_one_beta_zero_is_z_plus():
    model = networks.chain().astype(np.float64)
    x = networks.pictures(model, 2, np.float64)
    one, plus = lrp_alpha_beta(model, x, 1, alpha=1, beta=0), lrp(model, x, 1, composite="z_plus")
    np.testing.assert_array_equal(one.raw, plus.raw)


def test_gamma_lies_between_zero_and_z_plus():
    model = bias_free()
    x = networks.pictures(model, 2, np.float64)
    np.testing.assert_allclose(
        lrp(model, x, 1, composite="gamma", gamma=0.0, epsilon=0.0).raw,
        lrp_zero(model, x, 1).raw,
        rtol=1e-7,
        atol=1e-12,
    )
    model = bias_free(rectified=True)
    params = model.parameters()
    params["dense_2/weight"][:, 1] = np.abs(params["dense_2/weight"][:, 1])
    plus = lrp(model, x, 1, composite="z_plus").raw
    far = lrp_gamma(model, x, 1, gamma=1e9).raw
    np.testing.assert_allclose(far, plus, atol=1e-5 * np.abs(plus).max())


def test_a_composite_gives_each_layer_its_rule():
    """conv | dense by the loops, with the epsilon composite's first layer replaced."""
    model = Sequential(
        [Conv2D(3, 3, activation="relu"), Conv2D(2, 2, activation="relu"), Flatten(), Dense(3)],
        (6, 5, 1), seed=1,
    ).astype(np.float64)  # fmt: skip
    for key, array in model.parameters().items():
        if key.endswith("bias"):
            array[:] = np.random.default_rng(3).uniform(-0.3, 0.3, array.shape)
    x = networks.pictures(model, 1, np.float64)
    trace = model.run(x)
    layers = [model.node(name).layer for name in ("dense_1", "conv2d_2", "conv2d_1")]
    inputs = [trace[name].x for name in ("dense_1", "conv2d_2", "conv2d_1")]
    nets = [loops.matrix(y, v.shape[1:]) for y, v in zip(layers, inputs, strict=True)]
    flat = [v.ravel() for v in inputs]

    def by_hand(dense, conv, first):
        r = trace.output[0] * [0, 1, 0]
        for rule, v, (w, b) in zip((dense, conv, first), flat, nets, strict=True):
            r = rule(v, w, b, r)
        return r.reshape(x.shape)

    settings = {"epsilon": 0.3, "gamma": 0.7}
    ones, zeros = np.ones(30), np.zeros(30)
    box = lambda v, w, b, r: loops.z_box(v, w, r, zeros, ones)  # noqa: E731
    rules = {**BY_THE_LOOPS, "box": box}
    for name, *chosen in (
        ("epsilon_plus", "epsilon", "z_plus", "z_plus"),
        ("epsilon_plus_flat", "epsilon", "z_plus", "flat"),
        ("epsilon_alpha2_beta1", "epsilon", "alpha2_beta1", "alpha2_beta1"),
        ("epsilon_alpha2_beta1_flat", "epsilon", "alpha2_beta1", "flat"),
        ("epsilon_gamma_box", "epsilon", "gamma", "box"),
    ):
        got = lrp(model, x, 1, composite=name, **settings)
        wanted = by_hand(*(rules[c] for c in chosen))
        np.testing.assert_allclose(got.raw, wanted, rtol=1e-9, atol=1e-12, err_msg=name)
    got = deep_taylor(model, x, 1)
    if got.scores[0] < 0:
        assert not got.values.any()
    else:
        plus = rules["z_plus_unbiased"]
        np.testing.assert_allclose(got.raw, by_hand(plus, plus, box), rtol=1e-9)


BAD = [
    (lrp, {"composite": "plus"}, "no composite named 'plus'"),
    (lrp, {"composite": None}, "no composite named 'None'"),
    (lrp, {"epsilon": -1}, "epsilon of lrp.* must be a finite number of at least 0 .*, got -1"),
    (
        lrp,
        {"gamma": float("nan")},
        "gamma of lrp.* must be a finite number of at least 0 .*, got nan",
    ),
    (lrp_gamma, {"gamma": float("inf")}, "gamma of lrp.* must be a finite number"),
    (
        lrp_epsilon,
        {"epsilon": 1e300},
        r"epsilon of .* of at least 0 and at most 1e\+09, got 1e\+300",
    ),
    (lrp_gamma, {"gamma": 10**400}, r"gamma of lrp_gamma must be .* at most 1e\+09"),
    (lrp_epsilon, {"epsilon": "much"}, "epsilon of lrp.* must be a finite number .* got 'much'"),
    (lrp_epsilon, {"epsilon": True}, "epsilon of lrp.* must be a finite number .* got True"),
    (
        lrp_alpha_beta,
        {"alpha": 2, "beta": 2},
        r"alpha − beta of .* must be 1, .* got 2\.0 and 2\.0",
    ),
    (
        lrp_alpha_beta,
        {"alpha": 0.5, "beta": -0.5},
        "beta of .* must be .* of at least 0",
    ),
]


def named(value):
    """The same in every process, which a function's text is not."""
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("function", "options", "message"), BAD, ids=named)
def test_bad_options_are_refused(function, options, message):
    model = networks.chain()
    with pytest.raises(ArgumentError, match=message):
        function(model, networks.pictures(model, 1), 0, **options)


def test_huge_and_tiny_numbers_do_not_overflow():
    model = Sequential([Conv2D(2, 3, activation="relu"), Flatten(), Dense(2)], (5, 5, 1))
    model.parameters()["conv2d_1/weight"][...] *= np.float32(1e-30)
    x = networks.pictures(model, 1)
    for composite in COMPOSITES:
        got = lrp(model, x * np.float32(1e-10), 0, composite=composite)
        assert np.isfinite(got.values).all()
    for huge in ({"epsilon": 1e9}, {"gamma": 1e9, "composite": "gamma"}):
        assert np.isfinite(lrp(model, x, 0, **huge).values).all()


def test_the_methods_stand_in_the_list():
    for name in ("lrp", "lrp_zero", "lrp_epsilon", "lrp_gamma", "lrp_alpha_beta", "deep_taylor"):
        assert nv.inspection.attribution.METHODS[name].family == "rule"
