"""What a model is made of: the summary's table, the diagram, filters, feature maps, health."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from networks import ALL, SEEN, SHAPE, chain, inception, pictures, residual, twice
from same import assert_same

import nnviz as nv
from nnviz.engine.graph import Node
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import diagram, feature_maps, filters, health, stream, summary
from nnviz.training.recipes import RECIPES


def tutorial():
    """MISSION E1's network."""
    return RECIPES["mnist-cnn"].build((28, 28, 1), 10, None, 0)


# The summary ----------------------------------------------------------------------------------


def test_the_tutorials_table_is_kerass_to_the_number(golden):
    golden("summary-mnist-cnn.txt", str(tutorial().summary()))
    table = summary(tutorial())
    counts = [row.params for row in table.rows]
    assert counts == [320, 18_496, 0, 0, 0, 1_179_776, 0, 1_290]
    assert (table.total, table.trainable, table.non_trainable) == (1_199_882, 1_199_882, 0)
    assert table.rows[-1].name == "preds"
    assert [row.activation for row in table.rows if row.activation] == ["relu"] * 3 + ["softmax"]
    assert table.is_chain


def test_a_graph_has_a_column_of_connections(golden):
    table = summary(residual())
    assert not table.is_chain
    golden("summary-residual.txt", str(table))
    joined = next(row for row in table.rows if row.name == "join")
    assert joined.inputs == ("batch_normalization_1", "stem")


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_totals_are_the_sizes_of_the_arrays(name):
    model = {**ALL, **SEEN}[name]()
    layers = {id(node.layer): node.layer for node in model.nodes}.values()
    learnt = sum(a.size for layer in layers for a in layer.params.values())
    kept = sum(a.size for layer in layers for a in layer.buffers.values())
    table = summary(model)
    assert table.total == learnt + kept == sum(row.params for row in table.rows)
    assert table.trainable == learnt
    assert table.non_trainable == kept


def test_a_layer_at_two_places_is_counted_once():
    table = summary(twice())
    convolutions = [row.params for row in table.rows if row.kind == "Conv2D"]
    assert convolutions == [2 * 9 * 2 + 2, 0]


def test_a_frozen_layer_is_not_trainable():
    model = chain()
    model.node("dense_1").layer.trainable = False
    table = summary(model)
    dense = next(row for row in table.rows if row.name == "dense_1")
    assert dense.params == table.non_trainable - 2 * 4
    assert dense.trainable == 0


def test_only_an_activation_folds_into_the_row_before_it():
    layers = [
        nv.ReLU(name="input/relu"),
        nv.Conv2D(2, 3, name="a"),
        nv.Conv2D(3, 3, name="a/b"),
        nv.MaxPooling2D(2, name="a/b/pool"),
        nv.Flatten(),
        nv.Dense(2),
    ]
    model = nv.Sequential(layers, (9, 9, 1))
    table = summary(model)
    assert [row.name for row in table.rows] == [node.name for node in model.nodes]
    assert table.total == sum(a.size for a in model.parameters().values())


def test_settings_that_tell_layers_apart_stand_in_the_row():
    layers = [
        nv.Conv2D(4, (3, 5), strides=2, padding="same"),
        nv.Conv2D(4, 3, dilation_rate=2, groups=2, padding=((1, 0), (2, 3))),
        nv.MaxPooling2D(3, strides=1),
        nv.Dropout(0.25),
    ]
    rows = summary(nv.Sequential(layers, (20, 20, 2))).rows
    assert [row.detail for row in rows] == [
        "3×5, stride 2×2, same",
        "3×3, padded, dilation 2×2, 2 groups",
        "3×3, stride 1×1",
        "25%",
    ]


def test_a_summary_shows_itself_as_text():
    table = summary(nv.Sequential([nv.Dense(2, name="<b>")], (3,)))
    assert table._repr_png_() is None
    assert "&lt;b&gt; (Dense)" in table._repr_html_()


# The diagram ----------------------------------------------------------------------------------


def test_a_chain_is_one_column():
    drawn = diagram(chain())
    names = [block.name for block in drawn.blocks]
    assert names[0] == "input"
    assert drawn.columns == 1
    assert [block.rank for block in drawn.blocks] == list(range(drawn.ranks))
    assert drawn.arrows == tuple(pairwise(names))
    assert drawn.blocks[0].shape == SHAPE
    assert drawn.blocks[1].detail == "3×3, relu"


def test_a_residual_block_goes_round_and_comes_back():
    drawn = diagram(residual())
    rank = {block.name: block.rank for block in drawn.blocks}
    assert ("stem", "join") in drawn.arrows
    assert ("batch_normalization_1", "join") in drawn.arrows
    assert rank["join"] == rank["batch_normalization_1"] + 1 == rank["stem"] + 3


def test_ways_side_by_side_stand_side_by_side():
    drawn = diagram(inception())
    places = [(block.rank, block.column) for block in drawn.blocks]
    assert len(set(places)) == len(places), "two blocks on one place"
    assert drawn.columns == 3
    joined = next(block for block in drawn.blocks if block.kind == "Concatenate")
    assert sum(target == joined.name for _, target in drawn.arrows) == 3
    assert joined.column == 0


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_every_arrow_goes_down(name):
    drawn = diagram({**ALL, **SEEN}[name]())
    rank = {block.name: block.rank for block in drawn.blocks}
    assert all(rank[target] > rank[source] for source, target in drawn.arrows)
    assert drawn.ranks == max(rank.values()) + 1


# Filters and feature maps ---------------------------------------------------------------------


def test_filters_are_the_weights():
    model = SEEN["digits"]()
    weight = model.node("conv2d_2").layer.params["weight"]
    got = filters(model, "conv2d_2").values
    assert got.shape == (5, 3, 3, 4)
    np.testing.assert_array_equal(got[2, :, :, 1], weight[:, :, 1, 2])
    assert not np.shares_memory(got, weight)
    np.testing.assert_array_equal(
        filters(model).values[..., 0].transpose(1, 2, 0),
        model.node("conv2d_1").layer.params["weight"][:, :, 0],
    )


def test_filters_of_what_has_none():
    with pytest.raises(ArgumentError, match="this model has no convolution, so it has no filters"):
        filters(nv.Sequential([nv.Dense(2)], (3,)))
    with pytest.raises(ArgumentError, match="no filters to show; name a dense layer: dense_1"):
        filters(nv.Sequential([nv.Dense(2)], (3,)))
    with pytest.raises(
        ArgumentError, match=r"'flatten_1' is a Flatten, .* in conv2d_1, dense_1, p"
    ):
        filters(chain(), "flatten_1")
    with pytest.raises(ArgumentError, match=r"no node named 'conv9'.*this model has conv2d_1"):
        filters(chain(), "conv9")


@pytest.mark.parametrize("name", SEEN)
def test_feature_maps_are_the_nodes_output(name):
    model = SEEN[name]()
    node = next(n.name for n in model.nodes if len(model.shapes[n.name]) == 3)
    x = pictures(model, 3)
    got = feature_maps(model, x, node)
    assert_same(got.values, model.run(x)[node].y)
    assert got.provenance.node == node
    assert got.values.dtype == np.float32


def test_feature_maps_of_what_has_none():
    model = chain()
    with pytest.raises(ArgumentError, match=r"'preds' has shape \(3,\), which has no rows"):
        feature_maps(model, pictures(model), "preds")
    with pytest.raises(ArgumentError, match="no node named 'input'"):
        feature_maps(model, pictures(model), "input")


# Health ---------------------------------------------------------------------------------------


def test_a_planted_dead_channel_is_found():
    model = SEEN["digits"]()
    model.node("conv2d_1").layer.params["bias"][2] = -100
    found = health(model, pictures(model, 5))
    assert ("conv2d_1/relu", 2) in found.dead
    assert found.channels == 4 + 5
    assert found.pictures == 5
    alive = {("conv2d_1/relu", k) for k in (0, 1, 3)}
    y = model.run(pictures(model, 5))["conv2d_1/relu"].y
    assert all((y[..., k].max() > 0) == (("conv2d_1/relu", k) not in found.dead) for k in range(4))
    assert alive - set(found.dead)


def test_histograms_and_moments_hold_all_values():
    model = SEEN["digits"]()
    dark = pictures(model, 140) * np.linspace(0.01, 1, 140, dtype=np.float32)[:, None, None, None]
    found = health(model, dark, bins=7)
    trace = model.run(dark)
    for spread in found.answers:
        y = trace[spread.name].y
        alive = np.count_nonzero(y)
        assert sum(spread.counts) == alive, "later pictures are brighter than the first"
        assert len(spread.edges) == 8
        assert spread.mean == pytest.approx(y.mean(), rel=1e-4)
        assert spread.std == pytest.approx(y.std(), rel=1e-3)
        assert spread.zero == pytest.approx((y == 0).mean())
    for spread in found.weights:
        weight = model.node(spread.name).layer.params["weight"]
        assert sum(spread.counts) == weight.size
        assert spread.edges[0] == pytest.approx(weight.min())
        assert spread.std == pytest.approx(weight.std(), rel=1e-5)
    assert [s.name for s in found.weights] == ["conv2d_1", "conv2d_2", "preds"]


def test_health_goes_through_the_pictures_in_batches(monkeypatch):
    model, seen = SEEN["digits"](), []
    run = type(model).run
    monkeypatch.setattr(
        type(model), "run", lambda self, x, **k: (seen.append(len(x)), run(self, x, **k))[1]
    )
    whole = health(model, pictures(model, 150))
    assert seen == [150]
    monkeypatch.setattr(stream, "MOST", 64)
    again = health(model, pictures(model, 150))
    assert seen[1:] == [64, 64, 22]
    assert again.findings == whole.findings
    assert [s.zero for s in again.answers] == [s.zero for s in whole.answers]


def test_health_of_a_model_without_relu():
    found = health(inception(), pictures(inception()))
    assert found.answers == found.dead == ()
    assert found.channels == 0
    assert found._repr_png_() is None


def test_health_is_told_nonsense():
    model = chain()
    with pytest.raises(ArgumentError, match="bins must be a whole number of at least 1, got 0"):
        health(model, pictures(model), bins=0)
    with pytest.raises(ArgumentError, match="the input is empty"):
        health(model, pictures(model)[:0])


def test_the_table_of_nodes_given_by_hand():
    model = chain()
    renamed = [Node(n.name, n.layer, n.inputs) for n in model.nodes]
    again = nv.Model.from_nodes(renamed, input=model.input)
    assert str(summary(again)) == str(summary(model))
