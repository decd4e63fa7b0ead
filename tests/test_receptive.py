"""Receptive fields against the measured support of the gradient, and maps placed by them."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, pictures

import nnviz as nv
from nnviz.engine.graph import INPUT
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import receptive_field
from nnviz.inspection.anatomy.geometry import Geometry, geometry
from nnviz.inspection.anatomy.receptive import place_on_picture


def random_network(rng):
    """Convolutions of every kind, pools, enlargements and branches in random order, on (13, 10, 1).

    All weights are positive, so that no path can cancel another.
    """
    x = y = nv.Input((13, 10, 1))
    for _ in range(int(rng.integers(2, 5))):
        if min(y.shape[:2]) < 5 or max(y.shape[:2]) > 26:
            break
        y = random_step(rng, y)
    model = nv.Model(x, y, seed=int(rng.integers(99)))
    return model.astype(np.float64)


def random_step(rng, y):
    kernel = tuple(rng.integers(1, 4, 2).tolist())
    strides = tuple(rng.integers(1, 3, 2).tolist())
    padding = ["same", "valid", ((1, 0), (2, 1))][rng.integers(3)]
    flat = ["same", "valid"][rng.integers(2)]
    kind = rng.integers(8)
    if kind == 0:
        return nv.Conv2D(2, kernel, strides=strides, padding=padding)(y)
    if kind == 1:
        return nv.Conv2D(2, kernel, padding=padding, dilation_rate=2)(y)
    if kind == 2:
        return nv.DepthwiseConv2D(kernel, strides=strides, padding=padding)(y)
    if kind == 3:
        return nv.Conv2DTranspose(2, kernel, strides=strides, padding=flat)(y)
    if kind == 4:
        return nv.AveragePooling2D(kernel, strides=strides, padding=flat)(y)
    if kind == 5:
        how = ["nearest", "bilinear"][rng.integers(2)]
        return nv.Conv2D(2, kernel, padding="same")(nv.UpSampling2D(strides, interpolation=how)(y))
    if kind == 6:
        way = nv.Conv2D(y.shape[2], kernel, padding="same")(nv.ReLU()(y))
        return nv.Add()(way, y)
    ways = [nv.Conv2D(1, kernel, padding="same")(y), nv.ZeroPadding2D(0)(y)]
    return nv.Concatenate()(ways)


def positive(model):
    """The same network with positive weights: what is read has a gradient above zero."""
    change = {}
    for node in model.nodes:
        params = {k: np.abs(v) + 0.1 for k, v in node.layer.params.items()}
        change[node.name] = node.layer.with_params(**params)
    return model.with_layers(change)


@pytest.mark.parametrize("seed", range(50))
def test_the_field_is_the_gradients_support(seed):
    rng = np.random.default_rng(seed)
    model = positive(random_network(rng))
    name = model.nodes[-1].name
    rows, cols, _ = model.shapes[name]
    field = receptive_field(model, name)
    trace = model.run(rng.random((1, 13, 10, 1)))
    for r in range(0, rows, 2):
        for c in range(0, cols, 2):
            dy = np.zeros_like(trace.output)
            dy[:, r, c] = 1
            seen = np.argwhere(model.backward(trace, {name: dy})[INPUT][0, :, :, 0])
            top, left, bottom, right = field.reads[r, c].tolist()
            if len(seen) == 0:
                assert (bottom - top) * (right - left) == 0, (r, c)
                continue
            assert seen.min(axis=0).tolist() == [top, left], (r, c)
            assert (seen.max(axis=0) + 1).tolist() == [bottom, right], (r, c)
            around = field.boxes[r, c]
            assert (around[:2] <= (top, left)).all()
            assert (around[2:] >= (bottom, right)).all()


def test_the_field_of_a_residual_block_is_that_of_its_longest_way():
    field = receptive_field(SEEN["wide"](), "last")
    assert field.boxes[10, 20].tolist() == [8, 18, 13, 23]
    assert field.boxes[0, 0].tolist() == [-2, -2, 3, 3]
    assert field.reads[0, 0].tolist() == [0, 0, 3, 3]
    np.testing.assert_array_equal(field.row_centres, np.arange(20))
    np.testing.assert_array_equal(field.col_centres, np.arange(45))
    assert field._repr_png_() is None


def test_a_node_without_rows_has_no_field():
    with pytest.raises(ArgumentError, match=r"node 'preds' has shape \(3,\), which has no rows"):
        receptive_field(chain(), "preds")
    with pytest.raises(ArgumentError, match="no node named 'nope'"):
        receptive_field(chain(), "nope")


@pytest.mark.parametrize("shape", [(20, 45, 1), (28, 28, 1), (31, 12, 3)])
def test_a_spike_lands_at_its_fields_centre(shape):
    layers = [nv.Conv2D(2, 5), nv.MaxPooling2D(2), nv.Conv2D(2, 3, padding="same")]
    model = nv.Sequential(layers, shape)
    name = model.nodes[-1].name
    rows, cols, _ = model.shapes[name]
    field = receptive_field(model, name)
    for r, c in [(1, 2), (rows - 2, 1), (rows // 2, cols // 2)]:
        map_ = np.zeros((1, rows, cols), np.float32)
        map_[0, r, c] = 1
        placed = place_on_picture(model, name, map_)[0]
        assert placed.shape == shape[:2]
        assert placed.dtype == np.float32
        at = np.argwhere(placed == placed.max()).mean(axis=0)
        assert at.tolist() == [field.row_centres[r], field.col_centres[c]]


def test_a_constant_map_stays_constant_and_order_is_kept():
    model = SEEN["digits"]()
    maps = np.full((2, 11, 11), 3.0, np.float32)
    np.testing.assert_allclose(place_on_picture(model, "conv2d_2", maps), 3, rtol=1e-6)
    ramp = np.broadcast_to(np.arange(11.0)[:, None], (1, 11, 11))
    placed = place_on_picture(model, "conv2d_2", ramp)[0]
    assert (np.diff(placed, axis=0) >= 0).all()
    assert (np.diff(placed, axis=1) == 0).all()
    # Centres lie at 3.5, 5.5, …: between two of them the values are in line, outside they stay.
    np.testing.assert_allclose(placed[:5, 0], [0, 0, 0, 0, 0.25], atol=1e-12)


def test_one_picture_at_a_time_or_all_at_once():
    model = SEEN["wide"]()
    maps = pictures(model, 3)[..., 0]
    together = place_on_picture(model, "stem", maps)
    for i in range(3):
        np.testing.assert_array_equal(
            together[i], place_on_picture(model, "stem", maps[i : i + 1])[0]
        )


def test_a_gate_that_has_seen_everything_has_no_places():
    x = nv.Input((8, 7, 1))
    conv = nv.Conv2D(4, 3, name="conv")(x)
    gate = nv.Dense(4, activation="sigmoid")(nv.GlobalAveragePooling2D()(conv))
    gated = nv.Multiply(broadcast=True, name="gated")(conv, gate)
    model = nv.Model(x, nv.Dense(3)(nv.Flatten()(gated)))
    assert nv.receptive_field(model, "gated").boxes[0, 0].tolist() == [0, 0, 8, 7]
    pictures = np.random.default_rng(0).random((2, 8, 7, 1), np.float32)
    assert nv.grad_cam(model, pictures).provenance.node == "conv"
    with pytest.raises(nv.ArgumentError, match="every place of node 'gated' reads the same pixels"):
        nv.grad_cam(model, pictures, node="gated")


def enlarged(*after, size=(8, 9, 1)):
    """A small decoder: half the size, back to about the whole, one more convolution."""
    return nv.Sequential(
        [nv.Conv2D(3, 3, padding="same", activation="relu"), nv.MaxPooling2D(2),
         nv.UpSampling2D(2), *after, nv.Conv2D(2, 3, padding="same", name="dec"),
         nv.ReLU(name="last"), nv.Flatten(), nv.Dense(3)], size, seed=0)  # fmt: skip


def test_places_behind_an_enlargement_share_their_middles():
    model = enlarged()
    field = receptive_field(model, "dec")
    assert field.row_centres.tolist() == [0.5, 1.5, 1.5, 3.5, 3.5, 5.5, 5.5, 6.5]
    x = pictures(model, 2)
    assert nv.grad_cam(model, x).provenance.node == "last"
    assert nv.grad_cam(model, x, node="dec").values.shape == (2, 8, 9)
    maps = np.random.default_rng(0).random((1, 8, 8))
    placed = place_on_picture(model, "dec", maps)[0]
    # Loops: the mean of the cells at each spot, and a straight line between the spots.
    spots = [{}, {}]
    for axis, centres in enumerate((field.row_centres, field.col_centres)):
        for i, centre in enumerate(centres.tolist()):
            spots[axis].setdefault(centre, []).append(i)
    means = np.array(
        [[np.mean([maps[0, r, c] for r in rs for c in cs]) for cs in spots[1].values()]
         for rs in spots[0].values()])  # fmt: skip
    wide = np.array([np.interp(range(9), list(spots[1]), row) for row in means])
    wanted = np.array([np.interp(range(8), list(spots[0]), col) for col in wide.T]).T
    np.testing.assert_allclose(placed, wanted, rtol=1e-12)


def test_padding_behind_an_enlargement_has_no_place():
    model = enlarged(nv.ZeroPadding2D(2))
    x = pictures(model, 1)
    assert nv.grad_cam(model, x).provenance.node == "last"
    maps = np.ones((1, *model.shapes["last"][:2]))
    maps[:, :1] = maps[:, -1:] = maps[..., :1] = maps[..., -1:] = 1e9  # they read padding alone
    np.testing.assert_allclose(place_on_picture(model, "last", maps), 1, rtol=1e-12)


def test_one_row_of_places_stays_one_when_it_is_enlarged():
    layers = [nv.Conv2D(2, (1, 3)), nv.UpSampling2D((3, 1), name="up"), nv.Flatten(), nv.Dense(2)]
    model = nv.Sequential(layers, (1, 9, 1), seed=0)
    placed = place_on_picture(model, "up", np.arange(21.0).reshape(1, 3, 7))
    np.testing.assert_allclose(placed[0, 0], np.interp(range(9), range(1, 8), range(7, 14)))


# The geometry of all nodes at once --------------------------------------------------------------


def test_geometry_says_where_the_windows_lie():
    x = nv.Input((40, 36, 1))
    y = nv.Conv2D(2, 5, strides=(2, 1), name="conv")(x)
    y = nv.MaxPooling2D(2, name="pool")(y)
    up = nv.UpSampling2D(2, name="up")(y)
    back = nv.Conv2DTranspose(1, 2, strides=2, name="back")(y)
    model = nv.Model(x, nv.Dense(2, name="out")(nv.Flatten()(nv.Concatenate(name="two")(up, back))))
    got = geometry(model)
    assert got["conv"] == Geometry((5, 5), (2, 1), (2, 2), (5, 5))
    assert got["pool"] == Geometry((7, 6), (4, 2), (3, 2.5), (7, 6))
    assert got["up"].stride == got["back"].stride == got["two"].stride == (2, 1)
    assert got["out"] is None
    field = receptive_field(model, "pool")
    np.testing.assert_array_equal(field.row_centres, 3 + 4 * np.arange(9))
    np.testing.assert_array_equal(field.col_centres, 2.5 + 2 * np.arange(16))


def test_geometry_of_what_has_none():
    assert geometry(nv.Sequential([nv.Dense(2), nv.ReLU()], (3,)))["dense_1"] is None
    x = nv.Input((8, 7, 1))
    conv = nv.Conv2D(4, 3, name="conv")(x)
    gate = nv.Dense(4)(nv.GlobalAveragePooling2D()(conv))
    gated = nv.Multiply(broadcast=True, name="gated")(conv, gate)
    model = nv.Model(x, nv.Dense(3)(nv.Flatten()(gated)))
    assert geometry(model)["gated"] == Geometry((8, 7), None, (3.5, 3), (8, 7))


def test_a_place_between_the_patches_reads_nothing():
    layers = [nv.Conv2DTranspose(1, 1, strides=3), nv.Conv2D(1, 1, name="last")]
    field = receptive_field(nv.Sequential(layers, (3, 3, 1)), "last")
    areas = np.prod(field.reads[..., 2:] - field.reads[..., :2], axis=-1)
    assert areas[0, 0] == 1
    assert areas[1].max() == areas[:, 2].max() == 0
    assert np.prod(field.boxes[..., 2:] - field.boxes[..., :2], axis=-1)[1].max() == 0


class _Shifted(nv.Layer):
    """A user's layer with a window of its own kind: each place reads the one above it."""

    class Window:
        def out_size(self, size):
            return size

        def touched(self, box, size):
            return box[0] + 1, box[1], box[2] + 1, box[3]

        def needed(self, box, size):
            return box[0] - 1, box[1], box[2] - 1, box[3]

    def window(self, i=0):
        return self.Window()


def test_a_window_of_another_kind_is_asked_place_by_place():
    model = nv.Sequential([nv.Conv2D(1, 3), _Shifted(name="shifted")], (6, 5, 1))
    field = receptive_field(model, "shifted")
    assert field.reads[2, 1].tolist() == [1, 1, 4, 4]
    assert field.reads[0, 0].tolist()[0::2] == [0, 0], "above the first row there is nothing"
    assert geometry(model)["shifted"].stride is None


@pytest.mark.parametrize("rows", [9, 10, 11, 12])
def test_a_field_does_not_depend_on_where_the_middle_falls(rows):
    """Behind a transposed convolution of stride 2 windows of two sizes take turns."""
    layers = [nv.Conv2DTranspose(2, 3, strides=2), nv.Conv2D(2, 2, name="last")]
    model = nv.Sequential(layers, (rows, 9, 1))
    boxes = receptive_field(model, "last").boxes
    heights = (boxes[:, 0, 2] - boxes[:, 0, 0])[4:-4]
    got = geometry(model)["last"]
    assert got.field[0] == heights.max()
    assert got.least[0] == heights.min()
    (_, row) = nv.summary(model, ["receptive_field"]).rows
    assert row.receptive_field == got.field


def test_the_table_says_where_fields_differ():
    layers = [nv.Conv2D(1, 3), nv.Conv2DTranspose(2, 3, strides=(2, 1), padding="same")]
    model = nv.Sequential(layers, (12, 9, 1))
    first, second = str(nv.summary(model, "receptive_field")).splitlines()[3:5]
    assert first.endswith(" 3×3")
    assert second.endswith(" 3–4×5")
