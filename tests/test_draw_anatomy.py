"""Drawings of what a model is made of: every shape of network, limits that are named, no blanks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from networks import ALL, SEEN, inception, pictures, residual

import nnviz as nv
from nnviz.draw import anatomy as draw_anatomy
from nnviz.draw import diagram as draw_diagram
from nnviz.draw import picture
from nnviz.draw.anatomy import BAR, BESIDE, MOST
from nnviz.draw.colour import CATEGORIES
from nnviz.draw.image import enlarge, factor_for, pixels, text
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import (
    FeatureMaps,
    Filters,
    distributions,
    embedding,
    feature_maps,
    filters,
    top_patches,
)
from nnviz.inspection.results import Provenance

MADE = Provenance("m", "test")


def hundred():
    """A residual and concatenating network of more than a hundred nodes."""
    x = nv.Input((12, 10, 3))
    y = nv.Conv2D(4, 3, padding="same")(x)
    for block in range(16):
        z = nv.ReLU()(nv.BatchNormalization()(nv.Conv2D(4, 3, padding="same")(y)))
        z = nv.BatchNormalization()(nv.Conv2D(4, 3, padding="same")(z))
        y = nv.Add()(z, y) if block % 2 else nv.Conv2D(4, 1)(nv.Concatenate()(z, y))
    return nv.Model(x, nv.Dense(3, activation="softmax")(nv.GlobalAveragePooling2D()(y)))


MODELS = {**SEEN, "residual": residual, "inception": inception, "hundred": hundred}


def drawn(model):
    x = pictures(model, 6)
    node = [n.name for n in model.nodes if len(model.shapes[n.name]) == 3][-1]
    yield filters(model, sort="norm")
    yield filters(model, [n.name for n in model.nodes if type(n.layer) is nv.Dense][-1])
    yield feature_maps(model, x[:2], node)
    yield top_patches(model, x, node, 4)
    yield top_patches(model, x, model.output_name, 4)
    yield embedding(model, x, np.arange(6))


@pytest.mark.parametrize("name", MODELS)
def test_everything_is_drawn_and_twice_the_same(name):
    for result in drawn(MODELS[name]()):
        got = picture(result)
        assert got.dtype == np.uint8
        assert got.shape[2] == 4
        seen = got[got[..., 3] > 0][:, :3]
        assert len(np.unique(seen, axis=0)) > 2, f"{type(result).__name__} is blank"
        assert max(got.shape) < 20_000
        np.testing.assert_array_equal(got, picture(result))


def test_a_hundred_nodes_fit_on_a_diagram():
    got = picture(nv.diagram(hundred()))
    assert got.shape[0] < 20_000
    assert got.shape[1] < 700, "one column, with lanes beside it"
    assert len(np.unique(got[:400].reshape(-1, 4), axis=0)) > 5


def test_distributions_name_what_they_leave_out(monkeypatch):
    assert draw_anatomy.PANELS == 16
    monkeypatch.setattr(draw_anatomy, "PANELS", 6)
    model = hundred()
    assert len(model.nodes) > 100
    many = distributions(model, pictures(model, 3), bins=8)
    few = replace(many, weights=many.weights[:2], activations=many.activations[:2])
    large, small = picture(many), picture(few)
    assert large.shape[0] < 1500, "6 of 42 and 6 of 108 panels, not all"
    assert small.shape[0] < large.shape[0]
    only = picture(replace(few, weights=()))
    assert only.shape[0] < small.shape[0]


# Filters ------------------------------------------------------------------------------------------


def test_three_maps_are_no_colours():
    values = np.random.default_rng(0).normal(size=(2, 3, 3, 3))
    coloured, sheets = (
        picture(Filters(values, MADE)),
        picture(Filters(values, MADE, None, None, False)),
    )
    assert sheets.shape[1] > 3 * coloured.shape[1] / 2
    white = picture(Filters(np.zeros((1, 3, 3, 3)), MADE, None, None, False))[0, 0, :3]
    assert white.min() > 235, "a signed sheet: zero is neutral"


def test_sorted_filters_carry_their_numbers():
    model = SEEN["digits"]()
    for node in ("conv2d_1", "conv2d_2"):
        plain, ordered = filters(model, node), filters(model, node, sort="norm")
        a, b = picture(plain), picture(ordered)
        assert (b.shape[0] > a.shape[0]) if node == "conv2d_1" else (b.shape[1] > a.shape[1])


def test_more_filters_than_a_picture_holds():
    some = np.random.default_rng(0).normal(size=(MOST, 2, 2, 1))
    every = np.concatenate([some, some])
    a, b = picture(Filters(some, MADE)), picture(Filters(every, MADE))
    assert 0 < b.shape[0] - a.shape[0] < 40, "one line more: the first 256 of 512 filters"


# Feature maps -------------------------------------------------------------------------------------


def test_feature_maps_stand_beside_their_pictures():
    model = SEEN["wide"]()
    x = pictures(model, 2)
    result = feature_maps(model, x, "stem")
    got = picture(result, x)
    original = enlarge(pixels(x[0]), factor_for(45, 128))
    np.testing.assert_array_equal(got[: original.shape[0], : original.shape[1]], original)
    assert got.shape[1] > picture(result).shape[1]
    with pytest.raises(
        ArgumentError, match=r"pictures of shape \(1, 20, 45, 1\) for the maps of 2"
    ):
        picture(result, x[:1])


def test_maps_that_are_all_zero_say_so():
    zero, one = (FeatureMaps(np.full((1, 4, 4, 2), v, np.float32), MADE) for v in (0, 1))
    assert picture(zero).shape[0] > picture(one).shape[0]


# Patches ------------------------------------------------------------------------------------------


def test_patches_are_the_pictures_pixels():
    model = SEEN["colour"]()
    x = pictures(model, 5)
    result = top_patches(model, x, model.output_name, 1)
    got = picture(result)
    factor = factor_for(32, 42)
    np.testing.assert_array_equal(
        got[: 32 * factor, : 32 * factor], enlarge(pixels(x[result.pictures[0, 0]]), factor)
    )


def test_what_lies_beside_the_picture_has_its_own_colour():
    conv = nv.Conv2D(1, 3, padding="same", use_bias=False)
    model = nv.Sequential([conv], (5, 6, 1))
    conv.params["weight"][:] = 0
    conv.params["weight"][1, 1] = 1
    x = np.zeros((1, 5, 6, 1), np.float32)
    x[0, 4, 0] = 1
    got = picture(top_patches(model, x, "conv2d_1", 1))
    factor = factor_for(3, 42)
    cells = got[: 3 * factor : factor, : 3 * factor : factor, :3]
    assert (cells[:, 0] == BESIDE).all()
    assert (cells[2] == BESIDE).all()
    assert (cells[1, 1] == 255).all()
    assert (cells[0, 2] == 0).all()


def test_channels_that_mean_nothing_are_grey():
    model = SEEN["digits"]()
    model.node("conv2d_1").layer.params["bias"][0] = -100
    got = picture(top_patches(model, pictures(model, 4), "conv2d_1/relu", 1))
    assert (got[:20, :20, :3] == 128).all()


# The embedding ------------------------------------------------------------------------------------


def test_classes_have_their_colours():
    model = SEEN["digits"]()
    x = pictures(model, 12)
    plain, labelled = embedding(model, x), embedding(model, x, np.arange(12) % 3)
    assert picture(labelled).shape[0] > picture(plain).shape[0], "a legend"
    many = embedding(model, pictures(model, 30), np.arange(30))
    assert picture(many).shape[1] < 1400, "a legend of the first twenty"
    same = embedding(model, np.repeat(x[:1], 4, axis=0))
    assert picture(same).shape[0] > picture(plain).shape[0], "and its warning"
    points = replace(plain, explained=None)
    assert picture(points).any()


@pytest.mark.parametrize("node", ["conv2d_1", "conv2d_2"])
def test_a_sheet_of_clusters_shows_where_they_end(node, monkeypatch):
    """Each filter has its cluster's number, and a bar in its cluster's colour."""
    said = []

    def listening(line, *args):
        said.append(line)
        return text(line, *args)

    monkeypatch.setattr("nnviz.draw.anatomy.text", listening)
    model = SEEN["digits"]()
    found = filters(model, node, sort="cluster")
    got = picture(found)
    names = [f"{n} c{c}" for n, c in zip(found.order, found.keys, strict=True)]
    assert said[: len(names)] == names
    assert "c: its cluster" in said[len(names)]
    for cluster in np.unique(found.keys):
        bar = (got[..., :3] == CATEGORIES[(cluster - 1) % len(CATEGORIES)]).all(axis=-1)
        assert bar.sum() >= BAR * 8
    said.clear()
    picture(filters(model, node, sort="norm"))
    assert not any(" c" in line for line in said)


@pytest.mark.parametrize(
    ("silent", "words"),
    [(1, "1 channel answers the same"), (2, "2 channels answer the same")],
)
def test_silent_channels_are_counted_in_words(silent, words, monkeypatch):
    said = []

    def listening(line, *args):
        said.append(line)
        return text(line, *args)

    monkeypatch.setattr("nnviz.draw.anatomy.text", listening)
    model = SEEN["digits"]()
    found = top_patches(model, pictures(model, 3), "conv2d_1", 2)
    constant = np.arange(len(found.channels)) < silent
    picture(replace(found, constant=constant, warnings=("silent",) * silent))
    assert any(line.startswith(words) for line in said)


# The diagram --------------------------------------------------------------------------------------


def skips():
    """Residual blocks one after the other: where one shortcut ends the next one begins."""
    x = nv.Input((12, 10, 3))
    y = nv.Conv2D(4, 3, padding="same")(x)
    for _ in range(3):
        y = nv.Add()(nv.Conv2D(4, 3, padding="same")(y), y)
    return nv.Model(x, nv.Dense(3)(nv.GlobalAveragePooling2D()(y)))


def uneven():
    """Ways of one, two and three layers side by side."""
    x = nv.Input((12, 10, 3))
    ways = [x]
    for depth in (1, 2, 3):
        y = x
        for _ in range(depth):
            y = nv.Conv2D(2, 3, padding="same")(y)
        ways.append(y)
    return nv.Model(x, nv.Dense(3)(nv.GlobalAveragePooling2D()(nv.Concatenate()(ways))))


CHAINS = {"skips": skips, "uneven": uneven}


def meeting(first, second):
    """Whether two upright or level segments lie in one line and touch: they are read as one."""
    for axis in (0, 1):
        other = 1 - axis
        if len({point[axis] for point in (*first, *second)}) == 1:
            one, two = (sorted(point[other] for point in pair) for pair in (first, second))
            return one[0] <= two[1] and two[0] <= one[1]
    return False


@pytest.mark.parametrize("name", [*ALL, *MODELS, *CHAINS])
def test_an_arrow_never_runs_on_into_another(name):
    """Arrows may share a line only where they share a block that they come from or go to."""
    result = nv.diagram({**ALL, **MODELS, **CHAINS}[name]())
    drawn = list(zip(result.arrows, draw_diagram._lines(result)[0], strict=True))
    for i, (ends, line) in enumerate(drawn):
        for others, other in drawn[:i]:
            if ends[0] == others[0] or ends[1] == others[1]:
                continue
            pairs = [list(pairwise(each.corners)) for each in (line, other)]
            for one, two in product(*pairs):
                assert not meeting(one, two), f"{ends} runs on into {others}"


@pytest.mark.parametrize("name", [*ALL, *MODELS, *CHAINS])
def test_arrows_cross_no_block(name):
    """An arrow that passes other ranks runs beside all blocks, and in a lane of its own."""
    result = nv.diagram({**ALL, **MODELS, **CHAINS}[name]())
    lanes = []
    for line in draw_diagram._lines(result)[0]:
        segments = list(pairwise(line.corners))
        for (x0, y0), (x1, y1) in segments:
            for block in result.blocks:
                left, top = draw_diagram._place(block)
                right, bottom = left + draw_diagram.WIDTH, top + draw_diagram.HEIGHT
                beside = max(x0, x1) <= left or min(x0, x1) >= right
                apart = max(y0, y1) <= top or min(y0, y1) >= bottom
                assert beside or apart, f"an arrow through {block.name} of {name}"
        if len(line.corners) > 2:
            (x0, y0), (x1, y1) = max(segments, key=lambda ends: abs(ends[1][1] - ends[0][1]))
            if abs(y1 - y0) > draw_diagram.SPACE:
                lanes.append((x0, min(y0, y1), max(y0, y1)))
    for i, (x, low, high) in enumerate(lanes):
        for other, above, below in lanes[:i]:
            assert x != other or high < above or below < low, "two arrows on one lane"
