"""Operations and memory against an independent counter and against what a run really holds."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from counting import EXECUTE, execute
from networks import ALL, SEEN, pictures, residual, twice
from test_receptive import random_network

import nnviz as nv
from nnviz.engine.layer import Layer, Mode
from nnviz.inspection.anatomy import summary
from nnviz.inspection.anatomy.operations import TABLE, operations
from nnviz.inspection.anatomy.table import COLUMNS

COSTS = ("mult_adds", "flops", "memory")
OURS = {k: v for k, v in Layer.registry.items() if v.__module__.startswith("nnviz.")}


def test_every_layer_of_ours_has_a_count():
    for name, kind in OURS.items():
        for layer, shapes in kind.examples():
            assert operations(layer, shapes, layer.out_shape(*shapes)) is not None, name
    assert {kind.__name__ for kind in TABLE} == set(EXECUTE)


@pytest.mark.parametrize("name", sorted(set(OURS) & set(EXECUTE)))
def test_counts_are_those_of_numbers_that_count(name):
    for layer, shapes in OURS[name].examples():
        rng = np.random.default_rng(0)
        layer.build(rng, *shapes)
        xs = [rng.normal(size=s) for s in shapes]
        if layer.domain != Layer.domain:  # it is not defined for all numbers
            xs = [rng.uniform(*layer.domain, size=s) for s in shapes]
        y, tally = execute(layer, *xs)
        real, _ = layer.forward(*(x[None] for x in xs), mode=Mode())
        np.testing.assert_allclose(y.ravel(), real.ravel(), rtol=1e-5, atol=1e-6)
        cost = operations(layer, shapes, layer.out_shape(*shapes))
        assert (cost.mult_adds, cost.flops) == (tally["mult_adds"], tally["flops"]), layer


def counted_by_hand(model, x):
    """The operations of a whole network, run number by number, and its output."""
    values, sums = {"input": x}, np.zeros(2, int)
    for node in model.nodes:
        y, tally = execute(node.layer, *(values[name] for name in node.inputs))
        values[node.name] = y
        sums += (tally["mult_adds"], tally["flops"])
    return y, tuple(sums.tolist())


@pytest.mark.parametrize("seed", range(50))
def test_totals_of_random_networks(seed):
    rng = np.random.default_rng(seed)
    model = random_network(rng)
    table = summary(model, COSTS)
    assert table.uncounted == ()
    for name in COSTS:
        assert getattr(table, name) == sum(getattr(row, name) for row in table.rows)
    x = rng.random(model.input.shape)
    y, sums = counted_by_hand(model, x)
    assert sums == (table.mult_adds, table.flops)
    np.testing.assert_allclose(y, model.run(x).output[0], rtol=1e-5, atol=1e-9)
    learnt = sum(a.size for node in model.nodes for a in node.layer.params.values())
    assert table.total == table.trainable == learnt


def measured(model, n):
    """Bytes that a run of n pictures holds after it, for each picture."""
    x = pictures(model, n)
    with nv.threads(1):  # with more, a run may find fewer scratch buffers free than the one before
        model.run(x)  # makes the scratch buffers that are kept for the next run
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            trace = model.run(x)
            held = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert trace.whole
    return held / n


def larger(rng):
    """A random network whose arrays are much larger than Python's own objects."""
    x = y = nv.Input((40, 33, 4))
    for _ in range(int(rng.integers(2, 5))):
        kind = rng.integers(7)
        if kind == 0:
            y = nv.Conv2D(8, 3, padding="same", activation="relu")(y)
        elif kind == 1:
            y = nv.BatchNormalization()(y)
        elif kind == 2:
            y = nv.Concatenate()(nv.Swish()(y), nv.MaxPooling2D(3, strides=1, padding="same")(y))
        elif kind == 3:
            y = nv.Add()(nv.Dropout(0.5)(y), nv.GELU()(y))
        elif kind == 4:
            y = nv.DepthwiseConv2D(3, padding="same", activation="tanh")(y)
        elif kind == 5:
            y = nv.LocalResponseNormalization()(nv.UpSampling2D((1, 2))(y))
        else:
            y = nv.Conv2DTranspose(4, 3, padding="same")(y)
    return nv.Model(x, nv.Dense(3)(nv.Flatten()(nv.ReLU()(y))), seed=int(rng.integers(99)))


@pytest.mark.parametrize("seed", range(50))
def test_memory_is_what_a_run_holds(seed):
    model = larger(np.random.default_rng(seed))
    assert summary(model, ["memory"]).memory == pytest.approx(measured(model, 8), rel=0.1)


@pytest.mark.parametrize("name", ["digits", "colour", "wide"])
def test_memory_of_the_models_that_are_seen(name):
    model = SEEN[name]()
    assert summary(model, ["memory"]).memory == pytest.approx(measured(model, 16), rel=0.1)


# What the table says ---------------------------------------------------------------------------


def test_the_tutorials_costs(golden):
    from nnviz.training.recipes import RECIPES

    model = RECIPES["mnist-cnn"].build((28, 28, 1), 10, None, 0)
    table = summary(model, tuple(COLUMNS))
    golden("summary-mnist-cnn-all.txt", str(table))
    by_name = {row.name: row for row in table.rows}
    assert by_name["conv2d_2"].mult_adds == 24 * 24 * 64 * 9 * 32
    assert by_name["conv2d_2"].flops == 24 * 24 * 64 * (2 * 9 * 32 + 1 + 1), "bias and ReLU"
    assert by_name["conv2d_2"].memory == 4 * 24 * 24 * 64 * 2
    assert by_name["max_pooling2d_1"].receptive_field == (6, 6)
    assert by_name["max_pooling2d_1"].stride == (2, 2)
    assert by_name["max_pooling2d_1"].centre == (2.5, 2.5)
    assert by_name["dense_1"].receptive_field is None
    assert table.columns == tuple(COLUMNS)


def test_columns_stand_in_the_order_asked_for_and_nothing_else_is_computed():
    table = summary(residual(), ["flops", "kernel"])
    head = str(table).splitlines()[1].split("   ")
    assert [word.strip() for word in head if word.strip()] == [
        "Layer (type)", "Output Shape", "FLOPs", "Kernel", "Connected to",
    ]  # fmt: skip
    assert all(row.receptive_field is None for row in table.rows)
    assert f"FLOPs for one picture: {table.flops:,}" in str(table)
    assert "Multiply-adds" not in str(table)
    assert summary(residual(), "kernel").columns == ("kernel",)
    assert str(summary(residual(), ["parameters"])) == str(summary(residual()))
    assert summary(residual()).mult_adds is None


def test_a_column_that_there_is_not():
    with pytest.raises(nv.ArgumentError, match=r"no column named 'flop' .*'flops'.*y has kernel"):
        summary(residual(), ["flop"])


def test_a_layer_at_two_places_computes_twice():
    rows = [r for r in summary(twice(), COSTS).rows if r.kind == "Conv2D"]
    assert rows[0].mult_adds == rows[1].mult_adds > 0
    assert rows[1].params == 0


def test_memory_is_in_units_that_can_be_read():
    from nnviz.inspection.anatomy.table import bytes_text

    assert [bytes_text(v) for v in (0, 999, 1500, 2_470_000, 12_300_000_000, None)] == [
        "0 B", "999 B", "1.5 kB", "2.47 MB", "12.3 GB", "–",
    ]  # fmt: skip


def test_layers_of_a_user_are_not_guessed():
    class _Squared(Layer):
        def forward(self, *xs, mode):
            return xs[0] ** 2, None

    class _Loud(nv.Conv2D):
        def forward(self, *xs, mode):
            return super().forward(*xs, mode=mode)

    class _Named(nv.Conv2D):
        """Another name alone: it computes as its parent does."""

    layers = [_Named(2, 3), _Loud(2, 3, name="loud"), _Squared(name="odd"), nv.Flatten()]
    table = summary(nv.Sequential([*layers, nv.Dense(2)], (9, 8, 1)), [*COSTS, "receptive_field"])
    assert table.uncounted == ("loud", "odd")
    rows = {row.name: row for row in table.rows}
    assert rows["odd"].flops is rows["loud"].memory is None
    assert table.rows[0].mult_adds == 7 * 6 * 9 * 2
    assert table.mult_adds == 7 * 6 * 9 * 2 + 5 * 4 * 2 * 2
    assert "Not counted, since not nnviz's own: loud, odd" in str(table)
    assert rows["odd"].receptive_field == (9, 8), "no window: it may read everything"


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_columns_of_all_models(name):
    model = {**ALL, **SEEN}[name]()
    table = summary(model, tuple(COLUMNS))
    assert table.uncounted == ()
    assert len(str(table).splitlines()) == len(table.rows) + 11


@pytest.mark.parametrize("columns", [3, 1.5, True])
def test_columns_that_are_no_names(columns):
    with pytest.raises(nv.ArgumentError, match=f"must be names, got {columns}; a summary has"):
        nv.summary(residual(), columns)


def test_a_column_that_is_no_name():
    with pytest.raises(nv.ArgumentError, match=r"no column named .*did you mean"):
        nv.summary(residual(), [["memory"]])
