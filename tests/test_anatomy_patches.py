"""Top patches against a plain sort of everything, and the stream and the sample behind them."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from networks import SEEN, pictures

import nnviz as nv
from nnviz.data import Dataset
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import patches as module
from nnviz.inspection.anatomy import receptive_field, stream, top_patches, top_patches_at
from nnviz.inspection.anatomy.reservoir import Reservoir
from nnviz.inspection.anatomy.stream import batches, up_to

NODES = {"digits": "conv2d_2", "colour": "joined", "wide": "last"}


@pytest.mark.parametrize("name", SEEN)
def test_patches_are_what_a_plain_sort_finds(name):
    model, node = SEEN[name](), NODES[name]
    x = pictures(model, 30)
    got = top_patches(model, x, node, 4)
    y = model.run(x)[node].y
    field = receptive_field(model, node)
    flat = y.reshape(len(y), -1, y.shape[-1])
    tops = flat.max(axis=1)
    assert got.patches.dtype == got.values.dtype == np.float32
    for c in range(y.shape[-1]):
        best = np.argsort(-tops[:, c], kind="stable")[:4]
        assert got.pictures[c].tolist() == best.tolist()
        np.testing.assert_allclose(got.values[c], tops[best, c], rtol=1e-5)
        for rank, n in enumerate(best):
            row, col = got.places[c, rank]
            assert y[n, row, col, c] == pytest.approx(tops[n, c], rel=1e-5)
            box = got.boxes[c, rank]
            assert box.tolist() == field.reads[row, col].tolist()
            cut = x[n, box[0] : box[2], box[1] : box[3]]
            shown = got.patches[c, rank]
            assert np.isfinite(shown).sum() == cut.size
            top, left = np.argwhere(np.isfinite(shown[..., 0]))[0]
            inside = shown[top : top + cut.shape[0], left : left + cut.shape[1]]
            np.testing.assert_array_equal(inside, cut)
    np.testing.assert_allclose(got.maximum, tops.max(axis=0), rtol=1e-5)
    np.testing.assert_allclose(got.percentile, np.percentile(tops, 99, axis=0), rtol=1e-5)
    assert (got.count, got.sampled) == (30, 30)
    assert got.warnings == ()
    assert not got.constant.any()


def test_a_patch_run_through_the_network_gives_its_answer_again():
    model = SEEN["digits"]()
    got = top_patches(model, pictures(model, 12), "conv2d_2", 3)
    layers = [model.node(name).layer for name in ("conv2d_1", "max_pooling2d_1", "conv2d_2")]
    small = nv.Sequential(layers, got.patches.shape[2:])
    for c in range(5):
        y = small.run(got.patches[c])["conv2d_2"].y
        assert y.shape[1:3] == (1, 1)
        np.testing.assert_allclose(y[:, 0, 0, c], got.values[c], rtol=1e-4)


def test_the_border_is_where_the_padding_was():
    """One bright pixel in a corner: the 3×3 window of the corner's place sticks out twice."""
    conv = nv.Conv2D(1, 3, padding="same", use_bias=False)
    model = nv.Sequential([conv], (5, 6, 1))
    conv.params["weight"][:] = 0
    conv.params["weight"][1, 1] = 1
    x = np.zeros((1, 5, 6, 1), np.float32)
    x[0, 4, 0] = 1
    got = top_patches(model, x, "conv2d_1", 1)
    assert got.places[0, 0].tolist() == [4, 0]
    assert got.boxes[0, 0].tolist() == [3, 0, 5, 2]
    patch = got.patches[0, 0, :, :, 0]
    assert np.isnan(patch).tolist() == [[True, False, False]] * 2 + [[True] * 3]
    assert patch[1, 1] == 1


@pytest.mark.parametrize("cut", [(30,), (7, 23), (1, 1, 28), (10, 10, 10)])
def test_chunks_say_the_same_as_one_array(cut):
    model = SEEN["digits"]()
    x = pictures(model, 30)
    ends = np.cumsum((0, *cut))
    chunks = (x[a:b] for a, b in pairwise(ends))
    got, whole = top_patches(model, chunks, "conv2d_1", 3), top_patches(model, x, "conv2d_1", 3)
    np.testing.assert_array_equal(got.pictures, whole.pictures)
    np.testing.assert_allclose(got.values, whole.values, rtol=1e-5)
    np.testing.assert_array_equal(got.patches, whole.patches)
    assert got.count == 30


def test_small_batches_say_the_same(monkeypatch):
    model = SEEN["digits"]()
    x = (pictures(model, 40) * 255).astype(np.uint8)
    whole = top_patches(model, x, "conv2d_2", 5)
    monkeypatch.setattr(stream, "MOST", 3)
    got = top_patches(model, Dataset(x), "conv2d_2", 5)
    np.testing.assert_array_equal(got.pictures, whole.pictures)
    np.testing.assert_array_equal(got.patches, whole.patches)
    assert whole.patches.dtype == np.float32
    assert np.nanmax(whole.patches) <= 1


def test_equal_answers_keep_the_first_pictures():
    model = SEEN["digits"]()
    x = np.repeat(pictures(model, 1), 6, axis=0)
    got = top_patches(model, (x[i : i + 2] for i in (0, 2, 4)), "conv2d_1", 4)
    assert (got.pictures == np.arange(4)).all()


def test_fewer_pictures_than_patches():
    model = SEEN["wide"]()
    got = top_patches(model, pictures(model, 2), "stem/relu", 4)
    assert (got.pictures[:, 2:] == -1).all()
    assert np.isnan(got.values[:, 2:]).all()
    assert np.isnan(got.patches[:, 2:]).all()
    assert np.isfinite(got.values[:, :2]).all()


def test_classes_are_shown_whole_pictures():
    model = SEEN["colour"]()
    x = pictures(model, 9).astype(np.float64)
    got = top_patches(model.astype(np.float64), x, model.output_name, 2)
    assert got.patches.shape == (4, 2, 32, 32, 3)
    assert got.patches.dtype == got.values.dtype == np.float64
    np.testing.assert_array_equal(got.patches[1, 0], x[got.pictures[1, 0]])


def test_a_window_larger_than_the_picture_is_cut_to_it():
    layers = [nv.Conv2D(2, 9, padding="same"), nv.Conv2D(2, 9, padding="same", name="last")]
    model = nv.Sequential(layers, (10, 6, 1))
    got = top_patches(model, pictures(model, 5), "last", 2)
    assert got.patches.shape[2:4] == (10, 6)


def test_chosen_channels():
    model = SEEN["digits"]()
    x = pictures(model, 8)
    some, every = (top_patches(model, x, "conv2d_2", 2, channels=c) for c in ([3, 1], None))
    assert some.channels.tolist() == [3, 1]
    np.testing.assert_array_equal(some.patches, every.patches[[3, 1]])
    np.testing.assert_array_equal(some.percentile, every.percentile[[3, 1]])


def test_several_nodes_in_one_pass():
    model = SEEN["digits"]()
    x = pictures(model, 9)
    both = top_patches_at(model, iter([x[:4], x[4:]]), ["conv2d_2", "conv2d_1/relu"], 3)
    assert list(both) == ["conv2d_2", "conv2d_1/relu"]
    for node, got in both.items():
        alone = top_patches(model, x, node, 3)
        np.testing.assert_array_equal(got.pictures, alone.pictures)
        np.testing.assert_array_equal(got.patches, alone.patches)
        assert got.provenance.node == node
    assert list(top_patches_at(model, x, "preds", 1)) == ["preds"]
    some = top_patches_at(model, x, {"conv2d_2": [2, 0], "preds": None}, 3)
    alone = top_patches(model, x, "conv2d_2", 3, channels=[2, 0])
    np.testing.assert_array_equal(some["conv2d_2"].values, alone.values)
    np.testing.assert_array_equal(some["conv2d_2"].channels, [2, 0])
    assert len(some["preds"].channels) == model.output_shape[0]
    with pytest.raises(ArgumentError, match="nodes is empty: name at least one node"):
        top_patches_at(model, x, [])
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        top_patches_at(model, x, ["conv9"])


def test_channels_that_never_change_are_named():
    model = SEEN["digits"]()
    model.node("conv2d_1").layer.params["bias"][2] = -100
    got = top_patches(model, pictures(model, 5), "conv2d_1/relu", 2)
    assert got.warnings == (
        "channel 2 answers 0 at every place of all 5 pictures: its patches mean nothing",
    )
    assert got.constant.tolist() == [False, False, True, False]


def test_what_cannot_be_cut(monkeypatch):
    model = SEEN["digits"]()
    x = pictures(model, 2)
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        top_patches(model, x, "conv9")
    with pytest.raises(ArgumentError, match=r"'conv2d_1' has 4 channels 0 … 3, got \[4\]"):
        top_patches(model, x, "conv2d_1", channels=[4])
    with pytest.raises(ArgumentError, match=r"channels must be whole numbers, got \['a'\]"):
        top_patches(model, x, "conv2d_1", channels=["a"])
    with pytest.raises(ArgumentError, match="k must be a whole number of at least 1, got 0"):
        top_patches(model, x, "conv2d_1", 0)
    with pytest.raises(ArgumentError, match=r"input has shape \(3,\), which is no picture to cut"):
        top_patches(nv.Sequential([nv.Dense(2)], (3,)), np.zeros((1, 3)), "dense_1")
    monkeypatch.setattr(module, "ROOM", 1000)
    with pytest.raises(ArgumentError, match="4 channels with 9 patches of 3×3 pixels would take"):
        top_patches(model, x, "conv2d_1")


def test_memory_does_not_grow_with_the_pictures(monkeypatch):
    """Five times the pictures, made as they are asked for; one thread, since scratch wobbles."""
    monkeypatch.setattr(module, "SAMPLE", 64)
    model = SEEN["digits"]()
    x = pictures(model, 50)

    def peak(times):
        tracemalloc.start()
        try:
            with nv.threads(1):
                top_patches(model, (x + np.float32(0) for _ in range(times)), "conv2d_2", 3)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)
    assert peak(20) < 1.2 * peak(4)


# The stream -------------------------------------------------------------------------------------


def test_batches_of_one_picture_and_of_grey_ones():
    model = SEEN["digits"]()
    for x in (np.zeros((28, 28)), np.zeros((28, 28, 1)), np.zeros((1, 28, 28))):
        ((start, batch),) = batches(model, x, ())
        assert (start, batch.shape) == (0, (1, 28, 28, 1))


def test_batches_leave_room(monkeypatch):
    model = SEEN["digits"]()
    monkeypatch.setattr(stream, "ROOM", 4 * 26 * 26 * 4 * 3)
    sizes = [len(b) for _, b in batches(model, pictures(model, 8), ("conv2d_1",))]
    assert sizes == [3, 3, 2]
    monkeypatch.setattr(stream, "ROOM", 1)
    assert [s for s, _ in batches(model, pictures(model, 3), ("conv2d_1",))] == [0, 1, 2]


def test_streams_of_nonsense():
    model = SEEN["digits"]()

    def read(x):
        return list(batches(model, x, ()))

    with pytest.raises(ArgumentError, match="there is no picture: expected at least one"):
        read(iter([]))
    with pytest.raises(ArgumentError, match="the input is empty"):
        read(np.zeros((0, 28, 28, 1)))
    with pytest.raises(ArgumentError, match=r"the input has shape \(900, 5, 5\), expected N×28×28"):
        read(np.zeros((900, 5, 5)))
    with pytest.raises(ArgumentError, match="must be one array, got rows of different shapes"):
        read([np.zeros((28, 28)), np.zeros((27, 28))])
    with pytest.raises(ArgumentError, match="must be numbers, got an array of <U1"):
        read(["a"])
    late = np.zeros((600, 28, 28, 1))
    late[599] = np.nan
    with pytest.raises(ArgumentError, match=r"784 value.* NaN or infinite"):
        read(late)


def test_the_part_of_a_model_that_a_node_needs():
    model = SEEN["colour"]()
    part = up_to(model, "far")
    assert [n.name for n in part.nodes] == ["far"]
    assert part.node("far").layer is model.node("far").layer
    x = pictures(model, 3)
    np.testing.assert_allclose(part.run(x).output, model.run(x)["far"].y, rtol=1e-6)


# The sample ---------------------------------------------------------------------------------------


def test_a_sample_is_fair_and_does_not_depend_on_the_batches():
    hits = np.zeros(200)
    for seed in range(300):
        sample = Reservoir(20, seed)
        sample.add(np.arange(200)[:, None])
        hits[sample.rows[:, 0]] += 1
    assert hits.sum() == 300 * 20
    assert abs(hits[:100].sum() - 3000) < 4 * np.sqrt(300 * 200 * 0.1 * 0.9 / 2)
    assert hits.min() > 5
    cut = Reservoir(20, 299)
    for first, last in ((0, 7), (7, 25), (25, 26), (26, 200)):
        cut.add(np.arange(first, last)[:, None])
    np.testing.assert_array_equal(cut.rows, sample.rows)
    assert cut.seen == 200
    short = Reservoir(20, 0)
    short.add(np.arange(3)[:, None])
    assert short.rows[:, 0].tolist() == [0, 1, 2]


def test_the_percentile_of_many_pictures_is_near(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 500)
    model = nv.Sequential([nv.Conv2D(2, 1, name="conv")], (1, 1, 1))
    x = np.random.default_rng(0).random((4000, 1, 1, 1), np.float32)
    got = top_patches(model, x, "conv", 1)
    tops = model.run(x)["conv"].y[:, 0, 0]
    assert (got.count, got.sampled) == (4000, 500)
    for c in (0, 1):
        rank = (tops[:, c] <= got.percentile[c]).mean()
        assert 0.975 <= rank <= 1
