"""Diagrams and charts: names are text, numbers are told, nothing global is changed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from networks import ALL, SEEN
from test_draw import HOSTILE

import nnviz as nv
from nnviz.draw import diagram as draw_diagram
from nnviz.draw import picture
from nnviz.draw.chart import confusion, curves, histograms
from nnviz.draw.spreads import ranges
from nnviz.inspection.anatomy.health import Spread

# The diagram ----------------------------------------------------------------------------------


def hostile_model():
    layers = [nv.Conv2D(2, 3, name=HOSTILE[0]), nv.Flatten(name=HOSTILE[1])]
    rest = [nv.Dense(3, name=name) for name in HOSTILE[2:]]
    return nv.Sequential([*layers, *rest], (8, 8, 1))


def test_names_are_text_never_markup():
    written = draw_diagram.svg(nv.diagram(hostile_model()))
    root = ElementTree.fromstring(written)
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert said[3] == HOSTILE[0]
    assert HOSTILE[1] in said
    assert HOSTILE[2] in said
    assert "x" * 46 + "…" in said
    assert "<script" not in written
    kinds = {element.tag.split("}")[1] for element in root.iter()}
    assert kinds == {"svg", "title", "polyline", "polygon", "g", "rect", "text"}


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_the_boxes_lie_inside_and_apart(name):
    drawn = nv.diagram({**ALL, **SEEN}[name]())
    root = ElementTree.fromstring(draw_diagram.svg(drawn))
    width, height = draw_diagram.size(drawn)
    boxes = []
    for element in root.iter("{http://www.w3.org/2000/svg}rect"):
        if element.get("fill-opacity"):
            x, y, w, h = (float(element.get(key)) for key in ("x", "y", "width", "height"))
            boxes.append((x, y, x + w, y + h))
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
    assert len(boxes) == len(drawn.blocks)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == len(drawn.arrows)
    corners = [p.split(",") for line in lines for p in line.get("points").split()]
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in corners)


def test_the_diagrams_picture_has_the_same_size():
    drawn = nv.diagram(hostile_model())
    width, height = draw_diagram.size(drawn)
    got = picture(drawn)
    assert got.shape == (2 * height, 2 * width, 4)
    assert (got[..., 3] == 255).all(), "what is behind it would show through the boxes"
    assert np.median(got[..., :3]) > 200, "boxes are pale, so that dark words can be read on them"


# Charts ---------------------------------------------------------------------------------------


def spread(name):
    return Spread(name, (1, 0, 3), (0.0, 1.0, 2.0, 3.0), 1.0, 0.5, 0.1)


def test_charts_touch_no_global_setting():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    confusion(np.array([[3, 1], [0, 2]]))
    curves({"a": [0.1, 0.2], "b": [0.3]}, "accuracy", percent=True)
    histograms([spread("a"), spread("b"), spread("c")], "weight", logarithmic=True)
    assert dict(mpl.rcParams) == before
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize("name", HOSTILE)
def test_charts_take_any_name(name):
    got = histograms([spread(name), spread("b")], "weight", columns=4)
    same = histograms([spread("aaa"), spread("b")], "weight", columns=4)
    assert got.shape == same.shape


@pytest.mark.parametrize("classes", [2, 10, 25])
def test_confusion_matrices_of_any_size(classes):
    matrix = np.random.default_rng(0).integers(0, 9, (classes, classes))
    got = confusion(matrix)
    assert got.shape[2] == 4
    np.testing.assert_array_equal(got, confusion(matrix))
    assert confusion(np.diag(np.arange(classes) + 1)).any()


@pytest.mark.parametrize(("counts", "labelled"), [((2, 3, 7), True), ((1, 100, 10_000), False)])
def test_a_logarithmic_histogram_always_tells_its_scale(monkeypatch, counts, labelled):
    """Within one power of ten the small ticks carry the numbers; beyond it they are left out."""
    monkeypatch.setattr("nnviz.draw.chart._drawn", lambda figure: figure)
    spread = SimpleNamespace(name="a", counts=counts, edges=np.arange(4.0))
    figure = histograms([spread], "weight", logarithmic=True)
    figure.canvas.draw()
    axis = figure.axes[0].yaxis
    assert any(label.get_text() for label in axis.get_minorticklabels()) == labelled
    low, high = figure.axes[0].get_ylim()
    told = [*axis.get_majorticklabels(), *axis.get_minorticklabels()]
    assert sum(low <= label.get_position()[1] <= high and label.get_text() != "" for label in told)


@pytest.mark.parametrize("counts", [(60, 40, 70), (100, 60), (49, 51), (3, 1000, 30), (5, 5)])
def test_the_words_of_a_logarithmic_scale_stand_apart(monkeypatch, counts):
    monkeypatch.setattr("nnviz.draw.chart._drawn", lambda figure: figure)
    spread = SimpleNamespace(name="a", counts=counts, edges=np.arange(len(counts) + 1.0))
    figure = histograms([spread], "weight", logarithmic=True)
    figure.canvas.draw()
    axis = figure.axes[0].yaxis
    low, high = figure.axes[0].get_ylim()
    words = [label for label in (*axis.get_majorticklabels(), *axis.get_minorticklabels())
             if low <= label.get_position()[1] <= high and label.get_text()]  # fmt: skip
    assert len(words) > 1
    ends = sorted((box.y0, box.y1) for box in (label.get_window_extent() for label in words))
    assert all(upper[0] >= lower[1] for lower, upper in pairwise(ends))


def test_the_words_of_a_scale_that_bends_at_zero_stand_apart(monkeypatch):
    monkeypatch.setattr("nnviz.draw.spreads._drawn", lambda figure: figure)
    one = Spread("a", (1,), (0.0, 1.0), 0.0, 1.0, 0.1)
    spreads = [replace(one, std=s, low=-30.0 * s, high=40.0 * s) for s in (70.0, 900.0, 50.0)]
    figure = ranges([], spreads)
    figure.canvas.draw()
    words = [label for label in figure.axes[0].get_xticklabels() if label.get_text()]
    ends = sorted((box.x0, box.x1) for box in (label.get_window_extent() for label in words))
    assert len(words) > 2
    assert all(right[0] >= left[1] for left, right in pairwise(ends))
