"""DeepLIFT: the sum is the difference, on nets of all kinds; its rules against the loops."""

from __future__ import annotations

import networks
import numpy as np
import pytest
import reference_lrp as loops
from test_lrp import bias_free
from test_rewrite import lively

from nnviz.engine.graph import Input
from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import (
    ELU,
    GELU,
    SELU,
    Add,
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    HardSwish,
    LeakyReLU,
    LocalResponseNormalization,
    MaxPooling2D,
    Multiply,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    Tanh,
)
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    Channel,
    Direction,
    Logit,
    LogProbability,
    Norm,
    Probability,
    Target,
    as_goal,
    deep_lift,
    deep_lift_shap,
    gradient,
    lrp,
)
from nnviz.inspection.attribution.deep_lift import averaged, pooled, rescaled

CURVES = (ReLU, Sigmoid, Tanh, ELU, GELU, SELU, Swish, HardSwish, LeakyReLU, PReLU, Softplus)


def gated(seed=0):
    """A squeeze-and-excite gate, a product of three, response normalization and a softmax."""
    x = Input((8, 7, 2))
    a = Conv2D(4, 3, padding="same", activation="relu")(x)
    gate = Dense(4, activation="sigmoid")(GlobalAveragePooling2D()(a))
    b = LocalResponseNormalization(3, alpha=0.5)(Multiply(broadcast=True)(a, gate))
    share = Softmax()(Conv2D(4, 1)(b))
    c = Multiply()(b, share, Conv2D(4, 1, activation="tanh")(x))
    return Model(x, Dense(3)(Flatten()(MaxPooling2D(3, strides=2)(c))), seed=seed)


def curved(kind):
    layers = [Conv2D(3, 3), kind(), MaxPooling2D(2), Conv2D(4, 2), kind(), AveragePooling2D(2)]
    return Sequential([*layers, Flatten(), Dense(3)], (9, 8, 2), seed=1)


NETS = {
    **networks.ALL,
    **networks.SEEN,
    "bias free": bias_free,
    **{kind.__name__: lambda k=kind: curved(k) for kind in CURVES},
}
del NETS["normalized"]


@pytest.mark.parametrize("name", NETS)
def test_the_sum_is_the_difference_from_the_baseline(name):
    model = lively(NETS[name]()).astype(np.float64)
    x = networks.pictures(model, 5, np.float64)
    before = model.fingerprint()
    for baseline in (0.0, 0.4, x[::-1]):
        got = deep_lift(model, x, [0, 1, 0, 1, 0], baseline=baseline)
        base = model.run(np.broadcast_to(baseline, x.shape))[model.logits_name].y
        total = got.values.sum(axis=(1, 2))
        wanted = got.scores - base[np.arange(5), [0, 1, 0, 1, 0]]
        np.testing.assert_allclose(total, wanted, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(got.gap * wanted, total - wanted, atol=1e-12)
    assert model.fingerprint() == before


def test_products_softmax_and_response_normalization_are_complete_to_the_quadrature():
    model = gated().astype(np.float64)
    x = networks.pictures(model, 4, np.float64)
    got = deep_lift(model, x, 1, baseline=0.2)
    assert np.abs(got.gap).max() < 1e-9
    assert got.warnings == ()


@pytest.mark.parametrize(
    "target",
    [
        Probability(1),
        LogProbability((0, 2, 1)),
        Norm("conv2d_1"),
        Channel("conv2d_1/relu", 2),
        Logit(0) - 2 * Logit("cat") + Probability(1),
    ],
)
def test_targets_that_are_no_linear_function_are_complete(target):
    model = networks.chain().astype(np.float64)
    x = networks.pictures(model, 3, np.float64)
    got = deep_lift(model, x, target, baseline=0.3)
    assert np.abs(got.gap).max() < 1e-9


class Energy(Target):
    """Σ z²: a target of a user's own, which says nothing of being linear."""

    def node(self, model):
        return model.logits_name

    def values(self, y):
        return (y * y).sum(axis=1)

    def gradient(self, y):
        return 2 * y

    def describe(self, model):
        return "energy"


class Sum(Energy):
    """Σ z, which says that it is linear."""

    linear = True

    def values(self, y):
        return y.sum(axis=1)

    def gradient(self, y):
        return np.ones_like(y)


def test_a_target_of_a_users_own_is_complete():
    model = networks.digits().astype(np.float64)
    x = networks.pictures(model, 2, np.float64)
    for target in (Energy(), Sum(), Energy() - 2 * Logit(1)):
        got = deep_lift(model, x, target, baseline=0.3)
        assert np.abs(got.gap).max() < 1e-9
        assert got.warnings == ()


def test_only_linear_targets_say_so():
    model = networks.chain()
    for target in (Logit(0), Channel("conv2d_1", 0), Direction("conv2d_1", [1, 2, 3, 4]), Sum()):
        assert as_goal(model, target).linear
    for target in (Probability(0), LogProbability(0), Norm("conv2d_1"), Energy()):
        assert not as_goal(model, target).linear
        assert not as_goal(model, Logit(0) + target).linear
    assert as_goal(networks.inception(), Logit(0) - 2 * Logit(1)).linear


class Wrong(Sum):
    """Σ z², which says that it is linear."""

    values = Energy.values
    gradient = Energy.gradient


def test_a_large_gap_is_named():
    model = networks.digits()
    x = networks.pictures(model, 2)
    got = deep_lift(model, x, Wrong(), baseline=0.3)
    assert np.abs(got.gap).min() > 0.05
    assert got.warnings[0].startswith("picture 0: the map adds up to ")
    assert "but the target moved by" in got.warnings[0]
    assert "bends too sharply for the quadrature" in got.warnings[0]
    shared = lrp(model, x, Energy())
    assert np.abs(shared.gap).min() > 0.5
    assert "but the target is " in shared.warnings[0]
    assert "is no linear function of its node" in shared.warnings[0]
    assert lrp(model, x, Norm("preds"), composite="zero").warnings == ()


def test_on_a_linear_model_it_is_the_difference_times_the_weight():
    model = networks.normalized().astype(np.float64)
    x = networks.pictures(model, 3, np.float64)
    colour = (0.1, 0.5, 0.9)
    got = deep_lift(model, x, 1, baseline=colour)
    w = model.parameters()["dense_1/weight"][:, 1].reshape(4, 4, 3)
    difference = model.input.prepare(x) - model.input.prepare(np.full((1, 4, 4, 3), colour))
    np.testing.assert_allclose(got.raw, difference * w, rtol=1e-12)
    assert got.provenance.settings == {"baseline": (0.1, 0.5, 0.9)}


def test_the_paper_s_example_of_a_flat_gradient():
    """y = 1 − max(1 − x₁ − x₂, 0) at (1, 1): the gradient is 0, DeepLIFT halves the difference."""
    model = Sequential([Flatten(), Dense(1, activation="relu"), Dense(1)], (1, 2, 1))
    params = model.parameters()
    params["dense_1/weight"][:], params["dense_1/bias"][:] = -1, 1
    params["dense_2/weight"][:], params["dense_2/bias"][:] = -1, 1
    x = np.ones((1, 1, 2, 1), np.float32)
    assert not gradient(model, x, 0).values.any()
    np.testing.assert_allclose(deep_lift(model, x, 0).values, [[[0.5, 0.5]]])


def test_a_picture_that_is_its_baseline_gets_nothing_and_says_so():
    model = networks.chain()
    x = networks.pictures(model, 2)
    got = deep_lift(model, x, 1, baseline=x)
    assert not got.values.any()
    assert not got.gap.any()
    assert "try another baseline" in got.warnings[0]


# Rules ----------------------------------------------------------------------------------------


def called(layer, *xs):
    y, saved = layer.forward(*xs, mode=Mode())
    return Call(xs, y, saved, Mode())


@pytest.mark.parametrize("kind", CURVES, ids=lambda k: k.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_rescale_rule_is_the_quotient_and_near_zero_the_slope(kind, dtype):
    layer = kind()
    layer.build(np.random.default_rng(0), (40,))
    x0 = np.linspace(-4, 4, 40, dtype=dtype)[None]
    base = called(layer, x0)
    m = np.ones_like(x0)
    near = 1e-4 if dtype == np.float32 else 1e-9
    for step in (2.0, -0.7, 0.05, near, 0.0):
        call = called(layer, x0 + dtype(step))
        got = rescaled((base,))(layer, m, call)
        if abs(step) > 0.01:
            wanted = (call.y - base.y) / (call.x - base.x)
            tolerance = 1e-4 if dtype == np.float32 else 1e-12
        else:
            wanted, tolerance = layer.backward(m, base), 1e-2 if step else 1e-6
        kinks = np.abs(np.abs(x0) - 3) < 0.2 if kind is HardSwish else np.zeros(x0.shape, bool)
        np.testing.assert_allclose(got[~kinks], wanted[~kinks], rtol=tolerance, atol=tolerance)
        assert got.dtype == dtype
        np.testing.assert_allclose(
            got * (call.x - base.x), call.y - base.y, atol=1e-6 if dtype == np.float32 else 1e-12
        )


def test_max_pooling_s_multipliers_are_those_of_the_loops():
    layer = MaxPooling2D(2, strides=1)
    rng = np.random.default_rng(1)
    x, x0 = rng.standard_normal((2, 1, 5, 4, 1))
    x[0, 3:] = x0[0, 3:]  # nothing changes here
    base, call = called(layer, x0), called(layer, x)
    m = rng.standard_normal(call.y.shape)
    got = pooled((base,))(layer, m, call).ravel()
    cells = np.arange(20).reshape(5, 4)
    windows = [cells[r : r + 2, c : c + 2].ravel() for r in range(4) for c in range(3)]
    wanted = loops.max_pool_multipliers(x.ravel(), x0.ravel(), m.ravel(), windows)
    moved = x.ravel() != x0.ravel()
    np.testing.assert_allclose(got[moved], wanted[moved], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        (got * (x - x0).ravel()).sum(), (m * (call.y - base.y)).sum(), rtol=1e-10
    )
    same = pooled((call,))(layer, m, call)
    np.testing.assert_array_equal(same, layer.backward(m, call))


def test_a_product_of_two_gives_each_the_other_s_mean():
    rng = np.random.default_rng(1)
    a, b, a0, b0 = rng.standard_normal((4, 2, 3))
    layer = Multiply()
    base, call = called(layer, a0, b0), called(layer, a, b)
    left, right = averaged((base,))(layer, np.ones((2, 3)), call)
    np.testing.assert_allclose(left, (b + b0) / 2, rtol=1e-12)
    np.testing.assert_allclose(right, (a + a0) / 2, rtol=1e-12)


def test_ways_that_meet_again_add_up():
    x = Input((4, 4, 1))
    a = Conv2D(2, 3, padding="same", activation="tanh")(x)
    y = Dense(2)(Flatten()(Concatenate()(Add()(a, a, a), a, x)))
    model = Model(x, y).astype(np.float64)
    got = deep_lift(model, networks.pictures(model, 2, np.float64), 0)
    assert np.abs(got.gap).max() < 1e-10


# Several baselines ----------------------------------------------------------------------------


def test_shap_is_the_mean_over_its_baselines():
    model = networks.chain().astype(np.float64)
    x = networks.pictures(model, 3, np.float64)
    others = networks.pictures(model, 4, np.float64, seed=9)
    got = deep_lift_shap(model, x, [0, 1, 2], baselines=others)
    each = [deep_lift(model, x, [0, 1, 2], baseline=one).raw for one in others]
    np.testing.assert_allclose(got.raw, np.mean(each, axis=0), rtol=1e-9, atol=1e-14)
    assert np.abs(got.gap).max() < 1e-9
    mean = model.run(others)[model.logits_name].y.mean(axis=0)
    total = got.values.sum(axis=(1, 2))
    np.testing.assert_allclose(total, got.scores - mean, rtol=1e-9)
    assert got.provenance.settings["baselines"].startswith("float64 (4, 8, 7, 2), sha256 ")


def test_shap_takes_greys_bytes_and_colours():
    model = networks.digits()
    x = networks.pictures(model, 2)
    greys = [deep_lift(model, x, 0, baseline=g).raw for g in (0.0, 1.0)]
    got = deep_lift_shap(model, x, 0, baselines=[0, 1.0])
    np.testing.assert_allclose(got.raw, np.mean(greys, axis=0), atol=1e-6)
    bytes_ = np.zeros((2, 28, 28), np.uint8)
    bytes_[1] = 255
    same = deep_lift_shap(model, x, 0, baselines=bytes_)
    np.testing.assert_allclose(same.raw, got.raw, atol=1e-6)
    assert deep_lift_shap(model, x, 0).provenance.settings == {
        "baselines": ("black", "grey", "white")
    }


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ([], "deep_lift_shap needs at least one baseline, got an empty list"),
        (np.zeros((0, 8, 7, 2)), "the input is empty"),
    ],
)
def test_there_must_be_baselines(baselines, message):
    model = networks.chain()
    with pytest.raises(ArgumentError, match=message):
        deep_lift_shap(model, networks.pictures(model, 1), 0, baselines=baselines)


@pytest.mark.parametrize(
    "baseline", [float("nan"), "blak", np.zeros((5, 5, 2)), np.zeros((3, 8, 7, 2))]
)
def test_a_bad_baseline_is_refused(baseline):
    model = networks.chain()
    with pytest.raises(ArgumentError, match=r"deep_lift needs|no baseline named 'blak'"):
        deep_lift(model, networks.pictures(model, 2), 0, baseline=baseline)


def test_many_pictures_and_baselines_are_those_one_by_one(monkeypatch):
    """Also where memory lets only two pictures run together."""
    model = networks.digits()
    x = networks.pictures(model, 7)
    targets = [0, 1, 2, 0, 1, 2, 0]
    whole = deep_lift_shap(model, x, targets, baselines=x[:3])
    question = "nnviz.inspection.attribution.question.TRACE_BYTES"
    monkeypatch.setattr(question, 1 << 17)
    cut = deep_lift_shap(model, x, targets, baselines=x[:3])
    scale = np.abs(whole.values).max()
    np.testing.assert_allclose(cut.values, whole.values, atol=1e-6 * scale)
    np.testing.assert_allclose(cut.gap, whole.gap, atol=1e-4)


def test_a_sure_network_s_probability_is_complete_as_well():
    model = networks.chain().astype(np.float64)
    model.parameters()["preds/weight"][...] *= 60  # logits tens apart
    x = networks.pictures(model, 4, np.float64)
    got = deep_lift(model, x, Probability(0), baseline=1 - x)
    logits = model.run(x)[model.logits_name].y
    assert np.ptp(logits, axis=1).min() > 20
    base = model.predict(1 - x)[:, 0]
    np.testing.assert_allclose(got.values.sum(axis=(1, 2)), got.scores - base, atol=1e-6)
