"""Planted dead, copied and saturated filters; spreads and distributions against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, SEEN, chain, pictures

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import distributions, health, stream
from nnviz.inspection.anatomy.copies import copies
from nnviz.inspection.anatomy.spread import Tally


def named(found):
    return {(f.node, f.channel, f.kind) for f in found.findings}


def network(activation, seed):
    layers = [
        nv.Conv2D(8, 3, activation=activation, name="a"),
        nv.Conv2D(12, 3, padding="same", use_bias=False, name="b"),
        nv.BatchNormalization(),
        nv.ReLU(name="r"),
        nv.Conv2D(8, 3, strides=2, activation=activation, groups=2, name="c"),
        nv.Flatten(),
        nv.Dense(16, activation=activation, name="d"),
        nv.Dense(4, activation="softmax"),
    ]
    model = nv.Sequential(layers, (16, 15, 1), seed=seed)
    rng = np.random.default_rng(seed)
    for node in model.nodes:  # as after training: biases are not all zero
        if "bias" in node.layer.params:
            bias = node.layer.params["bias"]
            bias[:] = rng.normal(0, 0.1, bias.shape)
    return model


def plant(model, activation, rng):
    """Change filters at random; what should be named."""
    planted = set()
    for name in ("a", "c", "d"):
        layer = model.node(name).layer
        weight, bias = layer.params["weight"], layer.params["bias"]
        count = len(bias) // (2 if name == "c" else 1)  # a copy stays in its group
        one, two, three = (int(i) for i in rng.permutation(count)[:3])
        source = min(one, two)
        other = max(one, two)
        scale = float(rng.choice([1, 0.5, 3]))
        weight[..., other], bias[other] = scale * weight[..., source], scale * bias[source]
        planted.add((name, other, "duplicate"))
        if activation == "relu":
            bias[three] = -100
            planted.add((f"{name}/relu", three, "dead"))
        else:
            bias[three] = rng.choice([-50, 50])
            planted.add((f"{name}/{activation}", three, "saturated"))
    return planted


def is_true(model, finding, fresh):
    """Whether a finding that nobody planted holds for pictures that it was not made from: a filter
    that answers to less than one in a hundred (a planted one may have silenced it)."""
    y = model.run(fresh)[finding.node].y[..., finding.channel].reshape(len(fresh), -1)
    return finding.kind == "dead" and (y != finding.amount).any(axis=1).mean() < 0.01


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_what_is_planted_is_found_and_little_else(activation):
    right = total = 0
    for seed in range(8):
        model = network(activation, seed)
        planted = plant(model, activation, np.random.default_rng(seed))
        found = health(model, pictures(model, 200))
        assert planted <= named(found), planted - named(found)
        fresh = pictures(model, 300, seed=99)
        for f in found.findings:
            total += 1
            right += (f.node, f.channel, f.kind) in planted or is_true(model, f, fresh)
    assert right / total >= 0.95, (right, total)


def test_findings_name_their_evidence():
    model = network("relu", 0)
    a = model.node("a").layer.params
    a["weight"][..., 5], a["bias"][5] = 2 * a["weight"][..., 1], 2 * a["bias"][1]
    a["bias"][3] = -100
    model.node("b").layer.params["weight"][..., 4] = 0
    found = health(model, pictures(model, 6))
    (copy,) = found.of("duplicate")
    assert (copy.node, copy.channel, copy.original) == ("a", 5, 1)
    assert copy.amount == pytest.approx(2)
    assert copy.evidence == "its weights are 2 times those of channel 1 (cosine 1.000000)"
    dead = {(f.node, f.channel): f for f in found.of("dead")}
    words = "it answers 0 at all 182 places of all 6 pictures"
    assert dead["a/relu", 3].evidence == words
    assert dead["r", 4].evidence == words, "named where it is seen, and there alone"
    assert ("b", 4) not in dead
    assert found.of("saturated") == ()
    lines = str(found).splitlines()
    assert lines[0].endswith("1 duplicate, 0 saturated (over 6 pictures)")
    assert f"dead: a/relu, channel 3: {words}" in lines


@pytest.mark.parametrize("between", [[], [nv.Dropout(0.5), nv.MaxPooling2D(2)], [nv.Softmax()]])
def test_an_empty_kernel_is_named_once_through_layers_that_keep_channels_apart(between):
    layers = [
        nv.Conv2D(4, 3, use_bias=False, name="b"),
        nv.BatchNormalization(),
        *between,
        nv.ReLU(name="r"),
    ]
    model = nv.Sequential([*layers, nv.Flatten(), nv.Dense(2)], (9, 8, 1))
    model.node("b").layer.params["weight"][..., 2] = 0
    dead = health(model, pictures(model, 6)).of("dead")
    assert [(f.node, f.channel) for f in dead] == [("b" if len(between) == 1 else "r", 2)]
    assert (dead[0].evidence == "all its weights are zero") == (dead[0].node == "b")


def test_bins_of_any_whole_kind():
    model = chain()
    x = pictures(model, 3)
    for ask in (health, distributions):
        assert ask(model, x, bins=np.int64(5)).weights == ask(model, x, bins=5).weights


def test_a_channel_stuck_at_something_else_than_zero_is_dead():
    model = network("relu", 1)
    layer = model.node("d").layer
    layer.params["weight"][:, 2], layer.params["bias"][2] = 0, 0.5
    found = health(model, pictures(model, 6))
    assert [(f.node, f.channel, f.amount) for f in found.of("dead") if f.channel == 2] == [
        ("d/relu", 2, 0.5)
    ], "and the empty kernel behind it is not named again"
    assert ("d/relu", 2) not in found.dead
    assert "it answers 0.5 to all 6 pictures" in str(found)
    one = health(model, pictures(model, 1))
    assert all(f.amount == 0 for f in one.of("dead") if f.node == "d/relu"), "one picture proves 0"


def test_what_is_no_copy():
    layer = nv.Conv2D(4, 3)
    nv.Sequential([layer], (8, 8, 2))
    w, b = layer.params["weight"], layer.params["bias"]
    w[..., 1] = -w[..., 0]
    w[..., 2], b[2] = w[..., 0], 1.0
    assert list(copies(layer)) == []
    w[..., 3] = w[..., 0] * 1.001
    (only,) = copies(layer)
    assert (only.channel, only.original) == (3, 0)
    assert list(copies(nv.Flatten())) == []


def test_copies_read_the_same_inputs():
    grouped, deep = nv.Conv2D(4, 3, groups=2), nv.DepthwiseConv2D(3, depth_multiplier=2)
    nv.Sequential([grouped, deep], (9, 9, 2))
    grouped.params["weight"][..., 2] = grouped.params["weight"][..., 0]
    assert list(copies(grouped)) == []
    grouped.params["weight"][..., 3] = grouped.params["weight"][..., 2]
    assert [(c.channel, c.original) for c in copies(grouped)] == [(3, 2)]
    weight = deep.params["weight"]
    weight[:, :, 1, 0] = weight[:, :, 0, 0]
    assert list(copies(deep)) == []
    weight[:, :, 1, 1] = 3 * weight[:, :, 1, 0]
    assert [(c.channel, c.original, round(c.scale, 4)) for c in copies(deep)] == [(3, 2, 3.0)]
    back = nv.Conv2DTranspose(3, 2)
    nv.Sequential([back], (4, 4, 2))
    back.params["weight"][:, :, 2] = back.params["weight"][:, :, 1]
    assert [(c.channel, c.original) for c in copies(back)] == [(2, 1)]


@pytest.mark.parametrize("kind", ["elu", "selu"])
def test_the_low_end_of_an_elu_is_flat(kind):
    model = nv.Sequential([nv.Conv2D(3, 3, activation=kind, name="a"), nv.Flatten(), nv.Dense(2)],
                          (8, 8, 1))  # fmt: skip
    model.node("a").layer.params["bias"][1] = -40
    found = health(model, pictures(model, 5))
    assert named(found) == {(f"a/{kind}", 1, "saturated")}
    assert found.findings[0].amount == 1


def test_sure_answers_are_not_saturation():
    model = nv.Sequential([nv.Flatten(), nv.Dense(3, activation="sigmoid")], (4, 4, 1))
    model.node("dense_1").layer.params["bias"][:] = 50
    assert health(model, pictures(model, 5)).of("saturated") == ()


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_networks_as_they_are_made_are_healthy(name):
    model = {**ALL, **SEEN}[name]()
    found = health(model, pictures(model, 60))
    assert not found.of("duplicate")
    assert not found.of("saturated")


# Distributions ------------------------------------------------------------------------------------


def test_moments_are_numpys():
    scipy_stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.gamma(2, size=3000), np.zeros(500), [-9, 40]]).astype(np.float32)
    tally = Tally("a", 20)
    for part in np.split(values, [50, 51, 2000]):
        tally.add(part)
    got = tally.spread()
    assert got.mean == pytest.approx(values.mean(dtype=float))
    assert got.std == pytest.approx(values.std(dtype=float))
    assert got.skew == pytest.approx(scipy_stats.skew(values.astype(float)))
    assert got.kurtosis == pytest.approx(scipy_stats.kurtosis(values.astype(float)))
    assert (got.low, got.high) == (-9, 40)
    assert got.zero == 500 / len(values)
    assert sum(got.counts) == len(values) - 500
    inside = values[(values > got.edges[3]) & (values < got.edges[4])]
    assert got.counts[3] == len(inside)


def test_numbers_that_are_all_the_same():
    for value in (0.0, 2.5):
        tally = Tally("a", 5)
        tally.add(np.full(9, value, np.float32))
        got = tally.spread()
        assert (got.mean, got.std, got.skew, got.kurtosis) == (value, 0, 0, 0)
        assert sum(got.counts) == (9 if value else 0)


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_distributions_of_every_layer(name, monkeypatch):
    model = {**ALL, **SEEN}[name]()
    x = pictures(model, 30)
    monkeypatch.setattr(stream, "MOST", 11)
    got = distributions(model, iter([x[:4], x[4:]]), bins=9)
    assert got.pictures == 30
    assert [s.name for s in got.weights] == list(model.parameters())
    trace = model.run(x)
    for spread in got.activations:
        y = trace[spread.name].y.astype(float)
        assert spread.mean == pytest.approx(y.mean(), rel=1e-4, abs=1e-6)
        assert spread.std == pytest.approx(y.std(), rel=1e-3)
        assert spread.low == pytest.approx(y.min(), rel=1e-4, abs=1e-7)
        assert spread.high == pytest.approx(y.max(), rel=1e-4, abs=1e-7)
        assert len(spread.counts) == 9
    named_ = [s.name for s in got.activations]
    kinds = {n.name: type(n.layer).__name__ for n in model.nodes}
    assert set(kinds) - set(named_) == {n for n, k in kinds.items() if k in ("Dropout", "Flatten")}


def test_distributions_are_told_nonsense():
    model = chain()
    with pytest.raises(ArgumentError, match="bins must be a whole number of at least 1, got True"):
        distributions(model, pictures(model), bins=True)
    with pytest.raises(ArgumentError, match="there is no picture"):
        distributions(model, iter(()))
