"""Activation maximization: repeatable, rising, within bounds; its priors against differences."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, normalized
from same import assert_same

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import Channel, Direction, Logit, Norm
from nnviz.inspection.evaluation import as_classifier
from nnviz.inspection.maximize import (
    Decay,
    Image,
    Jitter,
    LpNorm,
    Pixels,
    Prior,
    TotalVariation,
    Transform,
    maximize,
)
from nnviz.inspection.maximize.objective import Objective, apart, likeness

QUICK = {"steps": 20, "priors": (TotalVariation(0.5), Decay(0.1))}
BARE = {"transforms": (), "priors": ()}


@pytest.mark.parametrize("name", SEEN)
def test_the_target_rises_within_bounds(name):
    model = SEEN[name]()
    classes = list(range(model.output_shape[0]))
    before = model.fingerprint()
    got = maximize(model, classes, **QUICK)
    assert model.fingerprint() == before
    assert got.values.shape == (len(classes), *model.input.shape)
    assert got.values.dtype == np.float32
    assert got.values.min() >= 0
    assert got.values.max() <= 1
    assert (got.activation > got.start).all()
    assert all("a probability of only" in told for told in got.warnings)  # it is not trained
    assert got.path.shape == (20, len(classes))
    assert got.succeeded is None  # nobody knows without real pictures
    trace = model.run(got.values)
    assert_same(got.activation, np.diag(trace[model.logits_name].y))
    assert_same(got.probability, np.diag(trace.output))


def test_the_same_seed_gives_the_same_bits():
    model = SEEN["digits"]()
    one, two = (maximize(model, [0, 1], seed=7, **QUICK) for _ in range(2))
    assert one.values.tobytes() == two.values.tobytes()
    assert one.path.tobytes() == two.path.tobytes()
    other = maximize(model, [0, 1], seed=8, **QUICK)
    assert other.values.tobytes() != one.values.tobytes()


@pytest.mark.parametrize("count", [1, 2])
def test_as_many_threads_as_one_likes(count):
    model = SEEN["digits"]()
    with nv.threads(count):
        got = maximize(model, [0, 1], seed=7, **QUICK)
    assert got.values.tobytes() == maximize(model, [0, 1], seed=7, **QUICK).values.tobytes()


def test_channels_and_neurons_as_targets():
    model = SEEN["digits"]()
    target = Channel("conv2d_2", (0, 3), at=(5, 5))
    got = maximize(model, target, transforms=(), image="pixels", rate=0.1, **QUICK)
    np.testing.assert_allclose(got.path[0], got.start, rtol=1e-6)
    assert got.values.shape == (2, 28, 28, 1)
    assert (got.activation > got.start).all()
    assert got.probability is None
    assert got.provenance.target == "place (5, 5) of channel (0, 3) of conv2d_2"
    assert got.provenance.settings["image"] == "Pixels(colours=True)"
    assert got.provenance.settings["optimizer"] == "Adam(learning_rate=0.1)"
    # What a neuron cannot see gets darker: nothing but the priors act there.
    field = nv.receptive_field(model, "conv2d_2").reads[5, 5]
    outside = np.ones((28, 28), bool)
    outside[field[0] : field[2], field[1] : field[3]] = False
    assert got.values[:, outside].mean() < 0.1


def test_pixels_are_pixels_also_for_a_model_that_wants_another_range():
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], (4, 4, 3), input=normalized().input)
    got = maximize(model, 0, steps=60, rate=0.3, image=Pixels(colours=False), **BARE)
    assert got.values.max() <= 1
    # The score is linear in the pixels, so the best picture is black or white in each channel,
    # by the sign of its weight; the weights speak of BGR, the picture is RGB.
    weight = model.parameters()["dense_1/weight"][:, 0].reshape(4, 4, 3)[..., ::-1]
    np.testing.assert_array_equal(got.values[0] > 0.5, weight > 0)


@pytest.mark.parametrize("count", [1, 3])
def test_the_objectives_gradient_is_the_numerical_one(count):
    model = normalized_picture().astype(np.float64)
    target = Logit((0, 2)) - 0.5 * Channel("conv2d_1", 1) + Norm("conv2d_1") * 0.1
    objective = Objective.of(model, target, count, 0.0)
    rng, h, worth = np.random.default_rng(0), 1e-6, np.linspace(0.5, 2, 2 * count)
    x = rng.random((2 * count, *model.input.shape))
    way = np.zeros_like(x)
    way[1] = rng.standard_normal(x[1].shape)  # each picture's own gradient, the others held still

    def slope(of):
        return (of(x + h * way)[1] - of(x - h * way)[1]) / (2 * h)

    score, gradient = objective.climb(x, worth)
    np.testing.assert_allclose(score, objective.values(x), rtol=1e-12)
    numerical = slope(lambda pixels: objective.values(pixels) / worth)
    assert (gradient * way).sum() == pytest.approx(numerical, rel=1e-6)
    if count == 1:
        return
    # With diversity the push comes on top: less likeness, and not a step down for the target.
    weighed = Objective.of(model, target, count, 0.7)
    push = weighed.climb(x, worth)[1] - gradient
    alike, dy = likeness(model.run(x)["conv2d_1"].y, count)
    away = -(dy * model_slope(model, x, way, h)).sum()
    assert away == pytest.approx(-slope(lambda p: likeness(model.run(p)["conv2d_1"].y, count)[0]))
    np.testing.assert_allclose(push, apart(gradient, push, 0.7 * alike), rtol=1e-9, atol=1e-12)


def model_slope(model, x, way, h):
    return (model.run(x + h * way)["conv2d_1"].y - model.run(x - h * way)["conv2d_1"].y) / (2 * h)


def test_the_push_apart_by_hand():
    rng = np.random.default_rng(0)
    g, p = rng.standard_normal((2, 2, 3, 4, 1))
    p[0] *= np.sign((g[0] * p[0]).sum())  # the first agrees with the target, the second does not
    p[1] *= -np.sign((g[1] * p[1]).sum())
    push = apart(g, p, np.array([0.5, 2.0]))
    np.testing.assert_allclose(push[0], 0.5 * np.linalg.norm(g[0]) * p[0] / np.linalg.norm(p[0]))
    assert (push[1] * g[1]).sum() == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(push[1]) == pytest.approx(2 * np.linalg.norm(g[1]))
    assert (push[1] * p[1]).sum() > 0
    assert not apart(g, np.zeros_like(g), np.ones(2)).any()
    assert not apart(np.zeros_like(g), p, np.ones(2)).any()


def normalized_picture():
    """A small network with a batch normalization that is folded, and one that must not be."""
    spec = nv.InputSpec((6, 5, 3), (0, 255), (104.0, 117.0, 123.0), (2.0, 3.0, 4.0), "BGR")
    layers = [nv.Conv2D(4, 3, activation="tanh"), nv.BatchNormalization()]
    layers += [nv.Conv2D(3, 2), nv.BatchNormalization(), nv.Flatten(), nv.Dense(3)]
    return nv.Sequential(layers, (6, 5, 3), input=spec)


def test_a_normalization_is_folded_only_where_nobody_reads_it():
    model = normalized_picture()
    for name, nodes in (("dense_1", 5), ("conv2d_2", 3), ("batch_normalization_2", 4)):
        part = Objective.of(model, Channel(name, 0), 1, 0.0).model
        x = np.random.default_rng(0).random((2, 6, 5, 3), np.float32)
        assert len(part.nodes) == nodes
        np.testing.assert_allclose(part.run(x)[name].y, model.run(x)[name].y, rtol=1e-4, atol=1e-4)


HUGE = [
    {"rate": 30.0, "priors": ()},
    {"rate": 1e9},
    {"rate": 1e9, "optimizer": "momentum", "priors": [Decay(1e9)]},
    {"priors": [TotalVariation(1e9, 100), LpNorm(1e9, 1e9)]},
    {"diversity": 1e9, "count": 2},
]


@pytest.mark.parametrize("settings", HUGE, ids=str)
def test_large_settings_overflow_nothing(settings):
    got = maximize(SEEN["digits"](), 0, steps=40, **settings)
    assert np.isfinite(got.values).all()


def test_a_target_that_cannot_rise_is_told():
    model = SEEN["digits"]()
    model.parameters()["preds/weight"][...] = 0
    got = maximize(model, [0, 1], steps=3)
    assert len(got.warnings) == 2
    assert "picture 1: the target did not rise above the noise it began with" in got.warnings[1]


@pytest.mark.parametrize(("activation", "least"), [("softmax", 1.0), ("sigmoid", 0.5), (None, 1.0)])
def test_a_picture_that_is_not_taken_for_its_class_is_told(activation, least):
    """The score rises, but that of another class rises as well and stays above it."""
    layers = [nv.Flatten(), nv.Dense(2, activation=activation)]
    model = nv.Sequential(layers, (4, 4, 1))
    weight, bias = (model.parameters()[f"dense_1/{name}"] for name in ("weight", "bias"))
    weight[...] = [[0.02, 0.04]]
    bias[...] = [-3, 3]
    got = maximize(model, [0, 1], steps=10, **BARE)
    assert (got.activation > got.start).all()
    assert got.probability[0] < least
    assert len(got.warnings) == 1
    told = "picture 0: the network gives its class a probability of only"
    assert got.warnings[0].startswith(told)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_few_steps_keep_the_best_of_them(steps):
    got = maximize(SEEN["digits"](), 0, steps=steps, rate=0.1, **BARE)
    assert got.activation[0] == pytest.approx(got.path[-1, 0])


def test_of_logits_the_probability_is_their_softmax():
    model = nv.Sequential(
        [nv.Conv2D(2, 3, activation="relu"), nv.Flatten(), nv.Dense(3)], (8, 8, 1)
    )
    got = maximize(model, [0, 1, 2], **QUICK)
    output = model.predict(got.values).astype(np.float64)
    wanted = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got.probability, np.diag(wanted), rtol=1e-5)


def test_of_one_sigmoid_the_other_side_is_not_a_class():
    model = nv.Sequential([nv.Flatten(), nv.Dense(1, activation="sigmoid")], (4, 4, 1))
    for target in (1, [0, 1]):
        with pytest.raises(
            ArgumentError, match=r"as_classifier\(model\) gives both sides of its one"
        ):
            maximize(model, target)
    assert maximize(as_classifier(model), [0, 1], steps=2).values.shape == (2, 4, 4, 1)


def test_a_batch_is_its_pictures_one_by_one():
    model, settings = SEEN["digits"](), {"steps": 6, "count": 2, "diversity": 0.3}
    together = maximize(model, [0, 2], **settings)
    assert together.values.shape == (4, 28, 28, 1)
    for i, c in enumerate((0, 2)):
        alone = maximize(model, c, **settings)
        np.testing.assert_allclose(alone.values, together.values[2 * i : 2 * i + 2], atol=1e-5)


def test_diversity_makes_the_pictures_differ():
    model = SEEN["digits"]()
    near, far = (
        maximize(model, Channel("conv2d_2", 1), count=3, diversity=weight, steps=30)
        for weight in (0.0, 1.0)
    )
    alike = [likeness(model.run(r.values)["conv2d_2"].y, 3)[0].mean() for r in (near, far)]
    assert 1 - alike[1] > 3 * (1 - alike[0])
    assert (far.activation > far.start).all()


def test_likeness_by_loops():
    y = np.random.default_rng(0).standard_normal((4, 2, 3, 2))
    grams = [p.reshape(6, 2).T @ p.reshape(6, 2) for p in y]

    def cosine(a, b):
        return (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)

    pairs = [cosine(grams[0], grams[1])] * 2 + [cosine(grams[2], grams[3])] * 2
    np.testing.assert_allclose(likeness(y, 2)[0], pairs, rtol=1e-12)
    assert not likeness(np.zeros((2, 2, 2, 3)), 2)[1].any()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adagrad", nv.AdamW(0.1)])
def test_any_optimizer_climbs(optimizer):
    got = maximize(SEEN["digits"](), [0, 1], optimizer=optimizer, **QUICK)
    assert (got.activation > got.start).all()
    if not isinstance(optimizer, str):
        assert optimizer.steps == 0
        again = maximize(SEEN["digits"](), [0, 1], optimizer=optimizer, **QUICK)
        assert again.values.tobytes() == got.values.tobytes()


@pytest.mark.parametrize("target", [Norm("conv2d_2"), Direction("conv2d_2", np.arange(5))])
def test_layers_and_directions_as_targets(target):
    got = maximize(SEEN["digits"](), target, **QUICK)
    assert got.values.shape == (1, 28, 28, 1)
    assert (got.activation > got.start).all()


@pytest.mark.parametrize("at", [None, (5, 5)])
def test_a_filter_that_is_shut_at_the_beginning_is_opened(at):
    model = SEEN["digits"]()
    model.parameters()["conv2d_2/bias"][...] = -0.3
    target = Channel("conv2d_2/relu", tuple(range(5)), at)
    got = maximize(model, target, steps=60, **BARE)
    assert not got.start.any()
    assert (got.activation > 0).all()


def test_a_neuron_at_a_place_is_not_moved():
    model, settings = SEEN["digits"](), {"steps": 2}
    for target, count in (
        (Channel("conv2d_2", 0), 3),
        (Channel("conv2d_2", 0, at=(1, 1)), 0),
        (Direction("conv2d_2", np.ones(5)), 3),
        (Direction("conv2d_2", np.ones(model.shapes["conv2d_2"])), 0),
        (Logit(0) + Channel("conv2d_2", 0, at=(1, 1)), 0),
    ):
        made = maximize(model, target, **settings).provenance
        assert len(made.settings["transforms"]) == count


def test_against_real_pictures():
    model = SEEN["digits"]()
    pictures = np.random.default_rng(0).random((40, 28, 28, 1)).astype(np.float32)
    target = Channel("conv2d_2", (0, 3))
    got = maximize(model, target, against=pictures, count=2, **QUICK)
    real = model.run(pictures)["conv2d_2"].y.mean(axis=(1, 2))[:, [0, 0, 3, 3]]
    np.testing.assert_allclose(got.best, real.max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(got.high, np.percentile(real, 99, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(got.succeeded, got.activation > got.best)


def test_what_falls_short_of_real_pictures_is_told():
    model = SEEN["digits"]()
    best = maximize(model, 0, steps=40, rate=0.3, image="pixels", **BARE)
    real = np.concatenate([best.values, best.values])
    got = maximize(model, 0, against=real, steps=3, rate=0.001)
    assert not got.succeeded[0]
    assert "picture 0: the target reached" in got.warnings[0]
    assert "a real picture reaches" in got.warnings[0]


def test_snapshots_and_their_steps():
    got = maximize(SEEN["digits"](), [0, 1], snapshots=4, **QUICK)
    assert got.snapshot_steps.tolist() == [0, 6, 13, 19]
    assert got.snapshots.shape == (4, 2, 28, 28, 1)
    plain = maximize(SEEN["digits"](), [0, 1], **QUICK)
    assert plain.snapshots is None
    assert plain.values.tobytes() == got.values.tobytes()


class Stops(Transform):
    """Somebody presses Ctrl-C at the fourth step."""

    calls = 0

    def draw(self, rng, size):
        Stops.calls += 1
        if Stops.calls == 4:
            raise KeyboardInterrupt
        return Jitter(1).draw(rng, size)


def test_ctrl_c_gives_what_there_is():
    model, Stops.calls = SEEN["digits"](), 0
    got = maximize(model, 0, steps=50, transforms=[Stops()], snapshots=50)
    assert got.path.shape == (3, 1)
    assert got.warnings[0] == "stopped after 3 of 50 steps: the pictures may be unfinished"
    assert got.activation >= got.start
    assert got.activation[0] == pytest.approx(model.run(got.values)["preds"].y[0, 0])
    assert len(got.snapshots) == 4


@pytest.mark.parametrize("call", ["climb", "reached_by"])
def test_ctrl_c_before_the_first_step_and_after_the_last(call, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Objective, call, stop)
    model, real = SEEN["digits"](), np.zeros((2, 28, 28, 1), np.float32)
    if call == "climb":
        monkeypatch.setattr(Objective, "reached_by", lambda *_: np.zeros((1, 2)))
    got = maximize(model, 0, steps=3, against=real, snapshots=2)
    when = "after 0 of 3 steps" if call == "climb" else "while the real pictures were read"
    assert got.warnings[0] == f"stopped {when}: the pictures may be unfinished"
    assert len(got.path) == (0 if call == "climb" else 3)
    assert got.values.shape == (1, 28, 28, 1)
    assert (got.best is None) == (call == "reached_by")


def test_the_kept_picture_is_the_best_untransformed_one_and_not_stretched():
    got = maximize(SEEN["digits"](), 0, steps=20, snapshots=20, **BARE)
    seen = [model_value(p) for p in got.snapshots]
    assert got.activation[0] == pytest.approx(max(seen[-4:]), rel=1e-6)
    assert (got.snapshots[np.argmax(seen)] == got.values).all()


def model_value(picture):
    return float(SEEN["digits"]().run(picture)["preds"].y[0, 0])


def test_a_grey_model_gives_grey_pictures_and_a_colour_model_colours():
    assert maximize(SEEN["wide"](), 0, **QUICK).values.shape == (1, 20, 45, 1)
    colour = maximize(SEEN["colour"](), 0, **QUICK).values
    assert colour.shape == (1, 32, 32, 3)
    assert np.ptp(colour, axis=-1).max() > 0.01


def test_the_bases_have_no_insides():
    for base, call in ((Prior(1.0), "penalty"), (Image(), "basis"), (Image(), "basis_backward")):
        given = (np.zeros((1, 2, 2, 1)), np.zeros(1))[: 2 if call == "penalty" else 1]
        with pytest.raises(NotImplementedError, match=f"has no {call}"):
            getattr(base, call)(*given)
    with pytest.raises(NotImplementedError, match="draws nothing"):
        Transform().draw(np.random.default_rng(0), (2, 2))


@pytest.mark.slow
def test_the_shipped_models_classes_are_recognized(shipped):
    got = maximize(shipped, list(range(10)))
    assert (got.probability > 0.99).all()
    assert (got.activation > got.start).all()
    digits = nv.data.load("sample")
    real = shipped.run(digits.x, keep=[shipped.logits_name])[shipped.logits_name].y
    assert (got.activation > real.max(axis=0)).all()
